package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// ErrBadEnvironment reports an invalid variable of OpenTelemetry.
var ErrBadEnvironment = errors.New("the environment of OpenTelemetry")

// Service describes the observed process.
type Service struct {
	Version string
	Replica string // name of the process
	Engine  string // kind of database, as OpenTelemetry names it: sqlite, mongodb
}

// OpenTraces configures traces from the environment variables of OpenTelemetry. It returns nil unless
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, and [ErrBadEnvironment] for invalid
// values. A collector that does not respond is not an error: it is logged. The caller must close the traces.
//
// The OpenTelemetry SDK keeps its error handler and its logger in package variables, so a process can have only one
// Traces.
func OpenTraces(ctx context.Context, s Service, log *slog.Logger, reg prometheus.Registerer) (*Traces, error) {
	if !wanted() {
		return nil, nil
	}
	if err := checkEnvironment(); err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(warn(log, time.Now)))
	said := new(complaints)
	otel.SetLogger(logr.FromSlogHandler(said))
	defer otel.SetLogger(logr.Discard())

	res, err := resource.New(ctx,
		resource.WithAttributes(
			semconv.ServiceName("gsm"), semconv.ServiceVersion(s.Version), semconv.ServiceInstanceID(s.Replica),
		),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("%w: OTEL_RESOURCE_ATTRIBUTES must be key=value,key=value: %w", ErrBadEnvironment, err)
	}
	exporter, err := newExporter(ctx)
	if err := errors.Join(err, said.all()); err != nil {
		return nil, fmt.Errorf("%w: OTEL_EXPORTER_OTLP_*: %w", ErrBadEnvironment, err)
	}
	ended := counter(reg, "gsm_trace_spans_ended_total", "Spans that were to be sent.")
	exported := counter(reg, "gsm_trace_spans_exported_total", "Spans that the collector accepted.")
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(res),
		sdktrace.WithSpanProcessor(counted{sdktrace.NewBatchSpanProcessor(counting{exporter, exported}), ended}))
	return &Traces{provider: provider, tracer: provider.Tracer("game-session-manager"), engine: s.Engine}, nil
}

// wanted reports whether a collector is configured.
func wanted() bool {
	return setting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") != "" &&
		!strings.EqualFold(setting("OTEL_SDK_DISABLED"), "true") && setting("OTEL_TRACES_EXPORTER") != "none"
}

// setting returns the value of the first variable that is set.
func setting(names ...string) string {
	for _, name := range names {
		if v := strings.TrimSpace(os.Getenv(name)); v != "" {
			return v
		}
	}
	return ""
}

const protocolGRPC = "grpc"

func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if setting("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") == protocolGRPC {
		return otlptracegrpc.New(ctx) //nolint:wrapcheck // the caller adds context
	}
	return otlptracehttp.New(ctx) //nolint:wrapcheck // as above
}

// checkEnvironment rejects values that the SDK would ignore silently or log only at a hidden level. Problems with
// headers and certificates, which it does log, come from [complaints].
func checkEnvironment() error {
	var wrong []error
	check := func(name, must string, ok func(string) bool) {
		if v := setting(name); v != "" && !ok(v) {
			// The value may contain a password.
			wrong = append(wrong, fmt.Errorf("%w: %s must be %s", ErrBadEnvironment, name, must))
		}
	}
	oneOf := func(name string, values ...string) {
		check(name, "one of "+strings.Join(values, ", "), func(v string) bool { return slices.Contains(values, v) })
	}
	for _, signal := range []string{"", "TRACES_"} {
		prefix := "OTEL_EXPORTER_OTLP_" + signal
		check(prefix+"ENDPOINT", "a URL that begins with http:// or https://", isEndpoint)
		check(prefix+"TIMEOUT", "a number of milliseconds", isCount)
		oneOf(prefix+"PROTOCOL", "http/protobuf", "http/json", protocolGRPC)
		oneOf(prefix+"COMPRESSION", "gzip", "none")
	}
	for _, name := range []string{"SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"} {
		check("OTEL_BSP_"+name, "a whole number above 0", isCount)
	}
	oneOf("OTEL_TRACES_EXPORTER", "otlp")
	oneOf("OTEL_TRACES_SAMPLER", "always_on", "always_off", "traceidratio",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")
	if strings.HasSuffix(setting("OTEL_TRACES_SAMPLER"), "traceidratio") {
		check("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1", isShare)
	}
	return errors.Join(wrong...)
}

func isEndpoint(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func isCount(v string) bool {
	n, err := strconv.Atoi(v)
	return err == nil && n > 0
}

func isShare(v string) bool {
	share, err := strconv.ParseFloat(v, 64)
	return err == nil && share >= 0 && share <= 1
}

// complaints collects the messages that the SDK logs while it reads its variables, without attributes, which may
// contain secrets.
type complaints struct{ said []error }

func (c *complaints) all() error { return errors.Join(c.said...) }

// Enabled implements [slog.Handler].
func (*complaints) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements [slog.Handler].
func (c *complaints) Handle(_ context.Context, r slog.Record) error {
	c.said = append(c.said, errors.New(r.Message))
	return nil
}

// WithAttrs implements [slog.Handler].
func (c *complaints) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup implements [slog.Handler].
func (c *complaints) WithGroup(string) slog.Handler { return c }

// limiter allows one call per interval and counts the others.
type limiter struct {
	mu      sync.Mutex
	last    time.Time
	skipped int
}

func (l *limiter) allow(now time.Time, every time.Duration) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < every {
		l.skipped++
		return 0, false
	}
	skipped, l.last, l.skipped = l.skipped, now, 0
	return skipped, true
}
