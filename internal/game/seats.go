package game

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Limits of parties.
const (
	MaxParty = 64
	// TeamAuto in place of the name of a team asks for the emptiest that has room.
	TeamAuto = "auto"
)

// Party asks for seats for players who join together.
type Party struct {
	Seats []JoinRequest
	// Partial seats those who can be seated. Otherwise all are, or none.
	Partial bool
	// Reserve reserves the seats. Each player confirms its own by joining.
	Reserve bool
	// Code is the join code of the session, or empty.
	Code string
	// Wait puts the player on the wait list if no seat is free. It is for one player: parties do not wait.
	Wait bool
	// Password is the password of the session, or empty.
	Password string

	checked       passwordCheck
	verifications int
}

// Seated is the result for one player of a party.
type Seated struct {
	PlayerID PlayerID
	New      bool  // it held no seat before
	Err      error // why it was left out; nil if it has a seat, or waits for one
	Position int   // its place on the wait list, from 1; 0 if it does not wait
}

// Validate returns ErrValidation with everything that is wrong regardless of the session.
func (p Party) Validate() error {
	var wrong problems
	wrong.check(len(p.Seats) >= 1 && len(p.Seats) <= MaxParty, "players", "must have 1 to %d entries", MaxParty)
	named := make(map[PlayerID]struct{}, len(p.Seats))
	for i := range p.Seats {
		prefix := "" // of a player who joins alone
		if len(p.Seats) > 1 {
			prefix = fmt.Sprintf("players.%d.", i)
		}
		p.Seats[i].validate(&wrong, prefix)
		named[p.Seats[i].PlayerID] = struct{}{}
	}
	wrong.check(len(named) == len(p.Seats), "players", "must name each player once")
	wrong.checkCode(p.Code)
	wrong.check(!p.Wait || len(p.Seats) == 1, "wait", "is for one player: parties do not wait")
	wrong.checkPassword(p.Password)
	return wrong.err()
}

// Join gives the player a seat: see [Session.JoinParty].
func (s *Session) Join(j JoinRequest, now time.Time) ([]Change, error) {
	_, done, err := s.JoinParty(Party{Seats: []JoinRequest{j}}, j.PlayerID, nil, now)
	return done, err
}

// JoinParty gives seats to the players of a party, in their order, and returns the result for each and what changed. A
// member that joins again keeps its seat, its team and its attributes, and is reconnected, or confirms its reservation.
//
// by is the player who asks, or empty for a server. A player takes a seat only for itself; for the others seats are
// reserved until they join. unable are players who may not play, with the reasons.
//
// Unless the party is partial, it returns the error of the first player who cannot be seated, and changes nothing:
// ErrValidation, ErrSessionEnded, ErrAlreadyMember (if the request has another team or other attributes),
// ErrInvalidJoinCode, ErrJoinCodeRequired, ErrWrongPassword, ErrSessionNotJoinable, ErrPlayerBanned, ErrSessionLocked,
// ErrSessionFull, ErrTeamFull or, if it would wait, ErrWaitListFull. Whether a password is right, it cannot decide:
// [Sessions.JoinParty] verifies it.
func (s *Session) JoinParty(
	p Party, by PlayerID, unable map[PlayerID]error, now time.Time,
) ([]Seated, []Change, error) {
	if err := p.Validate(); err != nil {
		return nil, nil, err
	}
	if err := s.obstacle(ObstacleEnded); err != nil {
		return nil, nil, err
	}
	whole := *s
	if len(p.Seats) > 1 || s.PasswordHash != "" { // or nothing has changed if the only one is rejected
		whole = s.clone()
	}
	p, unable = s.asWaiting(p, unable)
	asked := p.Seats
	p.Seats = s.withTeams(p)
	var done []Change
	var unverified error // of a player who gets a seat if the password is right
	result := make([]Seated, len(p.Seats))
	for i, j := range p.Seats {
		seated := s.member(j.PlayerID) >= 0
		admitted := seated || s.waiter(j.PlayerID) >= 0 // before
		reserve := p.Reserve || by != "" && by != j.PlayerID
		changes, err := []Change(nil), unable[j.PlayerID]
		if err == nil && !admitted {
			err = s.admit(p, j, by, now)
		}
		if errors.As(err, &unverifiedPassword{}) {
			unverified, err = err, nil // first, whether the others of the party can be seated: see byPassword
		}
		if err == nil {
			changes, err = s.take(j, reserve, now)
		}
		if i := s.member(j.PlayerID); i >= 0 && !seated && reserve {
			s.Members[i].SelfReserved = by == j.PlayerID
		}
		position := 0
		if p.Wait && unable[j.PlayerID] == nil && (seatTaken(err) || err != nil && s.waiter(j.PlayerID) >= 0) {
			changes, err = s.wait(asked[i], now)
			position = s.waiter(j.PlayerID) + 1
		}
		if err != nil && !p.Partial {
			*s = whole
			return nil, nil, ofParty(err, p, j.PlayerID)
		}
		if p.Code != "" && !admitted && err == nil {
			s.countUse()
		}
		done = append(done, changes...)
		result[i] = Seated{j.PlayerID, err == nil && !seated && position == 0, err, position}
	}
	if unverified != nil {
		*s = whole
		return nil, nil, unverified
	}
	// Not before: a party with the last who was waited for must not start the session without its others.
	return result, append(done, s.settle(now)...), nil
}

// ofParty says whom an error is about, if the party has several players.
func ofParty(err error, p Party, id PlayerID) error {
	if e := (*Error)(nil); len(p.Seats) > 1 && errors.As(err, &e) {
		return e.Detail("Player %s cannot be seated, so nobody of the party was: %s", id, e.Message).
			With("player_id", id)
	}
	return err
}

// take gives a player a seat, without what follows from it.
func (s *Session) take(j JoinRequest, reserve bool, now time.Time) ([]Change, error) {
	if i := s.member(j.PlayerID); i >= 0 {
		return s.rejoin(&s.Members[i], j, reserve, now)
	}
	if err := s.joinable(j, now); err != nil {
		return nil, err
	}
	done := s.unwait(j.PlayerID, WaitSeated, "")
	return append(done, s.seat(j, reserve, now)), nil
}

// seat gives a free seat to a player and returns what that changed.
func (s *Session) seat(j JoinRequest, reserve bool, now time.Time) Change {
	m := newMember(j, now)
	happened := Change(MemberJoined{j.PlayerID})
	if reserve {
		m.Status, m.Deadline = SeatReserved, new(now.Add(seconds(s.ReservationTimeout)))
		happened = SeatReservedFor{j.PlayerID}
	}
	s.Members = append(s.Members, m)
	s.EmptySince = nil
	return happened
}

// newMember returns a member that has joined.
func newMember(j JoinRequest, now time.Time) Member {
	return Member{PlayerID: j.PlayerID, MemberSettings: j.settings().normal(), Status: SeatJoined, JoinedAt: now}
}

// withTeams returns the requests of a party with its automatic team, which those who ask for one share: the emptiest
// with room for all of them, or for a partial party the one with most room.
func (s *Session) withTeams(p Party) []JoinRequest {
	if !slices.ContainsFunc(p.Seats, func(j JoinRequest) bool { return j.Team == TeamAuto }) {
		return p.Seats
	}
	seats := slices.Clone(p.Seats)
	wanted := 0
	for _, j := range seats {
		if j.Team == TeamAuto && s.member(j.PlayerID) < 0 {
			wanted++
		}
	}
	team, best := "", 0
	for name, capacity := range s.Teams {
		held := s.inTeam(name)
		room := capacity - held
		score := capacity + MaxPlayers - held // the emptiest; of equally empty ones, the largest
		if room < wanted && !p.Partial {
			score = room - MaxPlayers // then the error is about the one with most room
		}
		if p.Partial {
			score = room
		}
		if team == "" || score > best || score == best && name < team {
			team, best = name, score
		}
	}
	for i := range seats {
		if seats[i].Team != TeamAuto {
			continue
		}
		if seats[i].Team = team; s.member(seats[i].PlayerID) >= 0 {
			seats[i].Team = "" // it keeps its team
		}
	}
	return seats
}

// joinable returns why a new member cannot join, or nil.
func (s *Session) joinable(j JoinRequest, now time.Time) error {
	for err := range s.refusals(j, now) {
		return err
	}
	return nil
}

// refusals returns all reasons why a new member cannot join, in the order in which they count.
func (s *Session) refusals(j JoinRequest, now time.Time) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, o := range []Obstacle{ObstacleClosed, ObstacleStale} {
			if err := s.obstacle(o); err != nil && !yield(err) {
				return
			}
		}
		if ban := s.banOf(j.PlayerID, now); ban != nil && !yield(ban.error()) {
			return
		}
		if err := s.obstacle(ObstacleLocked); err != nil && !yield(err) {
			return
		}
		if err := s.noSeat(j); err != nil {
			yield(err)
		}
	}
}

// noSeat returns why there is no free seat for a player, or nil.
func (s *Session) noSeat(j JoinRequest) error {
	if s.FreeSeats() <= 0 {
		return ErrSessionFull.With("max_players", s.MaxPlayers)
	}
	if err := s.roomIn(j.Team); err != nil {
		return err
	}
	return s.claimed(j)
}
