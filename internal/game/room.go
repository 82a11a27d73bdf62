package game

import (
	"context"
	"sync/atomic"
)

// Room is the memory that a request reserves for large documents, from an amount that all requests share. Whoever
// creates it releases the rest at the end of the request.
type Room interface {
	// Take waits until the given number of bytes can be reserved in place of those reserved before, and reports whether
	// they were.
	Take(ctx context.Context, bytes int) bool
	// Keep releases all but the given number of bytes.
	Keep(bytes int)
	// Adopt has left called once when everything is released. A batch uses it to learn when the requests that share its
	// room have ended.
	Adopt(left func())
	// Fresh returns an empty room for work that outlives the request.
	Fresh() Room
}

type roomKey struct{}

// WithRoom returns a copy of ctx that carries the room of a request. Without one, memory is not limited: background
// work handles one document after the other.
func WithRoom(ctx context.Context, r Room) context.Context {
	return context.WithValue(ctx, roomKey{}, r)
}

// memoryFactor is the memory that work on a document needs, as a multiple of its stored size: what was read, the
// decoded values, what is written to the store, and the response.
const memoryFactor = 6

// LargeFrom is the stored size in bytes from which an engine must call [TakeRoom] before it reads a document. The limit
// on requests in flight bounds the memory for smaller ones.
const LargeFrom = 64 << 10

// TakeRoom waits for the memory for a document of the given stored size in bytes, in place of what ctx had reserved. It
// returns ErrOverloaded if there is not enough in time.
func TakeRoom(ctx context.Context, stored int) error {
	r, ok := ctx.Value(roomKey{}).(Room)
	if !ok || r.Take(ctx, memoryFactor*stored) {
		return nil
	}
	return Overloaded(context.Cause(ctx))
}

// KeepRoom releases all but the given number of bytes of the memory that ctx has reserved.
func KeepRoom(ctx context.Context, bytes int) {
	if r, ok := ctx.Value(roomKey{}).(Room); ok {
		r.Keep(bytes)
	}
}

// withOwnRoom returns a copy of ctx with an empty room of its own, for work beside other work of the same request, and
// what releases it: a room is not safe for concurrent use.
func withOwnRoom(ctx context.Context) (own context.Context, leave func()) {
	r, ok := ctx.Value(roomKey{}).(Room)
	if !ok {
		return ctx, func() {}
	}
	fresh := r.Fresh()
	return WithRoom(ctx, fresh), func() { fresh.Keep(0) }
}

// Overloaded returns the [ErrOverloaded] of a request that changed nothing, with its private cause.
func Overloaded(cause error) error { return ErrOverloaded.With("outcome", OutcomeNone).Because(cause) }

// sharedRoom is the memory of a batch. It is released when all of its changes have been completed.
type sharedRoom struct {
	room Room
	left atomic.Int64 // calls of leave until the release
}

// newSharedRoom returns a room that is released after the given number of calls of leave, or nil if ctx has no room.
func newSharedRoom(ctx context.Context, users int) *sharedRoom {
	r, ok := ctx.Value(roomKey{}).(Room)
	if !ok {
		return nil
	}
	s := &sharedRoom{room: r.Fresh()}
	s.left.Store(int64(users))
	return s
}

// withRoom returns a copy of ctx that carries the room.
func (s *sharedRoom) withRoom(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return WithRoom(ctx, s.room)
}

func (s *sharedRoom) leave() {
	if s != nil && s.left.Add(-1) == 0 {
		s.room.Keep(0)
	}
}

// leaveWith has leave called at the end of the request that ctx belongs to.
func (s *sharedRoom) leaveWith(ctx context.Context) {
	if r, ok := ctx.Value(roomKey{}).(Room); ok && s != nil {
		r.Adopt(s.leave)
	}
}
