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

// The metrics that samples are made of.
const (
	requestDuration = "gsm_http_request_duration_seconds"
	playersStored   = "gsm_players"
	seatsHeld       = "gsm_members"
	sessionsStored  = "gsm_sessions"
	// By the states in_use, idle and waiting.
	poolConnections = "gsm_store_pool_connections"

	goroutines     = "go_goroutines"
	residentMemory = "process_resident_memory_bytes" // where the system tells it
	runtimeMemory  = "go_memstats_sys_bytes"
)

// errNoCounts says that the population could not be counted, of which its collector has told the log.
var errNoCounts = errors.New("the store did not return its counts")

// Sampler stores what the metrics say, one sample at a time. It reads the same registry as Prometheus does, so that
// both tell the same story.
type Sampler struct {
	store     game.MetricsStore
	metrics   prometheus.Gatherer
	replica   string
	retention time.Duration
	now       func() time.Time

	mu     sync.Mutex
	stored counts // what the samples in the store come to
	// pending was sent and may or may not have been stored. The same sample is sent again, because another one could
	// count its requests twice.
	pending *reading
}

// counts are what only grows, since the process began.
type counts struct {
	at                             time.Time
	requests, clientErrors, errors int64
	latency                        game.Latency
}

// reading is a sample, and the counts at its end.
type reading struct {
	counts
	sample game.MetricsSample
}

// NewSampler returns a sampler for one process. It must be made with the process, because its first sample tells all
// that has been counted until then. Samples carry the name of the replica and may be removed after the retention.
func NewSampler(
	store game.MetricsStore, metrics prometheus.Gatherer, replica string, retention time.Duration, now func() time.Time,
) *Sampler {
	return &Sampler{
		store: store, metrics: metrics, replica: replica, retention: retention, now: now, stored: counts{at: now()},
	}
}

// Sample stores what was counted since the last sample. If it fails, nothing is lost: the next one covers that time
// too.
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

// read makes the sample of the time since the last one.
func (s *Sampler) read() (*reading, error) {
	r := &reading{counts: counts{at: s.now()}}
	at := r.at.UTC().Truncate(time.Millisecond)
	r.sample = game.MetricsSample{
		At: at, Replica: s.replica, ExpiresAt: at.Add(s.retention), Sessions: make(map[game.SessionStatus]int64),
		// By the clock that nobody sets, where there is one.
		Seconds: math.Round(r.at.Sub(s.stored.at).Seconds()*1000) / 1000,
	}
	if err := r.gather(s.metrics); err != nil {
		return nil, err
	}
	r.sample.Requests = r.requests - s.stored.requests
	r.sample.ClientErrors = r.clientErrors - s.stored.clientErrors
	r.sample.Errors = r.errors - s.stored.errors
	if r.sample.Requests > 0 { // else no buckets, which are most of a sample
		r.sample.Latency = since(s.stored.latency, r.latency)
	}
	return r, nil
}

// since returns the requests that were added to the earlier ones.
func since(earlier, l game.Latency) game.Latency {
	l.Counts = slices.Clone(l.Counts)
	for i, n := range earlier.Counts { // a process keeps its bounds
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
					continue // is there only if it has an exemplar; the rest is counted below in any case
				}
				l.Bounds, l.Counts = append(l.Bounds, b.GetUpperBound()), append(l.Counts, int64(b.GetCumulativeCount()-before)) //nolint:gosec // there are fewer requests than that
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

// count adds the requests of one method, route and status. Only those of the API count: probes, which come all the time
// and are answered at once, would hide how it is.
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

// gauge takes one of the numbers that samples have, and leaves the others.
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
