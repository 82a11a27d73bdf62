package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store"
)

// watcher holds the logs, metrics, failures and traces of the process.
type watcher struct {
	service   observe.Service
	registry  *prometheus.Registry
	level     *slog.LevelVar
	logs      *observe.Logs
	failures  *observe.Errors
	traces    *observe.Traces
	observing bool // whether requests and store operations are observed
	meter     observe.Meter
}

// newWatcher opens the logs, metrics and traces. The caller must close the watcher.
func (c *serveCmd) newWatcher(ctx context.Context, out io.Writer) (*watcher, error) {
	w := &watcher{
		service: observe.Service{
			Version: version(), Replica: replicaName(c.Replica), Engine: store.Engine(c.DatabaseURL),
		},
		level: new(slog.LevelVar), observing: c.Telemetry == "on",
	}
	w.level.Set(logLevel(c.LogLevel))
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

// logDelay is how long log lines about requests may be buffered. A process that is killed loses up to this much of
// them.
const logDelay = 100 * time.Millisecond

func (w *watcher) commands() func(context.Context, game.Command) {
	if !w.observing {
		return nil
	}
	return observe.Commands(w.logs.Database, w.meter)
}

// store returns the engine with observation. Documents that cannot be read are reported even if observation is off,
// like failures.
func (w *watcher) store(engine game.Store) game.Store {
	docs := engine
	if w.observing {
		docs = observe.Store(engine, w.logs.Database, w.meter)
	}
	docs = observe.Documents(docs, w.logs.Database, w.registry)
	w.registry.MustRegister(
		observe.Engine(engine), observe.Memory(engine), observe.Population(docs, w.logs.Database, time.Now),
	)
	return docs
}

func (w *watcher) http() func(http.Handler) http.Handler {
	if !w.observing {
		return nil
	}
	return observe.HTTP(w.logs, w.meter)
}

// server returns the log of a listener's [http.Server].
func (w *watcher) server(listener string) serverLog {
	return serverLog{listener, w.logs.System, w.failures}
}

// keeper returns the keeper of the background work, which includes the work of the log. Each run has its own trace.
// Tasks that must run in only one process hold a lease in docs.
func (w *watcher) keeper(docs game.Store, databaseURL string, work []keeper.Task) *keeper.Keeper {
	work = append(work, keeper.Task{
		Name: "tell_suppressed_lines", Every: 10 * time.Second, Timeout: time.Second, Run: w.logs.ReportSuppressed,
	})
	var names []string
	for i, t := range work {
		names = append(names, t.Name)
		work[i].Run = w.traces.Run(t.Name, t.Run)
	}
	return keeper.New(keeper.Options{
		OnRun: observe.Background(w.logs.System, w.meter, w.failures.Report, names...),
		Now:   time.Now, NewID: newID,
		// The replica's name is not unique: another process may have it, and the next process may have it again.
		Leases: docs, Holder: w.service.Replica + " " + newID(), Sole: store.Sole(databaseURL),
	}, work...)
}

// lastSpansTimeout bounds how long the export of the last spans may delay the shutdown.
const lastSpansTimeout = 5 * time.Second

// close exports the last spans and flushes the log.
func (w *watcher) close() {
	ctx, cancel := context.WithTimeout(context.Background(), lastSpansTimeout)
	defer cancel()
	if err := w.traces.Close(ctx); err != nil {
		w.logs.System.Warn("the last spans are lost", observe.Cause(err))
	}
	_ = w.logs.Close() // there is nowhere to report a write error
}

// logFormat resolves "auto": text on a terminal, JSON elsewhere.
func logFormat(format string, w io.Writer) string {
	if format != "auto" {
		return format
	}
	if isTerminal(w) {
		return observe.FormatText
	}
	return observe.FormatJSON
}

func logLevel(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo // kong has rejected other names
	}
	return level
}
