package observe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
)

// Metrics that samples are read from.
const (
	requestDuration = "gsm_http_request_duration_seconds"
	playersStored   = "gsm_players"
	seatsHeld       = "gsm_members"
	sessionsStored  = "gsm_sessions"
	// Labelled by state: in_use, idle and waiting.
	poolConnections = "gsm_store_pool_connections"

	goroutines     = "go_goroutines"
	residentMemory = "process_resident_memory_bytes" // where the operating system reports it
	runtimeMemory  = "go_memstats_sys_bytes"
)

// errNoCounts reports that the population could not be counted. Its collector has logged the cause.
var errNoCounts = errors.New("the store did not return its counts")

// Sampler stores the values of metrics, one sample at a time. It reads the registry that Prometheus scrapes, so that
// both show the same values.
type Sampler struct {
	store     game.MetricsStore
	metrics   prometheus.Gatherer
	replica   string
	retention time.Duration
	now       func() time.Time

	mu     sync.Mutex
	stored counts // the sum of all stored samples
	// pending was sent but may not have been stored. It is sent again unchanged, because a new sample would count its
	// requests a second time.
	pending *reading
}

// counts are the counters since the start of the process.
type counts struct {
	at                             time.Time
	requests, clientErrors, errors int64
	latency                        game.Latency
}

// reading is a sample, and the counters at its end.
type reading struct {
	counts
	sample game.MetricsSample
}

// NewSampler returns the sampler of a process. Create it at the start, because its first sample covers everything
// counted until then. Samples have the name of the replica and may be removed after the retention.
func NewSampler(
	store game.MetricsStore, metrics prometheus.Gatherer, replica string, retention time.Duration, now func() time.Time,
) *Sampler {
	return &Sampler{
		store: store, metrics: metrics, replica: replica, retention: retention, now: now, stored: counts{at: now()},
	}
}

// Sample stores the counts since the last sample. If it fails, the next sample includes them.
func (s *Sampler) Sample(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil {
		if err := s.send(ctx); err != nil {
			return err
		}
	}
	r, err := s.read()
	if err != nil {
		return err
	}
	s.pending = r
	return s.send(ctx)
}

func (s *Sampler) send(ctx context.Context) error {
	if err := s.store.AppendMetrics(ctx, s.pending.sample); err != nil {
		return fmt.Errorf("storing the metrics of %s: %w", s.pending.at.UTC().Format(time.RFC3339), err)
	}
	s.stored, s.pending = s.pending.counts, nil
	return nil
}

// read returns the sample of the time since the last one.
func (s *Sampler) read() (*reading, error) {
	r := &reading{counts: counts{at: s.now()}}
	at := r.at.UTC().Truncate(time.Millisecond)
	r.sample = game.MetricsSample{
		At: at, Replica: s.replica, ExpiresAt: at.Add(s.retention), Sessions: make(map[game.SessionStatus]int64),
		// Sub uses the monotonic clock, which is not affected by changes of the system time.
		Seconds: math.Round(r.at.Sub(s.stored.at).Seconds()*1000) / 1000,
	}
	if err := r.gather(s.metrics); err != nil {
		return nil, err
	}
	r.sample.Requests = r.requests - s.stored.requests
	r.sample.ClientErrors = r.clientErrors - s.stored.clientErrors
	r.sample.Errors = r.errors - s.stored.errors
	if r.sample.Requests > 0 { // without requests there are no buckets, which are most of a sample
		r.sample.Latency = since(s.stored.latency, r.latency)
	}
	return r, nil
}

// since returns the requests that were added since earlier.
func since(earlier, l game.Latency) game.Latency {
	l.Counts = slices.Clone(l.Counts)
	for i, n := range earlier.Counts { // the buckets of a process never change
		l.Counts[i] -= n
	}
	return l
}

// gather reads the metrics.
func (r *reading) gather(metrics prometheus.Gatherer) error {
	families, err := metrics.Gather()
	if err != nil {
		return fmt.Errorf("reading the metrics: %w", err)
	}
	counted := false
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := make(map[string]string)
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() != requestDuration {
				r.gauge(f.GetName(), labels, int64(m.GetGauge().GetValue()))
				counted = counted || f.GetName() == playersStored
				continue
			}
			h := m.GetHistogram()
			l := game.Latency{}
			var before uint64
			for _, b := range h.GetBucket() {
				if math.IsInf(b.GetUpperBound(), 1) {
					continue // this bucket exists only if it has an exemplar, and the total below includes it
				}
				l.Bounds = append(l.Bounds, b.GetUpperBound())
				l.Counts = append(l.Counts, int64(b.GetCumulativeCount()-before)) //nolint:gosec // far below 1<<63
				before = b.GetCumulativeCount()
			}
			l.Counts = append(l.Counts, int64(h.GetSampleCount()-before)) //nolint:gosec // as above
			r.count(labels, l)
		}
	}
	if !counted {
		return errNoCounts
	}
	return nil
}

// count adds the requests of one method, route and status. It counts only requests to the API: probes are frequent and
// fast, and would hide its latency.
func (r *reading) count(labels map[string]string, l game.Latency) {
	if route := labels["route"]; route != unmatchedRoute && !strings.HasPrefix(route, apiPaths) {
		return
	}
	n := l.Total()
	r.requests += n
	switch status := labels["status"]; {
	case strings.HasPrefix(status, "4"):
		r.clientErrors += n
	case strings.HasPrefix(status, "5"):
		r.errors += n
	}
	r.latency = r.latency.Plus(l)
}

// gauge stores the value if samples contain this metric.
func (r *reading) gauge(name string, labels map[string]string, value int64) {
	switch m := &r.sample; name {
	case playersStored:
		m.Players = value
	case seatsHeld:
		m.Members = value
	case sessionsStored:
		m.Sessions[game.SessionStatus(labels["status"])] = value
	case goroutines:
		m.Goroutines = value
	case residentMemory:
		m.MemoryBytes = value
	case runtimeMemory:
		if m.MemoryBytes == 0 {
			m.MemoryBytes = value
		}
	case poolConnections:
		if m.Pool == nil {
			m.Pool = new(game.Pool)
		}
		switch labels["state"] {
		case "in_use":
			m.Pool.InUse = value
		case "idle":
			m.Pool.Idle = value
		case "waiting":
			m.Pool.Waiting = value
		}
	}
}
