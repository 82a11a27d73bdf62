package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Streams counts event streams.
type Streams struct {
	open  *prometheus.GaugeVec
	ended *prometheus.CounterVec
	lag   prometheus.Histogram
}

// NewStreams returns the metrics of event streams, and exports how many followers there are.
func NewStreams(followers func() int, reg prometheus.Registerer) *Streams {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gsm_stream_followers",
		Help: "Clients that follow a session or a project, by an event stream or a long poll.",
	}, func() float64 { return float64(followers()) })
	s := &Streams{
		open: promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
			Name: "gsm_streams_open", Help: "Event streams and long polls, by their form: sse, websocket, poll.",
		}, []string{"form"}),
		ended: counters(reg, "gsm_streams_ended_total",
			"Event streams that ended, by why: session_ended, removed (the player), left (the client), "+
				"slow (the client did not read), unauthenticated (the credential ended), shutdown, "+
				"unavailable (the database), gap, failed (a panic).",
			[]string{"reason"}, "session_ended", "removed", "left", "slow", "unauthenticated", "shutdown",
			"unavailable", "gap", "failed"),
		lag: promauto.With(reg).NewHistogram(seconds("gsm_stream_lag_seconds",
			"Time from a change to when its event was written to a client that waited for it. Where another process "+
				"made the change, the difference of the clocks is in it.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)),
	}
	for _, form := range []string{"sse", "websocket", "poll"} {
		s.open.WithLabelValues(form)
	}
	return s
}

// Opened counts a stream of a form.
func (s *Streams) Opened(form string) { s.open.WithLabelValues(form).Inc() }

// Closed counts the end of a stream of a form. Long polls end with every response, which is no news.
func (s *Streams) Closed(form, reason string) {
	s.open.WithLabelValues(form).Dec()
	if form != "poll" {
		s.ended.WithLabelValues(reason).Inc()
	}
}

// Delivered records the lag of an event.
func (s *Streams) Delivered(lag time.Duration) { s.lag.Observe(lag.Seconds()) }
