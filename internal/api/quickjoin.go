package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

type quickJoinIn struct {
	IdempotencyHeader
	PreferHeader
	Sent Body[quickJoinRequest]
}

// quickJoinRequest asks for the seat of one player or of a party in any session that matches.
type quickJoinRequest struct {
	PlayerID   game.PlayerID      `json:"player_id" doc:"The player's id. Give either player_id or players."`
	Team       string             `json:"team" maxLength:"64" doc:"A team of the session, auto for the emptiest that has room, or empty for none. Sessions without room in the team are not joined."`
	Attributes game.Attributes    `json:"attributes" maxProperties:"32" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data of the member."`
	Players    []game.JoinRequest `json:"players" maxItems:"64" nullable:"false" doc:"A party: players who get their seats in one session, all of them or none."`
	game.QuickJoin
}

// join returns the part of the request that a join of a session has, too.
func (r quickJoinRequest) join() joinSessionRequest {
	return joinSessionRequest{PlayerID: r.PlayerID, Team: r.Team, Attributes: r.Attributes, Players: r.Players}
}

// Validate returns ErrValidation with everything that is wrong regardless of who joins.
func (r quickJoinRequest) Validate() error {
	e := *game.ErrValidation
	for _, err := range []error{r.join().Validate(), r.QuickJoin.Validate()} {
		if broken := (*game.Error)(nil); errors.As(err, &broken) {
			e.Fields = append(slices.Clip(e.Fields), broken.Fields...)
		}
	}
	if len(e.Fields) == 0 {
		return nil
	}
	return &e
}

type quickJoinOut struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotent-Replayed"`
	Applied  string `header:"Preference-Applied"`
	Body     joinedSession
}

func (a *API) quickJoin(ctx context.Context, in *quickJoinIn) (*quickJoinOut, error) {
	r := in.Sent.Value()
	i, err := in.idempotency("quick-join", r)
	if err != nil {
		return nil, err
	}
	join := r.join()
	found, err := a.Sessions.QuickJoin(ctx, join.party(), r.QuickJoin, i)
	if err != nil {
		return nil, join.located(err)
	}
	s := found.Session
	members, applied := in.preferred()
	out := &quickJoinOut{
		Status: http.StatusOK, ETag: web.ETag(s.Version), Applied: applied,
		Body: joinedSession{Session: members.of(s), Created: &found.Created},
	}
	if found.Replayed {
		out.Replayed = "true"
	}
	if found.Created {
		out.Status = http.StatusCreated
		out.Location, _ = identity(s)
	}
	var tickets map[game.PlayerID]string
	if !s.Status.Terminal() {
		tickets = a.tickets(ctx, s, found.Seated)
	}
	if r.Players != nil {
		out.Body.Tickets = tickets
	} else {
		out.Body.Ticket = tickets[r.PlayerID]
	}
	return out, nil
}

// quickJoinSchemas completes the schemas of quick joins.
func quickJoinSchemas(r huma.Registry) {
	quick := requestOf[quickJoinRequest](r)
	named(r, "SessionTemplate", requestOf[game.SessionTemplate](r, "max_players"))
	quick.Properties["create"] = objectOrNone(r, quick.Properties["create"])
	named(r, "QuickJoinRequest", quick)
}
