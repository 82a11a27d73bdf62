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
	SeatReserved     MemberStatus = "reserved"
	SeatJoined       MemberStatus = "joined"
	SeatDisconnected MemberStatus = "disconnected"
)

// MemberStatuses are all of them.
func MemberStatuses() []MemberStatus {
	return []MemberStatus{SeatReserved, SeatJoined, SeatDisconnected}
}

// MemberSettings is what may be changed of a member while it holds its seat.
type MemberSettings struct {
	Team       string     `json:"team" bson:"team,omitempty" maxLength:"64" doc:"One of the session's teams, or empty for none."`
	Attributes Attributes `json:"attributes" maxProperties:"32" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data: keys of A-Z a-z 0-9 _ -, values that are strings, numbers or booleans."`
}

// Member is a player's place in a session. It holds one seat.
type Member struct {
	PlayerID PlayerID `json:"player_id" doc:"The player's id."`
	MemberSettings
	Status   MemberStatus `json:"status" doc:"The state of the document."`
	JoinedAt time.Time    `json:"joined_at" doc:"When the member took its seat."`
}

// JoinRequest asks for a seat.
type JoinRequest struct {
	PlayerID   PlayerID   `json:"player_id" doc:"The player's id."`
	Team       string     `json:"team" maxLength:"64" doc:"One of the session's teams, or empty for none. A member that joins again with none or with the same keeps its team; another is 409 already_member."`
	Attributes Attributes `json:"attributes" maxProperties:"32" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data. A member that joins again without them or with the same keeps its own; others are 409 already_member."`
}

// LargestMember is what a member takes at most as engines store it: its attributes, and what it has besides.
const LargestMember = maxMemberAttributeBytes + 1<<10

// HostRequest names who is to be host.
type HostRequest struct {
	PlayerID PlayerID `json:"player_id" doc:"The player's id."`
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
	p.check(
		t.Team == "" || validKey(t.Team), "team", "must have 1 to %d characters of A-Z a-z 0-9 _ -", MaxAttributeKey,
	)
	t.Attributes.validate(p, attributeLimits{MaxMemberAttributes, maxMemberAttributeBytes})
}

// normal returns t in the form in which it is stored.
func (t MemberSettings) normal() MemberSettings {
	t.Attributes = maps.Clone(t.Attributes).orEmpty()
	return t
}

func (t MemberSettings) equal(o MemberSettings) bool { return same(t, o) }

// Join gives the player a seat and returns what that changed: a member that joins again keeps its seat, its team and
// its attributes, and is connected again if it was not. It returns ErrValidation, ErrSessionEnded, ErrAlreadyMember
// (another team or other attributes are asked for), ErrSessionNotJoinable, ErrSessionLocked, ErrSessionFull and
// ErrTeamFull.
func (s *Session) Join(j JoinRequest, now time.Time) ([]Change, error) {
	if err := j.Validate(); err != nil {
		return nil, err
	}
	if s.Status.Terminal() {
		return nil, s.over()
	}
	if i := s.member(j.PlayerID); i >= 0 {
		return s.rejoin(&s.Members[i], j, now)
	}
	if err := s.joinable(j.Team); err != nil {
		return nil, err
	}
	s.seat(j, now)
	return append([]Change{MemberJoined{j.PlayerID}}, s.settleHost()...), nil
}

// seat appends a member that has joined.
func (s *Session) seat(j JoinRequest, now time.Time) {
	s.Members = append(s.Members, Member{
		PlayerID: j.PlayerID, MemberSettings: j.settings().normal(), Status: SeatJoined, JoinedAt: now,
	})
}

// rejoin connects a member that was not connected.
func (s *Session) rejoin(m *Member, j JoinRequest, now time.Time) ([]Change, error) {
	if j.Team != "" && j.Team != m.Team {
		return nil, alreadyMember(j, "team")
	}
	if j.Attributes != nil && !maps.Equal(j.Attributes, m.Attributes) {
		return nil, alreadyMember(j, "attributes")
	}
	var done []Change
	switch m.Status {
	case SeatJoined:
	case SeatReserved:
		m.JoinedAt = now
		done = append(done, MemberJoined{m.PlayerID})
	case SeatDisconnected: // it took its seat when it first joined
		done = append(done, MemberReconnected{m.PlayerID})
	}
	m.Status = SeatJoined
	return append(done, s.settleHost()...), nil
}

func alreadyMember(j JoinRequest, field string) error {
	return ErrAlreadyMember.
		Detail("Player %s already holds a seat in this session with another value of %s. "+
			"Joining again does not change it: use PATCH on the member.", j.PlayerID, field).
		With("field", field)
}

// joinable answers why a newcomer gets no seat, nil if it gets one.
func (s *Session) joinable(team string) error {
	switch {
	case s.Status != StatusOpen && (s.Status != StatusInProgress || !s.JoinInProgress):
		return ErrSessionNotJoinable.Detail(
			"The session is %s and accepts no new members.", s.Status,
		).With("session_status", s.Status)
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

// EditMember replaces the settings of the player's place and returns what that changed. The member keeps its seat, and
// the place of the seat among the others. It returns ErrValidation, ErrMemberNotFound, ErrSessionEnded and ErrTeamFull.
func (s *Session) EditMember(id PlayerID, t MemberSettings) ([]Change, error) {
	t = t.normal()
	if err := t.Validate(); err != nil {
		return nil, err
	}
	i := s.member(id)
	if i < 0 {
		return nil, s.noMember(id)
	}
	m := &s.Members[i]
	if m.equal(t) {
		return nil, nil
	}
	if s.Status.Terminal() {
		return nil, s.over()
	}
	if t.Team != m.Team {
		if err := s.roomIn(t.Team); err != nil {
			return nil, err
		}
	}
	done := []Change{MemberChanged{id, differing(m.MemberSettings, t)}}
	m.MemberSettings = t
	return append(done, s.settleHost()...), nil
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

// Leave frees the player's seat at its own wish and returns what that changed: it is a success for a player who holds
// none. A host who leaves hands over as [Session.settleHost] has it. It returns ErrSessionEnded to a member of a
// session that is over, because its members are part of its record.
func (s *Session) Leave(id PlayerID) ([]Change, error) { return s.free(id, MemberLeft{id}) }

// Remove is Leave where others take the seat away.
func (s *Session) Remove(id PlayerID, why RemovalReason) ([]Change, error) {
	return s.free(id, MemberRemoved{id, why})
}

// free frees a seat, if it is held, for what happened.
func (s *Session) free(id PlayerID, happened Change) ([]Change, error) {
	i := s.member(id)
	if i < 0 {
		return nil, nil
	}
	if s.Status.Terminal() {
		return nil, s.over()
	}
	s.Members = slices.Delete(s.Members, i, i+1)
	return append([]Change{happened}, s.settleHost()...), nil
}

// SetHost hands the session over to a member that has joined and returns what that changed: naming the present host is
// a success. From then on the session is one that players host. It returns ErrMemberNotFound, ErrMemberNotJoined and
// ErrSessionEnded.
func (s *Session) SetHost(id PlayerID) ([]Change, error) {
	if s.HostID != nil && *s.HostID == id {
		return nil, nil
	}
	if s.Status.Terminal() {
		return nil, s.over()
	}
	m, err := s.Member(id)
	if err != nil {
		return nil, err
	}
	if m.Status != SeatJoined {
		return nil, ErrMemberNotJoined.
			Detail("Player %s is %s: only a member that has joined can become host.", id, m.Status).
			With("member_status", m.Status)
	}
	done := []Change{HostChanged{s.host(), id, HostHandedOver}}
	s.HostID, s.Hosted = &id, true
	return done, nil
}

// host returns the host, empty for none.
func (s *Session) host() PlayerID {
	if s.HostID == nil {
		return ""
	}
	return *s.HostID
}

// settleHost is who is host, and stands at the end of every change of members. It returns what that changed.
//
// A session that a player ever hosted has a host for as long as any member has joined: the present one if it has, else
// whoever of them joined first. A host whose place is not joined, and for whom there is no other, keeps the office
// while it keeps its seat. A session that no player ever hosted is a server's, and stays one until SetHost.
func (s *Session) settleHost() []Change {
	if !s.Hosted || s.Status.Terminal() {
		return nil
	}
	seated := -1
	if s.HostID != nil {
		seated = s.member(*s.HostID)
	}
	if seated >= 0 && s.Members[seated].Status == SeatJoined {
		return nil
	}
	next := s.nextHost()
	if next == nil && (seated >= 0 || s.HostID == nil) {
		return nil
	}
	moved := HostChanged{From: s.host(), Reason: HostLost}
	if s.HostID == nil {
		moved.Reason = HostJoined
	}
	s.HostID = next
	moved.To = s.host()
	return []Change{moved}
}

// nextHost returns the member who joined first of those that have joined, nil if there is none.
func (s *Session) nextHost() *PlayerID {
	var first *Member
	for i := range s.Members {
		m := &s.Members[i]
		if m.Status == SeatJoined && (first == nil || m.JoinedAt.Before(first.JoinedAt)) {
			first = m
		}
	}
	if first == nil {
		return nil
	}
	id := first.PlayerID
	return &id
}

// Forget takes the player out of the session for a reason, and returns what that changed. In a live session the player
// loses its seat. In a session that is over the opaque id stays and the attributes go: the one change that such a
// session admits.
func (s *Session) Forget(id PlayerID, why RemovalReason) []Change {
	if !s.Status.Terminal() {
		done, _ := s.Remove(id, why) // fails in terminal sessions only
		return done
	}
	i := s.member(id)
	if i < 0 || len(s.Members[i].Attributes) == 0 {
		return nil
	}
	s.Members[i].Attributes = Attributes{}
	return []Change{MemberForgotten{id}}
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
