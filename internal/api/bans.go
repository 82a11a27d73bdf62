package api

import (
	"context"
	"slices"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

type banPlayerIn struct {
	SessionChange
	PlayerPath
	Sent Body[game.BanRequest]
}

func (a *API) banPlayer(ctx context.Context, in *banPlayerIn) (*taggedOut[game.Ban], error) {
	s, err := a.Sessions.Ban(ctx, in.SessionID, in.conditions(), in.PlayerID, in.Sent.Value())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.Bans, func(b game.Ban) bool { return b.PlayerID == in.PlayerID })
	return &taggedOut[game.Ban]{web.ETag(s.Version), s.Bans[i]}, nil
}

type unbanPlayerIn struct {
	SessionChange
	PlayerPath
}

func (a *API) unbanPlayer(ctx context.Context, in *unbanPlayerIn) (*struct{}, error) {
	_, err := a.Sessions.Unban(ctx, in.SessionID, in.conditions(), in.PlayerID)
	return nil, err
}

// banList has all bans: a session has at most [game.MaxBans].
type banList struct {
	Items []game.Ban `json:"items" nullable:"false" doc:"The bans that have not ended, the oldest first."`
}

func (a *API) listBans(ctx context.Context, in *struct{ SessionPath }) (*bodyOut[banList], error) {
	bans, err := a.Sessions.Bans(ctx, in.SessionID)
	return bodyResponse(banList{bans}, err)
}
