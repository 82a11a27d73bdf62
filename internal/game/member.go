package game

import (
	"maps"
	"slices"
	"time"
)

// MemberStatus says how a member holds its seat. In each of the statuses it does hold it.
type MemberStatus string

// The statuses of a member.
const (
	MemberReserved     MemberStatus = "reserved"
	MemberJoined       MemberStatus = "joined"
	MemberDisconnected MemberStatus = "disconnected"
)

// Member is a player's place in a session. It holds one seat.
type Member struct {
	PlayerID   PlayerID     `json:"player_id"`
	Team       string       `json:"team"`
	Status     MemberStatus `json:"status"`
	JoinedAt   time.Time    `json:"joined_at"`
	Attributes Attributes   `json:"attributes"`
}

// JoinRequest asks for a seat.
type JoinRequest struct {
	PlayerID   PlayerID   `json:"player_id"`
	Team       string     `json:"team"`
	Attributes Attributes `json:"attributes"`
}

// Validate answers ErrValidation with everything that is wrong.
func (j JoinRequest) Validate() error {
	var p problems
	p.check(validID(string(j.PlayerID)), "player_id", "must be a player's id")
	p.check(j.Team == "" || validKey(j.Team), "team", "must have 1 to %d characters of A-Z a-z 0-9 _ -", MaxAttributeKey)
	j.Attributes.validate(&p, attributeLimits{MaxMemberAttributes, maxMemberAttributeBytes})
	return p.err()
}

// Join gives the player a seat and reports whether that changed anything: a member that joins again keeps its seat, its
// team and its attributes, and is connected again if it was not. It answers ErrValidation, ErrSessionEnded,
// ErrAlreadyMember (another team is asked for), ErrSessionNotJoinable, ErrSessionLocked, ErrSessionFull and ErrTeamFull.
func (s *Session) Join(j JoinRequest, now time.Time) (changed bool, err error) {
	if err := j.Validate(); err != nil {
		return false, err
	}
	if s.Status.Terminal() {
		return false, s.over()
	}
	if i := s.member(j.PlayerID); i >= 0 {
		return s.rejoin(&s.Members[i], j, now)
	}
	if err := s.joinable(j.Team); err != nil {
		return false, err
	}
	s.Members = append(s.Members, Member{
		PlayerID: j.PlayerID, Team: j.Team, Status: MemberJoined, JoinedAt: now, Attributes: maps.Clone(j.Attributes).orEmpty(),
	})
	return true, nil
}

func (s *Session) rejoin(m *Member, j JoinRequest, now time.Time) (changed bool, err error) {
	if j.Team != "" && j.Team != m.Team {
		return false, ErrAlreadyMember.Detail("Player %s holds a seat in this session outside team %s. Leave it first.", j.PlayerID, j.Team)
	}
	if m.Status == MemberJoined {
		return false, nil
	}
	if m.Status == MemberReserved {
		m.JoinedAt = now
	}
	m.Status = MemberJoined
	return true, nil
}

// joinable answers why a newcomer gets no seat, nil if it gets one.
func (s *Session) joinable(team string) error {
	switch {
	case s.Status != StatusOpen && (s.Status != StatusInProgress || !s.JoinInProgress):
		return ErrSessionNotJoinable.Detail("The session is %s and takes no new members.", s.Status).With("session_status", s.Status)
	case s.Locked:
		return ErrSessionLocked
	case len(s.Members) >= s.MaxPlayers:
		return ErrSessionFull.With("max_players", s.MaxPlayers)
	case team == "":
		return nil
	}
	capacity, ok := s.Teams[team]
	if !ok {
		return InvalidField("team", "must be one of the session's teams")
	}
	if s.inTeam(team) >= capacity {
		return ErrTeamFull.Detail("Team %s has no free seat.", team).With("team", team).With("capacity", capacity)
	}
	return nil
}

// Leave frees the player's seat and reports whether that changed anything: it is a success for a player who holds none.
// A host who leaves hands over to the connected member who joined first. It answers ErrSessionEnded to a member of a
// session that is over, because its members are part of its record.
func (s *Session) Leave(id PlayerID) (changed bool, err error) {
	i := s.member(id)
	if i < 0 {
		return false, nil
	}
	if s.Status.Terminal() {
		return false, s.over()
	}
	s.Members = slices.Delete(s.Members, i, i+1)
	if s.HostID != nil && *s.HostID == id {
		s.HostID = s.nextHost()
	}
	return true, nil
}

// nextHost returns the connected member who joined first, nil if there is none.
func (s *Session) nextHost() *PlayerID {
	var first *Member
	for i := range s.Members {
		m := &s.Members[i]
		if m.Status == MemberJoined && (first == nil || m.JoinedAt.Before(first.JoinedAt)) {
			first = m
		}
	}
	if first == nil {
		return nil
	}
	id := first.PlayerID
	return &id
}

// Forget erases what the session knows of a player and reports whether that changed anything. In a live session the
// player leaves. In a session that is over the opaque id stays and the attributes go: the one change that such a session
// admits.
func (s *Session) Forget(id PlayerID) (changed bool) {
	if !s.Status.Terminal() {
		changed, _ = s.Leave(id) // fails in terminal sessions only
		return changed
	}
	i := s.member(id)
	if i < 0 || len(s.Members[i].Attributes) == 0 {
		return false
	}
	s.Members[i].Attributes = Attributes{}
	return true
}

// member returns the index of the player's seat, -1 if there is none.
func (s *Session) member(id PlayerID) int {
	return slices.IndexFunc(s.Members, func(m Member) bool { return m.PlayerID == id })
}

func (s *Session) inTeam(team string) int {
	n := 0
	for i := range s.Members {
		if s.Members[i].Team == team {
			n++
		}
	}
	return n
}
