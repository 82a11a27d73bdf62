package tests_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	s := start(t)
	h := s.do(t, "GET /health", "").is(http.StatusOK).has("Content-Type", "application/json").json()
	uptime, ok := h["uptime_seconds"].(float64)
	if h.text("status") != "ok" || h.text("version") == "" || !ok || uptime < 0 {
		t.Errorf("GET /health: %v", h)
	}
	for _, probe := range []string{"/livez", "/readyz"} {
		s.do(t, "GET "+probe, "").is(http.StatusOK)
	}
}

func TestHealthDetailed(t *testing.T) {
	t.Parallel()
	s := start(t)
	h := s.do(t, "GET /health/detailed", "").is(http.StatusOK).json()
	if h.text("status") != "ok" {
		t.Errorf("GET /health/detailed: %v", h)
	}
	components, _ := h["components"].(map[string]any)
	database, _ := components["database"].(map[string]any)
	if latency, ok := database["latency_ms"].(float64); !ok || latency < 0 || database["status"] != "ok" {
		t.Errorf("the database is %v", database)
	}
	report, err := s.api.HealthDetailed(t.Context())
	if err != nil || report.Status != "ok" || len(report.Components) != len(components) ||
		len(report.Components["database"].Facts) == 0 {
		t.Errorf("through the client: %+v, %v", report, err)
	}
}

// The pages work on a network without internet access, and redirects lead to the host that was requested.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	s := start(t)
	if v := s.do(t, "GET /openapi.json", "").is(http.StatusOK).json().text("openapi"); !strings.HasPrefix(v, "3.1") {
		t.Errorf("/openapi.json is OpenAPI %q, want 3.1", v)
	}
	if y := s.do(t, "GET /openapi.yaml", "").is(http.StatusOK).body; !strings.Contains(y, "openapi: 3.1") {
		t.Errorf("/openapi.yaml begins with %.100q", y)
	}
	loaded := regexp.MustCompile(`(?is)<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=\s*["']([^"']+)["']`)
	for _, page := range []string{"/docs", "/redoc"} {
		a := s.do(t, "GET "+page, "").is(http.StatusOK)
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s is %s", page, a.header.Get("Content-Type"))
		}
		assets := loaded.FindAllStringSubmatch(a.body, -1)
		if len(assets) == 0 {
			t.Errorf("%s loads nothing: %.300s", page, a.body)
		}
		for _, asset := range assets {
			target := asset[1]
			if strings.HasPrefix(target, "data:") {
				continue
			}
			if strings.Contains(target, "//") {
				t.Errorf("%s loads %s from elsewhere", page, target)
				continue
			}
			s.do(t, "GET /"+strings.TrimLeft(strings.TrimPrefix(target, "."), "/"), "").is(http.StatusOK)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do(
		t, "GET /api/v1/players", "", "X-Request-ID", "caller-1.a:b",
	).is(http.StatusOK).has("X-Request-ID", "caller-1.a:b")
	p := s.do(t, "GET /nowhere", "", "X-Request-ID", "caller-2").problem(http.StatusNotFound, "not_found")
	if p.text("request_id") != "caller-2" {
		t.Errorf("the problem has another request id: %v", p)
	}
	s.logged(t, func(l logLine) bool {
		return l["category"] == "api" && l["msg"] == "request" && l["request_id"] == "caller-1.a:b" &&
			l["method"] == "GET" &&
			l["route"] == "/api/v1/players" && l["status"] == 200.0 && l["caller"] != nil &&
			l["duration_ms"] != nil && l["bytes"] != nil
	})
	s.logged(t, func(l logLine) bool { return l["request_id"] == "caller-2" && l["status"] == 404.0 })

	seen := map[string]bool{}
	for _, insane := range []string{"", strings.Repeat("x", 1000), "a b", `a"b`, "ä", "a\tb"} {
		id := s.do(t, "GET /health", "", "X-Request-ID", insane).is(http.StatusOK).header.Get("X-Request-ID")
		if id == "" || id == insane || seen[id] {
			t.Errorf("X-Request-ID %q is answered with %q", insane, id)
		}
		seen[id] = true
	}
}

// Logs and metrics contain the pattern of a route instead of its path: an id would be personal data and an unbounded
// label.
func TestLogsAndMetricsHoldNoIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "secretive")
	s.do(t, "GET /api/v1/players/"+string(p.ID), "").is(http.StatusOK)
	s.do(t, "GET /api/v1/players?username_prefix=secretive", "").is(http.StatusOK)
	s.do(t, "GET /somewhere/secretive", "").is(http.StatusNotFound)
	s.logged(t, func(l logLine) bool { return l["route"] == "/api/v1/players/{player_id}" && l["status"] == 200.0 })
	s.logged(t, func(l logLine) bool { return l["msg"] == "request" && l["status"] == 404.0 })

	metrics := s.metrics(t,
		`gsm_http_request_duration_seconds_count{method="GET",route="/api/v1/players/{player_id}",status="200"} 1`,
		"gsm_store_operation_duration_seconds_count", "\ngsm_players ", `gsm_sessions{status="open"} 0`,
		"go_goroutines",
	)
	for what, text := range map[string]string{"log": s.stdout.String(), "metrics": metrics} {
		for _, private := range []string{string(p.ID), "secretive"} {
			if strings.Contains(text, private) {
				t.Errorf("the %s tells %s", what, private)
			}
		}
	}
}
