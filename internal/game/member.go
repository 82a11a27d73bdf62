package game

import (
	"maps"
	"slices"
	"time"
)

// MemberStatus is the state of a member. A member holds its seat in all of them.
type MemberStatus string

// The statuses of a member.
const (
	SeatReserved     MemberStatus = "reserved"
	SeatJoined       MemberStatus = "joined"
	SeatDisconnected MemberStatus = "disconnected"
)

// MemberStatuses returns all statuses.
func MemberStatuses() []MemberStatus {
	return []MemberStatus{SeatReserved, SeatJoined, SeatDisconnected}
}

// MemberSettings are the fields of a member that can be changed while it holds its seat.
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
	// Deadline is set for reserved and disconnected members only.
	Deadline *time.Time `json:"deadline" doc:"When a reserved or disconnected member loses its seat; null for others."`
}

// JoinRequest asks for a seat.
type JoinRequest struct {
	PlayerID   PlayerID   `json:"player_id" doc:"The player's id."`
	Team       string     `json:"team" maxLength:"64" doc:"One of the session's teams, or empty for none. A member that joins again without a team or with the same one keeps it; another team is 409 already_member."`
	Attributes Attributes `json:"attributes" maxProperties:"32" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data. A member that joins again without them or with the same keeps its own; others are 409 already_member."`
}

// LargestMember is the maximum stored size of a member in bytes.
const LargestMember = maxMemberAttributeBytes + 1<<10

// HostRequest names the new host of a session.
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

// validate adds what is wrong with the request to p, with the prefix before the names of its fields.
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

// Join gives the player a seat and returns what that changed. A member that joins again keeps its seat, its team and
// its attributes, and is reconnected if necessary. It returns ErrValidation, ErrSessionEnded, ErrAlreadyMember (if the
// request has another team or other attributes), ErrSessionNotJoinable, ErrSessionLocked, ErrSessionFull or
// ErrTeamFull.
func (s *Session) Join(j JoinRequest, now time.Time) ([]Change, error) {
	if err := j.Validate(); err != nil {
		return nil, err
	}
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	if i := s.member(j.PlayerID); i >= 0 {
		return s.rejoin(&s.Members[i], j, now)
	}
	if err := s.joinable(j.Team); err != nil {
		return nil, err
	}
	s.seat(j, now)
	return append([]Change{MemberJoined{j.PlayerID}}, s.updateHost()...), nil
}

// seat adds a member that has joined.
func (s *Session) seat(j JoinRequest, now time.Time) {
	s.Members = append(s.Members, Member{
		PlayerID: j.PlayerID, MemberSettings: j.settings().normal(), Status: SeatJoined, JoinedAt: now,
	})
}

// rejoin marks a reserved or disconnected member as joined.
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
	case SeatDisconnected: // JoinedAt stays that of the first join
		done = append(done, MemberReconnected{m.PlayerID})
	}
	m.Status = SeatJoined
	return append(done, s.updateHost()...), nil
}

func alreadyMember(j JoinRequest, field string) error {
	return ErrAlreadyMember.
		Detail("Player %s already holds a seat in this session with another value of %s. "+
			"Joining again does not change it: use PATCH on the member.", j.PlayerID, field).
		With("field", field)
}

// joinable returns why a new member cannot join, or nil.
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

// roomIn returns why a team takes no more members, or nil. The empty team means none and has no limit.
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

// EditMember replaces the settings of a member and returns what that changed. It returns ErrValidation,
// ErrMemberNotFound, ErrSessionEnded or ErrTeamFull.
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
		return nil, s.endedError()
	}
	if t.Team != m.Team {
		if err := s.roomIn(t.Team); err != nil {
			return nil, err
		}
	}
	done := []Change{MemberChanged{id, differing(m.MemberSettings, t)}}
	m.MemberSettings = t
	return append(done, s.updateHost()...), nil
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

// Leave frees the seat of a player at its own request and returns what that changed. It succeeds if the player holds no
// seat. If the host leaves, another member becomes host. It returns ErrSessionEnded for a member of a session that has
// ended, because its members are part of its record.
func (s *Session) Leave(id PlayerID) ([]Change, error) { return s.free(id, MemberLeft{id}) }

// Remove frees the seat of a player like Leave, but at the request of others.
func (s *Session) Remove(id PlayerID, why RemovalReason) ([]Change, error) {
	return s.free(id, MemberRemoved{id, why})
}

// free frees the seat of a player, if it holds one, and records the given change.
func (s *Session) free(id PlayerID, happened Change) ([]Change, error) {
	i := s.member(id)
	if i < 0 {
		return nil, nil
	}
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	s.Members = slices.Delete(s.Members, i, i+1)
	return append([]Change{happened}, s.updateHost()...), nil
}

// SetHost makes a joined member the host and returns what that changed. It succeeds if the player is the host already.
// From then on players host the session. It returns ErrMemberNotFound, ErrMemberNotJoined or ErrSessionEnded.
func (s *Session) SetHost(id PlayerID) ([]Change, error) {
	if s.HostID != nil && *s.HostID == id {
		return nil, nil
	}
	if s.Status.Terminal() {
		return nil, s.endedError()
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

// host returns the host, or "".
func (s *Session) host() PlayerID {
	if s.HostID == nil {
		return ""
	}
	return *s.HostID
}

// updateHost chooses a new host if necessary and returns what that changed. Every change of members ends with it.
//
// A session that a player ever hosted has a host while any member has joined: the present host if it has, otherwise the
// member that joined first. If no member has joined, the host stays host while it keeps its seat. A session that no
// player ever hosted belongs to a server, until SetHost is called.
func (s *Session) updateHost() []Change {
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

// nextHost returns the joined member that joined first, or nil.
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

// Forget removes the player from the session and returns what that changed. In a live session the player loses its
// seat. In a session that has ended, only the attributes of the member are removed: its id is opaque and stays. This is
// the only change to a session that has ended.
func (s *Session) Forget(id PlayerID, why RemovalReason) []Change {
	if !s.Status.Terminal() {
		done, _ := s.Remove(id, why) // only fails in terminal sessions
		return done
	}
	i := s.member(id)
	if i < 0 || len(s.Members[i].Attributes) == 0 {
		return nil
	}
	s.Members[i].Attributes = Attributes{}
	return []Change{MemberForgotten{id}}
}

// member returns the index of the player in Members, or -1.
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
