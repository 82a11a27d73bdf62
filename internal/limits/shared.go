package limits

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// shared is an amount that requests take parts of. Requests for which too little is left wait in order of arrival, a
// limited number of them.
type shared struct {
	free    *semaphore.Weighted
	queue   int64         // requests that may wait
	wait    time.Duration // the longest
	waiting atomic.Int64
}

func newShared(amount, queue int64, wait time.Duration) *shared {
	return &shared{free: semaphore.NewWeighted(amount), queue: queue, wait: wait}
}

// take waits until n is left and takes it, and reports whether it did. The wait takes at most half of the time until
// the context's deadline, so that the other half is left for the work.
func (s *shared) take(ctx context.Context, n int64) bool {
	if s.free.TryAcquire(n) {
		return true
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > s.queue {
		return false
	}
	wait := s.wait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return s.free.Acquire(ctx, n) == nil
}

// full reports whether no more requests may wait.
func (s *shared) full() bool { return s.waiting.Load() >= s.queue }
