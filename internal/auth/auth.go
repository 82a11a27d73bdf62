package auth

import (
	"context"
	"net/http"
	"strings"

	"game-session-manager/internal/game"
)

// ActAsHeader names the player for whom a server acts: it may do then what the player may.
const ActAsHeader = "X-Act-As-Player"

// maxCredential is how many bytes a credential may have.
const maxCredential = 4 << 10

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
}

// Known returns the caller of a request whose credential is right by what is in memory, and reports whether it is.
func (g *Guard) Known(h http.Header) (game.Caller, bool) {
	credential, err := bearer(h)
	if err != nil {
		return game.Caller{}, false
	}
	secret, ok := game.ParseSecret(credential)
	if !ok {
		return game.Caller{}, false
	}
	return g.Keys.Known(secret)
}

// Caller returns the caller of a request, by its Authorization header. It answers ErrNone, ErrWrong, and named errors of
// package game where it could not find out.
func (g *Guard) Caller(ctx context.Context, h http.Header) (game.Caller, error) {
	credential, err := bearer(h)
	if err != nil {
		return game.Caller{}, err
	}
	if secret, ok := game.ParseSecret(credential); ok {
		return g.Keys.Caller(ctx, secret)
	}
	if strings.Count(credential, ".") == 2 { // a JWT in its compact form, RFC 7519
		return g.Tokens.Caller(ctx, credential)
	}
	return game.Caller{}, ErrWrong
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
