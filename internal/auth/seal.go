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

// MinSecretKey is how many characters the operator's secret key has at least: as many as 128 random bits in
// hexadecimal.
const MinSecretKey = 32

// sealFor makes keys for another purpose differ: a change of how signing keys are sealed is a change of this.
const sealFor = "gsm signing keys 1"

// newSeal returns what encrypts signing keys by the operator's secret key: AES-256-GCM under a key derived by HKDF (RFC
// 5869). No slow derivation is needed, since a secret key is random.
func newSeal(secret string) (cipher.AEAD, error) {
	if len(secret) < MinSecretKey {
		return nil, fmt.Errorf("the secret key has fewer than %d characters", MinSecretKey)
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, sealFor, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts a private key. It cannot be opened as that of another key: the id goes into it.
func seal(by cipher.AEAD, id string, private ed25519.PrivateKey) string {
	sealed := by.Seal(nil, nil, private.Seed(), []byte(id)) //nolint:gosec // its nonce is random, and made by itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

var errSealed = errors.New("it was sealed by another secret key, or is damaged")

// unseal decrypts the private key of a stored key, and makes sure that it belongs to the public one.
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
