package game_test

import (
	"fmt"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	host, other := p.register(t, p.ctx, "host").ID, p.register(t, p.ctx, "other").ID
	created, err := p.sessions.Create(p.ctx, game.SessionRequest{Settings: game.Settings{MaxPlayers: 4}, HostID: &host},
		game.Idempotency{})
	ok(t, err)
	id := created.Document.ID
	for n := range 120 {
		_, err := p.sessions.Edit(game.WithRequestID(p.ctx, fmt.Sprint("r", n)), id, nil, renamed(fmt.Sprint(n)))
		ok(t, err)
	}

	var got []int64
	cursor := ""
	for {
		page, err := p.sessions.Timeline(p.ctx, id, cursor, 50)
		ok(t, err)
		for _, e := range page.Items {
			got = append(got, e.Version)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	for i, version := range got {
		if version != int64(121-i) {
			t.Fatalf("event %d is of version %d", i, version)
		}
	}
	equal(t, 121, len(got))

	as := func(c game.Caller) ([]game.Event, error) {
		c.Project = "p"
		page, err := p.sessions.Timeline(game.WithCaller(t.Context(), c), id, "", 1)
		return page.Items, err
	}
	read, err := as(game.Caller{Scope: game.ScopeRead, Name: "key:r"})
	ok(t, err)
	equal(t, "r119", read[0].RequestID)
	seen, err := as(game.Caller{Scope: game.ScopePlayer, Player: host})
	ok(t, err)
	if e := seen[0]; e.RequestID != "" || e.Actor.ID != "" || e.Actor.Kind == "" {
		t.Errorf("the host sees %+v", e)
	}
	_, err = as(game.Caller{Scope: game.ScopePlayer, Player: other})
	rejected(t, err, game.ErrNotHost)
	_, err = as(game.Caller{})
	rejected(t, err, game.ErrForbidden)
	_, err = p.sessions.Timeline(p.ctx, game.SessionID(host), "", 0)
	rejected(t, err, game.ErrSessionNotFound)
	_, err = p.sessions.Timeline(p.ctx, id, "x", 0)
	rejected(t, err, game.ErrValidation)
}

func TestPurgeEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	ada := p.register(t, p.ctx, "ada").ID
	w.clock.add(time.Hour)
	_, err := p.players.Edit(p.ctx, ada, nil, func(f game.Profile) (game.Profile, error) {
		f.DisplayName = "Ada L."
		return f, nil
	})
	ok(t, err)
	feeds := game.NewFeeds(p.store, 59*time.Minute)
	ok(t, feeds.Tend(p.ctx, w.clock.Now()))
	left, err := p.store.Feed(p.ctx, game.FeedQuery{Project: "p", Limit: 10})
	ok(t, err)
	if len(left) != 1 || left[0].Version != 2 || left[0].Seq != 2 {
		t.Errorf("%+v is left", left)
	}
}
