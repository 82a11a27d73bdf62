package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"game-session-manager/internal/game"
)

// MinSecretKey is the minimum length of the operator's secret key in characters: 128 random bits in hexadecimal.
const MinSecretKey = 32

// sealFor is the HKDF info, which separates this use of the secret key from others. It must change with the way in
// which signing keys are sealed.
const sealFor = "gsm signing keys 1"

// newSeal returns the cipher that encrypts what is stored for one use: AES-256-GCM with a key derived from the
// operator's secret key by HKDF (RFC 5869). A slow derivation is not needed, because the secret key is random.
func newSeal(secret, use string) (cipher.AEAD, error) {
	if len(secret) < MinSecretKey {
		return nil, fmt.Errorf("the secret key has fewer than %d characters", MinSecretKey)
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, use, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts a private key. The id is authenticated with it, so that it cannot be opened as that of another key.
func seal(by cipher.AEAD, id string, private ed25519.PrivateKey) string {
	sealed := by.Seal(nil, nil, private.Seed(), []byte(id)) //nolint:gosec // Seal generates a random nonce
	return base64.RawURLEncoding.EncodeToString(sealed)
}

var errSealed = errors.New("it was sealed by another secret key, or is damaged")

// unseal decrypts the private key of a stored key and checks that it belongs to the public one.
func unseal(by cipher.AEAD, k game.SigningKey, public ed25519.PublicKey) (ed25519.PrivateKey, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(k.Sealed)
	if err != nil {
		return nil, errSealed
	}
	seed, err := by.Open(nil, nil, sealed, []byte(k.ID))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errSealed
	}
	private := ed25519.NewKeyFromSeed(seed)
	if own, ok := private.Public().(ed25519.PublicKey); !ok || subtle.ConstantTimeCompare(own, public) != 1 {
		return nil, errSealed
	}
	return private, nil
}

// vaultFor is the HKDF info of the secrets of webhooks, as sealFor is that of signing keys.
const vaultFor = "gsm webhook secrets 1"

// Vault implements [game.Vault]. It is safe for concurrent use.
type Vault struct{ by cipher.AEAD }

// NewVault returns the vault of the operator's secret key. It returns an error if the key is too short.
func NewVault(secret string) (*Vault, error) {
	by, err := newSeal(secret, vaultFor)
	return &Vault{by}, err
}

// Seal implements [game.Vault].
func (v *Vault) Seal(id, secret string) string {
	sealed := v.by.Seal(nil, nil, []byte(secret), []byte(id)) //nolint:gosec // Seal generates a random nonce
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open implements [game.Vault].
func (v *Vault) Open(id, sealed string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		raw, err = v.by.Open(nil, nil, raw, []byte(id))
	}
	if err != nil {
		return "", errSealed
	}
	return string(raw), nil
}
