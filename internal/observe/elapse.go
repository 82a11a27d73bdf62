package observe

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"game-session-manager/internal/game"
)

// Ticks returns the function to call after each run of [game.Sessions.Tick], also after one that failed.
func Ticks(reg prometheus.Registerer) func(game.Tick) {
	due := counters(reg, "gsm_elapse_due_total",
		"Sessions and leases that were due when this process looked. What several processes find at the same time "+
			"counts in each.", []string{"of"}, "session", "lease")
	lag := promauto.With(reg).NewHistogram(seconds("gsm_elapse_lag_seconds",
		"By how much the earliest session or lease was overdue, of each look at what is due: the delay of what time "+
			"does to sessions. Time in which this process was paused, or without its database, does not count.",
		.5, 1, 2, 5, 10, 30, 60, 300, 900))
	stale := counter(reg, "gsm_sessions_turned_stale_total",
		"Sessions that turned stale, because their heartbeats stopped.")
	expired := counter(reg, "gsm_sessions_lease_expired_total",
		"Sessions that expired because their heartbeats did not come back.")
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
	purged := counter(reg, "gsm_sessions_purged_total",
		"Sessions removed because they ended long ago: see GSM_SESSION_RETENTION.")
	return func(sessions int) { purged.Add(float64(sessions)) }
}
