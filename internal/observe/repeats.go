package observe

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	repeatWindow = 10 * time.Second
	repeatLines  = 10  // of one kind that are written in a window; the others are counted
	repeatKinds  = 500 // that are distinguished in a window; lines of further ones count as one kind
)

// repeatLimiter limits how many lines that say the same are written, so that a flood of them neither fills the disk nor
// hides the others.
type repeatLimiter struct {
	now        func() time.Time
	suppressed prometheus.Counter

	mu    sync.Mutex
	kinds map[string]*kind
}

// kind is what lines that say the same have in common, in one window.
type kind struct {
	begin   time.Time
	lines   int // written
	left    int // left out, and not told yet
	handler slog.Handler
	summary slog.Record
}

func newRepeatLimiter(reg prometheus.Registerer, now func() time.Time) *repeatLimiter {
	t := &repeatLimiter{now: now, kinds: make(map[string]*kind), suppressed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gsm_log_lines_suppressed_total",
		Help: "Log lines left out because many lines before them said the same.",
	})}
	reg.MustRegister(t.suppressed)
	return t
}

// TellSuppressed writes a line for each kind of lines of which some were left out and none came since to tell how many.
// Call it at intervals, and [Logs.Close] at the end.
func (l *Logs) TellSuppressed(ctx context.Context) error { return l.repeats.tell(ctx, false) }

// Close tells what was left out until now, and writes what waits.
func (l *Logs) Close() error {
	return errors.Join(l.repeats.tell(context.Background(), true), l.buffer.flush())
}

func (t *repeatLimiter) tell(ctx context.Context, all bool) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, k := range t.kinds {
		if !all && t.now().Sub(k.begin) < repeatWindow {
			continue
		}
		delete(t.kinds, name)
		if k.left == 0 || !k.handler.Enabled(ctx, k.summary.Level) {
			continue
		}
		k.summary.Time = t.now()
		k.summary.AddAttrs(slog.Int("suppressed", k.left))
		if e := k.handler.Handle(ctx, k.summary); e != nil {
			err = e
		}
	}
	return err
}

// admit reports whether a line is to be written, and how many like it were left out before it.
func (t *repeatLimiter) admit(h slog.Handler, r slog.Record) (left int, ok bool) {
	name, summary := kindOf(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	now, k := t.now(), t.kinds[name]
	if k == nil && len(t.kinds) >= repeatKinds {
		name, summary = "", slog.NewRecord(now, r.Level, "other lines", 0)
		k = t.kinds[name]
	}
	switch {
	case k == nil:
		t.kinds[name] = &kind{begin: now, lines: 1, handler: h, summary: summary}
	case now.Sub(k.begin) >= repeatWindow:
		left, k.begin, k.lines, k.left = k.left, now, 1, 0
	case k.lines < repeatLines:
		k.lines++
	default:
		k.left++
		t.suppressed.Inc()
		return 0, false
	}
	return left, true
}

// kindOf returns what makes lines say the same: their level, their message and the attributes with values from short
// lists. The record has just these.
func kindOf(r slog.Record) (string, slog.Record) {
	summary := slog.NewRecord(r.Time, r.Level, r.Message, 0)
	var name strings.Builder
	name.WriteString(r.Level.String() + " " + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "code", "fingerprint", "route", "task", "operation", "command", "collection", "result":
			name.WriteString(" " + a.Value.String())
			summary.AddAttrs(a)
		}
		return true
	})
	return name.String(), summary
}

// repeatLimited is a handler that applies a repeatLimiter to the lines of a level and above.
type repeatLimited struct {
	slog.Handler
	bare    slog.Handler // without attributes that lines of one kind do not share
	repeats *repeatLimiter
	from    slog.Level
}

func newRepeatLimited(h slog.Handler, t *repeatLimiter, from slog.Level) repeatLimited {
	return repeatLimited{h, h, t, from}
}

// Handle implements [slog.Handler].
func (h repeatLimited) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= h.from {
		left, ok := h.repeats.admit(h.bare, r)
		if !ok {
			return nil
		}
		if left > 0 {
			r.AddAttrs(slog.Int("suppressed", left))
		}
	}
	return h.Handler.Handle(ctx, r) //nolint:wrapcheck // a handler passes errors on as they are
}

// WithAttrs implements [slog.Handler].
func (h repeatLimited) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements [slog.Handler].
func (h repeatLimited) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}
