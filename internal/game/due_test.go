package game_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// Whatever is due while writes fail, as on a full disk, the error of a run stays short.
func TestFailuresOfATickAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var full atomic.Bool
	p := w.start(faulty(w.store, func(called string) error {
		if full.Load() && called == "ReplaceLease" {
			return errDown
		}
		return nil
	}))
	const n = 50
	for range n {
		p.beat(t, p.open(t, 4, "").ID)
	}
	p.tick(t, 30)
	full.Store(true)
	p.clock.add(time.Second)
	tick, err := p.sessions.Tick(t.Context())
	e := rejected(t, err, game.ErrStoreUnavailable)
	told := strings.Count(err.Error(), e.Message)
	if tick.Leases != n || told != 20 || !strings.HasSuffix(err.Error(), "and 30 others") {
		t.Errorf("%d leases were due, and the error tells of %d:\n%v", tick.Leases, told, err)
	}
	full.Store(false)
	if sum := p.tick(t, 1); sum.Stale != n {
		t.Errorf("%d sessions turned stale, want %d", sum.Stale, n)
	}
}

// While so many sessions are due that a run does nothing else, leases are judged.
func TestLeasesDoNotWaitForSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var judged sync.Once
	leases := make(chan struct{})
	p := w.start(faulty(w.store, func(called string) error {
		switch called {
		case "DueLeases":
			judged.Do(func() { close(leases) })
		case "DueSessions":
			select {
			case <-leases:
			case <-time.After(10 * time.Second):
				t.Error("nobody looked at leases")
			}
		}
		return nil
	}))
	p.tick(t, 1)
}
