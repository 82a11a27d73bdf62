package observe

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/trace"

	"game-session-manager/internal/game"
)

// unmatchedRoute is the route label of requests that match no route. It keeps the number of label values small.
const unmatchedRoute = "unmatched"

// otherMethod is the method label of methods that the API does not use, for the same reason.
const otherMethod = "other"

// apiPaths is the prefix of the API's paths. Other paths are probes, health reports and pages.
const apiPaths = "/api/"

// HTTP returns a middleware that logs, measures and traces each request. Lines about rejections are limited per code,
// because rejected callers may continue; successful probes are logged at debug level. The next
// handler must not replace the request without copying its Pattern back, which names the route.
func HTTP(logs *Logs, m Meter) func(http.Handler) http.Handler {
	durations := promauto.With(m.Metrics).NewHistogramVec(seconds(requestDuration,
		"Time from the request header read to the response written.",
		.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10), []string{"method", "route", "status"})
	inFlight := promauto.With(m.Metrics).NewGauge(prometheus.GaugeOpts{
		Name: "gsm_http_requests_in_flight", Help: "Requests in progress, including queued ones.",
	})
	problems := counters[string](m.Metrics, "gsm_http_problems_total", "Problem documents returned, by code.",
		[]string{"route", "code"})
	all := newCache(func(k responseKey) observed {
		log := logs.API
		if k.rejected {
			log = logs.Rejected
		}
		level := slog.LevelInfo
		if k.probe && k.status < http.StatusBadRequest {
			level = slog.LevelDebug
		}
		return observed{
			durations.WithLabelValues(k.method, k.route, strconv.Itoa(k.status)),
			withoutContext(log.Handler()).WithAttrs([]slog.Attr{
				slog.String("method", k.method), slog.String("route", k.route), slog.Int("status", k.status),
			}),
			level,
		}
	})

	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := m.Now()
			inFlight.Inc()
			r, span := m.Traces.request(r)
			rec := &recorder{ResponseWriter: w, status: http.StatusOK, noteStream: func() time.Time {
				inFlight.Dec()
				return m.Now()
			}}
			defer func() {
				end := m.Now()
				took, route := end.Sub(begin), routeLabel(r.Pattern)
				answered := took
				if rec.streams.IsZero() {
					inFlight.Dec()
				} else {
					answered = rec.streams.Sub(begin)
				}
				o := all.get(responseKey{methodLabel(r.Method), route, rec.status, rec.rejected(), rec.probe})
				m.Traces.measure(r.Context(), o.durations, answered)
				if rec.code != "" {
					problems.WithLabelValues(route, rec.code).Inc()
				}
				rec.log(r.Context(), o.lines, o.level, span, end, took)
				endRequest(span, r, rec.status, rec.code)
			}()
			next.ServeHTTP(rec, r)
		})
	}
}

// responseKey identifies the responses that are counted together.
type responseKey struct {
	method, route string // labels
	status        int
	rejected      bool
	probe         bool
}

// observed is what responses with the same key share: the histogram of their durations, and the handler and level of
// their log lines.
type observed struct {
	durations prometheus.Observer
	lines     slog.Handler
	level     slog.Level
}

// routeLabel returns the path of a pattern like "GET /api/v1/players/{player_id}".
func routeLabel(pattern string) string {
	if pattern == "" {
		return unmatchedRoute
	}
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return path
	}
	return pattern
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return method
	}
	return otherMethod
}

// recorder records the status, size and problem of a response.
type recorder struct {
	http.ResponseWriter
	status        int
	bytes         int64
	written       bool
	code, errorID string // of the problem document, if the response is one
	caller        game.Caller
	probe         bool
	noteStream    func() time.Time
	streams       time.Time // when the response turned out to be a stream; zero if it is none
}

// rejected reports whether the request was rejected for its credential, for its rate or for the load.
func (w *recorder) rejected() bool {
	return w.status == http.StatusUnauthorized || w.status == http.StatusTooManyRequests ||
		w.code == game.ErrOverloaded.Code
}

// NoteProblem records which problem document the response is. errorID is empty unless the service failed.
func (w *recorder) NoteProblem(code, errorID string) { w.code, w.errorID = code, errorID }

// NoteCaller records the caller. Without it, the caller is nobody.
func (w *recorder) NoteCaller(c game.Caller) { w.caller = c }

// NoteProbe records that the request is a probe, which repeats all the time.
func (w *recorder) NoteProbe() { w.probe = true }

// NoteStream records that the response is a stream. The time until now counts as that of the request.
func (w *recorder) NoteStream() {
	if w.streams.IsZero() {
		w.streams = w.noteStream()
	}
}

// log writes the line about the request. It builds the record and its ids itself, because a [slog.Logger] would also
// look up the source line, the time and unused values of the context.
func (w *recorder) log(
	ctx context.Context, lines slog.Handler, level slog.Level, span trace.Span, end time.Time, took time.Duration,
) {
	if !lines.Enabled(ctx, level) {
		return
	}
	line := slog.NewRecord(end.UTC(), level, "request", 0)
	line.AddAttrs(slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.Int64("bytes", w.bytes),
		slog.String("caller", w.caller.Name))
	if w.caller.ActsAs {
		line.AddAttrs(slog.String("act_as", string(w.caller.Player)))
	}
	if w.code != "" {
		line.AddAttrs(slog.String("code", w.code))
	}
	if w.errorID != "" {
		line.AddAttrs(slog.String("error_id", w.errorID))
	}
	if id := game.RequestIDFrom(ctx); id != "" {
		line.AddAttrs(slog.String(requestIDAttr, id))
	}
	if span != nil && span.SpanContext().HasTraceID() {
		line.AddAttrs(slog.String(traceIDAttr, span.SpanContext().TraceID().String()))
	}
	_ = lines.Handle(ctx, line) // there is nowhere to report an error
}

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	if !w.written {
		w.status, w.written = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(b []byte) (int, error) {
	w.written = true
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err //nolint:wrapcheck // passed on unchanged
}

// Unwrap gives [http.ResponseController] access to the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
