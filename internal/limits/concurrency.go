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

// Concurrency bounds how many requests are worked on at once. A bounded number of others waits in a queue for a moment, which takes
// up what comes in bursts.
type Concurrency struct {
	most, least int           // that the limit may be
	wait        time.Duration // in the queue at most
	runQueue    *runQueue     // of the scheduler, which the limit adapts to; nil if it is fixed

	mu       sync.Mutex
	limit    int
	raised   time.Time // until when recover has raised the limit
	inFlight int       // more than the limit where that was lowered, until some have left
	queue    list.List // of chan bool, which tells whether one is let in
}

// QueueFactor is how many requests may be queued for each that may be worked on.
const QueueFactor = 8

const (
	leastFactor = 16 // by which an adaptive limit may be lower than what it was made with

	// latencyFactor is by how much waiting for a processor is to be shorter than what a request may be queued for. It is more than
	// QueueFactor: where the run queue takes that long for all that are worked on, whoever is queued is let in in time.
	latencyFactor = 10
)

// NewConcurrency returns a fixed limit of so many requests. Others are queued for at most so long, which is more than nothing.
func NewConcurrency(limit int, wait time.Duration) *Concurrency {
	return &Concurrency{most: limit, least: limit, wait: wait, limit: limit}
}

// NewAdaptiveConcurrency returns a limit of at most so many requests, which is lower while they wait for a processor, so that under
// too many of them those that are let in are still answered in time. It returns nil, which lets everything in, for 0.
//
// Requests that do not block wait in the scheduler's run queue, which has no bound and no deadline, before this has seen them; and as
// one after the other is done, none is in flight when the next enters. So those that are let in yield while the run queue
// is long, until all who wait in it have been let in, queued or refused, and the limit is lowered as long as it stays long. CockroachDB's
// admission control lowers its slots in the same way, by how many goroutines are runnable.
func NewAdaptiveConcurrency(most int, wait time.Duration) *Concurrency {
	if most == 0 {
		return nil
	}
	c := NewConcurrency(most, wait)
	c.least = max(most/leastFactor, min(most, runtime.GOMAXPROCS(0)))
	c.runQueue = &runQueue{begun: time.Now(), long: wait / latencyFactor}
	return c
}

// Full reports whether a request that came now would be refused at once.
func (c *Concurrency) Full() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recover()
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
	c.recover()
	return c.limit, c.queue.Len()
}

// Enter lets a request in, which must Leave, and reports whether it did. It is queued for no more than half of what is left until the
// deadline of its context, so that the other half is left to do it.
func (c *Concurrency) Enter(ctx context.Context) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	c.recover()
	switch {
	case c.inFlight < c.limit:
		c.inFlight++
		c.mu.Unlock()
	case c.full():
		c.mu.Unlock()
		return false
	default:
		turn := c.queue.PushBack(make(chan bool, 1))
		c.mu.Unlock()
		if !c.await(ctx, turn) {
			return false
		}
	}
	if c.runQueue != nil {
		if long, known := c.runQueue.yield(); known {
			c.adapt(long)
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // before anything could be done
		c.Leave()
		return false
	}
	return true
}

// await waits to be let in.
func (c *Concurrency) await(ctx context.Context, turn *list.Element) bool {
	wait := c.wait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	patience := time.NewTimer(wait)
	defer patience.Stop()
	told := turn.Value.(chan bool)
	select {
	case in := <-told:
		return in
	case <-patience.C:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case in := <-told: // at the last moment
		return in
	default:
		c.queue.Remove(turn)
		c.raised = time.Now()
		return false
	}
}

// Leave ends what Enter began.
func (c *Concurrency) Leave() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight--
	c.admit()
}

// adapt halves the limit if the run queue is long, with the room in the queue, and otherwise raises it by one.
func (c *Concurrency) adapt(long bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if long {
		c.limit, c.raised = max(c.limit/2, c.least), time.Now()
		for c.queue.Len() > QueueFactor*c.limit {
			c.queue.Remove(c.queue.Back()).(chan bool) <- false
		}
		return
	}
	c.limit = min(c.limit+1, c.most)
	c.admit()
}

// recover raises the limit where nobody needs it, so that the next ones who come find it whole: within the time that requests
// may be queued for. While some are queued only adapt raises it, by what they meet.
func (c *Concurrency) recover() {
	if c.limit == c.most {
		return
	}
	now := time.Now()
	if c.queue.Len() > 0 {
		c.raised = now
		return
	}
	more := time.Duration(c.most) * min(now.Sub(c.raised), c.wait) / c.wait
	c.limit = min(c.limit+int(more), c.most)
	c.raised = c.raised.Add(more * c.wait / time.Duration(c.most))
}

// admit lets those in who have been queued for longest.
func (c *Concurrency) admit() {
	for c.inFlight < c.limit && c.queue.Len() > 0 {
		c.inFlight++
		c.queue.Remove(c.queue.Front()).(chan bool) <- true
	}
}

// runQueue measures how long goroutines that are runnable wait for a processor.
type runQueue struct {
	begun    time.Time
	long     time.Duration // latency from which on the run queue is long
	entered  atomic.Uint64 // requests, of which some are samples
	sampling atomic.Int64  // since when a sample waits, in nanoseconds since begun; 0 if none does
	latency  atomic.Int64  // of the last sample, in nanoseconds
}

// sampleEvery is how many requests enter for each sample: to yield costs some microseconds.
const sampleEvery = 32

// yield lets all others in the run queue go first if it is long, and reports whether it is, if that was measured.
func (q *runQueue) yield() (long, known bool) {
	now, since := int64(time.Since(q.begun)), q.sampling.Load()
	long = q.latency.Load() >= int64(q.long) || since != 0 && now-since >= int64(q.long)
	sample := (long || q.entered.Add(1)%sampleEvery == 0) && q.sampling.CompareAndSwap(0, now)
	if !long && !sample {
		return false, false
	}
	runtime.Gosched()
	if sample {
		latency := int64(time.Since(q.begun)) - now
		q.latency.Store(latency)
		q.sampling.Store(0)
		long = latency >= int64(q.long)
	}
	return long, sample
}
