package sqlitestore

import (
	"context"
	"time"

	"game-session-manager/internal/game"
)

const (
	insertMetrics = "INSERT INTO metrics (at, replica, expires_at, doc) VALUES (?, ?, ?, ?) ON CONFLICT (at, " +
		"replica) DO NOTHING"
	// The page is materialised: see page.
	selectMetrics = "WITH page AS MATERIALIZED (SELECT doc FROM metrics" + //nolint:misspell // SQL's spelling
		" WHERE at >= ? AND at < ? AND (at, replica) > (?, ?) ORDER BY at, replica LIMIT ?) SELECT doc FROM page"
	purgeMetrics = "DELETE FROM metrics WHERE (at, replica) IN (SELECT at, replica FROM metrics WHERE expires_at <= " +
		"? ORDER BY expires_at LIMIT ?)"
)

// AppendMetrics implements [game.MetricsStore].
func (s *Store) AppendMetrics(ctx context.Context, m game.MetricsSample) error {
	return s.insertIfAbsent(ctx, m, insertMetrics, m.At.UnixMilli(), m.Replica, m.ExpiresAt.UnixMilli())
}

// Metrics implements [game.MetricsStore].
func (s *Store) Metrics(ctx context.Context, q game.MetricsQuery) ([]game.MetricsSample, error) {
	after := q.After.At.UnixMilli()
	from := max(q.From.UnixMilli(), after) // or what was listed before would be walked again
	args := []any{from, q.To.UnixMilli(), after, q.After.Replica, int64(q.Limit)}
	return gather(ctx, s, selectMetrics, args, documentIn[game.MetricsSample](s))
}

// PurgeMetrics implements [game.MetricsStore].
func (s *Store) PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.purge(ctx, purgeMetrics, now, limit)
}
