package mongostore_test

import (
	"math/bits"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
	"game-session-manager/internal/store/storetest"
)

// TestPlans examines the plan of every list that the API offers. None may scan a whole collection, and none may sort
// in memory on MongoDB, which reads indexes in order.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	for range 50 { // plans of an empty collection differ
		must(t, s.CreatePlayer(t.Context(), newPlayer()))
		must(t, s.CreateSession(t.Context(), newSession()))
		must(t, s.CreateKey(t.Context(), newKey()))
		ended := newSession()
		ended.Status, ended.EndedAt = game.StatusEnded, &ended.CreatedAt
		must(t, s.CreateSession(t.Context(), ended))
	}
	_, err := s.RenewLeases(t.Context(), newLeases(50))
	must(t, err)
	if s.Product() == "mongodb" && !s.Ordered() {
		t.Error("MongoDB's indexes give no order")
	}
	where := func(w ...game.Clause) func(*game.SessionQuery) {
		return func(q *game.SessionQuery) { q.Where = append(slices.Clip(q.Where), w...) }
	}
	filters := []func(*game.SessionQuery){
		where(game.Is(game.FieldStatus, game.StatusOpen)),
		where(game.Is(game.FieldStatus, game.StatusEnded)),
		where(game.Is(game.FieldVisibility, game.VisibilityPublic)),
		where(game.Is(game.FieldVisibility, game.VisibilityPrivate)),
		where(game.In(game.FieldID, newID(), newID())),
		where(game.Is(game.FieldHost, "x")),
		where(game.Is(game.FieldMember, "x")),
		where(game.Is(game.FieldMember, "x"), game.In(game.FieldStatus, game.LiveStatuses()...)),
		where(game.Is(game.FieldNamed, "x")),
		where(game.Is(game.FieldNamed, "x"), game.In(game.FieldStatus, game.LiveStatuses()...)),
		where(game.AtLeast(game.FieldFreeSeats, 2)),
		where(game.AttributeFilter{
			"level": {game.NumberValue(1), game.StringValue("1")}, "pro": {game.BoolValue(true)},
			"rank": {game.BoolValue(true), game.StringValue("true")},
		}.Where()...),
		func(q *game.SessionQuery) { q.After = game.SessionID(newID()) },
	}
	for _, f := range game.SessionFields() {
		if f.Kind == game.KindText {
			filters = append(filters, where(game.Is(f.Name, "x")))
		}
	}
	for set := range 1 << len(filters) {
		if bits.OnesCount(uint(set)) > 2 && set+1 != 1<<len(filters) {
			continue // test single filters, pairs, and all together
		}
		q := game.SessionQuery{Project: project, Limit: 10}
		for i, filter := range filters {
			if set&(1<<i) != 0 {
				filter(&q)
			}
		}
		wantPlan(t, s, s.SessionsPlan(t, q), q)
	}
	const anybody = "x"
	for index, filter := range map[string]game.Where{
		"sessions_live_by_member":    {game.Is(game.FieldMember, anybody)},
		"sessions_live_by_named":     {game.Is(game.FieldNamed, anybody)},
		"sessions_live_by_host":      {game.Is(game.FieldHost, anybody)},
		"sessions_live_by_attribute": game.AttributeFilter{"pro": {game.BoolValue(true)}}.Where(),
	} {
		for _, status := range []game.Clause{
			game.Is(game.FieldStatus, game.StatusOpen), game.In(game.FieldStatus, game.LiveStatuses()...),
		} {
			q := game.SessionQuery{Project: project, Limit: 10, Where: append(slices.Clip(filter), status)}
			p := s.SessionsPlan(t, q)
			if p.Index != index {
				t.Errorf("%+v is read by %s, want %s", q, p.Index, index)
			}
			wantPlan(t, s, p, q)
		}
	}
	for name, plan := range s.OtherPlans(t, newPlayer().CreatedAt) {
		wantPlan(t, s, plan, name)
	}
	for name, plans := range s.TimePlans(t, newPlayer().CreatedAt) {
		for _, plan := range plans {
			wantPlan(t, s, plan, name)
		}
	}
	for _, after := range []game.PlayerID{"", game.PlayerID(newID())} {
		q := game.PlayerQuery{Project: project, After: after, Limit: 10}
		q.Where = game.Where{game.In(game.FieldID, newID(), newID(), newID()), game.Prefix(game.FieldUsername, "a")}
		wantPlan(t, s, s.PlayersPlan(t, q), q)
	}
	for _, prefix := range []string{"a", "annabel"} {
		q := game.PlayerQuery{Project: project, Limit: 10, Where: game.Where{game.Prefix(game.FieldName, prefix)}}
		wantPlan(t, s, s.PlayersPlan(t, q), q)
	}
	for _, prefix := range []string{"", "a", "annabel"} {
		for _, status := range []game.PlayerStatus{"", game.PlayerActive, game.PlayerSuspended} {
			for _, after := range []game.PlayerID{"", game.PlayerID(newID())} {
				q := game.PlayerQuery{Project: project, After: after, Limit: 10}
				if prefix != "" {
					q.Where = append(q.Where, game.Prefix(game.FieldUsername, prefix))
				}
				if status != "" {
					q.Where = append(q.Where, game.Is(game.FieldStatus, status))
				}
				for _, work := range []game.PlayerQuery{{}, {Erasing: true}, {Sweeping: true}} {
					q.Erasing, q.Sweeping = work.Erasing, work.Sweeping
					wantPlan(t, s, s.PlayersPlan(t, q), q)
				}
			}
		}
	}
}

func wantPlan(t *testing.T, s *mongostore.Store, p mongostore.Plan, q any) {
	t.Helper()
	byID := func(stage string) bool { return stage == "IDHACK" || strings.HasPrefix(stage, "EXPRESS") }
	if slices.ContainsFunc(p.Stages, byID) {
		return // MongoDB uses these stages for a find by _id
	}
	if !slices.Contains(p.Stages, p.Index) {
		t.Errorf("%+v: the plan does not use %s: %v", q, p.Index, p.Stages)
	}
	unwanted := []string{"COLLSCAN", "Seq Scan"}
	if s.Product() == "mongodb" {
		unwanted = append(unwanted, "SORT")
	}
	for _, stage := range unwanted {
		if slices.Contains(p.Stages, stage) {
			t.Errorf("%+v: the plan has a %s: %v", q, stage, p.Stages)
		}
	}
}

func newSession() game.Session {
	now := newPlayer().CreatedAt
	v := game.Session{
		ID: game.SessionID(newID()), Project: project, Version: 1, CreatedAt: now, UpdatedAt: now,
		Settings: game.Settings{Mode: "ranked", Visibility: game.VisibilityPublic, MaxPlayers: 4},
		Status:   game.StatusOpen,
	}
	v.Restore()
	return v
}

// TestSearchPlans examines how the searches that benchmarks make are read. Those in another order than that of the ids
// are sorted in memory, as docs/scaling.md says by name; the others are not.
func TestSearchPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t, mongotest.Database(t), mongostore.Options{})
	for range 50 { // plans of an empty collection differ
		must(t, s.CreateSession(t.Context(), newSession()))
	}
	var sorted []string
	for _, shape := range storetest.Shapes() {
		plan, err := s.SearchPlan(t.Context(), shape.Query)
		must(t, err)
		if slices.Contains(plan, "COLLSCAN") || slices.Contains(plan, "Seq Scan") {
			t.Errorf("%s: the plan scans the collection: %v", shape.Name, plan)
		}
		sorts, err := s.SearchSorts(t.Context(), shape.Query)
		must(t, err)
		if sorts {
			sorted = append(sorted, shape.Name)
		}
	}
	want := []string{"the nearest", "the fullest first", "spread", "by name", "changed last, page 5"}
	if !slices.Equal(sorted, want) {
		t.Errorf("the server sorts %q in memory, want %q", sorted, want)
	}
}
