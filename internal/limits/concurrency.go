package limits

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Concurrency limits how many requests are processed at once. A limited number of others wait in a queue, which takes
// up bursts. Requests are also rejected while they would wait too long for a processor.
type Concurrency struct {
	limit    int
	wait     time.Duration // in the queue at most
	runQueue runQueue      // of the scheduler

	mu       sync.Mutex
	inFlight int
	queue    list.List // of chan struct{}, closed when the request is admitted
}

// QueueFactor is how many requests may be queued for each that may be processed.
const QueueFactor = 8

// latencyFactor is how many times shorter the wait for a processor must be than the longest wait in the queue.
const latencyFactor = 4

// NewConcurrency returns a limit of so many requests. Others are queued for at most so long, which is more than
// nothing. It returns nil, which admits everything, for 0.
func NewConcurrency(limit int, wait time.Duration) *Concurrency {
	if limit == 0 {
		return nil
	}
	return &Concurrency{limit: limit, wait: wait, runQueue: runQueue{start: time.Now(), most: wait / latencyFactor}}
}

// Full reports whether a request that came now would be rejected at once.
func (c *Concurrency) Full() bool {
	if c == nil {
		return false
	}
	if c.runQueue.long() {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.full()
}

func (c *Concurrency) full() bool {
	return c.inFlight >= c.limit && c.queue.Len() >= QueueFactor*c.limit
}

// Load returns the limit, 0 if there is none, and how many requests are queued.
func (c *Concurrency) Load() (limit, queued int) {
	if c == nil {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit, c.queue.Len()
}

// Enter admits a request, which must Leave, and reports whether it did. The request is queued for no more than half of
// the time until the deadline of its context, so that the other half is left to process it.
func (c *Concurrency) Enter(ctx context.Context) bool {
	if c == nil {
		return true
	}
	if c.runQueue.long() {
		return false
	}
	c.runQueue.sample()
	c.mu.Lock()
	switch {
	case c.inFlight < c.limit:
		c.inFlight++
		c.mu.Unlock()
	case c.full():
		c.mu.Unlock()
		return false
	default:
		turn := c.queue.PushBack(make(chan struct{}))
		c.mu.Unlock()
		if !c.await(ctx, turn) {
			return false
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // before anything could be done
		c.Leave()
		return false
	}
	return true
}

// await waits until a queued request is admitted, and reports whether it was.
func (c *Concurrency) await(ctx context.Context, turn *list.Element) bool {
	wait := c.wait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	admitted := turn.Value.(chan struct{})
	select {
	case <-admitted:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-admitted: // at the last moment
		return true
	default:
		c.queue.Remove(turn)
		return false
	}
}

// Leave ends what Enter began. The request that has been queued for longest takes the place.
func (c *Concurrency) Leave() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if next := c.queue.Front(); next != nil {
		close(c.queue.Remove(next).(chan struct{}))
		return
	}
	c.inFlight--
}

// runQueue measures how long goroutines that are runnable wait for a processor.
//
// Requests that do not block wait there before any code of this program has seen them, without a bound or a deadline,
// and no more of them are in flight than there are processors. Rejecting those that have waited for long empties the
// queue quickly, because a rejection costs little.
type runQueue struct {
	start    time.Time
	most     time.Duration // from which on the wait is long
	requests atomic.Uint64
	since    atomic.Int64 // when the sample under way began, in nanoseconds since start; 0 for none
}

// sampleEvery is how many requests there are for each sample, because yielding costs some microseconds.
const sampleEvery = 32

// long reports whether a sample has waited for long.
func (q *runQueue) long() bool {
	since := q.since.Load()
	return since != 0 && time.Since(q.start)-time.Duration(since) >= q.most
}

// sample makes some requests wait behind all others in the run queue. One that has waited for long, so that those
// behind it are rejected, goes on to wait until they are.
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
