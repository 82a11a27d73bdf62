package observe

import (
	"context"
	"io"
	"log/slog"

	"game-session-manager/internal/game"
)

// Formats of log lines.
const (
	FormatJSON = "json"
	FormatText = "text"
)

// NewLogger returns a logger that writes lines in UTC with the request id of their context. Its level can be changed
// while it is used.
func NewLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, options)
	if format == FormatText {
		h = slog.NewTextHandler(w, options)
	}
	return slog.New(contextual{h})
}

// contextual adds what the context knows to each line.
type contextual struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	if id := game.RequestIDFrom(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
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
