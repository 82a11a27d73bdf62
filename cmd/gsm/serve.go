package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/term"

	"game-session-manager/internal/api"
	"game-session-manager/internal/config"
	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/limits"
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

	log := observe.NewLogger(s.out, logFormat(c.LogFormat, s.out), logLevel(c.LogLevel))
	registry := observe.NewRegistry(version())

	tlsConfig, err := newTLS(c.TLSCert, c.TLSKey, time.Now, log)
	if err != nil {
		return err
	}
	// The addresses come first: one that is taken is told before the database is touched.
	apiListener, err := listen(ctx, "--http-addr (GSM_HTTP_ADDR)", c.HTTPAddr)
	if err != nil {
		return err
	}
	defer closeQuietly(apiListener)
	opsListener, err := listen(ctx, "--ops-addr (GSM_OPS_ADDR)", c.OpsAddr)
	if err != nil {
		return err
	}
	defer closeQuietly(opsListener)

	engine, err := store.Open(ctx, c.DatabaseURL, store.Options{
		OnCommit: observe.Commits(registry), OnCommand: observe.Commands(log, registry),
		Wait: c.DatabaseWait, OnWait: func(cause error) { log.Warn("waiting for the database", "category", "database", "error", cause) },
	})
	if err != nil {
		return &databaseError{fmt.Errorf("--database-url (GSM_DATABASE_URL): %w", err)}
	}
	defer closeStore(engine, log)
	introduce(ctx, engine, log)
	if p, ok := engine.(interface{ Pool() game.Pool }); ok {
		registry.MustRegister(observe.Pool(p.Pool))
	}
	docs := observe.Store(engine, log, registry, time.Now)
	registry.MustRegister(observe.Population(docs, log, time.Now))

	deps := game.Deps{Store: docs, Now: time.Now, NewID: newID, MaxRequest: c.RequestTimeout}
	sessions := game.NewSessions(deps)
	players := game.NewPlayers(deps, sessions)
	sampler := observe.NewSampler(docs, registry, replicaName(c.Replica), c.MetricsRetention, time.Now)
	defer takeLastSample(sampler, log)
	background := keeper.New(log, time.Now, newID, tasks(c, docs, players, sampler)...)

	rest := api.New(api.Deps{
		Players: players, Sessions: sessions, Metrics: game.NewMetrics(deps), Version: version(), RequestTimeout: c.RequestTimeout,
		Limits: apiLimits(c, registry), Authenticates: c.Authenticated(), Origins: c.Origins(),
		Now: time.Now, NewID: newID, Log: log, Observe: observe.HTTP(log, registry, time.Now),
		Checks: []api.Check{
			{Name: "database", Run: docs.Ping},
			{Name: "disk", Run: diskCheck(c.DatabaseURL)},
			{Name: "background", Run: background.Check},
		},
	})

	p := process{
		log: log, config: c.Server, api: rest, background: background,
		rest: newServer("api", apiListener, rest, c.ReadTimeout, c.WriteTimeout, log),
		ops:  newServer("ops", opsListener, opsHandler(registry, c.OpsPublic), c.ReadTimeout, profileTimeout, log),
	}
	p.rest.http.TLSConfig = tlsConfig
	return p.run(ctx)
}

// apiLimits are the bounds of callers.
func apiLimits(c *serveCmd, reg prometheus.Registerer) api.Limits {
	rate := func(r config.Rate) limits.Rate {
		return limits.Rate{PerSecond: float64(r.PerSecond), Burst: r.Burst}
	}
	limited, shed := observe.Limits(reg)
	return api.Limits{
		Rates:    map[limits.Class]limits.Rate{limits.Server: rate(c.RateServer), limits.Player: rate(c.RatePlayer)},
		InFlight: c.MaxInFlight, HeaderBytes: maxHeaderBytes,
		ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout, IdleTimeout: idleTimeout,
		OnLimited: limited, OnShed: shed,
	}
}

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
		log.Warn("the database is open and does not answer", "category", "database", "error", err)
		return
	}
	log.Info("database opened", "category", "database", "facts", facts)
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

// lastSampleTimeout bounds how long the last sample may hold up the end.
const lastSampleTimeout = 3 * time.Second

// takeLastSample stores what was counted since the background work took a sample, so that restarts lose no requests.
func takeLastSample(s *observe.Sampler, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), lastSampleTimeout)
	defer cancel()
	if err := s.Sample(ctx); err != nil {
		log.Warn("the last metrics are lost", "category", "system", "error", err)
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

func closeStore(s game.Store, log *slog.Logger) {
	if err := s.Close(); err != nil {
		log.Error("closing the database", "category", "database", "error", err)
		return
	}
	log.Info("stopped", "category", "system")
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

func logLevel(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo // kong has refused every other name
	}
	return level
}
