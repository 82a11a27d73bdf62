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

// HTTP returns a wrapper that writes one log line for each request and measures it. It must stand inside whatever copies
// the request, because the mux leaves the route's pattern in the request that it was given.
func HTTP(log *slog.Logger, reg prometheus.Registerer, now func() time.Time) func(http.Handler) http.Handler {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    requestDuration,
		Help:    "Time from a request's header read to its answer written.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"method", "route", "status"})
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gsm_http_requests_in_flight",
		Help: "Requests being answered.",
	})
	problems := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gsm_http_problems_total",
		Help: "Problem documents answered, by their code.",
	}, []string{"route", "code"})
	reg.MustRegister(duration, inFlight, problems)

	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := now()
			inFlight.Inc()
			rec := &recorder{ResponseWriter: w, status: http.StatusOK}
			defer func() {
				inFlight.Dec()
				took := now().Sub(begin)
				method, route := methodLabel(r.Method), routeLabel(r.Pattern)
				duration.WithLabelValues(method, route, strconv.Itoa(rec.status)).Observe(took.Seconds())
				if rec.code != "" {
					problems.WithLabelValues(route, rec.code).Inc()
				}
				rec.log(r.Context(), log, method, route, took)
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
	return "other"
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status        int
	bytes         int64
	written       bool
	code, errorID string // of the problem document, if it was one
}

// NoteProblem tells which problem document the answer is. errorID is empty unless the failure is ours.
func (w *recorder) NoteProblem(code, errorID string) { w.code, w.errorID = code, errorID }

// log writes the line about the request.
func (w *recorder) log(ctx context.Context, log *slog.Logger, method, route string, took time.Duration) {
	attrs := append(make([]slog.Attr, 0, 8), // on the stack
		slog.String("method", method), slog.String("route", route), slog.Int("status", w.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.Int64("bytes", w.bytes),
		slog.String("caller", game.CallerFrom(ctx).Name))
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
