package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"game-session-manager/internal/game"
)

// These distinguish tokens from tickets, so that one is not accepted as the other (RFC 8725, section 3.11).
const (
	typToken       jose.ContentType = "gsm-player+jwt" //nolint:gosec // the name of a type, not a credential
	typTicket      jose.ContentType = "gsm-ticket+jwt"
	typEvents      jose.ContentType = "gsm-events+jwt"
	audienceToken                   = "gsm"
	audienceTicket                  = "gsm-ticket"
	audienceEvents                  = "gsm-events"
)

const (
	// maxToken is the maximum length of a token in bytes; our own have about 500.
	maxToken = game.MaxCredential
	// leeway is how far in the future a token may have been issued, for clock differences between processes. It does
	// not extend a token's lifetime.
	leeway = 30 * time.Second
)

type tokenClaims struct {
	jwt.Claims
	Project game.ProjectID `json:"project"`
}

type ticketClaims struct {
	jwt.Claims
	Project game.ProjectID `json:"project"`
	Session game.SessionID `json:"session"`
	Seat    int            `json:"seat"` // the place among the members, from 0
	Team    string         `json:"team,omitempty"`
	Version int64          `json:"version"` // of the session
}

// Mint returns a token for a player that expires after life. The caller must have checked [game.Players.ForToken]. It
// returns ErrNoTokens and ErrStoreUnavailable.
func (s *Signer) Mint(p game.Player, life time.Duration) (game.Token, error) {
	r, err := s.keysToSign()
	if err != nil {
		return game.Token{}, err
	}
	c := s.claims(p.ID, audienceToken, life)
	c.ID = rand.Text()
	text, err := r.tokens.sign(tokenClaims{c, p.Project})
	if err != nil {
		return game.Token{}, err
	}
	return game.Token{Token: text, TokenType: "Bearer", ExpiresAt: c.Expiry.Time().UTC()}, nil
}

// Ticket returns a ticket that proves to a game server which seat of the session the player has. It returns ErrNoTokens
// and ErrStoreUnavailable.
func (s *Signer) Ticket(v game.Session, player game.PlayerID) (string, error) {
	r, err := s.keysToSign()
	if err != nil {
		return "", err
	}
	seat := slices.IndexFunc(v.Members, func(m game.Member) bool { return m.PlayerID == player })
	if seat < 0 {
		return "", fmt.Errorf("ticket: player %s has no seat in session %s", player, v.ID)
	}
	c := ticketClaims{
		Claims:  s.claims(player, audienceTicket, game.TicketLife),
		Project: v.Project, Session: v.ID, Seat: seat, Team: v.Members[seat].Team, Version: v.Version,
	}
	return r.tickets.sign(c)
}

// keysToSign returns the current keys, one of which can sign.
func (s *Signer) keysToSign() (*signingKeys, error) {
	r, err := s.keys()
	if err != nil {
		return nil, err
	}
	if r.tokens == nil {
		return nil, game.ErrStoreUnavailable.Because(errors.New("there is no key to sign with yet"))
	}
	return r, nil
}

func (s *Signer) claims(p game.PlayerID, audience string, life time.Duration) jwt.Claims {
	now := s.Now()
	return jwt.Claims{
		Issuer: s.Issuer, Subject: string(p), Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(life)),
	}
}

// rejected returns the error of an invalid token. The reason is for the operator's log, and must not contain any part
// of the token.
func rejected(reason string) error {
	return ErrWrong.Because(errors.New("token rejected: " + reason))
}

// verified is the result of verifying a token.
type verified struct {
	caller game.Caller
	until  time.Time // when the result expires
	kid    string    // of our key; empty for another issuer's
	err    error     // why the token's player is rejected; nil if accepted
}

func (s *Signer) verify(ctx context.Context, token string) (verified, error) {
	if !compact(token) {
		return verified{}, rejected("too long, or not a JWT")
	}
	var c tokenClaims
	kid, err := s.unpack(ctx, token, typToken, &c)
	if err == nil {
		err = s.valid(c.Claims, audienceToken)
	}
	if err != nil {
		return verified{}, err
	}
	player := game.PlayerID(game.NormalID(c.Subject))
	if !game.ValidPlayerID(player) || !game.ValidProject(c.Project) {
		return verified{}, rejected("claims are missing")
	}
	return verified{caller: playerCaller(c.Project, player), until: c.Expiry.Time(), kid: kid}, nil
}

// unpack reads the claims of a JWT of a type that one of our keys has signed, and returns the id of the key.
func (s *Signer) unpack(ctx context.Context, token string, of jose.ContentType, claims any) (kid string, err error) {
	t, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(t.Headers) != 1 {
		return "", rejected("not a JWT signed with EdDSA")
	}
	h := t.Headers[0]
	if typ, ok := h.ExtraHeaders[jose.HeaderType].(string); !ok || typ != string(of) {
		return "", rejected("typ is not " + string(of))
	}
	key, err := s.find(ctx, h.KeyID)
	switch {
	case errors.Is(err, game.ErrNoTokens):
		return "", rejected("the service has no secret key")
	case err != nil:
		return "", err
	case key == nil:
		return "", rejected("unknown key")
	}
	if err := t.Claims(ed25519.PublicKey(key), claims); err != nil {
		return "", rejected("bad signature or claims")
	}
	return h.KeyID, nil
}

// valid checks the times and the audience of claims, which must have both.
func (s *Signer) valid(c jwt.Claims, audience string) error {
	expected := jwt.Expected{Issuer: s.Issuer, AnyAudience: jwt.Audience{audience}, Time: s.Now()}
	if err := c.ValidateWithLeeway(expected, leeway); err != nil {
		return rejected(err.Error()) // one of the library's fixed texts
	}
	switch {
	case c.Expiry == nil || c.IssuedAt == nil:
		return rejected("claims are missing")
	case !s.Now().Before(c.Expiry.Time()):
		return rejected(jwt.ErrExpired.Error())
	}
	return nil
}

// compact reports whether a text is a JWT in compact form: three parts of base64url. The library would ignore line
// breaks.
func compact(token string) bool {
	if len(token) > maxToken {
		return false
	}
	dots := 0
	for _, c := range []byte(token) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
		if c == '.' {
			dots++
		} else if !letter {
			return false
		}
	}
	return dots == 2
}

func playerCaller(project game.ProjectID, p game.PlayerID) game.Caller {
	return game.Caller{Project: project, Scope: game.ScopePlayer, Player: p, Name: "player"}
}
