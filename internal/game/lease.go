package game

import "time"

// Liveness says whether whoever leads a session still sends heartbeats.
type Liveness string

// The states of liveness.
const (
	Live Liveness = "live"
	// Stale sessions missed their heartbeats for stale_after. They accept no new members until the next heartbeat, or
	// one who becomes host if they have lost theirs.
	Stale Liveness = "stale"
)

// Livenesses returns all states of liveness.
func Livenesses() []Liveness { return []Liveness{Live, Stale} }

// LeaseState is the state of a lease.
type LeaseState string

// The states of leases.
const (
	LeaseLive    LeaseState = "live"
	LeaseStale   LeaseState = "stale"   // closed until the next heartbeat
	LeaseExpired LeaseState = "expired" // closed for good
)

// LeaseStates returns all states of leases.
func LeaseStates() []LeaseState { return []LeaseState{LeaseLive, LeaseStale, LeaseExpired} }

// Lease records the heartbeats of a session's host or server, or of one of its members. It begins with the first
// heartbeat. Heartbeats change only the lease: the session and its version change with its liveness.
//
// A lease is closed before its session changes, on condition of the heartbeat that was seen last, so that a heartbeat
// at the same time either prevents the change or is rejected.
type Lease struct {
	Project ProjectID `json:"project"`
	Session SessionID `json:"session"`
	// Player is the member, or empty for the lease of the session itself.
	Player PlayerID   `json:"player" bson:"player,omitempty"`
	State  LeaseState `json:"state"`
	// Fence is the session's fence at the last heartbeat. It never decreases.
	Fence  int64     `json:"fence"`
	BeatAt time.Time `json:"beat_at"` // of the last heartbeat; it never decreases
	// DueAt is when the lease must be looked at: when it runs out, or at once if a change of the session follows from
	// its state.
	DueAt time.Time `json:"due_at"`
}

// LeaseID identifies a lease: the session's id, for members followed by "/" and the player's id.
type LeaseID string

// LeaseIDOf returns the id of the lease of a session, or of its member if player is not empty.
func LeaseIDOf(session SessionID, player PlayerID) LeaseID {
	if player == "" {
		return LeaseID(session)
	}
	return LeaseID(session) + "/" + LeaseID(player)
}

// ID returns the id of the lease.
func (l *Lease) ID() LeaseID { return LeaseIDOf(l.Session, l.Player) }

// Pulse is the part of a session that heartbeats need. Its fields are those of [Session].
type Pulse struct {
	ID         SessionID     `json:"id" bson:"_id"`
	Status     SessionStatus `json:"status"`
	EndReason  EndReason     `json:"end_reason" bson:"end_reason,omitempty"`
	Version    int64         `json:"version"`
	UpdatedAt  time.Time     `json:"updated_at"`
	HostID     *PlayerID     `json:"host_id"`
	Fence      int64         `json:"fence"`
	HostLostAt *time.Time    `json:"host_lost_at"`
	Liveness   Liveness      `json:"liveness"`
	Leased     bool          `json:"leased"`

	IdleTimeout int `json:"idle_timeout"`
	StaleAfter  int `json:"stale_after"`
	ExpireAfter int `json:"expire_after"`
}

// Pulse returns the session's pulse.
func (s *Session) Pulse() Pulse {
	return Pulse{
		ID: s.ID, Status: s.Status, EndReason: s.EndReason, Version: s.Version, UpdatedAt: s.UpdatedAt,
		HostID: s.HostID, HostLostAt: s.HostLostAt, Fence: s.Fence, Liveness: s.Liveness, Leased: s.Leased,
		IdleTimeout: s.IdleTimeout, StaleAfter: s.StaleAfter, ExpireAfter: s.ExpireAfter,
	}
}

// DueSession is a session that time has changed or will change.
type DueSession struct {
	Project ProjectID
	ID      SessionID
	DueAt   time.Time // see [Session.NextDue]
}

// setLiveness sets the liveness and returns what that changed.
func (s *Session) setLiveness(to Liveness) []Change {
	if s.Liveness == to {
		return nil
	}
	from := s.Liveness
	s.Liveness = to
	return []Change{LivenessChanged{from, to}}
}

// Beat records a heartbeat of the session's lease and returns what that changed, which is nothing for most heartbeats.
// by is the host if it sent the heartbeat, and empty for a server. It returns ErrSessionEnded, or ErrStaleFence if the
// heartbeat renewed the lease at another fence.
func (s *Session) Beat(by PlayerID, fence int64, now time.Time) ([]Change, error) {
	switch {
	case s.Status.Terminal():
		return nil, s.endedError()
	case s.Fence != fence:
		return nil, s.staleFence()
	}
	var done []Change
	if !s.Leased {
		s.Leased = true
		done = append(done, LeaseStarted{})
	}
	revived := s.setLiveness(Live)
	done = append(done, revived...)
	// Turning stale has disconnected the host.
	if i := s.member(s.host()); i >= 0 && s.Members[i].Status == SeatDisconnected &&
		(by == s.host() || len(revived) > 0) {
		done = append(done, s.connect(&s.Members[i], now)...)
	}
	return done, nil
}

// TurnStale marks the session as stale, whose lease was closed at the fence, and returns what that changed. If a player
// hosts the session, it counts as disconnected.
func (s *Session) TurnStale(fence int64, now time.Time) []Change {
	if s.Status.Terminal() || s.Fence != fence || s.Liveness == Stale {
		return nil
	}
	done := s.setLiveness(Stale)
	if i := s.member(s.host()); i >= 0 && s.Members[i].Status == SeatJoined {
		done = append(done, s.disconnect(&s.Members[i], now)...)
	}
	return done
}

// Presence records which members are connected, as a host or a server knows it, and returns what that changed. Members
// who joined or reconnected less than stale_after ago stay connected, because whoever tells may not have seen them yet,
// and so does by, the member who tells it. It returns ErrSessionEnded.
func (s *Session) Presence(connected []PlayerID, by PlayerID, now time.Time) ([]Change, error) {
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	present := make(map[PlayerID]bool, len(connected)+1)
	present[by] = true
	for _, id := range connected {
		present[id] = true
	}
	var done []Change
	for i := range s.Members {
		m := &s.Members[i]
		switch {
		case m.Status == SeatDisconnected && present[m.PlayerID]:
			done = append(done, m.connect(now)...)
		case m.Status == SeatJoined && !present[m.PlayerID] && !now.Before(m.connectedAt().Add(seconds(s.StaleAfter))):
			done = append(done, s.lose(m, now)...)
		}
	}
	return append(done, s.settle(now)...), nil // not before: all of it is true at once
}

// connectedAt returns when the member last joined or reconnected.
func (m *Member) connectedAt() time.Time {
	if m.ReconnectedAt != nil {
		return *m.ReconnectedAt
	}
	return m.JoinedAt
}

// ServerRequest names the server that takes over a session.
type ServerRequest struct {
	Connection        *Connection `json:"connection" doc:"Where the server is; null if it is not known yet."`
	ActivationTimeout *int        `json:"activation_timeout" minimum:"0" maximum:"3600" doc:"Replaces the session's activation_timeout, which counts from now for a pending session; null leaves it as it is."`
}

// Validate returns ErrValidation with everything that is wrong.
func (r ServerRequest) Validate() error {
	var p problems
	r.Connection.validate(&p)
	TimeoutRequest{ActivationTimeout: r.ActivationTimeout}.check(&p)
	return p.err()
}

// AttachServer lets a server take over the session, which raises its fence and begins a fresh lease, and returns what
// that changed. It returns ErrValidation or ErrSessionEnded.
func (s *Session) AttachServer(r ServerRequest, now time.Time) ([]Change, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if s.Status.Terminal() {
		return nil, s.endedError()
	}
	s.Fence++
	s.ServerSince = &now
	done := []Change{ServerAttached{s.Fence}}
	if !s.Connection.equal(r.Connection) {
		s.Connection = r.Connection
		done = append(done, SettingsChanged{[]string{"connection"}})
	}
	if r.ActivationTimeout != nil && *r.ActivationTimeout != s.ActivationTimeout {
		s.ActivationTimeout = *r.ActivationTimeout
		done = append(done, SettingsChanged{[]string{"activation_timeout"}})
	}
	return append(done, s.setLiveness(Live)...), nil
}

// AtFence returns a condition that the session is at the fence. It returns ErrStaleFence.
func AtFence(fence int64) Condition[Session] {
	return func(s Session) error {
		if s.Fence != fence {
			return s.staleFence()
		}
		return nil
	}
}

func (s *Session) staleFence() error {
	return ErrStaleFence.
		Detail("The session is at fence %d: another host or server has taken over. "+
			"Read the session before you write again.", s.Fence).
		With("fence", s.Fence)
}

// looksAgain bounds, in multiples of stale_after, for how long a stale lease, or that of a session without a heartbeat,
// is not looked at. A process that crashed right after another host took over may have left it closed.
const looksAgain = 10

// judged returns what has become of the lease of a session by the given time. hearing is as for [Session.Elapse].
//
// A lease is stale without a heartbeat for stale_after, and expired without one for expire_after, or without one and
// without a change for idle_timeout. Another fence in the session means a fresh lease. Before the first heartbeat has
// reached the session, which may have rejected it, the lease remains as it is.
//
// DueAt does not depend on hearing: a process that has just begun to hear must not make others wait too.
func (l Lease) judged(s *Session, now, hearing time.Time) Lease {
	if l.State != LeaseExpired && s.Fence > l.Fence {
		l.Fence, l.BeatAt = s.Fence, later(l.BeatAt, s.UpdatedAt)
		if s.Liveness == Live {
			l.State = LeaseLive
		}
	}
	stale, expires, soonest := l.BeatAt.Add(seconds(s.StaleAfter)), l.expiresAt(s), hearing.Add(seconds(s.StaleAfter))
	switch {
	case l.State == LeaseExpired, !s.Leased:
	case !now.Before(expires) && !now.Before(soonest):
		l.State = LeaseExpired
	case l.State == LeaseLive && !now.Before(stale) && !now.Before(soonest):
		l.State = LeaseStale
	}
	switch {
	case l.State == LeaseExpired:
		l.DueAt = now
	case !s.Leased:
		l.DueAt = now.Add(looksAgain * seconds(s.StaleAfter))
	case l.State == LeaseLive:
		l.DueAt = earlier(stale, expires)
	case l.State == LeaseStale:
		l.DueAt = earlier(expires, now.Add(looksAgain*seconds(s.StaleAfter)))
		if due := s.NextDue(); due != nil && due.After(now) { // another host may take over then
			l.DueAt = earlier(l.DueAt, due.Add(time.Second))
		}
	}
	return l
}

// expiresAt returns when the session expires unless it has a heartbeat or, for the idle timeout, a change.
func (l Lease) expiresAt(s *Session) time.Time {
	byLease := l.BeatAt.Add(seconds(s.ExpireAfter))
	if s.IdleTimeout == 0 {
		return byLease
	}
	return earlier(byLease, later(l.BeatAt, s.UpdatedAt).Add(seconds(s.IdleTimeout)))
}

// expiryReason returns why a session expires whose lease has expired.
func (l Lease) expiryReason(s *Session) EndReason {
	if l.expiresAt(s).Before(l.BeatAt.Add(seconds(s.ExpireAfter))) {
		return ReasonIdleTimeout
	}
	return ReasonLeaseExpired
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
