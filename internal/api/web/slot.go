package web

import (
	"context"
	"net/http"
)

// Concurrency limits how many requests are processed at once.
type Concurrency interface {
	// Enter waits for a slot. It reports whether it got one before the limit's queue time or the context ended.
	Enter(ctx context.Context) bool
	Leave()
}

// Slot is a request's slot in a Concurrency limit. It is released when the response is written, so that clients that do
// not read their responses hold none. It must not be used concurrently.
type Slot struct {
	http.ResponseWriter
	limit Concurrency
	held  bool
}

type slotKey struct{}

// NewSlot returns a slot, not yet taken, that wraps the writer of a response.
func NewSlot(w http.ResponseWriter, limit Concurrency) *Slot {
	return &Slot{ResponseWriter: w, limit: limit}
}

// WithSlot returns a copy of the request that carries the slot, for [SlotFrom].
func WithSlot(r *http.Request, s *Slot) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), slotKey{}, s))
}

// SlotFrom returns the slot of the context's request, or nil if it carries none.
func SlotFrom(ctx context.Context) *Slot {
	s, _ := ctx.Value(slotKey{}).(*Slot)
	return s
}

// Enter takes the slot and reports whether it succeeded.
func (s *Slot) Enter(ctx context.Context) bool {
	s.held = s.limit.Enter(ctx)
	return s.held
}

// Leave releases the slot if it is held.
func (s *Slot) Leave() {
	if s.held {
		s.held = false
		s.limit.Leave()
	}
}

// Write implements [http.ResponseWriter].
func (s *Slot) Write(b []byte) (int, error) {
	s.Leave()
	return s.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors on as they are
}

// Unwrap lets [http.ResponseController] reach the connection.
func (s *Slot) Unwrap() http.ResponseWriter { return s.ResponseWriter }
