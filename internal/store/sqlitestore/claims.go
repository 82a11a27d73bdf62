package sqlitestore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"game-session-manager/internal/game"
)

const (
	putClaim = `INSERT INTO claims (key, fingerprint, document_id, expires_at) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (key) DO UPDATE SET fingerprint = ?2, document_id = ?3, expires_at = ?4 WHERE expires_at <= ?5`
	selectClaim = "SELECT key, fingerprint, document_id, expires_at FROM claims WHERE key = ?"
	deleteClaim = "DELETE FROM claims WHERE key = ?"
	purgeClaims = "DELETE FROM claims WHERE key IN (SELECT key FROM claims WHERE expires_at <= ? ORDER BY expires_at " +
		"LIMIT ?)"
)

// Claim implements [game.ClaimStore].
func (s *Store) Claim(ctx context.Context, c game.Claim, now time.Time) (game.Claim, error) {
	held := c
	held.ExpiresAt = c.ExpiresAt.UTC().Truncate(time.Millisecond)
	err := s.writer.do(ctx, func(w *conn) (refusal, error) {
		n, err := w.exec(putClaim, c.Key, c.Fingerprint, c.DocumentID, c.ExpiresAt.UnixMilli(), now.UnixMilli())
		if err != nil || n > 0 {
			return nil, err
		}
		held = game.Claim{}
		err = w.rows(context.Background(), selectClaim, []any{c.Key}, func(columns []driver.Value) (err error) {
			held, err = claimIn(columns)
			return err
		})
		if err == nil && held.Key == "" {
			err = errUnplanned
		}
		return nil, err
	})
	if err != nil {
		return game.Claim{}, err
	}
	return held, nil
}

func claimIn(columns []driver.Value) (c game.Claim, err error) {
	var expires int64
	err = scanAll(columns, &c.Key, &c.Fingerprint, &c.DocumentID, &expires)
	c.ExpiresAt = time.UnixMilli(expires).UTC()
	return c, err
}

// scanAll sets the variables to the values of the first columns.
func scanAll(columns []driver.Value, variables ...any) error {
	for i, v := range variables {
		if err := scan(columns[i], v); err != nil {
			return err
		}
	}
	return nil
}

// scan sets the variable to the column's value, which has its type.
func scan(column driver.Value, variable any) error {
	ok := false
	switch v := variable.(type) {
	case *string:
		*v, ok = column.(string)
	case *int64:
		*v, ok = column.(int64)
	}
	if !ok {
		return fmt.Errorf("%w: a %T", errUnplanned, column)
	}
	return nil
}

// PurgeClaims implements [game.ClaimStore].
func (s *Store) PurgeClaims(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.purge(ctx, purgeClaims, now, limit)
}
