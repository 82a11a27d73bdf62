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

// MemberSettings is what may be changed of a member while it holds its seat.
type MemberSettings struct {
	Team       string     `json:"team"` // empty for none
	Attributes Attributes `json:"attributes"`
}

// Member is a player's place in a session. It holds one seat.
type Member struct {
	PlayerID PlayerID `json:"player_id"`
	MemberSettings
	Status   MemberStatus `json:"status"`
	JoinedAt time.Time    `json:"joined_at"`
}

// JoinRequest asks for a seat.
type JoinRequest struct {
	PlayerID PlayerID `json:"player_id"`
	// Team is empty for none. A member that joins again without one stays in its team.
	Team string `json:"team"`
	// Attributes are nil for none. A member that joins again with nil keeps those that it has.
	Attributes Attributes `json:"attributes"`
}

// LargestMember is what a member takes at most as engines store it: its attributes, and what it has besides.
const LargestMember = maxMemberAttributeBytes + 1<<10

// HostRequest names who is to be host.
type HostRequest struct {
	PlayerID PlayerID `json:"player_id"`
}

// Validate returns ErrValidation with everything that is wrong.
func (r HostRequest) Validate() error {
	var p problems
	p.check(validID(string(r.PlayerID)), "player_id", "must be a player's id")
	return p.err()
}

// Validate returns ErrValidation with everything that is wrong.
func (j JoinRequest) Validate() error {
	var p problems
	j.validate(&p, "")
	return p.err()
}

// validate adds what is wrong with the request, which stands under prefix in the body.
func (j JoinRequest) validate(p *problems, prefix string) {
	var own problems
	own.check(validID(string(j.PlayerID)), "player_id", "must be a player's id")
	j.settings().validate(&own)
	for _, f := range own {
		p.add(prefix+f.Field, "%s", f.Message)
	}
}

func (j JoinRequest) settings() MemberSettings { return MemberSettings{j.Team, j.Attributes} }

// Validate returns ErrValidation with everything that is wrong.
func (t MemberSettings) Validate() error {
	var p problems
	t.validate(&p)
	return p.err()
}

func (t MemberSettings) validate(p *problems) {
	p.check(t.Team == "" || validKey(t.Team), "team", "must have 1 to %d characters of A-Z a-z 0-9 _ -", MaxAttributeKey)
	t.Attributes.validate(p, attributeLimits{MaxMemberAttributes, maxMemberAttributeBytes})
}

// normal returns t in the form in which it is stored.
func (t MemberSettings) normal() MemberSettings {
	t.Attributes = maps.Clone(t.Attributes).orEmpty()
	return t
}

func (t MemberSettings) equal(o MemberSettings) bool {
	return t.Team == o.Team && maps.Equal(t.Attributes, o.Attributes)
}

// Join gives the player a seat and reports whether that changed anything: a member that joins again keeps its seat, its
// team and its attributes, and is connected again if it was not. It returns ErrValidation, ErrSessionEnded,
// ErrAlreadyMember (another team or other attributes are asked for), ErrSessionNotJoinable, ErrSessionLocked,
// ErrSessionFull and ErrTeamFull.
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
	s.seat(j, now)
	s.settleHost()
	return true, nil
}

// seat appends a member that has joined.
func (s *Session) seat(j JoinRequest, now time.Time) {
	s.Members = append(s.Members, Member{
		PlayerID: j.PlayerID, MemberSettings: j.settings().normal(), Status: MemberJoined, JoinedAt: now,
	})
}

// rejoin connects a member that was not connected.
func (s *Session) rejoin(m *Member, j JoinRequest, now time.Time) (changed bool, err error) {
	if j.Team != "" && j.Team != m.Team {
		return false, alreadyMember(j, "team")
	}
	if j.Attributes != nil && !maps.Equal(j.Attributes, m.Attributes) {
		return false, alreadyMember(j, "attributes")
	}
	switch m.Status {
	case MemberJoined:
		return s.settleHost(), nil
	case MemberReserved:
		m.JoinedAt = now
	case MemberDisconnected: // it took its seat when it first joined
	}
	m.Status = MemberJoined
	s.settleHost()
	return true, nil
}

func alreadyMember(j JoinRequest, field string) error {
	return ErrAlreadyMember.
		Detail("Player %s holds a seat in this session with another value of %s. "+
			"Joining again changes nothing of it: use PATCH on the member.", j.PlayerID, field).
		With("field", field)
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
	}
	return s.roomIn(team)
}

// roomIn returns why a team takes no more members, nil if it does. The empty team is none, which always does.
func (s *Session) roomIn(team string) error {
	if team == "" {
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

// EditMember replaces the settings of the player's place and reports whether that changed anything. The member keeps
// its seat, and the place of the seat among the others. It returns ErrValidation, ErrMemberNotFound, ErrSessionEnded
// and ErrTeamFull.
func (s *Session) EditMember(id PlayerID, t MemberSettings) (changed bool, err error) {
	t = t.normal()
	if err := t.Validate(); err != nil {
		return false, err
	}
	i := s.member(id)
	if i < 0 {
		return false, s.noMember(id)
	}
	m := &s.Members[i]
	if m.equal(t) {
		return false, nil
	}
	if s.Status.Terminal() {
		return false, s.over()
	}
	if t.Team != m.Team {
		if err := s.roomIn(t.Team); err != nil {
			return false, err
		}
	}
	m.MemberSettings = t
	s.settleHost()
	return true, nil
}

// Member returns the player's place in the session, or ErrMemberNotFound.
func (s *Session) Member(id PlayerID) (Member, error) {
	i := s.member(id)
	if i < 0 {
		return Member{}, s.noMember(id)
	}
	return s.Members[i], nil
}

func (s *Session) noMember(id PlayerID) error {
	return ErrMemberNotFound.Detail("Player %s holds no seat in session %s.", id, s.ID)
}

// Leave frees the player's seat and reports whether that changed anything: it is a success for a player who holds none.
// A host who leaves hands over as [Session.settleHost] has it. It returns ErrSessionEnded to a member of a session that
// is over, because its members are part of its record.
func (s *Session) Leave(id PlayerID) (changed bool, err error) {
	i := s.member(id)
	if i < 0 {
		return false, nil
	}
	if s.Status.Terminal() {
		return false, s.over()
	}
	s.Members = slices.Delete(s.Members, i, i+1)
	s.settleHost()
	return true, nil
}

// SetHost hands the session over to a member that has joined and reports whether that changed anything: naming the
// present host is a success. From then on the session is one that players host. It returns ErrMemberNotFound,
// ErrMemberNotJoined and ErrSessionEnded.
func (s *Session) SetHost(id PlayerID) (changed bool, err error) {
	if s.HostID != nil && *s.HostID == id {
		return false, nil
	}
	if s.Status.Terminal() {
		return false, s.over()
	}
	m, err := s.Member(id)
	if err != nil {
		return false, err
	}
	if m.Status != MemberJoined {
		return false, ErrMemberNotJoined.
			Detail("Player %s is %s: only a member that has joined becomes host.", id, m.Status).
			With("member_status", m.Status)
	}
	s.HostID, s.Hosted = &id, true
	return true, nil
}

// settleHost is who is host, and stands at the end of every change of members. It reports whether that changed
// anything.
//
// A session that a player ever hosted has a host for as long as any member has joined: the present one if it has, else
// whoever of them joined first. A host whose place is not joined, and for whom there is no other, keeps the office
// while it keeps its seat. A session that no player ever hosted is a server's, and stays one until SetHost.
func (s *Session) settleHost() (changed bool) {
	if !s.Hosted || s.Status.Terminal() {
		return false
	}
	seated := -1
	if s.HostID != nil {
		seated = s.member(*s.HostID)
	}
	if seated >= 0 && s.Members[seated].Status == MemberJoined {
		return false
	}
	next := s.nextHost()
	if next == nil && (seated >= 0 || s.HostID == nil) {
		return false
	}
	s.HostID = next
	return true
}

// nextHost returns the member who joined first of those that have joined, nil if there is none.
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
