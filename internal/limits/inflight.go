package limits

import (
	"context"
	"time"
)

// InFlight bounds how many requests are worked on at once, so that under too many of them those that are let in are still
// answered in time. A bounded number of others waits for a moment, which takes up what comes in bursts.
type InFlight struct {
	slots chan struct{} // one for each request that is worked on
	queue chan struct{} // one for each that waits
	wait  time.Duration
}

// QueueFactor is how many requests may wait for each that is worked on.
const QueueFactor = 8

// NewInFlight returns an InFlight for so many requests at once, of which others wait at most so long; nil, which lets
// everything in, for 0.
func NewInFlight(limit int, wait time.Duration) *InFlight {
	if limit == 0 {
		return nil
	}
	return &InFlight{make(chan struct{}, limit), make(chan struct{}, QueueFactor*limit), wait}
}

// Full reports whether a request that came now would be refused at once.
func (l *InFlight) Full() bool {
	return l != nil && len(l.queue) == cap(l.queue) && len(l.slots) == cap(l.slots)
}

// Enter lets a request in, which must Leave, and reports whether it did. It waits for no more than half of what is left until the
// deadline of its context, so that the other half is left to do it.
func (l *InFlight) Enter(ctx context.Context) bool {
	if l == nil {
		return true
	}
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	select {
	case l.queue <- struct{}{}:
		defer func() { <-l.queue }()
	default:
		return false
	}
	wait := l.wait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	patience := time.NewTimer(wait)
	defer patience.Stop()
	select {
	case l.slots <- struct{}{}:
		return true
	case <-patience.C:
	case <-ctx.Done():
	}
	return false
}

// Leave makes room for another request.
func (l *InFlight) Leave() {
	if l != nil {
		<-l.slots
	}
}
