package observe

import "github.com/prometheus/client_golang/prometheus"

// Limits returns what is called for each request that is refused to a caller, with the reason, and for each that is shed
// because there are too many at once.
func Limits(reg prometheus.Registerer) (limited func(reason string), shed func()) {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gsm_limited_requests_total",
		Help: "Requests refused with 429, by reason: rate, credentials (too many wrong ones from the address), lockout (of the key).",
	}, []string{"reason"})
	dropped := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gsm_shed_requests_total", Help: "Requests refused with 503 because too many were under way. They are in no other metric.",
	})
	reg.MustRegister(refused, dropped)
	for _, reason := range []string{"rate", "credentials", "lockout"} {
		refused.WithLabelValues(reason) // so that the first one shows as a rise
	}
	return func(reason string) { refused.WithLabelValues(reason).Inc() }, dropped.Inc
}
