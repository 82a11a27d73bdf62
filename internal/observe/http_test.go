package observe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
)

func observed(t *testing.T, reg prometheus.Registerer) (http.Handler, *bytes.Buffer) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /players/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.(interface{ NoteCaller(c game.Caller) }).NoteCaller(game.Caller{Name: "key:ops", Player: "p-1", ActsAs: true})
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("hello"))
	})
	log := new(bytes.Buffer)
	logs := observe.NewLogs(
		log, observe.LogOptions{Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: reg, Now: time.Now},
	)
	return observe.HTTP(logs, observe.Meter{Metrics: reg, Now: time.Now})(mux), log
}

func TestRequestLine(t *testing.T) {
	t.Parallel()
	h, log := observed(t, prometheus.NewRegistry())
	ctx := game.WithRequestID(t.Context(), "r-1")
	h.ServeHTTP(
		httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/players/secret-id?x=secret", nil),
	)

	if bytes.Contains(log.Bytes(), []byte("secret")) {
		t.Errorf("the line tells what was asked for: %s", log)
	}
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"level": "INFO", "msg": "request", "category": "api", "method": "GET", "route": "/players/{id}",
		"status": 418.0,
		"bytes":  5.0, "request_id": "r-1", "caller": "key:ops", "act_as": "p-1",
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
}

func TestLabelsStayFewUnderAFloodOfUnknownRoutes(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h, _ := observed(t, reg)
	for i := range 500 {
		method := []string{http.MethodGet, "BREW", fmt.Sprintf("M%d", i)}[i%3]
		h.ServeHTTP(
			httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, fmt.Sprintf("/%d", i), nil),
		)
	}
	n, err := testutil.GatherAndCount(reg, "gsm_http_request_duration_seconds")
	if err != nil || n != 2 {
		t.Errorf("%d series, %v; want one for GET and one for other methods", n, err)
	}
}

// Successful probes write no line; failed ones write one each.
func TestLinesOfProbes(t *testing.T) {
	t.Parallel()
	f := newFlooded()
	status := http.StatusOK
	h := observe.HTTP(
		f.Logs, observe.Meter{Metrics: f.registry, Now: func() time.Time { return f.now }},
	)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = "GET " + r.URL.Path
		w.(interface{ NoteProbe() }).NoteProbe() // as the API does
		w.WriteHeader(status)
	}))
	probe := func() {
		for _, path := range []string{"/livez", "/readyz", "/health"} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		}
	}
	probe()
	f.expect(t, "while they go well", 0, 0, 0)
	status = http.StatusServiceUnavailable
	probe()
	f.expect(t, "when they fail", 3, 0, 0)
}

// Rejected callers write few lines, on whatever route, and all rejections are counted. Other requests write every
// line.
func TestLinesOfRefusals(t *testing.T) {
	t.Parallel()
	f := newFlooded()
	mux := http.NewServeMux()
	refuse := func(w http.ResponseWriter, r *http.Request) {
		of := map[string]struct {
			status int
			code   string
		}{
			"/a": {http.StatusUnauthorized, "unauthenticated"}, "/b": {http.StatusUnauthorized, "unauthenticated"},
			"/limited": {http.StatusTooManyRequests, "rate_limited"},
			"/shed":    {http.StatusServiceUnavailable, "overloaded"},
			"/down":    {http.StatusServiceUnavailable, "store_unavailable"},
		}[r.URL.Path]
		w.(interface{ NoteProblem(code, errorID string) }).NoteProblem(of.code, "")
		w.WriteHeader(of.status)
	}
	mux.HandleFunc("GET /a", refuse)
	mux.HandleFunc("GET /b", refuse)
	mux.HandleFunc("GET /limited", refuse)
	mux.HandleFunc("GET /shed", refuse)
	mux.HandleFunc("GET /down", refuse)
	mux.HandleFunc("GET /fine", func(http.ResponseWriter, *http.Request) {})
	h := observe.HTTP(f.Logs, observe.Meter{Metrics: f.registry, Now: func() time.Time { return f.now }})(mux)
	for range 50 {
		for _, path := range []string{"/a", "/b", "/limited", "/shed", "/fine", "/down"} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		}
	}
	f.expect(t, "in the flood", 10+10+10+50+50, 0, 90+40+40)
	f.now = f.now.Add(10 * time.Second)
	if err := f.ReportSuppressed(t.Context()); err != nil {
		t.Error(err)
	}
	told := lines(t, f.out)
	for _, line := range told[len(told)-3:] {
		if line["suppressed"] == nil || line["route"] != nil || line["code"] == nil || line["category"] != "api" {
			t.Errorf("what was left out is told by %v", line)
		}
	}
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var counted uint64
	for _, family := range families {
		if family.GetName() == "gsm_http_request_duration_seconds" {
			for _, m := range family.GetMetric() {
				counted += m.GetHistogram().GetSampleCount()
			}
		}
	}
	if counted != 300 {
		t.Errorf("%d requests are counted, want 300", counted)
	}
}
