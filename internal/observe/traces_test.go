package observe_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
)

// openTraces opens traces with environment variables, given as pairs of name and value.
func openTraces(t testing.TB, variables ...string) (*observe.Traces, error) {
	t.Helper()
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
	traces, err := observe.OpenTraces(t.Context(), observe.Service{Version: "test", Replica: "r", Engine: "sqlite"},
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	t.Cleanup(func() {
		if err := traces.Close(t.Context()); err != nil && !errors.Is(err, t.Context().Err()) {
			t.Error(err)
		}
	})
	return traces, err
}

// collect starts a collector that accepts everything and returns its URL.
func collect(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const (
	endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"
	samplerVariable  = "OTEL_TRACES_SAMPLER"
)

func TestTracesAreOffUnlessACollectorIsNamed(t *testing.T) {
	for name, variables := range map[string][]string{
		"nothing is set":       {},
		"only other variables": {"OTEL_SERVICE_NAME", "lobby", "OTEL_EXPORTER_OTLP_PROTOCOL", "carrier pigeon"},
		"the SDK is disabled":  {endpointVariable, "http://127.0.0.1:1", "OTEL_SDK_DISABLED", "TRUE"},
		"traces go nowhere":    {endpointVariable, "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			if traces, err := openTraces(t, variables...); traces != nil || err != nil {
				t.Errorf("got %v, %v", traces, err)
			}
		})
	}
}

func TestTracesRefuseWrongSettings(t *testing.T) {
	for name, wrong := range map[string]struct{ variable, value string }{
		"no URL":                 {endpointVariable, "secret:4318"},
		"another scheme":         {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:///secret"},
		"no host":                {endpointVariable, "http:///secret"},
		"unknown protocol":       {"OTEL_EXPORTER_OTLP_PROTOCOL", "secret"},
		"unknown compression":    {"OTEL_EXPORTER_OTLP_COMPRESSION", "secret"},
		"time with a unit":       {"OTEL_EXPORTER_OTLP_TIMEOUT", "10secrets"},
		"unknown sampler":        {samplerVariable, "secret"},
		"share above 1":          {"OTEL_TRACES_SAMPLER_ARG", "1.5"},
		"share that is no share": {"OTEL_TRACES_SAMPLER_ARG", "secret"},
		"unknown exporter":       {"OTEL_TRACES_EXPORTER", "secret"},
		"queue of no size":       {"OTEL_BSP_MAX_QUEUE_SIZE", "0"},
		"attribute of no value":  {"OTEL_RESOURCE_ATTRIBUTES", "team"},
		"header of no value":     {"OTEL_EXPORTER_OTLP_HEADERS", "secret"},
		"header that is escaped": {"OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret%zz"},
		"certificate not there":  {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/secret"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := []string{endpointVariable, "http://127.0.0.1:1"}
			if strings.HasSuffix(wrong.variable, "_ARG") {
				settings = append(settings, samplerVariable, "parentbased_traceidratio")
			}
			_, err := openTraces(t, append(settings, wrong.variable, wrong.value)...)
			if !errors.Is(err, observe.ErrBadEnvironment) {
				t.Fatalf("got %v, want ErrBadEnvironment", err)
			}
			general, _, _ := strings.Cut(wrong.variable, "HEADERS")
			general, _, _ = strings.Cut(general, "CERTIFICATE")
			if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), general) {
				t.Errorf("setting %s: %v", wrong.variable, err)
			}
		})
	}
}

func TestTracesTakeTheStandardSettings(t *testing.T) {
	for name, variables := range map[string][]string{
		"gRPC": {endpointVariable, "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
		"JSON": {
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://127.0.0.1:1/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
			"http/json",
		},
		"a sample": {
			endpointVariable, "http://127.0.0.1:1", samplerVariable, "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0.05",
		},
		"the rest": {
			endpointVariable, "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x",
			"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip",
			"OTEL_EXPORTER_OTLP_TIMEOUT", "500", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test",
			"OTEL_BSP_SCHEDULE_DELAY", "100",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if traces, err := openTraces(t, variables...); traces == nil || err != nil {
				t.Errorf("got %v, %v", traces, err)
			}
		})
	}
}

// The exemplar of a request slower than the last bucket adds a +Inf bucket, which must not be counted twice.
func TestSampleOfASlowRequestThatIsTraced(t *testing.T) {
	traces, err := openTraces(t, endpointVariable, collect(t))
	if err != nil {
		t.Fatal(err)
	}
	s := newSampledBy(t, traces)
	for range 2 {
		s.get(t, "/api/ok?took=0s", "/api/ok?took=1m")
		if err := s.sample(t, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range s.all(t) {
		if bounds, counts := len(m.Latency.Bounds), len(m.Latency.Counts); m.Requests != 2 || m.Latency.Total() != 2 ||
			counts != bounds+1 || m.Latency.Counts[bounds] != 1 {
			t.Errorf("the sample is %+v", m)
		}
	}
}

// Runs that the end of the process interrupts are no failures.
func TestTraceOfARunThatFails(t *testing.T) {
	traces, err := openTraces(t, endpointVariable, collect(t))
	if err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	failure := errors.New("no")
	for name, test := range map[string]struct {
		ctx  context.Context //nolint:containedctx // it is what the test varies
		err  error
		want codes.Code
	}{
		"a success":   {t.Context(), nil, codes.Unset},
		"a failure":   {t.Context(), failure, codes.Error},
		"interrupted": {canceled, failure, codes.Unset},
	} {
		var span sdktrace.ReadOnlySpan
		err := traces.Run("work", func(ctx context.Context) error {
			span, _ = trace.SpanFromContext(ctx).(sdktrace.ReadOnlySpan)
			return test.err
		})(test.ctx)
		if span == nil || span.Status().Code != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: the span is %+v, and the error %v", name, span, err)
		}
	}
}

// BenchmarkTelemetry measures a request with two store operations, without the store and the API.
func BenchmarkTelemetry(b *testing.B) {
	for _, c := range []struct {
		name      string
		variables []string
	}{
		{"off", nil},
		{"not sampled", []string{samplerVariable, "always_off"}},
		{"sampled", []string{samplerVariable, "always_on"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			if c.variables != nil {
				c.variables = append(c.variables, endpointVariable, collect(b))
			}
			traces, err := openTraces(b, c.variables...)
			if err != nil {
				b.Fatal(err)
			}
			meter := observe.Meter{Metrics: prometheus.NewRegistry(), Traces: traces, Now: time.Now}
			logs := observe.NewLogs(io.Discard, observe.LogOptions{
				Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: meter.Metrics, Now: time.Now,
			})
			store := observe.Store(nothing{}, logs.Database, meter)
			mux := http.NewServeMux()
			mux.HandleFunc("GET /api/v1/players/{player_id}", func(_ http.ResponseWriter, r *http.Request) {
				for range 2 {
					_, _ = store.Player(r.Context(), "", "")
				}
			})
			h := observe.HTTP(logs, meter)(mux)
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/v1/players/1", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// nothing is a store whose operations do nothing.
type nothing struct{ game.Store }

func (nothing) Player(context.Context, game.ProjectID, game.PlayerID) (game.Player, error) {
	return game.Player{}, nil
}
