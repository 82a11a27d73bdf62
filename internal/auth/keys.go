package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"game-session-manager/internal/game"
)

const (
	// keyAge is how old a key in memory may be, with the read that brought it: a key that is shown as revoked or
	// rotated is so in every process within a second, of which the rest is for the requests that were let in before.
	keyAge = time.Second / 2
	// keyRead bounds the read of a key, which is made for all who wait for it and so ends with none of them.
	keyRead = 5 * time.Second
	// keysCached is how many keys are held in memory, some 300 bytes each.
	keysCached = 10_000
	// wrongAge is how long a key that is wrong is known to be. Nothing makes it right: an id has one secret, and a key
	// that has ended does not come back, but by a backup that is restored.
	wrongAge = time.Minute
	// wrongCached is how many keys are known to be wrong, some 150 bytes each.
	wrongCached = 10_000
)

// Keys tells whose an API key is. It remembers keys that were right for a moment, so that most requests need no read,
// and those that were wrong for a minute, so that whoever goes on to send one costs none.
type Keys struct {
	store  game.KeyStore
	rules  *game.Keys
	static []game.Key
	now    func() time.Time
	cache  *lru.Cache[game.KeyID, cachedKey]
	wrong  *lru.Cache[[sha256.Size]byte, wrongKey]
	reads  singleflight.Group

	mu   sync.Mutex
	used map[game.KeyID]game.Key // since the last Record
}

type cachedKey struct {
	key game.Key
	at  time.Time // when its read began
}

type wrongKey struct {
	guess bool // its secret is not the one of its id
	at    time.Time
}

// NewKeys returns the keys of a store, and those of the configuration.
func NewKeys(store game.KeyStore, rules *game.Keys, static []game.Key, now func() time.Time) *Keys {
	cache, err := lru.New[game.KeyID, cachedKey](keysCached)
	wrong, err2 := lru.New[[sha256.Size]byte, wrongKey](wrongCached)
	if err := errors.Join(err, err2); err != nil {
		panic(err) // of a size that is not positive
	}
	return &Keys{
		store: store, rules: rules, static: static, now: now, cache: cache, wrong: wrong,
		used: make(map[game.KeyID]game.Key),
	}
}

// Known returns the caller whose key is right by what is in memory, and reports whether it is, and whether that is
// fresh enough to count. It reads nothing, and does for a wrong secret of a key that is there what it does for one that
// is not.
func (k *Keys) Known(s game.Secret) (c game.Caller, right, fresh bool) {
	now := k.now()
	for i := range k.static {
		if k.static[i].Opens(s, now) {
			return k.static[i].Caller(), true, true
		}
	}
	cached, _ := k.cache.Get(s.ID) // or the zero key
	if !cached.key.Opens(s, now) {
		return game.Caller{}, false, false
	}
	if now.Sub(cached.at) >= keyAge {
		return game.Caller{}, true, false
	}
	k.note(cached.key)
	return cached.key.Caller(), true, true
}

// Wrong reports whether a key is known to be wrong by what is in memory, and whether it is a guess.
func (k *Keys) Wrong(s game.Secret) (wrong, guess bool) {
	w, ok := k.wrong.Get(sum(s))
	return ok && k.now().Sub(w.at) < wrongAge, w.guess
}

// Caller returns who has the key. It returns ErrWrong for one that nobody has, that is revoked or has expired, and
// [game.ErrStoreUnavailable]. A key that is wrong costs one read, whether its id is that of a key or not, so that its
// time does not tell; guess reports that its secret is not the one of its id, which none is if there is no such key.
func (k *Keys) Caller(ctx context.Context, s game.Secret) (c game.Caller, guess bool, err error) {
	if c, _, fresh := k.Known(s); fresh {
		return c, false, nil
	}
	key, err := k.read(ctx, s.ID)
	if err != nil {
		return game.Caller{}, false, err
	}
	now := k.now()
	guess = !key.Fits(s) // of the zero key too, at the same cost
	if guess || key.Inactive(now) {
		k.wrong.Add(sum(s), wrongKey{guess, now})
		return game.Caller{}, guess, ErrWrong
	}
	k.note(key)
	return key.Caller(), false, nil
}

// sum is what is kept of a key that is wrong.
func sum(s game.Secret) [sha256.Size]byte { return sha256.Sum256([]byte(s.Reveal())) }

// read returns the key as it is stored, the zero key where there is none. Many who ask at once share one read.
func (k *Keys) read(ctx context.Context, id game.KeyID) (game.Key, error) {
	result := k.reads.DoChan(string(id), func() (any, error) {
		begin := k.now()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyRead)
		defer cancel()
		key, err := k.store.Key(ctx, id)
		switch {
		case err == nil && !key.Inactive(begin):
			k.cache.Add(id, cachedKey{key, begin})
		case err == nil || errors.Is(err, game.ErrKeyNotFound):
			k.cache.Remove(id)
			return key, nil
		}
		return key, err
	})
	select {
	case r := <-result:
		key, _ := r.Val.(game.Key)
		return key, r.Err //nolint:wrapcheck // the store's own
	case <-ctx.Done():
		return game.Key{}, game.ErrStoreUnavailable.Because(context.Cause(ctx))
	}
}

// note remembers that a key of the store was used.
func (k *Keys) note(key game.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used[key.ID] = key
}

// Record stores when keys were used, each once a minute at most. It is for background work; what it could not store it
// forgets, because the next use brings it again.
func (k *Keys) Record(ctx context.Context) error {
	k.mu.Lock()
	used := k.used
	k.used = make(map[game.KeyID]game.Key)
	k.mu.Unlock()
	var failures []error
	for _, key := range used {
		failures = append(failures, k.rules.Used(ctx, key))
	}
	return errors.Join(failures...)
}
