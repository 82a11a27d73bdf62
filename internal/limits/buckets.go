package limits

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Rate limits how often something may happen: Burst times at once, and PerSecond times per second in the long run. The
// zero Rate is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limited reports whether there is a limit.
func (r Rate) Limited() bool { return r.PerSecond > 0 }

// window returns how long an empty bucket takes to fill, in whole seconds, at least 1.
func (r Rate) window() int { return max(1, int(math.Ceil(float64(r.Burst)/r.PerSecond))) }

// bucket is a token bucket. Each token permits one request.
type bucket struct {
	tokens float64
	at     time.Time // time of the last update of tokens
}

// fill adds the tokens since the last update. A clock that goes back adds none.
func (b *bucket) fill(r Rate, now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(float64(r.Burst), b.tokens+passed.Seconds()*r.PerSecond)
	}
	b.at = now
}

// take removes a token and reports whether there was one.
func (b *bucket) take() bool {
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// wait returns how long it takes until the bucket has that many tokens.
func (b *bucket) wait(r Rate, tokens float64) time.Duration {
	return time.Duration(max(0, tokens-b.tokens) / r.PerSecond * float64(time.Second))
}

// shards is the number of parts of buckets, each with its own lock.
const shards = 16

// buckets maps names to buckets. At its size limit it drops the least recently used bucket; that name starts with a
// full bucket when it returns.
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
			panic("limits: " + err.Error()) // only for a size below 1
		}
		all.parts[i].buckets = lru
	}
	return all
}

// with calls use with the bucket of a name, filled up to now. A bucket that is full afterwards is not stored.
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
