package auth

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"golang.org/x/sync/singleflight"

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
	// Caller answers ErrWrong, ErrPlayerUnknown of another issuer's token, named errors of package game where it
	// could not find out, and what mayLookUp answers, which it asks before it looks for a player who was not there
	// before.
	Caller(ctx context.Context, token string, mayLookUp func() error) (game.Caller, error)
	// Known returns what Caller would answer without any work, and reports whether that is remembered.
	Known(token string) (c game.Caller, err error, known bool)
}

// Guard finds the callers of requests.
type Guard struct {
	Keys *Keys
	// Tokens are those of players.
	Tokens Tokens
	// Failures bounds what wrong credentials cost; nil for no limit.
	Failures *limits.Failures

	attempts singleflight.Group
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
		c, err, known := g.Tokens.Known(credential)
		if !known {
			c, err = g.Tokens.Caller(ctx, credential, func() error { return g.Failures.Check(from) })
		}
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
	if right { // when it was last looked up
		c, err := g.Keys.Caller(ctx, s)
		return c, g.note(from, string(s.ID), err)
	}
	return g.admit(ctx, from, s)
}

// attempt is what was found out about a key.
type attempt struct {
	caller  game.Caller
	refused error // for who sent it, whatever the key is
}

// admit looks up a key that is not known to be right. The same key many times at once, from one address, is one attempt: a game
// server that starts sends many.
func (g *Guard) admit(ctx context.Context, from netip.Addr, s game.Secret) (game.Caller, error) {
	result := g.attempts.DoChan(from.String()+" "+s.Reveal(), func() (any, error) {
		admission, err := g.Failures.Admit(from, string(s.ID))
		if err != nil {
			return attempt{}, err //nolint:wrapcheck // it is the answer
		}
		c, err := g.Keys.Caller(context.WithoutCancel(ctx), s) // for all who wait, and it ends by itself
		if !failed(err) {
			admission.Forgive()
			return attempt{caller: c}, err
		}
		return attempt{refused: admission.Refusal()}, err
	})
	select {
	case r := <-result:
		a, _ := r.Val.(attempt)
		if a.refused != nil {
			return game.Caller{}, a.refused
		}
		return a.caller, r.Err //nolint:wrapcheck // it is the answer
	case <-ctx.Done():
		return game.Caller{}, game.ErrStoreUnavailable.Because(context.Cause(ctx))
	}
}

// failed reports whether a credential lets nobody in, and will not when it comes again.
func failed(err error) bool {
	return errors.Is(err, ErrWrong) || errors.Is(err, game.ErrPlayerUnknown)
}

// note counts a credential that lets nobody in, and answers what its sender is told. A token of ours costs a signature to check and no
// lookup, so that one that is right always passes; so does another issuer's whose player was there when it was last looked up.
func (g *Guard) note(from netip.Addr, keyID string, err error) error {
	if !failed(err) {
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
