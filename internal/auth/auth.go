package auth

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

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
	ErrNone = game.ErrUnauthenticated.Detail(
		"The request has no credential. Send an API key or a player token: Authorization: Bearer ….",
	)
	// ErrWrong is the answer to every credential that is not right, whatever is wrong with it.
	ErrWrong = game.ErrUnauthenticated.Detail("The credential is unknown, was revoked or has expired.")
)

// Tokens tells whose a token is.
type Tokens interface {
	// Caller returns ErrWrong, of another issuer's token [game.ErrPlayerUnknown], and named errors of package game
	// where it could not find out.
	Caller(ctx context.Context, token string) (game.Caller, error)
}

// lookupTime bounds the lookup of a key that nothing is known of, with the wait for its turn.
const lookupTime = 5 * time.Second

// Guard finds the callers of requests.
type Guard struct {
	Keys *Keys
	// Tokens are those of players.
	Tokens Tokens
	// Failures bounds what guesses at keys cost; nil for no limit.
	Failures *limits.Failures
	// Open says that there is no authentication: a request without a credential is one of [game.Anonymous]. A
	// credential that is sent is judged all the same.
	Open bool

	lookups singleflight.Group
}

// Caller returns the caller of a request, by its Authorization header and the address that it comes from. It returns
// ErrNone, ErrWrong, a [*limits.RefusedError], and named errors of package game where it could not find out.
//
// Only a key that nothing is known of is a lookup that has to be bounded. What cannot be a credential costs nothing,
// and a token costs a signature to verify, some 0.1 ms as any small request does; of another issuer's the player is
// looked up once that is right, which nobody can guess.
func (g *Guard) Caller(ctx context.Context, from netip.Addr, h http.Header) (game.Caller, error) {
	if g.Open && len(h.Values("Authorization")) == 0 {
		return game.Anonymous(), nil
	}
	credential, err := bearer(h)
	if err != nil {
		return game.Caller{}, err
	}
	if secret, ok := game.ParseSecret(credential); ok {
		return g.byKey(ctx, from, secret)
	}
	if strings.Count(credential, ".") == 2 { // a JWT in its compact form, RFC 7519
		return g.Tokens.Caller(ctx, credential) //nolint:wrapcheck // it is the answer
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
		c, _, err := g.Keys.Caller(ctx, s)
		return c, err
	}
	// The same key many times at once, from one address, is looked up once: a game server that starts sends many.
	result := g.lookups.DoChan(from.String()+" "+s.Reveal(), func() (any, error) {
		return g.lookUp(context.WithoutCancel(ctx), from, s) // for all who wait, and it ends by itself
	})
	select {
	case r := <-result:
		c, _ := r.Val.(game.Caller)
		return c, r.Err //nolint:wrapcheck // it is the answer
	case <-ctx.Done():
		return game.Caller{}, game.ErrStoreUnavailable.Because(context.Cause(ctx))
	}
}

// lookUp finds out about a key that is not known to be right.
func (g *Guard) lookUp(ctx context.Context, from netip.Addr, s game.Secret) (game.Caller, error) {
	if wrong, guess := g.Keys.Wrong(s); wrong {
		if guess {
			return game.Caller{}, cmp.Or(g.Failures.Again(string(s.ID)), error(ErrWrong))
		}
		return game.Caller{}, ErrWrong
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	lookup, err := g.Failures.Admit(ctx, from, string(s.ID))
	if err != nil {
		if ctx.Err() != nil {
			err = game.ErrStoreUnavailable.Because(err)
		}
		return game.Caller{}, err
	}
	c, guess, err := g.Keys.Caller(ctx, s)
	if refused := lookup.End(guess); refused != nil {
		return game.Caller{}, refused //nolint:wrapcheck // it is the answer
	}
	return c, err
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
