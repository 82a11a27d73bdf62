package limits

import (
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
//  2. Of any other key, Admit says whether it may be looked up; one that turns out right is forgiven. Of a token that is signed as it
//     should be and has to be looked up, Check says so.
//  3. Note is told of each other that turns out wrong, and says whether to tell its sender to wait.
//
// A good key that was never seen, from a limited address or with a locked id, is looked up as long as there are spare lookups:
// only a flood of wrong ones takes all of these, and then it is refused with a time to come back.
//
// It may be used by many goroutines.
type Failures struct {
	now          func() time.Time
	address, key class
	addresses    *table[netip.Prefix]
	keys         *table[string] // by id
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
		addresses: newTable[netip.Prefix](maxAddresses), keys: newTable[string](maxKeys),
		spare: bucket{SpareLookups, now()},
	}
}

// RefusedError is a Decision against a credential.
type RefusedError struct{ Decision }

func (e *RefusedError) Error() string { return "too many credentials were wrong: " + string(e.class) }

// Admission is a credential that may be looked up. It counts as wrong until it is forgiven, so that many at once are no more
// than may be wrong.
type Admission struct {
	failures *Failures
	from     netip.Addr
	keyID    string
	refusal  error // of one that only a spare lookup let in
}

// Admit tells whether a credential from an address may be looked up, and counts it as wrong. The id is that of the key that it
// names. It answers a *RefusedError for one that may not.
func (f *Failures) Admit(from netip.Addr, keyID string) (Admission, error) {
	if f == nil {
		return Admission{}, nil
	}
	a := Admission{f, from, keyID, nil}
	now := f.now()
	a.refusal = f.each(from, keyID, now, (*bucket).take)
	if a.refusal == nil || f.takeSpare(now) {
		return a, nil
	}
	return Admission{}, a.refusal
}

// Refusal is what the sender of a wrong credential is told: a *RefusedError where there were too many before it, or nil.
func (a Admission) Refusal() error { return a.refusal }

// Forgive takes back that the credential was counted as wrong.
func (a Admission) Forgive() {
	if a.failures == nil || a.refusal != nil { // a spare lookup is none of the address's
		return
	}
	f := a.failures
	_ = f.each(a.from, a.keyID, f.now(), func(b *bucket) bool {
		b.tokens++
		return true
	})
}

// Check tells whether a token that is signed as it should be may be looked up. It counts nothing: many players may come at once from
// one address. It answers a *RefusedError for one that may not.
func (f *Failures) Check(from netip.Addr) error {
	if f == nil {
		return nil
	}
	now := f.now()
	err := f.each(from, "", now, func(b *bucket) bool { return b.tokens >= 1 })
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
		f.keys.with(keyID, f.key.rate, now, ask(f.key))
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
