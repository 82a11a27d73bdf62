package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"game-session-manager/internal/game"
)

// Tokens issues player tokens and join tickets. Package auth implements it.
type Tokens interface {
	// Mint returns a token for a player, or ErrNoTokens or ErrStoreUnavailable.
	Mint(p game.Player, life time.Duration) (game.Token, error)
	// Ticket returns the ticket of a member, or ErrNoTokens or ErrStoreUnavailable.
	Ticket(v game.Session, player game.PlayerID) (string, error)
	// EventTicket returns a ticket for the event stream of a session, or ErrNoTokens or ErrStoreUnavailable.
	EventTicket(c game.Caller, id game.SessionID) (game.EventTicket, error)
	// Follower returns the caller of a ticket for the event stream of a session. It returns named errors of package
	// game.
	Follower(ctx context.Context, ticket string, id game.SessionID) (game.Caller, error)
	// JWKS returns the public keys that verify all of these, or ErrNoTokens or ErrStoreUnavailable.
	JWKS() (game.JWKS, error)
}

// noTokens implements [Tokens] for a service that issues none.
type noTokens struct{}

func (noTokens) Mint(game.Player, time.Duration) (game.Token, error) {
	return game.Token{}, game.ErrNoTokens
}
func (noTokens) Ticket(game.Session, game.PlayerID) (string, error) { return "", game.ErrNoTokens }
func (noTokens) EventTicket(game.Caller, game.SessionID) (game.EventTicket, error) {
	return game.EventTicket{}, game.ErrNoTokens
}

func (noTokens) Follower(context.Context, string, game.SessionID) (game.Caller, error) {
	return game.Caller{}, game.ErrNoTokens
}

func (noTokens) JWKS() (game.JWKS, error) { return game.JWKS{}, game.ErrNoTokens }

// jwksMaxAge allows clients to cache the keys for a sixth of the time between a key's publication and its first use.
const jwksMaxAge = "public, max-age=600"

type mintTokenIn struct {
	PlayerPath
	Sent Body[game.TokenRequest]
}

func (a *API) mintToken(ctx context.Context, in *mintTokenIn) (*cachedOut[game.Token], error) {
	p, err := a.Players.ForToken(ctx, in.PlayerID)
	if err != nil {
		return nil, err
	}
	t, err := a.Tokens.Mint(p, in.Sent.Value().Life())
	return &cachedOut[game.Token]{"no-store", t}, err
}

func (a *API) getJWKS(context.Context, *struct{}) (*cachedOut[game.JWKS], error) {
	keys, err := a.Tokens.JWKS()
	return &cachedOut[game.JWKS]{jwksMaxAge, keys}, err
}

// ticket returns the ticket of a member, or "" if it cannot be issued: the join has already happened, and joining again
// returns another ticket.
func (a *API) ticket(ctx context.Context, v game.Session, player game.PlayerID) string {
	t, err := a.Tokens.Ticket(v, player)
	if err != nil && !errors.Is(err, game.ErrNoTokens) {
		a.Log.LogAttrs(ctx, slog.LevelWarn, "no ticket for a member", slog.String("error", err.Error()))
	}
	return t
}
