package observe

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"game-session-manager/internal/report"
)

// Background returns the function to call after each run of a background task. It writes a line at debug level or
// reports the failure, and counts the run in metrics. A task counts as done at the call of Background, so that an
// alert notices a task that never succeeds, and whenever another process holds its lease, because that process reports
// its runs.
func Background(
	log *slog.Logger, m Meter, failed func(context.Context, report.Failure) string, tasks ...string,
) func(context.Context, report.Run) {
	durations := promauto.With(m.Metrics).NewHistogramVec(seconds(
		"gsm_background_run_duration_seconds", "Time that a run of a background task took.",
		.001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60,
	), []string{"task", "result"})
	succeeded := promauto.With(m.Metrics).NewGaugeVec(prometheus.GaugeOpts{
		Name: "gsm_background_last_success_timestamp_seconds",
		Help: "When a background task last succeeded, or another process was found to hold its lease, " +
			"in seconds since 1970; until then, when the process started.",
	}, []string{"task"})
	done := func(task string, at time.Time) { succeeded.WithLabelValues(task).Set(float64(at.UnixMilli()) / 1000) }
	for _, task := range tasks {
		done(task, m.Now())
	}
	return func(ctx context.Context, r report.Run) {
		if r.Err != nil {
			durations.WithLabelValues(r.Task, "error").Observe(r.Took.Seconds())
			f := report.Failure{Code: report.FailureBackground, Task: r.Task, Err: r.Err}
			if errors.As(r.Err, new(*report.Panic)) {
				f.Code = report.FailurePanic
			}
			failed(ctx, f)
			return
		}
		if r.Elsewhere {
			done(r.Task, r.End)
			return
		}
		durations.WithLabelValues(r.Task, "ok").Observe(r.Took.Seconds())
		done(r.Task, r.End)
		log.LogAttrs(ctx, slog.LevelDebug, "background run",
			slog.String("task", r.Task), slog.Float64("duration_ms", float64(r.Took.Microseconds())/1000))
	}
}
