package bench

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What a histogram can tell apart: a microsecond, and of longer times three digits.
const (
	leastMicros = 1
	mostMicros  = int64(10 * time.Minute / time.Microsecond)
	digits      = 3
)

// recorder holds what was measured, by operation. A histogram that all clients share costs less memory than one for
// each, and a lock for each request costs nothing beside the request.
type recorder struct {
	mu     sync.Mutex
	series map[string]*series
	from   time.Time // what began before is not measured
	until  time.Time // nor what begins after that, unless it is zero
}

// series is what was measured of one operation.
type series struct {
	latency          *hdrhistogram.Histogram // of what was not an error, and of errors without a response
	errors, rejected map[string]int64        // by code
	count            int64
	event            bool // something else than a request
}

func newRecorder() *recorder { return &recorder{series: map[string]*series{}} }

// record adds a request that should have begun at some time and has just ended.
func (r *recorder) record(operation string, intended time.Time, a reply, expected bool) {
	took := time.Since(intended)
	r.mu.Lock()
	defer r.mu.Unlock()
	s, measured := r.of(operation, intended)
	switch {
	case !measured:
		return
	case a.ok():
	case expected:
		s.rejected[a.code]++
	default:
		s.errors[a.code]++
		if a.err == nil {
			return // it may be fast because it did nothing
		}
	}
	s.add(took)
}

// event adds the time that something else than a request took.
func (r *recorder) event(operation string, since time.Time) {
	took := time.Since(since)
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, measured := r.of(operation, since); measured {
		s.event = true
		s.add(took)
	}
}

// of returns the series to which something that began at some time belongs, with it counted.
func (r *recorder) of(operation string, began time.Time) (s *series, measured bool) {
	if began.Before(r.from) || !r.until.IsZero() && began.After(r.until) {
		return nil, false
	}
	s = r.series[operation]
	if s == nil {
		s = &series{
			latency: hdrhistogram.New(leastMicros, mostMicros, digits),
			errors:  map[string]int64{}, rejected: map[string]int64{},
		}
		r.series[operation] = s
	}
	s.count++
	return s, true
}

func (s *series) add(took time.Duration) {
	micros := min(max(took.Microseconds(), leastMicros), mostMicros)
	_ = s.latency.RecordValue(micros) // it is within the limits
}

// begin forgets what was recorded. It has what begins within a time recorded, although that may be over when it ends:
// what clients do after the end, such as the rest of their visits, is no load that anybody asked for.
func (r *recorder) begin(from, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from, r.until = from, until
	clear(r.series)
}

// end ends the time that is recorded, unless it was over before.
func (r *recorder) end(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.Before(r.until) {
		r.until = at
	}
}

// so returns how many requests and errors there are so far.
func (r *recorder) so() (requests, errors int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.series {
		if !s.event {
			requests += s.count
		}
		for _, n := range s.errors {
			errors += n
		}
	}
	return requests, errors
}

// operations returns what was recorded within a time, by name.
func (r *recorder) operations(within time.Duration) (all []Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.series)) {
		s := r.series[name]
		all = append(all, Operation{
			Name: name, Event: s.event, Requests: s.count, PerSecond: float64(s.count) / within.Seconds(),
			Errors: maps.Clone(s.errors), Rejected: maps.Clone(s.rejected), Latency: latencyOf(s.latency),
		})
	}
	return all
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	at := h.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean(), P50: at[0], P90: at[1], P99: at[2], P999: at[3], Max: h.Max(),
	}
}
