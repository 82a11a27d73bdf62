package mongostore

import (
	"context"
	"fmt"

	"game-session-manager/internal/game"
)

func keyAddress(k game.Key) address { return address{string(k.ID), k.Project} }

// CreateKey implements [game.KeyStore].
func (s *Store) CreateKey(ctx context.Context, k game.Key, events ...game.Event) error {
	return insert(ctx, s, s.keys, keyAddress(k), storedKey(k), events, idTaken())
}

// Key implements [game.KeyStore].
func (s *Store) Key(ctx context.Context, id game.KeyID) (game.Key, error) {
	return one[game.Key](ctx, s, s.keys, docOf("_id", id), game.KeyNotFound(id))
}

// ReplaceKey implements [game.KeyStore].
func (s *Store) ReplaceKey(ctx context.Context, old, next game.Key, events ...game.Event) error {
	return s.replace(ctx, s.keys, keyAddress(old), replacement{
		version: old.Version, events: events, old: storedKey(old), next: storedKey(next),
		notFound: game.KeyNotFound(old.ID),
	})
}

// DeleteKey implements [game.KeyStore].
func (s *Store) DeleteKey(ctx context.Context, old game.Key) error {
	return s.remove(ctx, s.keys, keyAddress(old), old.Version)
}

// Keys implements [game.KeyStore].
func (s *Store) Keys(ctx context.Context, q game.KeyQuery) ([]game.Key, error) {
	found, err := list(ctx, s, s.keys, keysPage(q), fullSize[game.Key])
	if len(found.Unreadable) > 0 { // whoever looks for keys to revoke must not miss one
		return nil, readError(ctx, fmt.Errorf("%w: api key %s", game.ErrUnreadable, found.Unreadable[0]))
	}
	return found.Items, err
}

// keysPage returns the page that a query asks for.
func keysPage(q game.KeyQuery) page {
	p := page{index: keysByProject, narrow: true, after: string(q.After), limit: q.Limit}
	p.where("project", q.Project)
	return p
}

// CreateSigningKey implements [game.SigningKeyStore].
func (s *Store) CreateSigningKey(ctx context.Context, k game.SigningKey) error {
	return s.insertIfAbsent(ctx, s.signing, storedSigningKey(k))
}

// SigningKeys implements [game.SigningKeyStore]. It reads from the primary, because a server must know every key by
// which tokens may be signed.
func (s *Store) SigningKeys(ctx context.Context) ([]game.SigningKey, error) {
	filter, o := pageAfter("", game.MaxSigningKeys)
	return read[game.SigningKey](ctx, s, s.signing.Collection, filter, o)
}

// DeleteSigningKey implements [game.SigningKeyStore].
func (s *Store) DeleteSigningKey(ctx context.Context, id string) error {
	return s.do(ctx, write{
		send: func(ctx context.Context) error {
			_, err := s.signing.DeleteOne(ctx, docOf("_id", id))
			return err
		},
		refusal: func(error) error { return nil },
	})
}
