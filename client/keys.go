package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Keys are the calls about API keys, for admins. Take it from a [Client].
type Keys struct{ c *Client }

const keysPath = basePath + "/api-keys"

// Key is an API key without its secret.
type Key struct {
	ID         KeyID      `json:"id"` // what stands between gsm_ and the secret
	Project    string     `json:"project"`
	Name       string     `json:"name"` // for people
	Scope      Scope      `json:"scope"`
	Status     KeyStatus  `json:"status"` // when it was read: only an active key lets anybody in
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"` // as it was asked for; nil for never
	RetiresAt  *time.Time `json:"retires_at"` // when a key that was rotated ends, unless it expires before
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"` // to the minute
}

// NewKey is an API key with its secret, which the server tells once.
type NewKey struct {
	Key
	Token string `json:"key"` // for [WithToken]
}

// Create makes a key. A call whose answer is lost is not sent again: it leaves a key that nobody has, which
// [Keys.Revoke] ends. It answers [ErrValidation] and [ErrForbidden].
func (k *Keys) Create(ctx context.Context, r KeyRequest) (NewKey, error) {
	q := write(http.MethodPost, keysPath, r)
	q.single = true
	return fetch[NewKey](ctx, k.c, q)
}

// Get answers [ErrKeyNotFound] and [ErrForbidden].
func (k *Keys) Get(ctx context.Context, id KeyID) (Key, error) {
	return fetch[Key](ctx, k.c, read(keyPath(id), nil))
}

// List answers one page, of at most limit keys; 0 leaves that to the server. [Keys.All] goes through all of them.
func (k *Keys) List(ctx context.Context, cursor string, limit int) (Page[Key], error) {
	return fetch[Page[Key]](ctx, k.c, read(keysPath, paged(url.Values{}, limit, cursor)))
}

// All goes through the keys of the project, a page at a time. An error ends it.
func (k *Keys) All(ctx context.Context) iter.Seq2[Key, error] {
	return all(ctx, "", func(ctx context.Context, cursor string) (Page[Key], error) { return k.List(ctx, cursor, 0) })
}

// Revoke ends a key: every server refuses it within a second. It answers [ErrKeyNotFound] and [ErrForbidden].
func (k *Keys) Revoke(ctx context.Context, id KeyID) error {
	return k.c.send(ctx, write(http.MethodDelete, keyPath(id), nil), nil)
}

// Rotate makes a key like another, and ends the other after the overlap, in whole seconds. As [Keys.Create] it is sent
// once: whoever lost the answer rotates again while the old key goes on, and revokes the key that nobody has. It
// answers [ErrKeyNotFound], [ErrKeyInactive] and [ErrForbidden].
func (k *Keys) Rotate(ctx context.Context, id KeyID, overlap time.Duration) (NewKey, error) {
	q := write(http.MethodPost, keyPath(id)+"/rotate", map[string]int{"overlap_seconds": int(overlap / time.Second)})
	q.single = true
	return fetch[NewKey](ctx, k.c, q)
}

func keyPath(id KeyID) string { return keysPath + "/" + segment(id) }
