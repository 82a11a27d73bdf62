package game_test

import (
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func TestTaskLease(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	end := start.Add(game.TaskLeaseTerm)
	held := game.TaskLease{Name: "work", Holder: "a", Generation: 7, Until: end}
	for _, c := range []struct {
		name       string
		lease      game.TaskLease
		holder     string
		now        time.Time
		taken      bool
		generation int64
	}{
		{"never taken", game.TaskLease{Name: "work"}, "a", start, true, 1},
		{"renewed", held, "a", start.Add(time.Second), true, 7},
		{"renewed at the last moment", held, "a", end.Add(-time.Millisecond), true, 7},
		{"taken again by the same process after its end", held, "a", end, true, 8},
		{"held by another", held, "b", start, false, 7},
		{"ended by a clock that may be ahead", held, "b", end, false, 7},
		{"ended by a clock that is at most 5 s ahead", held, "b", end.Add(game.ClockSkew - 1), false, 7},
		{"ended by every clock", held, "b", end.Add(game.ClockSkew), true, 8},
		{"given back", held.GiveBack(start), "b", start.Add(-time.Second), true, 8},
		{"given back and taken by the same process", held.GiveBack(start), "a", start, true, 8},
	} {
		next, taken := c.lease.Take(c.holder, c.now)
		if taken != c.taken || next.Generation != c.generation || next.Name != "work" {
			t.Errorf("%s: %+v, %v", c.name, next, taken)
		}
		if !taken {
			if next != c.lease {
				t.Errorf("%s: a lease that is not taken changes: %+v", c.name, next)
			}
			continue
		}
		if next.Holder != c.holder || !next.Until.Equal(c.now.Add(game.TaskLeaseTerm).Truncate(time.Millisecond)) ||
			!next.HeldBy(c.holder, c.now) || next.HeldBy(c.holder, next.Until) || next.HeldBy("other", c.now) {
			t.Errorf("%s: %+v", c.name, next)
		}
	}
	if next := held.Seize("b", start); next.Holder != "b" || next.Generation != 8 || !next.Until.Equal(end) {
		t.Errorf("seized: %+v", next)
	}
	if free := held.GiveBack(start); free.HeldBy("a", start) || free.Holder != "" || free.Generation != 7 {
		t.Errorf("given back: %+v", free)
	}
}

// Two clocks that differ by as much as they may never have two processes believe that they have the lease.
func TestTaskLeaseWithClocksApart(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for _, apart := range []time.Duration{-game.ClockSkew, 0, game.ClockSkew} {
		a, _ := game.TaskLease{Name: "work"}.Take("a", start)
		for d := time.Duration(0); d < time.Minute; d += 100 * time.Millisecond {
			_, taken := a.Take("b", start.Add(d+apart))
			if taken && a.HeldBy("a", start.Add(d)) {
				t.Fatalf("with clocks %v apart both have it after %v", apart, d)
			}
			if !taken && d >= game.TaskLeaseTerm+2*game.ClockSkew {
				t.Fatalf("with clocks %v apart no process has it after %v", apart, d)
			}
		}
	}
}
