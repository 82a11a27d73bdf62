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

// The categories of lines.
const (
	categoryAPI      = "api"
	categoryDatabase = "database"
	categorySystem   = "system"
	categoryError    = "error"
)

// The ids that lines have from their context.
const (
	requestIDAttr = "request_id"
	runIDAttr     = "run_id"
	traceIDAttr   = "trace_id"
)

// Logs are the loggers, one for each category. There is no other one, so that no line is without a category.
type Logs struct {
	API      *slog.Logger // requests
	Refused  *slog.Logger // those that are refused for who asks, or because there are too many: see [HTTP]
	Database *slog.Logger // what the store does
	System   *slog.Logger // start, stop, settings, background work
	Error    *slog.Logger // failures: see [Errors]

	repeats *repeatLimiter
	buffer  *lineBuffer
}

// LogOptions say how lines are written.
type LogOptions struct {
	Format  string
	Level   slog.Leveler // may change while it is used
	Metrics prometheus.Registerer
	Now     func() time.Time
	// Delay is how long a line about a request or an operation may wait to be written together with others. Other lines
	// do not wait, nor do warnings. What waits is lost if the process is killed.
	Delay time.Duration
}

// NewLogs returns loggers that write lines in UTC with the ids of their context. Of the warnings and errors of the
// database and error categories, and of the lines of rejected requests, only some are written where many say the same.
// [Logs.TellSuppressed] must be called at intervals, and [Logs.Close] at the end, so that the log says how many were
// not.
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
		Refused:  slog.New(newRepeatLimited(of(categoryAPI, slog.LevelWarn), t, slog.LevelInfo)),
		Database: slog.New(newRepeatLimited(of(categoryDatabase, slog.LevelInfo), t, slog.LevelWarn)),
		System:   slog.New(of(categorySystem, slog.LevelDebug)),
		Error:    slog.New(newRepeatLimited(of(categoryError, slog.LevelDebug), t, slog.LevelWarn)),
		repeats:  t,
		buffer:   out,
	}
}

// contextual adds what the context knows to each line, and has those written at once that do not wait.
type contextual struct {
	slog.Handler
	buffer *lineBuffer
	urgent slog.Level // of lines that do not wait
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
	return err //nolint:wrapcheck // a handler passes errors on as they are
}

// withoutContext returns the handler for lines that have what the context knows already, and may wait.
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

// WithAttrs implements [slog.Handler]; without it log.With would lose the wrapper.
func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.Handler.WithAttrs(attrs), h.buffer, h.urgent}
}

// WithGroup implements [slog.Handler].
func (h contextual) WithGroup(name string) slog.Handler {
	return contextual{h.Handler.WithGroup(name), h.buffer, h.urgent}
}
