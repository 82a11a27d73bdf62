package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"

	"game-session-manager/internal/game"
)

// Opens reports whether a sealed private key can be opened.
func Opens(secret, id, public string, sealed []byte) bool {
	by, err := newSeal(secret, sealFor)
	if err != nil {
		return false
	}
	key, err := base64.RawURLEncoding.DecodeString(public)
	if err != nil {
		return false
	}
	_, err = unseal(by, game.SigningKey{ID: id, Sealed: base64.RawURLEncoding.EncodeToString(sealed)}, key)
	return err == nil
}

// Unseal opens the private key of a stored key.
func Unseal(secret string, k game.SigningKey) (ed25519.PrivateKey, error) {
	by, err := newSeal(secret, sealFor)
	if err != nil {
		return nil, err
	}
	public, err := readPublic(k)
	if err != nil {
		return nil, err
	}
	return unseal(by, k, public)
}

// Verify returns the caller of one of our tokens.
func (s *Signer) Verify(ctx context.Context, token string) (game.Caller, error) {
	v, err := s.verify(ctx, token)
	return v.caller, err
}

// Occupy takes all slots of hashes until the returned function is called.
func (p *Passwords) Occupy() (release func()) {
	for range passwordsAtOnce {
		p.slots <- struct{}{}
	}
	return func() {
		for range passwordsAtOnce {
			<-p.slots
		}
	}
}
