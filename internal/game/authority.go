package game

import (
	"slices"
)

// This file decides who may do what. An API key acts on everything in its project; a player acts for itself, and as
// host for its session; the zero Caller may do nothing. Documents of another project do not exist for a caller, so they
// are not found rather than forbidden.

// mayRead returns ErrForbidden for the zero Caller.
func (c Caller) mayRead() error {
	if c.Scope == ScopePlayer || c.Scope.valid() {
		return nil
	}
	return ErrForbidden
}

// MayOperate returns ErrForbidden for players and the zero Caller: the state of the service concerns only those who run
// something on it.
func (c Caller) MayOperate() error {
	if c.Scope.valid() {
		return nil
	}
	return ErrForbidden.Detail("This requires an API key.").With("needs", ScopeRead)
}

// mayServe returns ErrForbidden unless the caller may change everything in its project.
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

// mayAdminister returns ErrForbidden unless the caller is an admin.
func (c Caller) mayAdminister() error {
	if c.Scope == ScopeAdmin {
		return nil
	}
	return ErrForbidden.Detail("This requires an API key of scope admin.").With("needs", ScopeAdmin)
}

// mayActFor returns ErrForbidden unless the caller is the player or may change everything in its project.
func (c Caller) mayActFor(p PlayerID) error {
	switch {
	case c.Scope != ScopePlayer:
		return c.mayServe()
	case c.Player != p:
		return ErrForbidden.Detail("A player can act for itself only, not for player %s.", p)
	}
	return nil
}

// mayOpen returns ErrForbidden if the caller is a player and would not be the host of the new session.
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

// mayHost returns ErrNotHost or ErrForbidden unless the caller hosts the session or may change everything in its
// project.
func (c Caller) mayHost(s *Session) error {
	switch {
	case c.Scope != ScopePlayer:
		return c.mayServe()
	case s.HostID == nil || *s.HostID != c.Player:
		return ErrNotHost
	}
	return nil
}

// mayJoin returns the condition under which the caller may ask for the seats of a party, followed by c. It returns
// ErrForbidden if it never may.
func (c Caller) mayJoin(p Party, also Condition[Session]) (Condition[Session], error) {
	if c.Scope != ScopePlayer {
		return also, c.mayServe()
	}
	inIt := func(j JoinRequest) bool { return j.PlayerID == c.Player }
	switch {
	case p.Wait && !slices.ContainsFunc(p.Seats, inIt):
		return nil, ErrForbidden.Detail("A player can put only itself on the wait list.")
	case slices.ContainsFunc(p.Seats, inIt):
		return also, nil
	case len(p.Seats) == 1 && !p.Reserve:
		return nil, c.mayActFor(p.Seats[0].PlayerID)
	}
	return func(v Session) error {
		if v.member(c.Player) < 0 {
			return ErrForbidden.Detail("A player can reserve seats for others only from a seat of its own.")
		}
		if also == nil {
			return nil
		}
		return also(v)
	}, nil
}

// mayQuickJoin returns ErrForbidden if the caller may not ask for the seats of a party in any session: a player joins
// itself, alone or with others, and hosts what it creates.
func (c Caller) mayQuickJoin(p Party, r QuickJoin) error {
	if c.Scope != ScopePlayer {
		return c.mayServe()
	}
	if !slices.ContainsFunc(p.Seats, func(j JoinRequest) bool { return j.PlayerID == c.Player }) {
		return ErrForbidden.Detail("A player can join only itself, or a party that it is in.").
			With("needs", ScopeServer)
	}
	if r.Create != nil && !r.Create.hosted() {
		return ErrForbidden.Detail("A player can create a session only as its host: leave create.hosted out.").
			With("needs", ScopeServer)
	}
	return nil
}

// maySeeTimeline returns ErrNotHost for players who do not host the session.
func (c Caller) maySeeTimeline(s *Session) error {
	if c.Scope == ScopePlayer && s.host() != c.Player {
		return ErrNotHost
	}
	return c.mayRead()
}

// visibleEvent returns the event without what the caller must not see: request ids and API keys are hidden from
// players.
func (c Caller) visibleEvent(e Event) Event {
	if c.Scope != ScopePlayer {
		return e
	}
	e.RequestID, e.RunID = "", ""
	if e.Actor.Kind != ActorPlayer {
		e.Actor.ID = ""
	}
	return e
}

// mayChange returns ErrForbidden if a player would change fields of itself that only servers may set: its status, its
// identities and its attributes.
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

// mayMove returns ErrForbidden if the caller may change nothing, or is a player and gives a reason that hosts may not
// give.
func (c Caller) mayMove(m Move) error {
	if c.Scope != ScopePlayer {
		return c.mayServe()
	}
	if !slices.Contains([]EndReason{"", ReasonCompleted, ReasonCancelledByHost}, m.EndReason) {
		return ErrForbidden.Detail(
			"A host can set end_reason to %s or %s only.", ReasonCompleted, ReasonCancelledByHost,
		).With("needs", ScopeServer)
	}
	return nil
}

// withReason returns a move of s with the default reason of the caller. Asking for the present status needs no reason:
// a host that cancels a session which a server has cancelled succeeds.
func (c Caller) withReason(m Move, s *Session) Move {
	if c.Scope == ScopePlayer && m.EndReason == "" && m.Status == StatusCancelled && m.Status != s.Status {
		m.EndReason = ReasonCancelledByHost
	}
	return m
}

// visiblePlayer returns the player without what the caller must not see: other players see only its names, and nobody
// sees fields that the processes use among themselves.
func (c Caller) visiblePlayer(p Player) Player {
	p.SweepSince = nil
	if c.Scope != ScopePlayer || c.Player == p.ID {
		return p
	}
	p.Identities, p.Attributes = map[string]string{}, Attributes{}
	p.Status, p.SuspendedUntil, p.SuspensionReason, p.LastSeenAt = PlayerActive, nil, "", nil
	return p
}

// visibleSession returns the session without what the caller must not see: its connection is for members and API keys,
// its join code for members, servers and admins, and its bans and all of the wait list are for the host and API keys.
// Nobody sees the hash of its password.
func (c Caller) visibleSession(s Session) Session {
	s.PasswordHash = ""
	s.WaitList = c.visibleWaiters(&s)
	if c.Scope == ScopePlayer && s.member(c.Player) < 0 {
		s.Connection = nil
	}
	if !c.mayKnowCode(&s) {
		s.JoinCode = nil
	}
	if c.Scope == ScopePlayer && s.host() != c.Player {
		s.Bans = []Ban{}
	}
	return s
}

// mayList returns the query restricted to the sessions that the caller may find: for a player public sessions and those
// in which it holds a seat. It returns ErrForbidden if the query asks for others.
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

// maySearch returns the clauses restricted to the sessions that the caller may find: for a player public sessions and
// those in which it holds a seat. It returns ErrForbidden if the caller may not search at all.
func (c Caller) maySearch(w Where) (Where, error) {
	if own := string(c.Player); c.Scope == ScopePlayer && !w.is(FieldMember, own) && !w.is(FieldHost, own) {
		w = append(slices.Clip(w), Clause{Any: []Clause{
			Is(FieldVisibility, VisibilityPublic), Is(FieldMember, own), Is(FieldHost, own),
		}})
	}
	return w, c.mayRead()
}

// maySeeHistory returns ErrForbidden for players who ask for the sessions of another one.
func (c Caller) maySeeHistory(p PlayerID) error {
	if c.Scope == ScopePlayer && c.Player != p {
		return ErrForbidden.Detail("A player can list its own sessions only, not those of player %s.", p).
			With("needs", ScopeRead)
	}
	return c.mayRead()
}

// mayExport returns ErrForbidden unless the caller is an admin or the player: what a game server needs of a player it
// reads one by one.
func (c Caller) mayExport(p PlayerID) error {
	if c.Scope != ScopePlayer {
		return c.mayAdminister()
	}
	if c.Player != p {
		return ErrForbidden.Detail("A player can export itself only, not player %s.", p).With("needs", ScopeAdmin)
	}
	return nil
}

// mayListPlayers returns ErrForbidden if a player filters by status: it must not learn who is suspended.
func (c Caller) mayListPlayers(q PlayerQuery) error {
	if _, ok := q.Where.On(FieldStatus); ok && c.Scope == ScopePlayer {
		return ErrForbidden.Detail("A player cannot filter players by status.").With("needs", ScopeRead)
	}
	return c.mayRead()
}

// As returns a Caller that acts for the player: with the player's rights and with c's name. It returns ErrForbidden
// unless c may change everything in its project, and ErrValidation if p is not a player's id.
func (c Caller) As(p PlayerID) (Caller, error) {
	if err := c.mayServe(); err != nil {
		return Caller{}, err
	}
	p = PlayerID(NormalID(string(p)))
	if !validID(string(p)) {
		return Caller{}, ErrValidation.Detail("must be the id of a player")
	}
	return Caller{Project: c.Project, Scope: ScopePlayer, Name: c.Name, Player: p, ActsAs: true}, nil
}
