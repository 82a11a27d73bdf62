package game

import "time"

// SigningKey is a key pair that signs tokens of players and join tickets. Every process publishes all of them, so that
// what one signs others verify, and signs with the newest that everybody has had time to learn of.
type SigningKey struct {
	ID        string    `json:"id"`         // the kid: RFC 7638 thumbprint of the public key
	PublicKey string    `json:"public_key"` // Ed25519 (RFC 8032), base64url
	Sealed    string    `json:"sealed"`     // the private key, encrypted by the operator's secret key, base64url
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when the last token that it may have signed has expired, and it may be removed.
	ExpiresAt time.Time `json:"expires_at"`
}

// MaxSigningKeys bounds how many there are: a few, of which most are about to go.
const MaxSigningKeys = 100
