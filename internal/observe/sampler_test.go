package observe_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store/storetest"
)

const retention = 1000 * time.Hour

// sampled is a service whose requests take a given time, with a sampler.
type sampled struct {
	*observe.Sampler
	registry *prometheus.Registry
	store    game.Store // without faults
	handler  http.Handler
	begin    time.Time
	now      time.Time
}

func newSampled(t *testing.T, faults ...storetest.Fault) *sampled {
	t.Helper()
	return newSampledBy(t, nil, faults...)
}

// newSampledBy returns a sampled with traces.
func newSampledBy(t *testing.T, traces *observe.Traces, faults ...storetest.Fault) *sampled {
	t.Helper()
	s := &sampled{registry: prometheus.NewPedanticRegistry(), store: openObserved(t, prometheus.NewRegistry())}
	s.begin = time.Now().UTC().Truncate(time.Millisecond)
	s.now = s.begin
	clock := func() time.Time { return s.now }
	log := slog.New(slog.DiscardHandler)
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			took, err := time.ParseDuration(r.URL.Query().Get("took"))
			if err != nil {
				t.Error(err)
			}
			s.now = s.now.Add(took)
			w.WriteHeader(status)
		}
	}
	mux := http.NewServeMux()
	for pattern, status := range map[string]int{
		"GET /api/ok": 200, "GET /api/moved": 304, "GET /api/wrong": 422, "GET /api/broken": 500, "GET /readyz": 503,
	} {
		mux.HandleFunc(pattern, answer(status))
	}
	failing := storetest.Failing(s.store, faults...)
	s.handler = observe.HTTP(
		&observe.Logs{API: log, Rejected: log}, observe.Meter{Metrics: s.registry, Traces: traces, Now: clock},
	)(mux)
	s.registry.MustRegister(observe.Population(failing, log, clock))
	s.Sampler = observe.NewSampler(failing, s.registry, "r", retention, clock)
	return s
}

func (s *sampled) get(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		s.handler.ServeHTTP(
			httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil),
		)
	}
}

// sample advances the clock and takes a sample.
func (s *sampled) sample(t *testing.T, after time.Duration) error {
	t.Helper()
	s.now = s.now.Add(after)
	return s.Sample(t.Context())
}

// all returns the stored samples.
func (s *sampled) all(t *testing.T) []game.MetricsSample {
	t.Helper()
	all, err := s.store.Metrics(t.Context(), game.MetricsQuery{From: s.begin, To: s.begin.Add(time.Hour), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSample(t *testing.T) {
	t.Parallel()
	s := newSampled(t)
	create(t, s.store)
	s.get(
		t, "/api/ok?took=300us", "/api/ok?took=700us", "/api/moved?took=1s", "/api/wrong?took=2ms",
		"/api/broken?took=30s", "/nowhere", "/readyz?took=9s",
	)
	if err := s.sample(t, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	pool := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gsm_store_pool_connections"}, []string{"state"})
	s.registry.MustRegister(pool)
	pool.WithLabelValues("in_use").Set(3)
	pool.WithLabelValues("idle").Set(4)
	pool.WithLabelValues("waiting").Set(5)
	s.get(t, "/api/ok?took=300us")
	for range 2 {
		if err := s.sample(t, 15*time.Second); err != nil {
			t.Fatal(err)
		}
	}

	all := s.all(t)
	if len(all) != 3 {
		t.Fatalf("%d samples, want 3", len(all))
	}
	first, second, third := all[0], all[1], all[2]
	if first.Replica != "r" || !first.ExpiresAt.Equal(first.At.Add(retention)) || first.Seconds != 45.003 ||
		!first.At.Equal(s.begin.Add(45003*time.Millisecond)) {
		t.Errorf("the first sample is %+v, which began at %v", first, s.begin)
	}
	if first.Requests != 6 || first.ClientErrors != 2 || first.Errors != 1 || first.Players != 1 ||
		first.Sessions[game.StatusOpen] != 0 || len(first.Sessions) != 4 || first.Pool != nil {
		t.Errorf("the first sample is %+v", first)
	}
	buckets := game.Latency{
		Bounds: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		Counts: []int64{2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1},
	}
	if d := cmp.Diff(buckets, first.Latency); d != "" {
		t.Error(d)
	}
	buckets.Counts = []int64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if d := cmp.Diff(buckets, second.Latency); d != "" || second.Requests != 1 || second.ClientErrors != 0 ||
		second.Errors != 0 || second.Seconds != 15 {
		t.Errorf("the second sample is %+v\n%s", second, d)
	}
	if d := cmp.Diff(&game.Pool{InUse: 3, Idle: 4, Waiting: 5}, second.Pool); d != "" {
		t.Error(d)
	}
	if third.Requests != 0 || third.Latency.Total() != 0 || third.Seconds != 15 || third.Players != 1 {
		t.Errorf("the third sample is %+v", third)
	}
}

// The process metrics come from the collectors of every registry.
func TestSampleOfTheProcess(t *testing.T) {
	t.Parallel()
	store, registry := openObserved(t, prometheus.NewRegistry()), observe.NewRegistry(observe.Service{Version: "test"})
	registry.MustRegister(observe.Population(store, slog.New(slog.DiscardHandler), time.Now))
	s := observe.NewSampler(store, registry, "r", retention, time.Now)
	if err := s.Sample(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := store.Metrics(
		t.Context(), game.MetricsQuery{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Limit: 2},
	)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	if m := all[0]; m.MemoryBytes < 1<<20 || m.Goroutines < 2 || m.Requests != 0 || m.Seconds < 0 || m.Seconds > 60 {
		t.Errorf("the sample is %+v", m)
	}
}

// Every request is counted once, whatever fails in the store.
func TestSampleLosesNothing(t *testing.T) {
	t.Parallel()
	down := game.Unanswered(game.OutcomeNone, errors.New("down"))
	lost := game.Unanswered(game.OutcomeUnknown, errors.New("lost"))
	for _, test := range []struct {
		name    string
		fault   storetest.Fault
		seconds []float64 // of the samples that are stored in the end
	}{
		{"one append fails", storetest.Fault{
			Operation: "AppendMetrics", From: 2, Calls: 1, Err: down,
		}, []float64{10, 10, 10, 10, 10, 10}},
		{"appends fail for some time", storetest.Fault{
			Operation: "AppendMetrics", From: 2, Calls: 3, Err: down,
		}, []float64{10, 10, 30, 10}},
		{"one response is lost", storetest.Fault{
			Operation: "AppendMetrics", From: 2, Calls: 1, After: true, Err: lost,
		}, []float64{10, 10, 10, 10, 10, 10}},
		{"responses are lost for some time", storetest.Fault{
			Operation: "AppendMetrics", From: 2, Calls: 3, After: true, Err: lost,
		}, []float64{10, 10, 30, 10}},
		{"the first append fails", storetest.Fault{
			Operation: "AppendMetrics", Calls: 2, Err: down,
		}, []float64{10, 20, 10, 10, 10}},
		{"nothing can be counted", storetest.Fault{
			Operation: "Stats", From: 2, Calls: 2, Err: down,
		}, []float64{10, 30, 10, 10}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSampled(t, test.fault)
			const rounds = 6
			failures := 0
			for range rounds {
				s.get(t, "/api/ok?took=0s", "/api/broken?took=0s")
				// Longer than the population is cached, so that it is counted again.
				if err := s.sample(t, 10*time.Second+time.Nanosecond); err != nil {
					if !errors.Is(err, game.ErrStoreUnavailable) && test.fault.Operation == "AppendMetrics" {
						t.Error(err)
					}
					failures++
				}
			}
			var seconds []float64
			var requests, wrong, measured int64
			for _, m := range s.all(t) {
				seconds = append(seconds, m.Seconds)
				requests, wrong, measured = requests+m.Requests, wrong+m.Errors, measured+m.Latency.Total()
			}
			if requests != 2*rounds || wrong != rounds || measured != 2*rounds {
				t.Errorf(
					"%d requests, %d errors and %d measured; want %d, %d and %d", requests, wrong, measured, 2*rounds,
					rounds, 2*rounds,
				)
			}
			if d := cmp.Diff(test.seconds, seconds); d != "" || failures != test.fault.Calls {
				t.Errorf("%d failures\n%s", failures, d)
			}
		})
	}
}

func TestSampleOfMetricsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSampled(t)
	broken := prometheus.CollectorFunc(func(c chan<- prometheus.Metric) {
		c <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "", nil, nil), context.Canceled)
	})
	s.registry.MustRegister(broken)
	if err := s.sample(t, time.Second); err == nil {
		t.Error("a sample was made of metrics that cannot be read")
	}
	if all := s.all(t); len(all) != 0 {
		t.Errorf("stored %v", all)
	}
}
