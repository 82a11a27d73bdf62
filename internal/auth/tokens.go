package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"game-session-manager/internal/game"
)

// What tells the two kinds of JWT apart (RFC 8725, section 3.11): a ticket is no token, and no token a ticket.
const (
	typToken       jose.ContentType = "gsm-player+jwt" //nolint:gosec // a name of a type, no credential
	typTicket      jose.ContentType = "gsm-ticket+jwt"
	audienceToken                   = "gsm"
	audienceTicket                  = "gsm-ticket"
)

const (
	// maxToken is how many bytes a token has at most; one of ours has about 500.
	maxToken = game.MaxCredential
	// leeway is how far in the future a token may have been made, by the clock of another process. It lets none live
	// longer.
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

// Mint makes a token by which a player acts for itself for the given time. Whether the caller may have it is asked of
// [game.Players.ForToken]. It answers ErrNoTokens and ErrStoreUnavailable.
func (s *Signer) Mint(p game.Player, life time.Duration) (game.Token, error) {
	r, err := s.mayWrite()
	if err != nil {
		return game.Token{}, err
	}
	c := s.claims(p.ID, audienceToken, life)
	c.ID = rand.Text()
	text, err := sign(r.tokens, tokenClaims{c, p.Project})
	if err != nil {
		return game.Token{}, err
	}
	return game.Token{Token: text, TokenType: "Bearer", ExpiresAt: c.Expiry.Time().UTC()}, nil
}

// Ticket makes a ticket that tells a game server which seat of the session is the player's. It answers ErrNoTokens and
// ErrStoreUnavailable.
func (s *Signer) Ticket(v game.Session, player game.PlayerID) (string, error) {
	r, err := s.mayWrite()
	if err != nil {
		return "", err
	}
	seat := slices.IndexFunc(v.Members, func(m game.Member) bool { return m.PlayerID == player })
	if seat < 0 {
		return "", fmt.Errorf("a ticket for player %s, who has no seat in session %s", player, v.ID)
	}
	c := ticketClaims{
		Claims:  s.claims(player, audienceTicket, game.TicketLife),
		Project: v.Project, Session: v.ID, Seat: seat, Team: v.Members[seat].Team, Version: v.Version,
	}
	return sign(r.tickets, c)
}

// sign makes a JWT. The library's builder takes claims apart and puts them together again, which takes as long as the
// signature.
func sign(by jose.Signer, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	s, err := by.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return s.CompactSerialize()
}

// mayWrite answers the present keys, one of which signs.
func (s *Signer) mayWrite() (*signingKeys, error) {
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

// refused is what every token gets that is not valid. The reason is for the operator, and has nothing of the token in
// it.
func refused(reason string) error {
	return ErrWrong.Because(errors.New("token refused: " + reason))
}

// Verify answers who sends a token of ours. It answers ErrUnauthenticated for all that is wrong with it, and
// ErrStoreUnavailable where that cannot be told.
func (s *Signer) Verify(ctx context.Context, token string) (game.Caller, error) {
	v, err := s.verify(ctx, token)
	return v.caller, err
}

// verified is what is known of a token.
type verified struct {
	caller game.Caller
	until  time.Time // it need not be looked at again before
	kid    string    // of ours; empty for another issuer's
	err    error     // why its player is not let in; nil for one who is
}

func (s *Signer) verify(ctx context.Context, token string) (verified, error) {
	if !compact(token) {
		return verified{}, refused("too long, or no JWT")
	}
	t, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(t.Headers) != 1 {
		return verified{}, refused("no JWT signed by EdDSA")
	}
	h := t.Headers[0]
	if typ, ok := h.ExtraHeaders[jose.HeaderType].(string); !ok || typ != string(typToken) {
		return verified{}, refused("no player's token by its typ")
	}
	key, err := s.find(ctx, h.KeyID)
	switch {
	case errors.Is(err, game.ErrNoTokens):
		return verified{}, refused("there are no tokens without a secret key")
	case err != nil:
		return verified{}, err
	case key == nil:
		return verified{}, refused("unknown key")
	}
	var c tokenClaims
	if err := t.Claims(ed25519.PublicKey(key), &c); err != nil {
		return verified{}, refused("bad signature or claims")
	}
	expected := jwt.Expected{Issuer: s.Issuer, AnyAudience: jwt.Audience{audienceToken}, Time: s.Now()}
	if err := c.ValidateWithLeeway(expected, leeway); err != nil {
		return verified{}, refused(err.Error()) // of a fixed list, without values
	}
	if c.Expiry != nil && !s.Now().Before(c.Expiry.Time()) {
		return verified{}, refused(jwt.ErrExpired.Error())
	}
	player := game.PlayerID(game.NormalID(c.Subject))
	if c.Expiry == nil || c.IssuedAt == nil || !game.ValidPlayerID(player) || !game.ValidProject(c.Project) {
		return verified{}, refused("claims are missing")
	}
	return verified{caller: playerCaller(c.Project, player), until: c.Expiry.Time(), kid: h.KeyID}, nil
}

// compact reports whether a text has the form of a signed JWT: three parts of base64url. The library passes over line
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
