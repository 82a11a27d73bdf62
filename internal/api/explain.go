package api

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

type explainSessionIn struct {
	SessionPath
	Sent Body[game.ExplainRequest]
}

func (a *API) explainSession(ctx context.Context, in *explainSessionIn) (*bodyOut[game.Explanation], error) {
	return bodyResponse(a.Sessions.Explain(ctx, in.SessionID, in.Sent.Value()))
}

// explanationSchemas completes the schemas of explanations.
func explanationSchemas(r huma.Registry) {
	explain := requestOf[game.ExplainRequest](r)
	explain.Properties["include"].Items.Enum = enum(game.Obstacles())
	named(r, "ExplainRequest", explain)

	r.Schema(reflect.TypeFor[game.Explanation](), true, "")
	r.Schema(reflect.TypeFor[game.SearchReason](), true, "")
	for _, name := range []string{"Reason", "SearchReason"} {
		reason := r.Map()[name]
		reason.Properties["about"].Enum = enum(game.ReasonsAbout())
		reason.Properties["code"].Enum = enum(game.ReasonCodes())
		reason.Properties["op"].Enum = enum(game.Ops())
	}
}
