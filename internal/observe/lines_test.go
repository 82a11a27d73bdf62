package observe_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/observe"
)

// writes keeps what each write was.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(bytes.Clone(b)))
	return len(b), nil
}

// Lines of requests go together, each write has whole lines, and a warning takes along what waits before it.
func TestLinesGoTogether(t *testing.T) {
	t.Parallel()
	w := new(writes)
	logs := observe.NewLogs(w, observe.LogOptions{
		Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: prometheus.NewRegistry(), Now: time.Now, Delay: time.Hour,
	})
	const lines = 500
	for i := range lines {
		logs.API.Info("request", "n", i)
	}
	logs.Database.Warn("slow")
	logs.API.Info("the last")
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) < 2 || len(w.all) > lines/10 {
		t.Errorf("%d writes of %d lines", len(w.all), lines)
	}
	total := 0
	for _, text := range w.all {
		if !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}\n") || len(text) > 4096 {
			t.Errorf("a write that is not whole lines: %q", text)
		}
		total += strings.Count(text, "\n")
	}
	if last := w.all[len(w.all)-1]; total != lines+1 || !strings.Contains(last, "slow") {
		t.Errorf("%d lines are written, and the last write is %q", total, last)
	}
}
