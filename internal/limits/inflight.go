package limits

import (
	"container/list"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// InFlight bounds how many requests are worked on at once, so that under too many of them those that are let in are still
// answered in time. A bounded number of others waits for a moment, which takes up what comes in bursts.
//
// Requests that do not block wait for a processor and not for a place: in a line without a bound or a deadline, in which nobody has
// seen them. So those that get a place step aside where that line is long, until all who stand in it were let in or refused, and
// there are fewer places, with less room to wait for them, as long as it stays long. So do the slots of CockroachDB's admission
// control follow the goroutines that are ready to run.
type InFlight struct {
	most, least int // places
	wait        time.Duration
	line        line

	mu      sync.Mutex
	places  int       // that there are now
	taken   int       // of them, more than there are until some have left
	waiting list.List // of chan struct{}, which is closed for one that gets a place
}

// QueueFactor is how many requests may wait for each place that there is.
const QueueFactor = 8

// leastFactor is how many of the places there are for each that is left at least.
const leastFactor = 16

// lineFactor is how much shorter the line for the processors is to be than what a request may wait for its place. It is more than
// QueueFactor: where a line of all who have places is that short, whoever finds room to wait gets a place in time.
const lineFactor = 10

// NewInFlight returns an InFlight for so many requests at once, of which others wait at most so long; nil, which lets
// everything in, for 0.
func NewInFlight(limit int, wait time.Duration) *InFlight {
	if limit == 0 {
		return nil
	}
	return &InFlight{most: limit, least: max(limit/leastFactor, 1), places: limit, wait: wait, line: line{begun: time.Now(), longest: wait / lineFactor}}
}

// Full reports whether a request that came now would be refused at once.
func (l *InFlight) Full() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full()
}

func (l *InFlight) full() bool {
	return l.taken >= l.places && l.waiting.Len() >= QueueFactor*l.places
}

// Load tells how many places there are, and how many requests wait for one.
func (l *InFlight) Load() (places, waiting int) {
	if l == nil {
		return 0, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.places, l.waiting.Len()
}

// Enter lets a request in, which must Leave, and reports whether it did. It waits for no more than half of what is left until the
// deadline of its context, so that the other half is left to do it.
func (l *InFlight) Enter(ctx context.Context) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	switch {
	case l.taken < l.places:
		l.taken++
		l.mu.Unlock()
	case l.full():
		l.mu.Unlock()
		return false
	default:
		place := make(chan struct{})
		turn := l.waiting.PushBack(place)
		l.mu.Unlock()
		if !l.await(ctx, place) && !l.giveUp(turn) {
			return false
		}
	}
	if long, known := l.line.stepAside(); known {
		l.adjust(long)
	}
	return true
}

// await waits for a place.
func (l *InFlight) await(ctx context.Context, place <-chan struct{}) bool {
	wait := l.wait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	patience := time.NewTimer(wait)
	defer patience.Stop()
	select {
	case <-place:
		return true
	case <-patience.C:
	case <-ctx.Done():
	}
	return false
}

// giveUp ends a request's waiting, and reports whether it has its place after all.
func (l *InFlight) giveUp(turn *list.Element) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-turn.Value.(chan struct{}):
		return true
	default:
		l.waiting.Remove(turn)
		return false
	}
}

// Leave makes room for another request.
func (l *InFlight) Leave() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken--
	l.admit()
}

// adjust takes half of the places away if the line is long, and otherwise gives one back.
func (l *InFlight) adjust(long bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if long {
		l.places = max(l.places/2, l.least)
		return
	}
	l.places = min(l.places+1, l.most)
	l.admit()
}

// admit gives the places that are free to those who wait longest.
func (l *InFlight) admit() {
	for l.taken < l.places && l.waiting.Len() > 0 {
		l.taken++
		close(l.waiting.Remove(l.waiting.Front()).(chan struct{}))
	}
}

// line is the one in which goroutines that are ready wait for a processor.
type line struct {
	begun   time.Time
	longest time.Duration // that it may take
	entered atomic.Uint64 // requests, of which some look how long it takes
	looking atomic.Int64  // since when one does, in nanoseconds since begun; 0 if none does
	took    atomic.Int64  // the last time, in nanoseconds
}

// sample is how many requests enter for each that looks how long the line is: stepping aside costs some microseconds.
const sample = 32

// stepAside lets all others in the line go first if it is long. It tells whether it is, if that was looked for.
func (l *line) stepAside() (long, known bool) {
	now, since := int64(time.Since(l.begun)), l.looking.Load()
	long = l.took.Load() >= int64(l.longest) || since != 0 && now-since >= int64(l.longest)
	look := (long || l.entered.Add(1)%sample == 0) && l.looking.CompareAndSwap(0, now)
	if !long && !look {
		return false, false
	}
	runtime.Gosched()
	if look {
		took := int64(time.Since(l.begun)) - now
		l.took.Store(took)
		l.looking.Store(0)
		long = took >= int64(l.longest)
	}
	return long, look
}
