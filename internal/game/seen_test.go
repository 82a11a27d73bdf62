package game_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// seenAt records who was seen, and checks when a player was seen last. That makes no version.
func (p process) seenAt(t *testing.T, what string, want time.Time, who ...game.PlayerID) {
	t.Helper()
	ok(t, p.players.RecordSeen(t.Context()))
	for _, id := range who {
		got, err := p.players.Get(p.ctx, id)
		ok(t, err)
		if got.Version != 1 || got.LastSeenAt == nil || !got.LastSeenAt.Equal(want) || !got.UpdatedAt.Equal(t0) {
			t.Errorf("%s: version %d was seen at %v, want version 1 at %v", what, got.Version, got.LastSeenAt, want)
		}
	}
}

// TestPlayersSeen checks by what a player counts as seen, and that others who name it do not count.
func TestPlayersSeen(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	c, err := p.players.Create(p.ctx, game.Profile{
		Username: "Ada", Identities: map[string]string{"steam": "1"},
	}, game.Idempotency{})
	ok(t, err)
	ada, eve, now := c.Document.ID, p.register(t, p.ctx, "Eve").ID, t0
	v := p.open(t, 4, "")
	asPlayer := func(id game.PlayerID) context.Context {
		return game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id})
	}
	do := func(name string, counts bool, act func() error) {
		t.Helper()
		p.clock.add(15 * time.Minute)
		ok(t, act())
		if counts {
			now = p.clock.Now()
		}
		p.clock.add(20 * time.Second)
		p.seenAt(t, name, now, ada)
	}
	request := func() error {
		return p.players.Admit(t.Context(), game.CallerFrom(asPlayer(ada)), "")
	}
	reserve := game.Party{Seats: []game.JoinRequest{{PlayerID: ada}}, Reserve: true}
	do("a reservation by a server", false, func() error {
		_, _, err := p.sessions.JoinParty(p.ctx, v.ID, nil, reserve)
		return err
	})
	do("a join by a server", true, func() error {
		_, _, err := p.sessions.Join(p.ctx, v.ID, nil, game.JoinRequest{PlayerID: ada})
		return err
	})
	do("a request", true, request)
	do("a heartbeat of the member", true, func() error {
		_, err := p.sessions.MemberHeartbeat(p.ctx, v.ID, nil, ada)
		return err
	})
	do("presence", true, func() error {
		_, err := p.sessions.Heartbeat(p.ctx, game.Heartbeat{SessionID: v.ID, Players: []game.PlayerID{ada, eve}})
		return err
	})
	do("absence", false, func() error {
		_, err := p.sessions.Heartbeat(p.ctx, game.Heartbeat{SessionID: v.ID, Players: []game.PlayerID{eve}})
		return err
	})
	do("finding it by an identity", false, func() error {
		_, err := p.players.Identified(p.ctx, game.Identity{Provider: "steam", Subject: "1"})
		return err
	})
	do("entering by an identity", true, func() error {
		_, _, err := p.players.Enter(p.ctx, game.Identity{Provider: "steam", Subject: "1"}, game.Newcomer{})
		return err
	})
	do("a session of its own", true, func() error { p.open(t, 2, ada); return nil })
	p.seenAt(t, "somebody else", t0, eve) // who was named twice, and is no member
	p.clock.add(14 * time.Minute)
	ok(t, request())
	p.seenAt(t, "again after 14 minutes", now, ada)
	p.quiet(t)
}

// TestSeenRaces checks that a sighting undoes no change of the player, and that no change undoes a sighting.
func TestSeenRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.start(), w.start()
	ada := p.register(t, p.ctx, "Ada").ID
	request := func(p process) {
		t.Helper()
		ok(t, p.players.Admit(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: ada}, ""))
	}

	// Two processes have seen the player: one records it.
	w.clock.add(15 * time.Minute)
	request(p)
	w.clock.add(time.Minute)
	request(other)
	ok(t, other.players.RecordSeen(t.Context()))
	p.seenAt(t, "the first who records", later(16*60), ada)

	// The player is edited while it is recorded, and the other way round.
	w.clock.add(15 * time.Minute)
	g := w.gated("ReplacePlayer")
	edited := make(chan error, 1)
	slow := w.start(g)
	go func() {
		_, err := slow.players.Edit(slow.ctx, ada, nil, named("Countess"))
		edited <- err
	}()
	<-g.arrived
	request(p)
	ok(t, p.players.RecordSeen(t.Context()))
	close(g.open)
	ok(t, <-edited)
	got, err := p.players.Get(p.ctx, ada)
	ok(t, err)
	if got.DisplayName != "Countess" || got.Version != 2 || !got.LastSeenAt.Equal(w.clock.Now()) {
		t.Errorf("after an edit and a sighting: %+v", got)
	}

	// What cannot be recorded is noted again.
	w.clock.add(15 * time.Minute)
	down := true
	failing := w.start(faulty(w.store, func(method string) error {
		if down && method == "ReplacePlayer" {
			return errDown
		}
		return nil
	}))
	request(failing)
	if err := failing.players.RecordSeen(t.Context()); !errors.Is(err, game.ErrStoreUnavailable) {
		t.Errorf("the error of the store is lost: %v", err)
	}
	down = false
	w.clock.add(time.Minute)
	request(failing)
	ok(t, failing.players.RecordSeen(t.Context()))
	if got, err = p.players.Get(p.ctx, ada); err != nil || !got.LastSeenAt.Equal(w.clock.Now()) {
		t.Errorf("seen again: %+v, %v", got, err)
	}

	// An erased player is not seen any more, and nothing of it is left.
	w.clock.add(15 * time.Minute)
	request(p)
	ok(t, p.players.Erase(p.ctx, ada, nil))
	ok(t, p.players.RecordSeen(t.Context()))
	left, err := w.store.Player(t.Context(), "p", ada)
	ok(t, err)
	if left.LastSeenAt != nil {
		t.Errorf("of an erased player is left when it was seen: %v", left.LastSeenAt)
	}
}
