package observe

import "sync"

// cache keeps the value made for each key, because looking up a metric by its labels takes longer than incrementing
// it. Entries are never dropped: there are as few keys as label values.
type cache[K comparable, V any] struct {
	of  func(K) V
	all sync.Map
}

func newCache[K comparable, V any](of func(K) V) *cache[K, V] { return &cache[K, V]{of: of} }

func (c *cache[K, V]) get(key K) V {
	v, ok := c.all.Load(key)
	if !ok {
		v, _ = c.all.LoadOrStore(key, c.of(key))
	}
	return v.(V)
}
