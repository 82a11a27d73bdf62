package observe

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
)

// unmatchedRoute is the route of requests that no route takes, so that labels stay few whatever is asked for.
const unmatchedRoute = "unmatched"

// otherMethod stands for all methods that the API has no use for, for the same reason.
const otherMethod = "other"

// apiPaths begin the paths of the API itself: the others are probes, health reports and pages.
const apiPaths = "/api/"

// HTTP returns a wrapper that writes one log line for each request, measures it and traces it. It must stand inside
// whatever else copies the request, because the mux leaves the route's pattern in the request that it was given.
func HTTP(log *slog.Logger, m Meter) func(http.Handler) http.Handler {
	durations := prometheus.NewHistogramVec(seconds(requestDuration, "Time from a request's header read to its answer written.",
		.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10), []string{"method", "route", "status"})
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gsm_http_requests_in_flight",
		Help: "Requests being answered.",
	})
	problems := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gsm_http_problems_total",
		Help: "Problem documents answered, by their code.",
	}, []string{"route", "code"})
	m.Metrics.MustRegister(durations, inFlight, problems)

	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := m.Now()
			inFlight.Inc()
			r, span := m.Traces.request(r)
			rec := &recorder{ResponseWriter: w, status: http.StatusOK}
			defer func() {
				inFlight.Dec()
				took := m.Now().Sub(begin)
				method, route := methodLabel(r.Method), routeLabel(r.Pattern)
				m.Traces.measure(r.Context(), durations.WithLabelValues(method, route, strconv.Itoa(rec.status)), took)
				if rec.code != "" {
					problems.WithLabelValues(route, rec.code).Inc()
				}
				rec.log(r.Context(), log, method, route, took)
				endRequest(span, r, rec.status, rec.code)
			}()
			next.ServeHTTP(rec, r)
		})
	}
}

// routeLabel is the path of a pattern like "GET /api/v1/players/{player_id}".
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
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return otherMethod
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status        int
	bytes         int64
	written       bool
	code, errorID string // of the problem document, if it was one
	caller        game.Caller
}

// NoteProblem tells which problem document the answer is. errorID is empty unless the failure is ours.
func (w *recorder) NoteProblem(code, errorID string) { w.code, w.errorID = code, errorID }

// NoteCaller tells who asks. Until it is told, that is nobody.
func (w *recorder) NoteCaller(c game.Caller) { w.caller = c }

// log writes the line about the request.
func (w *recorder) log(ctx context.Context, log *slog.Logger, method, route string, took time.Duration) {
	attrs := append(make([]slog.Attr, 0, 9), // on the stack
		slog.String("method", method), slog.String("route", route), slog.Int("status", w.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.Int64("bytes", w.bytes),
		slog.String("caller", w.caller.Name))
	if w.caller.ActsAs {
		attrs = append(attrs, slog.String("act_as", string(w.caller.Player)))
	}
	if w.code != "" {
		attrs = append(attrs, slog.String("code", w.code))
	}
	if w.errorID != "" {
		attrs = append(attrs, slog.String("error_id", w.errorID))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
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
	return n, err //nolint:wrapcheck // a writer passes errors on as they are
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
