package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// ExportPlayers implements [game.ExportStore].
func (s *Store) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) ([]game.Player, error) {
	return export[game.Player](ctx, s, s.players, string(after), limit)
}

// ExportSessions implements [game.ExportStore].
func (s *Store) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	return export[game.Session](ctx, s, s.sessions, string(after), limit)
}

// ExportClaims implements [game.ExportStore].
func (s *Store) ExportClaims(ctx context.Context, after string, limit int) ([]game.Claim, error) {
	return export[game.Claim](ctx, s, s.claims, after, limit)
}

// ExportKeys implements [game.ExportStore].
func (s *Store) ExportKeys(ctx context.Context, after game.KeyID, limit int) ([]game.Key, error) {
	return export[game.Key](ctx, s, s.keys, string(after), limit)
}

// export reads up to limit documents with ids greater than after.
func export[D any](ctx context.Context, s *Store, c collection, after string, limit int) ([]D, error) {
	filter, o := pageAfter(after, limit)
	return read[D](ctx, s, c.Collection, filter, o)
}

// pageAfter returns the filter and options to read documents in order of their ids, which must be strings.
func pageAfter(after string, limit int) (bson.D, *options.FindOptionsBuilder) {
	return docOf("_id", docOf("$gt", after)),
		options.Find().SetSort(keys("_id")).SetLimit(int64(limit)).SetHint(idIndex).
			SetProjection(withoutOutbox())
}
