package game

import (
	"errors"
	"math"
	"slices"
	"sync"
	"time"
)

// hearing records when this process was able to hear its clients. One that was paused, that has just started or whose
// database was away cannot tell who kept in touch.
type hearing struct {
	mu sync.Mutex
	// last is the last contact with the store, or zero if there was none since the start or since a failure.
	last time.Time
	// gaps are the times without contact that no longer one follows. So they are ever shorter, and few.
	gaps []gap
}

// gap is a time without contact.
type gap struct {
	end    time.Time
	length time.Duration
}

// minGap is the length from which a time without contact is recorded. It is below half of the minimum of stale_after.
// The process looks at what is due every second.
const minGap = 2 * time.Second

// heard records that the store responded at the given time.
func (h *hearing) heard(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	length := h.silence(now)
	if h.last = now; length < minGap {
		return
	}
	h.gaps = slices.DeleteFunc(h.gaps, func(g gap) bool { return g.length <= length })
	h.gaps = append(h.gaps, gap{now, length})
}

// failed records that the store could not keep what a client told, because of the error. A document that cannot be
// decoded is no failure of the store.
func (h *hearing) failed(err error) {
	if KindOf(err) != Unavailable || errors.Is(err, ErrUnreadable) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = time.Time{}
}

// since returns since when this process has heard from clients that keep in touch every staleAfter: since the last time
// of half of that without contact, which is the given time if it lasts. Shorter ones, as on a busy machine, do not make
// clients miss their deadlines.
func (h *hearing) since(now time.Time, staleAfter time.Duration) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.silence(now) > staleAfter/2 {
		return now
	}
	for i := len(h.gaps) - 1; i >= 0; i-- {
		if h.gaps[i].length > staleAfter/2 {
			return h.gaps[i].end
		}
	}
	return time.Time{}
}

// silence returns how long there has been no contact. A clock that was set back counts like one that was set forward.
func (h *hearing) silence(now time.Time) time.Duration {
	if h.last.IsZero() {
		return math.MaxInt64
	}
	return now.Sub(h.last).Abs()
}
