package keeper_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/keeper"
	"game-session-manager/internal/report"
)

// A task that is woken runs soon, once for all that happened meanwhile, and otherwise at its interval.
func TestWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		var runs atomic.Int64
		k := keeper.New(options(func(context.Context, report.Run) {}), keeper.Task{
			Name: "work", Every: time.Minute, Timeout: time.Second, Wake: wake,
			Run: func(context.Context) error { runs.Add(1); return nil },
		})
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		time.Sleep(3 * time.Second) // half of the longest phase, and some
		for range 3 {
			select {
			case wake <- struct{}{}:
			default:
			}
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if runs.Load() != 1 {
			t.Errorf("%d runs, want the first", runs.Load())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if runs.Load() != 2 {
			t.Errorf("%d runs after a second, want the first and the one that was woken", runs.Load())
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if runs.Load() != 2 {
			t.Errorf("%d runs before the minute is over", runs.Load())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if runs.Load() != 3 {
			t.Errorf("%d runs after the minute", runs.Load())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
