package sqlitestore

import (
	"context"
	"database/sql/driver"
	"time"

	"game-session-manager/internal/game"
)

const (
	exportPlayers  = "SELECT doc FROM players WHERE id > ? ORDER BY id LIMIT ?"
	exportSessions = "SELECT doc FROM sessions WHERE id > ? ORDER BY id LIMIT ?"
	exportClaims   = "SELECT key, fingerprint, document_id, expires_at FROM claims WHERE key > ? ORDER BY key LIMIT ?"
)

// ExportPlayers implements [game.ExportStore].
func (s *Store) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) ([]game.Player, error) {
	return exported(ctx, s, exportPlayers, string(after), limit, func(columns []driver.Value) (game.Player, error) { return s.player(columns[0]) })
}

// ExportSessions implements [game.ExportStore].
func (s *Store) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	return exported(ctx, s, exportSessions, string(after), limit, func(columns []driver.Value) (game.Session, error) { return s.session(columns[0]) })
}

// ExportClaims implements [game.ExportStore].
func (s *Store) ExportClaims(ctx context.Context, after string, limit int) ([]game.Claim, error) {
	return exported(ctx, s, exportClaims, after, limit, func(columns []driver.Value) (c game.Claim, err error) {
		var expires int64
		for i, to := range []any{&c.Key, &c.Fingerprint, &c.DocumentID, &expires} {
			if err := scan(columns[i], to); err != nil {
				return game.Claim{}, err
			}
		}
		c.ExpiresAt = time.UnixMilli(expires).UTC()
		return c, nil
	})
}

func exported[D any](ctx context.Context, s *Store, sql, after string, limit int, read func([]driver.Value) (D, error)) ([]D, error) {
	items := []D{}
	err := s.readers.rows(ctx, sql, []any{after, int64(limit)}, func(columns []driver.Value) error {
		d, err := read(columns)
		items = append(items, d)
		return err
	})
	if err != nil {
		return nil, unread(err)
	}
	return items, nil
}
