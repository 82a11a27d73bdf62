package observe

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"game-session-manager/internal/game"
)

// slowOperation is how long a store operation may take before its log line is a warning.
const slowOperation = 500 * time.Millisecond

// Store returns a store that measures, traces and logs each operation of another.
func Store(inner game.Store, log *slog.Logger, m Meter) game.Store {
	durations := prometheus.NewHistogramVec(seconds("gsm_store_operation_duration_seconds",
		"Time that an operation of the store took.",
		.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5), []string{"operation", "result"})
	m.Metrics.MustRegister(durations)
	return &store{inner: inner, log: log, meter: m, durations: newTable(func(k ending) prometheus.Observer {
		return durations.WithLabelValues(k.operation, k.result)
	})}
}

type store struct {
	inner     game.Store
	log       *slog.Logger
	meter     Meter
	durations *table[ending, prometheus.Observer]
}

// ending is how an operation ended.
type ending struct{ operation, result string } // labels

// operation is one that is under way.
type operation struct {
	store            *store
	name, collection string
	begin            time.Time
	span             trace.Span // nil if it is not traced
}

// begin notes the begin of an operation. The caller does it in the context that comes back, and calls end.
func (s *store) begin(ctx context.Context, name, collection string) (context.Context, operation) {
	o := operation{store: s, name: name, collection: collection, begin: s.meter.Now()}
	ctx, o.span = s.meter.Traces.operation(ctx, name, collection)
	return ctx, o
}

func (o operation) end(ctx context.Context, err *error) {
	s := o.store
	took := s.meter.Now().Sub(o.begin)
	result := resultLabel(*err)
	s.meter.Traces.measure(ctx, s.durations.get(ending{o.name, result}), took)
	level := slog.LevelDebug
	if took >= slowOperation {
		level = slog.LevelWarn
	}
	if s.log.Enabled(ctx, level) {
		s.log.LogAttrs(ctx, level, "store operation",
			slog.String("operation", o.name), slog.String("collection", o.collection),
			slog.String("result", result), slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	}
	endOperation(o.span, result)
}

// Results of operations that are failures.
const (
	resultUnavailable = "unavailable"
	resultOverloaded  = "overloaded"
	resultError       = "error"
)

// resultLabel names how an operation ended, from a closed list.
func resultLabel(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, game.ErrStale):
		return "stale"
	case errors.Is(err, game.ErrExists):
		return "exists"
	case errors.Is(err, game.ErrOverloaded): // the store is well
		return resultOverloaded
	}
	switch game.KindOf(err) { //nolint:exhaustive // the other kinds are made above the store
	case game.NotFound:
		return "not_found"
	case game.Conflict:
		return "conflict"
	case game.Unavailable:
		return resultUnavailable
	}
	return resultError
}

func (s *store) CreatePlayer(ctx context.Context, p game.Player) (err error) {
	ctx, o := s.begin(ctx, "create_player", "players")
	defer o.end(ctx, &err)
	return s.inner.CreatePlayer(ctx, p)
}

func (s *store) Player(ctx context.Context, project game.ProjectID, id game.PlayerID) (p game.Player, err error) {
	ctx, o := s.begin(ctx, "get_player", "players")
	defer o.end(ctx, &err)
	return s.inner.Player(ctx, project, id)
}

func (s *store) PlayerByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (p game.Player, err error) {
	ctx, o := s.begin(ctx, "get_player_by_identity", "players")
	defer o.end(ctx, &err)
	return s.inner.PlayerByIdentity(ctx, project, i)
}

func (s *store) ReplacePlayer(ctx context.Context, old, next game.Player) (err error) {
	ctx, o := s.begin(ctx, "replace_player", "players")
	defer o.end(ctx, &err)
	return s.inner.ReplacePlayer(ctx, old, next)
}

func (s *store) DeletePlayer(ctx context.Context, old game.Player) (err error) {
	ctx, o := s.begin(ctx, "delete_player", "players")
	defer o.end(ctx, &err)
	return s.inner.DeletePlayer(ctx, old)
}

func (s *store) Players(ctx context.Context, q game.PlayerQuery) (p game.Found[game.Player], err error) {
	ctx, o := s.begin(ctx, "list_players", "players")
	defer o.end(ctx, &err)
	return s.inner.Players(ctx, q)
}

func (s *store) EndedSuspensions(ctx context.Context, now time.Time, limit int) (p []game.Player, err error) {
	ctx, o := s.begin(ctx, "list_ended_suspensions", "players")
	defer o.end(ctx, &err)
	return s.inner.EndedSuspensions(ctx, now, limit)
}

func (s *store) CreateSession(ctx context.Context, v game.Session) (err error) {
	ctx, o := s.begin(ctx, "create_session", "sessions")
	defer o.end(ctx, &err)
	return s.inner.CreateSession(ctx, v)
}

func (s *store) Session(ctx context.Context, project game.ProjectID, id game.SessionID) (v game.Session, err error) {
	ctx, o := s.begin(ctx, "get_session", "sessions")
	defer o.end(ctx, &err)
	return s.inner.Session(ctx, project, id)
}

func (s *store) ReplaceSession(ctx context.Context, old, next game.Session) (err error) {
	ctx, o := s.begin(ctx, "replace_session", "sessions")
	defer o.end(ctx, &err)
	return s.inner.ReplaceSession(ctx, old, next)
}

func (s *store) Sessions(ctx context.Context, q game.SessionQuery) (v game.Found[game.Session], err error) {
	ctx, o := s.begin(ctx, "list_sessions", "sessions")
	defer o.end(ctx, &err)
	return s.inner.Sessions(ctx, q)
}

func (s *store) Claim(ctx context.Context, c game.Claim, now time.Time) (held game.Claim, err error) {
	ctx, o := s.begin(ctx, "claim", "idempotency")
	defer o.end(ctx, &err)
	return s.inner.Claim(ctx, c, now)
}

func (s *store) PurgeClaims(ctx context.Context, now time.Time, limit int) (n int, err error) {
	ctx, o := s.begin(ctx, "purge_claims", "idempotency")
	defer o.end(ctx, &err)
	return s.inner.PurgeClaims(ctx, now, limit)
}

func (s *store) CreateKey(ctx context.Context, k game.Key) (err error) {
	ctx, o := s.begin(ctx, "create_key", "api_keys")
	defer o.end(ctx, &err)
	return s.inner.CreateKey(ctx, k)
}

func (s *store) Key(ctx context.Context, id game.KeyID) (k game.Key, err error) {
	ctx, o := s.begin(ctx, "get_key", "api_keys")
	defer o.end(ctx, &err)
	return s.inner.Key(ctx, id)
}

func (s *store) ReplaceKey(ctx context.Context, old, next game.Key) (err error) {
	ctx, o := s.begin(ctx, "replace_key", "api_keys")
	defer o.end(ctx, &err)
	return s.inner.ReplaceKey(ctx, old, next)
}

func (s *store) DeleteKey(ctx context.Context, old game.Key) (err error) {
	ctx, o := s.begin(ctx, "delete_key", "api_keys")
	defer o.end(ctx, &err)
	return s.inner.DeleteKey(ctx, old)
}

func (s *store) Keys(ctx context.Context, q game.KeyQuery) (k []game.Key, err error) {
	ctx, o := s.begin(ctx, "list_keys", "api_keys")
	defer o.end(ctx, &err)
	return s.inner.Keys(ctx, q)
}

func (s *store) CreateSigningKey(ctx context.Context, k game.SigningKey) (err error) {
	ctx, o := s.begin(ctx, "create_signing_key", "signing_keys")
	defer o.end(ctx, &err)
	return s.inner.CreateSigningKey(ctx, k)
}

func (s *store) SigningKeys(ctx context.Context) (k []game.SigningKey, err error) {
	ctx, o := s.begin(ctx, "list_signing_keys", "signing_keys")
	defer o.end(ctx, &err)
	return s.inner.SigningKeys(ctx)
}

func (s *store) DeleteSigningKey(ctx context.Context, id string) (err error) {
	ctx, o := s.begin(ctx, "delete_signing_key", "signing_keys")
	defer o.end(ctx, &err)
	return s.inner.DeleteSigningKey(ctx, id)
}

func (s *store) AppendMetrics(ctx context.Context, m game.MetricsSample) (err error) {
	ctx, o := s.begin(ctx, "append_metrics", "metrics")
	defer o.end(ctx, &err)
	return s.inner.AppendMetrics(ctx, m)
}

func (s *store) Metrics(ctx context.Context, q game.MetricsQuery) (m []game.MetricsSample, err error) {
	ctx, o := s.begin(ctx, "list_metrics", "metrics")
	defer o.end(ctx, &err)
	return s.inner.Metrics(ctx, q)
}

func (s *store) PurgeMetrics(ctx context.Context, now time.Time, limit int) (n int, err error) {
	ctx, o := s.begin(ctx, "purge_metrics", "metrics")
	defer o.end(ctx, &err)
	return s.inner.PurgeMetrics(ctx, now, limit)
}

func (s *store) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) (p []game.Player, err error) {
	ctx, o := s.begin(ctx, "export_players", "players")
	defer o.end(ctx, &err)
	return s.inner.ExportPlayers(ctx, after, limit)
}

func (s *store) ExportSessions(ctx context.Context, after game.SessionID, limit int) (v []game.Session, err error) {
	ctx, o := s.begin(ctx, "export_sessions", "sessions")
	defer o.end(ctx, &err)
	return s.inner.ExportSessions(ctx, after, limit)
}

func (s *store) ExportClaims(ctx context.Context, after string, limit int) (c []game.Claim, err error) {
	ctx, o := s.begin(ctx, "export_claims", "idempotency")
	defer o.end(ctx, &err)
	return s.inner.ExportClaims(ctx, after, limit)
}

func (s *store) ExportKeys(ctx context.Context, after game.KeyID, limit int) (k []game.Key, err error) {
	ctx, o := s.begin(ctx, "export_keys", "api_keys")
	defer o.end(ctx, &err)
	return s.inner.ExportKeys(ctx, after, limit)
}

func (s *store) Inspect(ctx context.Context, repair bool, tell func(game.Finding)) (err error) {
	ctx, o := s.begin(ctx, "inspect", "")
	defer o.end(ctx, &err)
	return s.inner.Inspect(ctx, repair, tell)
}

func (s *store) Ping(ctx context.Context) (f game.Facts, err error) {
	ctx, o := s.begin(ctx, "ping", "")
	defer o.end(ctx, &err)
	return s.inner.Ping(ctx)
}

func (s *store) Stats(ctx context.Context) (t game.Stats, err error) {
	ctx, o := s.begin(ctx, "stats", "")
	defer o.end(ctx, &err)
	return s.inner.Stats(ctx)
}

func (s *store) Close() error { return s.inner.Close() }
