package limits

import (
	"cmp"
	"context"
	"net/netip"
	"sync"
	"time"
)

// SpareLookups is the number of lookups per second that are shared by all rate limited addresses and key ids.
const SpareLookups = 20

const (
	maxAddresses = 100_000
	maxKeys      = 100_000
)

// lookupsAtOnce is how many unknown keys are looked up concurrently. So many guesses may exceed the limit. Further
// keys wait: a cluster whose servers start together sends many.
const lookupsAtOnce = 8

// AddressRate returns the rate of wrong keys from one address: a burst of failures, restored within a minute. There is
// no limit for 0.
func AddressRate(failures int) Rate { return Rate{float64(failures) / 60, failures} }

// KeyRate returns the rate of wrong secrets for one key id, from all addresses: a burst of twice the failures,
// restored within ten minutes.
func KeyRate(failures int) Rate { return Rate{float64(2*failures) / 600, 2 * failures} }

// Failures limits the database lookups that guesses at API keys cause. It counts only guesses, so that everyday
// mistakes lock nobody out:
//
//   - A token's signature cannot be guessed, and is verified without a lookup.
//   - A key that is known to be valid is accepted, or looked up again, regardless of the limits.
//   - A key with the right secret that has expired or been revoked is not a guess.
//   - A key that is known to be wrong is not looked up. It counts only for its key id ([Failures.Again]), so it
//     limits only callers that send wrong secrets for that id.
//
// An unknown key from a rate limited address, or with a rate limited id, is looked up while there are spare lookups.
// Only a flood of guesses uses up all of these. The key is then rejected with a Retry-After.
//
// A Failures is safe for concurrent use.
type Failures struct {
	now          func() time.Time
	address, key class
	addresses    *buckets[netip.Prefix]
	keys         *buckets[string] // by key id
	lookups      chan struct{}    // semaphore of concurrent lookups
	mu           sync.Mutex
	spare        bucket
}

// NewFailures returns a Failures that allows a burst of that many wrong keys from one address. It returns nil, which
// limits nothing, for 0.
func NewFailures(most int, now func() time.Time) *Failures {
	if most == 0 {
		return nil
	}
	return &Failures{
		now: now, address: newClass(FailedCredentials, AddressRate(most)), key: newClass(FailedKey, KeyRate(most)),
		addresses: newBuckets[netip.Prefix](maxAddresses), keys: newBuckets[string](maxKeys),
		lookups: make(chan struct{}, lookupsAtOnce), spare: bucket{SpareLookups, now()},
	}
}

// RefusedError is a Decision that rejects a guess at a credential or at another secret.
type RefusedError struct{ Decision }

func (e *RefusedError) Error() string { return "too many guesses were wrong: " + string(e.class) }

// Lookup is the lookup of an unknown key. The caller must call End.
type Lookup struct {
	failures *Failures
	from     netip.Addr
	keyID    string
	over     error // non-nil if the limits are used up and the lookup is a spare one
}

// Admit waits until an unknown key may be looked up. The limits are those of the caller's address and of the key id.
// It returns a *RefusedError if they are used up, or the cause of the context's end.
func (f *Failures) Admit(ctx context.Context, from netip.Addr, keyID string) (Lookup, error) {
	if f == nil {
		return Lookup{}, nil
	}
	select {
	case f.lookups <- struct{}{}:
	case <-ctx.Done():
		return Lookup{}, context.Cause(ctx)
	}
	now := f.now()
	over := f.checkBoth(from, keyID, now, func(b *bucket) bool { return b.tokens >= 1 })
	if over != nil && !f.takeSpare(now) {
		<-f.lookups
		return Lookup{}, over
	}
	return Lookup{f, from, keyID, over}, nil
}

// End ends the lookup and counts it if it was a guess. It returns a *RefusedError for a guess beyond the limits, and
// otherwise nil.
func (l Lookup) End(guess bool) error {
	if l.failures == nil {
		return nil
	}
	defer func() { <-l.failures.lookups }()
	if !guess {
		return nil
	}
	_ = l.failures.checkBoth(l.from, l.keyID, l.failures.now(), (*bucket).take)
	return l.over
}

// Again counts a key that is known to be wrong. It returns a *RefusedError if the rate of wrong secrets for its id is
// used up.
func (f *Failures) Again(keyID string) error {
	if f == nil {
		return nil
	}
	return checkBucket(f.keys, keyID, f.key, f.now(), (*bucket).take)
}

// checkBoth checks the bucket of the address and then that of the key id.
func (f *Failures) checkBoth(from netip.Addr, keyID string, now time.Time, may func(*bucket) bool) error {
	byAddress := checkBucket(f.addresses, network(from), f.address, now, may)
	byID := checkBucket(f.keys, keyID, f.key, now, may)
	return cmp.Or(byAddress, byID)
}

// checkBucket returns a *RefusedError unless may accepts the bucket of a name.
func checkBucket[K comparable](t *buckets[K], name K, of class, now time.Time, may func(*bucket) bool) (err error) {
	t.with(name, of.rate, now, func(b *bucket) {
		if !may(b) {
			wait := b.wait(of.rate, 1)
			err = &RefusedError{Decision{
				Limit: of.rate.Burst, Reset: wait, RetryAfter: wait, class: of.name, policy: of.policy,
			}}
		}
	})
	return err
}

func (f *Failures) takeSpare(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spare.fill(Rate{SpareLookups, SpareLookups}, now)
	return f.spare.take()
}

// network returns the range that counts as one address: for IPv6 a /64, which one customer of a provider has alone.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // invalid addresses share one bucket
	}
	return p
}
