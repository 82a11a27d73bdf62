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
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/api"
	"game-session-manager/internal/auth"
	"game-session-manager/internal/config"
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/limits"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/report"
	"game-session-manager/internal/store"
)

// Run serves until a signal or a failure ends it. The configuration is valid: kong has called Validate.
func (c *serveCmd) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	return c.serve(ctx, s)
}

// serve serves until ctx is cancelled or something fails.
func (c *serveCmd) serve(ctx context.Context, s streams) (err error) {
	garbageWork := garbageTasks()

	watch, err := c.newWatcher(ctx, s.out)
	if err != nil {
		return err
	}
	defer watch.close()
	certificate, err := newTLS(c.TLSCert, c.TLSKey, time.Now, watch.logs.System)
	if err != nil {
		return err
	}
	// Listen first: a taken address is reported before the database is changed.
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
	wakeMover := make(chan struct{}, 1)
	hub := feed.NewHub(feedOptions(engine, docs, c.DatabaseURL, wakeMover))
	docs = hub.Observe(docs)

	deps := game.Deps{
		Store: docs, Now: time.Now, NewID: newID, MaxRequest: c.RequestTimeout, Timeouts: c.Timeouts.Sessions(),
		Skew: skew(c.DatabaseURL), Passwords: auth.NewPasswords(),
	}
	sessions := game.NewSessions(deps)
	players := game.NewPlayers(deps, sessions)
	access, err := newAccess(ctx, c, deps, players, watch.logs.System)
	if err != nil {
		return err
	}
	hooks, err := newHooks(c, deps, watch)
	if err != nil {
		return err
	}
	defer hooks.dispatcher.Close()
	sampler := observe.NewSampler(docs, watch.registry, watch.service.Replica, c.MetricsRetention, time.Now)
	defer takeLastSample(sampler, watch.failures)
	work := slices.Concat(
		tasks(c, docs, players, sampler, wakeMover), sessionTasks(c, docs, sessions, watch.registry), access.tasks,
		hooks.tasks, garbageWork,
	)
	background := watch.keeper(docs, c.DatabaseURL, work)

	rest := api.New(api.Deps{
		Players: players, Sessions: sessions, Feed: hub, Streams: observe.NewStreams(hub.Followers, watch.registry),
		Metrics: game.NewMetrics(deps), Keys: game.NewKeys(deps), Webhooks: hooks.rules,
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
		log: watch.logs.System, config: c.Server, api: rest, hub: hub, background: background,
		stopSending: hooks.dispatcher.Close,
		rest:        newServer(apiListener, rest, watch.server("api"), timeouts{c.ReadTimeout, c.WriteTimeout}),
		ops: newServer(opsListener, opsHandler(
			watch, !config.IsLoopback(opsListener.Addr().String()),
		), watch.server("ops"), timeouts{c.ReadTimeout, profileTimeout}),
	}
	p.rest.tls = certificate
	return p.run(ctx)
}

// feedOptions returns how events of other processes are found, and how those of this process get their positions: by
// the task tend_events, which wakeMover wakes, or on the embedded database by the write.
func feedOptions(engine, docs game.Store, databaseURL string, wakeMover chan<- struct{}) feed.Options {
	o := feed.Options{Store: docs, Poll: feed.DefaultPoll, Now: time.Now, Order: func() {
		select {
		case wakeMover <- struct{}{}:
		default:
		}
	}}
	if store.Sole(databaseURL) {
		o.Poll, o.Order = feed.SlowPoll, nil
	}
	if e, ok := engine.(interface {
		Watch(ctx context.Context, ready func(), changed func(game.SessionID, int64)) error
		CanWatch() bool
	}); ok && e.CanWatch() {
		o.Watch = e.Watch
	}
	return o
}

// listen opens both listeners or none. It checks the addresses that they got, because a host name may resolve to
// anything: an unprotected listener must not be reachable from other machines.
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
		return nil, nil, failed(exitUsage, "%w", err)
	}
	return api, ops, nil
}

// open opens the database.
func (c *serveCmd) open(ctx context.Context, watch *watcher) (game.Store, error) {
	engine, err := store.Open(ctx, c.DatabaseURL, store.Options{
		Cache: int64(c.SQLiteCache) << 20, Documents: c.CacheBytes, OnCommit: observe.Commits(watch.registry),
		OnCommand: watch.commands(), Wait: c.DatabaseWait, OnWait: func(cause error) {
			watch.logs.Database.Warn("waiting for the database", observe.Cause(cause))
		},
	})
	if err != nil {
		return nil, openError("--database-url (GSM_DATABASE_URL)", err)
	}
	logDatabase(ctx, engine, watch.logs.Database)
	return engine, nil
}

// limits returns the limits on callers.
func (c *serveCmd) limits(watch *watcher) api.Limits {
	rate := func(r config.Rate) limits.Rate {
		return limits.Rate{PerSecond: float64(r.PerSecond), Burst: r.Burst}
	}
	return api.Limits{
		Rates:    map[limits.Class]limits.Rate{limits.Server: rate(c.RateServer), limits.Player: rate(c.RatePlayer)},
		InFlight: c.MaxInFlight, Streams: c.MaxStreams, Memory: memoryForDocuments(),
		FailedCredentials: c.FailedCredentials,
		HeaderBytes:       maxHeaderBytes,
		ReadTimeout:       c.ReadTimeout, WriteTimeout: c.WriteTimeout, IdleTimeout: idleTimeout,
		OnLimited:        observe.Limits(watch.registry),
		SessionRetention: c.SessionRetention, EventRetention: c.EventRetention,
	}
}

// defaultDocumentMemory is the memory for large documents if the process has no memory limit, in bytes.
const defaultDocumentMemory = 1 << 30

// memoryForDocuments returns how many bytes large documents may use at once: half of the process's memory limit,
// GOMEMLIMIT. The other half is for everything else and for garbage.
func memoryForDocuments() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(limit/2, 1)
	}
	return defaultDocumentMemory
}

// logDatabase logs the database's version once.
func logDatabase(ctx context.Context, engine game.Store, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	facts, err := engine.Ping(ctx)
	if err != nil {
		log.Warn("the database is open but does not respond", observe.Cause(err))
		return
	}
	log.Info("database opened", "facts", facts)
}

// describeTimeout bounds how long the start waits for the database's description of itself.
const describeTimeout = 5 * time.Second

// tasks returns the background tasks. A task with a lease runs in one process at a time. A task without one does work
// for its own process, or work that must not wait for the lease of a crashed process to expire.
func tasks(
	c *serveCmd, docs game.Store, players *game.Players, sampler *observe.Sampler, wakeMover <-chan struct{},
) []keeper.Task {
	feeds := game.NewFeeds(docs, c.EventRetention)
	return []keeper.Task{
		// These two are frequent, so that reads show the effect of the rules within a second.
		{Name: "lift_suspensions", Every: time.Second / 2, Timeout: time.Minute, Run: players.LiftSuspensions},
		{Name: "free_seats", Every: time.Second / 2, Timeout: time.Minute, Run: players.FreeSeats},
		{Name: "record_seen_players", Every: 30 * time.Second, Timeout: time.Minute, Run: players.RecordSeen},
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
			Name: "tend_events", Every: time.Second / 2, Timeout: time.Minute, Lease: true, Wake: wakeMover,
			Run: func(ctx context.Context) error { return feeds.Tend(ctx, time.Now()) },
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

// sessionTasks returns the background tasks that do what time does to sessions.
func sessionTasks(
	c *serveCmd, docs game.Store, sessions *game.Sessions, metrics prometheus.Registerer,
) []keeper.Task {
	ticked, purged := observe.Ticks(metrics), observe.Purges(metrics)
	all := []keeper.Task{{
		// In each process and often: it also tells the process that it can hear its clients.
		Name: "elapse", Every: time.Second, Timeout: time.Minute,
		Run: func(ctx context.Context) error {
			tick, err := sessions.Tick(ctx)
			ticked(tick)
			return err
		},
	}}
	if c.SessionRetention == 0 {
		return all
	}
	return append(all, keeper.Task{
		Name: "purge_sessions", Every: time.Minute, Timeout: time.Minute, Lease: true,
		Run: func(ctx context.Context) error {
			n, err := game.PurgeSessions(ctx, docs, time.Now().Add(-c.SessionRetention))
			purged(n)
			return err
		},
	})
}

// skew returns the maximum difference between the clocks of the processes that can share a database. An embedded one
// has a single process.
func skew(databaseURL string) time.Duration {
	if store.Sole(databaseURL) {
		return 0
	}
	return game.ClockSkew
}

// lastSampleTimeout bounds how long the last sample may delay the shutdown.
const lastSampleTimeout = 3 * time.Second

// takeLastSample stores the counts since the last periodic sample, so that a restart loses no requests.
func takeLastSample(s *observe.Sampler, failures *observe.Errors) {
	ctx, cancel := context.WithTimeout(context.Background(), lastSampleTimeout)
	defer cancel()
	if err := s.Sample(ctx); err != nil {
		failures.Report(ctx, report.Failure{
			Code: report.FailureBackground, Task: "sample_metrics", Err: fmt.Errorf("the last sample is lost: %w", err),
		})
	}
}

// replicaName returns the configured name, or the host name for auto. A container has its host name to itself.
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

// newID returns a UUID of version 7. Ids of one process are ordered, even within a millisecond.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// closeQuietly closes a listener that its server may have closed already.
func closeQuietly(c io.Closer) { _ = c.Close() }

func closeStore(s game.Store, logs *observe.Logs) error {
	if err := s.Close(); err != nil {
		logs.Database.Error("closing the database", observe.Cause(err))
		return failed(exitDatabase, "closing the database: %w", err)
	}
	logs.System.Info("stopped")
	return nil
}
