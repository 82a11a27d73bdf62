package game

import (
	"errors"
	"sync"
	"time"
)

// hearing records since when this process has heard from clients without interruption. A process that was paused, that
// has just started or whose database was away cannot tell who kept in touch.
type hearing struct {
	mu    sync.Mutex
	began time.Time // zero before the first contact with the store
	last  time.Time // contact with the store
}

// deafAfter is how long the process may be without contact with the store, which it looks for what is due in every
// second. After that it counts as interrupted. It is below the minimum of stale_after.
const deafAfter = 3 * time.Second

// heard records that the store responded at the given time.
func (h *hearing) heard(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.interrupted(now) {
		h.began = now
	}
	h.last = now
}

// failed records that the store could not keep what a client told, because of the error. A document that cannot be
// decoded is no failure of the store.
func (h *hearing) failed(err error) {
	if errors.Is(err, ErrUnreadable) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.began = time.Time{}
}

// since returns since when this process has heard from clients. It is the given time if it was interrupted before.
func (h *hearing) since(now time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.interrupted(now) {
		return now
	}
	return h.began
}

func (h *hearing) interrupted(now time.Time) bool {
	return h.began.IsZero() || now.Sub(h.last) > deafAfter || now.Before(h.last.Add(-deafAfter))
}
