package sqlitestore

import (
	"context"
	"database/sql/driver"
	"time"

	"game-session-manager/internal/game"
)

const (
	sizePlayers    = "SELECT count(*) FROM players"
	sizeSessions   = "SELECT count(*) FROM sessions"
	exportPlayers  = "SELECT doc FROM players WHERE id > ? ORDER BY id LIMIT ?"
	exportSessions = "SELECT doc FROM sessions WHERE id > ? ORDER BY id LIMIT ?"
	exportClaims   = "SELECT key, fingerprint, document_id, expires_at FROM claims WHERE key > ? ORDER BY key LIMIT ?"
	exportKeys     = "SELECT doc FROM api_keys WHERE id > ? ORDER BY id LIMIT ?"
)

// Sizes implements [game.Store].
func (s *Store) Sizes(ctx context.Context) (game.Sizes, error) {
	var n game.Sizes
	if err := s.count(ctx, sizePlayers, nil, &n.Players); err != nil {
		return game.Sizes{}, err
	}
	if err := s.count(ctx, sizeSessions, nil, &n.Sessions); err != nil {
		return game.Sizes{}, err
	}
	return n, nil
}

// ExportPlayers implements [game.ExportStore].
func (s *Store) ExportPlayers(ctx context.Context, after game.PlayerID, limit int) ([]game.Player, error) {
	return exported(ctx, s, exportPlayers, string(after), limit, func(columns []driver.Value) (game.Player, error) {
		return s.player(columns[0])
	})
}

// ExportSessions implements [game.ExportStore].
func (s *Store) ExportSessions(ctx context.Context, after game.SessionID, limit int) ([]game.Session, error) {
	return exported(ctx, s, exportSessions, string(after), limit, func(columns []driver.Value) (game.Session, error) {
		return s.session(columns[0])
	})
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

// ExportKeys implements [game.ExportStore].
func (s *Store) ExportKeys(ctx context.Context, after game.KeyID, limit int) ([]game.Key, error) {
	return exported(ctx, s, exportKeys, string(after), limit, s.key)
}

func exported[D any](
	ctx context.Context, s *Store, sql, after string, limit int, read func([]driver.Value) (D, error),
) ([]D, error) {
	return gather(ctx, s, sql, []any{after, int64(limit)}, read)
}

// gather reads all that a statement finds.
func gather[D any](
	ctx context.Context, s *Store, sql string, args []any, read func([]driver.Value) (D, error),
) ([]D, error) {
	items := []D{}
	err := s.readers.rows(ctx, sql, args, func(columns []driver.Value) error {
		d, err := read(columns)
		items = append(items, d)
		return err
	})
	if err != nil {
		return nil, unread(err)
	}
	return items, nil
}
