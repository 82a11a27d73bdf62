package observe

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"game-session-manager/internal/game"
)

// Webhooks counts what is sent to webhooks. It implements the observer of package webhooks.
type Webhooks struct {
	attempts *prometheus.CounterVec
	disabled *prometheus.CounterVec
	took     prometheus.Histogram
	lag      prometheus.Histogram
	log      *slog.Logger
	now      func() time.Time
	// looked is what was seen by the last run of the task. It counts for a while only, because the task may run in
	// another process since.
	looked atomic.Pointer[webhooksSeen]
}

type webhooksSeen struct {
	at               time.Time
	failing, waiting int
}

// seenFor is for how long what a run of the task has seen is exported.
const seenFor = 15 * time.Second

// NewWebhooks returns the metrics of webhooks.
func NewWebhooks(reg prometheus.Registerer, log *slog.Logger, now func() time.Time) *Webhooks {
	w := &Webhooks{
		log: log, now: now,
		attempts: counters(reg, "gsm_webhook_attempts_total",
			"Attempts to send an event to a webhook, by their outcome: delivered, or why it failed.",
			[]string{"outcome"}, append([]game.WebhookFailure{delivered}, game.WebhookFailures()...)...),
		disabled: counters(reg, "gsm_webhooks_disabled_total",
			"Webhooks that were disabled because of their receivers: failing (for days), gone (it returned 410).",
			[]string{"reason"}, game.WebhookFailing, game.WebhookGone),
		took: promauto.With(reg).NewHistogram(seconds("gsm_webhook_attempt_duration_seconds",
			"Time that an attempt to send an event to a webhook took.", .005, .01, .05, .1, .5, 1, 5, 15)),
		lag: promauto.With(reg).NewHistogram(seconds("gsm_webhook_lag_seconds",
			"Time from an event to when a webhook had it by the first attempt.",
			.05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600)),
	}
	gauge := func(name, help string, of func(webhooksSeen) int) {
		promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if seen := w.looked.Load(); seen != nil && now().Sub(seen.at) < seenFor {
				return float64(of(*seen))
			}
			return 0
		})
	}
	gauge("gsm_webhooks_failing", "Webhooks to which every attempt has failed for ten minutes or longer; 0 except in "+
		"the process that sends.", func(s webhooksSeen) int { return s.failing })
	gauge("gsm_webhook_waiting", "Sessions and other documents whose events wait to be sent to a webhook again, for "+
		"each webhook; 0 except in the process that sends.", func(s webhooksSeen) int { return s.waiting })
	return w
}

// delivered is the outcome of an attempt that did not fail.
const delivered game.WebhookFailure = "delivered"

// failingAfter is how long every attempt must have failed for a webhook to count as failing.
const failingAfter = 10 * time.Minute

// Attempted implements the observer.
func (w *Webhooks) Attempted(a game.WebhookAttempt, since time.Duration, first bool) {
	outcome := a.Failure
	if outcome == "" {
		outcome = delivered
		if first {
			w.lag.Observe(since.Seconds())
		}
	}
	w.attempts.WithLabelValues(string(outcome)).Inc()
	w.took.Observe(a.Took.Seconds())
}

// Disabled implements the observer.
func (w *Webhooks) Disabled(id game.WebhookID, reason game.WebhookReason) {
	w.disabled.WithLabelValues(string(reason)).Inc()
	w.log.Warn("a webhook was disabled because of its receiver", "webhook_id", string(id), "reason", string(reason))
}

// Looked implements the observer.
func (w *Webhooks) Looked(all []game.Webhook) {
	seen := webhooksSeen{at: w.now()}
	for i := range all {
		p := &all[i].Progress
		seen.waiting += len(p.Waiting)
		if p.FailingSince != nil && seen.at.Sub(*p.FailingSince) >= failingAfter {
			seen.failing++
		}
	}
	w.looked.Store(&seen)
}
