package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// ExportPlayers implements [game.ExportStore].
func (s *Store) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) ([]game.Player, error) {
	return export(ctx, s, s.players, string(after), limit, player.game)
}

// ExportSessions implements [game.ExportStore].
func (s *Store) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	return export(ctx, s, s.sessions, string(after), limit, session.game)
}

// ExportClaims implements [game.ExportStore].
func (s *Store) ExportClaims(ctx context.Context, after string, limit int) ([]game.Claim, error) {
	return export(ctx, s, s.claims, after, limit, claim.game)
}

// ExportKeys implements [game.ExportStore].
func (s *Store) ExportKeys(ctx context.Context, after game.KeyID, limit int) ([]game.Key, error) {
	return export(ctx, s, s.keys, string(after), limit, apiKey.game)
}

// export reads the documents that come after an id.
func export[D, G any](ctx context.Context, s *Store, c collection, after string, limit int, as func(D) G) ([]G, error) {
	filter, o := following(after, limit)
	return read(ctx, s, c.Collection, filter, o, as)
}

func following(after string, limit int) (bson.D, *options.FindOptionsBuilder) {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}},
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)).SetHint(idIndex)
}
