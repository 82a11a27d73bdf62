package game_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// TestHistory compares pages of a player's sessions, of all sizes and by all filters, with a list of what the player
// did: it stays in some sessions, leaves others, returns to some of these, and is never in the rest.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := game.Deps{Store: w.store, Now: w.clock.Now, MaxRequest: maxRequest, NewID: func() string {
		ms := w.clock.Now().UnixMilli() // as ids of version 7 have it
		return fmt.Sprintf("%08x-%04x-7000-8000-%012x", ms>>16, ms&0xffff, w.ids.Add(1))
	}}
	sessions := game.NewSessions(d)
	p := process{world: w, players: game.NewPlayers(d, sessions), sessions: sessions}
	host, ada := p.register(t, p.ctx, "host").ID, p.register(t, p.ctx, "ada").ID
	r := rand.New(rand.NewPCG(1, 2)) // the same in each run
	var all []game.Session
	for range 260 {
		w.clock.add(time.Minute)
		c, err := p.sessions.Create(p.ctx, game.SessionRequest{
			Settings: game.Settings{MaxPlayers: 4}, HostID: &host,
		}, game.Idempotency{})
		ok(t, err)
		id, turns := c.Document.ID, r.IntN(5)
		for turn := range turns {
			if turn%2 == 0 {
				_, _, err = p.sessions.Join(p.ctx, id, nil, game.JoinRequest{PlayerID: ada})
			} else {
				_, err = p.sessions.Leave(p.ctx, id, nil, ada)
			}
			ok(t, err)
		}
		if r.IntN(2) == 0 {
			_, err = p.sessions.Move(p.ctx, id, nil, game.Move{Status: game.StatusCancelled})
			ok(t, err)
		}
		v, err := p.sessions.Get(p.ctx, id)
		ok(t, err)
		if turns > 0 {
			all = append(all, v)
		}
	}
	slices.Reverse(all)
	middle := all[len(all)/2].CreatedAt
	for _, q := range []game.HistoryQuery{
		{},
		{Statuses: []game.SessionStatus{game.StatusOpen}},
		{Statuses: []game.SessionStatus{game.StatusEnded}},
		{Statuses: []game.SessionStatus{game.StatusCancelled, game.StatusOpen}, Brief: true},
		{From: middle},
		{To: middle},
		{From: middle.Add(-time.Hour), To: middle.Add(time.Hour)},
		{From: middle, Statuses: []game.SessionStatus{game.StatusCancelled}},
	} {
		var want []string
		for _, v := range all {
			if (q.Statuses == nil || slices.Contains(q.Statuses, v.Status)) &&
				!v.CreatedAt.Before(q.From) && (q.To.IsZero() || v.CreatedAt.Before(q.To)) {
				want = append(want, string(v.ID))
			}
		}
		for _, limit := range []int{1, 7, 50, 100} {
			equal(t, strings.Join(want, "\n"), strings.Join(historyOf(t, p, ada, q, limit), "\n"))
		}
	}
}

func historyOf(t *testing.T, p process, who game.PlayerID, q game.HistoryQuery, limit int) (ids []string) {
	t.Helper()
	for cursor := ""; ; {
		page, err := p.players.History(p.ctx, who, q, cursor, limit)
		ok(t, err)
		if len(page.Items) > limit {
			t.Fatalf("a page has %d sessions, the limit is %d", len(page.Items), limit)
		}
		for _, v := range page.Items {
			ids = append(ids, string(v.ID))
		}
		if cursor = page.NextCursor; cursor == "" {
			return ids
		}
	}
}

// TestHistoryOfOthers has callers who may not read the sessions of a player, and players who do not exist.
func TestHistoryOfOthers(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada, bob := p.register(t, p.ctx, "ada").ID, p.register(t, p.ctx, "bob").ID
	read := func(c game.Caller, who game.PlayerID, cursor string) error {
		c.Project = "p"
		_, err := p.players.History(game.WithCaller(context.Background(), c), who, game.HistoryQuery{}, cursor, 0)
		return err
	}
	ok(t, read(game.Caller{Scope: game.ScopePlayer, Player: ada}, ada, ""))
	ok(t, read(game.Caller{Scope: game.ScopeRead}, ada, ""))
	rejected(t, read(game.Caller{Scope: game.ScopePlayer, Player: bob}, ada, ""), game.ErrForbidden)
	rejected(t, read(game.Caller{}, ada, ""), game.ErrForbidden)
	rejected(t, read(game.Caller{Scope: game.ScopeRead}, player(99999), ""), game.ErrPlayerNotFound)
	rejected(t, read(game.Caller{Scope: game.ScopeRead}, ada, "x"), game.ErrValidation)
	ok(t, p.players.Erase(p.ctx, ada, nil))
	rejected(t, read(game.Caller{Scope: game.ScopeRead}, ada, ""), game.ErrPlayerNotFound)
}
