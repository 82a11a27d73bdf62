package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

// apiKey is a [game.Key] as it is stored.
type apiKey struct {
	ID         game.KeyID     `bson:"_id"`
	Project    game.ProjectID `bson:"project"`
	Name       string         `bson:"name"`
	Scope      game.Scope     `bson:"scope"`
	Hash       string         `bson:"hash"`
	Version    int64          `bson:"version"`
	CreatedAt  time.Time      `bson:"created_at"`
	ExpiresAt  *time.Time     `bson:"expires_at,omitempty"`
	RetiresAt  *time.Time     `bson:"retires_at,omitempty"`
	RevokedAt  *time.Time     `bson:"revoked_at,omitempty"`
	LastUsedAt *time.Time     `bson:"last_used_at,omitempty"`
	Writes     history        `bson:"writes,omitempty"`
}

func storedKey(k game.Key) apiKey {
	return apiKey{
		ID: k.ID, Project: k.Project, Name: k.Name, Scope: k.Scope, Hash: k.Hash, Version: k.Version, CreatedAt: k.CreatedAt,
		ExpiresAt: k.ExpiresAt, RetiresAt: k.RetiresAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt,
	}
}

func (d apiKey) game() game.Key {
	return game.Key{
		ID: d.ID, Project: d.Project, Name: d.Name, Scope: d.Scope, Hash: d.Hash, Version: d.Version, CreatedAt: d.CreatedAt,
		ExpiresAt: d.ExpiresAt, RetiresAt: d.RetiresAt, RevokedAt: d.RevokedAt, LastUsedAt: d.LastUsedAt,
	}
}

func keyOf(k game.Key) key { return key{string(k.ID), k.Project} }

// CreateKey implements [game.KeyStore].
func (s *Store) CreateKey(ctx context.Context, k game.Key, events ...game.Event) error {
	d := storedKey(k)
	d.Writes = []writeID{bson.NewObjectID()}
	return s.insert(ctx, s.keys, keyOf(k), d, events, d.Writes[0], map[string]error{idIndex: game.ErrExists})
}

// Key implements [game.KeyStore].
func (s *Store) Key(ctx context.Context, id game.KeyID) (game.Key, error) {
	d, found, err := get[apiKey](ctx, s, s.keys, bson.D{{Key: "_id", Value: id}})
	switch {
	case err != nil:
		return game.Key{}, err
	case !found:
		return game.Key{}, game.KeyNotFound(id)
	}
	return d.game(), nil
}

// ReplaceKey implements [game.KeyStore].
func (s *Store) ReplaceKey(ctx context.Context, old, next game.Key, events ...game.Event) error {
	return s.replace(ctx, s.keys, keyOf(old), change{
		version: old.Version, events: events, old: storedKey(old), next: storedKey(next), notFound: game.KeyNotFound(old.ID),
	})
}

// DeleteKey implements [game.KeyStore].
func (s *Store) DeleteKey(ctx context.Context, old game.Key) error {
	return s.remove(ctx, s.keys, keyOf(old), old.Version)
}

// Keys implements [game.KeyStore].
func (s *Store) Keys(ctx context.Context, q game.KeyQuery) ([]game.Key, error) {
	found, err := list(ctx, s, s.keys, keysPage(q), apiKey.game, wholly)
	return found.Items, err
}

// keysPage returns how a list is read.
func keysPage(q game.KeyQuery) page {
	p := page{index: keysByProject, narrow: true, after: string(q.After), limit: q.Limit}
	p.where("project", q.Project)
	return p
}

// signingKey is a [game.SigningKey] as it is stored. It needs no ids of writes: it is stored once, by whomever, and never changed.
type signingKey struct {
	ID        string    `bson:"_id"`
	PublicKey string    `bson:"public_key"`
	Sealed    string    `bson:"sealed"`
	CreatedAt time.Time `bson:"created_at"`
	ExpiresAt time.Time `bson:"expires_at"`
}

func (d signingKey) game() game.SigningKey { return game.SigningKey(d) }

// CreateSigningKey implements [game.SigningKeyStore].
func (s *Store) CreateSigningKey(ctx context.Context, k game.SigningKey) error {
	return s.put(ctx, s.signing, signingKey(k))
}

// SigningKeys implements [game.SigningKeyStore]. It is no list that may be old: who is asked for a key must know it.
func (s *Store) SigningKeys(ctx context.Context) ([]game.SigningKey, error) {
	filter, o := following("", game.MaxSigningKeys)
	return read(ctx, s, s.signing.Collection, filter, o, signingKey.game)
}

// DeleteSigningKey implements [game.SigningKeyStore].
func (s *Store) DeleteSigningKey(ctx context.Context, id string) error {
	return s.do(ctx, write{
		send: func(ctx context.Context) error {
			_, err := s.signing.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}})
			return err
		},
		refusal: func(error) error { return nil },
	})
}
