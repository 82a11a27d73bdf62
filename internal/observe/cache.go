package observe

import (
	"maps"
	"sync"
	"sync/atomic"
)

// cache keeps the value made for each key, because looking up a metric by its labels takes longer than incrementing
// it. Entries are never dropped: there are as few keys as label values. Reads take no lock.
type cache[K comparable, V any] struct {
	of  func(K) V
	all atomic.Pointer[map[K]V]
	mu  sync.Mutex // held while the map is replaced
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
