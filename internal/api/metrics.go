package api

import (
	"context"
	"time"

	"game-session-manager/internal/game"
)

type systemMetricsIn struct {
	From   time.Time `query:"from" doc:"The start of the range (RFC 3339); at most seven days before its end. The default is an hour before the end."`
	To     time.Time `query:"to" doc:"The end of the range (RFC 3339). The default is now."`
	Cursor string    `query:"cursor" maxLength:"512" doc:"The next_cursor of an earlier response to the same request."`
	Step   int       `query:"step" minimum:"15" maximum:"86400" doc:"Seconds between points; at most 1,000 points in the range. The default gives about 240 points."`
}

func (a *API) getSystemMetrics(ctx context.Context, in *systemMetricsIn) (*bodyOut[game.SystemMetrics], error) {
	step := time.Duration(in.Step) * time.Second
	r := game.MetricsRange{From: in.From, To: in.To, Step: step, Cursor: in.Cursor}
	return bodyResponse(a.Metrics.System(ctx, r))
}
