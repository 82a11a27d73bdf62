package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func departureCalls(s game.Store) []call {
	return []call{{"Departures", false, func(ctx context.Context) error {
		_, err := s.Departures(ctx, game.DepartureQuery{Project: project, Player: "x", Limit: 1})
		return err
	}}}
}

// departures has players who leave sessions, some of them twice, and others who only join. What is purged is gone.
func departures(t *testing.T, s game.Store) {
	const ada, bob = "ada", "bob"
	left, removed := game.MemberLeft{PlayerID: ada}, game.MemberRemoved{PlayerID: ada, Reason: game.RemovedKicked}
	old := now().Add(-time.Hour)
	var all []game.SessionID
	for i := range 12 {
		d := NewSubject(game.SubjectSession, project)
		must(t, d.Create(t.Context(), s, d.Event(1, game.MemberJoined{PlayerID: ada})))
		changes := [][]game.Change{
			{left},
			{game.MemberLeft{PlayerID: bob}, removed},
			{left, left},
			{game.WaitListLeft{PlayerID: ada}},
			{game.PlayerBanned{PlayerID: ada}},
		}[i%5]
		for v := range int64(1 + i%3) {
			e := d.Event(v+2, changes...)
			e.At = old
			must(t, d.Replace(t.Context(), s, v+1, v+2, e))
		}
		if i%5 < 3 {
			all = append(all, game.SessionID(d.ID))
		}
	}
	elsewhere := NewSubject(game.SubjectSession, "elsewhere")
	must(t, elsewhere.Create(t.Context(), s, elsewhere.Event(1, left)))
	order(t, s)
	slices.Reverse(all)
	find := func(q game.DepartureQuery) []game.SessionID {
		t.Helper()
		q.Project, q.Player = project, ada
		found, err := s.Departures(t.Context(), q)
		must(t, err)
		return found
	}
	want(t, find(game.DepartureQuery{Limit: 100}), all)
	for limit := 1; limit <= len(all)+1; limit++ {
		got := []game.SessionID{}
		for q := (game.DepartureQuery{Limit: limit}); ; q.After = got[len(got)-1] {
			page := find(q)
			if got = append(got, page...); len(page) < limit {
				break
			}
		}
		want(t, got, all)
	}
	found, err := s.Departures(t.Context(), game.DepartureQuery{Project: "elsewhere", Player: ada, Limit: 9})
	must(t, err)
	want(t, found, []game.SessionID{game.SessionID(elsewhere.ID)})
	wantSound(t, s)

	events, err := s.ExportEvents(t.Context(), "", 1000)
	must(t, err)
	for {
		n, err := s.PurgeEvents(t.Context(), now().Add(time.Hour), 1000)
		must(t, err)
		if n == 0 {
			break
		}
	}
	want(t, find(game.DepartureQuery{Limit: 100}), []game.SessionID{})
	events = slices.DeleteFunc(events, func(e game.Event) bool { return e.Project != project })
	for i := range events {
		events[i].Seq += 1000
	}
	must(t, s.PutEvents(t.Context(), events))
	want(t, find(game.DepartureQuery{Limit: 100}), all)
	wantSound(t, s)
}
