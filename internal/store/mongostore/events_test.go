package mongostore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
	"game-session-manager/internal/store/storetest"
)

// TestEventsOfTwoProcesses lets two processes write, and move events, at the same time.
func TestEventsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	storetest.EventsAmongWrites(t, openTest(t, url, mongostore.Options{}), openTest(t, url, mongostore.Options{}))
}

// orderAll moves events as of a time until there are none to move, and returns their number.
func orderAll(t *testing.T, s game.Store, at time.Time) (placed int) {
	t.Helper()
	eventually(t, func() bool {
		n, err := s.OrderEvents(t.Context(), at, 100)
		if err != nil && !errors.Is(err, game.ErrStale) {
			t.Fatal(err)
		}
		placed += n
		return err == nil && n == 0
	})
	return placed
}

// wantEvents checks that the timeline of a document has the events of all versions up to last, and that the feed
// agrees.
func wantEvents(t *testing.T, s game.Store, d *storetest.Subject, last int64, placed bool) {
	t.Helper()
	got, err := s.Timeline(t.Context(), game.TimelineQuery{Project: d.Project, Subject: d.Subject, Limit: 10_000})
	must(t, err)
	for i, e := range got {
		if e.Version != last-int64(i) {
			t.Fatalf("event %d of the timeline is of version %d, want %d", i, e.Version, last-int64(i))
		}
	}
	if int64(len(got)) != last {
		t.Fatalf("got %d events, want %d", len(got), last)
	}
	feed, err := s.Feed(t.Context(), game.FeedQuery{Project: d.Project, Limit: 10_000})
	must(t, err)
	for i, e := range feed {
		if e.Seq != int64(i+1) {
			t.Fatalf("after place %d comes %d", i, e.Seq)
		}
	}
	feed = slices.DeleteFunc(feed, func(e game.Event) bool { return e.Subject != d.Subject })
	for i, e := range feed {
		if e.Version != int64(i+1) {
			t.Fatalf("the feed has version %d of the document after version %d", e.Version, i)
		}
	}
	if placed && int64(len(feed)) != last {
		t.Fatalf("%d of %d events have places", len(feed), last)
	}
}

// TestEventsWithLostReplies loses the replies to writes with events, and to writes that move events.
func TestEventsWithLostReplies(t *testing.T) {
	t.Parallel()
	for name, faults := range lostReplies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, other := faulty(t)
			d := storetest.NewSubject(game.SubjectPlayer, project)
			p.faults("insert", "players", nil, faults...)
			must(t, d.Create(t.Context(), s, d.Event(1)))
			p.faults("update", "players", nil, faults...)
			must(t, d.Replace(t.Context(), s, 1, 20, d.Events(1, 20)...))
			wantEvents(t, other, d, 20, false)
			// The batch that moves events.
			p.faults("insert", "events", nil, faults...)
			orderUntil(t, s, d, 20)
			wantEvents(t, other, d, 20, true)
			p.faults("update", "feeds", nil, faults...)
			must(t, d.Replace(t.Context(), s, 20, 30, d.Events(20, 30)...))
			orderUntil(t, s, d, 30)
			wantEvents(t, other, d, 30, true)
			// Events that a deletion stores without places, and their places.
			must(t, d.Replace(t.Context(), s, 30, 40, d.Events(30, 40)...))
			gone := d.Player()
			gone.Version = 40
			p.faults("insert", "events", nil, faults...)
			eventually(t, func() bool { return s.DeletePlayer(t.Context(), gone) == nil })
			wantEvents(t, other, d, 40, false)
			p.faults("update", "events", nil, faults...)
			orderUntil(t, s, d, 40)
			wantEvents(t, other, d, 40, true)
			// Events that are purged.
			for _, command := range []string{"delete events", "update feeds", "update players"} {
				var name, collection string
				_, err := fmt.Sscan(command, &name, &collection)
				must(t, err)
				p.faults(name, collection, nil, faults...)
				_, err = s.PurgeEvents(t.Context(), time.Now().Add(time.Hour), 7)
				must(t, err)
			}
			next := storetest.NewSubject(game.SubjectPlayer, project)
			p.faults("insert", "events", nil)
			must(t, next.Create(t.Context(), s, next.Event(1)))
			orderUntil(t, s, next, 1)
			feed, err := other.Feed(t.Context(), game.FeedQuery{Project: project, Newest: true, Limit: 1})
			must(t, err)
			if len(feed) != 1 || feed[0].Seq != 41 || feed[0].Subject != next.Subject {
				t.Errorf("the next event is at %+v, want place 41", feed)
			}
		})
	}
}

// orderUntil moves events until those of a document up to a version have places, repeating calls that fail.
func orderUntil(t *testing.T, s game.Store, d *storetest.Subject, last int64) {
	t.Helper()
	eventually(t, func() bool {
		_, err := s.OrderEvents(t.Context(), time.Now(), 100)
		feed, feedErr := s.Feed(t.Context(), game.FeedQuery{Project: d.Project, Limit: 10_000})
		must(t, feedErr)
		feed = slices.DeleteFunc(feed, func(e game.Event) bool { return e.Subject != d.Subject })
		return err == nil && int64(len(feed)) == last
	})
}

// TestEventsOfAProcessThatDied stores events without notifying other processes. They can be read at once and get
// places later.
func TestEventsOfAProcessThatDied(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	other := openTest(t, url, mongostore.Options{})
	p := newProxy(t, url)
	s, err := mongostore.Open(t.Context(), p.url, mongostore.Options{})
	must(t, err)
	p.faultsOf(map[string]fault{"insert notices": failRequest})
	began := time.Now()
	// A process whose clock is ahead, or a copy of the database, has looked before.
	orderAll(t, openTest(t, url, mongostore.Options{}), began.Add(10*time.Hour))
	subjects := make([]*storetest.Subject, 0, 30)
	for i := range cap(subjects) {
		d := storetest.NewSubject(game.SubjectKinds()[i%3], project)
		must(t, d.Create(t.Context(), s, d.Event(1)))
		must(t, d.Replace(t.Context(), s, 1, 20, d.Events(1, 20)...))
		subjects = append(subjects, d)
	}
	must(t, s.Close())
	keys := 20 * len(subjects) / 3 // changed API keys are found without a notice, because there are few
	if n := orderAll(t, other, began); n != keys {
		t.Fatalf("found %d events without a notice, want %d of keys", n, keys)
	}
	for _, d := range subjects {
		wantEvents(t, other, d, 20, false)
	}
	late := began.Add(2 * time.Hour) // fixtures were changed an hour from now
	if n := orderAll(t, other, late); n != 20*len(subjects)-keys {
		t.Errorf("found %d events, want %d", n, 20*len(subjects)-keys)
	}
	for _, d := range subjects {
		wantEvents(t, other, d, 20, true)
	}
	if n := orderAll(t, openTest(t, url, mongostore.Options{}), late.Add(time.Hour)); n != 0 {
		t.Errorf("%d events got a second place", n)
	}
}

// TestEventsOfAProcessThatIsGone stores events in a process that tells nobody of them and then says nothing more.
// Whoever moves events finds them as soon as it has noticed.
func TestEventsOfAProcessThatIsGone(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	p := newProxy(t, url)
	s, err := mongostore.Open(t.Context(), p.url, mongostore.Options{})
	must(t, err)
	p.faultsOf(map[string]fault{"insert notices": failRequest})
	other := openTest(t, url, mongostore.Options{})
	living := storetest.NewSubject(game.SubjectSession, project)
	must(t, living.Create(t.Context(), other, living.Event(1)))
	player, session := newPlayer(), newSession()
	session.UpdatedAt = player.UpdatedAt
	must(t, s.CreatePlayer(t.Context(), player, createdBy(game.SubjectPlayer, string(player.ID))))
	must(t, s.CreateSession(t.Context(), session, createdBy(game.SubjectSession, string(session.ID))))
	eventually(t, func() bool {
		n, err := other.Writers(t.Context())
		must(t, err)
		return n == 2
	})
	must(t, s.Close()) // which cannot tell

	now, placed := time.Now(), 0
	looks := 0
	for ; placed < 3 && looks < 60; looks++ {
		now = now.Add(time.Second)
		n, err := other.OrderEvents(t.Context(), now, 100)
		must(t, err)
		placed += n
	}
	if took := now.Sub(player.UpdatedAt); placed != 3 || took > 20*time.Second {
		t.Errorf("after %v of looks %d of 3 events have places", took, placed)
	}
	if n := orderAll(t, other, now.Add(time.Minute)); n != 0 {
		t.Errorf("%d events got a second place", n)
	}
}

// createdBy returns the event of the first version of a document.
func createdBy(kind game.SubjectKind, id string) game.Event {
	return game.Event{
		Project: project, Subject: game.Subject{Kind: kind, ID: id}, Version: 1, At: time.Now().UTC(),
		Actor: game.Actor{Kind: game.ActorSystem},
	}
}

// TestEventsBesideUnreadable has a document whose events cannot be decoded: it must not hold up those of others.
func TestEventsBesideUnreadable(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	p.faultsOf(map[string]fault{"insert notices": failRequest})
	broken := storetest.NewSubject(game.SubjectPlayer, project)
	must(t, broken.Create(t.Context(), s, broken.Event(1)))
	must(t, other.RunCommand(t.Context(), set("players", broken.ID, field("events", bson.A{"no event"}))))
	whole := storetest.NewSubject(game.SubjectPlayer, project)
	must(t, whole.Create(t.Context(), s, whole.Event(1)))
	_, err := s.OrderEvents(t.Context(), time.Now(), 100)
	wantError(t, err, game.ErrUnreadable)
	wantEvents(t, other, whole, 1, true)
	if _, err := s.OrderEvents(t.Context(), time.Now(), 100); err != nil {
		t.Errorf("the next turn: %v", err)
	}
	// So does the search for events of which nobody told.
	late := storetest.NewSubject(game.SubjectPlayer, project)
	must(t, late.Create(t.Context(), s, late.Event(1)))
	_, err = other.OrderEvents(t.Context(), time.Now().Add(2*time.Hour), 100)
	wantError(t, err, game.ErrUnreadable)
	wantEvents(t, other, late, 1, true)
}

// TestEventsOfANewerVersion has an event in an outbox with a change that this version does not know: whoever knows it
// gives it its place, and nobody passes it over until then.
func TestEventsOfANewerVersion(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s, other := openTest(t, url, mongostore.Options{}), openTest(t, url, mongostore.Options{})
	d := storetest.NewSubject(game.SubjectPlayer, project)
	must(t, d.Create(t.Context(), s, d.Event(1)))
	kind := string(game.TypeOf(d.Event(1).Changes[0]))
	changed := func(to string) {
		t.Helper()
		must(t, other.RunCommand(t.Context(), set("players", d.ID, field("events.0.changes.0.type", to))))
	}
	changed("of_a_newer_version")
	for _, at := range []time.Duration{0, time.Second, 2 * time.Hour, 3 * time.Hour} {
		if _, err := s.OrderEvents(t.Context(), time.Now().Add(at), 100); !errors.Is(err, game.ErrUnknownChange) {
			t.Errorf("after %v: got %v, want %v", at, err, game.ErrUnknownChange)
		}
	}
	changed(kind)
	orderUntil(t, s, d, 1)
}

// TestEventsAreNoticed lets another process move the events.
func TestEventsAreNoticed(t *testing.T) {
	t.Parallel()
	for name, faults := range lostReplies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, other := faulty(t)
			d := storetest.NewSubject(game.SubjectSession, project)
			p.faults("insert", "notices", nil, faults...)
			must(t, d.Create(t.Context(), s, d.Events(0, 1)...))
			must(t, d.Replace(t.Context(), s, 1, 5, d.Events(1, 5)...))
			placed := 0
			eventually(t, func() bool {
				n, err := other.OrderEvents(t.Context(), time.Now(), 100)
				must(t, err)
				placed += n
				return placed == 5
			})
			wantEvents(t, other, d, 5, true)
		})
	}
}

// TestEventsOfManyNotices has more notices than are read at once, as of busy processes that each tell of a few events.
func TestEventsOfManyNotices(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	p.faultsOf(map[string]fault{"insert notices": failRequest})
	const many = 70
	notices := bson.A{}
	for range many {
		d := storetest.NewSubject(game.SubjectPlayer, project)
		must(t, d.Create(t.Context(), s, d.Event(1)))
		of := bson.D{field(string(game.SubjectPlayer), bson.A{d.ID})}
		notices = append(notices, bson.D{field("_id", bson.NewObjectID()), field("subjects", of)})
	}
	must(t, other.RunCommand(t.Context(), bson.D{field("insert", "notices"), field("documents", notices)}))
	n, err := other.OrderEvents(t.Context(), time.Now(), 1000)
	must(t, err)
	if n != many {
		t.Errorf("%d of %d events have places", n, many)
	}
}

// TestPlacesOfAFormerMover uses a process whose knowledge of the end of the feed is outdated.
func TestPlacesOfAFormerMover(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s, other := openTest(t, url, mongostore.Options{}), openTest(t, url, mongostore.Options{})
	d := storetest.NewSubject(game.SubjectSession, project)
	must(t, d.Create(t.Context(), s, d.Event(1)))
	orderAll(t, s, time.Now())
	theirs := storetest.NewSubject(game.SubjectSession, project)
	must(t, theirs.Create(t.Context(), other, theirs.Event(1)))
	orderAll(t, other, time.Now())

	must(t, d.Replace(t.Context(), s, 1, 3, d.Events(1, 3)...))
	_, err := s.OrderEvents(t.Context(), time.Now(), 100)
	wantError(t, err, game.ErrStale)
	if n := orderAll(t, s, time.Now()); n != 2 {
		t.Errorf("%d events got places, want 2", n)
	}
	wantEvents(t, other, d, 3, true)
}

// TestEventsStoredWhileTheyAreMoved lets a writer empty an outbox while its events are being moved. The mover then
// finds the first of them stored and the last not.
func TestEventsStoredWhileTheyAreMoved(t *testing.T) {
	t.Parallel()
	p, s, other := faulty(t)
	d := storetest.NewSubject(game.SubjectSession, project)
	must(t, d.Create(t.Context(), s, d.Event(1)))
	must(t, d.Replace(t.Context(), s, 1, 4, d.Events(1, 4)...))
	// The first find looks for events without places, the second for those with places.
	finds := 0
	p.watch(func(command, collection string) func() {
		if command != "find" || collection != "events" {
			return nil
		}
		if finds++; finds != 1 {
			return nil
		}
		return func() { must(t, other.StoreWithoutPlaces(t.Context(), d.Events(0, 2))) }
	})
	orderAll(t, s, time.Now())
	wantEvents(t, other, d, 4, true)
}

// TestFirstTakenWithoutMajority checks that documents before a duplicate do not count as stored if they may be rolled
// back.
func TestFirstTakenWithoutMajority(t *testing.T) {
	t.Parallel()
	taken := mongo.BulkWriteError{WriteError: mongo.WriteError{Index: 2, Code: 11000}}
	at, ok := mongostore.FirstTaken(mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{taken}})
	if at != 2 || !ok {
		t.Errorf("got %d, %v, want 2, true", at, ok)
	}
	_, ok = mongostore.FirstTaken(mongo.BulkWriteException{
		WriteErrors: []mongo.BulkWriteError{taken}, WriteConcernError: &mongo.WriteConcernError{Code: 64},
	})
	if ok {
		t.Error("documents before the duplicate count as stored, but may be rolled back")
	}
}

// TestMigrateDepartures has events from before the index of departures.
func TestMigrateDepartures(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	d := storetest.NewSubject(game.SubjectSession, project)
	must(t, d.Create(t.Context(), s, d.Event(1, game.MemberJoined{PlayerID: "ada"})))
	must(t, d.Replace(t.Context(), s, 1, 2, d.Event(2, game.MemberLeft{PlayerID: "ada"})))
	_, err := s.OrderEvents(t.Context(), newPlayer().CreatedAt, 10)
	must(t, err)
	find := func(want int) {
		t.Helper()
		found, err := s.Departures(t.Context(), game.DepartureQuery{Project: project, Player: "ada", Limit: 9})
		must(t, err)
		if len(found) != want {
			t.Errorf("found %v, want %d", found, want)
		}
	}
	find(1)
	must(t, s.RunCommand(t.Context(), unset("events", game.EventID(d.Subject, 2), field("departed", ""))))
	must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 13))))
	find(0)
	for range 2 {
		s = openTest(t, url, mongostore.Options{})
		find(1)
		must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("after the migration: found %v", f) }))
		must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 13))))
	}
}

// TestMigrateAudit has events from before the audit log.
func TestMigrateAudit(t *testing.T) {
	t.Parallel()
	url := mongotest.Database(t)
	s := openTest(t, url, mongostore.Options{})
	var subjects []*storetest.Subject
	for _, changes := range [][]game.Change{
		{game.PlayerBanned{PlayerID: "x"}},
		{game.StatusChanged{From: game.StatusOpen, To: game.StatusCancelled, Reason: game.ReasonCancelledByAdmin}},
		{game.StatusChanged{From: game.StatusOpen, To: game.StatusEnded, Reason: game.ReasonCompleted}},
		{game.LeaseStarted{}},
	} {
		d := storetest.NewSubject(game.SubjectSession, project)
		e := d.Event(1, changes...)
		e.Actor, e.ActingAs = game.Actor{Kind: game.ActorAdmin, ID: "a"}, ""
		must(t, d.Create(t.Context(), s, e))
		subjects = append(subjects, d)
	}
	key := storetest.NewSubject(game.SubjectKey, project)
	must(t, key.Create(t.Context(), s, key.Event(1, game.APIKeyRevoked{})))
	subjects = append(subjects, key)
	_, err := s.OrderEvents(t.Context(), newPlayer().CreatedAt, 10)
	must(t, err)
	find := func(want int) {
		t.Helper()
		found, err := s.Feed(t.Context(), game.FeedQuery{Project: project, Audited: true, Limit: 9})
		must(t, err)
		if len(found) != want {
			t.Errorf("found %v, want %d", found, want)
		}
	}
	find(3)
	for _, d := range subjects {
		must(t, s.RunCommand(t.Context(), unset("events", game.EventID(d.Subject, 1), field("audited", ""))))
	}
	find(0)
	for range 2 {
		must(t, s.RunCommand(t.Context(), set("meta", "schema", field("version", 16))))
		s = openTest(t, url, mongostore.Options{})
		find(3)
		must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("after the migration: found %v", f) }))
	}
}
