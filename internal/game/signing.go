package game

import "time"

// SigningKey is a key pair that signs player tokens and join tickets. Every process publishes all of them, so that each
// can verify what others sign, and signs with the newest one that all have had time to read.
type SigningKey struct {
	ID        string    `json:"id" bson:"_id" doc:"The kid: RFC 7638 thumbprint of the public key."`
	PublicKey string    `json:"public_key" doc:"Ed25519 (RFC 8032), base64url."`
	Sealed    string    `json:"sealed" doc:"The private key, encrypted by the operator's secret key, base64url."`
	CreatedAt time.Time `json:"created_at" doc:"In UTC, to the millisecond."`
	ExpiresAt time.Time `json:"expires_at" doc:"When the last token that it may have signed has expired, and it may be removed."`
}

// MaxSigningKeys bounds the number of signing keys. There are only a few, most of which are about to expire.
const MaxSigningKeys = 100
