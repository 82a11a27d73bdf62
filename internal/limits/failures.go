package limits

import (
	"cmp"
	"context"
	"net/netip"
	"sync"
	"time"
)

// SpareLookups are keys in a second, of all limited addresses and ids together, that are looked up all the same.
const SpareLookups = 20

const (
	maxAddresses = 100_000
	maxKeys      = 100_000
)

// lookupsAtOnce is how many keys are looked up at the same time, of those that nothing is known of. So many guesses
// may be looked up beyond what is allowed. More keys wait for their turn: a cluster whose servers start together sends
// many.
const lookupsAtOnce = 8

// AddressRate is how often keys from one address may be guessed at, where as many are allowed at once: they are
// forgiven within a minute. Of 0 there is no limit.
func AddressRate(failures int) Rate { return Rate{float64(failures) / 60, failures} }

// KeyRate is how often the secret of one key may be wrong, from wherever: twice as many, forgiven within ten minutes.
func KeyRate(failures int) Rate { return Rate{float64(2*failures) / 600, 2 * failures} }

// Failures bounds what guesses at API keys cost: a key that nothing is known of has to be looked up in the database.
// Nothing else counts as a guess, so that what goes wrong every day locks nobody out:
//
//   - A token's signature cannot be guessed, and is verified without a lookup of it.
//   - A key that is known to be right passes, or is looked up again, whatever Failures says.
//   - A key whose secret is right and that has ended is no guess.
//   - A key that is known to be wrong is not looked up. It counts for its id alone ([Failures.Again]), and so limits
//     nobody but those who send wrong secrets for that id.
//
// A key that nothing is known of, from a limited address or with a limited id, is looked up as long as there are spare
// lookups: only a flood of guesses takes all of these, and then it is rejected with a time to come back.
//
// It may be used by many goroutines.
type Failures struct {
	now          func() time.Time
	address, key class
	addresses    *buckets[netip.Prefix]
	keys         *buckets[string] // by id
	turns        chan struct{}    // one for each lookup under way
	mu           sync.Mutex
	spare        bucket
}

// NewFailures returns a Failures that has seen none and allows so many at once from one address; nil, which lets every
// key be looked up, for 0.
func NewFailures(most int, now func() time.Time) *Failures {
	if most == 0 {
		return nil
	}
	return &Failures{
		now: now, address: newClass(FailedCredentials, AddressRate(most)), key: newClass(FailedKey, KeyRate(most)),
		addresses: newBuckets[netip.Prefix](maxAddresses), keys: newBuckets[string](maxKeys),
		turns: make(chan struct{}, lookupsAtOnce), spare: bucket{SpareLookups, now()},
	}
}

// RefusedError is a Decision against a credential.
type RefusedError struct{ Decision }

func (e *RefusedError) Error() string { return "too many API keys were wrong: " + string(e.class) }

// Lookup is one of a key that nothing is known of. It must be ended.
type Lookup struct {
	failures *Failures
	from     netip.Addr
	keyID    string
	over     error // of one that only a spare lookup let in
}

// Admit waits until a key may be looked up, by the address that sent it and the id that it names. It returns a
// *RefusedError for one that may not, and the cause of the context's end.
func (f *Failures) Admit(ctx context.Context, from netip.Addr, keyID string) (Lookup, error) {
	if f == nil {
		return Lookup{}, nil
	}
	select {
	case f.turns <- struct{}{}:
	case <-ctx.Done():
		return Lookup{}, context.Cause(ctx)
	}
	now := f.now()
	over := f.each(from, keyID, now, func(b *bucket) bool { return b.tokens >= 1 })
	if over != nil && !f.takeSpare(now) {
		<-f.turns
		return Lookup{}, over
	}
	return Lookup{f, from, keyID, over}, nil
}

// End ends the lookup, which found a guess or not. It returns what whoever guesses is told: a *RefusedError where there
// were too many guesses before, or nil.
func (l Lookup) End(guess bool) error {
	if l.failures == nil {
		return nil
	}
	defer func() { <-l.failures.turns }()
	if !guess {
		return nil
	}
	_ = l.failures.each(l.from, l.keyID, l.failures.now(), (*bucket).take)
	return l.over
}

// Again counts a key that is known to be a wrong one. It returns a *RefusedError where the secret of its id was wrong
// too often.
func (f *Failures) Again(keyID string) error {
	if f == nil {
		return nil
	}
	return ask(f.keys, keyID, f.key, f.now(), (*bucket).take)
}

// each returns what the buckets of a key say of it: that of its address before that of its id.
func (f *Failures) each(from netip.Addr, keyID string, now time.Time, may func(*bucket) bool) error {
	byAddress := ask(f.addresses, network(from), f.address, now, may)
	byID := ask(f.keys, keyID, f.key, now, may)
	return cmp.Or(byAddress, byID)
}

// ask returns a *RefusedError unless the bucket of a name says that it may.
func ask[K comparable](t *buckets[K], name K, of class, now time.Time, may func(*bucket) bool) (err error) {
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

// network is what counts as one address: of IPv6 the /64 that a customer of a provider has to itself.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // of no address at all: all such are one
	}
	return p
}
