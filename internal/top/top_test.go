package top

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is the time of the tests.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// exposition builds a page of metrics.
type exposition struct{ text strings.Builder }

// line writes a gauge or a counter.
func (e *exposition) line(name string, value float64) { fmt.Fprintf(&e.text, "%s %g\n", name, value) }

// kind starts a metric family.
func (e *exposition) kind(name, kind string) { fmt.Fprintf(&e.text, "# TYPE %s %s\n", name, kind) }

// histogram writes a histogram with three buckets: up to 1 ms, up to 10 ms, and above.
func (e *exposition) histogram(name, labels string, counts ...int) {
	sum := 0
	for i, le := range []string{"0.001", "0.01", "+Inf"} {
		sum += counts[i]
		fmt.Fprintf(&e.text, "%s_bucket{%s,le=%q} %d\n", name, labels, le, sum)
	}
	fmt.Fprintf(&e.text, "%s_sum{%s} %d\n%s_count{%s} %d\n", name, labels, 3*sum, name, labels, sum)
}

// busy returns the metrics of a server after n rounds of the same requests.
func busy(n int, start time.Time) string {
	var e exposition
	e.kind("gsm_build_info", "gauge")
	e.line(`gsm_build_info{version="1.4.0",engine="sqlite",go_version="go1.26.0"}`, 1)
	e.line("process_start_time_seconds", float64(start.Unix()))
	e.kind("process_cpu_seconds_total", "counter")
	e.line("process_cpu_seconds_total", .25*float64(n))
	e.line("process_resident_memory_bytes", 45<<20)
	e.line("go_memstats_heap_alloc_bytes", 7.25*(1<<20))
	e.line("go_goroutines", 31)
	e.line("process_open_fds", 24)
	e.line("gsm_players", 12345)
	e.line("gsm_members", 4321)
	for i, s := range []string{"pending", "open", "starting", "in_progress"} {
		e.line(fmt.Sprintf("gsm_sessions{status=%q}", s), float64(i*i*i*i))
	}
	e.kind("gsm_leases_renewed_total", "counter")
	e.line(`gsm_leases_renewed_total{of="session"}`, float64(40*n))
	e.line(`gsm_leases_renewed_total{of="member"}`, float64(10*n))
	e.kind("gsm_sessions_turned_stale_total", "counter")
	e.line("gsm_sessions_turned_stale_total", float64(n))
	e.kind("gsm_sessions_lease_expired_total", "counter")
	e.line("gsm_sessions_lease_expired_total", 7)
	e.line("gsm_http_requests_in_flight", 3)
	e.line(`gsm_store_pool_connections{state="in_use"}`, 2)
	e.line(`gsm_store_pool_connections{state="idle"}`, 5)
	e.line(`gsm_store_pool_connections{state="waiting"}`, 1)
	e.line("gsm_store_up", 1)
	e.line(`gsm_store_size_bytes{file="database"}`, 160<<20)
	e.line(`gsm_store_size_bytes{file="wal"}`, 20<<20)
	e.line("gsm_store_disk_free_bytes", 100<<20)
	request := func(method, route, status string, counts ...int) {
		e.histogram(requests, fmt.Sprintf("method=%q,route=%q,status=%q", method, route, status), counts...)
	}
	e.kind(requests, "histogram")
	request("GET", "/api/v1/players/{player_id}", "200", 1000*n, 100*n, 2*n)
	request("GET", "/api/v1/players/{player_id}", "404", 10*n, 0, 0)
	request("DELETE", "/api/v1/sessions/{session_id}/members/{player_id}", "200", 100*n, 50*n, 0)
	request("DELETE", "/api/v1/sessions/{session_id}/members/{player_id}", "503", 0, 0, n)
	request("POST", "/api/v1/sessions", "201", 200, 200, 0) // none since
	request("GET", "/readyz", "200", 500*n, 0, 0)
	request("GET", "unmatched", "404", 20*n, 0, 0)
	e.kind(operations, "histogram")
	e.histogram(operations, `operation="get_player",result="ok"`, 1100*n, 0, 0)
	e.histogram(operations, `operation="get_player",result="not_found"`, 10*n, 0, 0)
	e.histogram(operations, `operation="replace_session",result="stale"`, 4*n, 0, 0)
	e.histogram(operations, `operation="replace_session",result="unavailable"`, 0, 0, n)
	e.kind(commits, "histogram")
	e.histogram(commits, `x=""`, 0, 60*n, 0)
	e.kind(commitSizes, "histogram")
	e.histogram(commitSizes, `x=""`, 60*n, 0, 0)
	return e.text.String()
}

// moment parses a page of metrics.
func moment(t testing.TB, text string, at time.Time) Moment {
	t.Helper()
	m, err := Read(strings.NewReader(text), at)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// looks returns two moments of a server, two seconds apart.
func looks(t testing.TB) (Moment, Moment) {
	t.Helper()
	start := noon().Add(-3*time.Hour - 12*time.Minute)
	return moment(t, busy(10, start), noon().Add(-2*time.Second)), moment(t, busy(12, start), noon())
}

func picture(t testing.TB) Screen {
	t.Helper()
	a, b := looks(t)
	s := Screen{
		Addr: "127.0.0.1:8081", Interval: 2 * time.Second, Figures: Between(&a, b), Now: noon(), Sort: ByRate,
		Groups: []Group{
			{
				"store_unavailable", "/api/v1/sessions", "the store does not answer: connection refused", 12,
				noon().Add(-3 * time.Second),
			},
			{"background", "purge_metrics", "deadline exceeded", 1, noon().Add(-26 * time.Hour)},
		},
	}
	for i := range 90 {
		s.history.rates = append(s.history.rates, float64(i%17)*70)
		s.history.p99s = append(s.history.p99s, float64(i%5)/100)
	}
	return s
}

// golden compares text with a file in testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("not as in %s, which go test -update writes anew:\n%s", path, diff)
	}
}
