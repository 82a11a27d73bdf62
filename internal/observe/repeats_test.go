package observe_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"game-session-manager/internal/observe"
)

// flooded is a log with its own clock.
type flooded struct {
	*observe.Logs
	out      *bytes.Buffer
	registry *prometheus.Registry
	level    *slog.LevelVar
	now      time.Time
}

func newFlooded() *flooded {
	f := &flooded{
		out: new(bytes.Buffer), registry: prometheus.NewRegistry(), level: new(slog.LevelVar), now: time.Unix(0, 0),
	}
	f.Logs = observe.NewLogs(f.out, observe.LogOptions{
		Format: observe.FormatJSON, Level: f.level, Metrics: f.registry, Now: func() time.Time { return f.now },
	})
	return f
}

// flood writes n lines that differ only in attributes that are not part of the kind.
func (f *flooded) flood(l *slog.Logger, level slog.Level, operation string, n int) {
	for i := range n {
		l.Log(context.Background(), level, "store operation", "operation", operation, "duration_ms", i)
	}
}

// told counts the lines, and sums up how many they report as left out.
func (f *flooded) told(t *testing.T) (written, left int) {
	t.Helper()
	for _, line := range lines(t, f.out) {
		written++
		if n, ok := line["suppressed"].(float64); ok {
			left += int(n)
		}
	}
	return written, left
}

func (f *flooded) expect(t *testing.T, when string, written, left, counted int) {
	t.Helper()
	w, l := f.told(t)
	c := testutil.ToFloat64(counter(t, f.registry, "gsm_log_lines_suppressed_total"))
	if w != written || l != left || c != float64(counted) {
		t.Errorf(
			"%s: %d lines that tell of %d left out, and %v counted; want %d, %d and %d", when, w, l, c, written, left,
			counted,
		)
	}
}

func TestFlood(t *testing.T) {
	t.Parallel()
	f := newFlooded()
	f.flood(f.Database, slog.LevelWarn, "get_player", 100)
	f.flood(f.Database, slog.LevelWarn, "get_session", 5)
	f.expect(t, "in the flood", 15, 0, 90)
	if err := f.ReportSuppressed(t.Context()); err != nil {
		t.Error(err)
	}
	f.expect(t, "before the window ends", 15, 0, 90)

	f.now = f.now.Add(10 * time.Second)
	f.flood(f.Database, slog.LevelWarn, "get_player", 30)
	f.expect(t, "in the next window", 25, 90, 110)
	f.now = f.now.Add(10 * time.Second)
	if err := f.ReportSuppressed(t.Context()); err != nil {
		t.Error(err)
	}
	f.expect(t, "after the flood", 26, 110, 110)
	all := lines(t, f.out)
	if last := all[len(all)-1]; last["category"] != "database" || last["operation"] != "get_player" ||
		last["msg"] != "store operation" || last["level"] != "WARN" || last["suppressed"] != 20.0 {
		t.Errorf("what was left out is told by %v", last)
	}

	f.flood(f.Error, slog.LevelError, "x", 20)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.expect(t, "at the end", 37, 120, 120)
}

// Lines below the level, and lines of other categories, are all written.
func TestNothingElseIsLeftOut(t *testing.T) {
	t.Parallel()
	f := newFlooded()
	f.level.Set(slog.LevelDebug)
	f.flood(f.Database, slog.LevelDebug, "get_player", 50)
	f.flood(f.Database, slog.LevelInfo, "get_player", 50)
	f.flood(f.API, slog.LevelError, "get_player", 50)
	f.flood(f.System, slog.LevelError, "get_player", 50)
	f.expect(t, "all lines", 200, 0, 0)
}

// However many kinds there are, memory stays bounded and no count is lost.
func TestFloodOfKinds(t *testing.T) {
	t.Parallel()
	f := newFlooded()
	for i := range 2000 {
		f.flood(f.Database, slog.LevelWarn, fmt.Sprint(i), 1)
	}
	f.expect(t, "in the flood", 510, 0, 1490)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.expect(t, "at the end", 511, 1490, 1490)
}

func TestFloodFromEverywhere(t *testing.T) {
	t.Parallel()
	f := newFlooded()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				f.flood(f.Error, slog.LevelError, "x", 1)
				_ = f.ReportSuppressed(t.Context())
			}
		})
	}
	all.Wait()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.expect(t, "at the end", 11, 790, 790)
}
