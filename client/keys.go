package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Keys groups the calls about API keys, for admins. Use the one of a [Client].
type Keys struct{ c *Client }

const keysPath = basePath + "/api-keys"

// Key is an API key without its secret.
type Key struct {
	ID         KeyID      `json:"id"` // the part of the key between gsm_ and the secret
	Project    string     `json:"project"`
	Name       string     `json:"name"` // for people
	Scope      Scope      `json:"scope"`
	Status     KeyStatus  `json:"status"` // at the time of the read; only an active key is valid
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"` // as requested; nil for never
	RetiresAt  *time.Time `json:"retires_at"` // when a rotated key stops being valid, unless it expires earlier
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"` // to the minute
}

// NewKey is an API key with its secret, which the server returns once.
type NewKey struct {
	Key
	Token string `json:"key"` // for [WithToken]
}

// Create creates a key. It is not retried: if the response is lost there is a key whose secret nobody knows, which
// [Keys.Revoke] ends. It returns [ErrValidation] and [ErrForbidden].
func (k *Keys) Create(ctx context.Context, r KeyRequest) (NewKey, error) {
	q := write(http.MethodPost, keysPath, r)
	q.single = true
	return fetch[NewKey](ctx, k.c, q)
}

// Get returns a key, or [ErrKeyNotFound] or [ErrForbidden].
func (k *Keys) Get(ctx context.Context, id KeyID) (Key, error) {
	return fetch[Key](ctx, k.c, read(keyPath(id), nil))
}

// List returns one page of keys, newest first, with at most limit items; 0 for the server's default. [Keys.All]
// iterates over all pages.
func (k *Keys) List(ctx context.Context, cursor string, limit int) (Page[Key], error) {
	return fetch[Page[Key]](ctx, k.c, read(keysPath, paged(url.Values{}, limit, cursor)))
}

// All returns an iterator over the keys of the project. It reads a page at a time and ends with the first error.
func (k *Keys) All(ctx context.Context) iter.Seq2[Key, error] {
	return allPages(ctx, "", func(ctx context.Context, cursor string) (Page[Key], error) {
		return k.List(ctx, cursor, 0)
	})
}

// Revoke ends a key. Every server rejects it within a second. It returns [ErrKeyNotFound] and [ErrForbidden].
func (k *Keys) Revoke(ctx context.Context, id KeyID) error {
	return k.c.send(ctx, write(http.MethodDelete, keyPath(id), nil), nil)
}

// Rotate creates a key with the same name and scope, and ends the old one after the overlap, which is cut to whole
// seconds. It is not retried: if the response is lost, rotate again while the old key is valid, and revoke the key
// whose secret nobody knows. It returns [ErrKeyNotFound], [ErrKeyInactive] and [ErrForbidden].
func (k *Keys) Rotate(ctx context.Context, id KeyID, overlap time.Duration) (NewKey, error) {
	q := write(http.MethodPost, keyPath(id)+"/rotate", map[string]int{"overlap_seconds": int(overlap / time.Second)})
	q.single = true
	return fetch[NewKey](ctx, k.c, q)
}

func keyPath(id KeyID) string { return keysPath + "/" + segment(id) }
