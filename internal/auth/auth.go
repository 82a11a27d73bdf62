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

// ActAsHeader names the player on whose behalf a server sends a request, with that player's rights.
const ActAsHeader = "X-Act-As-Player"

// maxCredential is the maximum length of a credential in bytes.
const maxCredential = game.MaxCredential

// Errors of authentication. They do not say what is wrong, so that nobody can test parts of a credential.
var (
	ErrNone = game.ErrUnauthenticated.Detail(
		"The request has no credential. Send an API key or a player token: Authorization: Bearer ….",
	)
	// ErrWrong is the error of every invalid credential.
	ErrWrong = game.ErrUnauthenticated.Detail("The credential is unknown, was revoked or has expired.")
)

// Tokens authenticates player tokens.
type Tokens interface {
	// Caller returns the caller of a token. It returns ErrWrong for an invalid token, [game.ErrPlayerUnknown] for
	// another issuer's token whose identity has no player, and named errors of package game if it cannot check the
	// token.
	Caller(ctx context.Context, token string) (game.Caller, error)
}

// lookupTime bounds the lookup of an unknown key, including the wait for its turn.
const lookupTime = 5 * time.Second

// Guard authenticates requests.
type Guard struct {
	Keys *Keys
	// Tokens authenticates player tokens.
	Tokens Tokens
	// Failures limits the cost of guessed keys; nil for no limit.
	Failures *limits.Failures
	// Open says that there is no authentication: a request without a credential is one of [game.Anonymous]. A
	// credential that is sent is still checked.
	Open bool

	lookups singleflight.Group
}

// Caller returns the caller of a request, given its header and remote address. It returns ErrNone, ErrWrong, a
// [*limits.RefusedError], and named errors of package game if it cannot check the credential.
//
// Only the lookup of an unknown key must be limited. A malformed credential costs nothing. Verifying the signature of a
// token takes about 0.1 ms, no more than any small request, and the player of another issuer's token is looked up only
// after that.
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
		return g.Tokens.Caller(ctx, credential) //nolint:wrapcheck // errors of authentication are returned as they are
	}
	return game.Caller{}, ErrWrong
}

// byKey returns the caller of an API key.
func (g *Guard) byKey(ctx context.Context, from netip.Addr, s game.Secret) (game.Caller, error) {
	c, right, fresh := g.Keys.Known(s)
	if fresh {
		return c, nil
	}
	if right { // by an earlier lookup
		c, _, err := g.Keys.Caller(ctx, s)
		return c, err
	}
	// Concurrent requests with one key from one address share a lookup: a game server sends many when it starts.
	result := g.lookups.DoChan(from.String()+" "+s.Reveal(), func() (any, error) {
		return g.lookUp(context.WithoutCancel(ctx), from, s) // shared; lookUp has its own timeout
	})
	select {
	case r := <-result:
		c, _ := r.Val.(game.Caller)
		return c, r.Err //nolint:wrapcheck // errors of authentication are returned as they are
	case <-ctx.Done():
		return game.Caller{}, game.ErrStoreUnavailable.Because(context.Cause(ctx))
	}
}

// lookUp returns the caller of a key that is not in memory.
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
	if limited := lookup.End(guess); limited != nil {
		return game.Caller{}, limited //nolint:wrapcheck // errors of authentication are returned as they are
	}
	return c, err
}

// bearer returns the credential in the Authorization header (RFC 6750).
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

// ActAs returns the player named in [ActAsHeader], or the caller itself without that header. It returns ErrValidation
// and the errors of [game.Caller.As].
func ActAs(c game.Caller, h http.Header) (game.Caller, error) {
	values := h.Values(ActAsHeader)
	if len(values) == 0 {
		return c, nil
	}
	if len(values) > 1 {
		return game.Caller{}, game.ErrValidation.Detail("must be sent once")
	}
	return c.As(game.PlayerID(values[0]))
}
