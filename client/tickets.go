package client

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"game-session-manager/internal/game"
)

// Tokens, and what verifies them.
type (
	// Token is what a player sends to act for itself. Keep it out of logs.
	Token = game.Token
	// TokenRequest asks for a token. The zero value asks for one of 15 minutes.
	TokenRequest = game.TokenRequest
)

// MintToken makes a token by which the player acts for itself. It takes a key of scope server. It answers
// [ErrPlayerNotFound], [ErrPlayerSuspended], [ErrValidation], [ErrForbidden] and [ErrNoTokens].
func (s *Players) MintToken(ctx context.Context, id PlayerID, r TokenRequest) (Token, error) {
	q := write(http.MethodPost, playerPath(id)+"/tokens", struct {
		ExpiresIn int64 `json:"expires_in,omitempty"`
	}{r.ExpiresIn})
	return fetch[Token](ctx, s.c, q)
}

// Joined is the session that a player has joined or opened, with what lets it into the session's server.
type Joined struct {
	Session
	// Ticket proves the seat to a game server, which calls [VerifyTicket]. It is empty where the server makes none.
	Ticket string `json:"ticket"`
}

// Ticket is what a join ticket says: that a player holds a seat.
type Ticket struct {
	Project string
	Session SessionID
	Player  PlayerID
	Seat    int    // the place among the members when the ticket was made, from 0
	Team    string // empty for none
	Version int64  // of the session, when the ticket was made
	// ExpiresAt is when the ticket ends: 15 minutes after the player joined, or joined again.
	ExpiresAt time.Time
}

// Why a ticket is refused.
var (
	// ErrTicketInvalid says that it is no ticket of the server's for this session.
	ErrTicketInvalid = errors.New("the ticket is not valid")
	// ErrTicketExpired says that it was one. The player joins again for another.
	ErrTicketExpired = errors.New("the ticket has expired")
	// ErrTicketKey says that it is signed by a key that is not among the known ones, which may be a new one.
	ErrTicketKey = errors.New("the ticket's key is not known")
)

const (
	maxTicket    = 4 << 10 // bytes
	ticketLeeway = 30 * time.Second
	refetchEvery = 30 * time.Second
)

// TicketOptions says what a ticket must be beside valid. The zero value asks for nothing more.
type TicketOptions struct {
	Session SessionID // that it lets into
	Project string    // whose session that is
	Issuer  string    // what the server calls itself: GSM_TOKEN_ISSUER. "gsm" if it is empty
	Now     time.Time // the present if it is zero
}

// JWKS is the public keys of a server. It may be used by many goroutines at once.
type JWKS struct {
	fetch func(context.Context) ([]byte, error) // nil for keys that stay as they are

	mu      sync.RWMutex
	keys    map[string]ed25519.PublicKey
	turn    sync.Mutex // held by who fetches
	fetched time.Time
}

// ParseJWKS reads keys as GET /.well-known/jwks.json answers them, such as from a file that a game server was deployed
// with. They stay as they are. Keys of other kinds than the server's are passed over.
func ParseJWKS(b []byte) (*JWKS, error) {
	keys, err := parseKeys(b)
	return &JWKS{keys: keys}, err
}

func parseKeys(b []byte) (map[string]ed25519.PublicKey, error) {
	var set game.JWKS
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("client: JWKS: %w", err)
	}
	keys := make(map[string]ed25519.PublicKey)
	for _, k := range set.Keys {
		x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		if k.KeyType == "OKP" && k.Curve == "Ed25519" && k.ID != "" && err == nil && len(x) == ed25519.PublicKeySize {
			keys[k.ID] = x
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("client: JWKS: it has no Ed25519 key")
	}
	return keys, nil
}

// JWKS fetches the server's keys. The result fetches them again by [JWKS.Refresh] and [JWKS.VerifyTicket]. It answers
// [ErrNoTokens].
func (c *Client) JWKS(ctx context.Context) (*JWKS, error) {
	k := &JWKS{fetch: func(ctx context.Context) ([]byte, error) {
		return fetch[json.RawMessage](ctx, c, read("/.well-known/jwks.json", nil))
	}}
	return k, k.Refresh(ctx)
}

// Refresh fetches the keys again. Those that are known stay if that fails. A game server that runs for days calls it
// once an hour or so, and forgets by that the keys that the server does not use any more.
func (k *JWKS) Refresh(ctx context.Context) error {
	if k.fetch == nil {
		return nil
	}
	k.turn.Lock()
	defer k.turn.Unlock()
	return k.refresh(ctx)
}

func (k *JWKS) refresh(ctx context.Context) error {
	k.fetched = time.Now()
	b, err := k.fetch(ctx)
	if err != nil {
		return err
	}
	keys, err := parseKeys(b)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = keys
	return nil
}

// VerifyTicket is [VerifyTicket], and fetches the keys again, once in half a minute at most, for a ticket with a key
// that is not known. It answers [ErrTicketKey] where that does not help, or fails.
func (k *JWKS) VerifyTicket(ctx context.Context, ticket string, o TicketOptions) (Ticket, error) {
	t, err := VerifyTicket(k, ticket, o)
	if k.fetch == nil || !errors.Is(err, ErrTicketKey) {
		return t, err
	}
	k.turn.Lock()
	if time.Since(k.fetched) >= refetchEvery {
		if failed := k.refresh(ctx); failed != nil {
			err = fmt.Errorf("%w: %w", err, failed)
		}
	}
	k.turn.Unlock()
	if t, again := VerifyTicket(k, ticket, o); !errors.Is(again, ErrTicketKey) {
		return t, again
	}
	return Ticket{}, err
}

func (k *JWKS) key(id string) ed25519.PublicKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[id]
}

// ticketClaims is what a ticket is made of.
type ticketClaims struct {
	Issuer   string          `json:"iss"`
	Audience json.RawMessage `json:"aud"`
	Player   PlayerID        `json:"sub"`
	Session  SessionID       `json:"session"`
	Seat     int             `json:"seat"`
	Team     string          `json:"team"`
	Version  int64           `json:"version"`
	Project  string          `json:"project"`
	Issued   int64           `json:"iat"`
	Expires  int64           `json:"exp"`
}

// VerifyTicket checks a join ticket by known keys, without a call: players are let in while the API cannot be reached.
// It answers [ErrTicketInvalid], [ErrTicketExpired] and [ErrTicketKey].
//
// A ticket does not end when its player leaves or is removed: a game server that must know compares with the session.
func VerifyTicket(k *JWKS, ticket string, o TicketOptions) (Ticket, error) {
	if len(ticket) > maxTicket {
		return Ticket{}, fmt.Errorf("client: %w: it is too long", ErrTicketInvalid)
	}
	parts := strings.Split(ticket, ".")
	if len(parts) != 3 {
		return Ticket{}, fmt.Errorf("client: %w: it is no JWT", ErrTicketInvalid)
	}
	var h struct {
		Algorithm string          `json:"alg"`
		Type      string          `json:"typ"`
		Key       string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	if decodePart(parts[0], &h) != nil || h.Algorithm != "EdDSA" || h.Type != "gsm-ticket+jwt" || h.Critical != nil {
		return Ticket{}, fmt.Errorf("client: %w: its header is not a ticket's", ErrTicketInvalid)
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return Ticket{}, fmt.Errorf("client: %w: its signature cannot be read", ErrTicketInvalid)
	}
	key := k.key(h.Key)
	if key == nil {
		return Ticket{}, fmt.Errorf("client: %w", ErrTicketKey)
	}
	if !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return Ticket{}, fmt.Errorf("client: %w: its signature is wrong", ErrTicketInvalid)
	}
	var c ticketClaims
	if err := decodePart(parts[1], &c); err != nil {
		return Ticket{}, fmt.Errorf("client: %w: its claims cannot be read", ErrTicketInvalid)
	}
	return c.ticket(o)
}

func decodePart(part string, into any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// ticket checks what the claims say.
func (c *ticketClaims) ticket(o TicketOptions) (Ticket, error) {
	if o.Issuer == "" {
		o.Issuer = "gsm"
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	expires := time.Unix(c.Expires, 0).UTC()
	wrong := ""
	switch {
	case c.Issuer != o.Issuer:
		wrong = "it is of another issuer"
	case !c.forServers():
		wrong = "it is for another audience"
	case c.Player == "" || c.Session == "" || c.Project == "" || c.Expires == 0 || c.Seat < 0:
		wrong = "a claim is missing"
	case o.Session != "" && !strings.EqualFold(string(c.Session), string(o.Session)):
		wrong = "it is for another session"
	case o.Project != "" && c.Project != o.Project:
		wrong = "it is of another project"
	case time.Unix(c.Issued, 0).After(o.Now.Add(ticketLeeway)):
		wrong = "it is not valid yet"
	case expires.Before(o.Now.Add(-ticketLeeway)):
		return Ticket{}, fmt.Errorf("client: %w", ErrTicketExpired)
	}
	if wrong != "" {
		return Ticket{}, fmt.Errorf("client: %w: %s", ErrTicketInvalid, wrong)
	}
	return Ticket{
		Project: c.Project, Session: c.Session, Player: c.Player, Seat: c.Seat, Team: c.Team, Version: c.Version,
		ExpiresAt: expires,
	}, nil
}

// forServers reports whether the audience, which is a text or a list, has those who let players in.
func (c *ticketClaims) forServers() bool {
	var one string
	var many []string
	if json.Unmarshal(c.Audience, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(c.Audience, &many) != nil {
		return false
	}
	for _, a := range many {
		if a == "gsm-ticket" {
			return true
		}
	}
	return false
}
