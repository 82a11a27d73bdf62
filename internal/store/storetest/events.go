package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func events() []check {
	return []check{
		{"every change", everyChange},
		{"pages of a timeline", timelinePages},
		{"pages of a feed", feedPages},
		{"elsewhere", eventsElsewhere},
		{"refused writes", eventsOfRefusedWrites},
		{"writes without a version", eventsOfNoVersion},
		{"documents from before", eventsOfOldDocuments},
		{"deleted documents", eventsOfDeleted},
		{"without reading", eventsWithoutReading},
		{"lost answers", eventsOfLostAnswers},
		{"purge", purgeEvents},
		{"purge in order", purgeInOrder},
		{"purged events stay away", purgedStayAway},
		{"put", putEvents},
		{"departures", departures},
		{"audit", audit},
		{"epochs", epochs},
		{"among writes", func(t *testing.T, s game.Store) { EventsAmongWrites(t, s) }},
	}
}

// Subject is a document that has events, of whatever kind.
type Subject struct {
	game.Subject
	Project game.ProjectID

	player  game.Player
	session game.Session
	key     game.Key
	webhook game.Webhook
}

// NewSubject returns a document that is not stored.
func NewSubject(kind game.SubjectKind, p game.ProjectID) *Subject {
	d := &Subject{Subject: game.Subject{Kind: kind}, Project: p}
	switch kind {
	case game.SubjectPlayer:
		d.player = activePlayer()
		d.player.Project, d.ID = p, string(d.player.ID)
	case game.SubjectSession:
		d.session = openSession(4)
		d.session.Project, d.ID = p, string(d.session.ID)
	case game.SubjectKey:
		d.key = plainKey()
		d.key.Project, d.ID = p, string(d.key.ID)
	case game.SubjectWebhook:
		d.webhook = newWebhook()
		d.webhook.Project, d.ID = p, string(d.webhook.ID)
	}
	return d
}

// Create stores the document at version 1.
func (d *Subject) Create(ctx context.Context, s game.Store, events ...game.Event) error {
	switch d.Kind { //nolint:exhaustive // API keys come last
	case game.SubjectPlayer:
		return s.CreatePlayer(ctx, d.player, events...)
	case game.SubjectSession:
		return s.CreateSession(ctx, d.session, events...)
	case game.SubjectWebhook:
		return s.CreateWebhook(ctx, d.webhook, events...)
	}
	return s.CreateKey(ctx, d.key, events...)
}

// Replace brings the document from one version to another.
func (d *Subject) Replace(ctx context.Context, s game.Store, from, to int64, events ...game.Event) error {
	switch d.Kind { //nolint:exhaustive // API keys come last
	case game.SubjectPlayer:
		old, next := d.player, d.player
		old.Version, next.Version = from, to
		old.DisplayName, next.DisplayName = fmt.Sprint("at ", from), fmt.Sprint("at ", to)
		return s.ReplacePlayer(ctx, old, next, events...)
	case game.SubjectSession:
		old, next := d.session, d.session
		old.Version, next.Version = from, to
		old.Name, next.Name = fmt.Sprint("at ", from), fmt.Sprint("at ", to)
		return s.ReplaceSession(ctx, old, next, events...)
	case game.SubjectWebhook:
		old, next := d.webhook, d.webhook
		old.Version, next.Version = from, to
		old.Name, next.Name = fmt.Sprint("at ", from), fmt.Sprint("at ", to)
		return s.ReplaceWebhook(ctx, old, next, events...)
	}
	old, next := d.key, d.key
	old.Version, next.Version = from, to
	return s.ReplaceKey(ctx, old, next, events...)
}

// Version reads the version of the stored document.
func (d *Subject) Version(ctx context.Context, s game.Store) (int64, error) {
	switch d.Kind { //nolint:exhaustive // API keys come last
	case game.SubjectPlayer:
		p, err := s.Player(ctx, d.Project, d.player.ID)
		return p.Version, err
	case game.SubjectSession:
		v, err := s.Session(ctx, d.Project, d.session.ID)
		return v.Version, err
	case game.SubjectWebhook:
		w, err := s.Webhook(ctx, d.Project, d.webhook.ID)
		return w.Version, err
	}
	k, err := s.Key(ctx, d.key.ID)
	return k.Version, err
}

// Event returns an event of the document with every field filled, but for its place.
func (d *Subject) Event(version int64, changes ...game.Change) game.Event {
	if len(changes) == 0 {
		changes = []game.Change{game.MemberJoined{PlayerID: "somebody"}}
	}
	return game.Event{
		Project: d.Project, Subject: d.Subject, Version: version,
		At:    now().Add(time.Duration(version) * time.Millisecond),
		Actor: game.Actor{Kind: game.ActorKey, ID: "key-1"}, ActingAs: "player-1", RequestID: "request-1",
		RunID:   "run-1",
		Changes: changes,
	}
}

// Events returns the events of versions after one, up to another.
func (d *Subject) Events(after, to int64) []game.Event {
	var all []game.Event
	for v := after + 1; v <= to; v++ {
		all = append(all, d.Event(v))
	}
	return all
}

// everyFilledChange returns changes of all types with every field filled.
func everyFilledChange() []game.Change {
	var all []game.Change
	for _, c := range game.AllChanges() {
		v := reflect.New(reflect.TypeOf(c)).Elem()
		fillChange(v, string(game.TypeOf(c)))
		all = append(all, v.Interface().(game.Change)) //nolint:forcetypeassert // it is one
	}
	return all
}

func fillChange(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(*later(now())))
			return
		}
		for i := range v.NumField() {
			fillChange(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillChange(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillChange(v.Index(0), path+"[0]")
		fillChange(v.Index(1), path+"[1]")
	case reflect.String:
		v.SetString(strings.ToLower(path)) // as ids are
	case reflect.Int64:
		v.SetInt(7)
	default:
		panic(v.Kind())
	}
}

// order gives places to all events.
func order(t *testing.T, s game.Store) {
	t.Helper()
	for {
		n, err := s.OrderEvents(t.Context(), now(), 100)
		if errors.Is(err, game.ErrStale) { // another store on the database has given places since
			continue
		}
		must(t, err)
		if n == 0 {
			return
		}
	}
}

// timelineOf reads all events of a document, the oldest first.
func timelineOf(t *testing.T, s game.Store, d *Subject) []game.Event {
	t.Helper()
	all, err := s.Timeline(t.Context(), game.TimelineQuery{Project: d.Project, Subject: d.Subject, Limit: 1_000_000})
	must(t, err)
	slices.Reverse(all)
	return all
}

// feedOf reads the whole feed of a project.
func feedOf(t *testing.T, s game.Store, p game.ProjectID) []game.Event {
	t.Helper()
	all, err := s.Feed(t.Context(), game.FeedQuery{Project: p, Limit: 1_000_000})
	must(t, err)
	return all
}

// placed returns events without their places.
func unplaced(all []game.Event) []game.Event {
	all = slices.Clone(all)
	for i := range all {
		all[i].Seq = 0
	}
	return all
}

// wantVersions reports events that are not those of the versions after one, up to another.
func wantVersions(t *testing.T, events []game.Event, after, to int64) {
	t.Helper()
	for i, e := range events {
		if e.Version != after+int64(i)+1 {
			t.Fatalf("event %d is of version %d, want %d", i, e.Version, after+int64(i)+1)
		}
	}
	if int64(len(events)) != to-after {
		t.Fatalf("there are %d events, want %d", len(events), to-after)
	}
}

func everyChange(t *testing.T, s game.Store) {
	changes := everyFilledChange()
	event := NewSubject(game.SubjectPlayer, project).Event(1, changes...)
	for _, path := range zeroFields(reflect.ValueOf(event), "event") {
		if path != "event.Seq" && path != "event.Unreadable" { // which are not what is written
			t.Errorf("%s is zero", path)
		}
	}
	var all []game.Event
	for _, kind := range game.SubjectKinds() {
		d := NewSubject(kind, project)
		wanted := []game.Event{d.Event(1, changes...)}
		must(t, d.Create(t.Context(), s, wanted...))
		for i, c := range changes {
			e := d.Event(int64(i+2), c)
			e.Actor = game.Actor{Kind: game.ActorKinds()[i%len(game.ActorKinds())], ID: "actor"}
			wanted = append(wanted, e)
		}
		bare := game.Event{
			Project: project, Subject: d.Subject, Version: int64(len(wanted) + 1), At: now(),
			Changes: game.Changes{game.PlayerErased{}},
			Actor:   game.Actor{Kind: game.ActorSystem, ID: "sweep"},
		}
		wanted = append(wanted, bare)
		must(t, d.Replace(t.Context(), s, 1, bare.Version, wanted[1:]...))
		want(t, unplaced(timelineOf(t, s, d)), wanted)
		order(t, s)
		want(t, unplaced(timelineOf(t, s, d)), wanted)
		all = append(all, wanted...)
	}
	feed := feedOf(t, s, project)
	want(t, unplaced(feed), all)
	for i, e := range feed {
		if e.Seq != int64(i+1) {
			t.Fatalf("the event at place %d says that it is at %d", i+1, e.Seq)
		}
	}
	wantExported(t, feed, func(e game.Event) string { return e.ID() }, s.ExportEvents)
	// Each player finds the events that name it, in whatever field.
	named := map[game.PlayerID][]game.Event{}
	for _, e := range feed {
		for _, p := range e.Players() {
			named[p] = append(named[p], e)
		}
	}
	if len(named) < 8 {
		t.Errorf("only %d players are named", len(named))
	}
	for p, wanted := range named {
		got, err := s.Feed(t.Context(), game.FeedQuery{Project: project, Player: p, Limit: 1000})
		must(t, err)
		want(t, got, wanted)
	}
	wantSound(t, s)
}

func timelinePages(t *testing.T, s game.Store) {
	for _, kind := range game.SubjectKinds() {
		d := NewSubject(kind, project)
		must(t, d.Create(t.Context(), s, d.Events(0, 1)...))
		must(t, d.Replace(t.Context(), s, 1, 5, d.Events(1, 5)...))
		order(t, s)
		must(t, d.Replace(t.Context(), s, 5, 25, d.Events(5, 25)...)) // have no places where they are given later
		q := game.TimelineQuery{Project: project, Subject: d.Subject}
		for q.Before = range int64(27) {
			for _, q.Limit = range []int{1, 3, 7, 24, 25, 26} {
				if omitted(int(q.Before) + q.Limit) {
					continue
				}
				wantTimeline(t, s, q, 25)
			}
		}
		q.Oldest = true
		for _, q.After = range []int64{0, 1, 4, 6, 24, 25, 30} {
			for _, q.Before = range []int64{0, 20} {
				for _, q.Limit = range []int{1, 7, 26} {
					wantTimeline(t, s, q, 25)
				}
			}
		}
	}
}

// wantTimeline compares the timeline of a document at a version with a query.
func wantTimeline(t *testing.T, s game.Store, q game.TimelineQuery, version int64) {
	t.Helper()
	last := q.Before - 1
	if q.Before == 0 || q.Before > version+1 {
		last = version
	}
	first := q.After
	if last = max(last, first); q.Oldest {
		last = min(last, first+int64(q.Limit))
	} else {
		first = max(first, last-int64(q.Limit))
	}
	got, err := s.Timeline(t.Context(), q)
	must(t, err)
	if !q.Oldest {
		slices.Reverse(got)
	}
	wantVersions(t, got, first, last)
}

func feedPages(t *testing.T, s game.Store) {
	var all []game.Event
	for i := range 4 {
		d := NewSubject(game.SubjectSession, project)
		joined := func(v int64) game.Event {
			return d.Event(v, game.MemberJoined{PlayerID: game.PlayerID([]string{"a", "b"}[v%2])})
		}
		must(t, d.Create(t.Context(), s, joined(1)))
		must(t, d.Replace(t.Context(), s, 1, 3, joined(2), joined(3)))
		if i%2 == 0 {
			order(t, s)
		}
	}
	order(t, s)
	all = feedOf(t, s, project)
	for p, last := range map[game.ProjectID]int64{project: 12, "nowhere": 0} {
		end, err := s.FeedEnd(t.Context(), p)
		must(t, err)
		want(t, end, last)
	}
	if len(all) != 12 {
		t.Fatalf("the feed has %d events, want 12", len(all))
	}
	for _, q := range []game.FeedQuery{
		{},
		{After: 3},
		{Before: 5},
		{After: 3, Before: 5},
		{After: 11},
		{After: 12},
		{After: 4, Before: 5},
		{Player: "a"},
		{Player: "b", After: 2, Before: 9},
		{Player: "nobody"},
		{Player: "player-1"},
	} {
		for _, newest := range []bool{false, true} {
			for _, limit := range []int{1, 3, 100} {
				q.Project, q.Newest, q.Limit = project, newest, limit
				wanted := []game.Event{}
				for _, e := range all {
					if e.Seq > q.After && (q.Before == 0 || e.Seq < q.Before) &&
						(q.Player == "" || slices.Contains(e.Players(), q.Player)) {
						wanted = append(wanted, e)
					}
				}
				if newest {
					slices.Reverse(wanted)
				}
				got, err := s.Feed(t.Context(), q)
				must(t, err)
				if want(t, got, wanted[:min(limit, len(wanted))]); t.Failed() {
					t.Fatalf("by %+v", q)
				}
			}
		}
	}
}

func eventsElsewhere(t *testing.T, s game.Store) {
	d := NewSubject(game.SubjectPlayer, project)
	must(t, d.Create(t.Context(), s, d.Events(0, 1)...))
	order(t, s)
	for _, q := range []game.TimelineQuery{
		{Project: "other", Subject: d.Subject},
		{Project: project, Subject: game.Subject{Kind: game.SubjectSession, ID: d.ID}},
		{Project: project, Subject: game.Subject{Kind: "x", ID: d.ID}},
		{Project: project, Subject: game.Subject{Kind: game.SubjectPlayer, ID: d.ID[:8]}},
	} {
		q.Limit = 10
		got, err := s.Timeline(t.Context(), q)
		must(t, err)
		want(t, got, []game.Event{})
	}
	want(t, feedOf(t, s, "other"), []game.Event{})
	// Places are each project's own, and times are in UTC.
	other := NewSubject(game.SubjectPlayer, "other")
	e, east := other.Event(1), time.FixedZone("east", 5*3600+1800)
	until := e.At.In(east)
	e.At, e.Changes = until, game.Changes{game.SuspensionSet{Until: &until}, game.APIKeyRotated{RetiresAt: until}}
	must(t, other.Create(t.Context(), s, e))
	order(t, s)
	got := feedOf(t, s, "other")
	if len(got) != 1 || got[0].Seq != 1 {
		t.Fatalf("the other feed is %+v", got)
	}
	set, _ := got[0].Changes[0].(game.SuspensionSet)
	rotated, _ := got[0].Changes[1].(game.APIKeyRotated)
	for _, at := range []time.Time{got[0].At, *set.Until, rotated.RetiresAt} {
		if !at.Equal(until) || at.Location() != time.UTC {
			t.Errorf("%v is read as %v", until, at)
		}
	}
}

// eventsOfRefusedWrites has no event of a write that was not made, and one of every version of others.
func eventsOfRefusedWrites(t *testing.T, s game.Store) {
	ctx := t.Context()
	for _, kind := range game.SubjectKinds() {
		d, missing := NewSubject(kind, project), NewSubject(kind, project)
		must(t, d.Create(ctx, s, d.Event(1, game.PlayerCreated{})))
		wantError(t, d.Create(ctx, s, d.Event(1, game.PlayerErased{})), game.ErrExists)
		must(t, d.Replace(ctx, s, 1, 4, d.Events(1, 4)...))
		wantError(t, d.Replace(ctx, s, 1, 2, d.Event(2, game.PlayerErased{})), game.ErrStale)
		wantError(t, d.Replace(ctx, s, 7, 8, d.Event(8)), game.ErrStale)
		if err := missing.Replace(ctx, s, 1, 2, missing.Event(2)); game.KindOf(err) != game.NotFound {
			t.Errorf("got %v, want that it is not found", err)
		}
		for _, ordered := range []bool{false, true} {
			if ordered {
				order(t, s)
			}
			want(t, len(timelineOf(t, s, missing)), 0)
			got := timelineOf(t, s, d)
			wantVersions(t, got, 0, 4)
			want(t, got[0].Changes, game.Changes{game.PlayerCreated{}})
			want(t, got[1].Changes, d.Event(2).Changes)
		}
	}
	holder := NewSubject(game.SubjectPlayer, project)
	must(t, holder.Create(ctx, s, holder.Event(1)))
	for name, take := range map[error]func(*game.Player){
		game.ErrUsernameTaken: func(p *game.Player) { p.Username = holder.player.Username },
		game.ErrIdentityTaken: func(p *game.Player) {
			p.Username, p.Identities = "", map[string]string{"steam": holder.player.Identities["steam"]}
		},
	} {
		d := NewSubject(game.SubjectPlayer, project)
		thief := d.player
		take(&thief)
		wantError(t, s.CreatePlayer(ctx, thief, d.Event(1)), name)
		must(t, d.Create(ctx, s, d.Event(1)))
		thief.Version = 2
		wantError(t, s.ReplacePlayer(ctx, d.player, thief, d.Event(2)), name)
		order(t, s)
		wantVersions(t, timelineOf(t, s, d), 0, 1)
	}
}

func eventsOfNoVersion(t *testing.T, s game.Store) {
	p, k := NewSubject(game.SubjectPlayer, project), NewSubject(game.SubjectKey, project)
	must(t, p.Create(t.Context(), s, p.Event(1)))
	must(t, k.Create(t.Context(), s, k.Event(1)))
	swept, used := p.player, k.key
	swept.SweepSince, used.LastUsedAt = later(now()), later(now())
	must(t, s.ReplacePlayer(t.Context(), p.player, swept))
	must(t, s.ReplaceKey(t.Context(), k.key, used))
	p.player, k.key = swept, used
	for _, d := range []*Subject{p, k} {
		must(t, d.Replace(t.Context(), s, 1, 2, d.Event(2)))
		order(t, s)
		wantVersions(t, timelineOf(t, s, d), 0, 2)
	}
}

// eventsOfOldDocuments has documents whose first versions have no events.
func eventsOfOldDocuments(t *testing.T, s game.Store) {
	for _, kind := range game.SubjectKinds() {
		d := NewSubject(kind, project)
		must(t, d.Create(t.Context(), s))
		must(t, d.Replace(t.Context(), s, 1, 40))
		want(t, len(timelineOf(t, s, d)), 0)
		for v := int64(40); v < 80; v++ {
			if _, err := d.Version(t.Context(), s); err != nil || v%16 == 0 { // those who change a document read it
				must(t, err)
				order(t, s)
			}
			must(t, d.Replace(t.Context(), s, v, v+1, d.Event(v+1)))
			wantVersions(t, timelineOf(t, s, d), 40, v+1)
		}
		order(t, s)
		wantVersions(t, timelineOf(t, s, d), 40, 80)
	}
	wantSound(t, s)
}

func eventsOfDeleted(t *testing.T, s game.Store) {
	for _, ordered := range []bool{false, true} {
		p, k := NewSubject(game.SubjectPlayer, project), NewSubject(game.SubjectKey, project)
		for _, d := range []*Subject{p, k} {
			must(t, d.Create(t.Context(), s, d.Event(1)))
			must(t, d.Replace(t.Context(), s, 1, 3, d.Events(1, 3)...))
			if ordered {
				order(t, s)
			}
			must(t, d.Replace(t.Context(), s, 3, 5, d.Events(3, 5)...))
		}
		p.player.Version, k.key.Version = 5, 5
		must(t, s.DeletePlayer(t.Context(), p.player))
		must(t, s.DeleteKey(t.Context(), k.key))
		for _, d := range []*Subject{p, k} {
			wantVersions(t, timelineOf(t, s, d), 0, 5)
		}
		order(t, s)
		for _, d := range []*Subject{p, k} {
			wantVersions(t, timelineOf(t, s, d), 0, 5)
		}
	}
	wantFeed(t, feedOf(t, s, project), 20)
}

// wantFeed reports a feed that has not so many events at the places from 1, those of each document in the order of
// their versions.
func wantFeed(t *testing.T, feed []game.Event, n int) {
	t.Helper()
	last := map[game.Subject]int64{}
	for i, e := range feed {
		if e.Seq != int64(i+1) {
			t.Fatalf("after place %d comes %d", i, e.Seq)
		}
		if e.Version <= last[e.Subject] {
			t.Fatalf("%+v: version %d comes after %d", e.Subject, e.Version, last[e.Subject])
		}
		last[e.Subject] = e.Version
	}
	if len(feed) != n {
		t.Fatalf("the feed has %d events, want %d", len(feed), n)
	}
}

// eventsWithoutReading replaces a document again and again that is never read, and whose events nobody moves.
func eventsWithoutReading(t *testing.T, s game.Store) {
	d := NewSubject(game.SubjectSession, project)
	must(t, d.Create(t.Context(), s, d.Event(1)))
	v := int64(1)
	for _, n := range []int64{256, 256, 256, 1, 255, 256, 3} {
		must(t, d.Replace(t.Context(), s, v, v+n, d.Events(v, v+n)...))
		v += n
	}
	wantVersions(t, timelineOf(t, s, d), 0, v)
	order(t, s)
	wantVersions(t, timelineOf(t, s, d), 0, v)
	wantFeed(t, feedOf(t, s, project), int(v))
}

// eventsOfLostAnswers has the rules work on a store some of whose writes fail, made or not.
func eventsOfLostAnswers(t *testing.T, s game.Store) {
	unknown := game.Unanswered(game.OutcomeUnknown, errors.New("no answer"))
	none := game.Unanswered(game.OutcomeNone, errors.New("no connection"))
	failing := Failing(s,
		Fault{Operation: "ReplaceSession", From: 2, Calls: 2, After: true, Err: unknown},
		Fault{Operation: "ReplaceSession", From: 5, Calls: 1, Err: none},
		Fault{Operation: "CreatePlayer", From: 3, Calls: 1, After: true, Err: unknown},
		Fault{Operation: "CreatePlayer", From: 5, Calls: 1, Err: none},
	)
	ctx := game.WithCaller(t.Context(), game.Caller{Project: project, Scope: game.ScopeServer})
	d := deps(failing)
	var ids []game.PlayerID
	made := func() string {
		ids = append(ids, game.PlayerID(newID()))
		return string(ids[len(ids)-1])
	}
	sessions := game.NewSessions(d)
	d.NewID = made
	players := game.NewPlayers(d, sessions)
	for range 10 {
		_, err := players.Create(ctx, game.Profile{Username: "p-" + newID()[9:]}, game.Idempotency{})
		if err != nil {
			wantError(t, err, game.ErrStoreUnavailable)
		}
	}
	v := openSession(20)
	session := &Subject{Subject: game.Subject{Kind: game.SubjectSession, ID: string(v.ID)}, Project: project}
	must(t, s.CreateSession(ctx, v, session.Event(1)))
	total := 0
	for _, id := range ids {
		p := &Subject{Subject: game.Subject{Kind: game.SubjectPlayer, ID: string(id)}, Project: project}
		_, err := s.Player(ctx, project, id)
		if errors.Is(err, game.ErrPlayerNotFound) {
			want(t, len(timelineOf(t, s, p)), 0)
			continue
		}
		must(t, err)
		wantVersions(t, timelineOf(t, s, p), 0, 1)
		total++
		if _, _, err := sessions.Join(ctx, v.ID, nil, game.JoinRequest{PlayerID: id}); err != nil {
			wantError(t, err, game.ErrStoreUnavailable)
		}
	}
	got, err := s.Session(ctx, project, v.ID)
	must(t, err)
	of := &Subject{Subject: game.Subject{Kind: game.SubjectSession, ID: string(v.ID)}, Project: project}
	wantVersions(t, timelineOf(t, s, of), 0, got.Version)
	order(t, s)
	wantFeed(t, feedOf(t, s, project), total+int(got.Version))
	if total != 9 || got.Version != 9 {
		t.Errorf("%d players were made, and the session is at version %d; want 9 and 9", total, got.Version)
	}
}

// idOfEvent is how exports page.
func idOfEvent(e game.Event) string { return e.ID() }

// subjectsOf names the documents of events, for messages.
func subjectsOf(all []game.Event) string {
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "%d:%s ", e.Seq, e.ID())
	}
	return b.String()
}

// Player returns the document, which is a player.
func (d *Subject) Player() game.Player { return d.player }

// epochs has an epoch that stays until it is renewed.
func epochs(t *testing.T, s game.Store) {
	seen := map[string]bool{}
	for range 3 {
		e, err := s.Epoch(t.Context())
		must(t, err)
		again, err := s.Epoch(t.Context())
		must(t, err)
		want(t, again, e)
		if seen[e] || !regexp.MustCompile(fmt.Sprintf("^[a-z0-9]{1,%d}$", game.MaxEpoch)).MatchString(e) {
			t.Errorf("the epoch is %q after %v", e, seen)
		}
		seen[e] = true
		must(t, s.RenewEpoch(t.Context()))
	}
}
