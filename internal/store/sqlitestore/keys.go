package sqlitestore

import (
	"context"

	"game-session-manager/internal/game"
)

// SQLite generates the project and the version of an API key from its document.
const (
	selectKey = "SELECT doc FROM api_keys WHERE id = ?"
	keyExists = "SELECT 1 FROM api_keys WHERE id = ? AND project = ?"
	insertKey = "INSERT INTO api_keys (id, doc) VALUES (?, ?)"
	updateKey = "UPDATE api_keys SET doc = ? WHERE id = ? AND project = ? AND version = ?"
	deleteKey = "DELETE FROM api_keys WHERE id = ? AND project = ? AND version = ?"

	insertSigningKey  = "INSERT INTO signing_keys (id, doc) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
	selectSigningKeys = "SELECT doc FROM signing_keys ORDER BY id LIMIT ?"
	deleteSigningKey  = "DELETE FROM signing_keys WHERE id = ?"
)

// CreateKey implements [game.KeyStore].
func (s *Store) CreateKey(ctx context.Context, k game.Key, events ...game.Event) error {
	doc, rows, err := s.encoded(k, events)
	if err != nil {
		return err
	}
	return s.write(ctx, rows, func(c *conn) (refusal, error) { return c.insert(insertKey, string(k.ID), doc) })
}

// Key implements [game.KeyStore].
func (s *Store) Key(ctx context.Context, id game.KeyID) (game.Key, error) {
	return one[game.Key](ctx, s, game.KeyNotFound(id), selectKey, string(id))
}

// ReplaceKey implements [game.KeyStore].
func (s *Store) ReplaceKey(ctx context.Context, old, next game.Key, events ...game.Event) error {
	doc, rows, err := s.encoded(next, events)
	if err != nil {
		return err
	}
	id, project := string(old.ID), string(old.Project)
	return s.write(ctx, rows, func(c *conn) (refusal, error) {
		return c.change(
			game.KeyNotFound(old.ID), keyExists, []any{id, project}, updateKey, doc, id, project, old.Version,
		)
	})
}

// DeleteKey implements [game.KeyStore].
func (s *Store) DeleteKey(ctx context.Context, old game.Key) error {
	id, project := string(old.ID), string(old.Project)
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		return c.change(nil, keyExists, []any{id, project}, deleteKey, id, project, old.Version)
	})
}

// Keys implements [game.KeyStore].
func (s *Store) Keys(ctx context.Context, q game.KeyQuery) ([]game.Key, error) {
	sql, args := keysSQL(q)
	return gather(ctx, s, sql, args, documentIn[game.Key](s))
}

func keysSQL(q game.KeyQuery) (string, []any) {
	b := selection{table: "api_keys", from: "api_keys d", id: "d.id"}
	b.where("d.project = ?", string(q.Project))
	return page(string(q.After), q.Limit, b)
}

// CreateSigningKey implements [game.SigningKeyStore].
func (s *Store) CreateSigningKey(ctx context.Context, k game.SigningKey) error {
	return s.insertIfAbsent(ctx, k, insertSigningKey, k.ID)
}

// SigningKeys implements [game.SigningKeyStore].
func (s *Store) SigningKeys(ctx context.Context) ([]game.SigningKey, error) {
	return gather(ctx, s, selectSigningKeys, []any{int64(game.MaxSigningKeys)}, documentIn[game.SigningKey](s))
}

// DeleteSigningKey implements [game.SigningKeyStore].
func (s *Store) DeleteSigningKey(ctx context.Context, id string) error {
	_, err := s.exec(ctx, deleteSigningKey, id)
	return err
}
