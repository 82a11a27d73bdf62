package auth

import (
	"context"

	"github.com/go-jose/go-jose/v4/jwt"

	"game-session-manager/internal/game"
)

// eventClaims are those of a ticket for the event stream of one session.
type eventClaims struct {
	jwt.Claims
	Project game.ProjectID `json:"project"`
	Session game.SessionID `json:"session"`
	// Name is that of a caller with an API key, whose ticket reads only. The ticket of a player has the player as its
	// subject.
	Name string `json:"name,omitempty"`
}

// EventTicket returns a ticket with which the events of a session can be followed as the caller sees them. The caller
// must have been allowed to follow it. It returns ErrNoTokens and ErrStoreUnavailable.
func (s *Signer) EventTicket(c game.Caller, id game.SessionID) (game.EventTicket, error) {
	r, err := s.keysToSign()
	if err != nil {
		return game.EventTicket{}, err
	}
	claims := eventClaims{
		Claims: s.claims(c.Player, audienceEvents, game.EventTicketLife), Project: c.Project, Session: id,
	}
	if c.Scope != game.ScopePlayer {
		claims.Name = c.Name
	}
	text, err := r.events.sign(claims)
	if err != nil {
		return game.EventTicket{}, err
	}
	return game.EventTicket{Ticket: text, ExpiresAt: claims.Expiry.Time().UTC()}, nil
}

// Follower returns the caller of a ticket for the event stream of a session. It returns ErrWrong for an invalid ticket,
// and for that of another session, and ErrStoreUnavailable if it cannot verify the ticket.
func (s *Signer) Follower(ctx context.Context, ticket string, id game.SessionID) (game.Caller, error) {
	if !compact(ticket) {
		return game.Caller{}, rejected("too long, or not a JWT")
	}
	var c eventClaims
	_, err := s.unpack(ctx, ticket, typEvents, &c)
	if err == nil {
		err = s.valid(c.Claims, audienceEvents)
	}
	player := game.PlayerID(c.Subject)
	switch {
	case err != nil:
		return game.Caller{}, err
	case c.Session != id:
		return game.Caller{}, rejected("the ticket is of another session")
	case !game.ValidProject(c.Project):
	case c.Name != "" && player == "":
		return game.Caller{Project: c.Project, Scope: game.ScopeRead, Name: c.Name}, nil
	case c.Name == "" && game.ValidPlayerID(player):
		return playerCaller(c.Project, player), nil
	}
	return game.Caller{}, rejected("claims are missing")
}
