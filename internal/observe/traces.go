package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/wrap"
)

// Span attributes without a semantic convention.
const (
	requestIDKey = attribute.Key("gsm.request_id")
	resultKey    = attribute.Key("gsm.result") // the result of a store operation, as in its metric
)

// Traces creates the spans of requests, store operations, commands and background runs, and exports them to a
// collector. A nil *Traces creates none, at the cost of a comparison.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	engine   string // the kind of database
}

// Close exports the waiting spans, until the context ends. Later spans are lost.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last spans: %w", err)
	}
	return nil
}

// request starts the span of a request to the API and returns the request with it. Other requests (probes, health
// reports, pages) have no span. The route, which names the span, is read at the end, because redirects
// set it late: see [endRequest].
func (t *Traces) request(r *http.Request) (*http.Request, trace.Span) {
	if t == nil || !strings.HasPrefix(r.URL.Path, apiPaths) {
		return r, nil
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, methodOr(r.Method, otherMethodSpan), trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPRequestMethodKey.String(methodOr(r.Method, otherMethodAttribute)),
			semconv.URLScheme(scheme), requestIDKey.String(game.RequestIDFrom(ctx)))
	}
	return r.WithContext(ctx), span
}

// endRequest ends the span of a request. The span may be nil. The code is that of the problem document, if the
// response is one.
func endRequest(span trace.Span, r *http.Request, status int, code string) {
	if span == nil || !span.IsRecording() {
		return
	}
	if route := routeLabel(r.Pattern); route != unmatchedRoute {
		span.SetName(methodOr(r.Method, otherMethodSpan) + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route))
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError {
		fail(span, cmp.Or(code, strconv.Itoa(status)))
	}
	span.End()
}

// Names of other methods in attributes and in names of spans, as the semantic conventions define them.
const (
	otherMethodAttribute = "_OTHER"
	otherMethodSpan      = "HTTP"
)

// methodOr returns a method from a closed list, or other.
func methodOr(method, other string) string {
	if m := methodLabel(method); m != otherMethod {
		return m
	}
	return other
}

// operation starts the span of a store operation if its caller is traced.
func (t *Traces) operation(ctx context.Context, name, collection string) (context.Context, trace.Span) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return t.tracer.Start(ctx, name, trace.WithAttributes(t.database(name, collection)...))
}

// endOperation ends the span of an operation, which may be nil.
func endOperation(span trace.Span, result wrap.Result) {
	if span == nil {
		return
	}
	span.SetAttributes(resultKey.String(string(result)))
	if result.Failed() {
		fail(span, string(result))
	}
	span.End()
}

// command creates the span of a command to the database server that has just ended.
func (t *Traces) command(ctx context.Context, c game.Command, end time.Time) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	name := c.Name
	if c.Collection != "" {
		name += " " + c.Collection
	}
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(end.Add(-c.Took)), trace.WithAttributes(t.database(c.Name, c.Collection)...))
	if c.Failure != "" {
		fail(span, c.Failure)
	}
	span.End(trace.WithTimestamp(end))
}

// Run returns run with a span for each call.
func (t *Traces) Run(name string, run func(context.Context) error) func(context.Context) error {
	if t == nil {
		return run
	}
	return func(ctx context.Context) error {
		ctx, span := t.tracer.Start(ctx, name)
		defer span.End()
		err := run(ctx)
		if result := wrap.ResultOf(ctx, err); err != nil && result != wrap.Cancelled {
			fail(span, string(result))
		}
		return err
	}
}

func (t *Traces) database(operation, collection string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{semconv.DBSystemNameKey.String(t.engine), semconv.DBOperationName(operation)}
	if collection != "" {
		attributes = append(attributes, semconv.DBCollectionName(collection))
	}
	return attributes
}

// fail marks a span as failed. The kind comes from a closed list, because an error message may contain personal data.
func fail(span trace.Span, kind string) {
	span.SetStatus(codes.Error, kind)
	span.SetAttributes(semconv.ErrorTypeKey.String(kind))
}

// measure observes a duration in a histogram, with the trace id as an exemplar if the request is traced.
func (t *Traces) measure(ctx context.Context, histogram prometheus.Observer, took time.Duration) {
	if t != nil {
		if c := trace.SpanContextFromContext(ctx); c.IsSampled() {
			h := histogram.(prometheus.ExemplarObserver) //nolint:forcetypeassert // the library's are
			h.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": c.TraceID().String()})
			return
		}
	}
	histogram.Observe(took.Seconds())
}

// traceID returns the trace id of the context, or an empty string.
func traceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.HasTraceID() {
		return c.TraceID().String()
	}
	return ""
}

// counted counts the spans that will be exported.
type counted struct {
	sdktrace.SpanProcessor
	ended prometheus.Counter
}

// OnEnd implements [sdktrace.SpanProcessor].
func (c counted) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		c.ended.Inc()
	}
	c.SpanProcessor.OnEnd(s)
}

// counting counts the spans that were exported.
type counting struct {
	sdktrace.SpanExporter
	exported prometheus.Counter
}

// ExportSpans implements [sdktrace.SpanExporter].
func (c counting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := c.SpanExporter.ExportSpans(ctx, spans); err != nil {
		return err //nolint:wrapcheck // passed on unchanged
	}
	c.exported.Add(float64(len(spans)))
	return nil
}

// warnEvery is how often a failing collector is logged.
const warnEvery = time.Minute

// maxReason limits the logged error, because a collector may return a whole page.
const maxReason = 300

// warn returns a function that logs, at most once a minute, why spans were not exported. The SDK calls it from its own
// goroutines.
func warn(log *slog.Logger, now func() time.Time) func(error) {
	var limit limiter
	return func(err error) {
		skipped, ok := limit.allow(now(), warnEvery)
		if !ok {
			return
		}
		reason := err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			reason = "the collector did not respond in time"
		}
		log.Warn("spans were not sent", "error", reason[:min(len(reason), maxReason)], "skipped", skipped)
	}
}
