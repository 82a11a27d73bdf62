package game

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// MaxWaiting is the maximum number of players on the wait list of a session.
const MaxWaiting = 256

// Waiter is a player's place on the wait list of a session.
type Waiter struct {
	PlayerID   PlayerID   `json:"player_id" doc:"The player's id."`
	Team       string     `json:"team" bson:"team,omitempty" maxLength:"64" doc:"The team for which the player waits, auto for any of them, or empty for a seat without a team."`
	Attributes Attributes `json:"attributes" maxProperties:"32" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data, which the member gets."`
	Since      time.Time  `json:"since" doc:"When the player began to wait."`
	// Position is set where a session is shown, and not stored.
	Position int `json:"position,omitzero" bson:"position,omitempty" doc:"The place on the wait list, from 1, where the session is shown. Those before it may wait for other teams."`
}

// WaitEnd says why a player left the wait list.
type WaitEnd string

// The reasons why players leave the wait list.
const (
	WaitSeated      WaitEnd = "seated"       // the player got a seat
	WaitLeft        WaitEnd = "left"         // at its own request
	WaitKicked      WaitEnd = "kicked"       // by the host, a server or an admin
	WaitBanned      WaitEnd = "banned"       // the player was banned from the session
	WaitTeamRemoved WaitEnd = "team_removed" // the session no longer has the team
	WaitSuspended   WaitEnd = "suspended"    // the player was suspended
	WaitErased      WaitEnd = "erased"       // the player was erased
)

// WaitEnds returns all reasons.
func WaitEnds() []WaitEnd {
	return []WaitEnd{
		WaitSeated, WaitLeft, WaitKicked, WaitBanned, WaitTeamRemoved, WaitSuspended, WaitErased,
	}
}

// waiter returns the index of the player in WaitList, or -1.
func (s *Session) waiter(id PlayerID) int {
	return slices.IndexFunc(s.WaitList, func(w Waiter) bool { return w.PlayerID == id })
}

// request returns how the player asked for a seat.
func (w Waiter) request() JoinRequest {
	return JoinRequest{PlayerID: w.PlayerID, Team: w.Team, Attributes: w.Attributes}
}

// asWaiting returns the party with what those who wait already wait for in place of their requests, and unable with
// ErrAlreadyMember for those who ask for something else.
func (s *Session) asWaiting(p Party, unable map[PlayerID]error) (Party, map[PlayerID]error) {
	if len(s.WaitList) == 0 {
		return p, unable
	}
	known := unable
	p.Seats, unable = slices.Clone(p.Seats), make(map[PlayerID]error)
	maps.Copy(unable, known)
	for i, j := range p.Seats {
		at := s.waiter(j.PlayerID)
		if at < 0 || unable[j.PlayerID] != nil {
			continue
		}
		w := s.WaitList[at].request()
		if field := j.differs(w.settings()); field != "" {
			unable[j.PlayerID] = ErrAlreadyMember.Detail("Player %s already waits for a seat with another value of "+
				"%s. Joining again does not change it: leave the wait list first.", j.PlayerID, field).
				With("field", field)
		}
		p.Seats[i] = w
	}
	return p, unable
}

// wait puts a player on the wait list who asked for a seat that is not free, unless it waits already. It returns
// ErrWaitListFull, or ErrValidation if the session does not have the team.
func (s *Session) wait(j JoinRequest, now time.Time) ([]Change, error) {
	if s.waiter(j.PlayerID) >= 0 {
		return nil, nil
	}
	if err := s.canWait(j); err != nil {
		return nil, err
	}
	s.WaitList = append(s.WaitList, Waiter{
		PlayerID: j.PlayerID, Team: j.Team, Attributes: j.settings().normal().Attributes, Since: now,
	})
	return []Change{WaitListJoined{j.PlayerID}}, nil
}

// canWait returns why a player cannot wait for a seat, or nil, as wait does.
func (s *Session) canWait(j JoinRequest) error {
	if !s.hasTeam(j.Team) {
		return unknownTeam()
	}
	if len(s.WaitList) >= MaxWaiting {
		return ErrWaitListFull.With("max_waiting", MaxWaiting)
	}
	return nil
}

// seatTaken reports whether an error says that there is no free seat, for which a player can wait.
func seatTaken(err error) bool { return errors.Is(err, ErrSessionFull) || errors.Is(err, ErrTeamFull) }

// hasTeam reports whether the session can have a member who asked for the team.
func (s *Session) hasTeam(team string) bool {
	_, ok := s.Teams[team]
	return ok || team == "" || team == TeamAuto
}

// unwait takes a player off the wait list and returns what that changed.
func (s *Session) unwait(id PlayerID, why WaitEnd, word string) []Change {
	i := s.waiter(id)
	if i < 0 {
		return nil
	}
	s.WaitList = slices.Delete(s.WaitList, i, i+1)
	return []Change{WaitListLeft{id, why, word}}
}

// unwaitFor takes a player off the wait list for the reason for which a member would lose its seat.
func (s *Session) unwaitFor(id PlayerID, happened Change) []Change {
	if removed, ok := happened.(MemberRemoved); ok {
		return s.unwait(id, WaitEnd(removed.Reason), removed.Why)
	}
	return s.unwait(id, WaitLeft, "")
}

// claimed returns why a player does not get a free seat in a team, or nil: somebody waits before it, for the same team
// or for any seat.
func (s *Session) claimed(j JoinRequest) error {
	ahead := s.WaitList
	if i := s.waiter(j.PlayerID); i >= 0 {
		ahead = ahead[:i]
	}
	for i := range ahead {
		switch w := ahead[i].Team; {
		case w == "", w == TeamAuto && len(s.Teams) == 0:
			return ErrSessionFull.Detail("Other players wait for the next free seat of the session.").
				With("max_players", s.MaxPlayers)
		case j.Team != "" && (w == j.Team || w == TeamAuto):
			return ErrTeamFull.Detail("Other players wait for the next free seat of team %s.", j.Team).
				With("team", j.Team).With("capacity", s.Teams[j.Team])
		}
	}
	return nil
}

// roomToMove returns why a member of one team cannot move to another, or nil: the team must have more room than those
// who wait for it will take.
func (s *Session) roomToMove(from, to string) error {
	if err := s.roomIn(to); err != nil || to == "" || len(s.WaitList) == 0 {
		return err
	}
	waiting := 0
	for i := range s.WaitList {
		if w := s.WaitList[i].Team; w == to || w == TeamAuto && from == "" {
			waiting++
		}
	}
	if waiting > 0 && waiting >= s.Teams[to]-s.inTeam(to) {
		return ErrTeamFull.Detail("Other players wait for the free seats of team %s.", to).
			With("team", to).With("capacity", s.Teams[to])
	}
	return nil
}

// MoveUp reserves seats for those on the wait list, in their order, while the session accepts new members and has
// seats for them, and returns what that changed. Somebody for whose team there is no room does not keep others from
// the seats of their teams. Who can no longer be seated is dropped. It follows every change of a session, in the same
// write, and returns nothing where nobody waits.
func (s *Session) MoveUp(now time.Time) []Change {
	if len(s.WaitList) == 0 {
		return nil
	}
	var done []Change
	accepts := s.accepts() == nil && s.obstacle(ObstacleLocked) == nil
	full := map[string]bool{} // by what was asked for
	s.WaitList = slices.DeleteFunc(s.WaitList, func(w Waiter) bool {
		if !s.hasTeam(w.Team) {
			done = append(done, WaitListLeft{PlayerID: w.PlayerID, Reason: WaitTeamRemoved})
			return true
		}
		if !accepts || s.FreeSeats() <= 0 || full[w.Team] {
			return false
		}
		j := s.withTeams(Party{Seats: []JoinRequest{w.request()}})[0]
		if s.roomIn(j.Team) != nil {
			full[w.Team] = true
			return false
		}
		if s.banOf(w.PlayerID, now) != nil {
			done = append(done, WaitListLeft{PlayerID: w.PlayerID, Reason: WaitBanned})
			return true
		}
		done = append(done, WaitListLeft{PlayerID: w.PlayerID, Reason: WaitSeated})
		done = append(done, s.seat(j, true, now))
		return true
	})
	return done
}

// visibleWaiters returns those of the wait list whom the caller may see, with their positions: a player who does not
// host the session sees only itself.
func (c Caller) visibleWaiters(s *Session) []Waiter {
	if len(s.WaitList) == 0 {
		return s.WaitList
	}
	shown := slices.Clone(s.WaitList)
	for i := range shown {
		shown[i].Position = i + 1
	}
	if c.Scope == ScopePlayer && s.host() != c.Player {
		shown = slices.DeleteFunc(shown, func(w Waiter) bool { return w.PlayerID != c.Player })
	}
	return shown
}
