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
	// ExpiresIn of 0 is 900. It is no default of the schema: some generators have callers give what has one.
	ExpiresIn int64 `json:"expires_in" minimum:"60" maximum:"86400" doc:"Seconds for which the token is valid; 900 where it is left out."`
}

// Validate answers ErrValidation.
func (r TokenRequest) Validate() error {
	life := r.Life()
	if r.ExpiresIn < 0 || r.ExpiresIn > int64(MaxTokenLife/time.Second) || life < MinTokenLife {
		return InvalidField(
			"expires_in", "must be %d to %d seconds", int64(MinTokenLife/time.Second), int64(MaxTokenLife/time.Second),
		)
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
	Token     string    `json:"token" doc:"A JWT; send it as Authorization: Bearer."`
	TokenType string    `json:"token_type" doc:"Bearer."`
	ExpiresAt time.Time `json:"expires_at" doc:"In UTC."`
}

// JWKS is the public keys by which tokens and tickets are verified (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys" nullable:"false"`
}

// JWK is a public key as RFC 8037 writes it.
type JWK struct {
	KeyType   string `json:"kty" doc:"OKP."`
	Curve     string `json:"crv" doc:"Ed25519."`
	ID        string `json:"kid" doc:"The key's thumbprint (RFC 7638)."`
	Algorithm string `json:"alg" doc:"EdDSA."`
	Use       string `json:"use" doc:"sig."`
	X         string `json:"x" doc:"The public key: 32 bytes in base64url (RFC 8037)."`
}
