package api

import (
	"context"

	"game-session-manager/internal/game"
)

// exportSuffix is the end of the path of exports.
const exportSuffix = "/export"

type exportPlayerIn struct {
	PlayerPath
	Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of the page before."`
}

type exportPlayerOut struct{ Body game.PlayerExport }

func (a *API) exportPlayer(ctx context.Context, in *exportPlayerIn) (*exportPlayerOut, error) {
	e, err := a.Players.Export(ctx, in.PlayerID, in.Cursor)
	return &exportPlayerOut{e}, err
}
