package game

import "time"

// How long the tokens of players and the tickets of members are valid.
const (
	DefaultTokenLife = 15 * time.Minute
	MinTokenLife     = time.Minute
	MaxTokenLife     = 24 * time.Hour
	TicketLife       = 15 * time.Minute
)

// TokenRequest asks for a token of a player.
type TokenRequest struct {
	// ExpiresIn is how many seconds the token shall be valid, 60 to 86,400; 0 for 900.
	ExpiresIn int64 `json:"expires_in"`
}

// Validate answers ErrValidation.
func (r TokenRequest) Validate() error {
	life := r.Life()
	if r.ExpiresIn < 0 || r.ExpiresIn > int64(MaxTokenLife/time.Second) || life < MinTokenLife {
		return InvalidField("expires_in", "must be %d to %d seconds", int64(MinTokenLife/time.Second), int64(MaxTokenLife/time.Second))
	}
	return nil
}

// Life is how long the token shall be valid.
func (r TokenRequest) Life() time.Duration {
	if r.ExpiresIn == 0 {
		return DefaultTokenLife
	}
	return time.Duration(r.ExpiresIn) * time.Second
}

// Token is what a player sends to act for itself. It is shown once, and never logged.
type Token struct {
	Token     string    `json:"token"`
	TokenType string    `json:"token_type"` // "Bearer"
	ExpiresAt time.Time `json:"expires_at"`
}

// JWKS is the public keys by which tokens and tickets are verified (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is a public key as RFC 8037 writes it.
type JWK struct {
	KeyType   string `json:"kty"` // "OKP"
	Curve     string `json:"crv"` // "Ed25519"
	ID        string `json:"kid"` // RFC 7638 thumbprint
	Algorithm string `json:"alg"` // "EdDSA"
	Use       string `json:"use"` // "sig"
	X         string `json:"x"`   // 32 bytes, base64url
}
