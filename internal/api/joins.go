package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// maxJoinBody is the maximum size in bytes of the body of a join. It has room for [game.MaxParty] players with as many
// attributes as a member may have.
const maxJoinBody = 512 << 10

type joinSessionIn struct {
	SessionPath
	FenceHeader
	PreferHeader
	CallerAddress
	Sent Body[joinSessionRequest]
}

// joinSessionRequest asks for the seat of one player, as a [game.JoinRequest], or for those of several.
type joinSessionRequest struct {
	PlayerID   game.PlayerID      `json:"player_id" doc:"The player's id. Give either player_id or players."`
	Team       string             `json:"team" maxLength:"64" doc:"One of the session's teams, auto for the emptiest that has room, or empty for none. A member that joins again without a team or with the same one keeps it; another team is 409 already_member."`
	Attributes game.Attributes    `json:"attributes" maxProperties:"32" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data. A member that joins again without them or with the same keeps its own; others are 409 already_member."`
	Players    []game.JoinRequest `json:"players" maxItems:"64" nullable:"false" doc:"A party: players who get their seats in one step, all of them or none."`
	Partial    bool               `json:"partial" doc:"Of players: seat those who can be seated, in their order, and return the others in left_out."`
	Reserve    bool               `json:"reserve" doc:"Reserve the seats for reservation_timeout. Each player confirms its own by joining."`
	Code       string             `json:"code" maxLength:"32" doc:"The join code of the session, in any case. A private session requires it of new members, unless they are invited or a server sends the request."`
	Wait       bool               `json:"wait" doc:"Of player_id: where no seat is free, put the player on the wait list, and return 202 with its position. A player who is on it already stays in its place."`
	Password   string             `json:"password" maxLength:"128" doc:"The password of the session. A session that has one requires it of new members, unless they have a join code or an invitation or a server sends the request."`
}

// Validate returns ErrValidation with everything that is wrong regardless of the session.
func (r joinSessionRequest) Validate() error {
	e := *game.ErrValidation
	wrong := func(is bool, field, message string) {
		if is {
			e.Fields = append(e.Fields, game.FieldError{Field: field, Message: message})
		}
	}
	party := r.Players != nil
	wrong(r.PlayerID == "" && !party, "player_id", "is required, unless there are players")
	wrong(r.PlayerID != "" && party, "players", "must be left out if there is a player_id")
	wrong(r.Team != "" && party, "team", "must be that of each of players")
	wrong(r.Attributes != nil && party, "attributes", "must be those of each of players")
	wrong(r.Partial && !party, "partial", "is for players")
	wrong(r.Wait && party, "wait", "is for one player_id: parties do not wait")
	rules := game.MemberSettings{Team: r.Team, Attributes: r.Attributes}.Validate
	switch {
	case party:
		rules = r.party().Validate
	case r.PlayerID != "":
		rules = r.party().Validate
	}
	if broken := (*game.Error)(nil); errors.As(r.located(rules()), &broken) {
		e.Fields = append(e.Fields, broken.Fields...)
	}
	if len(e.Fields) == 0 {
		return nil
	}
	return &e
}

// party returns the party that is asked for: one player may be one.
func (r joinSessionRequest) party() game.Party {
	seats := r.Players
	if seats == nil {
		seats = []game.JoinRequest{{PlayerID: r.PlayerID, Team: r.Team, Attributes: r.Attributes}}
	}
	return game.Party{
		Seats: seats, Partial: r.Partial, Reserve: r.Reserve, Code: r.Code, Password: r.Password,
		Wait: r.Wait && r.Players == nil,
	}
}

// located returns the error of a join with the places of its fields in the body.
func (r joinSessionRequest) located(err error) error {
	e := (*game.Error)(nil)
	if r.Players == nil || !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	i := slices.IndexFunc(r.Players, func(j game.JoinRequest) bool { return j.PlayerID == e.Extras["player_id"] })
	located := *e
	located.Fields = slices.Clone(e.Fields)
	for n := range located.Fields {
		if f := &located.Fields[n]; !strings.HasPrefix(f.Field, "players") {
			f.Field = fmt.Sprintf("players.%d.%s", max(i, 0), f.Field) // the only player of a party is not named
		}
	}
	return &located
}

// joinedSession is a session with the tickets of the players who joined it, or the position of one who waits.
type joinedSession struct {
	Session
	Ticket  string                   `json:"ticket,omitzero" doc:"Proves to the session's server, without a call, that the player has its seat: a JWT for 15 minutes. Absent where there are no tokens, and for a reserved seat."`
	Tickets map[game.PlayerID]string `json:"tickets,omitzero" doc:"The tickets of a party, by the ids of the players who have joined. A player gets its own only."`
	LeftOut []leftOut                `json:"left_out,omitzero" nullable:"false" doc:"Who got no seat, if partial allows that, in the order of players; absent if all have one."`

	Created *bool `json:"created,omitzero" doc:"Whether the session was created by the request; of quick joins only."`

	Position int `json:"position,omitzero" doc:"The player's place on the wait list, from 1; absent if it has a seat."`
}

// leftOut is a player of a party without a seat.
type leftOut struct {
	PlayerID game.PlayerID `json:"player_id" doc:"The player's id."`
	Code     string        `json:"code" doc:"Why, as the code of a problem."`
	Detail   string        `json:"detail" doc:"Why, for people."`
}

type joinSessionOut struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Applied  string `header:"Preference-Applied"`
	Body     joinedSession
}

func (a *API) joinSession(ctx context.Context, in *joinSessionIn) (*joinSessionOut, error) {
	join := func(ctx context.Context, p game.Party) (game.Session, []game.Seated, error) {
		return a.Sessions.JoinParty(ctx, in.SessionID, in.condition(), p)
	}
	return a.joined(ctx, in.Sent.Value(), in.PreferHeader, a.limitGuesses(in.CallerAddress, in.SessionID, join))
}

// joined returns the response to a join.
func (a *API) joined(
	ctx context.Context, r joinSessionRequest, prefer PreferHeader, join joinFunc,
) (*joinSessionOut, error) {
	s, seated, err := join(ctx, r.party())
	if err != nil {
		return nil, r.located(err)
	}
	members, applied := prefer.preferred()
	out := &joinSessionOut{
		Status: http.StatusOK, ETag: web.ETag(s.Version), Applied: applied,
		Body: joinedSession{Session: members.of(s)},
	}
	if slices.ContainsFunc(seated, func(one game.Seated) bool { return one.New }) {
		out.Status = http.StatusCreated
	}
	if r.Players != nil {
		out.Body.Tickets, out.Body.LeftOut = a.tickets(ctx, s, seated), leftOutOf(seated)
		return out, nil
	}
	if out.Body.Position = seated[0].Position; out.Body.Position > 0 {
		out.Status = http.StatusAccepted
	}
	out.Body.Ticket = a.tickets(ctx, s, seated)[r.PlayerID]
	if out.Status == http.StatusCreated {
		out.Location = memberPath(s.ID, r.PlayerID)
	}
	return out, nil
}

// tickets returns the tickets of those of a party who have joined. A player gets no ticket of another.
func (a *API) tickets(ctx context.Context, s game.Session, seated []game.Seated) map[game.PlayerID]string {
	caller := game.CallerFrom(ctx)
	var all map[game.PlayerID]string
	for _, one := range seated {
		if caller.Scope == game.ScopePlayer && caller.Player != one.PlayerID {
			continue
		}
		if m, err := s.Member(one.PlayerID); err != nil || m.Status != game.SeatJoined {
			continue
		}
		if ticket := a.ticket(ctx, s, one.PlayerID); ticket != "" {
			if all == nil {
				all = make(map[game.PlayerID]string, len(seated))
			}
			all[one.PlayerID] = ticket
		}
	}
	return all
}

// leftOutOf returns those of a party who got no seat.
func leftOutOf(seated []game.Seated) (all []leftOut) {
	for _, one := range seated {
		e := (*game.Error)(nil)
		if !errors.As(one.Err, &e) {
			continue
		}
		detail := e.Message
		for i, f := range e.Fields { // the message only refers to them
			if i == 0 {
				detail = ""
			}
			detail = strings.TrimSpace(detail + " The " + f.Field + " " + f.Message + ".")
		}
		all = append(all, leftOut{one.PlayerID, e.Code, detail})
	}
	return all
}
