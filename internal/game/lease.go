package game

import "time"

// Liveness says whether whoever leads a session still sends heartbeats.
type Liveness string

// The states of liveness.
const (
	Live Liveness = "live"
	// Stale sessions missed their heartbeats for stale_after. They accept no new members until the next heartbeat.
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
	ID        SessionID     `json:"id" bson:"_id"`
	Status    SessionStatus `json:"status"`
	EndReason EndReason     `json:"end_reason" bson:"end_reason,omitempty"`
	Version   int64         `json:"version"`
	UpdatedAt time.Time     `json:"updated_at"`
	HostID    *PlayerID     `json:"host_id"`
	Fence     int64         `json:"fence"`
	Liveness  Liveness      `json:"liveness"`
	Leased    bool          `json:"leased"`

	IdleTimeout int `json:"idle_timeout"`
	StaleAfter  int `json:"stale_after"`
	ExpireAfter int `json:"expire_after"`
}

// Pulse returns the session's pulse.
func (s *Session) Pulse() Pulse {
	return Pulse{
		ID: s.ID, Status: s.Status, EndReason: s.EndReason, Version: s.Version, UpdatedAt: s.UpdatedAt,
		HostID: s.HostID, Fence: s.Fence, Liveness: s.Liveness, Leased: s.Leased,
		IdleTimeout: s.IdleTimeout, StaleAfter: s.StaleAfter, ExpireAfter: s.ExpireAfter,
	}
}

// DueSession is a session that time has changed or will change.
type DueSession struct {
	Project ProjectID
	ID      SessionID
	DueAt   time.Time // see [Session.NextDue]
}
