package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
)

// Ticks returns the function to call after each run of [game.Sessions.Tick], also after one that failed.
func Ticks(reg prometheus.Registerer) func(game.Tick) {
	due := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gsm_elapse_due_total",
		Help: "Sessions and leases that were due when this process looked. What several processes find at the same " +
			"time counts in each.",
	}, []string{"of"})
	lag := prometheus.NewHistogram(seconds("gsm_elapse_lag_seconds",
		"By how much the earliest session or lease was overdue, of each look at what is due: the delay of what time "+
			"does to sessions. Time in which this process was paused, or without its database, does not count.",
		.5, 1, 2, 5, 10, 30, 60, 300, 900))
	stale := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gsm_sessions_turned_stale_total",
		Help: "Sessions that turned stale, because their heartbeats stopped.",
	})
	expired := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gsm_sessions_lease_expired_total",
		Help: "Sessions that expired because their heartbeats did not come back.",
	})
	reg.MustRegister(due, lag, stale, expired)
	sessions, leases := due.WithLabelValues("session"), due.WithLabelValues("lease")
	return func(t game.Tick) {
		sessions.Add(float64(t.Sessions))
		leases.Add(float64(t.Leases))
		stale.Add(float64(t.Stale))
		expired.Add(float64(t.Expired))
		lag.Observe(max(t.Lag, 0).Seconds())
	}
}

// Purges returns the function to call with the number of sessions that a run has purged.
func Purges(reg prometheus.Registerer) func(sessions int) {
	purged := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gsm_sessions_purged_total",
		Help: "Sessions removed because they ended long ago: see GSM_SESSION_RETENTION.",
	})
	reg.MustRegister(purged)
	return func(sessions int) { purged.Add(float64(sessions)) }
}
