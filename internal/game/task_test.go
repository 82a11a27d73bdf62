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
	const gone = game.TaskLeaseLost
	for _, c := range []struct {
		name       string
		lease      game.TaskLease
		holder     string
		now        time.Time
		unchanged  time.Duration
		taken      bool
		generation int64
	}{
		{"never taken", game.TaskLease{Name: "work"}, "a", start, 0, true, 1},
		{"renewed", held, "a", start.Add(time.Second), 0, true, 7},
		{"renewed at the last moment", held, "a", end.Add(-time.Millisecond), gone, true, 7},
		{"taken again by the same process after its end", held, "a", end, 0, true, 8},
		{"held by another", held, "b", start, time.Second, false, 7},
		{"held by another whose clock is far behind", held, "b", end.Add(time.Hour), gone - 1, false, 7},
		{"not renewed by another whose clock is far ahead", held, "b", start.Add(-time.Hour), gone, true, 8},
		{"given back", held.GiveBack(start), "b", start.Add(-time.Second), 0, true, 8},
		{"given back and taken by the same process", held.GiveBack(start), "a", start, 0, true, 8},
	} {
		next, taken := c.lease.Take(c.holder, c.now, c.unchanged)
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

// However much clocks differ, and also if one is faster by a tenth, no two processes believe that they have the lease.
func TestTaskLeaseWithClocksApart(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for _, apart := range []time.Duration{-time.Hour, 0, time.Hour} {
		for _, speed := range []float64{.9, 1, 1.1} {
			a, _ := game.TaskLease{Name: "work"}.Take("a", start, 0)
			for d := time.Duration(0); d < time.Minute; d += 100 * time.Millisecond {
				others := time.Duration(float64(d) * speed) // b sees the lease at once
				_, taken := a.Take("b", start.Add(others+apart), others)
				if taken && a.HeldBy("a", start.Add(d)) {
					t.Fatalf("with clocks %v apart, of speed %v, both have it after %v", apart, speed, d)
				}
				if !taken && others >= game.TaskLeaseLost {
					t.Fatalf("with clocks %v apart, of speed %v, no process has it after %v", apart, speed, d)
				}
			}
		}
	}
}
