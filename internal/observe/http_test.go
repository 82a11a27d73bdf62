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
	logs := observe.NewLogs(log, observe.LogOptions{Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: reg, Now: time.Now})
	return observe.HTTP(logs.API, observe.Meter{Metrics: reg, Now: time.Now})(mux), log
}

func TestRequestLine(t *testing.T) {
	t.Parallel()
	h, log := observed(t, prometheus.NewRegistry())
	ctx := game.WithRequestID(t.Context(), "r-1")
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/players/secret-id?x=secret", nil))

	if bytes.Contains(log.Bytes(), []byte("secret")) {
		t.Errorf("the line tells what was asked for: %s", log)
	}
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"level": "INFO", "msg": "request", "category": "api", "method": "GET", "route": "/players/{id}", "status": 418.0,
		"bytes": 5.0, "request_id": "r-1", "caller": "key:ops", "act_as": "p-1",
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
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, fmt.Sprintf("/%d", i), nil))
	}
	n, err := testutil.GatherAndCount(reg, "gsm_http_request_duration_seconds")
	if err != nil || n != 2 {
		t.Errorf("%d series, %v; want one for GET and one for other methods", n, err)
	}
}
