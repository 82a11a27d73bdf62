package game

import (
	"context"
	"time"
)

// maxInviteSeconds is the maximum duration of an invitation.
const maxInviteSeconds = 86400

// InviteRequest asks for an invitation.
type InviteRequest struct {
	// ExpiresIn is nil for the session's reservation_timeout.
	ExpiresIn *int `json:"expires_in" minimum:"1" maximum:"86400" doc:"For how many seconds the seat is reserved; null for the session's reservation_timeout."`
}

// Validate returns ErrValidation with everything that is wrong.
func (r InviteRequest) Validate() error {
	var p problems
	p.check(r.ExpiresIn == nil || *r.ExpiresIn >= 1 && *r.ExpiresIn <= maxInviteSeconds, "expires_in",
		"must be 1 to %d", maxInviteSeconds)
	return p.err()
}

// Invite reserves a seat for a player until a deadline of its own, and returns what that changed. The player confirms
// it like every reservation, without a code, whoever else may join. For a player with a reservation it sets the
// deadline; for one that has joined it changes nothing. It returns ErrValidation or the errors of [Session.JoinParty].
func (s *Session) Invite(id PlayerID, r InviteRequest, now time.Time) ([]Change, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	var done []Change
	if s.member(id) < 0 {
		p, _ := s.asWaiting(Party{Seats: []JoinRequest{{PlayerID: id}}}, nil)
		var err error
		if done, err = s.take(s.withTeams(p)[0], true, now); err != nil {
			return nil, err
		}
	}
	deadline := now.Add(seconds(s.ReservationTimeout))
	if r.ExpiresIn != nil {
		deadline = now.Add(seconds(*r.ExpiresIn))
	}
	i := s.member(id)
	if i < 0 || s.Members[i].Status != SeatReserved {
		return done, nil
	}
	if len(done) > 0 {
		s.Members[i].Deadline = &deadline
		return append(done, s.settle(now)...), nil
	}
	if s.Members[i].Deadline.Equal(deadline) {
		return nil, nil
	}
	s.Members[i].Deadline = &deadline
	return []Change{MemberChanged{id, []string{"deadline"}}}, nil
}

// Invite reserves a seat for a player, and reports whether it held none before. It returns the errors of
// [Session.Invite] and of the condition, ErrSessionNotFound, ErrPlayerNotFound or ErrPlayerSuspended, ErrNotHost or
// ErrForbidden.
func (s *Sessions) Invite(
	ctx context.Context, id SessionID, c Condition[Session], player PlayerID, r InviteRequest,
) (Session, bool, error) {
	c = byHost(ctx, c)
	if err := s.holds(ctx, id, c); err != nil {
		return Session{}, false, err
	}
	if err := s.canPlay(ctx, player, s.now()); err != nil {
		return Session{}, false, err
	}
	var invited bool // only valid if the change was made: an abandoned one may still set it
	v, err := s.change(ctx, id, c, func(v *Session, now time.Time) ([]Change, error) {
		invited = v.member(player) < 0
		return v.Invite(player, r, now)
	})
	if err != nil {
		return Session{}, false, err
	}
	return v, invited, nil
}
