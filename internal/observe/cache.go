package observe

import (
	"maps"
	"sync"
	"sync/atomic"
)

// cache keeps what was made for each key, because finding a metric by its labels takes longer than counting in it. Keys
// are few, as labels are, and never dropped. Reading takes no lock.
type cache[K comparable, V any] struct {
	of  func(K) V
	all atomic.Pointer[map[K]V]
	mu  sync.Mutex // held while all is replaced
}

func newCache[K comparable, V any](of func(K) V) *cache[K, V] {
	c := &cache[K, V]{of: of}
	c.all.Store(new(map[K]V))
	return c
}

func (c *cache[K, V]) get(key K) V {
	if v, ok := (*c.all.Load())[key]; ok {
		return v
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := *c.all.Load()
	if v, ok := old[key]; ok {
		return v
	}
	v, next := c.of(key), make(map[K]V, len(old)+1)
	maps.Copy(next, old)
	next[key] = v
	c.all.Store(&next)
	return v
}
