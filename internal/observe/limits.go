package observe

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Limits returns the function to call for each rate-limited request, with the class whose rate is used up.
func Limits(reg prometheus.Registerer) func(class string) {
	rejected := counters(reg, "gsm_limited_requests_total",
		"Requests rejected with 429, by whose rate is used up: server, player, failed_credentials (of an address), "+
			"failed_key, wrong_join_code, wrong_password.",
		[]string{"class"}, "server", "player", "failed_credentials", "failed_key", "wrong_join_code",
		"wrong_password")
	return func(class string) { rejected.WithLabelValues(class).Inc() }
}

// Concurrency exports the limit on requests in flight, and how many requests are queued.
func Concurrency(load func() (limit, queued int), reg prometheus.Registerer) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gsm_http_concurrency_limit", Help: "Requests that may be processed at once; 0 without a limit.",
	}, func() float64 {
		limit, _ := load()
		return float64(limit)
	})
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gsm_http_requests_queued", Help: "Requests that wait until they may be processed.",
	}, func() float64 {
		_, queued := load()
		return float64(queued)
	})
}
