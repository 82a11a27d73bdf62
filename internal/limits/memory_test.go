package limits_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/limits"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := limits.NewMemory(100, time.Second)
		a, b, c := m.Room(), m.Room(), m.Room()
		if !a.Take(t.Context(), 60) || !b.Take(t.Context(), 40) {
			t.Fatal("there was room")
		}
		begin := time.Now()
		if c.Take(t.Context(), 1) || time.Since(begin) != time.Second {
			t.Errorf("there was room after %v", time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if c.Take(ctx, 1) || time.Since(begin) != time.Second/2 {
			t.Errorf("there was room after %v", time.Since(begin))
		}
		a.Keep(10) // as when its response is being written
		if !c.Take(t.Context(), 50) {
			t.Error("there was room for what another gave back")
		}
		if !a.Take(t.Context(), 10) || !a.Take(t.Context(), 5) {
			t.Error("what is held was taken again")
		}
		b.Leave()
		if !a.Take(t.Context(), 50) {
			t.Error("more was not taken in place of what is held")
		}
		for _, r := range []*limits.Room{a, b, c} {
			r.Leave()
			r.Leave()
		}
		if !a.Take(t.Context(), 1000) { // everything
			t.Error("nothing has room for what is larger than all of it")
		}
		a.Leave()
		if !b.Take(t.Context(), 100) {
			t.Error("what was given back is not there")
		}
	})
}

// A request gives back what it holds before it waits for more, so that two of them cannot block each other.
func TestMemoryDoesNotLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := limits.NewMemory(100, time.Minute)
		begin := time.Now()
		for range 2 {
			go func() {
				r := m.Room()
				defer r.Leave()
				if !r.Take(t.Context(), 50) {
					t.Error("there was room")
				}
				time.Sleep(time.Millisecond)
				if !r.Take(t.Context(), 100) {
					t.Error("there would have been room")
				}
			}()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if time.Since(begin) != time.Second {
			t.Errorf("it took %v", time.Since(begin))
		}
	})
}

// The number of waiting requests is limited, so that other requests find places.
func TestMemoryQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := limits.NewMemory(100, time.Minute)
		all := m.Room()
		all.Take(t.Context(), 100)
		for range limits.MostWaiting {
			go func() {
				r := m.Room()
				defer r.Leave()
				if !r.Take(t.Context(), 1) {
					t.Error("there would have been room")
				}
			}()
		}
		synctest.Wait()
		begin := time.Now()
		if one := m.Room(); one.Take(t.Context(), 1) || time.Since(begin) > 0 {
			t.Errorf("one more waited %v", time.Since(begin))
		}
		all.Leave()
		synctest.Wait()
		if !all.Take(t.Context(), 100) {
			t.Error("what was given back is not there")
		}
		var none *limits.Memory
		if free := none.Room(); !free.Take(t.Context(), 1<<40) {
			t.Error("without a bound there was no room")
		}
	})
}
