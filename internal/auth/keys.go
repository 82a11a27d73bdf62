package auth

import (
	"context"
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
)

// Keys tells whose an API key is. It remembers keys that were right for a few seconds, so that a request needs no read.
type Keys struct {
	store  game.KeyStore
	rules  *game.Keys
	static []game.Key
	now    func() time.Time
	cache  *lru.Cache[game.KeyID, cachedKey]
	reads  singleflight.Group

	mu   sync.Mutex
	used map[game.KeyID]game.Key // since the last Record
}

type cachedKey struct {
	key game.Key
	at  time.Time // when its read began
}

// NewKeys returns the keys of a store, and those of the configuration.
func NewKeys(store game.KeyStore, rules *game.Keys, static []game.Key, now func() time.Time) *Keys {
	cache, err := lru.New[game.KeyID, cachedKey](keysCached)
	if err != nil {
		panic(err) // of a size that is not positive
	}
	return &Keys{store: store, rules: rules, static: static, now: now, cache: cache, used: make(map[game.KeyID]game.Key)}
}

// Known returns the caller whose key is right by what is in memory, and reports whether it is, and whether that is fresh
// enough to count. It reads nothing, and does for a wrong secret of a key that is there what it does for one that is not.
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

// Caller returns who has the key. It answers ErrWrong for one that nobody has, that is revoked or has expired, and
// [game.ErrStoreUnavailable]. A key that is wrong costs one read, whether its id is that of a key or not, so that its time
// does not tell.
func (k *Keys) Caller(ctx context.Context, s game.Secret) (game.Caller, error) {
	if c, _, fresh := k.Known(s); fresh {
		return c, nil
	}
	key, err := k.read(ctx, s.ID)
	if err != nil {
		return game.Caller{}, err
	}
	if !key.Opens(s, k.now()) { // the zero key too, at the same cost
		return game.Caller{}, ErrWrong
	}
	k.note(key)
	return key.Caller(), nil
}

// read returns the key as it is stored, the zero key where there is none. Many who ask at once share one read.
func (k *Keys) read(ctx context.Context, id game.KeyID) (game.Key, error) {
	result := k.reads.DoChan(string(id), func() (any, error) {
		begin := k.now()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyRead)
		defer cancel()
		key, err := k.store.Key(ctx, id)
		switch {
		case err == nil && !key.Over(begin):
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
