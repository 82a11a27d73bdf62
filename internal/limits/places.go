package limits

import (
	"container/list"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Places bound how much is done at once. A bounded number of others waits for a moment, which takes up what comes in bursts.
type Places struct {
	most, least int
	wait        time.Duration
	line        *line // that their number follows; nil where it is fixed

	mu      sync.Mutex
	places  int       // that there are now
	taken   int       // of them, more than there are until some have left
	waiting list.List // of chan struct{}, which is closed for one that gets a place
}

// QueueFactor is how many requests may wait for each place that there is.
const QueueFactor = 8

// leastFactor is how many places in flight there are at most for each that is left at least.
const leastFactor = 16

// lineFactor is how much shorter the line for the processors is to be than what a request may wait for its place. It is more than
// QueueFactor: where a line of all who have places is that short, whoever finds room to wait gets a place in time.
const lineFactor = 10

// NewPlaces returns that many places, for which requests wait at most so long.
func NewPlaces(n int, wait time.Duration) *Places {
	return &Places{most: n, least: n, places: n, wait: wait}
}

// NewInFlight returns places for so many requests that are worked on at once, so that under too many of them those that are let in
// are still answered in time; nil, which lets everything in, for 0.
//
// Requests that do not block wait for a processor and not for a place: in a line without a bound or a deadline, in which nobody has
// seen them. So those that get a place step aside where that line is long, until all who stand in it were let in or refused, and
// there are fewer places, with less room to wait for them, as long as it stays long. So do the slots of CockroachDB's admission
// control follow the goroutines that are ready to run.
func NewInFlight(most int, wait time.Duration) *Places {
	if most == 0 {
		return nil
	}
	p := NewPlaces(most, wait)
	p.least, p.line = max(most/leastFactor, 1), &line{begun: time.Now(), longest: wait / lineFactor}
	return p
}

// Full reports whether a request that came now would be refused at once.
func (p *Places) Full() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.full()
}

func (p *Places) full() bool {
	return p.taken >= p.places && p.waiting.Len() >= QueueFactor*p.places
}

// Load tells how many places there are, and how many requests wait for one.
func (p *Places) Load() (places, waiting int) {
	if p == nil {
		return 0, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.places, p.waiting.Len()
}

// Enter lets a request in, which must Leave, and reports whether it did. It waits for no more than half of what is left until the
// deadline of its context, so that the other half is left to do it.
func (p *Places) Enter(ctx context.Context) bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	switch {
	case p.taken < p.places:
		p.taken++
		p.mu.Unlock()
	case p.full():
		p.mu.Unlock()
		return false
	default:
		place := make(chan struct{})
		turn := p.waiting.PushBack(place)
		p.mu.Unlock()
		if !p.await(ctx, place) && !p.giveUp(turn) {
			return false
		}
	}
	if p.line != nil {
		if long, known := p.line.stepAside(); known {
			p.adjust(long)
		}
	}
	return true
}

// await waits for a place.
func (p *Places) await(ctx context.Context, place <-chan struct{}) bool {
	wait := p.wait
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
func (p *Places) giveUp(turn *list.Element) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-turn.Value.(chan struct{}):
		return true
	default:
		p.waiting.Remove(turn)
		return false
	}
}

// Leave makes room for another request.
func (p *Places) Leave() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	p.admit()
}

// adjust takes half of the places away if the line is long, and otherwise gives one back.
func (p *Places) adjust(long bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if long {
		p.places = max(p.places/2, p.least)
		return
	}
	p.places = min(p.places+1, p.most)
	p.admit()
}

// admit gives the places that are free to those who wait longest.
func (p *Places) admit() {
	for p.taken < p.places && p.waiting.Len() > 0 {
		p.taken++
		close(p.waiting.Remove(p.waiting.Front()).(chan struct{}))
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
