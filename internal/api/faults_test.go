package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/api"
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/report"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/storetest"
)

// secret stands for what a cause may hold and no caller may see.
const secret = "10.1.2.3: connection refused to the secret place"

// service is the API on a store that fails as it is told, without a network.
type service struct {
	*api.API
	log *bytes.Buffer
}

func newService(t *testing.T, checks []api.Check, faults ...storetest.Fault) service {
	t.Helper()
	docs, err := store.Open(t.Context(), "sqlite:"+sqlitetest.Database(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	log, logs, failures := watched()
	deps := game.Deps{Store: storetest.Failing(docs, faults...), Now: time.Now, NewID: newID, MaxRequest: time.Second}
	sessions := game.NewSessions(deps)
	hub := feed.NewHub(feed.Options{Store: deps.Store, Poll: feed.SlowPoll, Now: time.Now})
	return service{api.New(api.Deps{
		Feed:    hub,
		Players: game.NewPlayers(deps, sessions), Sessions: sessions, Checks: checks, Version: "test",
		Authenticate: anyone, Local: true,
		RequestTimeout: time.Second, Now: time.Now, NewID: newID, Log: logs.System, Failed: failures.Report,
		Observe: observe.HTTP(logs, observe.Meter{Metrics: prometheus.NewRegistry(), Now: time.Now}),
	}), log}
}

// traced fails the test unless a failure is known by one id in the response, in the line about it and in the line about
// the request, and returns the line about it.
func (s service) traced(t *testing.T, doc map[string]any, code report.FailureCode) map[string]any {
	t.Helper()
	lines := make(map[any]map[string]any)
	for text := range strings.Lines(s.log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		lines[line["category"]] = line
	}
	failure, request := lines["error"], lines["api"]
	if id := doc["error_id"]; id == nil || failure["error_id"] != id || request["error_id"] != id {
		t.Errorf("%v is known by different ids: %v", doc, lines)
	}
	if request["code"] != doc["code"] || failure["code"] != string(code) || failure["route"] != request["route"] ||
		request["route"] == "unmatched" {
		t.Errorf("%v is told by %v", doc, lines)
	}
	if failure["request_id"] != doc["request_id"] || request["request_id"] != doc["request_id"] {
		t.Errorf("%v is of another request: %v", doc, lines)
	}
	return failure
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// watched returns a log, its loggers and what takes failures to it.
func watched() (*bytes.Buffer, *observe.Logs, *observe.Errors) {
	log, registry := new(bytes.Buffer), prometheus.NewRegistry()
	logs := observe.NewLogs(
		log, observe.LogOptions{Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: registry, Now: time.Now},
	)
	return log, logs, observe.NewErrors(logs.Error, registry, time.Now, newID)
}

func (s service) do(t *testing.T, method, path, body string) (*http.Response, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Host = "localhost"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	resp, raw := w.Result(), w.Body.Bytes()
	if strings.Contains(string(raw), "secret place") {
		t.Errorf("the response leaks the cause: %s", raw)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatalf("%s %s returned %q: %v", method, path, raw, err)
	}
	return resp, doc
}

func TestStoreUnavailable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		err     error
		outcome any
	}{
		{"a read", game.ErrStoreUnavailable.Because(errors.New(secret)), nil},
		{"a write that did not happen", game.Unanswered(game.OutcomeNone, errors.New(secret)), "none"},
		{"a write that may have happened", game.Unanswered(game.OutcomeUnknown, errors.New(secret)), "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, nil, storetest.Fault{Operation: "CreatePlayer", Err: test.err})
			resp, doc := s.do(t, http.MethodPost, "/api/v1/players", `{"username":"alice"}`)
			if resp.StatusCode != http.StatusServiceUnavailable || doc["code"] != "store_unavailable" ||
				doc["outcome"] != test.outcome {
				t.Errorf("got %d %v", resp.StatusCode, doc)
			}
			if resp.Header.Get("Retry-After") == "" {
				t.Error("a 503 without Retry-After")
			}
			line := s.traced(t, doc, report.FailureStoreUnavailable)
			if !strings.Contains(fmt.Sprint(line["causes"]), secret) || line["level"] != "ERROR" {
				t.Errorf("the operator does not hear of the cause: %v", line)
			}
		})
	}
}

func TestUnnamedErrorsArePrivate(t *testing.T) {
	t.Parallel()
	s := newService(t, nil, storetest.Fault{Operation: "Players", Err: errors.New(secret)})
	resp, doc := s.do(t, http.MethodGet, "/api/v1/players", "")
	if resp.StatusCode != http.StatusInternalServerError || doc["code"] != "internal" {
		t.Errorf("got %d %v", resp.StatusCode, doc)
	}
	if line := s.traced(t, doc, report.FailureInternal); !strings.Contains(fmt.Sprint(line["causes"]), secret) ||
		line["level"] != "ERROR" {
		t.Errorf("the operator does not hear of the cause: %v", line)
	}
}

// A store that is slow may be so for a moment, and a caller who went away hears of nothing.
func TestSlowStore(t *testing.T) {
	t.Parallel()
	slow := game.ErrStoreUnavailable.Because(context.DeadlineExceeded)
	s := newService(t, nil, storetest.Fault{Operation: "Players", Err: slow})
	_, doc := s.do(t, http.MethodGet, "/api/v1/players", "")
	if line := s.traced(t, doc, report.FailureStoreSlow); line["level"] != "WARN" {
		t.Errorf("told as %v", line)
	}

	s = newService(t, nil, storetest.Fault{Operation: "Players", Err: slow})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/players", nil)
	r.Host = "localhost"
	s.ServeHTTP(httptest.NewRecorder(), r)
	if log := s.log.String(); strings.Contains(log, `"category":"error"`) ||
		!strings.Contains(log, `"code":"store_unavailable"`) {
		t.Errorf("a caller who went away: %s", log)
	}
}

// A rejected request is no internal failure: it has a code in the line about the request, and no error id.
func TestRefusalsAreNoFailures(t *testing.T) {
	t.Parallel()
	for what, code := range map[string]string{
		"GET /nowhere": "not_found", "PUT /api/v1/players": "method_not_allowed",
		"GET /api/v1/players?x=1": "validation_error",
		"POST /api/v1/players":    "malformed_json", "GET /api/v1/players?%zz": "malformed_url",
		"GET /api/v1/players/01a20685-fd35-752a-a43b-bc495aa93f5a": "player_not_found",
		"PUT /api/v1/sessions/x":                                   "malformed_json",
	} {
		s := newService(t, nil)
		method, path, _ := strings.Cut(what, " ")
		_, doc := s.do(t, method, path, "{")
		if log := s.log.String(); doc["code"] != code || doc["error_id"] != nil || strings.Count(log, "\n") != 1 ||
			!strings.Contains(log, `"code":"`+code+`"`) || strings.Contains(log, "error_id") {
			t.Errorf("%s: got %v, and the log has %s", what, doc, log)
		}
	}
}

func TestPanicIsInternal(t *testing.T) {
	t.Parallel()
	log, logs, failures := watched()
	s := service{api.New(api.Deps{ // without players, their handlers panic
		Version: "test", Authenticate: anyone, Local: true, RequestTimeout: time.Second, Now: time.Now, NewID: newID,
		Log: logs.System, Failed: failures.Report,
		Observe: observe.HTTP(logs, observe.Meter{Metrics: prometheus.NewRegistry(), Now: time.Now}),
	}), log}
	resp, doc := s.do(t, http.MethodGet, "/api/v1/players", "")
	if resp.StatusCode != http.StatusInternalServerError || doc["code"] != "internal" || doc["request_id"] == "" {
		t.Errorf("got %d %v", resp.StatusCode, doc)
	}
	line := s.traced(t, doc, report.FailurePanic)
	if stack, _ := line["stack"].(string); !strings.Contains(stack, "listPlayers") || line["level"] != "ERROR" {
		t.Errorf("a panic without its stack: %v", line)
	}
}

func TestHealthDetailedTellsWhatIsDown(t *testing.T) {
	t.Parallel()
	hangs := func(ctx context.Context) (game.Facts, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s := newService(t, []api.Check{
		{Name: "good", Run: func(context.Context) (game.Facts, error) { return game.Facts{"free_bytes": 1}, nil }},
		{Name: "bad", Run: func(context.Context) (game.Facts, error) { return nil, errors.New(secret) }},
		{Name: "hanging", Run: hangs},
	})
	resp, doc := s.do(t, http.MethodGet, "/health/detailed", "")
	if resp.StatusCode != http.StatusServiceUnavailable || doc["status"] != "down" {
		t.Errorf("got %d %v", resp.StatusCode, doc)
	}
	components, _ := doc["components"].(map[string]any)
	for name, want := range map[string]string{"good": "ok", "bad": "down", "hanging": "down"} {
		facts, _ := components[name].(map[string]any)
		if facts["status"] != want {
			t.Errorf("%s is %v, want %s", name, facts, want)
		}
		if id, told := facts["error_id"].(string); told != (want == "down") || told &&
			!strings.Contains(s.log.String(), id) {
			t.Errorf("%s is %v, and the log has %s", name, facts, s.log)
		}
	}
}

func TestReadyTurnsFalseBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	if resp, _ := s.do(t, http.MethodGet, "/readyz", ""); resp.StatusCode != http.StatusOK ||
		resp.Header.Get("Connection") != "" {
		t.Errorf("%d, Connection %q", resp.StatusCode, resp.Header["Connection"])
	}
	s.Stop()
	if resp, _ := s.do(t, http.MethodGet, "/readyz", ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready while stopping: %d", resp.StatusCode)
	}
	if resp, _ := s.do(t, http.MethodGet, "/livez", ""); resp.StatusCode != http.StatusOK ||
		resp.Header.Get("Connection") != "close" {
		t.Errorf("while stopping: %d, Connection %q", resp.StatusCode, resp.Header["Connection"])
	}
}

func TestPathPatternsAreTheRulesPattern(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	_, doc := s.do(t, http.MethodGet, "/openapi.json", "")
	found := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if p, ok := v["pattern"].(string); ok && strings.Contains(p, "{12}") {
				found++
				if p != game.IDPattern {
					t.Errorf("an id's pattern in the contract is %q, the rules have %q", p, game.IDPattern)
				}
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(doc)
	if found < 5 {
		t.Errorf("only %d ids with a pattern in the contract", found)
	}
}
