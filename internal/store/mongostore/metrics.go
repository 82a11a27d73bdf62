package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// sample is a [game.MetricsSample] as it is stored. Its id is its time and its replica, so that the index of the ids, which
// every server reads in order, is the list's.
type sample struct {
	ID           string       `bson:"_id"`
	At           time.Time    `bson:"at"`
	Replica      string       `bson:"replica"`
	ExpiresAt    time.Time    `bson:"expires_at"`
	Seconds      float64      `bson:"seconds"`
	Requests     int64        `bson:"requests"`
	ClientErrors int64        `bson:"client_errors"`
	Errors       int64        `bson:"errors"`
	Latency      latency      `bson:"latency"`
	Sessions     counts       `bson:"sessions"`
	Members      int64        `bson:"members"`
	Players      int64        `bson:"players"`
	MemoryBytes  int64        `bson:"memory_bytes"`
	Goroutines   int64        `bson:"goroutines"`
	Pool         *connections `bson:"pool,omitempty"`
}

type latency struct {
	Bounds []float64 `bson:"bounds"`
	Counts []int64   `bson:"counts"`
}

type connections struct {
	InUse   int64 `bson:"in_use"`
	Idle    int64 `bson:"idle"`
	Waiting int64 `bson:"waiting"`
}

// counts are numbers of sessions by status.
type counts map[game.SessionStatus]int64

// MarshalBSONValue implements [bson.ValueMarshaler].
func (m counts) MarshalBSONValue() (kind byte, data []byte, err error) {
	return ordered(m, func(n int64) any { return n })
}

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (m *counts) UnmarshalBSONValue(_ byte, data []byte) error {
	*m = counts{}
	return each(data, func(key string, v bson.RawValue) bool {
		n, ok := v.AsInt64OK()
		(*m)[game.SessionStatus(key)] = n
		return ok
	})
}

// sampleTime has the same length for every time, so that the texts have the order of the times.
const sampleTime = "2006-01-02T15:04:05.000Z"

func sampleFrom(at time.Time) string { return at.UTC().Format(sampleTime) }

func sampleID(at time.Time, replica string) string { return sampleFrom(at) + " " + replica }

func storedSample(m game.MetricsSample) sample {
	return sample{
		ID: sampleID(m.At, m.Replica), At: m.At, Replica: m.Replica, ExpiresAt: m.ExpiresAt, Seconds: m.Seconds,
		Requests: m.Requests, ClientErrors: m.ClientErrors, Errors: m.Errors,
		Latency:  latency{append([]float64{}, m.Latency.Bounds...), append([]int64{}, m.Latency.Counts...)},
		Sessions: counts(m.Sessions), Members: m.Members, Players: m.Players, MemoryBytes: m.MemoryBytes,
		Goroutines: m.Goroutines, Pool: (*connections)(m.Pool),
	}
}

func (d sample) game() game.MetricsSample {
	return game.MetricsSample{
		At: d.At, Replica: d.Replica, ExpiresAt: d.ExpiresAt, Seconds: d.Seconds, Requests: d.Requests,
		ClientErrors: d.ClientErrors, Errors: d.Errors, Latency: game.Latency{Bounds: d.Latency.Bounds, Counts: d.Latency.Counts},
		Sessions: d.Sessions, Members: d.Members, Players: d.Players, MemoryBytes: d.MemoryBytes, Goroutines: d.Goroutines,
		Pool: (*game.Pool)(d.Pool),
	}
}

// AppendMetrics implements [game.MetricsStore].
func (s *Store) AppendMetrics(ctx context.Context, m game.MetricsSample) error {
	return s.put(ctx, s.metrics, storedSample(m))
}

// Metrics implements [game.MetricsStore].
func (s *Store) Metrics(ctx context.Context, q game.MetricsQuery) ([]game.MetricsSample, error) {
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(q.Limit)).SetHint(idIndex)
	return read(ctx, s, s.metrics.lists, metricsRange(q), o, sample.game)
}

func metricsRange(q game.MetricsQuery) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{
		{Key: "$gte", Value: sampleFrom(q.From)},
		{Key: "$lt", Value: sampleFrom(q.To)},
		{Key: "$gt", Value: sampleID(q.After.At, q.After.Replica)},
	}}}
}

// PurgeMetrics implements [game.MetricsStore]. The TTL index does the same, later.
func (s *Store) PurgeMetrics(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.purge(ctx, s.metrics, metricsExpiry, now, limit)
}
