package tests_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"game-session-manager/client"
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
	joinRoute    = "/api/v1/sessions/{session_id}/members"
)

// traceparent is the header of a caller that traces.
func traceparent(trace string, sampled bool) string {
	return fmt.Sprintf("00-%s-%s-0%d", trace, callersSpan, map[bool]int{true: 1}[sampled])
}

// One request can be followed from its caller to the commands that it made of the database, by one id, in traces, logs
// and metrics. Nothing in the trace is about somebody.
func TestTraceOfOneRequest(t *testing.T) {
	t.Parallel()
	c, url := collect(t)
	s := start(t, tracedTo(url), withArgs(
		"--log-level=debug", "--replica=traced",
	), withEnv("OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test"))
	lobby, players := s.lobby(t, "owner-of-", 1, client.Settings{MaxPlayers: 4})
	joiner := s.newPlayer(t, "somebody")
	s.do(t, "POST /api/v1/sessions/"+string(lobby.ID)+"/members?", fmt.Sprintf(`{"player_id":%q}`, joiner.ID),
		"traceparent", traceparent(callersTrace, true), "tracestate", "vendor=1", "baggage", "name=somebody",
		"X-Request-ID", "followed").is(http.StatusCreated)
	exemplars := s.scrape(t, "application/openmetrics-text; version=1.0.0")
	if code := s.terminate(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}

	spans := c.all(func(s span) bool { return s.trace == callersTrace })
	if len(spans) == 0 {
		t.Fatal("no span has the caller's trace")
	}
	request := spans[0]
	if request.name != "POST "+joinRoute || request.parent != callersSpan || request.state != "vendor=1" ||
		request.kind != tracepb.Span_SPAN_KIND_SERVER || request.failed {
		t.Errorf("the request's span is %+v", request)
	}
	if want := map[string]string{
		"http.request.method": "POST", "http.route": joinRoute, "http.response.status_code": "201",
		"url.scheme": "http", "gsm.request_id": "followed",
	}; !maps.Equal(request.attributes, want) {
		t.Errorf("the request's attributes are %v", request.attributes)
	}
	for name, want := range map[string]string{
		"service.name": "gsm", "service.instance.id": "traced", "deployment.environment.name": "test",
	} {
		if request.process[name] != want {
			t.Errorf("%s is %q, want %q", name, request.process[name], want)
		}
	}
	c.checkStore(t, request)
	for _, found := range spans {
		for _, secret := range []string{
			"somebody", "owner-of-", string(joiner.ID), string(players[0].ID), string(lobby.ID), "127.0.0.1",
		} {
			if text := fmt.Sprint(found); strings.Contains(text, secret) {
				t.Errorf("a span tells %s: %s", secret, text)
			}
		}
	}

	categories := make(map[any]bool)
	for _, l := range s.stdout.logLines() {
		if (l["request_id"] == "followed") != (l["trace_id"] == callersTrace) {
			t.Errorf("a line has one id and not the other: %v", l)
		}
		if l["request_id"] == "followed" {
			categories[l["category"]] = true
		}
	}
	if !categories["api"] || !categories["database"] {
		t.Errorf("lines of the request are of %v", categories)
	}
	for _, series := range []string{
		`gsm_http_request_duration_seconds_bucket{method="POST",route="` + joinRoute + `"`,
		`gsm_store_operation_duration_seconds_bucket{operation="replace_session"`,
	} {
		if !slices.ContainsFunc(strings.Split(exemplars, "\n"), func(l string) bool {
			return strings.HasPrefix(l, series) && strings.Contains(l, `# {trace_id="`+callersTrace+`"}`)
		}) {
			t.Errorf("no example of %s", series)
		}
	}
}

// checkStore looks at what is below the span of a join.
func (c *collector) checkStore(t *testing.T, request span) {
	t.Helper()
	operations := c.below(request)
	if got := spanNames(operations); got != "get_player, replace_session" { // the process has just seen the session
		t.Errorf("below the request are %s", got)
	}
	for _, o := range operations {
		if o.kind != tracepb.Span_SPAN_KIND_INTERNAL || o.attributes["db.system.name"] != underTest.name ||
			o.attributes["db.operation.name"] != o.name ||
			!strings.Contains(
				"players sessions", o.attributes["db.collection.name"],
			) || o.attributes["gsm.result"] != "ok" || o.begin.Before(request.begin) || o.end.After(request.end) {
			t.Errorf("the operation is %+v", o)
		}
		commands := c.below(o)
		if underTest.name != mongodb {
			if len(commands) != 0 {
				t.Errorf("an embedded database has the commands %s", spanNames(commands))
			}
			continue
		}
		want := map[string]string{"get_player": "find", "replace_session": "update"}[o.name]
		if len(commands) != 1 {
			t.Fatalf("below %s are %s", o.name, spanNames(commands))
		}
		command, collection := commands[0], o.attributes["db.collection.name"]
		if command.name != want+" "+collection || command.kind != tracepb.Span_SPAN_KIND_CLIENT ||
			command.attributes["db.operation.name"] != want ||
			command.attributes["db.collection.name"] != collection || command.end.After(o.end) ||
			command.begin.Before(o.begin) || !command.begin.Before(command.end) {
			t.Errorf("the command is %+v, of %+v", command, o)
		}
	}
}

// A caller that does not sample its trace is followed in the log only, and gets no spans.
func TestTraceThatIsNotSampled(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	c, url := collect(t)
	s := start(t, tracedTo(url))
	s.do(t, "GET /api/v1/players", "", "traceparent", traceparent(callersTrace, false)).is(http.StatusOK)
	s.do(t, "GET /api/v1/sessions", "").is(http.StatusOK)
	s.logged(t, func(l logLine) bool { return l["trace_id"] == callersTrace && l["route"] == "/api/v1/players" })
	if text := s.scrape(t, "application/openmetrics-text; version=1.0.0"); strings.Contains(text, callersTrace) {
		t.Error("is an example all the same")
	}
	s.terminate(t)
	all := c.all(func(s span) bool { return s.kind == tracepb.Span_SPAN_KIND_SERVER })
	if spanNames(all) != "GET /api/v1/sessions" {
		t.Errorf("the requests are %s", spanNames(all))
	}
}

// Spans of completed requests are exported before the process ends. Only requests to the API and background work are
// traced.
func TestTracesAreWholeAtTheEnd(t *testing.T) {
	t.Parallel()
	for name, collect := range map[string]func(testing.TB) (*collector, string){
		"http/protobuf": collect, "grpc": collectByGRPC,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			only(t, sqlite)
			c, url := collect(t)
			s := start(t, tracedTo(url), withEnv("OTEL_SERVICE_NAME=lobby", "OTEL_EXPORTER_OTLP_PROTOCOL="+name))
			const requests = 700 // more than one message takes
			for range requests {
				s.do(t, "GET /api/v1/players/"+nobody, "").is(http.StatusNotFound)
			}
			s.do(t, "BREW /api/nothing", "").is(http.StatusNotFound)
			s.do(t, "GET /nothing", "").is(http.StatusNotFound)
			s.do(t, "GET /health/detailed", "").is(http.StatusOK)
			s.worked(t, "sample_metrics", "finish_erasures")
			if code := s.terminate(t); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			count := make(map[string]int)
			for _, s := range c.all(func(span) bool { return true }) {
				if s.process["service.name"] != "lobby" || s.failed {
					t.Fatalf("%+v", s)
				}
				if s.parent == "" || s.name == "get_player" {
					count[s.name]++
				}
			}
			if count["sample_metrics"] == 0 || count["finish_erasures"] == 0 {
				t.Error("background work is not traced")
			}
			maps.DeleteFunc(count, func(name string, _ int) bool {
				task := name == "elapse" || strings.Contains(name, "_") && !strings.Contains(name, " ")
				return task && name != "get_player"
			})
			if want := map[string]int{
				"GET /api/v1/players/{player_id}": requests, "get_player": requests, "HTTP": 1,
			}; !maps.Equal(count, want) {
				t.Errorf("the spans are %v, want %v", count, want)
			}
		})
	}
}

// A collector that is away or hangs costs its spans, one warning, and a few seconds at the end. It delays no request.
func TestCollectorThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, endpoint := range map[string]func(*testing.T) string{
		"away":   func(*testing.T) string { return "http://127.0.0.1:1" },
		"hangs":  hangingCollector,
		"broken": brokenCollector,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			only(t, sqlite)
			s := start(t, withEnv("OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint(t), "OTEL_EXPORTER_OTLP_TIMEOUT=50",
				"OTEL_BSP_EXPORT_TIMEOUT=100",
				"OTEL_BSP_SCHEDULE_DELAY=1", "OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4"))
			isWarning := func(l logLine) bool { return l["msg"] == "spans were not sent" }
			begin, requests := time.Now(), 0
			for ; requests < 200 || !slices.ContainsFunc(s.stdout.logLines(), isWarning) &&
				time.Since(begin) < patience; requests++ {
				s.do(t, "GET /api/v1/players", "").is(http.StatusOK)
			}
			metrics := s.metrics(t, "gsm_trace_spans_ended_total", "gsm_trace_spans_exported_total 0\n")
			if strings.Contains(metrics, "gsm_trace_spans_ended_total 0\n") {
				t.Error("no span ended")
			}
			begin = time.Now()
			if code := s.terminate(t); code != 0 || time.Since(begin) > 30*time.Second {
				t.Errorf("exit code %d after %v", code, time.Since(begin))
			}
			warnings := 0
			for _, l := range s.stdout.logLines() {
				if isWarning(l) {
					warnings++
					if l["level"] != "WARN" || l["category"] != "system" || len(fmt.Sprint(l["error"])) > 300 {
						t.Errorf("the warning is %v", l)
					}
				}
				if took, _ := l["duration_ms"].(float64); l["msg"] == "request" && took > 5000 {
					t.Errorf("waited: %v", l)
				}
			}
			if elapsed := time.Since(begin); warnings < 1 || warnings > 2 {
				t.Errorf("%d warnings of %d requests, %v", warnings, requests, elapsed)
			}
			if text := s.stderr.String(); text != "" {
				t.Errorf("on stderr: %s", text)
			}
		})
	}
}

func hangingCollector(t *testing.T) string {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); s.Close() })
	return s.URL
}

func brokenCollector(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, strings.Repeat("no ", 1000))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestWrongTraceSettings(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	code, _,
		stderr := runToEnd(t, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318/hunter2", "OTEL_TRACES_SAMPLER=sometimes",
	},
		"serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	if code != exitUsage || !strings.Contains(stderr, "OTEL_EXPORTER_OTLP_ENDPOINT") ||
		!strings.Contains(stderr, "parentbased_traceidratio") || strings.Contains(stderr, "hunter2") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
