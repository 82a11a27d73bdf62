package game

import (
	"context"
	"sync/atomic"
)

// Room is what a request may hold in memory of documents that are large. It is the request's own: it takes what it
// needs of a room that all requests share, and whoever made it gives the rest back at the end of the request.
type Room interface {
	// Take waits until there is room for so many bytes in place of those taken before, and reports whether there is.
	Take(ctx context.Context, bytes int) bool
	// Keep gives back all but so many bytes.
	Keep(bytes int)
	// Adopt has the function called, once, when all is given back: what is shared with others is not the request's
	// alone.
	Adopt(left func())
	// Fresh returns a room of which nothing is taken, for work that outlives the request.
	Fresh() Room
}

type roomKey struct{}

// WithRoom returns a context that carries the room of a request. Work without one, such as that in the background,
// which does one thing after the other, has no limit.
func WithRoom(ctx context.Context, r Room) context.Context {
	return context.WithValue(ctx, roomKey{}, r)
}

// What a document takes while it is worked on, in bytes for each that is stored: what was read, the values that it is
// decoded to, what is written of it to the store, and the response.
const memoryFactor = 6

// LargeFrom is the stored size, in bytes, from which on an engine must call [TakeRoom] before it reads a document.
// What smaller ones take is bounded by how many requests are worked on at once.
const LargeFrom = 64 << 10

// TakeRoom waits for room for a document of so many stored bytes, in place of what was taken before. It returns
// ErrOverloaded where there is none in time.
func TakeRoom(ctx context.Context, stored int) error {
	r, ok := ctx.Value(roomKey{}).(Room)
	if !ok || r.Take(ctx, memoryFactor*stored) {
		return nil
	}
	return Overloaded(context.Cause(ctx))
}

// KeepRoom gives back the room of a request but for so many bytes, which it still holds.
func KeepRoom(ctx context.Context, bytes int) {
	if r, ok := ctx.Value(roomKey{}).(Room); ok {
		r.Keep(bytes)
	}
}

// Overloaded returns the [ErrOverloaded] of a request of which nothing was done, with its private cause.
func Overloaded(cause error) error { return ErrOverloaded.With("outcome", OutcomeNone).Because(cause) }

// sharedRoom is the room of a batch of changes. What the batch read is held until the last of its changes has been
// answered.
type sharedRoom struct {
	room Room
	left atomic.Int64 // who have not left
}

// newSharedRoom returns a room that so many leave, nil where the context has none.
func newSharedRoom(ctx context.Context, lodgers int) *sharedRoom {
	r, ok := ctx.Value(roomKey{}).(Room)
	if !ok {
		return nil
	}
	l := &sharedRoom{room: r.Fresh()}
	l.left.Store(int64(lodgers))
	return l
}

// within returns a context that carries the room.
func (l *sharedRoom) withRoom(ctx context.Context) context.Context {
	if l == nil {
		return ctx
	}
	return WithRoom(ctx, l.room)
}

func (l *sharedRoom) leave() {
	if l != nil && l.left.Add(-1) == 0 {
		l.room.Keep(0)
	}
}

// leaveWith has one of them leave with the request that the context is of.
func (l *sharedRoom) leaveWith(ctx context.Context) {
	if r, ok := ctx.Value(roomKey{}).(Room); ok && l != nil {
		r.Adopt(l.leave)
	}
}
