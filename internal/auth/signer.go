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

	"golang.org/x/sync/semaphore"

	"game-session-manager/internal/game"
)

const (
	// rereadEvery is the minimum time between two reads of the stored keys for tokens with an unknown key.
	rereadEvery = 5 * time.Second
	// rereadTimeout bounds how long such a token waits for the read.
	rereadTimeout = 2 * time.Second
)

// SignerDeps are the dependencies and settings of a Signer.
type SignerDeps struct {
	// Store keeps the keys of all processes. If it is nil, the process makes its own key and does not store it: for a
	// service without authentication and secret key.
	Store game.SigningKeyStore
	// Secret is the operator's secret key, of at least [MinSecretKey] characters, and the same in all processes on one
	// database. With a store but without a secret, there are no tokens.
	Secret string
	// Issuer is the iss of tokens and tickets.
	Issuer string
	Now    func() time.Time
	Log    *slog.Logger
}

// Signer holds the keys that sign player tokens and join tickets, and rotates them. It is safe for concurrent use.
type Signer struct {
	SignerDeps
	cipher  cipher.AEAD                 // nil if keys are not stored
	signing atomic.Pointer[signingKeys] // nil until the keys are read

	turn       *semaphore.Weighted // guards the fields below
	opened     map[string]signingKey
	warned     map[string]bool // keys by id, to warn of each once
	readAt     time.Time       // when the stored keys were last read
	readFailed bool
}

// NewSigner returns a Signer. With a store, it has no keys until [Signer.Refresh].
func NewSigner(d SignerDeps) (*Signer, error) {
	s := &Signer{
		SignerDeps: d, turn: semaphore.NewWeighted(1),
		opened: make(map[string]signingKey), warned: make(map[string]bool),
	}
	var err error
	switch {
	case d.Store == nil:
		return s, s.makeOwn()
	case d.Secret != "":
		s.cipher, err = newSeal(d.Secret, sealFor)
	}
	return s, err
}

// makeOwn makes the key of a service without a store. It is valid as long as the process runs.
func (s *Signer) makeOwn() error {
	k, err := newSigningKey(s.Now())
	if err != nil {
		return err
	}
	k.ExpiresAt = k.ExpiresAt.AddDate(1000, 0, 0)
	return s.use([]signingKey{k})
}

// keys returns the current keys. It returns ErrNoTokens, and ErrStoreUnavailable if they have not been read yet.
func (s *Signer) keys() (*signingKeys, error) {
	if s.Store != nil && s.cipher == nil {
		return nil, game.ErrNoTokens
	}
	r := s.signing.Load()
	if r == nil {
		return nil, game.ErrStoreUnavailable.Because(errors.New("the signing keys have not been read yet"))
	}
	return r, nil
}

// JWKS returns the public keys that verify tokens and tickets, including those that will sign soon. It returns
// ErrNoTokens and ErrStoreUnavailable.
func (s *Signer) JWKS() (game.JWKS, error) {
	r, err := s.keys()
	if err != nil {
		return game.JWKS{}, err
	}
	return r.jwks, nil
}

// Refresh reads the keys of all processes, makes a new one if it is due, and deletes those that no longer verify
// anything. A background task calls it every ten seconds, which is how soon other processes learn of a key.
func (s *Signer) Refresh(ctx context.Context) error {
	if s.Store == nil || s.cipher == nil {
		return nil
	}
	if err := s.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.turn.Release(1)
	keys, err := s.read(ctx)
	if err != nil {
		return err
	}
	return s.rotate(ctx, keys)
}

// read reads the stored keys and uses them.
func (s *Signer) read(ctx context.Context) ([]signingKey, error) {
	s.readAt = s.Now()
	stored, err := s.Store.SigningKeys(ctx)
	s.readFailed = err != nil
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

// open decodes a stored key and reports whether it can be published.
func (s *Signer) open(ctx context.Context, k game.SigningKey) (signingKey, bool) {
	if known, ok := s.opened[k.ID]; ok && known.SigningKey == k {
		return known, true
	}
	public, err := readPublic(k)
	if err != nil {
		s.warn(ctx, k, "a signing key cannot be used", err)
		return signingKey{}, false
	}
	private, err := unseal(s.cipher, k, public)
	if err != nil {
		s.warn(ctx, k, "a signing key can verify but not sign. After a change of GSM_SECRET_KEY nothing needs to be "+
			"done; otherwise give all processes the same GSM_SECRET_KEY", err)
	}
	return signingKey{SigningKey: k, public: public, private: private}, true
}

// warn logs a warning about a key, once.
func (s *Signer) warn(ctx context.Context, k game.SigningKey, what string, err error) {
	if s.warned[k.ID] {
		return
	}
	s.warned[k.ID] = true
	s.Log.WarnContext(ctx, "signing key", "kid", k.ID, "problem", what, "error", err.Error(), "until", k.ExpiresAt)
}

// rotate makes the next key and deletes expired ones. Two processes may make one at the same time, which is harmless.
func (s *Signer) rotate(ctx context.Context, keys []signingKey) error {
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
		delete(s.warned, k.ID)
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

func (s *Signer) create(ctx context.Context, existing int, now time.Time) (signingKey, error) {
	if existing >= game.MaxSigningKeys {
		return signingKey{}, fmt.Errorf("there are already %d signing keys: check that every process has the same "+
			"GSM_SECRET_KEY, also after a restart", existing)
	}
	k, err := newSigningKey(now)
	if err != nil {
		return signingKey{}, err
	}
	k.Sealed = seal(s.cipher, k.ID, k.private)
	if err := s.Store.CreateSigningKey(ctx, k.SigningKey); err != nil {
		return signingKey{}, fmt.Errorf("storing a signing key: %w", err)
	}
	s.opened[k.ID] = k
	s.Log.InfoContext(ctx, "signing key made", "kid", k.ID, "until", k.ExpiresAt)
	return k, nil
}

// find returns the public key of a kid, or nil if there is none. An unknown key may be a new one of another process, so
// it reads the stored keys again, at most every [rereadEvery]. It returns the errors of [Signer.keys].
func (s *Signer) find(ctx context.Context, id string) ([]byte, error) {
	r, err := s.keys()
	if err != nil {
		return nil, err
	}
	if key, known := r.public[id]; known || s.Store == nil || !looksLikeKid(id) {
		return key, nil
	}
	ctx, cancel := context.WithTimeout(ctx, rereadTimeout)
	defer cancel()
	if err := s.turn.Acquire(ctx, 1); err != nil {
		return nil, game.ErrStoreUnavailable.Because(err)
	}
	defer s.turn.Release(1)
	if s.Now().Sub(s.readAt) >= rereadEvery {
		_, _ = s.read(ctx) // s.readFailed records the error
	}
	if key, known := s.signing.Load().public[id]; known {
		return key, nil
	}
	if s.readFailed {
		return nil, game.ErrStoreUnavailable.Because(
			errors.New("a token has an unknown key, and the stored keys could not be read"),
		)
	}
	return nil, nil
}

// Retire deletes all signing keys and returns how many. Every process rejects what they signed from its next
// [Signer.Refresh] on, and then makes another key. Others that verify tokens and tickets continue with the keys that
// they have.
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
