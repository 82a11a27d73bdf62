package game_test

import (
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int64]time.Duration{0: 15 * time.Minute, 60: time.Minute, 86400: 24 * time.Hour} {
		r := game.TokenRequest{ExpiresIn: seconds}
		ok(t, r.Validate())
		if r.Life() != want {
			t.Errorf("%d seconds are %v", seconds, r.Life())
		}
	}
	for _, seconds := range []int64{-1, 1, 59, 86401, 1 << 62, -1 << 62} {
		rejected(t, game.TokenRequest{ExpiresIn: seconds}.Validate(), game.ErrValidation)
	}
}

func TestForToken(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	alice := p.register(t, p.ctx, "alice")
	for scope, want := range map[game.Scope]*game.Error{
		game.ScopeAdmin: nil, game.ScopeServer: nil, game.ScopeRead: game.ErrForbidden,
		game.ScopePlayer: game.ErrForbidden, "": game.ErrForbidden,
	} {
		ctx := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: scope, Player: alice.ID})
		got, err := p.players.ForToken(ctx, alice.ID)
		if want != nil {
			rejected(t, err, want)
			continue
		}
		ok(t, err)
		if got.ID != alice.ID || got.Project != "p" {
			t.Errorf("got %+v", got)
		}
	}
	_, err := p.players.ForToken(as(t.Context(), "elsewhere"), alice.ID)
	rejected(t, err, game.ErrPlayerNotFound)
	p.suspend(t, alice.ID)
	_, err = p.players.ForToken(p.ctx, alice.ID)
	rejected(t, err, game.ErrPlayerSuspended)
	p.clock.add(time.Hour)
	_, err = p.players.ForToken(p.ctx, alice.ID)
	ok(t, err)
}

// suspend suspends a player for an hour.
func (p process) suspend(t *testing.T, id game.PlayerID) {
	t.Helper()
	until := p.clock.Now().Add(time.Hour)
	_, err := p.players.Edit(p.ctx, id, nil, func(f game.Profile) (game.Profile, error) {
		f.Status, f.SuspendedUntil = game.PlayerSuspended, &until
		return f, nil
	})
	ok(t, err)
}

func TestByIdentity(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	c, err := p.players.Create(
		p.ctx, game.Profile{Username: "alice", Identities: map[string]string{"steam": "1"}}, game.Idempotency{},
	)
	ok(t, err)
	id := c.Document.ID
	steam := game.Identity{Provider: "steam", Subject: "1"}
	got, err := p.players.ByIdentity(t.Context(), "p", steam) // by nobody
	ok(t, err)
	if got.ID != id {
		t.Errorf("got %+v", got)
	}
	_, err = p.players.ByIdentity(t.Context(), "elsewhere", steam)
	rejected(t, err, game.ErrPlayerUnknown)
	p.suspend(t, id)
	_, err = p.players.ByIdentity(t.Context(), "p", steam) // who it is; whether it may play, Admit tells
	ok(t, err)
	ok(t, p.players.Erase(p.ctx, id, nil))
	_, err = p.players.ByIdentity(t.Context(), "p", steam)
	rejected(t, err, game.ErrPlayerUnknown)
}
