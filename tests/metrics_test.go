package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
)

// amounts is what points add up to.
type amounts struct{ requests, clientErrors, errors int64 }

// sum adds up the points of a replica.
func sum(m client.SystemMetrics, replica string) (a amounts) {
	for _, p := range m.Items {
		if p.Replica == replica {
			a = amounts{a.requests + p.Requests, a.clientErrors + p.ClientErrors, a.errors + p.Errors}
		}
	}
	return a
}

// Every request is counted once, by the process that responded, and the counts outlive that process.
func TestSystemMetrics(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	first := start(t, withArgs("--replica=first"))
	first.newPlayers(t, "p", 3)
	_, players := first.lobby(t, "q", 2, client.Settings{MaxPlayers: 4})
	first.do(t, "GET /api/v1/players/"+string(players[0].ID), "").is(http.StatusOK)
	first.do(t, "GET /api/v1/players/"+nobody, "").is(http.StatusNotFound)
	first.do(t, "GET /nowhere", "").is(http.StatusNotFound)
	first.do(t, "GET /health", "").is(http.StatusOK) // is not counted
	first.do(t, "GET /api/v1/metrics/system?step=7", "").wrong("query.step")
	if code := first.terminate(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	requests := int64(0)
	for _, l := range first.stdout.logLines() {
		if route, _ := l["route"].(string); route == "unmatched" || strings.HasPrefix(route, "/api/") {
			requests++
		}
	}

	second := start(t, onDatabase(first.database), withArgs("--replica=second"))
	var m client.SystemMetrics
	eventually(t, "the second process has stored its first sample", func() bool {
		var err error
		m, err = second.api.Metrics.System(t.Context(), client.MetricsRange{From: begin, Step: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return len(m.Items) > 0 && m.Items[len(m.Items)-1].Replica == "second"
	})
	if got, want := sum(m, "first"), (amounts{requests, 3, 0}); got != want || requests < 10 {
		t.Errorf("the first process has %+v, want %+v", got, want)
	}
	for _, p := range m.Items {
		busy := p.Requests > 0
		if (p.LatencyMS.P50 != nil) != busy || busy &&
			!(0 < *p.LatencyMS.P50 && *p.LatencyMS.P50 <= *p.LatencyMS.P95 && *p.LatencyMS.P95 <= *p.LatencyMS.P99) {
			t.Errorf("%d requests took %v, %v and %v ms", p.Requests, p.LatencyMS.P50, p.LatencyMS.P95, p.LatencyMS.P99)
		}
		if p.Pool == nil || p.Pool.InUse+p.Pool.Idle == 0 || p.MemoryBytes == 0 || p.Goroutines == 0 ||
			p.Seconds <= 0 && busy || p.At.Before(m.From) || !p.At.Before(m.To) ||
			!p.At.Equal(p.At.Truncate(time.Hour)) {
			t.Errorf("from %v to %v: %+v", m.From, m.To, p)
		}
	}
	if last := m.Items[len(m.Items)-1]; last.Players != 5 || last.LiveSessions != 1 ||
		last.Sessions[client.StatusOpen] != 1 || last.Members != 2 {
		t.Errorf("the database holds %+v", last)
	}
	if m.StepSeconds != 3600 || m.From.After(begin) || !m.To.After(begin) {
		t.Errorf("%v to %v in steps of %d s", m.From, m.To, m.StepSeconds)
	}
}

// A server that runs stores samples all the time, and they are as the contract has them.
func TestSystemMetricsWhileServing(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--metrics-interval=100ms"), withArgs("--replica=busy"))
	s.newPlayers(t, "p", 10)
	eventually(t, "the requests are counted", func() bool {
		m, err := s.api.Metrics.System(t.Context(), client.MetricsRange{})
		if err != nil {
			t.Fatal(err)
		}
		return sum(m, "busy").requests >= 10
	})
	a := s.do(t, "GET /api/v1/metrics/system", "").is(http.StatusOK)
	s.contract(t).check(t, "GET /api/v1/metrics/system", a)
	if step, _ := a.json()["step_seconds"].(float64); step != 15 {
		t.Errorf("the steps of an hour are %v s", step)
	}
	report, err := s.api.HealthDetailed(t.Context())
	tasks, _ := report.Components["background"].Facts["tasks"].(map[string]any)
	task, _ := tasks["sample_metrics"].(map[string]any)
	if err != nil || task["status"] != "ok" {
		t.Errorf("the task is %v: %v", tasks, err)
	}

	yesterday := time.Now().Add(-24 * time.Hour)
	m, err := s.api.Metrics.System(t.Context(), client.MetricsRange{From: yesterday.Add(-time.Hour), To: yesterday})
	if err != nil || len(m.Items) != 0 {
		t.Errorf("of yesterday: %+v, %v", m, err)
	}
}

func TestSystemMetricsRefuses(t *testing.T) {
	t.Parallel()
	s := start(t)
	for query, wrong := range map[string][]string{
		"from=yesterday":             {"query.from"},
		"from=2026-01-01":            {"query.from"},
		"from=1767225600":            {"query.from"},
		"from=x&to=y&step=z":         {"query.from", "query.step", "query.to"},
		"to=2026-01-01T00:00:00":     {"query.to"},
		"from=":                      {"query.from"},
		"step=14":                    {"query.step"},
		"step=0":                     {"query.step"},
		"step=86401":                 {"query.step"},
		"step=15s":                   {"query.step"},
		"step=15&step=30":            {"query.step"},
		"since=2026-01-01T00:00:00Z": {"query.since"},
		"from=2999-01-01T00:00:00Z":  {"query.from"},
		"from=9999-12-31T00:00:00Z&to=9999-12-31T23:59:59Z":         {"query.to"},
		"from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z":         {"query.from"},
		"from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:01Z":         {"query.from"},
		"from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&step=60": {"query.step"},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			s.do(t, "GET /api/v1/metrics/system?"+query, "").wrong(wrong...)
		})
	}
	m := s.do(
		t, "GET /api/v1/metrics/system?from=2026-01-01T01:00:07%2b01:00&to=2026-01-01T00:30:00.5Z&step=20", "",
	).is(http.StatusOK).json()
	got := fmt.Sprint(m.text("from"), " ", m.text("to"), " ", m["step_seconds"], m["items"])
	if got != "2026-01-01T00:00:00Z 2026-01-01T00:30:20Z 20 []" {
		t.Errorf("a range that is not of whole steps: %s", got)
	}
	wrong := s.do(t, "GET /api/v1/metrics/system?from=tomorrow", "").is(http.StatusUnprocessableEntity).body
	if !strings.Contains(wrong, "RFC 3339") || strings.Contains(wrong, "2006") {
		t.Errorf("a time of another form: %s", wrong)
	}
	_, err := s.api.Metrics.System(t.Context(), client.MetricsRange{From: time.Now(), To: time.Now().Add(-time.Hour)})
	if !errors.Is(err, client.ErrValidation) {
		t.Errorf("got %v, want ErrValidation", err)
	}
	if _, err := s.api.Metrics.System(t.Context(), client.MetricsRange{Step: time.Minute + 1}); err == nil {
		t.Error("a step that is not of whole seconds was sent")
	}
}
