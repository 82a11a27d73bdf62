package limits

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// What failed credentials cost. A token is a failure; the rates are how fast they are forgiven.
const (
	// AddressFailures are those of one address at once, forgiven within a minute.
	AddressFailures = 10
	// KeyFailures are wrong secrets for one key, from wherever, forgiven within ten minutes.
	KeyFailures = 20
	// SpareLookups are credentials in a second, of all limited addresses and locked keys together, that are looked up all
	// the same.
	SpareLookups = 20

	maxAddresses = 100_000
	maxKeys      = 100_000
)

// AddressRate is how often credentials from one address may be wrong.
func AddressRate() Rate { return Rate{float64(AddressFailures) / 60, AddressFailures} }

func keyRate() Rate   { return Rate{float64(KeyFailures) / 600, KeyFailures} }
func spareRate() Rate { return Rate{SpareLookups, SpareLookups} }

// Failures bounds what failed credentials cost: each that is not known here has to be looked up in the database. Whoever
// checks credentials asks in this order, so that nobody can lock a customer out by failing on purpose:
//
//  1. A credential that is known to be good without a lookup passes, whatever Failures says.
//  2. Of any other, Admit says whether it may be looked up.
//  3. Note is told of each that turns out wrong.
//
// A good credential that is not known yet, from a limited address or of a locked key, is looked up as long as there are
// spare lookups: only a flood of wrong ones takes all of these, and then it is refused with a time to come back, once.
//
// It may be used by many goroutines.
type Failures struct {
	now       func() time.Time
	addresses *table[netip.Prefix]
	seed      maphash.Seed
	keys      *table[uint64] // by a hash of the id, which may be as long as a header
	mu        sync.Mutex
	spare     bucket
}

// NewFailures returns a Failures that has seen none.
func NewFailures(now func() time.Time) *Failures {
	return &Failures{
		now: now, addresses: newTable[netip.Prefix](maxAddresses), seed: maphash.MakeSeed(), keys: newTable[uint64](maxKeys),
		spare: bucket{SpareLookups, now()},
	}
}

// Why a request is refused, for metrics.
const (
	ReasonRate        = "rate"        // its caller asks too often
	ReasonCredentials = "credentials" // its address sent too many wrong credentials
	ReasonLockout     = "lockout"     // its key was tried with too many wrong secrets
)

// Refusal says why a credential is not looked up, and for how long.
type Refusal struct {
	Reason string // ReasonCredentials or ReasonLockout; empty for none
	Wait   time.Duration
}

// Admit tells whether a credential from an address may be looked up. The id is that of the key that it names; empty for one
// that names none.
func (f *Failures) Admit(from netip.Addr, keyID string) (refusal Refusal, ok bool) {
	now := f.now()
	look := func(reason string, r Rate) func(*bucket) {
		return func(b *bucket) {
			if b.tokens < 1 && refusal.Reason == "" {
				refusal = Refusal{reason, b.wait(r, 1)}
			}
		}
	}
	f.addresses.with(network(from), AddressRate(), now, look(ReasonCredentials, AddressRate()))
	if keyID != "" {
		f.keys.with(maphash.String(f.seed, keyID), keyRate(), now, look(ReasonLockout, keyRate()))
	}
	if refusal.Reason == "" || f.takeSpare(now) {
		return Refusal{}, true
	}
	return refusal, false
}

// Note counts a credential that was wrong.
func (f *Failures) Note(from netip.Addr, keyID string) {
	now := f.now()
	count := func(b *bucket) { b.take() }
	f.addresses.with(network(from), AddressRate(), now, count)
	if keyID != "" {
		f.keys.with(maphash.String(f.seed, keyID), keyRate(), now, count)
	}
}

func (f *Failures) takeSpare(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spare.fill(spareRate(), now)
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
