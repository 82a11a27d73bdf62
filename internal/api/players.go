package api

import (
	"context"
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

type createPlayerIn struct {
	IdempotencyHeader
	Body json.RawMessage
}

// Resolve implements [huma.Resolver].
func (in *createPlayerIn) Resolve(huma.Context) []error {
	return tellAll(game.Profile{}, in.Body, decode)
}

func (a *API) createPlayer(ctx context.Context, in *createPlayerIn) (*documentOut[game.Player], error) {
	f, err := decode(game.Profile{}, in.Body)
	if err != nil {
		return nil, err
	}
	i, err := in.idempotency("create-player", f)
	if err != nil {
		return nil, err
	}
	return creation(a.Players.Create(ctx, f, i))
}

type getPlayerIn struct {
	PlayerPath
	IfNoneMatchHeader
}

func (a *API) getPlayer(ctx context.Context, in *getPlayerIn) (*documentOut[game.Player], error) {
	p, err := a.Players.Get(ctx, in.PlayerID)
	return read(in.IfNoneMatch, p, err)
}

type listPlayersIn struct {
	Paging
	PlayerFilters
}

type playersOut struct{ Body page[game.Player] }

func (a *API) listPlayers(ctx context.Context, in *listPlayersIn) (*playersOut, error) {
	l, err := a.Players.List(ctx, game.PlayerQuery{Where: in.where()}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return &playersOut{boundedPage(ctx, l, (*writer).player)}, nil
}

type replacePlayerIn struct {
	PlayerPath
	IfMatchHeader
	Body json.RawMessage
}

// Resolve implements [huma.Resolver].
func (in *replacePlayerIn) Resolve(huma.Context) []error {
	return tellAll(game.Profile{}, in.Body, decode)
}

func (a *API) replacePlayer(ctx context.Context, in *replacePlayerIn) (*documentOut[game.Player], error) {
	return answer(a.Players.Edit(ctx, in.PlayerID, ifMatch[game.Player](in.IfMatch),
		func(game.Profile) (game.Profile, error) { return decode(game.Profile{}, in.Body) }))
}

type patchPlayerIn struct {
	PlayerPath
	IfMatchHeader
	Body json.RawMessage
}

// Resolve implements [huma.Resolver]. It looks at the patch alone, on a profile on which nothing else is wrong.
func (in *patchPlayerIn) Resolve(huma.Context) []error {
	return tellAll(game.Profile{Username: "any", Status: game.PlayerSuspended}, in.Body, mergePatch)
}

func (a *API) patchPlayer(ctx context.Context, in *patchPlayerIn) (*documentOut[game.Player], error) {
	return answer(a.Players.Edit(ctx, in.PlayerID, ifMatch[game.Player](in.IfMatch),
		func(f game.Profile) (game.Profile, error) { return mergePatch(f, in.Body) }))
}

type erasePlayerIn struct {
	PlayerPath
	IfMatchHeader
}

func (a *API) erasePlayer(ctx context.Context, in *erasePlayerIn) (*struct{}, error) {
	return nil, a.Players.Erase(ctx, in.PlayerID, ifMatch[game.Player](in.IfMatch))
}
