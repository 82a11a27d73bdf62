package auth

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// ActAsHeader names the player for whom a server acts: it may do then what the player may.
const ActAsHeader = "X-Act-As-Player"

// maxCredential is how many bytes a credential may have.
const maxCredential = game.MaxCredential

// Why a request has no caller. Neither tells more than that, so that nobody learns what is right about a credential.
var (
	ErrNone = game.ErrUnauthenticated.Detail("The request has no credential. Send an API key or a player's token: Authorization: Bearer ….")
	// ErrWrong is the answer to every credential that is not right, whatever is wrong with it.
	ErrWrong = game.ErrUnauthenticated.Detail("The credential is not one that is known here, or it is revoked or has expired.")
)

// Tokens tells whose a token is.
type Tokens interface {
	// Caller answers ErrWrong, and named errors of package game where it could not find out.
	Caller(ctx context.Context, token string) (game.Caller, error)
}

// Guard finds the callers of requests.
type Guard struct {
	Keys *Keys
	// Tokens are those of players.
	Tokens Tokens
	// Failures bounds what wrong credentials cost; nil for no limit.
	Failures *limits.Failures
}

// Caller returns the caller of a request, by its Authorization header and the address that it comes from. It answers ErrNone,
// ErrWrong, a [*limits.RefusedError], and named errors of package game where it could not find out. What cannot be a
// credential costs nothing and is not counted.
func (g *Guard) Caller(ctx context.Context, from netip.Addr, h http.Header) (game.Caller, error) {
	credential, err := bearer(h)
	if err != nil {
		return game.Caller{}, err
	}
	if secret, ok := game.ParseSecret(credential); ok {
		return g.byKey(ctx, from, secret)
	}
	if strings.Count(credential, ".") == 2 { // a JWT in its compact form, RFC 7519
		c, err := g.Tokens.Caller(ctx, credential)
		return c, g.note(from, "", err)
	}
	return game.Caller{}, ErrWrong
}

// byKey returns the caller who has a key.
func (g *Guard) byKey(ctx context.Context, from netip.Addr, s game.Secret) (game.Caller, error) {
	c, right, fresh := g.Keys.Known(s)
	if fresh {
		return c, nil
	}
	if !right {
		if err := g.Failures.Admit(from, string(s.ID)); err != nil {
			return game.Caller{}, err //nolint:wrapcheck // it is the answer
		}
	}
	c, err := g.Keys.Caller(ctx, s)
	return c, g.note(from, string(s.ID), err)
}

// note counts a credential that is wrong, and answers what its sender is told. A token costs a signature to check and no
// lookup, so that one that is right always passes.
func (g *Guard) note(from netip.Addr, keyID string, err error) error {
	if !errors.Is(err, ErrWrong) {
		return err
	}
	if refused := g.Failures.Note(from, keyID); refused != nil {
		return refused //nolint:wrapcheck // it is the answer
	}
	return err
}

// bearer returns the one credential of a request (RFC 6750).
func bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", ErrNone
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	credential = strings.TrimSpace(credential)
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || credential == "" || len(credential) > maxCredential {
		return "", ErrWrong
	}
	return credential, nil
}

// ActAs returns the caller that a request's caller acts as, by its [ActAsHeader]; without the header, itself.
func ActAs(c game.Caller, h http.Header) (game.Caller, error) {
	values := h.Values(ActAsHeader)
	if len(values) == 0 {
		return c, nil
	}
	if len(values) > 1 {
		return game.Caller{}, game.ErrValidation.Detail("%s must be sent once.", ActAsHeader)
	}
	return c.As(game.PlayerID(values[0]))
}
