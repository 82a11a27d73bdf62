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
	Ready      bool       `json:"ready" bson:"ready,omitempty" doc:"Whether the member is ready to start. It becomes false when the session opens again."`
}

// Member is a player's place in a session. It holds one seat.
type Member struct {
	PlayerID PlayerID `json:"player_id" doc:"The player's id."`
	MemberSettings
	Status   MemberStatus `json:"status" doc:"The state of the document."`
	JoinedAt time.Time    `json:"joined_at" doc:"When the member took its seat."`
	// ReconnectedAt is when the member last became joined again.
	ReconnectedAt *time.Time `json:"reconnected_at" doc:"When the member last reconnected; null if it never did."`
	// SelfReserved is set for reserved members only.
	SelfReserved bool `json:"self_reserved" bson:"self_reserved,omitempty" doc:"Whether the player reserved the seat itself. Such a reservation counts as being in the session, if the session is exclusive."`
	// Deadline is set for reserved and disconnected members only.
	Deadline *time.Time `json:"deadline" doc:"When a reserved or disconnected member loses its seat; null for others."`
}

// MemberEdit are the fields of a member that can be changed.
type MemberEdit struct {
	MemberSettings
	// Status is joined or disconnected. It may be left as it is, and the empty status leaves it.
	Status MemberStatus `json:"status" doc:"Disconnected, from when the member has disconnect_grace to return, or joined."`
}

// JoinRequest asks for a seat.
type JoinRequest struct {
	PlayerID   PlayerID   `json:"player_id" doc:"The player's id."`
	Team       string     `json:"team" maxLength:"64" doc:"One of the session's teams, auto for the emptiest that has room, or empty for none. A member that joins again without a team or with the same one keeps it; another team is 409 already_member."`
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

func (j JoinRequest) settings() MemberSettings {
	return MemberSettings{Team: j.Team, Attributes: j.Attributes}
}

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

// differs returns the first field for which the request has another value than t, or "".
func (j JoinRequest) differs(t MemberSettings) string {
	switch {
	case j.Team != "" && j.Team != t.Team:
		return "team"
	case j.Attributes != nil && !maps.Equal(j.Attributes, t.Attributes):
		return "attributes"
	}
	return ""
}

// rejoin marks a reserved or disconnected member as joined, without what follows from it.
func (s *Session) rejoin(m *Member, j JoinRequest, reserve bool, now time.Time) ([]Change, error) {
	if field := j.differs(m.MemberSettings); field != "" {
		return nil, alreadyMember(j, field)
	}
	if reserve { // it has a seat, and only its player confirms it
		return nil, nil
	}
	return m.connect(now), nil
}

// connect marks a member as joined, and applies what follows from it.
func (s *Session) connect(m *Member, now time.Time) []Change {
	return append(m.connect(now), s.settle(now)...)
}

// connect marks a member as joined, without what follows from it.
func (m *Member) connect(now time.Time) []Change {
	var done []Change
	switch m.Status {
	case SeatJoined:
	case SeatReserved:
		m.JoinedAt = now
		done = append(done, MemberJoined{m.PlayerID})
	case SeatDisconnected: // JoinedAt stays that of the first join
		m.ReconnectedAt = &now
		done = append(done, MemberReconnected{m.PlayerID})
	}
	m.Status, m.Deadline, m.SelfReserved = SeatJoined, nil, false
	return done
}

// disconnect marks a joined member as disconnected, and applies what follows from it.
func (s *Session) disconnect(m *Member, now time.Time) []Change {
	return append(s.lose(m, now), s.settle(now)...)
}

// lose marks a joined member as disconnected, without what follows from it.
func (s *Session) lose(m *Member, now time.Time) []Change {
	m.Status, m.Deadline = SeatDisconnected, new(now.Add(seconds(s.DisconnectGrace)))
	if s.host() == m.PlayerID {
		s.HostLostAt = &now
	}
	return []Change{MemberDisconnected{m.PlayerID}}
}

func alreadyMember(j JoinRequest, field string) error {
	return ErrAlreadyMember.
		Detail("Player %s already holds a seat in this session with another value of %s. "+
			"Joining again does not change it: use PATCH on the member.", j.PlayerID, field).
		With("field", field)
}

// roomIn returns why a team takes no more members, or nil. The empty team means none and has no limit.
func (s *Session) roomIn(team string) error {
	if team == "" {
		return nil
	}
	capacity, ok := s.Teams[team]
	if !ok {
		return unknownTeam()
	}
	if s.inTeam(team) >= capacity {
		return ErrTeamFull.Detail("Team %s has no free seat.", team).With("team", team).With("capacity", capacity)
	}
	return nil
}

func unknownTeam() error { return InvalidField("team", "must be one of the session's teams") }

// EditMember changes a member and returns what that changed. It returns ErrValidation, ErrMemberNotFound,
// ErrSessionEnded or ErrTeamFull.
func (s *Session) EditMember(id PlayerID, e MemberEdit, now time.Time) ([]Change, error) {
	t := e.MemberSettings.normal()
	if err := e.Validate(); err != nil {
		return nil, err
	}
	i := s.member(id)
	if i < 0 {
		return nil, s.noMember(id)
	}
	m := &s.Members[i]
	moves := e.Status != "" && e.Status != m.Status
	switch {
	case m.equal(t) && !moves:
		return nil, nil
	case s.Status.Terminal():
		return nil, s.endedError()
	case moves && e.Status == SeatReserved:
		return nil, InvalidField("status", "must be %s or %s", SeatJoined, SeatDisconnected)
	case moves && e.Status != SeatJoined && m.Status != SeatJoined:
		return nil, InvalidField("status", "must be %s for a member that is %s", SeatJoined, m.Status)
	}
	if t.Team != m.Team {
		if err := s.roomToMove(m.Team, t.Team); err != nil {
			return nil, err
		}
	}
	var done []Change
	if !m.equal(t) {
		done = append(done, MemberChanged{id, differing(m.MemberSettings, t)})
		m.MemberSettings = t
	}
	switch {
	case !moves:
	case e.Status == SeatJoined:
		done = append(done, s.connect(m, now)...)
	default:
		done = append(done, s.disconnect(m, now)...)
	}
	return append(done, s.settle(now)...), nil
}

// edit returns the fields of the member that can be changed.
func (m Member) edit() MemberEdit { return MemberEdit{m.MemberSettings.normal(), m.Status} }

// Validate returns ErrValidation with everything that is wrong regardless of the member.
func (e MemberEdit) Validate() error {
	var p problems
	e.MemberSettings.validate(&p)
	p.check(e.Status == "" || slices.Contains(MemberStatuses(), e.Status), "status",
		"must be %s or %s", SeatJoined, SeatDisconnected)
	return p.err()
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

// Leave frees the seat of a player at its own request, or its place on the wait list, and returns what that changed. It
// succeeds if the player has neither. If the host leaves, another member becomes host. It returns ErrSessionEnded for a
// member of a session that has ended, because its members are part of its record.
func (s *Session) Leave(id PlayerID, now time.Time) ([]Change, error) {
	return s.remove(id, MemberLeft{id}, now)
}

// Remove frees the seat of a player like Leave, but at the request of others.
func (s *Session) Remove(id PlayerID, why RemovalReason, now time.Time) ([]Change, error) {
	return s.remove(id, MemberRemoved{PlayerID: id, Reason: why}, now)
}

// Kick frees the seat of a player like Leave, at the request of the host or a server. why is a word for programs, or
// empty.
func (s *Session) Kick(id PlayerID, why string, now time.Time) ([]Change, error) {
	var p problems
	if p.checkReason(why); p.err() != nil {
		return nil, p.err()
	}
	return s.remove(id, MemberRemoved{id, RemovedKicked, why}, now)
}

func (s *Session) remove(id PlayerID, happened Change, now time.Time) ([]Change, error) {
	switch {
	case s.member(id) < 0:
		return s.unwaitFor(id, happened), nil
	case s.Status.Terminal():
		return nil, s.endedError()
	}
	return s.free(id, happened, now), nil
}

// free frees the seat of a member and records the given change.
func (s *Session) free(id PlayerID, happened Change, now time.Time) []Change {
	s.vacate(id, now)
	return append([]Change{happened}, s.settle(now)...)
}

// vacate removes a member. The caller must settle.
func (s *Session) vacate(id PlayerID, now time.Time) {
	i := s.member(id)
	s.Members = slices.Delete(s.Members, i, i+1)
	if len(s.Members) == 0 {
		s.EmptySince = &now
	}
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
	s.Hosted = true
	return s.changeHost(&id, HostHandedOver), nil
}

// leaderless reports whether nobody can send heartbeats: players host the session, and it has no host. The next who
// joins becomes host.
func (s *Session) leaderless() bool { return s.Hosted && s.HostID == nil }

// host returns the host, or "".
func (s *Session) host() PlayerID {
	if s.HostID == nil {
		return ""
	}
	return *s.HostID
}

// settle applies what follows from a change of members, and returns what that changed. Every change of members ends
// with it.
func (s *Session) settle(now time.Time) []Change {
	done := append(s.updateHost(), s.MoveUp(now)...) // before a start, which may close the session
	return append(done, s.startIfReady(now)...)
}

// startIfReady starts a session whose members are all ready, or opens it again if it started so and one no longer is.
func (s *Session) startIfReady(now time.Time) []Change {
	to := StatusStarting
	switch ready := s.AutoStart && s.allReady(); {
	case s.Status == StatusOpen && ready:
		if s.Connection == nil {
			to = StatusInProgress
		}
	case s.Status == StatusStarting && s.AutoStarted && !ready:
		to = StatusOpen
	default:
		return nil
	}
	done := []Change{StatusChanged{From: s.Status, To: to}}
	s.enter(to, now)
	s.AutoStarted = to == StatusStarting
	return done
}

// allReady reports whether the session has enough members to start, and all have joined and are ready.
func (s *Session) allReady() bool {
	return len(s.Members) >= max(s.MinPlayers, 1) && !slices.ContainsFunc(s.Members, func(m Member) bool {
		return m.Status != SeatJoined || !m.Ready
	})
}

// updateHost chooses a new host if necessary and returns what that changed.
//
// In a session that a player ever hosted, a host keeps the office while it keeps its seat, and a disconnected one until
// host_grace is over: see [Session.Elapse]. Without a host, the member that joined first becomes host, or the next that
// joins or reconnects. A session that no player ever hosted belongs to a server, until SetHost is called.
func (s *Session) updateHost() []Change {
	if !s.Hosted || s.Status.Terminal() {
		return nil
	}
	if s.HostID != nil {
		if i := s.member(*s.HostID); i >= 0 {
			if s.Members[i].Status == SeatJoined {
				s.HostLostAt = nil
			}
			return nil
		}
	}
	next, why := s.nextHost(), HostLost
	switch {
	case next == nil && s.HostID == nil:
		return nil
	case s.HostID == nil:
		why = HostJoined
	}
	return s.changeHost(next, why)
}

// replaceHost replaces a host that is disconnected.
func (s *Session) replaceHost(time.Time) []Change { return s.changeHost(s.nextHost(), HostLost) }

// changeHost makes a member the host, or nobody.
func (s *Session) changeHost(to *PlayerID, why HostReason) []Change {
	changed := HostChanged{From: s.host(), Reason: why}
	s.HostID, s.HostLostAt = to, nil
	changed.To = s.host()
	done := []Change{changed}
	s.Fence++
	if to != nil {
		done = append(done, s.setLiveness(Live)...)
	}
	return done
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
// seat. In a session that has ended, only the attributes of the member are removed: its id is opaque and stays. The ban
// of a player goes with the player, and not by a suspension. This is the only change to a session that has ended.
func (s *Session) Forget(id PlayerID, why RemovalReason, now time.Time) []Change {
	var done []Change
	if why == RemovedErased {
		done = s.dropBans(func(b Ban) bool { return b.PlayerID == id })
	}
	if !s.Status.Terminal() {
		removed, _ := s.Remove(id, why, now) // only fails in terminal sessions
		return append(done, removed...)
	}
	i := s.member(id)
	if i < 0 || len(s.Members[i].Attributes) == 0 {
		return done
	}
	s.Members[i].Attributes = Attributes{}
	return append(done, MemberForgotten{id})
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
