package game

import (
	"slices"
)

// This file is who may do what. An API key acts on all of its project; a player acts for itself, and as host for its
// session; nobody acts. Another project's documents are not forbidden: they do not exist.

// mayRead answers ErrForbidden to nobody.
func (c Caller) mayRead() error {
	if c.Scope == ScopePlayer || c.Scope.valid() {
		return nil
	}
	return ErrForbidden
}

// MayOperate answers ErrForbidden to players and nobody: how the service is is for who runs something on it.
func (c Caller) MayOperate() error {
	if c.Scope.valid() {
		return nil
	}
	return ErrForbidden.Detail("This requires an API key.").With("needs", ScopeRead)
}

// mayServe answers ErrForbidden unless the caller acts on all of its project.
func (c Caller) mayServe() error {
	switch c.Scope {
	case ScopeAdmin, ScopeServer:
		return nil
	case ScopeRead:
		return ErrForbidden.Detail("A key of scope read cannot change anything.").With("needs", ScopeServer)
	default:
		return ErrForbidden.Detail("This requires an API key of scope server or admin.").With("needs", ScopeServer)
	}
}

// mayAdminister answers ErrForbidden unless the caller is an admin.
func (c Caller) mayAdminister() error {
	if c.Scope == ScopeAdmin {
		return nil
	}
	return ErrForbidden.Detail("This requires an API key of scope admin.").With("needs", ScopeAdmin)
}

// mayActFor answers ErrForbidden unless the caller is the player, or acts on all of its project.
func (c Caller) mayActFor(p PlayerID) error {
	switch {
	case c.Scope != ScopePlayer:
		return c.mayServe()
	case c.Player != p:
		return ErrForbidden.Detail("A player can act for itself only, not for player %s.", p)
	}
	return nil
}

// mayOpen answers ErrForbidden where a player would open a session of which it is not the host.
func (c Caller) mayOpen(r SessionRequest) error {
	if c.Scope == ScopePlayer && r.FirstMember() != c.Player {
		return ErrForbidden.Detail(
			"A player can create a session only as its host: set host_id to the id of the player.",
		).With("needs", ScopeServer)
	}
	if c.Scope == ScopePlayer {
		return nil
	}
	return c.mayServe()
}

// mayHost answers ErrNotHost unless the caller hosts the session, or acts on all of its project.
func (c Caller) mayHost(s *Session) error {
	switch {
	case c.Scope != ScopePlayer:
		return c.mayServe()
	case s.HostID == nil || *s.HostID != c.Player:
		return ErrNotHost
	}
	return nil
}

// maySeeTimeline returns ErrNotHost to players who do not host the session.
func (c Caller) maySeeTimeline(s *Session) error {
	if c.Scope == ScopePlayer && s.host() != c.Player {
		return ErrNotHost
	}
	return c.mayRead()
}

// seenEvent returns the event as the caller sees it: players see neither requests nor keys.
func (c Caller) seenEvent(e Event) Event {
	if c.Scope != ScopePlayer {
		return e
	}
	e.RequestID, e.RunID = "", ""
	if e.Actor.Kind != ActorPlayer {
		e.Actor.ID = ""
	}
	return e
}

// mayChange answers ErrForbidden where a player would change of itself what is its game's to say: what it may do, who
// it is elsewhere, and the attributes that servers trust.
func (c Caller) mayChange(old, next Profile) error {
	if c.Scope != ScopePlayer {
		return c.mayServe()
	}
	old.Username, old.DisplayName = next.Username, next.DisplayName
	if next.Status == "" { // stays as it is
		next.Status, next.SuspendedUntil, next.SuspensionReason = old.Status, old.SuspendedUntil, old.SuspensionReason
	}
	if !old.equal(next) {
		return ErrForbidden.Detail("A player can change its username and display_name only.").With("needs", ScopeServer)
	}
	return nil
}

// asMover returns the move as the caller may ask for it: a host gives a host's reasons.
func (c Caller) asMover(m Move) (Move, error) {
	if c.Scope != ScopePlayer {
		return m, c.mayServe()
	}
	if m.EndReason == "" && m.Status == StatusCancelled {
		m.EndReason = ReasonCancelledByHost
	}
	if !slices.Contains([]EndReason{"", ReasonCompleted, ReasonCancelledByHost}, m.EndReason) {
		return m, ErrForbidden.Detail(
			"A host can set end_reason to %s or %s only.", ReasonCompleted, ReasonCancelledByHost,
		).With("needs", ScopeServer)
	}
	return m, nil
}

// seenPlayer returns the player as the caller sees it: to other players, a name; to nobody, what processes note for
// each other.
func (c Caller) seenPlayer(p Player) Player {
	p.SweepSince = nil
	if c.Scope != ScopePlayer || c.Player == p.ID {
		return p
	}
	p.Identities, p.Attributes = map[string]string{}, Attributes{}
	p.Status, p.SuspendedUntil, p.SuspensionReason = PlayerActive, nil, ""
	return p
}

// seenSession returns the session as the caller sees it: its members know where its server is.
func (c Caller) seenSession(s Session) Session {
	if c.Scope == ScopePlayer && s.member(c.Player) < 0 {
		s.Connection = nil
	}
	return s
}

// mayList returns ErrForbidden where a player would select sessions that are none of its business: it finds public
// ones, and those in which it holds a seat.
func (c Caller) mayList(q SessionQuery) (SessionQuery, error) {
	own := string(c.Player)
	if c.Scope != ScopePlayer || q.Where.is(FieldMember, own) || q.Where.is(FieldHost, own) {
		return q, c.mayRead()
	}
	if _, ok := q.Where.On(FieldVisibility); !ok {
		q.Where = append(slices.Clip(q.Where), Is(FieldVisibility, VisibilityPublic))
	}
	if !q.Where.is(FieldVisibility, string(VisibilityPublic)) {
		return q, ErrForbidden.Detail("A player can list private sessions by its own member_id or host_id only.")
	}
	return q, nil
}

// mayListPlayers returns ErrForbidden where a player would ask who is suspended.
func (c Caller) mayListPlayers(q PlayerQuery) error {
	if _, ok := q.Where.On(FieldStatus); ok && c.Scope == ScopePlayer {
		return ErrForbidden.Detail("A player cannot filter players by status.").With("needs", ScopeRead)
	}
	return c.mayRead()
}

// As returns the player for whom the caller acts, with that player's rights and the caller's name. It answers
// ErrForbidden unless the caller acts on all of its project, and ErrValidation for what is no player's id.
func (c Caller) As(p PlayerID) (Caller, error) {
	if err := c.mayServe(); err != nil {
		return Caller{}, err
	}
	p = PlayerID(NormalID(string(p)))
	if !validID(string(p)) {
		return Caller{}, ErrValidation.Detail("The value must be the id of a player.")
	}
	return Caller{Project: c.Project, Scope: ScopePlayer, Name: c.Name, Player: p, ActsAs: true}, nil
}
