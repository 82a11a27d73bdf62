package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// AppendMetrics implements [game.MetricsStore].
func (s *Store) AppendMetrics(ctx context.Context, m game.MetricsSample) error {
	return s.insertIfAbsent(ctx, s.metrics, storedSample(m))
}

// Metrics implements [game.MetricsStore].
func (s *Store) Metrics(ctx context.Context, q game.MetricsQuery) ([]game.MetricsSample, error) {
	o := options.Find().SetSort(keys("_id")).SetLimit(int64(q.Limit)).SetHint(idIndex)
	return read[game.MetricsSample](ctx, s, s.metrics.lists, metricsRange(q), o)
}

func metricsRange(q game.MetricsQuery) bson.D {
	return docOf("_id", bson.D{
		{Key: "$gte", Value: sampleFrom(q.From)},
		{Key: "$lt", Value: sampleFrom(q.To)},
		{Key: "$gt", Value: sampleID(q.After.At, q.After.Replica)},
	})
}

// PurgeMetrics implements [game.MetricsStore]. The server does the same by the TTL index, in its own time.
func (s *Store) PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.purge(ctx, s.metrics, metricsExpiry, now, limit)
}
