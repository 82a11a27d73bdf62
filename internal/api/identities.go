package api

import (
	"context"
	"net/http"

	"game-session-manager/internal/game"
)

type getPlayerByIdentityIn struct {
	IdentityPath
	IfNoneMatchHeader
}

func (p IdentityPath) identity() game.Identity {
	return game.Identity{Provider: p.Provider, Subject: p.Subject}
}

func (a *API) getPlayerByIdentity(ctx context.Context, in *getPlayerByIdentityIn) (*documentOut[game.Player], error) {
	p, err := a.Players.Identified(ctx, in.identity())
	return conditionalResponse(in.IfNoneMatch, p, err)
}

type enterPlayerIn struct {
	IdentityPath
	Sent Body[game.Newcomer]
}

func (a *API) enterPlayer(ctx context.Context, in *enterPlayerIn) (*documentOut[game.Player], error) {
	p, created, err := a.Players.Enter(ctx, in.identity(), in.Sent.Value())
	out, err := documentResponse(p, err)
	if err == nil && created {
		out.Status = http.StatusCreated
		out.Location, _ = identity(p)
	}
	return out, err
}
