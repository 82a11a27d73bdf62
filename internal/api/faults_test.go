package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
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
	docs, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gsm.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	log := new(bytes.Buffer)
	newID := func() string { return uuid.Must(uuid.NewV7()).String() }
	deps := game.Deps{Store: storetest.Failing(docs, faults...), Now: time.Now, NewID: newID, MaxRequest: time.Second}
	sessions := game.NewSessions(deps)
	return service{api.New(api.Deps{
		Players: game.NewPlayers(deps, sessions), Sessions: sessions, Checks: checks, Version: "test",
		RequestTimeout: time.Second, Now: time.Now, NewID: newID, Log: slog.New(slog.NewJSONHandler(log, nil)),
	}), log}
}

func (s service) do(t *testing.T, method, path, body string) (*http.Response, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Host = "localhost"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	resp, raw := w.Result(), w.Body.Bytes()
	if strings.Contains(string(raw), "secret") {
		t.Errorf("the answer leaks the cause: %s", raw)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatalf("%s %s answered %q: %v", method, path, raw, err)
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
			if resp.StatusCode != http.StatusServiceUnavailable || doc["code"] != "store_unavailable" || doc["outcome"] != test.outcome {
				t.Errorf("answered %d %v", resp.StatusCode, doc)
			}
			if resp.Header.Get("Retry-After") == "" {
				t.Error("a 503 without Retry-After")
			}
			if !strings.Contains(s.log.String(), secret) || !strings.Contains(s.log.String(), `"level":"ERROR"`) {
				t.Errorf("the operator does not hear of the cause: %s", s.log)
			}
		})
	}
}

func TestUnnamedErrorsArePrivate(t *testing.T) {
	t.Parallel()
	s := newService(t, nil, storetest.Fault{Operation: "Players", Err: errors.New(secret)})
	resp, doc := s.do(t, http.MethodGet, "/api/v1/players", "")
	if resp.StatusCode != http.StatusInternalServerError || doc["code"] != "internal" {
		t.Errorf("answered %d %v", resp.StatusCode, doc)
	}
	if log := s.log.String(); !strings.Contains(log, secret) || !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, `"category":"error"`) {
		t.Errorf("the operator does not hear of the cause: %s", log)
	}
}

func TestPanicIsInternal(t *testing.T) {
	t.Parallel()
	log := new(bytes.Buffer)
	s := service{api.New(api.Deps{ // without players, their handlers panic
		Version: "test", RequestTimeout: time.Second, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.NewJSONHandler(log, nil)),
	}), log}
	resp, doc := s.do(t, http.MethodGet, "/api/v1/players", "")
	if resp.StatusCode != http.StatusInternalServerError || doc["code"] != "internal" || doc["request_id"] == "" {
		t.Errorf("answered %d %v", resp.StatusCode, doc)
	}
	if log := s.log.String(); !strings.Contains(log, `"stack"`) {
		t.Errorf("a panic without its stack: %s", log)
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
		t.Errorf("answered %d %v", resp.StatusCode, doc)
	}
	components, _ := doc["components"].(map[string]any)
	for name, want := range map[string]string{"good": "ok", "bad": "down", "hanging": "down"} {
		facts, _ := components[name].(map[string]any)
		if facts["status"] != want {
			t.Errorf("%s is %v, want %s", name, facts, want)
		}
	}
}

func TestReadyTurnsFalseBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	if resp, _ := s.do(t, http.MethodGet, "/readyz", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("not ready: %d", resp.StatusCode)
	}
	s.Stop()
	if resp, _ := s.do(t, http.MethodGet, "/readyz", ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready while stopping: %d", resp.StatusCode)
	}
	if resp, _ := s.do(t, http.MethodGet, "/livez", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("not alive while stopping: %d", resp.StatusCode)
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
	if found < 10 {
		t.Errorf("only %d ids with a pattern in the contract", found)
	}
}
