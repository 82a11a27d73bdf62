package game

import (
	"encoding/json"
	"slices"
	"time"
)

// SessionStatus is the state of a session. The package comment draws the states.
type SessionStatus string

// The states of a session.
const (
	StatusPending    SessionStatus = "pending" // its server is not ready
	StatusOpen       SessionStatus = "open"
	StatusStarting   SessionStatus = "starting"
	StatusInProgress SessionStatus = "in_progress"
	StatusEnded      SessionStatus = "ended"
	StatusCancelled  SessionStatus = "cancelled"
	StatusExpired    SessionStatus = "expired"
	StatusFailed     SessionStatus = "failed"
)

// SessionStatuses returns all statuses, the live ones first.
func SessionStatuses() []SessionStatus {
	return []SessionStatus{
		StatusPending, StatusOpen, StatusStarting, StatusInProgress, StatusEnded, StatusCancelled, StatusExpired,
		StatusFailed,
	}
}

// LiveStatuses returns the statuses of sessions that have not ended.
func LiveStatuses() []SessionStatus {
	return slices.DeleteFunc(SessionStatuses(), SessionStatus.Terminal)
}

// Terminal reports whether a session with this status has ended.
func (s SessionStatus) Terminal() bool {
	switch s {
	case StatusEnded, StatusCancelled, StatusExpired, StatusFailed:
		return true
	default:
		return false
	}
}

// EndReason says why a session has ended. It is empty for a live session, which is null in JSON.
type EndReason string

// MarshalJSON implements [json.Marshaler].
func (r EndReason) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(r))
}

// The reasons why sessions end.
const (
	ReasonCompleted         EndReason = "completed"
	ReasonForceTerminated   EndReason = "force_terminated"
	ReasonCancelledByHost   EndReason = "cancelled_by_host"
	ReasonCancelledByAdmin  EndReason = "cancelled_by_admin"
	ReasonEmptyTimeout      EndReason = "empty_timeout"
	ReasonLeaseExpired      EndReason = "lease_expired"
	ReasonIdleTimeout       EndReason = "idle_timeout"
	ReasonMaxDuration       EndReason = "max_duration"
	ReasonActivationTimeout EndReason = "activation_timeout"
	ReasonServerCrashed     EndReason = "server_crashed"
)

// EndReasons returns all reasons.
func EndReasons() []EndReason {
	return []EndReason{
		ReasonCompleted, ReasonForceTerminated, ReasonCancelledByHost, ReasonCancelledByAdmin, ReasonEmptyTimeout,
		ReasonLeaseExpired, ReasonIdleTimeout, ReasonMaxDuration, ReasonActivationTimeout, ReasonServerCrashed,
	}
}

// moves lists the legal moves between statuses with the reasons that may be given, the default first. Moves to a live
// status have no reason. A session that is not in progress only ends with ReasonForceTerminated, which must be given
// explicitly.
var moves = map[SessionStatus]map[SessionStatus][]EndReason{
	StatusPending: {
		StatusOpen:      nil,
		StatusFailed:    {ReasonActivationTimeout, ReasonServerCrashed},
		StatusCancelled: cancelling,
		StatusExpired:   expiring,
		StatusEnded:     forcing,
	},
	StatusOpen: {
		StatusStarting:   nil,
		StatusInProgress: nil,
		StatusCancelled:  cancelling,
		StatusExpired:    expiring,
		StatusEnded:      forcing,
	},
	StatusStarting: {
		StatusInProgress: nil,
		StatusOpen:       nil,
		StatusFailed:     {ReasonServerCrashed, ReasonActivationTimeout},
		StatusCancelled:  cancelling,
		StatusExpired:    expiring,
		StatusEnded:      forcing,
	},
	StatusInProgress: {
		StatusOpen:    nil, // with AllowRematch only
		StatusEnded:   {ReasonCompleted, ReasonForceTerminated},
		StatusFailed:  {ReasonServerCrashed},
		StatusExpired: expiring,
	},
}

var (
	cancelling = []EndReason{ReasonCancelledByAdmin, ReasonCancelledByHost, ReasonEmptyTimeout}
	expiring   = []EndReason{ReasonLeaseExpired, ReasonIdleTimeout, ReasonMaxDuration, ReasonEmptyTimeout}
	forcing    = []EndReason{ReasonForceTerminated}
)

// defaultReason returns the reason of a move without one.
func defaultReason(from, to SessionStatus) EndReason {
	if to == StatusEnded {
		return ReasonCompleted // not force, which must be given explicitly
	}
	if reasons := moves[from][to]; len(reasons) > 0 {
		return reasons[0]
	}
	return ""
}

// Move asks for another status.
type Move struct {
	Status     SessionStatus `json:"status" doc:"The state of the document."`
	EndReason  EndReason     `json:"end_reason" doc:"Why the session has ended; null for a live session."`
	Result     Result        `json:"result" doc:"The outcome of the session: an object that the game defines."` // with status ended only
	Connection *Connection   `json:"connection" doc:"Where the session's server is."`                           // nil leaves the session's unchanged
}

// Validate returns ErrValidation with everything that is wrong regardless of the session.
func (m Move) Validate() error {
	var p problems
	p.check(slices.Contains(SessionStatuses(), m.Status), "status", "must be one of %v", SessionStatuses())
	p.check(m.EndReason == "" || m.Status.Terminal(),
		"end_reason", "is allowed with a status that ends the session only")
	p.check(m.EndReason == "" || slices.Contains(EndReasons(), m.EndReason),
		"end_reason", "must be one of %v", EndReasons())
	p.check(m.Result == "" || m.Status == StatusEnded, "result", "is allowed with status ended only")
	p.check(len(m.Result) <= MaxResultBytes, "result", "must have at most %d bytes", MaxResultBytes)
	m.Connection.validate(&p)
	return p.err()
}

// Allowed returns the statuses to which a caller may move the session without force.
func (s *Session) Allowed() []SessionStatus {
	allowed := make([]SessionStatus, 0, len(moves[s.Status]))
	for _, to := range SessionStatuses() {
		if to != StatusExpired && s.legal(to, defaultReason(s.Status, to)) == nil {
			allowed = append(allowed, to)
		}
	}
	return allowed
}

// legal returns why the session cannot move, or nil: ErrInvalidTransition, or ErrValidation for a reason that does not
// fit the move.
func (s *Session) legal(to SessionStatus, reason EndReason) error {
	reasons, ok := moves[s.Status][to]
	switch {
	case !ok, to == StatusOpen && s.Status == StatusInProgress && !s.AllowRematch:
		return ErrInvalidTransition
	case slices.Contains(reasons, reason), len(reasons) == 0 && reason == "":
		return nil
	case to == StatusEnded && reason == ReasonCompleted:
		return ErrInvalidTransition
	}
	return InvalidField("end_reason", "must be one of %v to move from %s to %s", reasons, s.Status, to)
}

// Move changes the status of the session and returns what that changed. A move to the present status succeeds and
// changes nothing; with another connection it returns ErrValidation, because [Session.Edit] changes that. Callers
// cannot move a session to expired: see [Session.Expire]. It returns ErrValidation, ErrInvalidTransition,
// ErrNotEnoughPlayers, or ErrSessionEnded if the session has ended with another reason, result or connection.
func (s *Session) Move(m Move, now time.Time) ([]Change, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if m.Status == s.Status {
		return nil, s.restate(m)
	}
	if m.Status == StatusExpired {
		return nil, s.explain(ErrInvalidTransition, m.Status)
	}
	reason := m.EndReason
	if reason == "" {
		reason = defaultReason(s.Status, m.Status)
	}
	if err := s.legal(m.Status, reason); err != nil {
		return nil, s.explain(err, m.Status)
	}
	starts := m.Status == StatusStarting || m.Status == StatusInProgress
	if starts && len(s.Members) < s.MinPlayers {
		return nil, ErrNotEnoughPlayers.
			Detail("The session has %d members and needs %d to start.", len(s.Members), s.MinPlayers).
			With("min_players", s.MinPlayers).With("members", len(s.Members))
	}
	done := []Change{StatusChanged{s.Status, m.Status, reason}}
	s.enter(m.Status, now)
	s.EndReason, s.Result = reason, m.Result
	if m.Status == StatusOpen { // or all being ready would start it at once
		for i := range s.Members {
			s.Members[i].Ready = false
		}
	}
	if m.Connection != nil {
		if !s.Connection.equal(m.Connection) {
			done = append(done, SettingsChanged{[]string{"connection"}})
		}
		s.Connection = m.Connection
	}
	return done, nil
}

// Expire ends a live session whose lease has run out, with ReasonLeaseExpired or ReasonIdleTimeout, and returns what
// that changed. It returns ErrInvalidTransition if the session has ended with another status.
func (s *Session) Expire(reason EndReason, now time.Time) ([]Change, error) {
	if s.Status == StatusExpired {
		return nil, nil
	}
	if err := s.legal(StatusExpired, reason); err != nil {
		return nil, s.explain(err, StatusExpired)
	}
	return s.end(StatusExpired, reason, now), nil
}

// end ends a live session.
func (s *Session) end(to SessionStatus, reason EndReason, now time.Time) []Change {
	done := []Change{StatusChanged{s.Status, to, reason}}
	s.enter(to, now)
	s.EndReason = reason
	return done
}

func (s *Session) enter(to SessionStatus, now time.Time) {
	s.AutoStarted = false
	switch {
	case to == StatusOpen:
		s.StartedAt = nil
	case to == StatusInProgress:
		s.StartedAt = &now
	case to.Terminal():
		s.EndedAt, s.JoinCode = &now, nil
		s.WaitList = []Waiter{}
		s.setPassword("")
	}
	s.Status = to
}

// restate returns why a move to the present status fails: because it asks for a change.
func (s *Session) restate(m Move) error {
	sameConnection := m.Connection == nil || s.Connection.equal(m.Connection)
	sameEnd := (m.Result == "" || m.Result == s.Result) && (m.EndReason == "" || m.EndReason == s.EndReason)
	switch {
	case s.Status.Terminal() && (!sameEnd || !sameConnection):
		return s.endedError()
	case !sameConnection:
		return InvalidField(
			"connection", "differs from that of the session, which is already %s: change it with PATCH", s.Status,
		)
	}
	return nil
}

func (s *Session) explain(err error, to SessionStatus) error {
	if KindOf(err) != Conflict {
		return err
	}
	e := ErrInvalidTransition.Detail("The session is %s and cannot become %s.", s.Status, to)
	if slices.Contains(moves[s.Status][to], ReasonForceTerminated) {
		e = ErrInvalidTransition.Detail(
			"The session is %s and cannot become %s, except with end_reason %s.", s.Status, to, ReasonForceTerminated,
		)
	}
	return e.With("from", s.Status).With("to", to).With("allowed", s.Allowed())
}

func (s *Session) endedError() error {
	return ErrSessionEnded.Detail("The session is %s and cannot be changed.", s.Status).
		With("session_status", s.Status).With("end_reason", s.EndReason)
}
