package tests_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"game-session-manager/internal/bench"
	"game-session-manager/internal/game"
)

const (
	// soakSetting is how long the soak takes, as 10m. It is run by make soak alone.
	soakSetting = "GSM_TEST_SOAK"

	soakClients = 64
	soakThink   = 100 * time.Millisecond // on average, between the requests of a player: some 500 requests a second
	soakMoments = 20
	soakMemory  = 100e6 // bytes that the process may take on the embedded database
)

// moment is what a process takes at one time.
type moment struct {
	at                     time.Duration // since the load began
	resident, heap, goHeld float64       // bytes: of all; of live and dead objects; that Go has from the system
	files, goroutines      float64
	latency                game.Latency // of all requests so far
	requests               int64        // since the moment before, as p99
	p99                    time.Duration
}

// TestSoak shows that what a process takes is bounded and does not grow with time: the same players play the lobbies of
// `gsm bench` for a while. It fails where the last quarter took more than the second one, although the database has
// grown by the sessions that ended meanwhile.
func TestSoak(t *testing.T) {
	only(t, sqlite)
	if os.Getenv(soakSetting) == "" {
		t.Skipf("takes minutes: make soak sets %s", soakSetting)
	}
	during, err := time.ParseDuration(os.Getenv(soakSetting))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(o *setup) { o.env = append(o.env, "OTEL_SDK_DISABLED=true") })
	begin, began := s.moment(t, moment{}), time.Now()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var r bench.Report
	loaded := make(chan error, 1)
	go func() {
		defer end()
		var err error
		r, err = bench.Run(t.Context(), bench.Options{
			Scenario: "lobby", Against: s.url, Clients: soakClients, Think: soakThink, Duration: during, Stock: 10,
			Seats: 2, Batch: 1, Followers: 1, P99: time.Second,
		})
		loaded <- err
	}()
	series := s.watch(ctx, t, begin, during/soakMoments)
	if err := <-loaded; err != nil || r.Err() != nil || len(r.Errors) > 0 {
		t.Errorf("%v, %v, errors %v", err, r.Err(), r.Errors)
	}
	rest := s.moment(t, begin)
	rest.at = time.Since(began)
	t.Logf("\n%s", soakTable(append(append([]moment{begin}, series...), rest)))
	for _, m := range append(series, rest) {
		if m.resident > soakMemory {
			t.Errorf("after %v it takes %.0f bytes, more than %.0f", m.at.Round(time.Second), m.resident, soakMemory)
		}
	}
	steady(t, series)
}

// watch returns what the process takes at each interval until the context ends.
func (s *server) watch(ctx context.Context, t *testing.T, before moment, every time.Duration) (series []moment) {
	t.Helper()
	begin := time.Now()
	for pause(ctx, every) {
		m := s.moment(t, before)
		m.at = time.Since(begin)
		series, before = append(series, m), m
	}
	return series
}

// steady fails the test if the last quarter of the series takes more than the second one. The first is for caches to
// fill.
func steady(t *testing.T, series []moment) {
	t.Helper()
	n := len(series) / 4
	if n == 0 {
		t.Fatal("it was too short to tell anything")
	}
	for name, f := range map[string]struct {
		of    func(moment) float64
		slack float64 // beside a tenth of what it was
	}{
		"resident bytes": {func(m moment) float64 { return m.resident }, 8 << 20},
		"bytes of Go":    {func(m moment) float64 { return m.goHeld }, 8 << 20},
		"open files":     {func(m moment) float64 { return m.files }, 4},
		"goroutines":     {func(m moment) float64 { return m.goroutines }, soakClients / 2}, // one or two a request
		// What else runs on the machine shows here first.
		"seconds of the 99th percentile": {func(m moment) float64 { return 0.5 * m.p99.Seconds() }, 0.1},
	} {
		before, after := middle(series[n:2*n], f.of), middle(series[len(series)-n:], f.of)
		if after > 1.1*before+f.slack {
			t.Errorf("%s grew from %.3g to %.3g", name, before, after)
		}
	}
}

func middle(series []moment, of func(moment) float64) float64 {
	values := make([]float64, len(series))
	for i, m := range series {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func soakTable(series []moment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8s %9s %9s %9s %9s %6s %10s %9s %9s\n",
		"at", "resident", "heap", "Go", "beside", "files", "goroutines", "requests", "p99")
	for _, m := range series {
		const mb = 1e6
		fmt.Fprintf(&b, "%8s %6.1f MB %6.1f MB %6.1f MB %6.1f MB %6.0f %10.0f %9d %9s\n",
			m.at.Round(time.Second), m.resident/mb, m.heap/mb, m.goHeld/mb, (m.resident-m.goHeld)/mb,
			m.files, m.goroutines, m.requests, m.p99.Round(100*time.Microsecond))
	}
	return b.String()
}

// moment reads what the process tells of itself.
func (s *server) moment(t *testing.T, before moment) moment {
	t.Helper()
	all := s.families(t)
	value := func(name string) float64 {
		if f := all[name]; f != nil {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
		t.Fatalf("there is no %s", name)
		return 0
	}
	m := moment{
		resident: value("process_resident_memory_bytes"), heap: value("go_memstats_heap_alloc_bytes"),
		goHeld: value("go_memstats_sys_bytes") - value("go_memstats_heap_released_bytes"),
		files:  value("process_open_fds"), goroutines: value("go_goroutines"),
	}
	for _, of := range all["gsm_http_request_duration_seconds"].GetMetric() {
		m.latency = m.latency.Plus(latencyOf(of.GetHistogram()))
	}
	since := game.Latency{Bounds: m.latency.Bounds, Counts: slices.Clone(m.latency.Counts)}
	for i, n := range before.latency.Counts {
		since.Counts[i] -= n
	}
	m.requests = since.Total()
	p99, _ := since.Quantile(0.99)
	m.p99 = time.Duration(p99 * float64(time.Second))
	return m
}

// latencyOf returns a histogram of metrics, whose counts are cumulative.
func latencyOf(h *dto.Histogram) (l game.Latency) {
	var before uint64
	add := func(count uint64) {
		l.Counts = append(l.Counts, int64(count-before))
		before = count
	}
	for _, b := range h.GetBucket() {
		if !math.IsInf(b.GetUpperBound(), 1) {
			l.Bounds = append(l.Bounds, b.GetUpperBound())
			add(b.GetCumulativeCount())
		}
	}
	add(h.GetSampleCount())
	return l
}

// pause reports whether the context lasted for so long.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
