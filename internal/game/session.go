package game

import (
	"maps"
	"net"
	"slices"
	"time"
)

// Limits of a session.
const (
	MaxPlayers     = 1000
	MaxTeams       = 64
	MaxSessionText = 64 // characters of name, mode, map and region
	MaxAddress     = 253
	MaxProtocol    = 16
)

// Visibility says who can find a session.
type Visibility string

// The visibilities.
const (
	VisibilityPublic  Visibility = "public"
	VisibilityPrivate Visibility = "private"
)

// Visibilities returns all visibilities.
func Visibilities() []Visibility { return []Visibility{VisibilityPublic, VisibilityPrivate} }

// Settings are the fields of a session that clients can change while it is live.
type Settings struct {
	Name       string     `json:"name" maxLength:"64" doc:"Any text, for people."`
	Mode       string     `json:"mode" maxLength:"64" doc:"Any text."`
	Map        string     `json:"map" maxLength:"64" doc:"Any text."`
	Region     string     `json:"region" maxLength:"64" doc:"Any text."`
	Visibility Visibility `json:"visibility" doc:"Public, or private for a session that is not for browsing."` // public where none is given

	Locked         bool `json:"locked" doc:"Whether new members are rejected. Members can still rejoin."`
	JoinInProgress bool `json:"join_in_progress" doc:"Whether new members may join while the session is in progress."`
	AllowRematch   bool `json:"allow_rematch" doc:"Whether the session may go from in_progress back to open."`
	AutoStart      bool `json:"auto_start" doc:"Whether the session starts by itself when min_players are there and all members have joined and are ready: it becomes starting, or in_progress if it has no connection."`

	MaxPlayers int `json:"max_players" minimum:"1" maximum:"1000" doc:"How many seats the session has."`
	// MinPlayers of 0 means no minimum.
	MinPlayers int `json:"min_players" minimum:"0" maximum:"1000" doc:"How many members the session needs to start."`

	// Members may be in none of the Teams.
	Teams      map[string]int `json:"teams" maxProperties:"64" keys:"^[A-Za-z0-9_-]{1,64}$" values:"minimum=1,maximum=1000" doc:"Names of teams with their capacities."`
	Attributes Attributes     `json:"attributes" maxProperties:"32" keys:"^[A-Za-z0-9_-]{1,64}$" doc:"Custom data: keys of A-Z a-z 0-9 _ -, values that are strings, numbers or booleans."`
}

// Connection tells members the address of the session's server.
type Connection struct {
	Address  string `json:"address" minLength:"1" maxLength:"253" doc:"An IP address or a host name."`
	Port     int    `json:"port" minimum:"1" maximum:"65535"`
	Protocol string `json:"protocol" maxLength:"16"`
}

// Session is a game session, lobby, match or room, with its members.
type Session struct {
	ID      SessionID `json:"id" bson:"_id" readOnly:"true" doc:"A UUID of version 7, so that the order of ids is the order of creation."`
	Project ProjectID `json:"project" readOnly:"true" doc:"The game, or the environment of a game, to which the document belongs."`
	Settings
	Fixed
	Timeouts
	Status    SessionStatus `json:"status" doc:"The state of the document."`
	EndReason EndReason     `json:"end_reason" bson:"end_reason,omitempty" doc:"Why the session has ended; null for a live session."`

	HostID *PlayerID `json:"host_id" readOnly:"true" doc:"The member with authority over the session; null for a session without one."`
	Hosted bool      `json:"hosted" readOnly:"true" doc:"Whether a player ever hosted the session. If so, it has a host whenever a member has joined; if not, it belongs to a server."`

	Fence    int64    `json:"fence" readOnly:"true" doc:"Grows when the host changes and when a server takes over. A write with another number in Session-Fence is rejected."`
	Liveness Liveness `json:"liveness" readOnly:"true" doc:"Whether whoever leads the session still sends heartbeats. A stale session accepts no new members until the next heartbeat, unless it needs a host."`
	Leased   bool     `json:"leased" readOnly:"true" doc:"Whether the session has had a heartbeat. From then on it turns stale and expires without."`

	AutoStarted bool `json:"auto_started" readOnly:"true" doc:"Whether the session is starting because all were ready. It opens again if one no longer is."`

	HostLostAt  *time.Time `json:"host_lost_at" readOnly:"true" doc:"Since when the host is disconnected; null if it is not."`
	EmptySince  *time.Time `json:"empty_since" readOnly:"true" doc:"Since when the session has no members; null while it has some, and if it never had any."`
	ServerSince *time.Time `json:"server_since" readOnly:"true" doc:"When a server last took over the session; null if none did."`

	JoinCode *JoinCode `json:"join_code" readOnly:"true" doc:"A code by which players can join; null for none. Shown to members, servers and admins only."`

	HasPassword  bool         `json:"has_password" bson:"has_password,omitempty" readOnly:"true" doc:"Whether joining requires a password, unless by join code or invitation."`
	PasswordHash PasswordHash `json:"password_hash,omitzero" bson:"password_hash,omitempty" hidden:"true" doc:"Hash of the password by argon2id, as a PHC string: the password itself is stored nowhere."`

	Bans       []Ban       `json:"bans" readOnly:"true" nullable:"false" doc:"Players who may not join, with an end or for as long as the session lives. Shown to the host, servers and admins only."`
	WaitList   []Waiter    `json:"wait_list" readOnly:"true" nullable:"false" doc:"Players who wait for a seat, in their order. Seats that become free are reserved for them. The host, servers and admins see all, other players only themselves; absent from brief lists."`
	Members    []Member    `json:"members" readOnly:"true" nullable:"false" doc:"The members in the order in which they took their seats; absent from brief lists."`
	Connection *Connection `json:"connection" doc:"Where the session's server is."`
	Result     Result      `json:"result" bson:"result,omitempty" doc:"The outcome of the session: an object that the game defines, set once when the session ends."`

	Version   int64      `json:"version" readOnly:"true" doc:"Grows by one with each change; the ETag."`
	CreatedAt time.Time  `json:"created_at" readOnly:"true" doc:"In UTC, to the millisecond."`
	UpdatedAt time.Time  `json:"updated_at" readOnly:"true" doc:"In UTC, to the millisecond."`
	StartedAt *time.Time `json:"started_at" readOnly:"true" doc:"When the session last went in progress."`
	EndedAt   *time.Time `json:"ended_at" readOnly:"true" doc:"When the session ended."`
}

// SessionRequest asks for a new session.
type SessionRequest struct {
	Settings
	Fixed
	TimeoutRequest
	// Status is open, the default, or pending for a session whose server is not ready.
	Status SessionStatus `json:"status" enum:"pending,open" doc:"The state of the document."`
	// HostID is the player that becomes host and first member. Without HostID and Host, the session belongs to a
	// server.
	HostID *PlayerID `json:"host_id" doc:"The member with authority over the session; null for a session without one."`
	// Host is HostID with a team and attributes. If both are set, they must name the same player.
	Host       *JoinRequest `json:"host" doc:"The host as it would join: host_id with a team and attributes. Give one of the two, or the same player in both."`
	Connection *Connection  `json:"connection" doc:"Where the session's server is."`
	// JoinCode asks for a join code.
	JoinCode bool `json:"join_code" doc:"Whether the session gets a code by which players can join."`
	// Password is what new members must know, or empty for none.
	Password string `json:"password,omitzero" maxLength:"128" doc:"What players must know to join, if they have neither a join code nor an invitation. It is never returned. Null or empty for none."`
}

// host returns how the first member joins, or nil.
func (r SessionRequest) host() *JoinRequest {
	if r.Host == nil && r.HostID != nil {
		return &JoinRequest{PlayerID: *r.HostID}
	}
	return r.Host
}

// FirstMember returns the player that becomes host, or "" for a session of a server.
func (r SessionRequest) FirstMember() PlayerID {
	if h := r.host(); h != nil {
		return h.PlayerID
	}
	return ""
}

// Validate returns ErrValidation with everything that is wrong.
func (r SessionRequest) Validate() error {
	var p problems
	r.Settings.validate(&p)
	p.check(r.Status == "" || r.Status == StatusOpen || r.Status == StatusPending, "status",
		"must be %s or %s for a new session", StatusOpen, StatusPending)
	r.TimeoutRequest.check(&p)
	p.check(r.HostID == nil || validID(string(*r.HostID)), "host_id", "must be a player's id")
	if r.Host != nil {
		r.Host.validate(&p, "host.")
		p.check(r.HostID == nil || *r.HostID == r.Host.PlayerID, "host_id", "must be host.player_id, or be left out")
		_, ok := r.Teams[r.Host.Team]
		p.check(ok || r.Host.Team == TeamAuto || !validKey(r.Host.Team), "host.team",
			"must be one of the session's teams")
	}
	r.Connection.validate(&p)
	p.checkPassword(r.Password)
	return p.err()
}

// newSession returns a session of version 1 with its host as its first member.
func newSession(
	id SessionID, project ProjectID, r SessionRequest, defaults Timeouts, now time.Time,
) (Session, error) {
	if err := r.Validate(); err != nil {
		return Session{}, err
	}
	s := Session{
		ID: id, Project: project, Settings: r.Settings.normal(), Fixed: r.Fixed, Timeouts: r.timeouts(defaults),
		Status: r.Status, Fence: 1, Liveness: Live, Bans: []Ban{}, WaitList: []Waiter{}, Members: []Member{},
		Connection: r.Connection, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if err := ValidTimeouts(s.Timeouts); err != nil { // given together with defaults
		return Session{}, err
	}
	if s.Status == "" {
		s.Status = StatusOpen
	}
	if h := r.host(); h != nil {
		j := s.withTeams(Party{Seats: []JoinRequest{*h}})[0]
		s.Members = append(s.Members, newMember(j, now))
		s.Hosted, s.HostID = true, new(h.PlayerID)
	}
	return s, nil
}

// created returns the changes of the creation.
func (s *Session) created() []Change {
	done := []Change{SessionCreated{s.Status}}
	for i := range s.Members {
		m := &s.Members[i]
		if m.Status == SeatReserved {
			done = append(done, SeatReservedFor{m.PlayerID})
			continue
		}
		done = append(done, MemberJoined{m.PlayerID})
	}
	if s.HostID != nil {
		done = append(done, HostChanged{To: *s.HostID, Reason: HostJoined})
	}
	return done
}

// nextVersion makes a new version of the session.
func (s *Session) nextVersion(now time.Time) versioned {
	s.Version++
	s.UpdatedAt = now
	return s.current()
}

// current identifies the session's version.
func (s *Session) current() versioned {
	return versioned{s.Project, Subject{SubjectSession, string(s.ID)}, s.Version, s.UpdatedAt}
}

// SessionEdit are the fields of a session that can be changed without changing its status, and those that must stay.
type SessionEdit struct {
	Settings
	Fixed
	Timeouts
	Connection *Connection `json:"connection" doc:"Where the session's server is."` // nil for none
	// PasswordHash is that of the password, as [Sessions.NewPassword] returns it, or empty for none.
	PasswordHash PasswordHash `json:"-"`
}

// Validate returns ErrValidation with everything that is wrong.
func (e SessionEdit) Validate() error {
	var p problems
	e.Settings.validate(&p)
	e.Connection.validate(&p)
	p.include(ValidTimeouts(e.Timeouts))
	return p.err()
}

// editable returns a copy of the fields that can be changed.
func (s *Session) editable() SessionEdit {
	e := SessionEdit{Settings: s.Settings.normal(), Fixed: s.Fixed, Timeouts: s.Timeouts, PasswordHash: s.PasswordHash}
	if s.Connection != nil {
		e.Connection = new(*s.Connection)
	}
	return e
}

// Edit replaces the session's settings, connection and password, and returns what that changed. It returns
// ErrValidation, ErrSessionEnded, or ErrSeatsTaken if the session or a team would have fewer seats than are held.
func (s *Session) Edit(e SessionEdit) ([]Change, error) {
	t := e.Settings.normal()
	var wrong problems
	wrong.include(e.Validate())
	wrong.include(s.Keep(e.Fixed))
	if err := wrong.err(); err != nil {
		return nil, err
	}
	if s.Settings.equal(t) && s.Timeouts == e.Timeouts && s.Connection.equal(e.Connection) &&
		s.PasswordHash == e.PasswordHash {
		return nil, nil
	}
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	if held := len(s.Members); held > t.MaxPlayers {
		return nil, ErrSeatsTaken.Detail("%d seats are held: max_players cannot be %d.", held, t.MaxPlayers).
			With("field", "max_players").With("held", held)
	}
	for i := range s.Members {
		team := s.Members[i].Team
		if held := s.inTeam(team); team != "" && held > t.Teams[team] {
			return nil, ErrSeatsTaken.
				Detail("Team %s holds %d seats: its capacity cannot be %d.", team, held, t.Teams[team]).
				With("field", "teams."+team).With("held", held)
		}
	}
	fields := append(differing(s.Settings, t), differing(s.Timeouts, e.Timeouts)...)
	if !s.Connection.equal(e.Connection) {
		fields = append(fields, "connection")
	}
	if s.PasswordHash != e.PasswordHash {
		fields = append(fields, "password")
	}
	s.Settings, s.Timeouts, s.Connection = t, e.Timeouts, e.Connection
	s.setPassword(e.PasswordHash)
	return []Change{SettingsChanged{fields}}, nil
}

// Differences returns the JSON names of the settings that differ.
func (t Settings) Differences(o Settings) []string { return differing(t.normal(), o.normal()) }

// Restore sets the fields that documents of earlier versions lack. Engines call it for every session that they read.
func (s *Session) Restore() {
	s.Hosted = s.Hosted || s.HostID != nil
	if s.Bans == nil {
		s.Bans = []Ban{}
	}
	if s.WaitList == nil {
		s.WaitList = []Waiter{}
	}
	if s.Liveness != "" {
		return
	}
	s.Liveness, s.Fence, s.Timeouts = Live, 1, DefaultTimeouts()
	if !s.Hosted {
		s.EmptyTimeout = 0
	}
}

// FreeSeats returns the number of free seats.
func (s *Session) FreeSeats() int { return s.MaxPlayers - len(s.Members) }

// clone returns a copy that shares nothing that rules change in place.
func (s *Session) clone() Session {
	c := *s
	c.Members = slices.Clone(s.Members)
	c.Bans = slices.Clone(s.Bans)
	c.WaitList = slices.Clone(s.WaitList)
	return c
}

// Validate returns ErrValidation with everything that is wrong.
func (t Settings) Validate() error {
	var p problems
	t.validate(&p)
	return p.err()
}

func (t Settings) validate(p *problems) {
	for field, s := range t.names() {
		p.checkName(field, *s, MaxSessionText)
	}
	knownVisibility := t.Visibility == "" || slices.Contains(Visibilities(), t.Visibility)
	p.check(knownVisibility, "visibility", "must be one of %v", Visibilities())
	validMax := t.MaxPlayers >= 1 && t.MaxPlayers <= MaxPlayers
	p.check(validMax, "max_players", "must be 1 to %d", MaxPlayers)
	p.check(t.MinPlayers >= 0 && (!validMax || t.MinPlayers <= t.MaxPlayers), "min_players", "must be 0 to max_players")
	t.validateTeams(p)
	t.Attributes.validate(p, attributeLimits{MaxSessionAttributes, maxSessionAttributeBytes})
}

func (t Settings) validateTeams(p *problems) {
	if len(t.Teams) > MaxTeams {
		p.add("teams", "must have at most %d entries", MaxTeams)
		return
	}
	for team, capacity := range t.Teams {
		if !validKey(team) {
			p.add("teams", "names must have 1 to %d characters of A-Z a-z 0-9 _ -", MaxAttributeKey)
			continue
		}
		p.check(capacity >= 1 && capacity <= MaxPlayers, "teams."+team, "must be 1 to %d", MaxPlayers)
		p.check(team != TeamAuto, "teams."+team, "is the name of the choice of a team: use another name")
	}
}

// names returns the fields that are stored as names, by their JSON names.
func (t *Settings) names() map[string]*string {
	return map[string]*string{"name": &t.Name, "mode": &t.Mode, "map": &t.Map, "region": &t.Region}
}

// normal returns t in the form in which it is stored.
func (t Settings) normal() Settings {
	for _, s := range t.names() {
		*s = storedName(*s)
	}
	if t.Visibility == "" {
		t.Visibility = VisibilityPublic
	}
	t.Teams = maps.Clone(t.Teams)
	if t.Teams == nil {
		t.Teams = map[string]int{}
	}
	t.Attributes = maps.Clone(t.Attributes).orEmpty()
	return t
}

func (t Settings) equal(o Settings) bool { return same(t, o) }

// equal reports whether both are equal or both are nil.
func (c *Connection) equal(o *Connection) bool { return same(c, o) }

func (c *Connection) validate(p *problems) {
	if c == nil {
		return
	}
	isHost := net.ParseIP(c.Address) != nil || consistsOf(c.Address, ".-")
	p.check(len(c.Address) >= 1 && len(c.Address) <= MaxAddress && isHost, "connection.address",
		"must be an IP address or a host name of at most %d characters", MaxAddress)
	p.check(c.Port >= 1 && c.Port <= 65535, "connection.port", "must be 1 to 65535")
	p.check(len(c.Protocol) <= MaxProtocol && consistsOf(c.Protocol, "_-+."), "connection.protocol",
		"must have at most %d characters of A-Z a-z 0-9 _ - + .", MaxProtocol)
}
