package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

type createPlayerIn struct {
	IdempotencyHeader
	Sent Body[game.Profile]
}

func (a *API) createPlayer(ctx context.Context, in *createPlayerIn) (*documentOut[game.Player], error) {
	f := in.Sent.Value()
	i, err := in.idempotency("create-player", f)
	if err != nil {
		return nil, err
	}
	return createdResponse(a.Players.Create(ctx, f, i))
}

type getPlayerIn struct {
	PlayerPath
	IfNoneMatchHeader
}

func (a *API) getPlayer(ctx context.Context, in *getPlayerIn) (*documentOut[game.Player], error) {
	p, err := a.Players.Get(ctx, in.PlayerID)
	return conditionalResponse(in.IfNoneMatch, p, err)
}

type listPlayersIn struct {
	Paging
	PlayerFilters
}

func (a *API) listPlayers(ctx context.Context, in *listPlayersIn) (*pageOut[game.Player], error) {
	limit := in.Limit
	if len(in.IDs) > 0 { // whoever names players wants all of them
		limit = game.MaxLimit
	}
	l, err := a.Players.List(ctx, game.PlayerQuery{Where: in.where()}, in.Cursor, limit)
	if err != nil {
		return nil, err
	}
	p, err := boundedPage(ctx, l, nil, func(p game.Player) game.Player { return p })
	return pageResponse(in.IfNoneMatch, p, err)
}

type replacePlayerIn struct {
	PlayerPath
	IfMatchHeader
	Sent Body[game.Profile]
}

func (a *API) replacePlayer(ctx context.Context, in *replacePlayerIn) (*documentOut[game.Player], error) {
	return documentResponse(a.Players.Edit(ctx, in.PlayerID, ifMatch[game.Player](in.IfMatch),
		func(game.Profile) (game.Profile, error) { return in.Sent.Value(), nil }))
}

type patchPlayerIn struct {
	PlayerPath
	IfMatchHeader
	Sent Patch[game.Profile]
}

// Resolve implements [huma.Resolver].
func (in *patchPlayerIn) Resolve(ctx huma.Context) []error {
	return in.Sent.resolve(ctx, game.Profile{Username: "any", Status: game.PlayerSuspended})
}

func (a *API) patchPlayer(ctx context.Context, in *patchPlayerIn) (*documentOut[game.Player], error) {
	return documentResponse(a.Players.Edit(ctx, in.PlayerID, ifMatch[game.Player](in.IfMatch),
		func(f game.Profile) (game.Profile, error) { return in.Sent.MergedInto(f), nil }))
}

type erasePlayerIn struct {
	PlayerPath
	IfMatchHeader
}

func (a *API) erasePlayer(ctx context.Context, in *erasePlayerIn) (*struct{}, error) {
	return nil, a.Players.Erase(ctx, in.PlayerID, ifMatch[game.Player](in.IfMatch))
}
