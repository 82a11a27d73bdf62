package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// Ping implements [game.Store].
func (s *Store) Ping(ctx context.Context) (game.Facts, error) {
	facts := game.Facts{
		"engine":   "mongodb",
		"database": s.database.Name(),
		"server": game.Facts{
			"product": s.server.product, "version": s.server.version, "replica_set": s.server.replicaSet,
		},
		"without": s.server.missing(),
		"pool":    s.poolFacts(),
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return facts, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	begin := time.Now()
	h, err := s.hello(ctx) // read from the primary
	if err != nil {
		return facts, readError(ctx, err)
	}
	facts["ping_ms"] = float64(time.Since(begin).Microseconds()) / 1000
	// FerretDB may reply without its engine; this reads from the engine.
	if _, err := idsOf(ctx, s.players, docOf("_id", ""), idIndex, 1); err != nil {
		return facts, readError(ctx, err)
	}
	if h.SetName != "" {
		facts["replica_set"] = s.replicaSetFacts(ctx, h)
	}
	return facts, nil
}

func (s *Store) poolFacts() game.Facts {
	p := s.Pool()
	return game.Facts{"in_use": p.InUse, "idle": p.Idle, "waiting": p.Waiting, "limit": s.pool.limit}
}

// replicaSetFacts returns what the user may see of the members. Their states and lags require the role
// clusterMonitor.
func (s *Store) replicaSetFacts(ctx context.Context, h hello) game.Facts {
	facts := game.Facts{"name": h.SetName, "primary": h.Primary, "members": h.Hosts}
	var status struct {
		Members []struct {
			Name   string    `bson:"name"`
			State  string    `bson:"stateStr"`
			Optime time.Time `bson:"optimeDate"`
		} `bson:"members"`
	}
	if s.noStatus.Load() {
		return facts
	}
	err := s.client.Database("admin").RunCommand(ctx, docOf("replSetGetStatus", 1)).Decode(&status)
	if hasCode(err, codeUnauthorized) {
		s.noStatus.Store(true) // the server logs a warning for each attempt
	}
	if err != nil {
		return facts
	}
	var newest time.Time
	for _, m := range status.Members {
		if m.State == "PRIMARY" {
			newest = m.Optime
		}
	}
	members := make([]game.Facts, len(status.Members))
	for i, m := range status.Members {
		members[i] = game.Facts{"host": m.Name, "state": m.State}
		if m.State == "SECONDARY" && !newest.IsZero() {
			members[i]["lag_seconds"] = max(0, newest.Sub(m.Optime).Seconds())
		}
	}
	facts["members"] = members
	return facts
}

// Stats implements [game.Store]. Sessions and seats are counted by an index, without reading documents.
func (s *Store) Stats(ctx context.Context, limit int) (game.Stats, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return game.Stats{}, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	stats := game.Stats{Sessions: make(map[game.SessionStatus]int64)}
	err = s.countPlayers(ctx, &stats, int64(limit))
	for _, status := range game.LiveStatuses() {
		if err == nil {
			err = s.countSessions(ctx, &stats, status, int64(limit))
		}
	}
	return stats, readError(ctx, err)
}

// countPlayers counts players that are not being erased.
func (s *Store) countPlayers(ctx context.Context, stats *game.Stats, limit int64) error {
	erasing, err := s.players.lists.CountDocuments(ctx, docOf("erasing", true),
		options.Count().SetHint(playersErasing).SetLimit(limit))
	if err != nil {
		return err
	}
	if s.server.KnowsCounts {
		all, err := s.players.lists.EstimatedDocumentCount(ctx)
		stats.Players = max(0, all-erasing)
		return err
	}
	all, err := s.players.lists.CountDocuments(
		ctx, bson.D{}, options.Count().SetHint(idIndex).SetLimit(limit+erasing+1),
	)
	stats.Players = min(max(0, all-erasing), limit)
	stats.Bounded = all-erasing > limit
	return err
}

// countSessions counts the sessions of a status and the seats that are held in them, up to limit sessions.
func (s *Store) countSessions(ctx context.Context, stats *game.Stats, status game.SessionStatus, limit int64) error {
	count := func(limit int64) (sessions, seats int64, err error) {
		cursor, err := s.sessions.lists.Aggregate(ctx, bson.A{
			docOf("$match", docOf("status", status)),
			docOf("$limit", limit),
			docOf("$group", bson.D{
				{Key: "_id", Value: nil},
				{Key: "sessions", Value: docOf("$sum", 1)},
				{Key: "seats", Value: docOf("$sum", "$seats_held")},
			}),
		}, options.Aggregate().SetHint(sessionsByStatus))
		if err != nil {
			return 0, 0, err
		}
		var sums []struct { // empty if there are no sessions
			Sessions int64 `bson:"sessions"`
			Seats    int64 `bson:"seats"`
		}
		if err := cursor.All(ctx, &sums); err != nil || len(sums) == 0 {
			return 0, 0, err
		}
		return sums[0].Sessions, sums[0].Seats, nil
	}
	sessions, seats, err := count(limit)
	if err == nil && sessions == limit { // find out whether there are more
		var more int64
		more, _, err = count(limit + 1)
		stats.Bounded = stats.Bounded || more > limit
	}
	stats.Sessions[status] = sessions
	stats.Members += seats
	return err
}

// Sizes implements [game.Store].
func (s *Store) Sizes(ctx context.Context) (game.Sizes, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return game.Sizes{}, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	var n game.Sizes
	if n.Players, err = s.size(ctx, s.players); err == nil {
		n.Sessions, err = s.size(ctx, s.sessions)
	}
	return n, readError(ctx, err)
}

// size returns the number of documents in a collection.
func (s *Store) size(ctx context.Context, c collection) (int64, error) {
	if s.server.KnowsCounts {
		return c.lists.EstimatedDocumentCount(ctx)
	}
	return c.lists.CountDocuments(ctx, bson.D{}, options.Count().SetHint(idIndex))
}
