package api

import (
	"context"
	"net/http"

	"game-session-manager/internal/game"
)

type invitePlayerIn struct {
	SessionChange
	PlayerPath
	Sent Body[game.InviteRequest]
}

// inviteOut is a response with an invited member, which has the entity tag of its session.
type inviteOut struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     game.Member
}

func (a *API) invitePlayer(ctx context.Context, in *invitePlayerIn) (*inviteOut, error) {
	s, invited, err := a.Sessions.Invite(ctx, in.SessionID, in.conditions(), in.PlayerID, in.Sent.Value())
	m, err := memberResponse(in.PlayerID, s, err)
	if err != nil {
		return nil, err
	}
	out := &inviteOut{Status: m.Status, ETag: m.ETag, Body: m.Body}
	if invited {
		out.Status, out.Location = http.StatusCreated, memberPath(in.SessionID, in.PlayerID)
	}
	return out, nil
}
