package limits

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// SpareLookups are credentials in a second, of all limited addresses and locked keys together, that are looked up all the
// same.
const SpareLookups = 20

const (
	maxAddresses = 100_000
	maxKeys      = 100_000
)

// AddressRate is how often credentials from one address may be wrong, where as many are allowed at once: they are forgiven
// within a minute. Of 0 there is no limit.
func AddressRate(failures int) Rate { return Rate{float64(failures) / 60, failures} }

// KeyRate is how often secrets for one key may be wrong, from wherever: twice as many, forgiven within ten minutes.
func KeyRate(failures int) Rate { return Rate{float64(2*failures) / 600, 2 * failures} }

// Failures bounds what failed credentials cost: a key that is not known in memory has to be looked up in the database. Whoever
// checks credentials asks in this order, so that nobody can lock a customer out by failing on purpose:
//
//  1. A credential that is good, or was when it was last looked up, passes whatever Failures says.
//  2. Of any other that has to be looked up, Admit says whether it may be.
//  3. Note is told of each that turns out wrong, and says whether to tell its sender to wait.
//
// A good key that was never seen, from a limited address or with a locked id, is looked up as long as there are spare lookups:
// only a flood of wrong ones takes all of these, and then it is refused with a time to come back.
//
// It may be used by many goroutines.
type Failures struct {
	now          func() time.Time
	address, key class
	addresses    *table[netip.Prefix]
	seed         maphash.Seed
	keys         *table[uint64] // by a hash of the id, which may be as long as a header
	mu           sync.Mutex
	spare        bucket
}

// NewFailures returns a Failures that has seen none and lets so many be at once from one address; nil, which lets every
// credential be looked up, for 0.
func NewFailures(most int, now func() time.Time) *Failures {
	if most == 0 {
		return nil
	}
	return &Failures{
		now: now, address: newClass(FailedCredentials, AddressRate(most)), key: newClass(FailedKey, KeyRate(most)),
		addresses: newTable[netip.Prefix](maxAddresses), seed: maphash.MakeSeed(), keys: newTable[uint64](maxKeys),
		spare: bucket{SpareLookups, now()},
	}
}

// RefusedError is a Decision against a credential.
type RefusedError struct{ Decision }

func (e *RefusedError) Error() string { return "too many credentials were wrong: " + string(e.class) }

// Admit tells whether a credential from an address may be looked up. The id is that of the key that it names; empty for one
// that names none. It answers a *RefusedError for one that may not.
func (f *Failures) Admit(from netip.Addr, keyID string) error {
	if f == nil {
		return nil
	}
	now := f.now()
	err := f.each(from, keyID, now, func(b *bucket) bool { return b.tokens >= 1 })
	if err == nil || f.takeSpare(now) {
		return nil
	}
	return err
}

// Note counts a credential that was wrong. It answers a *RefusedError where there were too many before it.
func (f *Failures) Note(from netip.Addr, keyID string) error {
	if f == nil {
		return nil
	}
	return f.each(from, keyID, f.now(), (*bucket).take)
}

// each answers what the buckets of a credential say of it: that of its address before that of its key.
func (f *Failures) each(from netip.Addr, keyID string, now time.Time, may func(*bucket) bool) (err error) {
	ask := func(of class) func(*bucket) {
		return func(b *bucket) {
			if !may(b) && err == nil {
				wait := b.wait(of.rate, 1)
				err = &RefusedError{Decision{Limit: of.rate.Burst, Reset: wait, RetryAfter: wait, class: of.name, policy: of.policy}}
			}
		}
	}
	f.addresses.with(network(from), f.address.rate, now, ask(f.address))
	if keyID != "" {
		f.keys.with(maphash.String(f.seed, keyID), f.key.rate, now, ask(f.key))
	}
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
