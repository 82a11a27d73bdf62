package sqlitestore

import (
	"context"
	"database/sql/driver"
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
	doc, err := s.codec.encode(m)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		_, err := c.exec(insertMetrics, m.At.UnixMilli(), m.Replica, m.ExpiresAt.UnixMilli(), doc)
		return nil, err
	})
}

// Metrics implements [game.MetricsStore].
func (s *Store) Metrics(ctx context.Context, q game.MetricsQuery) ([]game.MetricsSample, error) {
	after := q.After.At.UnixMilli()
	from := max(q.From.UnixMilli(), after) // or what was listed before would be walked again
	items := make([]game.MetricsSample, 0, q.Limit)
	err := s.readers.rows(ctx, selectMetrics, []any{
		from, q.To.UnixMilli(), after, q.After.Replica, int64(q.Limit),
	}, func(columns []driver.Value) error {
		var m game.MetricsSample
		err := s.codec.decode(columns[0], &m)
		items = append(items, m)
		return err
	})
	if err != nil {
		return nil, unread(err)
	}
	return items, nil
}

// PurgeMetrics implements [game.MetricsStore].
func (s *Store) PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error) {
	purged := 0
	err := s.writer.do(ctx, func(c *conn) (refusal, error) {
		n, err := c.exec(purgeMetrics, now.UnixMilli(), int64(limit))
		purged = int(n)
		return nil, err
	})
	if err != nil {
		return 0, err
	}
	return purged, nil
}
