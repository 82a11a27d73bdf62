package observe

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
)

// Formats of log lines.
const (
	FormatJSON = "json"
	FormatText = "text"
)

// The categories of lines.
const (
	categoryAPI      = "api"
	categoryDatabase = "database"
	categorySystem   = "system"
	categoryError    = "error"
)

// Logs are the loggers, one for each category. There is no other one, so that no line is without a category.
type Logs struct {
	API      *slog.Logger // requests
	Database *slog.Logger // what the store does
	System   *slog.Logger // start, stop, settings, background work
	Error    *slog.Logger // failures: see [Errors]

	thinner *thinner
}

// LogOptions say how lines are written.
type LogOptions struct {
	Format  string
	Level   slog.Leveler // may change while it is used
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// NewLogs returns loggers that write lines in UTC with the ids of their context. Warnings and errors of the database and
// error categories are thinned out where many say the same; [Logs.TellSuppressed] must be called at intervals, and
// [Logs.Close] at the end, so that the log tells how many.
func NewLogs(w io.Writer, o LogOptions) *Logs {
	options := &slog.HandlerOptions{Level: o.Level}
	var h slog.Handler = slog.NewJSONHandler(w, options)
	if o.Format == FormatText {
		h = slog.NewTextHandler(w, options)
	}
	of := func(category string) slog.Handler {
		return contextual{h.WithAttrs([]slog.Attr{slog.String("category", category)})}
	}
	t := newThinner(o.Metrics, o.Now)
	return &Logs{
		API:      slog.New(of(categoryAPI)),
		Database: slog.New(thinned{of(categoryDatabase), t}),
		System:   slog.New(of(categorySystem)),
		Error:    slog.New(thinned{of(categoryError), t}),
		thinner:  t,
	}
}

// contextual adds what the context knows to each line.
type contextual struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	if id := game.RequestIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if id := game.RunIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String("run_id", id))
	}
	if id := traceID(ctx); id != "" {
		r.AddAttrs(slog.String("trace_id", id))
	}
	return h.Handler.Handle(ctx, r) //nolint:wrapcheck // a handler passes errors on as they are
}

// WithAttrs implements [slog.Handler]; without it log.With would lose the wrapper.
func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h contextual) WithGroup(name string) slog.Handler {
	return contextual{h.Handler.WithGroup(name)}
}
