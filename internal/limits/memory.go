package limits

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Memory bounds what requests hold at once of documents that are large, in bytes as they reckon it. Those for which
// there is no room wait in the order in which they came.
type Memory struct {
	most    int64
	wait    time.Duration
	free    *semaphore.Weighted
	waiting atomic.Int64
}

// mostWaiting is how many requests may wait for room: each has a place among those that are worked on, which others
// need.
const mostWaiting = 128

// NewMemory returns a bound of so many bytes. Requests wait for room for at most so long. It returns nil, which has
// room for everything, for 0 bytes.
func NewMemory(bytes int64, wait time.Duration) *Memory {
	if bytes == 0 {
		return nil
	}
	return &Memory{most: bytes, wait: wait, free: semaphore.NewWeighted(bytes)}
}

// Room returns the room of one request, of which nothing is taken yet. One goroutine uses it, which must Leave.
func (m *Memory) Room() *Room { return &Room{of: m} }

// Room is what one request holds of a [Memory].
type Room struct {
	of      *Memory
	held    int64
	adopted []func() // what is called when all is given back
}

// Fresh returns a room of the same memory.
func (r *Room) Fresh() *Room { return r.of.Room() }

// Adopt has the function called, once, when all is given back.
func (r *Room) Adopt(left func()) { r.adopted = append(r.adopted, left) }

// Take waits until there is room for so many bytes in place of those that are held, and reports whether there is. All
// of the memory is room for any size. It waits for no more than half of what is left until the deadline of the
// context, so that the other half is left for the work; and nothing is held meanwhile, so that those who wait do not
// wait for each other.
func (r *Room) Take(ctx context.Context, bytes int) bool {
	if r.of == nil || int64(bytes) <= r.held {
		return true
	}
	r.Leave()
	n := min(int64(bytes), r.of.most)
	if !r.of.free.TryAcquire(n) && !r.of.await(ctx, n) {
		return false
	}
	r.held = n
	return true
}

// Keep gives back all but so many bytes.
func (r *Room) Keep(bytes int) {
	if more := r.held - int64(bytes); more > 0 {
		r.of.free.Release(more)
		r.held -= more
	}
	if bytes > 0 {
		return
	}
	for _, left := range r.adopted {
		left()
	}
	r.adopted = nil
}

// Leave gives everything back.
func (r *Room) Leave() { r.Keep(0) }

func (m *Memory) await(ctx context.Context, n int64) bool {
	if m.waiting.Add(1) > mostWaiting {
		m.waiting.Add(-1)
		return false
	}
	defer m.waiting.Add(-1)
	wait := m.wait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return m.free.Acquire(ctx, n) == nil
}
