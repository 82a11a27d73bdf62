package api

import (
	"context"
	"time"

	"game-session-manager/internal/game"
)

type playerSessionsIn struct {
	PlayerPath
	Paging
	Status        []game.SessionStatus `query:"status" enum:"pending,open,starting,in_progress,ended,cancelled,expired,failed" maxItems:"8" doc:"Sessions in one of these states, separated by commas."`
	CreatedAfter  time.Time            `query:"created_after" doc:"Sessions created at this time (RFC 3339) or later."`
	CreatedBefore time.Time            `query:"created_before" doc:"Sessions created before this time (RFC 3339)."`
	Members       MembersQuery         `query:"members" enum:"none,ids,full" default:"ids" doc:"What is returned of the members: members (full), member_ids (ids) or neither (none)."`
}

func (a *API) listPlayerSessions(ctx context.Context, in *playerSessionsIn) (*pageOut[Session], error) {
	members := in.Members.detail()
	l, err := a.Players.History(ctx, in.PlayerID, game.HistoryQuery{
		Statuses: in.Status, From: in.CreatedAfter, To: in.CreatedBefore, Brief: members != membersFull,
	}, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	p, err := boundedPage(ctx, l, nil, members.of)
	return pageResponse(in.IfNoneMatch, p, err)
}
