package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"game-session-manager/internal/game"
)

// Tokens makes what players and game servers are let in by. Package auth does.
type Tokens interface {
	// Mint makes a token of a player. It answers ErrNoTokens and ErrStoreUnavailable.
	Mint(p game.Player, life time.Duration) (game.Token, error)
	// Ticket makes the ticket of a member. It answers ErrNoTokens and ErrStoreUnavailable.
	Ticket(v game.Session, player game.PlayerID) (string, error)
	// JWKS answers the keys by which both are verified. It answers ErrNoTokens and ErrStoreUnavailable.
	JWKS() (game.JWKS, error)
}

// noTokens is a service without them.
type noTokens struct{}

func (noTokens) Mint(game.Player, time.Duration) (game.Token, error) {
	return game.Token{}, game.ErrNoTokens
}
func (noTokens) Ticket(game.Session, game.PlayerID) (string, error) { return "", game.ErrNoTokens }
func (noTokens) JWKS() (game.JWKS, error)                           { return game.JWKS{}, game.ErrNoTokens }

// jwksMaxAge is how long the keys may be kept: a sixth of the time for which a key is published before it signs.
const jwksMaxAge = "public, max-age=600"

type mintTokenIn struct {
	PlayerPath
	Sent Body[game.TokenRequest]
}

type mintTokenOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         game.Token
}

func (a *API) mintToken(ctx context.Context, in *mintTokenIn) (*mintTokenOut, error) {
	p, err := a.Players.ForToken(ctx, in.PlayerID)
	if err != nil {
		return nil, err
	}
	t, err := a.Tokens.Mint(p, in.Sent.Value().Life())
	if err != nil {
		return nil, err
	}
	return &mintTokenOut{CacheControl: "no-store", Body: t}, nil
}

type jwksOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         game.JWKS
}

func (a *API) getJWKS(context.Context, *struct{}) (*jwksOut, error) {
	keys, err := a.Tokens.JWKS()
	if err != nil {
		return nil, err
	}
	return &jwksOut{CacheControl: jwksMaxAge, Body: keys}, nil
}

// ticket answers the ticket of a member, empty if there can be none: the seat is taken whatever becomes of the ticket,
// and joining again brings one.
func (a *API) ticket(ctx context.Context, v game.Session, player game.PlayerID) string {
	t, err := a.Tokens.Ticket(v, player)
	if err != nil && !errors.Is(err, game.ErrNoTokens) {
		a.Log.LogAttrs(ctx, slog.LevelWarn, "no ticket for a member", slog.String("error", err.Error()))
	}
	return t
}
