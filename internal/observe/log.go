package observe

import (
	"context"
	"errors"
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

// Categories of log lines.
const (
	categoryAPI      = "api"
	categoryDatabase = "database"
	categorySystem   = "system"
	categoryError    = "error"
)

// Names of the ids that lines get from their context.
const (
	requestIDAttr = "request_id"
	runIDAttr     = "run_id"
	traceIDAttr   = "trace_id"
)

// Logs holds one logger for each category. There is no general logger, so that every line has a category.
type Logs struct {
	API      *slog.Logger // requests
	Rejected *slog.Logger // requests rejected for the caller or the load: see [HTTP]
	Database *slog.Logger // store operations
	System   *slog.Logger // start, stop, settings, background work
	Error    *slog.Logger // failures: see [Errors]

	repeats *repeatLimiter
	buffer  *lineBuffer
}

// LogOptions configure the log lines.
type LogOptions struct {
	Format  string
	Level   slog.Leveler // may change at run time
	Metrics prometheus.Registerer
	Now     func() time.Time
	// Delay is how long a line about a request or a store operation may be buffered. Other lines and warnings are
	// written at once, together with the buffered ones. Buffered lines are lost if the process is killed.
	Delay time.Duration
}

// NewLogs returns loggers that write lines in UTC with the ids of their context. Repeated warnings and errors of the
// database and error categories, and repeated lines of rejected requests, are rate limited. Call
// [Logs.ReportSuppressed] at intervals and [Logs.Close] at the end, so that the log says how many lines were left out.
func NewLogs(w io.Writer, o LogOptions) *Logs {
	options := &slog.HandlerOptions{Level: o.Level}
	out := newLineBuffer(w, o.Delay)
	var h slog.Handler = slog.NewJSONHandler(out, options)
	if o.Format == FormatText {
		h = slog.NewTextHandler(out, options)
	}
	of := func(category string, urgent slog.Level) slog.Handler {
		return contextual{h.WithAttrs([]slog.Attr{slog.String("category", category)}), out, urgent}
	}
	t := newRepeatLimiter(o.Metrics, o.Now)
	return &Logs{
		API:      slog.New(of(categoryAPI, slog.LevelWarn)),
		Rejected: slog.New(newRepeatLimited(of(categoryAPI, slog.LevelWarn), t, slog.LevelInfo)),
		Database: slog.New(newRepeatLimited(of(categoryDatabase, slog.LevelInfo), t, slog.LevelWarn)),
		System:   slog.New(of(categorySystem, slog.LevelDebug)),
		Error:    slog.New(newRepeatLimited(of(categoryError, slog.LevelDebug), t, slog.LevelWarn)),
		repeats:  t,
		buffer:   out,
	}
}

// contextual adds the ids of the context to each line, and flushes urgent lines at once.
type contextual struct {
	slog.Handler
	buffer *lineBuffer
	urgent slog.Level // lowest level of lines that are not buffered
}

// Handle implements [slog.Handler].
func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	if id := game.RequestIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String(requestIDAttr, id))
	}
	if id := game.RunIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String(runIDAttr, id))
	}
	if id := traceID(ctx); id != "" {
		r.AddAttrs(slog.String(traceIDAttr, id))
	}
	err := h.Handler.Handle(ctx, r)
	if r.Level >= h.urgent {
		err = errors.Join(err, h.buffer.flush())
	}
	return err //nolint:wrapcheck // passed on unchanged
}

// withoutContext returns the handler for lines that have the ids of the context already and may be buffered.
func withoutContext(h slog.Handler) slog.Handler {
	switch h := h.(type) {
	case contextual:
		return h.Handler
	case repeatLimited:
		h.Handler, h.bare = withoutContext(h.Handler), withoutContext(h.bare)
		return h
	}
	return h
}

// WithAttrs implements [slog.Handler]. Without it, log.With would drop the wrapper.
func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.Handler.WithAttrs(attrs), h.buffer, h.urgent}
}

// WithGroup implements [slog.Handler].
func (h contextual) WithGroup(name string) slog.Handler {
	return contextual{h.Handler.WithGroup(name), h.buffer, h.urgent}
}
