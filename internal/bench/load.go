package bench

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// arrivals says when clients begin what they do.
type arrivals struct {
	clients int
	rate    float64 // a second; 0 for clients that begin again when they are done
}

// run has clients do something until ctx ends, and returns once all have finished. do gets the client, and when the
// visit should have begun.
//
// In the closed model each client begins as soon as it is done, so that a slow server is asked less. In the open model
// visits come at a constant rate, whatever the server does. One that finds all clients busy begins late, and what it
// should have begun at stays as it was: its wait counts. Otherwise a server that stands still for a second would have
// one slow request where a thousand callers would have waited (coordinated omission). run returns how many visits
// should have begun and did not.
func (a arrivals) run(ctx context.Context, do func(client int, intended time.Time)) (unsent int64) {
	begin := time.Now()
	var next, begun atomic.Int64
	var all sync.WaitGroup
	for client := range a.clients {
		all.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1) - 1
				intended := time.Now()
				if a.rate > 0 {
					intended = begin.Add(time.Duration(float64(n) / a.rate * float64(time.Second)))
					if !sleepUntil(ctx, intended) {
						return
					}
				}
				begun.Add(1)
				do(client, intended)
			}
		})
	}
	<-ctx.Done()
	due := int64(time.Since(begin).Seconds() * a.rate)
	if a.rate > 0 {
		unsent = max(0, due-begun.Load())
	}
	all.Wait()
	return unsent
}

// sleepUntil returns false if ctx ends before.
func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil // both may be so
	case <-ctx.Done():
		return false
	}
}

// workload is a scenario that is prepared.
type workload struct {
	visit func(*visit)
	// check compares what is stored with what was acknowledged. It may be nil, as figures, which returns what else is
	// known of a load, settle, which waits for events that belong to a load, and close, which ends what prepare began.
	check   func(context.Context)
	figures func(loaded) map[string]float64
	settle  func(context.Context)
	close   func()
}

// visit is what a client does once: one request, or several.
type visit struct {
	*bench
	ctx      context.Context // of its requests, which outlive the load: nobody would know what became of them
	over     <-chan struct{} // closed when the load is over, so that thinking ends
	client   int
	n        int64 // of all visits of the run
	intended time.Time
	random   *rand.Rand // of the client
}

// call sends a request and measures it as an operation. The first request of a visit is measured from when it should
// have been sent, the others from when they are. Errors with a code of expected are no failures.
func (v *visit) call(operation string, q request, expected ...string) reply {
	intended := v.intended
	if v.intended = (time.Time{}); intended.IsZero() {
		intended = time.Now()
	}
	r := v.api.send(v.ctx, q)
	v.recorded.record(operation, intended, r, slices.Contains(expected, r.code))
	if r.err != nil {
		v.pause(connectionPause) // so that a server that is gone does not have clients spin
	}
	return r
}

const connectionPause = 20 * time.Millisecond

// think waits for a random time, of the mean that was asked for.
func (v *visit) think() {
	const longest = 5 // times the mean
	v.pause(time.Duration(min(v.random.ExpFloat64(), longest) * float64(v.Think)))
}

// pause waits, at most until the load is over.
func (v *visit) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-v.over:
	}
}

// loaded is what was measured of a load.
type loaded struct {
	operations []Operation
	took       time.Duration
	requests   int64
	errors     map[string]int64
	unsent     int64
	cpu        CPU
}

// load has clients visit the server for the warm-up and the duration.
func (b *bench) load(ctx context.Context, w workload, t *target) loaded {
	during, cancel := context.WithTimeout(ctx, b.WarmUp+b.Duration)
	defer cancel()
	requests := context.WithoutCancel(ctx)
	randoms := make([]*rand.Rand, b.Clients)
	for i := range randoms {
		randoms[i] = rand.New(rand.NewPCG(rand.Uint64(), uint64(i))) //nolint:gosec // traffic need not be unpredictable
	}
	from := time.Now().Add(b.WarmUp)
	b.recorded.begin(from, from.Add(b.Duration))
	watched := make(chan span)
	go func() { watched <- b.watch(during, from, t) }()
	var l loaded
	l.unsent = arrivals{b.Clients, b.Rate}.run(during, func(client int, intended time.Time) {
		w.visit(&visit{b, requests, during.Done(), client, b.visits.Add(1) - 1, intended, randoms[client]})
	})
	s := <-watched
	if w.settle != nil {
		w.settle(requests)
	}
	l.took = max(s.ended.Sub(from), time.Millisecond)
	l.operations = b.recorded.operations(l.took)
	l.errors = map[string]int64{}
	for _, o := range l.operations {
		if !o.Event {
			l.requests += o.Requests
		}
		for code, n := range o.Errors {
			l.errors[code] += n
		}
	}
	l.cpu = s.cpu(l.requests)
	return l
}

// span is the time that is measured, without the tail of what is still under way at its end.
type span struct {
	before, after meters
	ended         time.Time
}

// watch shows the progress of a load, and returns what the meters showed when the warm-up was over and at the end.
func (b *bench) watch(ctx context.Context, from time.Time, t *target) span {
	sleepUntil(ctx, from)
	before := t.meters()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s := span{before, t.meters(), time.Now()}
			b.recorded.end(s.ended)
			return s
		case <-tick.C:
		}
		took := time.Since(from)
		requests, errors := b.recorded.so()
		b.say("%.0f of %.0f s, %d requests, %.0f a second, %d errors", took.Seconds(), b.Duration.Seconds(), requests,
			float64(requests)/took.Seconds(), errors)
	}
}

const progressEvery = 500 * time.Millisecond

// advise warns of what makes the figures worth less, with what to do about it.
func (b *bench) advise(l loaded) {
	if l.unsent > 0 {
		b.warn("%d visits were due and had not begun at the end, because all %d clients were busy: the latencies of "+
			"those are not among the figures. Lower --rate, or raise --clients if the server could do more",
			l.unsent, b.Clients)
	}
	for code := range l.errors {
		switch code {
		case "rate_limited":
			b.warn("the server limits the rate of the API key: start it with GSM_RATE_SERVER=0 to measure it")
		case "overloaded":
			b.warn("the server was overloaded and rejected requests: lower --clients or --rate, or raise its " +
				"GSM_MAX_IN_FLIGHT")
		case "forbidden", "unauthenticated":
			b.warn("the server rejected the API key: use one of scope server or admin that stays valid")
		case "connection":
			b.warn("connections to the server failed: is it still running?")
		}
	}
}
