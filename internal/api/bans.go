package api

import (
	"context"
	"slices"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

type banPlayerIn struct {
	SessionPath
	PlayerPath
	IfMatchHeader
	FenceHeader
	Sent Body[game.BanRequest]
}

// banOut is a response with a ban, which has the entity tag of its session.
type banOut struct {
	ETag string `header:"ETag"`
	Body game.Ban
}

func (a *API) banPlayer(ctx context.Context, in *banPlayerIn) (*banOut, error) {
	c := in.at(ifMatch[game.Session](in.IfMatch))
	s, err := a.Sessions.Ban(ctx, in.SessionID, c, in.PlayerID, in.Sent.Value())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.Bans, func(b game.Ban) bool { return b.PlayerID == in.PlayerID })
	return &banOut{web.ETag(s.Version), s.Bans[i]}, nil
}

type unbanPlayerIn struct {
	SessionPath
	PlayerPath
	IfMatchHeader
	FenceHeader
}

func (a *API) unbanPlayer(ctx context.Context, in *unbanPlayerIn) (*struct{}, error) {
	_, err := a.Sessions.Unban(ctx, in.SessionID, in.at(ifMatch[game.Session](in.IfMatch)), in.PlayerID)
	return nil, err
}

type bansOut struct{ Body banList }

// banList has all bans: a session has at most [game.MaxBans].
type banList struct {
	Items []game.Ban `json:"items" nullable:"false" doc:"The bans that have not ended, the oldest first."`
}

func (a *API) listBans(ctx context.Context, in *struct{ SessionPath }) (*bansOut, error) {
	bans, err := a.Sessions.Bans(ctx, in.SessionID)
	if err != nil {
		return nil, err
	}
	return &bansOut{banList{bans}}, nil
}
