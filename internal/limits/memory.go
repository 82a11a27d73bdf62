package limits

import (
	"context"
	"time"
)

// Memory limits the memory that requests use for large documents, in bytes as the callers estimate it. Requests
// without room wait in order of arrival.
type Memory struct {
	most int64
	*shared
}

// mostWaiting is how many requests may wait for room. Each holds a place among the requests in process, which others
// need.
const mostWaiting = 128

// NewMemory returns a limit in bytes, with the longest wait for room. It returns nil, which has room for everything,
// for 0 bytes.
func NewMemory(bytes int64, wait time.Duration) *Memory {
	if bytes == 0 {
		return nil
	}
	return &Memory{bytes, newShared(bytes, mostWaiting, wait)}
}

// Room returns an empty room for one request. It is not safe for concurrent use, and the caller must call Leave.
func (m *Memory) Room() *Room { return &Room{of: m} }

// Room is the part of a [Memory] that one request holds.
type Room struct {
	of      *Memory
	held    int64
	adopted []func() // called when everything is given back
}

// Fresh returns an empty room of the same memory.
func (r *Room) Fresh() *Room { return r.of.Room() }

// Adopt registers a function that is called once, when everything is given back.
func (r *Room) Adopt(left func()) { r.adopted = append(r.adopted, left) }

// Take replaces what the room holds by a number of bytes. It waits until there is room, and reports whether there is.
// Sizes above the limit count as the limit. The wait takes at most half of the time until the context's deadline, so
// that the other half is left for the work. The room holds nothing meanwhile, so that waiting requests cannot block
// each other.
func (r *Room) Take(ctx context.Context, bytes int) bool {
	if r.of == nil || int64(bytes) <= r.held {
		return true
	}
	r.Leave()
	n := min(int64(bytes), r.of.most)
	if !r.of.take(ctx, n) {
		return false
	}
	r.held = n
	return true
}

// Keep gives back everything above a number of bytes.
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
