package limits

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Rate is how often something may happen: as often as Burst at once, and PerSecond in the long run. The zero Rate is no
// limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limited reports whether there is a limit.
func (r Rate) Limited() bool { return r.PerSecond > 0 }

// window is how long an empty bucket takes to fill, in whole seconds, at least one.
func (r Rate) window() int { return max(1, int(math.Ceil(float64(r.Burst)/r.PerSecond))) }

// bucket holds tokens, one for each time that something may happen now.
type bucket struct {
	tokens float64
	at     time.Time // of tokens
}

// fill adds what has come since. A clock that went back adds nothing.
func (b *bucket) fill(r Rate, now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(float64(r.Burst), b.tokens+passed.Seconds()*r.PerSecond)
	}
	b.at = now
}

// take takes a token if there is one.
func (b *bucket) take() bool {
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// wait is how long it takes until there are as many tokens.
func (b *bucket) wait(r Rate, tokens float64) time.Duration {
	return time.Duration(max(0, tokens-b.tokens) / r.PerSecond * float64(time.Second))
}

// shards is the number of parts of buckets, each of which has its own lock.
const shards = 16

// buckets holds the buckets of many names. When there are too many it drops the one that has not been used for longest;
// that bucket is full again when the name comes back.
type buckets[K comparable] struct {
	seed  maphash.Seed
	parts [shards]part[K]
}

type part[K comparable] struct {
	mu      sync.Mutex
	buckets *simplelru.LRU[K, bucket]
}

func newBuckets[K comparable](most int) *buckets[K] {
	all := &buckets[K]{seed: maphash.MakeSeed()}
	for i := range all.parts {
		lru, err := simplelru.NewLRU[K, bucket](max(1, most/shards), nil)
		if err != nil {
			panic("limits: " + err.Error()) // of a size that is not positive
		}
		all.parts[i].buckets = lru
	}
	return all
}

// with lets use see and change the bucket of a name, filled up to now. One that is full then is not kept.
func (all *buckets[K]) with(name K, r Rate, now time.Time, use func(*bucket)) {
	p := &all.parts[maphash.Comparable(all.seed, name)%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.buckets.Get(name)
	if !ok {
		b = bucket{float64(r.Burst), now}
	}
	b.fill(r, now)
	use(&b)
	b.tokens = min(b.tokens, float64(r.Burst))
	if b.tokens >= float64(r.Burst) {
		p.buckets.Remove(name)
		return
	}
	p.buckets.Add(name, b)
}

// size is how many names are kept.
func (all *buckets[K]) size() (n int) {
	for i := range all.parts {
		all.parts[i].mu.Lock()
		n += all.parts[i].buckets.Len()
		all.parts[i].mu.Unlock()
	}
	return n
}
