package game

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"
)

// Keys holds the rules about API keys. Its methods see the project of the context's [Caller] only, who must be an
// admin.
type Keys struct {
	rules
	changes *changes[Key]
}

// NewKeys returns the API keys in a store.
func NewKeys(d Deps) *Keys {
	s := &Keys{rules: newRules(d)}
	s.changes = newChanges(noun[Key]{
		read:    func(ctx context.Context, id string) (Key, error) { return s.get(ctx, KeyID(id)) },
		clone:   func(k Key) Key { return k }, // rules replace what a key holds and change nothing in place
		next:    (*Key).nextVersion,
		replace: s.store.ReplaceKey,
		now:     s.now,
	})
	return s
}

// Create makes a key and answers it with its secret, which cannot be had again. It answers ErrValidation and
// ErrForbidden. There is no Idempotency-Key for it: a retry that showed the secret again would have to keep it.
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

// newSecret returns an id of 50 random bits and a secret of 260.
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

// Get answers ErrKeyNotFound and ErrForbidden.
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

// List answers a page of the keys, those that are over too, by id.
func (s *Keys) List(ctx context.Context, cursor string, limit int) (List[Key], error) {
	c := CallerFrom(ctx)
	if err := c.mayAdminister(); err != nil {
		return List[Key]{}, err
	}
	q := KeyQuery{Project: c.Project}
	return list(query[Key]{
		filters: q,
		read: func(after string, limit int) (Found[Key], error) {
			// One more tells whether the list goes on. A hundred of them have a tenth of MaxPageBytes.
			keys, err := s.store.Keys(ctx, KeyQuery{Project: c.Project, After: KeyID(after), Limit: limit + 1})
			return Found[Key]{Items: keys[:min(limit, len(keys))], More: len(keys) > limit}, err
		},
		id:   func(k Key) string { return string(k.ID) },
		text: true,
	}, cursor, limit)
}

// Revoke ends a key now; one that is over stays as it is. Every process refuses it within a second. It answers
// ErrKeyNotFound and ErrForbidden.
func (s *Keys) Revoke(ctx context.Context, id KeyID) (Key, error) {
	return s.change(ctx, id, func(k *Key, now time.Time) ([]Change, error) { return k.revoke(now), nil })
}

// Rotate makes a key that is like another, and ends the other after the overlap. It answers ErrKeyNotFound,
// ErrForbidden, ErrKeyInactive and ErrValidation. A crash between its two writes leaves both keys valid. Whoever lost
// the answer rotates the old key again while it goes on: that makes one more, with the same expiry, and leaves the end
// of the old key where it was.
func (s *Keys) Rotate(ctx context.Context, id KeyID, overlap time.Duration) (Key, Secret, error) {
	if overlap < 0 || overlap > MaxKeyOverlap {
		return Key{}, Secret{}, InvalidField("overlap", "must be 0 to %d hours", int(MaxKeyOverlap.Hours()))
	}
	old, err := s.Get(ctx, id)
	if err != nil {
		return Key{}, Secret{}, beforeWrite(err)
	}
	now := s.now()
	if old.Over(now) {
		return Key{}, Secret{}, ErrKeyInactive
	}
	fresh, secret, err := s.Create(ctx, KeyRequest{Name: old.Name, Scope: old.Scope, ExpiresAt: old.ExpiresAt})
	if err != nil {
		return Key{}, Secret{}, err
	}
	_, err = s.change(ctx, id, func(k *Key, now time.Time) ([]Change, error) { return k.retire(now, overlap), nil })
	return fresh, secret, err
}

// MaxKeyOverlap is how long a key may go on after it was rotated.
const MaxKeyOverlap = 30 * 24 * time.Hour

func (s *Keys) change(ctx context.Context, id KeyID, apply rule[Key]) (Key, error) {
	if err := CallerFrom(ctx).mayAdminister(); err != nil {
		return Key{}, err
	}
	return s.changes.make(ctx, string(id), nil, apply)
}

// Used records that a key was used, once a minute at most. That makes no version: it is no change that anybody asked
// for. It needs no caller: it is for whoever checks credentials.
func (s *Keys) Used(ctx context.Context, k Key) error {
	now := s.now()
	if k.LastUsedAt != nil && now.Sub(*k.LastUsedAt) < usedEvery {
		return nil
	}
	next := k
	next.LastUsedAt = &now
	err := s.store.ReplaceKey(ctx, k, next)
	if errors.Is(err, ErrStale) || errors.Is(err, ErrKeyNotFound) {
		return nil // another process has recorded it, or it is gone
	}
	return err
}

// AnyHolds reports whether a key of any project holds now. It needs no caller: it is for the start of the service.
func (s *Keys) AnyHolds(ctx context.Context) (bool, error) {
	now := s.now()
	var after KeyID
	for {
		found, err := s.store.ExportKeys(ctx, after, exportPage)
		if err != nil || slices.ContainsFunc(found, func(k Key) bool { return !k.Over(now) }) {
			return err == nil, err
		}
		if len(found) < exportPage {
			return false, nil
		}
		after = found[len(found)-1].ID
	}
}

// Purge removes the keys of all projects that have been over for 30 days. It is for background work.
func (s *Keys) Purge(ctx context.Context) error {
	now := s.now()
	var after KeyID
	for {
		found, err := s.store.ExportKeys(ctx, after, exportPage)
		if err != nil {
			return err
		}
		for _, k := range found {
			if end := k.ended(now); end == nil || now.Sub(*end) < keptAfterEnd {
				continue
			}
			if err := s.store.DeleteKey(ctx, k); err != nil && !errors.Is(err, ErrStale) {
				return err
			}
		}
		if len(found) < exportPage {
			return nil
		}
		after = found[len(found)-1].ID
	}
}
