package observe

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// Limits returns what is called for each request that is refused to a caller, with whose rate is used up, and for each that
// is shed because there are too many at once. The log tells of these too, thinned out: it must not be most of the work.
func Limits(log *slog.Logger, reg prometheus.Registerer) (limited func(class string), shed func(context.Context)) {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gsm_limited_requests_total",
		Help: "Requests refused with 429, by whose rate is used up: server, player, failed_credentials (of an address), failed_key.",
	}, []string{"class"})
	dropped := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gsm_shed_requests_total", Help: "Requests refused with 503 because too many were under way. They are in no other metric.",
	})
	reg.MustRegister(refused, dropped)
	for _, class := range []string{"server", "player", "failed_credentials", "failed_key"} {
		refused.WithLabelValues(class) // so that the first one shows as a rise
	}
	limited = func(class string) { refused.WithLabelValues(class).Inc() }
	shed = func(ctx context.Context) {
		dropped.Inc()
		log.LogAttrs(ctx, slog.LevelWarn, "request shed", slog.String("code", "overloaded"))
	}
	return limited, shed
}
