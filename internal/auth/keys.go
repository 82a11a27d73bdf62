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
	// keyAge is how long a key is cached, from the start of its read. A key that a response shows as revoked or rotated
	// is so in every process within a second, half of which is left for requests that were already accepted.
	keyAge = time.Second / 2
	// keyRead bounds the read of a key, which concurrent callers share and none of them can cancel.
	keyRead = 5 * time.Second
	// keysCached is the maximum number of cached keys, at about 300 bytes each.
	keysCached = 10_000
	// wrongAge is how long a wrong key is cached. A wrong key stays wrong, since an id has one secret and a revoked or
	// expired key stays so, unless a backup is restored.
	wrongAge = time.Minute
	// wrongCached is the maximum number of cached wrong keys, at about 150 bytes each.
	wrongCached = 10_000
)

// Keys authenticates API keys. It caches keys for half a second, so that most requests need no read, and wrong keys for
// a minute, so that sending one again and again costs no reads.
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
	guess bool // the secret is not that of the id
	at    time.Time
}

// NewKeys returns the keys of a store, and the static ones of the configuration.
func NewKeys(store game.KeyStore, rules *game.Keys, static []game.Key, now func() time.Time) *Keys {
	cache, err := lru.New[game.KeyID, cachedKey](keysCached)
	wrong, err2 := lru.New[[sha256.Size]byte, wrongKey](wrongCached)
	if err := errors.Join(err, err2); err != nil {
		panic(err) // only if a size is not positive
	}
	return &Keys{
		store: store, rules: rules, static: static, now: now, cache: cache, wrong: wrong,
		used: make(map[game.KeyID]game.Key),
	}
}

// Known returns the caller of a key by what is in memory. right reports whether the key is right, and fresh whether
// that is recent enough to accept it. It takes as long for a wrong secret as for an unknown id.
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

// Wrong reports whether a key is cached as wrong, and whether it was a guess.
func (k *Keys) Wrong(s game.Secret) (wrong, guess bool) {
	w, ok := k.wrong.Get(sum(s))
	return ok && k.now().Sub(w.at) < wrongAge, w.guess
}

// Caller returns the caller of a key. It returns ErrWrong for a key that is unknown, revoked or expired, and
// [game.ErrStoreUnavailable]. Any wrong key costs one read, whether its id exists or not, so that the time does not
// reveal that. guess reports that the secret is not that of the id, or that there is no such id.
func (k *Keys) Caller(ctx context.Context, s game.Secret) (c game.Caller, guess bool, err error) {
	if c, _, fresh := k.Known(s); fresh {
		return c, false, nil
	}
	key, err := k.read(ctx, s.ID)
	if err != nil {
		return game.Caller{}, false, err
	}
	now := k.now()
	guess = !key.Fits(s) // takes as long for the zero key
	if guess || key.Inactive(now) {
		k.wrong.Add(sum(s), wrongKey{guess, now})
		return game.Caller{}, guess, ErrWrong
	}
	k.note(key)
	return key.Caller(), false, nil
}

// sum returns the hash under which a wrong key is cached.
func sum(s game.Secret) [sha256.Size]byte { return sha256.Sum256([]byte(s.Reveal())) }

// read returns the stored key, or the zero key if there is none. Concurrent calls for one key share a read.
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
		return key, r.Err //nolint:wrapcheck // a named error of the store
	case <-ctx.Done():
		return game.Key{}, game.ErrStoreUnavailable.Because(context.Cause(ctx))
	}
}

// note records that a stored key was used.
func (k *Keys) note(key game.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used[key.ID] = key
}

// Record stores when keys were last used, each at most once a minute. It is called by a background task. It drops what
// it cannot store, because the next use of the key records it again.
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
