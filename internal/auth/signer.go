package auth

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"game-session-manager/internal/game"
)

const (
	// askEvery is how often the stored keys are read at most because of a token with an unknown key.
	askEvery = 5 * time.Second
	// askTimeout bounds how long such a token waits.
	askTimeout = 2 * time.Second
)

// SignerDeps is what a Signer is handed.
type SignerDeps struct {
	// Store keeps the keys of all processes. Nil makes a key of the process's own, which is kept nowhere: for a service
	// without authentication and secret key.
	Store game.SigningKeyStore
	// Secret is the operator's, of [MinSecretKey] characters at least, and the same in every process on one database.
	// With a store and without it there are no tokens.
	Secret string
	// Issuer is the iss of what is signed.
	Issuer string
	Now    func() time.Time
	Log    *slog.Logger
}

// Signer holds the keys that sign players' tokens and join tickets, and makes new ones in time. It may be used by many
// goroutines at once.
type Signer struct {
	SignerDeps
	by      cipher.AEAD                 // nil if nothing is sealed
	signing atomic.Pointer[signingKeys] // nil until keys were read

	turn   chan struct{} // holds one token while nobody reads or makes keys; what follows is the holder's
	opened map[string]signingKey
	told   map[string]bool // what the log tells of a key once
	asked  time.Time
	failed bool // the last time that the stored keys were asked for
}

// NewSigner returns a Signer. One with a store has no keys until [Signer.Refresh].
func NewSigner(d SignerDeps) (*Signer, error) {
	s := &Signer{
		SignerDeps: d, turn: make(chan struct{}, 1), opened: make(map[string]signingKey), told: make(map[string]bool),
	}
	s.turn <- struct{}{}
	var err error
	switch {
	case d.Store == nil:
		return s, s.makeOwn()
	case d.Secret != "":
		s.by, err = newSeal(d.Secret)
	}
	return s, err
}

// makeOwn makes the key of a service without a store. It lives as long as the process.
func (s *Signer) makeOwn() error {
	k, err := newSigningKey(s.Now())
	if err != nil {
		return err
	}
	k.ExpiresAt = k.ExpiresAt.AddDate(1000, 0, 0)
	r, err := newSigningKeys([]signingKey{k}, s.Now())
	s.signing.Store(r)
	return err
}

// keys answers the present keys, ErrNoTokens, or ErrStoreUnavailable while they could not be read.
func (s *Signer) keys() (*signingKeys, error) {
	if s.Store != nil && s.by == nil {
		return nil, game.ErrNoTokens
	}
	r := s.signing.Load()
	if r == nil {
		return nil, game.ErrStoreUnavailable.Because(errors.New("the signing keys have not been read yet"))
	}
	return r, nil
}

// JWKS answers the public keys by which what is signed can be verified, those of the next days too. It answers
// ErrNoTokens and ErrStoreUnavailable.
func (s *Signer) JWKS() (game.JWKS, error) {
	r, err := s.keys()
	if err != nil {
		return game.JWKS{}, err
	}
	return r.jwks, nil
}

// Refresh reads the keys of all processes, makes one when it is time to, and removes those by which nothing can be
// verified any more. It is background work, for every ten seconds: that is how soon another process knows a key.
func (s *Signer) Refresh(ctx context.Context) error {
	if s.Store == nil || s.by == nil {
		return nil
	}
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	keys, err := s.read(ctx)
	if err != nil {
		return err
	}
	return s.tend(ctx, keys)
}

func (s *Signer) takeTurn(ctx context.Context) error {
	select {
	case <-s.turn:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Signer) endTurn() { s.turn <- struct{}{} }

// read takes over the stored keys.
func (s *Signer) read(ctx context.Context) ([]signingKey, error) {
	s.asked = s.Now()
	stored, err := s.Store.SigningKeys(ctx)
	s.failed = err != nil
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	keys := make([]signingKey, 0, len(stored)+1)
	opened := make(map[string]signingKey, len(stored)+1)
	for _, k := range stored {
		if o, ok := s.open(ctx, k); ok {
			keys = append(keys, o)
			opened[k.ID] = o
		}
	}
	s.opened = opened
	return keys, s.use(keys)
}

// use makes the keys those that sign and verify.
func (s *Signer) use(keys []signingKey) error {
	r, err := newSigningKeys(keys, s.Now())
	if err != nil {
		return err
	}
	s.signing.Store(r)
	return nil
}

// open reads a stored key, and reports whether it can be published.
func (s *Signer) open(ctx context.Context, k game.SigningKey) (signingKey, bool) {
	if known, ok := s.opened[k.ID]; ok && known.SigningKey == k {
		return known, true
	}
	public, err := readPublic(k)
	if err != nil {
		s.tell(ctx, k, "a signing key cannot be used", err)
		return signingKey{}, false
	}
	private, err := unseal(s.by, k, public)
	if err != nil {
		s.tell(ctx, k, "a signing key can verify but not sign. After a change of GSM_SECRET_KEY nothing needs to be "+
			"done; otherwise give all processes the same GSM_SECRET_KEY", err)
	}
	return signingKey{SigningKey: k, public: public, private: private}, true
}

// tell warns of a key once.
func (s *Signer) tell(ctx context.Context, k game.SigningKey, what string, err error) {
	if s.told[k.ID] {
		return
	}
	s.told[k.ID] = true
	s.Log.WarnContext(ctx, "signing key", "kid", k.ID, "problem", what, "error", err.Error(), "until", k.ExpiresAt)
}

// tend makes the next key and removes old ones. Two processes that make one at once leave two, which does no harm.
func (s *Signer) tend(ctx context.Context, keys []signingKey) error {
	now := s.Now()
	var failures []error
	keep := keys[:0:0]
	for _, k := range keys {
		if !now.After(k.ExpiresAt) {
			keep = append(keep, k)
			continue
		}
		if err := s.Store.DeleteSigningKey(ctx, k.ID); err != nil {
			failures = append(failures, err)
			continue
		}
		delete(s.told, k.ID)
	}
	if wantsNew(keep, now) {
		k, err := s.create(ctx, len(keys), now)
		if err == nil {
			keep = append(keep, k)
		}
		failures = append(failures, err)
	}
	slices.SortFunc(keep, func(a, b signingKey) int { return strings.Compare(a.ID, b.ID) })
	return errors.Join(append(failures, s.use(keep))...)
}

func (s *Signer) create(ctx context.Context, there int, now time.Time) (signingKey, error) {
	if there >= game.MaxSigningKeys {
		return signingKey{}, fmt.Errorf("there are already %d signing keys: check that every process has the same "+
			"GSM_SECRET_KEY, also after a restart", there)
	}
	k, err := newSigningKey(now)
	if err != nil {
		return signingKey{}, err
	}
	k.Sealed = seal(s.by, k.ID, k.private)
	if err := s.Store.CreateSigningKey(ctx, k.SigningKey); err != nil {
		return signingKey{}, fmt.Errorf("storing a signing key: %w", err)
	}
	s.opened[k.ID] = k
	s.Log.InfoContext(ctx, "signing key made", "kid", k.ID, "until", k.ExpiresAt)
	return k, nil
}

// find answers the public key of a kid. One that is not known may be another process's, so that the stored keys are
// read again, once in a while. It answers nil if there is none, and the errors of [Signer.keys].
func (s *Signer) find(ctx context.Context, id string) ([]byte, error) {
	r, err := s.keys()
	if err != nil {
		return nil, err
	}
	if key, known := r.public[id]; known || s.Store == nil || !looksLikeKid(id) {
		return key, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := s.takeTurn(ctx); err != nil {
		return nil, game.ErrStoreUnavailable.Because(err)
	}
	defer s.endTurn()
	if s.Now().Sub(s.asked) >= askEvery {
		_, _ = s.read(ctx) // that it failed is remembered
	}
	if key, known := s.signing.Load().public[id]; known {
		return key, nil
	}
	if s.failed {
		return nil, game.ErrStoreUnavailable.Because(
			errors.New("a token has a key that is not known, and the stored ones could not be read"),
		)
	}
	return nil, nil
}

// Retire removes all signing keys, and answers how many. Every process refuses what they signed from its next
// [Signer.Refresh] on, and makes another key then. Others who verify go on with the keys that they have read before.
func Retire(ctx context.Context, store game.SigningKeyStore) (n int, err error) {
	keys, err := store.SigningKeys(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the signing keys: %w", err)
	}
	for _, k := range keys {
		if err := store.DeleteSigningKey(ctx, k.ID); err != nil {
			return n, fmt.Errorf("removing a signing key: %w", err)
		}
		n++
	}
	return n, nil
}
