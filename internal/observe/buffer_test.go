package observe_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/observe"
)

// writes records the bytes of each write.
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

// Lines of requests are written together, each write has whole lines, and a warning flushes the lines before it.
func TestLinesGoTogether(t *testing.T) {
	t.Parallel()
	w := new(writes)
	logs := observe.NewLogs(w, observe.LogOptions{
		Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: prometheus.NewRegistry(), Now: time.Now,
		Delay: time.Hour,
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

// slow is a slow writer that records the largest number of lines that were logged but not written.
type slow struct {
	begin          chan struct{}
	logged, behind atomic.Int64
	written        int64
}

func (w *slow) Write(b []byte) (int, error) {
	<-w.begin
	w.behind.Store(max(w.behind.Load(), w.logged.Load()-w.written))
	w.written += int64(bytes.Count(b, []byte("\n")))
	runtime.Gosched()
	return len(b), nil
}

// Loggers wait for a slow writer, so that the buffer does not fill the memory.
func TestLoggersWaitForASlowWriter(t *testing.T) {
	t.Parallel()
	w := &slow{begin: make(chan struct{})}
	logs := observe.NewLogs(w, observe.LogOptions{
		Format: observe.FormatJSON, Level: slog.LevelInfo, Metrics: prometheus.NewRegistry(), Now: time.Now,
		Delay: time.Hour,
	})
	const lines, most = 20000, 2000 // a line is 300 bytes, and the buffer and the spare buffer have 256 KiB each
	text := strings.Repeat("x", 200)
	for i := range lines {
		if i == most/4 {
			close(w.begin) // some lines are waiting already
		}
		logs.API.Info("request", "text", text)
		w.logged.Add(1)
	}
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	if w.written != lines {
		t.Errorf("%d of %d lines are written", w.written, lines)
	}
	if behind := w.behind.Load(); behind > most {
		t.Errorf("%d lines waited", behind)
	}
}
