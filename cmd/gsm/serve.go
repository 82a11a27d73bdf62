package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/google/uuid"
	"golang.org/x/term"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store"
)

// Run serves until a signal or a failure ends it. It reads top to bottom as the architecture does. The configuration is
// valid: kong has called its Validate.
func (c *serveCmd) Run(s streams) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second signal ends the process at once
	collectLessOften()

	service := observe.Service{Version: version(), Replica: replicaName(c.Replica), Engine: store.Engine(c.DatabaseURL)}
	registry := observe.NewRegistry(service)
	level := levelVar(c.LogLevel)
	logs := observe.NewLogs(s.out, observe.LogOptions{Format: logFormat(c.LogFormat, s.out), Level: level, Metrics: registry, Now: time.Now, Delay: logDelay})
	defer func() { _ = logs.Close() }() // nowhere left to tell
	failures := observe.NewErrors(logs.Error, registry, time.Now, newID)
	traces, err := observe.OpenTraces(ctx, service, logs.System, registry)
	if err != nil {
		return err
	}
	defer closeTraces(traces, logs.System)
	watch := watcher{on: c.Telemetry == "on", logs: logs, meter: observe.Meter{Metrics: registry, Traces: traces, Now: time.Now}}

	// The addresses come first: one that is taken is told before the database is touched.
	apiListener, opsListener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer closeQuietly(apiListener)
	defer closeQuietly(opsListener)

	engine, err := store.Open(ctx, c.DatabaseURL, store.Options{
		OnCommit: observe.Commits(registry), OnCommand: watch.commands(),
		Wait: c.DatabaseWait, OnWait: func(cause error) { logs.Database.Warn("waiting for the database", observe.Cause(cause)) },
	})
	if err != nil {
		return &databaseError{fmt.Errorf("--database-url (GSM_DATABASE_URL): %w", err)}
	}
	defer closeStore(engine, logs)
	introduce(ctx, engine, logs.Database)
	docs := watch.store(engine)
	registry.MustRegister(observe.Engine(engine), observe.Population(docs, logs.Database, time.Now))

	deps := game.Deps{Store: docs, Now: time.Now, NewID: newID, MaxRequest: c.RequestTimeout}
	sessions := game.NewSessions(deps)
	players := game.NewPlayers(deps, sessions)
	access, err := newAccess(ctx, c, deps, players, logs.System)
	if err != nil {
		return err
	}
	sampler := observe.NewSampler(docs, registry, service.Replica, c.MetricsRetention, time.Now)
	defer takeLastSample(sampler, failures)
	work := append(append(tasks(c, docs, players, sampler), access.tasks...), tellSuppressed(logs))
	background := keeper.New(observe.Background(logs.System, watch.meter, failures.Report, names(work)...), time.Now, newID, traced(traces, work)...)

	rest := api.New(api.Deps{
		Players: players, Sessions: sessions, Metrics: game.NewMetrics(deps), Keys: game.NewKeys(deps),
		Authenticate: access.authenticate, Tokens: access.tokens, Version: version(), RequestTimeout: c.RequestTimeout,
		Now: time.Now, NewID: newID, Log: logs.System, Failed: failures.Report, Observe: watch.http(),
		Checks: []api.Check{
			{Name: "database", Run: docs.Ping},
			{Name: "disk", Run: diskCheck(engine)},
			{Name: "background", Run: background.Check},
		},
	})

	p := process{
		log: logs.System, config: c.Server, api: rest, background: background,
		rest: newServer("api", apiListener, rest, serverLog{"api", logs.System, failures}),
		ops:  newServer("ops", opsListener, opsHandler(registry, failures, levelSwitch{level, logs.System}), serverLog{"ops", logs.System, failures}),
	}
	return p.run(ctx)
}

// watcher watches what is under way, if it is on.
type watcher struct {
	on    bool
	logs  *observe.Logs
	meter observe.Meter
}

func (w watcher) commands() func(context.Context, game.Command) {
	if !w.on {
		return nil
	}
	return observe.Commands(w.logs.Database, w.meter)
}

func (w watcher) store(engine game.Store) game.Store {
	if !w.on {
		return engine
	}
	return observe.Store(engine, w.logs.Database, w.meter)
}

func (w watcher) http() func(http.Handler) http.Handler {
	if !w.on {
		return nil
	}
	return observe.HTTP(w.logs.API, w.meter)
}

// listen takes both addresses, or none.
func (c *serveCmd) listen(ctx context.Context) (api, ops net.Listener, err error) {
	api, err = listen(ctx, "--http-addr (GSM_HTTP_ADDR)", c.HTTPAddr)
	if err != nil {
		return nil, nil, err
	}
	ops, err = listen(ctx, "--ops-addr (GSM_OPS_ADDR)", c.OpsAddr)
	if err != nil {
		closeQuietly(api)
		return nil, nil, err
	}
	return api, ops, nil
}

// logDelay is how long lines about requests may wait for others. A process that is killed loses as much of them.
const logDelay = 100 * time.Millisecond

// gcPercent lets the heap grow to five times of what is in use, which is a few megabytes, before it is collected: requests leave
// much behind and keep nothing. It took 5 to 13 % off the CPU of a request when it was measured.
const gcPercent = 400

// collectLessOften leaves the decision to whoever has made one.
func collectLessOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// introduce logs what the database is, once.
func introduce(ctx context.Context, engine game.Store, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, introduction)
	defer cancel()
	facts, err := engine.Ping(ctx)
	if err != nil {
		log.Warn("the database is open and does not answer", observe.Cause(err))
		return
	}
	log.Info("database opened", "facts", facts)
}

// introduction is how long the start waits for the database to tell what it is.
const introduction = 5 * time.Second

// tasks is the background work.
func tasks(c *serveCmd, docs game.Store, players *game.Players, sampler *observe.Sampler) []keeper.Task {
	return []keeper.Task{
		{Name: "finish_erasures", Every: 30 * time.Second, Timeout: time.Minute, Run: players.FinishErasures},
		{Name: "purge_idempotency_keys", Every: time.Minute, Timeout: time.Minute, Run: func(ctx context.Context) error {
			_, err := game.PurgeClaims(ctx, docs, time.Now())
			return err
		}},
		{Name: "sample_metrics", Every: c.MetricsInterval, Timeout: 10 * time.Second, Run: sampler.Sample},
		{Name: "purge_metrics", Every: 10 * time.Minute, Timeout: time.Minute, Run: func(ctx context.Context) error {
			_, err := game.PurgeMetrics(ctx, docs, time.Now())
			return err
		}},
	}
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

// lastSpansTimeout bounds how long a collector may hold up the end.
const lastSpansTimeout = 5 * time.Second

// closeTraces sends the last spans.
func closeTraces(t *observe.Traces, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), lastSpansTimeout)
	defer cancel()
	if err := t.Close(ctx); err != nil {
		log.Warn("the last spans are lost", observe.Cause(err))
	}
}

// tellSuppressed is the background work of the log.
func tellSuppressed(logs *observe.Logs) keeper.Task {
	return keeper.Task{Name: "tell_suppressed_lines", Every: 10 * time.Second, Timeout: time.Second, Run: logs.TellSuppressed}
}

// lastSampleTimeout bounds how long the last sample may hold up the end.
const lastSampleTimeout = 3 * time.Second

// takeLastSample stores what was counted since the background work took a sample, so that restarts lose no requests.
func takeLastSample(s *observe.Sampler, failures *observe.Errors) {
	ctx, cancel := context.WithTimeout(context.Background(), lastSampleTimeout)
	defer cancel()
	if err := s.Sample(ctx); err != nil {
		failures.Report(ctx, game.Failure{Code: game.FailureBackground, Task: "sample_metrics", Err: fmt.Errorf("the last sample is lost: %w", err)})
	}
}

// replicaName decides what auto means: the name of the host, which a container has to itself.
func replicaName(name string) string {
	if name != "auto" {
		return name
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "gsm"
	}
	return host
}

// newID returns a UUID of version 7. uuid's are ordered within a process even inside one millisecond.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// databaseError is a database that could not be opened.
type databaseError struct{ error }

func (e *databaseError) Unwrap() error { return e.error }

// closeQuietly closes a listener that its server may have closed already.
func closeQuietly(c io.Closer) { _ = c.Close() }

func closeStore(s game.Store, logs *observe.Logs) {
	if err := s.Close(); err != nil {
		logs.Database.Error("closing the database", observe.Cause(err))
		return
	}
	logs.System.Info("stopped")
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
