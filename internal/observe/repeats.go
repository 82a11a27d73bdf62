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
	repeatLines  = 10  // lines of one kind that are written in a window; the others are counted
	repeatKinds  = 500 // kinds that are distinguished in a window; lines of further kinds count as one kind
)

// repeatLimiter limits the rate of lines of the same kind, so that a flood of them neither fills the disk nor hides
// other lines.
type repeatLimiter struct {
	now        func() time.Time
	suppressed prometheus.Counter

	mu    sync.Mutex
	kinds map[string]*kind
}

// kind counts the lines of one kind in the current window.
type kind struct {
	begin   time.Time
	lines   int // written
	left    int // left out and not reported yet
	handler slog.Handler
	summary slog.Record
}

func newRepeatLimiter(reg prometheus.Registerer, now func() time.Time) *repeatLimiter {
	suppressed := counter(reg, "gsm_log_lines_suppressed_total",
		"Log lines left out because many lines before them said the same.")
	return &repeatLimiter{now: now, suppressed: suppressed, kinds: make(map[string]*kind)}
}

// ReportSuppressed writes one line for each kind whose left out lines have not been reported yet. Call it at intervals,
// and [Logs.Close] at the end.
func (l *Logs) ReportSuppressed(ctx context.Context) error {
	return l.repeats.reportSuppressed(ctx, false)
}

// Close reports the lines left out until now, and writes the buffered lines.
func (l *Logs) Close() error {
	return errors.Join(l.repeats.reportSuppressed(context.Background(), true), l.buffer.flush())
}

func (t *repeatLimiter) reportSuppressed(ctx context.Context, all bool) (err error) {
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

// admit reports whether to write a line, and how many of its kind were left out before it.
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

// kindOf returns the kind of a line: its level, its message and those attributes whose values come from short lists.
// The returned record has only these.
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

// repeatLimited is a handler that applies a repeatLimiter to lines at or above a level.
type repeatLimited struct {
	slog.Handler
	bare    slog.Handler // without the attributes that differ between lines of one kind
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
	return h.Handler.Handle(ctx, r) //nolint:wrapcheck // passed on unchanged
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
