package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/term"

	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store"
)

// watcher is what operators see by.
type watcher struct {
	service  observe.Service
	registry *prometheus.Registry
	level    *slog.LevelVar
	logs     *observe.Logs
	failures *observe.Errors
	traces   *observe.Traces
	on       bool // watches what is under way too
	meter    observe.Meter
}

// watch begins to watch, and writes lines. It must be closed.
func (c *serveCmd) watch(ctx context.Context, out io.Writer) (*watcher, error) {
	w := &watcher{
		service: observe.Service{
			Version: version(), Replica: replicaName(c.Replica), Engine: store.Engine(c.DatabaseURL),
		},
		level: levelVar(c.LogLevel), on: c.Telemetry == "on",
	}
	w.registry = observe.NewRegistry(w.service)
	w.logs = observe.NewLogs(out, observe.LogOptions{
		Format: logFormat(c.LogFormat, out), Level: w.level, Metrics: w.registry, Now: time.Now, Delay: logDelay,
	})
	w.failures = observe.NewErrors(w.logs.Error, w.registry, time.Now, newID)
	var err error
	if w.traces, err = observe.OpenTraces(ctx, w.service, w.logs.System, w.registry); err != nil {
		return nil, err
	}
	w.meter = observe.Meter{Metrics: w.registry, Traces: w.traces, Now: time.Now}
	return w, nil
}

// logDelay is how long lines about requests may wait for others. A process that is killed loses as much of them.
const logDelay = 100 * time.Millisecond

func (w *watcher) commands() func(context.Context, game.Command) {
	if !w.on {
		return nil
	}
	return observe.Commands(w.logs.Database, w.meter)
}

// store watches an engine.
func (w *watcher) store(engine game.Store) game.Store {
	docs := engine
	if w.on {
		docs = observe.Store(engine, w.logs.Database, w.meter)
	}
	w.registry.MustRegister(observe.Engine(engine), observe.Population(docs, w.logs.Database, time.Now))
	return docs
}

func (w *watcher) http() func(http.Handler) http.Handler {
	if !w.on {
		return nil
	}
	return observe.HTTP(w.logs, w.meter)
}

// server takes what a listener's server says.
func (w *watcher) server(listener string) serverLog {
	return serverLog{listener, w.logs.System, w.failures}
}

// keeper runs the background work, that of the log too, and watches it. Tasks that one process suffices for have
// leases in docs.
func (w *watcher) keeper(docs game.Store, databaseURL string, work []keeper.Task) *keeper.Keeper {
	work = append(work, tellSuppressed(w.logs))
	return keeper.New(keeper.Options{
		OnRun: observe.Background(w.logs.System, w.meter, w.failures.Report, names(work)...),
		Now:   time.Now, NewID: newID,
		// A name may be given to another process too, and again to the next one.
		Leases: docs, Holder: w.service.Replica + " " + newID(), Sole: store.Sole(databaseURL),
	}, traced(w.traces, work)...)
}

func names(tasks []keeper.Task) (names []string) {
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	return names
}

// traced gives each run of the background work a trace of its own.
func traced(t *observe.Traces, tasks []keeper.Task) []keeper.Task {
	for i := range tasks {
		tasks[i].Run = t.Run(tasks[i].Name, tasks[i].Run)
	}
	return tasks
}

// tellSuppressed is the background work of the log.
func tellSuppressed(logs *observe.Logs) keeper.Task {
	return keeper.Task{
		Name: "tell_suppressed_lines", Every: 10 * time.Second, Timeout: time.Second, Run: logs.TellSuppressed,
	}
}

// lastSpansTimeout bounds how long a collector may hold up the end.
const lastSpansTimeout = 5 * time.Second

// close sends the last spans and lines.
func (w *watcher) close() {
	ctx, cancel := context.WithTimeout(context.Background(), lastSpansTimeout)
	defer cancel()
	if err := w.traces.Close(ctx); err != nil {
		w.logs.System.Warn("the last spans are lost", observe.Cause(err))
	}
	_ = w.logs.Close() // nowhere left to tell
}

// logFormat decides what auto means: text for a person at a terminal, JSON for everything else.
func logFormat(format string, w io.Writer) string {
	if format != "auto" {
		return format
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return observe.FormatText
	}
	return observe.FormatJSON
}

// levelVar is a level that begins with the name and may change.
func levelVar(name string) *slog.LevelVar {
	level := new(slog.LevelVar)
	level.Set(logLevel(name))
	return level
}

func logLevel(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo // kong has refused every other name
	}
	return level
}
