package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

func search() []check {
	return []check{
		{"random searches", randomSearches},
		{"every comparison of every field", searchComparisons},
		{"attributes by distance", searchNear},
		{"search pages of a size in bytes", searchBytes},
		{"the number of sessions found", searchCounts},
		{"searches without time to work", searchTime},
	}
}

func searchCalls(s game.Store) []call {
	return []call{{"SearchSessions", false, func(ctx context.Context) error {
		_, err := s.SearchSessions(ctx, game.SearchQuery{Project: project, Limit: 1})
		return err
	}}}
}

// Search compares searches of an engine with the model, like [Run].
func Search(t *testing.T, open func(t *testing.T) game.Store) {
	for _, c := range search() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// searched returns what a query finds after its position, in order.
func searched(all []game.Session, q game.SearchQuery) (found []game.Session) {
	for _, v := range all {
		if v.Project == q.Project && q.Where.Match(&v) &&
			(q.After == nil || q.Compare(q.PositionOf(&v), *q.After) > 0) {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b game.Session) int { return q.Compare(q.PositionOf(&a), q.PositionOf(&b)) })
	return found
}

// searchPage reads a page and compares it with the model. It returns the next position, or nil after the last page. A
// page may end early, but what follows its end must be all the rest.
func searchPage(t testing.TB, s game.Store, all []game.Session, q game.SearchQuery) *game.Position {
	t.Helper()
	hits, err := s.SearchSessions(t.Context(), q)
	must(t, err)
	got, wanted := sessionIDs(hits.Items), sessionIDs(searched(all, q))
	n := len(got)
	if n > q.Limit || n > len(wanted) || !slices.Equal(got, wanted[:n]) || !hits.More && n < len(wanted) ||
		len(hits.Unreadable) > 0 {
		t.Fatalf("found %v, want %v (more: %t, after %+v)\n%s", places(all, got), places(all, wanted), hits.More,
			q.After,
			describe(q))
	}
	if q.Count > 0 {
		whole := q
		whole.After = nil
		if n := len(searched(all, whole)); hits.Count != min(n, q.Count) || hits.Counted != (n <= q.Count) {
			t.Fatalf("counted %d (%t), want %d of %d\n%s", hits.Count, hits.Counted, q.Count, n, describe(q))
		}
	}
	if !hits.More {
		return nil
	}
	rest := q
	rest.After = hits.Next
	if hits.Next == nil || q.After != nil && q.Compare(*hits.Next, *q.After) <= 0 ||
		!slices.Equal(sessionIDs(searched(all, rest)), wanted[n:]) {
		t.Fatalf("the next page begins at %+v and leaves out some of %v\n%s", hits.Next,
			places(all, wanted), describe(q))
	}
	return hits.Next
}

func describe(q game.SearchQuery) string {
	var b strings.Builder
	for _, c := range q.Where {
		fmt.Fprintf(&b, "%s\n", describeClause(c))
	}
	for _, o := range q.Order {
		fmt.Fprintf(&b, "by %s desc:%t", o.Field, o.Desc)
		if o.Near != nil {
			fmt.Fprintf(&b, " near %v", *o.Near)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func describeClause(c game.Clause) string {
	list := func(all []game.Clause) string {
		parts := make([]string, len(all))
		for i, one := range all {
			parts[i] = describeClause(one)
		}
		return "(" + strings.Join(parts, ", ") + ")"
	}
	switch {
	case c.Any != nil:
		return "any" + list(c.Any)
	case c.All != nil:
		return "all" + list(c.All)
	case c.Not != nil:
		return "not" + list([]game.Clause{*c.Not})
	}
	return fmt.Sprintf("%s %s %v", c.Field, c.Op, c.Values)
}

func places(all []game.Session, ids []game.SessionID) (at []int) {
	for _, id := range ids {
		at = append(at, slices.IndexFunc(all, func(v game.Session) bool { return v.ID == id }))
	}
	return at
}

// searchValues are values of attributes: of each type, with equal ones, close ones, and ones at the ends of ranges.
func searchValues() []game.Value {
	long := strings.Repeat("é", game.OrderedText)
	var all []game.Value
	for _, n := range []float64{
		0, 1, 7, 1200, 1200.5, -3, 0.1, 0.2, 0.1 + 0.2, 0.3, game.MaxExactNumber, -game.MaxExactNumber,
	} {
		all = append(all, game.NumberValue(n))
	}
	for _, s := range []string{
		"", "a", "A", "ab", "b", "é", "z", "1200", "\ud7ff", "\ue000", "\U0010ffff", "\U0010ffffa", long, long + "a",
		long + "b",
		"true", "\u00ff\U0001f600",
	} {
		all = append(all, game.StringValue(s))
	}
	return append(all, game.BoolValue(true), game.BoolValue(false))
}

// searchable describes the values that random sessions have and random clauses compare.
type searchable struct {
	players []game.PlayerID
	begin   time.Time
}

func newSearchable() searchable {
	s := searchable{begin: now()}
	for range 3 {
		s.players = append(s.players, game.PlayerID(newID()))
	}
	return s
}

// change makes random changes to a session.
func (f searchable) change(r *rapid.T, v *game.Session) {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(r, label) }
	v.Name = pick("name", "", "Anna", "anna", "Ännä", "zoe", "\U0001f600")
	v.Mode, v.Map = pick("mode", "", "ranked", "duel"), pick("map", "", "dust", "dust2")
	v.Region = pick("region", "eu", "us")
	v.Status = rapid.SampledFrom([]game.SessionStatus{
		game.StatusOpen, game.StatusOpen, game.StatusOpen, game.StatusInProgress, game.StatusPending, game.StatusEnded,
	}).Draw(r, "status")
	v.Visibility = rapid.SampledFrom(game.Visibilities()).Draw(r, "visibility")
	v.Liveness = rapid.SampledFrom([]game.Liveness{game.Live, game.Live, game.Stale}).Draw(r, "liveness")
	v.Locked = rapid.IntRange(0, 3).Draw(r, "locked") == 0
	v.HasPassword = rapid.IntRange(0, 3).Draw(r, "password") == 0
	v.JoinInProgress = rapid.Bool().Draw(r, "join in progress")
	v.MaxPlayers = rapid.IntRange(2, 4).Draw(r, "max players")
	v.UpdatedAt = f.time(r)
	v.EndedAt = nil
	if v.Status.Terminal() {
		ended := f.time(r)
		v.EndedAt = &ended
	}
	v.Members, v.HostID = []game.Member{}, nil
	for _, p := range f.players {
		if rapid.Bool().Draw(r, "member") && len(v.Members) < v.MaxPlayers {
			m := newMember()
			m.PlayerID = p
			v.Members = append(v.Members, m)
		}
	}
	if len(v.Members) > 0 && rapid.Bool().Draw(r, "host") {
		v.HostID = &v.Members[0].PlayerID
	}
	v.Hosted = v.HostID != nil || rapid.Bool().Draw(r, "hosted")
	f.queue(r, v)
	v.Attributes = game.Attributes{}
	for _, key := range []string{"mmr", "tag"} {
		if rapid.IntRange(0, 4).Draw(r, "has") > 0 {
			v.Attributes[key] = rapid.SampledFrom(searchValues()).Draw(r, key)
		}
	}
}

// queue makes random players wait, for a team or any seat.
func (f searchable) queue(r *rapid.T, v *game.Session) {
	v.Teams, v.WaitList = map[string]int{}, []game.Waiter{}
	if rapid.Bool().Draw(r, "teams") {
		v.Teams["red"] = 2
	}
	for range max(0, rapid.IntRange(-3, 2).Draw(r, "waiting")) {
		w := newWaiter()
		w.Team = rapid.SampledFrom([]string{"", "red", game.TeamAuto}).Draw(r, "team")
		v.WaitList = append(v.WaitList, w)
	}
}

func (f searchable) time(r *rapid.T) time.Time {
	return f.begin.Add(time.Duration(rapid.IntRange(-3, 3).Draw(r, "ms")) * time.Millisecond)
}

func (f searchable) session(r *rapid.T) game.Session {
	v := openSession(4)
	v.CreatedAt = f.time(r)
	f.change(r, &v)
	return v
}

// clause draws a clause.
func (f searchable) clause(r *rapid.T, depth int) game.Clause {
	if depth > 0 {
		some := func() (all []game.Clause) {
			for range rapid.IntRange(1, 3).Draw(r, "clauses") {
				all = append(all, f.clause(r, depth-1))
			}
			return all
		}
		switch rapid.IntRange(0, 5).Draw(r, "form") {
		case 0:
			return game.Clause{Any: some()}
		case 1:
			return game.Clause{All: some()}
		case 2:
			not := f.clause(r, depth-1)
			return game.Clause{Not: &not}
		}
	}
	fields := slices.DeleteFunc(game.SessionFields(), func(f game.Field[game.Session]) bool {
		return f.Searched == nil || f.Name == game.FieldJoinable
	})
	field := rapid.SampledFrom(fields).Draw(r, "field")
	return f.comparison(r, field, rapid.SampledFrom(field.Searched).Draw(r, "op"))
}

func (f searchable) comparison(r *rapid.T, field game.Field[game.Session], op game.Op) game.Clause {
	c := game.Clause{Field: field.Name, Op: op}
	if field.Kind == game.KindAttributes {
		c.Field = game.AttributeField(rapid.SampledFrom([]string{"mmr", "tag", "none"}).Draw(r, "key"))
	}
	value := func(like *game.Value) game.Value { return f.value(r, field, op, like) }
	switch op {
	case game.OpExists:
		c.Values = []game.Value{game.BoolValue(rapid.Bool().Draw(r, "exists"))}
	case game.OpBetween:
		low := value(nil)
		c.Values = []game.Value{low, value(&low)}
	case game.OpIn:
		for range rapid.IntRange(1, 3).Draw(r, "values") {
			c.Values = append(c.Values, value(nil))
		}
	default:
		c.Values = []game.Value{value(nil)}
	}
	return c
}

// value draws a value to compare a field with, of the type of another if there is one.
func (f searchable) value(r *rapid.T, field game.Field[game.Session], op game.Op, like *game.Value) game.Value {
	switch field.Kind {
	case game.KindEnum:
		return game.StringValue(rapid.SampledFrom(field.Enum).Draw(r, "value"))
	case game.KindID:
		return game.StringValue(string(rapid.SampledFrom(f.players).Draw(r, "player")))
	case game.KindCount:
		return game.NumberValue(float64(rapid.IntRange(0, 4).Draw(r, "count")))
	case game.KindFlag:
		return game.BoolValue(rapid.Bool().Draw(r, "flag"))
	case game.KindTime:
		return game.TimeValue(f.time(r))
	case game.KindText, game.KindUsername, game.KindFolded:
	case game.KindAttributes:
		return rapid.SampledFrom(slices.DeleteFunc(searchValues(), func(v game.Value) bool {
			_, number := v.Any().(float64)
			_, flag := v.Any().(bool)
			equality := op == game.OpEqual || op == game.OpNot || op == game.OpIn
			if like != nil {
				if _, wanted := like.Any().(float64); number != wanted {
					return true
				}
			}
			return flag && !equality || number && op == game.OpPrefix
		})).Draw(r, "value")
	}
	return game.StringValue(rapid.SampledFrom([]string{
		"", "Anna", "anna", "Ännä", "ranked", "du", "dust", "dust2", "eu", "zoe",
	}).Draw(r, "text"))
}

// orders draws up to two orders.
func (f searchable) orders(r *rapid.T) (orders []game.Order) {
	fields := []string{"attributes.mmr", "attributes.tag", "attributes.none"}
	numeric := []string{"attributes.mmr", "attributes.tag"}
	for _, field := range game.SessionFields() {
		if field.Searched == nil || field.Unordered || field.Kind == game.KindAttributes {
			continue
		}
		if fields = append(fields, field.Name); field.Kind == game.KindCount {
			numeric = append(numeric, field.Name)
		}
	}
	for range rapid.IntRange(0, 3).Draw(r, "orders") {
		o := game.Order{
			Field: rapid.SampledFrom(fields).Draw(r, "by"), Desc: rapid.Bool().Draw(r, "desc"),
		}
		if slices.Contains(numeric, o.Field) && rapid.Bool().Draw(r, "near") {
			n := rapid.SampledFrom([]float64{0, 1, 1200, 1199.5, 0.15, 1e15, -1e15}).Draw(r, "number")
			o.Near = &n
		}
		if !slices.ContainsFunc(orders, func(other game.Order) bool { return other.Field == o.Field }) {
			orders = append(orders, o)
		}
	}
	if rapid.IntRange(0, 3).Draw(r, "spread") == 0 {
		start := rapid.SampledFrom([]string{"000000000000", "5", "80", "c00000000000", "ffffffffffff"}).Draw(r, "start")
		orders = append(orders, game.Order{Field: game.FieldSpread, Start: start})
	}
	return orders
}

func (f searchable) query(r *rapid.T) game.SearchQuery {
	q := game.SearchQuery{Project: project, Order: f.orders(r), Limit: rapid.IntRange(1, 9).Draw(r, "limit")}
	for range rapid.IntRange(0, 2).Draw(r, "where") {
		q.Where = append(q.Where, f.clause(r, 2))
	}
	var include []game.Obstacle
	for _, o := range game.Obstacles() {
		if rapid.IntRange(0, 2).Draw(r, "include") > 0 {
			include = append(include, o)
		}
	}
	q.Where = append(q.Where, game.WithObstacles(include...))
	if rapid.IntRange(0, 2).Draw(r, "count") == 0 {
		q.Count = 5
	}
	return q
}

// randomSearches compares random searches with the model, page by page, while sessions are created and changed.
func randomSearches(t *testing.T, s game.Store) {
	f := newSearchable()
	var all []game.Session
	rapid.Check(t, func(r *rapid.T) {
		for len(all) < 40 {
			v := f.session(r)
			must(t, s.CreateSession(t.Context(), v))
			all = append(all, v)
		}
		q := f.query(r)
		for range 8 {
			if q.After = searchPage(failing{TB: t, r: r}, s, all, q); q.After == nil {
				break
			}
			switch rapid.IntRange(0, 12).Draw(r, "write") {
			case 0:
				v := f.session(r)
				must(t, s.CreateSession(t.Context(), v))
				all = append(all, v)
			case 1:
				i := rapid.IntRange(0, len(all)-1).Draw(r, "which")
				next := all[i]
				next.Version++
				f.change(r, &next)
				must(t, s.ReplaceSession(t.Context(), all[i], next))
				all[i] = next
			}
		}
	})
}

// failing reports failures to rapid, so that it looks for a smaller example.
type failing struct {
	testing.TB
	r *rapid.T
}

func (f failing) Fatalf(format string, args ...any) { f.r.Fatalf(format, args...) }

// searchComparisons makes each comparison of each field alone, and its opposite, with some values.
func searchComparisons(t *testing.T, s game.Store) {
	const sessions, examples = 30, 4
	f := newSearchable()
	var all []game.Session
	for i := range sessions {
		v := rapid.Custom(f.session).Example(i)
		must(t, s.CreateSession(t.Context(), v))
		all = append(all, v)
	}
	for _, field := range game.SessionFields() {
		for _, op := range field.Searched {
			if field.Name == game.FieldJoinable {
				continue // a request about it is a clause about the obstacles
			}
			comparison := rapid.Custom(func(r *rapid.T) game.Clause { return f.comparison(r, field, op) })
			for i := range examples {
				c := comparison.Example(i)
				for _, c := range []game.Clause{c, {Not: &c}} {
					searchPage(t, s, all, game.SearchQuery{Project: project, Where: game.Where{c}, Limit: 100})
				}
			}
		}
	}
}

// searchNear pages through sessions by their distance to a number, with many at the same distance.
func searchNear(t *testing.T, s game.Store) {
	var all []game.Session
	near := 1100.0
	for i := range 60 {
		v := openSession(4)
		v.Attributes = game.Attributes{"mmr": game.NumberValue(float64(1000 + 10*(i%25)))}
		switch i % 9 {
		case 3:
			v.Attributes["mmr"] = game.StringValue("1100")
		case 5:
			v.Attributes = game.Attributes{}
		case 7:
			v.Attributes["mmr"] = game.NumberValue(near)
		}
		v.MaxPlayers = 2 + i%3
		must(t, s.CreateSession(t.Context(), v))
		all = append(all, v)
	}
	for _, rest := range [][]game.Order{nil, {{Field: game.FieldFreeSeats, Desc: true}}} {
		q := game.SearchQuery{
			Project: project, Limit: 5, Order: append([]game.Order{{Field: "attributes.mmr", Near: &near}}, rest...),
			Where: game.Where{game.WithObstacles()},
		}
		for more := true; more; more = q.After != nil {
			q.After = searchPage(t, s, all, q)
		}
	}
}

// searchBytes reads pages that end early. Each session is found once.
func searchBytes(t *testing.T, s game.Store) {
	all := variousSizes(t, s)
	for _, order := range [][]game.Order{nil, {{Field: "seats_held", Desc: true}}} {
		q := game.SearchQuery{Project: project, Order: order, Limit: 10, Bytes: pageBytes / 8}
		var got []game.SessionID
		for pages := 0; pages == 0 || q.After != nil; pages++ {
			hits, err := s.SearchSessions(t.Context(), q)
			must(t, err)
			got = append(got, sessionIDs(hits.Items)...)
			if q.After = hits.Next; !hits.More {
				q.After = nil
			}
			for _, v := range hits.Items {
				for _, m := range v.Members {
					if m.Team != "" || len(m.Attributes) > 0 {
						t.Fatal("a search returns more of members than their ids")
					}
				}
			}
		}
		q.After = nil
		want(t, got, sessionIDs(searched(all, q)))
	}
}

// searchTime searches with no time to work, in several orders, with and without a condition that an index serves.
func searchTime(t *testing.T, s game.Store) {
	var v game.Session
	for range 9 {
		v = openSession(4)
		must(t, s.CreateSession(t.Context(), v))
	}
	near := 1100.0
	for _, order := range [][]game.Order{
		nil, {{Field: game.FieldFreeSeats, Desc: true}}, {{Field: "attributes.mmr", Near: &near}}, {{Field: "name"}},
	} {
		for _, where := range []game.Where{
			nil,
			{game.WithObstacles()},
			{game.Prefix("name", "a")},
			{game.Is("mode", v.Mode)},
			oneOf(v.Attributes).Where(),
		} {
			q := game.SearchQuery{Project: project, Where: where, Order: order, Limit: 3, Work: time.Nanosecond}
			if hits, err := s.SearchSessions(t.Context(), q); !errors.Is(err, game.ErrTooBroad) {
				t.Errorf("found %+v, %v, want ErrTooBroad\n%s", hits, err, describe(q))
			}
		}
	}
}

func searchCounts(t *testing.T, s game.Store) {
	var all []game.Session
	for range 7 {
		v := openSession(4)
		must(t, s.CreateSession(t.Context(), v))
		all = append(all, v)
	}
	for count := range 9 {
		searchPage(t, s, all, game.SearchQuery{Project: project, Limit: 2, Count: count})
	}
	hits, err := s.SearchSessions(t.Context(), game.SearchQuery{
		Project: project, Limit: 2, Count: 10, Where: game.Where{game.Is("mode", "nobody plays this")},
	})
	if err != nil || len(hits.Items) > 0 || hits.More || hits.Count > 0 || !hits.Counted {
		t.Errorf("found %+v, %v", hits, err)
	}
}
