package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/google/uuid"

	"game-session-manager/internal/api"
	"game-session-manager/internal/auth"
	"game-session-manager/internal/config"
	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/limits"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store"
)

// Run serves until a signal or a failure ends it. It reads top to bottom as the architecture does. The configuration is
// valid: kong has called its Validate.
func (c *serveCmd) Run(s streams) (err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(ctx, cancel) // a second signal ends the process at once
	collectLessOften()

	watch, err := c.watch(ctx, s.out)
	if err != nil {
		return err
	}
	defer watch.close()
	certificate, err := newTLS(c.TLSCert, c.TLSKey, time.Now, watch.logs.System)
	if err != nil {
		return err
	}
	// The addresses come first: one that is taken is told before the database is touched.
	apiListener, opsListener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer closeQuietly(apiListener)
	defer closeQuietly(opsListener)

	engine, err := c.open(ctx, watch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore(engine, watch.logs)) }()
	docs := watch.store(engine)

	deps := game.Deps{Store: docs, Now: time.Now, NewID: newID, MaxRequest: c.RequestTimeout}
	sessions := game.NewSessions(deps)
	players := game.NewPlayers(deps, sessions)
	access, err := newAccess(ctx, c, deps, players, watch.logs.System)
	if err != nil {
		return err
	}
	sampler := observe.NewSampler(docs, watch.registry, watch.service.Replica, c.MetricsRetention, time.Now)
	defer takeLastSample(sampler, watch.failures)
	background := watch.keeper(docs, c.DatabaseURL, append(tasks(c, docs, players, sampler), access.tasks...))

	rest := api.New(api.Deps{
		Players: players, Sessions: sessions, Metrics: game.NewMetrics(deps), Keys: game.NewKeys(deps),
		Authenticate: access.authenticate, Local: !c.Authenticated(), ActAs: auth.ActAs, Tokens: access.tokens,
		Version: version(), RequestTimeout: c.RequestTimeout,
		Limits: c.limits(watch), Origins: c.Origins(),
		Now: time.Now, NewID: newID, Log: watch.logs.System, Failed: watch.failures.Report, Observe: watch.http(),
		Checks: []api.Check{{
			Name: "database", Run: docs.Ping,
		}, {Name: "disk", Run: diskCheck(engine)}, {Name: "background", Run: background.Check}},
	})
	observe.Concurrency(rest.Load, watch.registry)

	p := process{
		log: watch.logs.System, config: c.Server, api: rest, background: background,
		rest: newServer(apiListener, rest, watch.server("api"), timeouts{c.ReadTimeout, c.WriteTimeout}),
		ops: newServer(opsListener, opsHandler(
			watch, !config.IsLoopback(opsListener.Addr().String()),
		), watch.server("ops"), timeouts{c.ReadTimeout, profileTimeout}),
	}
	p.rest.tls = certificate
	return p.run(ctx)
}

// listen takes both addresses, or none. What is not guarded must not be reached from elsewhere, whatever names stand
// for.
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
	if err := c.Listening(api.Addr(), ops.Addr()); err != nil {
		closeQuietly(api)
		closeQuietly(ops)
		return nil, nil, usageError{err}
	}
	return api, ops, nil
}

// open opens the database.
func (c *serveCmd) open(ctx context.Context, watch *watcher) (game.Store, error) {
	engine, err := store.Open(ctx, c.DatabaseURL, store.Options{
		Cache: int64(c.SQLiteCache) << 20, OnCommit: observe.Commits(watch.registry), OnCommand: watch.commands(),
		Wait: c.DatabaseWait, OnWait: func(cause error) {
			watch.logs.Database.Warn("waiting for the database", observe.Cause(cause))
		},
	})
	if err != nil {
		return nil, &databaseError{fmt.Errorf("--database-url (GSM_DATABASE_URL): %w", err)}
	}
	introduce(ctx, engine, watch.logs.Database)
	return engine, nil
}

// limits are the bounds of callers.
func (c *serveCmd) limits(watch *watcher) api.Limits {
	rate := func(r config.Rate) limits.Rate {
		return limits.Rate{PerSecond: float64(r.PerSecond), Burst: r.Burst}
	}
	return api.Limits{
		Rates:    map[limits.Class]limits.Rate{limits.Server: rate(c.RateServer), limits.Player: rate(c.RatePlayer)},
		InFlight: c.MaxInFlight, Memory: memoryForDocuments(), FailedCredentials: c.FailedCredentials,
		HeaderBytes: maxHeaderBytes,
		ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout, IdleTimeout: idleTimeout,
		OnLimited: observe.Limits(watch.registry),
	}
}

// usualMemory is what large documents may take at once where the process has no limit of memory, in bytes.
const usualMemory = 1 << 30

// memoryForDocuments returns what large documents may take at once, in bytes: half of the memory limit of the
// process, which GOMEMLIMIT sets. The other half is for all else, and for what is not collected yet.
func memoryForDocuments() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(limit/2, 1)
	}
	return usualMemory
}

// gcPercent lets the heap grow to five times of what is in use, which is a few megabytes, before it is collected:
// requests leave much behind and keep nothing. It took 5 to 13 % off the CPU of a request when it was measured.
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
		log.Warn("the database is open but does not respond", observe.Cause(err))
		return
	}
	log.Info("database opened", "facts", facts)
}

// introduction is how long the start waits for the database to tell what it is.
const introduction = 5 * time.Second

// tasks is the background work. What has a lease runs in one process at a time. The others run in each: what a process
// does for itself, and what must not wait until the lease of a process that has crashed is over.
func tasks(c *serveCmd, docs game.Store, players *game.Players, sampler *observe.Sampler) []keeper.Task {
	return []keeper.Task{
		// These two are so frequent that what reads show is what the rules do within a second.
		{Name: "lift_suspensions", Every: time.Second / 2, Timeout: time.Minute, Run: players.LiftSuspensions},
		{Name: "free_seats", Every: time.Second / 2, Timeout: time.Minute, Run: players.FreeSeats},
		{
			Name: "finish_erasures", Every: 30 * time.Second, Timeout: time.Minute, Lease: true,
			Run: players.FinishErasures,
		},
		{
			Name: "purge_idempotency_keys", Every: time.Minute, Timeout: time.Minute, Lease: true,
			Run: func(ctx context.Context) error {
				_, err := game.PurgeClaims(ctx, docs, time.Now())
				return err
			},
		},
		{
			Name: "order_events", Every: time.Second / 2, Timeout: time.Minute, Lease: true,
			Run: func(ctx context.Context) error { return game.OrderEvents(ctx, docs, time.Now()) },
		},
		{
			Name: "purge_events", Every: 10 * time.Minute, Timeout: time.Minute, Lease: true,
			Run: func(ctx context.Context) error {
				_, err := game.PurgeEvents(ctx, docs, time.Now().Add(-c.EventRetention))
				return err
			},
		},
		{Name: "sample_metrics", Every: c.MetricsInterval, Timeout: 10 * time.Second, Run: sampler.Sample},
		{
			Name: "purge_metrics", Every: 10 * time.Minute, Timeout: time.Minute, Lease: true,
			Run: func(ctx context.Context) error {
				_, err := game.PurgeMetrics(ctx, docs, time.Now())
				return err
			},
		},
	}
}

// lastSampleTimeout bounds how long the last sample may hold up the end.
const lastSampleTimeout = 3 * time.Second

// takeLastSample stores what was counted since the background work took a sample, so that restarts lose no requests.
func takeLastSample(s *observe.Sampler, failures *observe.Errors) {
	ctx, cancel := context.WithTimeout(context.Background(), lastSampleTimeout)
	defer cancel()
	if err := s.Sample(ctx); err != nil {
		failures.Report(ctx, game.Failure{
			Code: game.FailureBackground, Task: "sample_metrics", Err: fmt.Errorf("the last sample is lost: %w", err),
		})
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

func closeStore(s game.Store, logs *observe.Logs) error {
	if err := s.Close(); err != nil {
		logs.Database.Error("closing the database", observe.Cause(err))
		return &databaseError{fmt.Errorf("closing the database: %w", err)}
	}
	logs.System.Info("stopped")
	return nil
}
