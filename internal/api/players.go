package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

type playerOut struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed"`
	Body     game.Player
}

func newPlayerOut(p game.Player, err error) (*playerOut, error) {
	if err != nil {
		return nil, err
	}
	return &playerOut{Status: http.StatusOK, ETag: etag(p.Version), Body: p}, nil
}

func playerVersion(p game.Player) int64 { return p.Version }

type createPlayerIn struct {
	IdempotencyHeader
	Body json.RawMessage
}

// Resolve implements [huma.Resolver].
func (in *createPlayerIn) Resolve(huma.Context) []error {
	return tellAll(game.Profile{}, in.Body, decode)
}

func (a *API) createPlayer(ctx context.Context, in *createPlayerIn) (*playerOut, error) {
	f, err := decode(game.Profile{}, in.Body)
	if err != nil {
		return nil, err
	}
	i, err := in.idempotency("create-player", f)
	if err != nil {
		return nil, err
	}
	created, err := a.Players.Create(ctx, f, i)
	if err != nil {
		return nil, err
	}
	p := created.Document
	out := &playerOut{Status: http.StatusCreated, ETag: etag(p.Version), Location: basePath + "/players/" + string(p.ID), Body: p}
	if created.Replayed {
		out.Replayed = "true"
	}
	return out, nil
}

type getPlayerIn struct {
	PlayerPath
	IfNoneMatchHeader
}

func (a *API) getPlayer(ctx context.Context, in *getPlayerIn) (*playerOut, error) {
	out, err := newPlayerOut(a.Players.Get(ctx, in.PlayerID))
	if err == nil && notModified(in.IfNoneMatch, out.Body.Version) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

type listPlayersIn struct {
	Paging
	UsernamePrefix string            `query:"username_prefix" maxLength:"32" doc:"The beginning of the username, in any case."`
	Status         game.PlayerStatus `query:"status" enum:"active,suspended"`
}

type playersOut struct{ Body page[game.Player] }

func (a *API) listPlayers(ctx context.Context, in *listPlayersIn) (*playersOut, error) {
	l, err := a.Players.List(ctx, game.PlayerQuery{UsernamePrefix: in.UsernamePrefix, Status: in.Status}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return &playersOut{newPage(l)}, nil
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

func (a *API) replacePlayer(ctx context.Context, in *replacePlayerIn) (*playerOut, error) {
	return newPlayerOut(a.Players.Edit(ctx, in.PlayerID, ifMatch(in.IfMatch, playerVersion),
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

func (a *API) patchPlayer(ctx context.Context, in *patchPlayerIn) (*playerOut, error) {
	return newPlayerOut(a.Players.Edit(ctx, in.PlayerID, ifMatch(in.IfMatch, playerVersion),
		func(f game.Profile) (game.Profile, error) { return mergePatch(f, in.Body) }))
}

type erasePlayerIn struct {
	PlayerPath
	IfMatchHeader
}

func (a *API) erasePlayer(ctx context.Context, in *erasePlayerIn) (*struct{}, error) {
	return nil, a.Players.Erase(ctx, in.PlayerID, ifMatch(in.IfMatch, playerVersion))
}
