package web

import (
	"context"
	"net/http"
)

// Concurrency is a limit of requests that are worked on at once.
type Concurrency interface {
	// Enter waits for a place, and reports whether there was one before the limit's time or the context's end.
	Enter(ctx context.Context) bool
	Leave()
}

// Slot is the place that a request has among those that are worked on. It ends where the response is written, so that
// callers who do not read their responses have none. One goroutine uses it.
type Slot struct {
	http.ResponseWriter
	among Concurrency
	held  bool
}

type slotKey struct{}

// NewSlot returns a slot that is not taken yet, around the writer of a response.
func NewSlot(w http.ResponseWriter, among Concurrency) *Slot {
	return &Slot{ResponseWriter: w, among: among}
}

// WithSlot returns a request that carries its slot, for [SlotFrom].
func WithSlot(r *http.Request, s *Slot) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), slotKey{}, s))
}

// SlotFrom returns the slot of the request that the context is of, nil if it carries none.
func SlotFrom(ctx context.Context) *Slot {
	s, _ := ctx.Value(slotKey{}).(*Slot)
	return s
}

// Enter takes the slot, and reports whether there was one.
func (s *Slot) Enter(ctx context.Context) bool {
	s.held = s.among.Enter(ctx)
	return s.held
}

// Leave gives the slot back, if it is held.
func (s *Slot) Leave() {
	if s.held {
		s.held = false
		s.among.Leave()
	}
}

// Write implements [http.ResponseWriter].
func (s *Slot) Write(b []byte) (int, error) {
	s.Leave()
	return s.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors on as they are
}

// Unwrap lets [http.ResponseController] reach the connection.
func (s *Slot) Unwrap() http.ResponseWriter { return s.ResponseWriter }
