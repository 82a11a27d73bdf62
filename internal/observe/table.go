package observe

import (
	"maps"
	"sync"
	"sync/atomic"
)

// table remembers what was made for each key: to find a metric by its labels takes longer than to count in it. Keys are few, as labels
// are, and stay. Reading takes no lock.
type table[K comparable, V any] struct {
	of  func(K) V
	all atomic.Pointer[map[K]V]
	mu  sync.Mutex // held while all is replaced
}

func newTable[K comparable, V any](of func(K) V) *table[K, V] {
	t := &table[K, V]{of: of}
	t.all.Store(new(map[K]V))
	return t
}

func (t *table[K, V]) get(key K) V {
	if v, ok := (*t.all.Load())[key]; ok {
		return v
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.all.Load()
	if v, ok := old[key]; ok {
		return v
	}
	v, next := t.of(key), make(map[K]V, len(old)+1)
	maps.Copy(next, old)
	next[key] = v
	t.all.Store(&next)
	return v
}
