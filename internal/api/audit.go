package api

import (
	"context"
	"time"

	"game-session-manager/internal/game"
)

type auditIn struct {
	Paging
	ActorKind game.ActorKind `query:"actor_kind" enum:"player,key,admin,system" doc:"Events by actors of this kind."`
	ActorID   string         `query:"actor_id" maxLength:"64" doc:"Events by the actor with this id, such as that of an API key."`
	From      time.Time      `query:"from" doc:"Events at this time (RFC 3339) or later."`
	To        time.Time      `query:"to" doc:"Events before this time (RFC 3339)."`
}

func (a *API) listAudit(ctx context.Context, in *auditIn) (*pageOut[game.Event], error) {
	l, err := a.Sessions.Audit(ctx, game.AuditQuery{
		ActorKind: in.ActorKind, ActorID: in.ActorID, From: in.From, To: in.To,
	}, in.Cursor, in.Limit)
	return pageResponse(in.IfNoneMatch, newPage(l), err)
}
