package limits

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// Concurrency limits how many requests are processed at once. A limited number of requests wait in a queue, which
// absorbs bursts. Requests are also rejected while they would wait too long for a processor.
type Concurrency struct {
	limit    int
	slots    *shared
	runQueue runQueue // of the Go scheduler
}

// QueueFactor is the number of queued requests for each request in process.
const QueueFactor = 8

// latencyFactor is how many times shorter than the longest wait in the queue the wait for a processor must be.
const latencyFactor = 4

// NewConcurrency returns a limit on requests in process, with a longest wait in the queue, which must be positive. It
// returns nil, which admits everything, for a limit of 0.
func NewConcurrency(limit int, wait time.Duration) *Concurrency {
	if limit == 0 {
		return nil
	}
	return &Concurrency{
		limit: limit, slots: newShared(int64(limit), int64(QueueFactor*limit), wait),
		runQueue: runQueue{start: time.Now(), most: wait / latencyFactor},
	}
}

// Full reports whether a new request would be rejected at once.
func (c *Concurrency) Full() bool { return c != nil && (c.runQueue.long() || c.slots.full()) }

// Load returns the limit, or 0 for none, and the number of queued requests.
func (c *Concurrency) Load() (limit, queued int) {
	if c == nil {
		return 0, 0
	}
	return c.limit, int(c.slots.waiting.Load())
}

// Enter waits until the request is admitted, and reports whether it is. The caller of an admitted request must call
// Leave. The wait takes at most half of the time until the context's deadline, so that the other half is left for
// processing.
func (c *Concurrency) Enter(ctx context.Context) bool {
	if c == nil {
		return true
	}
	if c.runQueue.long() {
		return false
	}
	c.runQueue.sample()
	if !c.slots.take(ctx, 1) {
		return false
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // too late to do anything
		c.Leave()
		return false
	}
	return true
}

// Leave ends an admitted request. The request that has been queued longest takes its place.
func (c *Concurrency) Leave() {
	if c != nil {
		c.slots.free.Release(1)
	}
}

// runQueue measures how long runnable goroutines wait for a processor.
//
// Requests that do not block wait there before any code of this program sees them, without a limit or a deadline, and
// no more of them are in process than there are processors. Rejecting those that have waited too long empties the
// queue quickly, because a rejection is cheap.
type runQueue struct {
	start    time.Time
	most     time.Duration // longest acceptable wait
	requests atomic.Uint64
	since    atomic.Int64 // start of the current sample, in nanoseconds since start; 0 for none
}

// sampleEvery is the number of requests per sample. Not every request is sampled, because yielding costs some
// microseconds.
const sampleEvery = 32

// long reports whether the current sample has waited too long.
func (q *runQueue) long() bool {
	since := q.since.Load()
	return since != 0 && time.Since(q.start)-time.Duration(since) >= q.most
}

// sample makes some requests yield, so that they wait behind all others in the run queue. A sample that has waited too
// long, so that the requests behind it are rejected, waits until they are.
func (q *runQueue) sample() {
	begin := time.Since(q.start)
	if q.requests.Add(1)%sampleEvery != 0 || !q.since.CompareAndSwap(0, max(1, int64(begin))) {
		return
	}
	for long := true; long; {
		runtime.Gosched()
		now := time.Since(q.start)
		long, begin = now-begin >= q.most, now
	}
	q.since.Store(0)
}
