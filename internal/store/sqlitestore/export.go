package sqlitestore

import (
	"context"
	"database/sql/driver"

	"game-session-manager/internal/game"
)

const (
	countAll       = "SELECT (SELECT count(*) FROM players), (SELECT count(*) FROM sessions)"
	exportPlayers  = "SELECT doc FROM players WHERE id > ? ORDER BY id LIMIT ?"
	exportSessions = "SELECT doc FROM sessions WHERE id > ? ORDER BY id LIMIT ?"
	exportClaims   = "SELECT key, fingerprint, document_id, expires_at FROM claims WHERE key > ? ORDER BY key LIMIT ?"
	exportKeys     = "SELECT doc FROM api_keys WHERE id > ? ORDER BY id LIMIT ?"
)

// Sizes implements [game.Store].
func (s *Store) Sizes(ctx context.Context) (game.Sizes, error) {
	var n game.Sizes
	err := s.count(ctx, countAll, nil, &n.Players, &n.Sessions)
	return n, err
}

// ExportPlayers implements [game.ExportStore].
func (s *Store) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) ([]game.Player, error) {
	return gather(ctx, s, exportPlayers, []any{string(after), int64(limit)}, documentIn[game.Player](s))
}

// ExportSessions implements [game.ExportStore].
func (s *Store) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	args := []any{string(after), int64(limit)}
	return gather(ctx, s, exportSessions, args, func(columns []driver.Value) (game.Session, error) {
		return s.session(columns[0])
	})
}

// ExportClaims implements [game.ExportStore].
func (s *Store) ExportClaims(ctx context.Context, after string, limit int) ([]game.Claim, error) {
	return gather(ctx, s, exportClaims, []any{after, int64(limit)}, claimIn)
}

// ExportKeys implements [game.ExportStore].
func (s *Store) ExportKeys(ctx context.Context, after game.KeyID, limit int) ([]game.Key, error) {
	return gather(ctx, s, exportKeys, []any{string(after), int64(limit)}, documentIn[game.Key](s))
}
