package client

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"game-session-manager/internal/game"
)

// Player tokens.
type (
	// Token is a credential of a player, for [WithToken]. Keep it out of logs.
	Token = game.Token
	// TokenRequest requests a token. The zero value requests a token that expires after 15 minutes.
	TokenRequest = game.TokenRequest
)

// MintToken creates a token for a player. It needs an API key of scope server or admin. It returns [ErrPlayerNotFound],
// [ErrPlayerSuspended], [ErrValidation], [ErrForbidden] and [ErrNoTokens].
func (s *Players) MintToken(ctx context.Context, id PlayerID, r TokenRequest) (Token, error) {
	q := write(http.MethodPost, playerPath(id)+"/tokens", struct {
		ExpiresIn int64 `json:"expires_in,omitempty"`
	}{r.ExpiresIn})
	return fetch[Token](ctx, s.c, q)
}

// Joined is a session that a player has joined or created, with the player's ticket.
type Joined struct {
	Session
	// Ticket proves to a game server that the player has the seat: see [VerifyTicket]. It is empty if the server does
	// not issue tickets.
	Ticket string `json:"ticket"`
	// Position is the player's place on the wait list, from 1; 0 if it has a seat. See [Sessions.JoinOrWait].
	Position int `json:"position"`
}

// Ticket is the content of a join ticket: which seat a player holds.
type Ticket struct {
	Project string
	Session SessionID
	Player  PlayerID
	Seat    int    // the index among the members when the ticket was issued, from 0
	Team    string // empty for none
	Version int64  // of the session, when the ticket was issued
	// ExpiresAt is 15 minutes after the player joined, or joined again.
	ExpiresAt time.Time
}

// Errors of tickets.
var (
	// ErrTicketInvalid says that it is not a ticket of this server for this session.
	ErrTicketInvalid = errors.New("the ticket is not valid")
	// ErrTicketExpired says that the ticket was valid. The player gets another one by joining again.
	ErrTicketExpired = errors.New("the ticket has expired")
	// ErrTicketKey says that the key that signed the ticket is unknown. It may be new: see [JWKS.Refresh].
	ErrTicketKey = errors.New("the ticket's key is unknown")
)

const (
	maxTicket    = 4 << 10 // bytes
	ticketLeeway = 30 * time.Second
	refetchEvery = 30 * time.Second
)

// TicketOptions says what a ticket must match. The zero value accepts every valid ticket.
type TicketOptions struct {
	Session SessionID // the session; empty for any
	Project string    // the project; empty for any
	Issuer  string    // the server's GSM_TOKEN_ISSUER; "gsm" if empty
	Now     time.Time // the current time if zero
}

// JWKS is the set of a server's public keys. It is safe for concurrent use.
type JWKS struct {
	fetch func(context.Context) ([]byte, error) // nil for a fixed set

	mu       sync.RWMutex
	keys     map[string]ed25519.PublicKey
	fetching chan struct{} // of capacity 1: holds a value while the keys are fetched
	fetched  time.Time
}

// ParseJWKS returns a fixed set of keys, in the form in which GET /.well-known/jwks.json returns them: for a game
// server that has them in a file. It skips keys that are not Ed25519, and returns an error if there is no other.
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

// JWKS fetches the server's keys. [JWKS.Refresh] and [JWKS.VerifyTicket] fetch them again. It returns [ErrNoTokens].
func (c *Client) JWKS(ctx context.Context) (*JWKS, error) {
	k := &JWKS{fetching: make(chan struct{}, 1), fetch: func(ctx context.Context) ([]byte, error) {
		return fetch[json.RawMessage](ctx, c, read("/.well-known/jwks.json", nil))
	}}
	return k, k.Refresh(ctx)
}

// Refresh fetches the keys again, and keeps the known ones if that fails. A game server that runs for days should call
// it about once an hour, to forget keys that the server no longer uses.
func (k *JWKS) Refresh(ctx context.Context) error {
	if k.fetch == nil {
		return nil
	}
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	return k.refresh(ctx)
}

// begin waits until nobody else fetches the keys, or until ctx ends. The caller must call end.
func (k *JWKS) begin(ctx context.Context) error {
	select {
	case k.fetching <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (k *JWKS) end() { <-k.fetching }

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

// VerifyTicket is like the function [VerifyTicket], but fetches the keys again, at most once in 30 seconds, for a
// ticket with an unknown key. It returns [ErrTicketKey] if the key stays unknown or the fetch fails.
func (k *JWKS) VerifyTicket(ctx context.Context, ticket string, o TicketOptions) (Ticket, error) {
	t, err := VerifyTicket(k, ticket, o)
	if k.fetch == nil || !errors.Is(err, ErrTicketKey) {
		return t, err
	}
	if failed := k.begin(ctx); failed != nil {
		return Ticket{}, fmt.Errorf("%w: %w", err, failed)
	}
	if time.Since(k.fetched) >= refetchEvery {
		if failed := k.refresh(ctx); failed != nil {
			err = fmt.Errorf("%w: %w", err, failed)
		}
	}
	k.end()
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

// ticketClaims are the claims of a ticket.
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

// VerifyTicket verifies a join ticket with known keys, without a request: players can connect while the API cannot be
// reached. It returns [ErrTicketInvalid], [ErrTicketExpired] and [ErrTicketKey].
//
// A ticket stays valid when its player leaves or is removed. A game server that must know reads the session.
func VerifyTicket(k *JWKS, ticket string, o TicketOptions) (Ticket, error) {
	if len(ticket) > maxTicket {
		return Ticket{}, fmt.Errorf("client: %w: it is too long", ErrTicketInvalid)
	}
	parts := strings.Split(ticket, ".")
	if len(parts) != 3 {
		return Ticket{}, fmt.Errorf("client: %w: it is not a JWT", ErrTicketInvalid)
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

// ticket validates the claims.
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

// forServers reports whether the audience, a string or a list, contains that of tickets.
func (c *ticketClaims) forServers() bool {
	var one string
	var many []string
	if json.Unmarshal(c.Audience, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(c.Audience, &many) != nil {
		return false
	}
	return slices.Contains(many, "gsm-ticket")
}
