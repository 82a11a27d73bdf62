package game_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// A heartbeat that was received counts, even if its client has hung up. Clients who do so neither lose their sessions
// nor keep those of others alive.
func TestHeartbeatsOfClientsWhoHangUp(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"Pulses", "RenewLeases"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			hangUp := func() {}
			p := w.start(faulty(w.store, func(called string) error {
				if called == operation {
					hangUp()
				}
				return nil
			}))
			dead, alive := p.open(t, 4, ""), p.open(t, 4, "")
			p.beat(t, dead.ID)
			for range 6 {
				p.tick(t, 6)
				ctx, cancel := context.WithCancel(p.ctx)
				hangUp = cancel
				_, _ = p.sessions.Heartbeat(ctx, game.Heartbeat{SessionID: alive.ID}) // nobody waits for the result
				if ctx.Err() == nil {
					t.Fatal("the client has not hung up")
				}
			}
			if v := p.read(t, dead.ID); v.Liveness != game.Stale {
				t.Errorf("without heartbeats: %+v", v)
			}
			if v := p.read(t, alive.ID); v.Liveness != game.Live || !v.Leased {
				t.Errorf("with heartbeats: %+v", v)
			}
		})
	}
}

// A process that cannot read what a heartbeat needs cannot tell who keeps in touch.
func TestHeartbeatsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failing := false
	p := w.start(faulty(w.store, func(called string) error {
		if failing && called == "Pulses" {
			return errDown
		}
		return nil
	}))
	v := p.open(t, 4, "")
	p.beat(t, v.ID)
	for range 4 {
		p.tick(t, 10)
		failing = true
		if _, err := p.sessions.Heartbeat(p.ctx, game.Heartbeat{SessionID: v.ID}); !errors.Is(err, errDown) {
			t.Fatalf("a heartbeat: %v", err)
		}
		failing = false
	}
	if v = p.read(t, v.ID); v.Liveness != game.Live {
		t.Errorf("stale for a failure of the service: %+v", v)
	}
}

// A session that cannot be read says nothing about the store: those who keep sending it heartbeats do not keep others
// alive.
func TestHeartbeatsOfAnUnreadableSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := false
	p := w.start(faulty(w.store, func(called string) error {
		if broken && called == "Session" {
			return game.ErrStoreUnavailable.Because(game.ErrUnreadable)
		}
		return nil
	}))
	host := p.register(t, p.ctx, "Ada").ID
	dead, unreadable := p.open(t, 4, ""), p.open(t, 4, host)
	p.beat(t, dead.ID)
	for range 6 {
		p.tick(t, 6)
		broken = true
		if _, err := p.sessions.MemberHeartbeat(p.ctx, unreadable.ID, nil, host); !errors.Is(err, game.ErrUnreadable) {
			t.Fatalf("a heartbeat: %v", err)
		}
		broken = false
	}
	if v := p.read(t, dead.ID); v.Liveness != game.Stale {
		t.Errorf("without heartbeats: %+v", v)
	}
}

// So much may be due at once that it takes a process longer than an interruption. It does not count as one, after
// which everything else would wait for stale_after again.
func TestMuchIsDueAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := time.Duration(0)
	p := w.start(faulty(w.store, func(called string) error {
		if called == "ReplaceSession" {
			w.clock.add(slow)
		}
		return nil
	}))
	var all []game.SessionID
	for range 60 {
		all = append(all, p.open(t, 4, "").ID)
	}
	for _, id := range all {
		p.beat(t, id)
	}
	p.tick(t, 4)
	late := all[len(all)-1]
	p.beat(t, late) // is due in another run
	p.tick(t, 25)
	slow = 100 * time.Millisecond // of which sixteen happen at once
	p.tick(t, 3)
	slow = 0
	p.tick(t, 2)
	for _, id := range all {
		if v := p.read(t, id); v.Liveness != game.Stale {
			t.Errorf("session %s, after %v: %s", id, w.clock.Now().Sub(t0), v.Liveness)
		}
	}
}
