package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/report"
)

// account is an [observe.Errors] with its log and metrics.
type account struct {
	*observe.Errors
	log      *bytes.Buffer
	registry *prometheus.Registry
	now      time.Time
	ids      int
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{log: new(bytes.Buffer), registry: prometheus.NewPedanticRegistry(), now: time.Date(
		2026, 1, 2, 3, 4, 5, 0, time.UTC,
	)}
	clock := func() time.Time { return a.now }
	logs := observe.NewLogs(
		a.log, observe.LogOptions{Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: a.registry, Now: clock},
	)
	a.Errors = observe.NewErrors(logs.Error, a.registry, clock, func() string {
		a.ids++
		return fmt.Sprintf("error-%d", a.ids)
	})
	return a
}

type group struct {
	Fingerprint, Code, Route, Task string
	Count                          int
	FirstSeen                      time.Time `json:"first_seen"`
	LastSeen                       time.Time `json:"last_seen"`
	Sample                         struct {
		ErrorID   string `json:"error_id"`
		RequestID string `json:"request_id"`
		RunID     string `json:"run_id"`
		Message   string
		Causes    []string
		Stack     string
	}
}

// groups returns the groups that /debug/errors serves.
func (a *account) groups(t *testing.T) []group {
	t.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/errors", nil))
	var doc struct{ Errors []group }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.Errors == nil {
		t.Fatalf("got %s: %v", w.Body, err)
	}
	return doc.Errors
}

// lines parses the lines of the log.
func lines(t *testing.T, log *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		all = append(all, line)
	}
	return all
}

func TestReport(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	if len(a.groups(t)) != 0 {
		t.Error("an account without failures has some")
	}
	const id = "01a20685-fd35-752a-a43b-bc495aa93f5a"
	cause := errors.New(`no row of "alice" in mongodb://gsm:hush@db:27017/x`)
	err := game.ErrStoreUnavailable.Because(fmt.Errorf("reading player %s: %w", id, cause))
	ctx := game.WithRequestID(t.Context(), "r-1")
	if got := a.Report(ctx, report.Failure{
		Code: report.FailureStoreUnavailable, Route: "/players", Err: err,
	}); got != "error-1" {
		t.Errorf("the failure has the id %s", got)
	}
	causes := []string{
		"*game.Error: store_unavailable: The database cannot be reached or did not respond in time. Try again.",
		"*fmt.wrapError: reading player <id>",
		`*errors.errorString: no row of "…" in mongodb://xxxxx@db:27017/x`,
	}
	groups := a.groups(t)
	if len(groups) != 1 || groups[0].Count != 1 || groups[0].Code != "store_unavailable" ||
		groups[0].Route != "/players" || !groups[0].FirstSeen.Equal(a.now) {
		t.Fatalf("the groups are %+v", groups)
	}
	if d := cmp.Diff(causes, groups[0].Sample.Causes); d != "" {
		t.Error(d)
	}
	line := lines(t, a.log)[0]
	for name, want := range map[string]any{
		"level": "ERROR", "msg": "failure", "category": "error", "code": "store_unavailable", "error_id": "error-1",
		"request_id": "r-1",
		"route":      "/players", "fingerprint": groups[0].Fingerprint, "error": groups[0].Sample.Message, "stack": nil,
		"run_id": nil,
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	for _, private := range []string{"alice", "hush", id} {
		if strings.Contains(a.log.String(), private) || strings.Contains(fmt.Sprint(groups), private) {
			t.Errorf("%s is told: %s", private, a.log)
		}
	}
	if n := testutil.ToFloat64(counter(t, a.registry, "gsm_errors_total", "code", "store_unavailable")); n != 1 {
		t.Errorf("%v failures are counted, want 1", n)
	}
}

// counter returns a collector with a single value of a metric.
func counter(t *testing.T, g prometheus.Gatherer, name string, labels ...string) prometheus.Collector {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	value := prometheus.NewGauge(prometheus.GaugeOpts{Name: "value"})
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var found []string
			for _, l := range m.GetLabel() {
				found = append(found, l.GetName(), l.GetValue())
			}
			if f.GetName() == name && slices.Equal(found, labels) {
				value.Set(
					m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()),
				)
				return value
			}
		}
	}
	t.Fatalf("there is no %s %v", name, labels)
	return nil
}

func TestGroups(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	fail := func(code report.FailureCode, route, message string) {
		a.now = a.now.Add(time.Second)
		a.Report(t.Context(), report.Failure{Code: code, Route: route, Err: errors.New(message)})
	}
	for i := range 3 {
		fail(report.FailureInternal, "/players", fmt.Sprintf(
			"dial 10.0.0.%d:%d: 0x%x of %q is lost", i, 50000+i, i*1e6, fmt.Sprint("name ", i),
		))
	}
	fail(report.FailureInternal, "/sessions", "dial 10.0.0.1:1: 0x1 of \"x\" is lost")
	fail(report.FailureStoreSlow, "/players", "dial 10.0.0.1:1: 0x1 of \"x\" is lost")
	fail(report.FailureInternal, "/players", "something else is lost")
	groups := a.groups(t)
	if len(groups) != 4 {
		t.Fatalf("%d groups, want 4: %+v", len(groups), groups)
	}
	many := groups[3]
	if many.Count != 3 || many.LastSeen.Sub(many.FirstSeen) != 2*time.Second || many.Sample.ErrorID != "error-3" {
		t.Errorf("the group that was seen longest ago is %+v", many)
	}
	for i := range groups[1:] {
		if !groups[i].LastSeen.After(groups[i+1].LastSeen) {
			t.Errorf("not the latest first: %+v", groups)
		}
	}
}

func TestGroupsAreBounded(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	fail := func(name string) {
		a.now = a.now.Add(time.Second)
		a.Report(t.Context(), report.Failure{Code: report.FailureInternal, Route: "/" + name, Err: errors.New("lost")})
	}
	fail("often")
	for i := range 300 {
		fail(strings.Repeat("x", i+1))
		if i%50 == 0 {
			fail("often")
		}
	}
	groups := a.groups(t)
	if len(groups) != 100 {
		t.Errorf("%d groups are kept, want 100", len(groups))
	}
	if !slices.ContainsFunc(groups, func(g group) bool { return g.Route == "/often" && g.Count == 7 }) {
		t.Error("a group that is seen again and again was forgotten")
	}
}

func TestWhatIsToldIsBounded(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	err := errors.New(strings.Repeat("long ", 10000))
	for range 50 {
		err = fmt.Errorf("again: %w", err)
	}
	err = errors.Join(err, &report.Panic{Value: err, Stack: strings.Repeat("frame\n", 100000)}, nil)
	a.Report(t.Context(), report.Failure{Code: report.FailurePanic, Err: err})
	if a.log.Len() > 25<<10 {
		t.Errorf("the line has %d bytes", a.log.Len())
	}
	s := a.groups(t)[0].Sample
	if len(s.Causes) != 10 || s.Causes[0] != "*errors.joinError" || s.Causes[1] != "*fmt.wrapError: again" ||
		!strings.HasPrefix(s.Stack, "frame\n") {
		t.Errorf("the sample is %+v", s)
	}
}

func TestPanicsAreTold(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	func() {
		defer func() {
			a.Report(t.Context(), report.Failure{Code: report.FailurePanic, Route: "/x", Err: report.Caught(recover())})
		}()
		panic(errors.New("no map"))
	}()
	line := lines(t, a.log)[0]
	if stack, _ := line["stack"].(string); !strings.Contains(stack, "TestPanicsAreTold") {
		t.Errorf("the stack is %s", stack)
	}
	if d := cmp.Diff([]any{"*report.Panic: panic", "*errors.errorString: no map"}, line["causes"]); d != "" {
		t.Error(d)
	}
}

func TestBackground(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	began := func() time.Time { return time.UnixMilli(500) }
	log, meter := slog.New(slog.DiscardHandler), observe.Meter{Metrics: a.registry, Now: began}
	onRun := observe.Background(log, meter, a.Report, "work", "failing work", "work elsewhere")
	ctx := game.WithRunID(context.Background(), "run-1")
	onRun(ctx, report.Run{Task: "work", Took: time.Second, End: time.UnixMilli(1500)})
	onRun(ctx, report.Run{Task: "work elsewhere", End: time.UnixMilli(2500), Elsewhere: true})
	onRun(ctx, report.Run{Task: "work", Took: time.Second, End: a.now, Err: errors.New("no")})
	onRun(ctx, report.Run{Task: "work", Took: time.Second, End: a.now, Err: report.Caught("oh")})
	for value, metric := range map[float64][]string{
		0.5: {"gsm_background_last_success_timestamp_seconds", "task", "failing work"},
		1.5: {"gsm_background_last_success_timestamp_seconds", "task", "work"},
		2.5: {"gsm_background_last_success_timestamp_seconds", "task", "work elsewhere"},
		2:   {"gsm_background_run_duration_seconds", "result", "error", "task", "work"},
		1:   {"gsm_background_run_duration_seconds", "result", "ok", "task", "work"},
	} {
		if got := testutil.ToFloat64(counter(t, a.registry, metric[0], metric[1:]...)); got != value {
			t.Errorf("%v is %v, want %v", metric, got, value)
		}
	}
	all := lines(t, a.log)
	if len(all) != 2 || all[0]["code"] != "background" || all[0]["level"] != "WARN" || all[0]["run_id"] != "run-1" ||
		all[0]["task"] != "work" || all[1]["code"] != "panic" {
		t.Errorf("the lines are %v", all)
	}
	if g := a.groups(t); len(g) != 2 || g[0].Task != "work" || g[0].Sample.RunID != "run-1" {
		t.Errorf("the groups are %+v", g)
	}
	if problems, err := testutil.GatherAndLint(a.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
