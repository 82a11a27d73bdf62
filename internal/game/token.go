package game

import "time"

// Lifetimes of player tokens and join tickets.
const (
	DefaultTokenLife = 15 * time.Minute
	MinTokenLife     = time.Minute
	MaxTokenLife     = 24 * time.Hour
	TicketLife       = 15 * time.Minute
	EventTicketLife  = time.Minute
)

// TokenRequest asks for a player token.
type TokenRequest struct {
	// ExpiresIn is in seconds; 0 means 900. The schema has no default, because some generators make clients send
	// defaults.
	ExpiresIn int64 `json:"expires_in" minimum:"60" maximum:"86400" doc:"Seconds for which the token is valid; 900 where it is left out."`
}

// Validate returns ErrValidation if the lifetime is out of range.
func (r TokenRequest) Validate() error {
	life := r.Life()
	if r.ExpiresIn < 0 || r.ExpiresIn > int64(MaxTokenLife/time.Second) || life < MinTokenLife {
		return InvalidField(
			"expires_in", "must be %d to %d seconds", int64(MinTokenLife/time.Second), int64(MaxTokenLife/time.Second),
		)
	}
	return nil
}

// Life returns how long the token is valid.
func (r TokenRequest) Life() time.Duration {
	if r.ExpiresIn == 0 {
		return DefaultTokenLife
	}
	return time.Duration(r.ExpiresIn) * time.Second
}

// Token is a credential with which a player acts for itself. It is returned once, and never logged.
type Token struct {
	Token     string    `json:"token" doc:"A JWT; send it as Authorization: Bearer."`
	TokenType string    `json:"token_type" doc:"Bearer."`
	ExpiresAt time.Time `json:"expires_at" doc:"In UTC."`
}

// EventTicket is a credential with which the events of one session can be followed: for web pages, which cannot send
// headers with an EventSource or a WebSocket. It is never logged.
type EventTicket struct {
	Ticket    string    `json:"ticket" doc:"Send it as the parameter ticket of the event stream of this session."`
	ExpiresAt time.Time `json:"expires_at" doc:"When it can no longer open a stream, in UTC. An open stream goes on."`
}

// JWKS are the public keys that verify tokens and tickets (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys" nullable:"false"`
}

// JWK is a public key in the format of RFC 8037.
type JWK struct {
	KeyType   string `json:"kty" doc:"OKP."`
	Curve     string `json:"crv" doc:"Ed25519."`
	ID        string `json:"kid" doc:"The key's thumbprint (RFC 7638)."`
	Algorithm string `json:"alg" doc:"EdDSA."`
	Use       string `json:"use" doc:"sig."`
	X         string `json:"x" doc:"The public key: 32 bytes in base64url (RFC 8037)."`
}
