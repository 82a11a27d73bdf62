package game

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
)

// Keys applies the rules about API keys. Its methods see only the project of the context's [Caller], which must be an
// admin.
type Keys struct {
	rules
	changes *changes[Key]
}

// NewKeys returns the API keys in a store.
func NewKeys(d Deps) *Keys {
	s := &Keys{rules: newRules(d)}
	s.changes = newChanges(collection[Key]{
		read:    func(ctx context.Context, id string) (Key, error) { return s.get(ctx, KeyID(id)) },
		clone:   func(k Key) Key { return k }, // rules replace values and change nothing in place
		next:    (*Key).nextVersion,
		replace: s.store.ReplaceKey,
		now:     s.now,
	})
	return s
}

// Create creates a key and returns it with its secret, which cannot be retrieved again. It returns ErrValidation or
// ErrForbidden. It takes no idempotency key, because returning the secret to a retry would require storing it.
func (s *Keys) Create(ctx context.Context, r KeyRequest) (Key, Secret, error) {
	c := CallerFrom(ctx)
	if err := c.mayAdminister(); err != nil {
		return Key{}, Secret{}, err
	}
	if err := r.Validate(); err != nil {
		return Key{}, Secret{}, err
	}
	now := s.now()
	if r.ExpiresAt != nil && !r.ExpiresAt.After(now) {
		return Key{}, Secret{}, InvalidField("expires_at", "must be in the future")
	}
	secret := newSecret()
	k := Key{
		ID: secret.ID, Project: c.Project, Name: storedName(r.Name), Scope: r.Scope, Hash: secret.hash, Version: 1,
		CreatedAt: now, ExpiresAt: inMilliseconds(r.ExpiresAt),
	}
	return k, secret, s.store.CreateKey(ctx, k, newEvent(ctx, k.versionAt(now), []Change{APIKeyCreated{k.Scope}}))
}

// newSecret returns a random Secret: its id has 50 bits, its secret 260.
func newSecret() Secret {
	return secretOf(KeyID(strings.ToLower(rand.Text()[:10])), rand.Text()+rand.Text())
}

func inMilliseconds(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	m := t.UTC().Truncate(time.Millisecond)
	return &m
}

// Get returns a key. It returns ErrKeyNotFound or ErrForbidden.
func (s *Keys) Get(ctx context.Context, id KeyID) (Key, error) {
	if err := CallerFrom(ctx).mayAdminister(); err != nil {
		return Key{}, err
	}
	return s.get(ctx, id)
}

func (s *Keys) get(ctx context.Context, id KeyID) (Key, error) {
	k, err := s.store.Key(ctx, id)
	if err == nil && k.Project != CallerFrom(ctx).Project {
		return Key{}, KeyNotFound(id)
	}
	return k, err
}

// List returns a page of the keys by id, including inactive ones. It returns ErrValidation or ErrForbidden.
func (s *Keys) List(ctx context.Context, cursor string, limit int) (List[Key], error) {
	c := CallerFrom(ctx)
	if err := c.mayAdminister(); err != nil {
		return List[Key]{}, err
	}
	q := KeyQuery{Project: c.Project}
	return list(query[Key]{
		filters: q,
		read: func(after string, limit int) (Found[Key], error) {
			// One more key shows whether there is another page. A hundred keys take a tenth of MaxPageBytes.
			keys, err := s.store.Keys(ctx, KeyQuery{Project: c.Project, After: KeyID(after), Limit: limit + 1})
			return Found[Key]{Items: keys[:min(limit, len(keys))], More: len(keys) > limit}, err
		},
		id:   func(k Key) string { return string(k.ID) },
		text: true,
	}, cursor, limit)
}

// Revoke makes a key inactive and returns it; an inactive key does not change. Every process rejects the key within a
// second. It returns ErrKeyNotFound or ErrForbidden.
func (s *Keys) Revoke(ctx context.Context, id KeyID) (Key, error) {
	return s.change(ctx, id, func(k *Key, now time.Time) ([]Change, error) { return k.revoke(now), nil })
}

// Rotate creates a copy of a key with a new secret and retires the old key after the overlap. It returns
// ErrKeyNotFound, ErrForbidden, ErrKeyInactive or ErrValidation. A crash between its two writes leaves both keys
// active. A caller that did not receive the response can rotate the old key again while it is active: that creates
// another key with the same expiry and does not postpone the end of the old one.
func (s *Keys) Rotate(ctx context.Context, id KeyID, overlap time.Duration) (Key, Secret, error) {
	if overlap < 0 || overlap > MaxKeyOverlap {
		return Key{}, Secret{}, InvalidField("overlap", "must be 0 to %d hours", int(MaxKeyOverlap.Hours()))
	}
	old, err := s.Get(ctx, id)
	if err != nil {
		return Key{}, Secret{}, beforeWrite(err)
	}
	now := s.now()
	if old.Inactive(now) {
		return Key{}, Secret{}, ErrKeyInactive
	}
	fresh, secret, err := s.Create(ctx, KeyRequest{Name: old.Name, Scope: old.Scope, ExpiresAt: old.ExpiresAt})
	if err != nil {
		return Key{}, Secret{}, err
	}
	_, err = s.change(ctx, id, func(k *Key, now time.Time) ([]Change, error) { return k.retire(now, overlap), nil })
	return fresh, secret, err
}

// MaxKeyOverlap is the maximum time for which a rotated key stays active.
const MaxKeyOverlap = 30 * 24 * time.Hour

func (s *Keys) change(ctx context.Context, id KeyID, apply rule[Key]) (Key, error) {
	if err := CallerFrom(ctx).mayAdminister(); err != nil {
		return Key{}, err
	}
	return s.changes.make(ctx, string(id), nil, apply)
}

// Used records that a key was used, at most once a minute. It makes no version, because nobody asked for a change. It
// needs no caller: authentication calls it.
func (s *Keys) Used(ctx context.Context, k Key) error {
	now := s.now()
	if k.LastUsedAt != nil && now.Sub(*k.LastUsedAt) < usedEvery {
		return nil
	}
	next := k
	next.LastUsedAt = &now
	err := s.store.ReplaceKey(ctx, k, next)
	if errors.Is(err, ErrStale) || errors.Is(err, ErrKeyNotFound) {
		return nil // another process has recorded it, or the key does not exist any more
	}
	return err
}

// AnyHolds reports whether any project has an active key. It needs no caller: the service calls it when it starts.
func (s *Keys) AnyHolds(ctx context.Context) (bool, error) {
	now := s.now()
	for k, err := range exported(ctx, s.store.ExportKeys, keyID) {
		if err != nil || !k.Inactive(now) {
			return err == nil, err
		}
	}
	return false, nil
}

func keyID(k Key) KeyID { return k.ID }

// Purge removes keys of all projects that have been inactive for 30 days. It is for background work.
func (s *Keys) Purge(ctx context.Context) error {
	now := s.now()
	for k, err := range exported(ctx, s.store.ExportKeys, keyID) {
		if err != nil {
			return err
		}
		if end := k.ended(now); end == nil || now.Sub(*end) < keptAfterEnd {
			continue
		}
		if err := s.store.DeleteKey(ctx, k); err != nil && !errors.Is(err, ErrStale) {
			return err
		}
	}
	return nil
}
