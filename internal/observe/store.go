package observe

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/wrap"
)

// slowOperation is the duration from which on a store operation is logged as a warning.
const slowOperation = 500 * time.Millisecond

// Store returns a store that measures, traces and logs each operation of inner.
func Store(inner game.Store, log *slog.Logger, m Meter) game.Store {
	durations := promauto.With(m.Metrics).NewHistogramVec(seconds("gsm_store_operation_duration_seconds",
		"Time that an operation of the store took.",
		.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5),
		[]string{"operation", "result"})
	observed := newCache(func(k ending) prometheus.Observer {
		return durations.WithLabelValues(k.operation, string(k.result))
	})
	return wrap.Store(inner, func(ctx context.Context, o wrap.Operation, do func(context.Context) error) error {
		begin := m.Now()
		ctx, span := m.Traces.operation(ctx, o.Label, o.Collection)
		err := do(ctx)
		took, result := m.Now().Sub(begin), wrap.ResultOf(ctx, err)
		m.Traces.measure(ctx, observed.get(ending{o.Label, result}), took)
		level := slog.LevelDebug
		if took >= slowOperation {
			level = slog.LevelWarn
		}
		if log.Enabled(ctx, level) {
			log.LogAttrs(ctx, level, "store operation",
				slog.String("operation", o.Label), slog.String("collection", o.Collection),
				slog.String("result", string(result)), slog.Float64("duration_ms", float64(took.Microseconds())/1000))
		}
		endOperation(span, result)
		return err
	})
}

// ending is an operation with its result.
type ending struct {
	operation string // as in the metrics
	result    wrap.Result
}
