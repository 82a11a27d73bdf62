package storetest

import (
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func suspensions() []check {
	return []check{
		{"end of a sweep", sweepEnds},
		{"suspensions that have ended", endedSuspensions},
	}
}

// sweepEnds checks that ending a sweep removes the player from its list and does not change the version.
func sweepEnds(t *testing.T, s game.Store) {
	p := newPlayer()
	p.ErasingSince = nil
	must(t, s.CreatePlayer(t.Context(), p))
	swept := p
	swept.SweepSince = nil
	must(t, s.ReplacePlayer(t.Context(), p, swept))
	wantPlayer(t, s, swept)
	found, err := s.Players(t.Context(), game.PlayerQuery{Sweeping: true, Limit: 4})
	must(t, err)
	want(t, found.Items, []game.Player{})
	next := swept
	next.Version++
	must(t, s.ReplacePlayer(t.Context(), p, next)) // based on what was read before the end of the sweep
	wantError(t, s.ReplacePlayer(t.Context(), p, swept), game.ErrStale)
}

// endedSuspensions checks that ended suspensions of every project are found until they are lifted, extended or
// erased.
func endedSuspensions(t *testing.T, s game.Store) {
	at := now()
	suspended := func(until *time.Time, pr game.ProjectID) game.Player {
		p := activePlayer()
		p.Status, p.SuspendedUntil, p.Project = game.PlayerSuspended, until, pr
		must(t, s.CreatePlayer(t.Context(), p))
		return p
	}
	ended := func(limit int) []game.PlayerID {
		found, err := s.EndedSuspensions(t.Context(), at, limit)
		must(t, err)
		ids := []game.PlayerID{}
		for _, p := range found {
			wantPlayer(t, s, p)
			ids = append(ids, p.ID)
		}
		slices.Sort(ids)
		return ids
	}
	must(t, s.CreatePlayer(t.Context(), activePlayer()))
	suspended(nil, project)
	suspended(new(at.Add(time.Millisecond)), project)
	now, before := suspended(&at, project), suspended(new(at.Add(-time.Hour)), project)
	elsewhere := suspended(new(at.Add(-time.Millisecond)), "elsewhere")
	late := suspended(new(at.AddDate(7000, 0, 0)), project)
	want(t, ended(10), []game.PlayerID{now.ID, before.ID, elsewhere.ID})
	want(t, len(ended(2)), 2)

	lifted, moved := now, before
	lifted.Status, lifted.SuspendedUntil, lifted.Version = game.PlayerActive, nil, 2
	must(t, s.ReplacePlayer(t.Context(), now, lifted))
	moved.SuspendedUntil, moved.Version = new(at.Add(time.Hour)), 2
	must(t, s.ReplacePlayer(t.Context(), before, moved))
	must(t, s.ReplacePlayer(t.Context(), elsewhere, erasingPlayer(elsewhere)))
	sooner := late
	sooner.SuspendedUntil, sooner.Version = &at, 2
	must(t, s.ReplacePlayer(t.Context(), late, sooner))
	want(t, ended(10), []game.PlayerID{late.ID})
}
