package game

import (
	"context"
	"errors"
	"time"
)

// ClockSkew is the maximum difference between the clocks of two processes on one database.
const ClockSkew = 5 * time.Second

// Deps are the dependencies of the rules.
type Deps struct {
	Store Store
	// Now is the clock. The rules truncate its times to milliseconds in UTC.
	Now func() time.Time
	// NewID returns a new id: a UUID of version 7, in lower case.
	NewID func() string
	// MaxRequest is the maximum duration of a request in any process on the same store.
	MaxRequest time.Duration
	// Timeouts are those of sessions whose requests have none. Zero means [DefaultTimeouts].
	Timeouts Timeouts
	// Skew is the maximum difference between the clocks of the processes on the store. Leases run out that much later.
	Skew time.Duration
	// Passwords hashes the passwords of sessions. It may be nil where nobody creates, edits or joins sessions that have
	// one.
	Passwords PasswordHasher
}

// rules is what Players, Sessions and Keys share.
type rules struct {
	store      Store
	clock      func() time.Time
	newID      func() string
	maxRequest time.Duration
}

func newRules(d Deps) rules {
	return rules{store: d.Store, clock: d.Now, newID: d.NewID, maxRequest: d.MaxRequest}
}

// now returns the time in milliseconds, which every engine can store. All times of documents come from it.
func (r rules) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// Sessions applies the rules about sessions. Its methods see only the project of the context's [Caller].
type Sessions struct {
	rules
	changes   *changes[Session]
	timeouts  Timeouts
	skew      time.Duration
	hearing   hearing
	newCode   func() string
	passwords PasswordHasher
	turns     *turns
	seen      *sightings
}

// NewSessions returns the sessions in a store.
func NewSessions(d Deps) *Sessions {
	s := &Sessions{rules: newRules(d), timeouts: d.Timeouts, skew: d.Skew, newCode: NewJoinCode, passwords: d.Passwords}
	s.turns, s.seen = newTurns(s.rules), newSightings()
	if s.timeouts == (Timeouts{}) {
		s.timeouts = DefaultTimeouts()
	}
	s.changes = newChanges(collection[Session]{
		read:    func(ctx context.Context, id string) (Session, error) { return s.get(ctx, SessionID(id)) },
		clone:   func(v Session) Session { return v.clone() },
		next:    (*Session).nextVersion,
		replace: s.replace,
		now:     s.now,
		elapse: func(v *Session, now time.Time) []Change {
			return v.Elapse(now, s.hearing.since(now, seconds(v.StaleAfter)), s.skew)
		},
		elapsing: byTimeName,
		follow:   (*Session).MoveUp,
		fleeting: (*Session).fleeting,
		weigh: func(v *Session) int {
			if v.Status.Terminal() { // hardly changes any more
				return 0
			}
			return v.Weight()
		},
		blame: blamePlaces,
	})
	return s
}

// Create creates a session. It returns ErrValidation, ErrPlayerNotFound or ErrPlayerSuspended for the host,
// ErrPlayerInOtherSession for the host of an exclusive session, ErrIdempotencyKeyReuse, ErrOverloaded if too many
// passwords are hashed at once, or ErrForbidden for a player that would not be the host.
func (s *Sessions) Create(ctx context.Context, r SessionRequest, i Idempotency) (Created[Session], error) {
	c := CallerFrom(ctx)
	if err := c.mayOpen(r); err != nil {
		return Created[Session]{}, err
	}
	if err := r.Validate(); err != nil {
		return Created[Session]{}, err
	}
	created, err := createOnce(ctx, s.rules, i, creation[Session]{
		create: func(id string) (Session, error) {
			now := s.now()
			if host := r.FirstMember(); host != "" {
				if err := s.comes(ctx, host, now); err != nil {
					return Session{}, err
				}
			}
			v, err := newSession(SessionID(id), c.Project, r, s.timeouts, now)
			if err != nil {
				return Session{}, err
			}
			hash, err := s.hashPassword(ctx, r.Password)
			if err != nil {
				return Session{}, err
			}
			v.setPassword(hash)
			if !r.JoinCode {
				return v, s.create(ctx, v)
			}
			err = s.withCode(func(code string) error {
				v.JoinCode = &JoinCode{Code: code}
				return s.create(ctx, v)
			})
			return v, err
		},
		find: func(id string) (Session, error) { return s.get(ctx, SessionID(id)) },
	})
	if err == nil { // found by a retry, it may have another host by now
		created.Document = c.visibleSession(created.Document)
	}
	return created, err
}

func (s *Sessions) create(ctx context.Context, v Session) error {
	err := s.createPlaces(ctx, v, newEvent(ctx, v.current(), v.created()))
	if err == nil {
		s.changes.recent.sawNew(documentKey{v.Project, string(v.ID)}, v)
	}
	return err
}

// Get returns a session. It returns ErrSessionNotFound or ErrForbidden. Players who are not members do not see its
// connection.
func (s *Sessions) Get(ctx context.Context, id SessionID) (Session, error) {
	c := CallerFrom(ctx)
	if err := c.mayRead(); err != nil {
		return Session{}, err
	}
	v, err := s.get(ctx, id)
	return c.visibleSession(v), err
}

func (s *Sessions) get(ctx context.Context, id SessionID) (Session, error) {
	return s.store.Session(ctx, CallerFrom(ctx).Project, id)
}

// List returns a page of the sessions that the query selects, newest first. It sets Project, After, Limit and Bytes of
// the query itself. Players find public sessions and their own. It returns ErrValidation, ErrForbidden, or ErrTooBroad
// for a list that would take the store too long.
func (s *Sessions) List(ctx context.Context, q SessionQuery, cursor string, limit int) (List[Session], error) {
	c := CallerFrom(ctx)
	q, err := c.mayList(q)
	if err != nil {
		return List[Session]{}, err
	}
	q.Project, q.After, q.Limit = c.Project, "", 0
	if q.Where, err = normalWhere(sessionFields(), q.Where); err != nil {
		return List[Session]{}, err
	}
	l, err := list(query[Session]{
		filters: q,
		read: func(after string, limit int) (Found[Session], error) {
			q := q
			q.After, q.Limit, q.Bytes, q.Work = SessionID(after), limit, MaxPageBytes, SearchTime
			room := maxPageRoom
			if q.Brief {
				room = briefPageRoom
			}
			if err := TakeRoom(ctx, room); err != nil {
				return Found[Session]{}, err
			}
			return s.store.Sessions(ctx, q)
		},
		id: func(v Session) string { return string(v.ID) },
	}, cursor, limit)
	for i := range l.Items {
		l.Items[i] = c.visibleSession(l.Items[i])
	}
	return l, err
}

// Edit replaces the settings, the connection and the password by what edit returns; edit gets a copy, which it may
// modify. It returns the errors of edit, of [Session.Edit] and of the condition, ErrSessionNotFound, ErrNotHost or
// ErrForbidden.
func (s *Sessions) Edit(
	ctx context.Context, id SessionID, c Condition[Session], edit func(SessionEdit) (SessionEdit, error),
) (Session, error) {
	return s.change(ctx, id, byHost(ctx, c), func(v *Session, _ time.Time) ([]Change, error) {
		e, err := edit(v.editable())
		if err != nil {
			return nil, err
		}
		return v.Edit(e)
	})
}

// Move changes the status. It returns the errors of [Session.Move] and of the condition, ErrSessionNotFound, ErrNotHost
// or ErrForbidden.
func (s *Sessions) Move(ctx context.Context, id SessionID, c Condition[Session], m Move) (Session, error) {
	caller := CallerFrom(ctx)
	if err := caller.mayMove(m); err != nil {
		return Session{}, err
	}
	return s.change(ctx, id, byHost(ctx, c), func(v *Session, now time.Time) ([]Change, error) {
		return v.Move(caller.withReason(m, v), now)
	})
}

// Join gives a player a seat and reports whether it held none before. It returns the errors of [Session.Join] and of
// the condition, ErrSessionNotFound, ErrPlayerNotFound, ErrPlayerSuspended, ErrPlayerInOtherSession or ErrForbidden.
func (s *Sessions) Join(
	ctx context.Context, id SessionID, c Condition[Session], j JoinRequest,
) (Session, bool, error) {
	v, seated, err := s.JoinParty(ctx, id, c, Party{Seats: []JoinRequest{j}})
	return v, err == nil && seated[0].New, err
}

// JoinParty gives seats to the players of a party and returns a result for each. A player may name others only in a
// party that it is in, or from a seat of its own, and puts only itself on the wait list. It returns the errors of
// [Session.JoinParty] and of the condition, ErrSessionNotFound, ErrForbidden, ErrOverloaded if too many passwords are
// verified at once, and unless the party is partial ErrPlayerNotFound, ErrPlayerSuspended or ErrPlayerInOtherSession.
func (s *Sessions) JoinParty(
	ctx context.Context, id SessionID, c Condition[Session], p Party,
) (Session, []Seated, error) {
	caller := CallerFrom(ctx)
	c, err := caller.mayJoin(p, c)
	if err != nil {
		return Session{}, nil, err
	}
	if err := p.Validate(); err != nil {
		return Session{}, nil, err
	}
	cannot, err := s.unable(ctx, p)
	if err != nil {
		return Session{}, nil, err
	}
	return s.joinParty(ctx, id, c, p, cannot)
}

// unable returns those of a party who may not play, with the reasons. Unless the party is partial, it returns the error
// of the first.
func (s *Sessions) unable(ctx context.Context, p Party) (map[PlayerID]error, error) {
	failures := make([]error, len(p.Seats))
	now, able := s.now(), s.comes
	if p.Reserve || CallerFrom(ctx).Scope == ScopePlayer { // others who are named need not know of it
		able = s.canPlay
	}
	eachAtOnce(len(p.Seats), func(i int) { failures[i] = able(ctx, p.Seats[i].PlayerID, now) })
	cannot := map[PlayerID]error{}
	for i, err := range failures {
		switch {
		case err == nil:
		case !p.Partial, KindOf(err) == Unavailable:
			return nil, ofParty(err, p, p.Seats[i].PlayerID)
		default:
			cannot[p.Seats[i].PlayerID] = err
		}
	}
	return cannot, nil
}

// EditMember replaces the fields of a member by what edit returns; edit gets a copy, which it may modify. Players can
// edit their own place, and the host every member. It returns the errors of edit, of [Session.EditMember] and of the
// condition, ErrSessionNotFound, ErrPlayerInOtherSession, ErrNotHost or ErrForbidden.
func (s *Sessions) EditMember(
	ctx context.Context, id SessionID, c Condition[Session], player PlayerID,
	edit func(MemberEdit) (MemberEdit, error),
) (Session, error) {
	return s.change(ctx, id, byMember(ctx, player, c), func(v *Session, now time.Time) ([]Change, error) {
		m, err := v.Member(player)
		if err != nil {
			return nil, err
		}
		e, err := edit(m.edit())
		if err != nil {
			return nil, err
		}
		if caller := CallerFrom(ctx); m.Status == SeatReserved && e.Status == SeatJoined &&
			caller.Scope == ScopePlayer && caller.Player != player {
			return nil, ErrForbidden.Detail("Player %s confirms its reservation itself.", player)
		}
		return v.EditMember(player, e, now)
	})
}

// SetHost makes a member the host. It returns the errors of [Session.SetHost] and of the condition, ErrSessionNotFound,
// ErrPlayerNotFound or ErrPlayerSuspended for the member, ErrNotHost or ErrForbidden.
func (s *Sessions) SetHost(ctx context.Context, id SessionID, c Condition[Session], player PlayerID) (Session, error) {
	c = byHost(ctx, c)
	if err := s.holds(ctx, id, c); err != nil {
		return Session{}, err
	}
	// A player that is suspended after this check loses its seat, and another member becomes host.
	if err := s.canPlay(ctx, player, s.now()); err != nil {
		return Session{}, err
	}
	return s.change(ctx, id, c, func(v *Session, _ time.Time) ([]Change, error) { return v.SetHost(player) })
}

// Leave frees a player's seat or its place on the wait list. Players can free their own, and the host every seat, which
// is a kick. It returns the errors of [Session.Leave] and of the condition, ErrSessionNotFound, ErrNotHost or
// ErrForbidden.
func (s *Sessions) Leave(ctx context.Context, id SessionID, c Condition[Session], player PlayerID) (Session, error) {
	caller := CallerFrom(ctx)
	own := caller.Scope == ScopePlayer && caller.Player == player
	c = byMember(ctx, player, c)
	return s.change(ctx, id, c, func(v *Session, now time.Time) ([]Change, error) {
		if own {
			return v.Leave(player, now)
		}
		return v.Remove(player, RemovedKicked, now)
	})
}

// Kick frees the seat of a player or its place on the wait list, and bans it from the session if ban is not nil. why is
// a word for programs, or empty. It returns the errors of [Session.Kick], of Ban and of the condition,
// ErrSessionNotFound, ErrNotHost or ErrForbidden. A player that would kick itself gets ErrValidation: it leaves.
func (s *Sessions) Kick(
	ctx context.Context, id SessionID, c Condition[Session], player PlayerID, why string, ban *int,
) (Session, error) {
	if caller := CallerFrom(ctx); caller.Scope == ScopePlayer && caller.Player == player {
		var p problems
		p.check(why == "", "reason", "is for kicks: a player that leaves gives none")
		p.check(ban == nil, "ban", "is for kicks: a player cannot ban itself")
		if len(p) > 0 {
			return Session{}, p.err()
		}
		return s.Leave(ctx, id, c, player)
	}
	if ban != nil {
		return s.Ban(ctx, id, c, player, BanRequest{Seconds: ban, Reason: why})
	}
	return s.change(ctx, id, byHost(ctx, c), func(v *Session, now time.Time) ([]Change, error) {
		return v.Kick(player, why, now)
	})
}

// Ban keeps a player out of a session and frees its seat. It returns the errors of [Session.Ban] and of the condition,
// ErrSessionNotFound, ErrPlayerNotFound, ErrNotHost or ErrForbidden.
func (s *Sessions) Ban(
	ctx context.Context, id SessionID, c Condition[Session], player PlayerID, r BanRequest,
) (Session, error) {
	c = byHost(ctx, c)
	if err := s.holds(ctx, id, c); err != nil {
		return Session{}, err
	}
	// If the player is erased after this check, the sweep removes the ban.
	if _, err := existing(s.store.Player(ctx, CallerFrom(ctx).Project, player)); err != nil {
		return Session{}, beforeWrite(err)
	}
	return s.change(ctx, id, c, func(v *Session, now time.Time) ([]Change, error) {
		return v.Ban(player, r, now)
	})
}

// Unban lifts the ban of a player. It returns the errors of [Session.Unban] and of the condition, ErrSessionNotFound,
// ErrNotHost or ErrForbidden.
func (s *Sessions) Unban(ctx context.Context, id SessionID, c Condition[Session], player PlayerID) (Session, error) {
	return s.change(ctx, id, byHost(ctx, c), func(v *Session, now time.Time) ([]Change, error) {
		return v.Unban(player, now)
	})
}

// Bans returns the bans of a session that have not ended. It returns ErrSessionNotFound, ErrNotHost or ErrForbidden.
func (s *Sessions) Bans(ctx context.Context, id SessionID) ([]Ban, error) {
	v, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := CallerFrom(ctx).maySeeTimeline(&v); err != nil {
		return nil, err
	}
	return v.ActiveBans(s.now()), nil
}

// AttachServer lets a server take over a session. It returns the errors of [Session.AttachServer] and of the condition,
// ErrSessionNotFound or ErrForbidden.
func (s *Sessions) AttachServer(
	ctx context.Context, id SessionID, c Condition[Session], r ServerRequest,
) (Session, error) {
	if err := CallerFrom(ctx).mayServe(); err != nil {
		return Session{}, err
	}
	return s.change(ctx, id, c, func(v *Session, now time.Time) ([]Change, error) { return v.AttachServer(r, now) })
}

// Purge removes a session for good. A live one ends first, with ReasonForceTerminated. Its events remain until they are
// purged by their age. It succeeds if the session does not exist. It returns ErrForbidden and the error of the
// condition.
func (s *Sessions) Purge(ctx context.Context, id SessionID, c Condition[Session]) error {
	if err := CallerFrom(ctx).mayAdminister(); err != nil {
		return err
	}
	for {
		v, err := s.change(ctx, id, c, func(v *Session, now time.Time) ([]Change, error) {
			var done []Change
			if !v.Status.Terminal() {
				done = v.end(StatusEnded, ReasonForceTerminated, now)
			}
			return append(done, SessionPurged{}), nil
		})
		if err == nil {
			err = s.store.DeleteSession(ctx, v)
		}
		switch {
		case errors.Is(err, ErrSessionNotFound):
			return nil
		case !errors.Is(err, ErrStale):
			return err
		}
	}
}

// byMember returns a condition that the caller is the player or may act as host of the session, followed by c.
func byMember(ctx context.Context, player PlayerID, c Condition[Session]) Condition[Session] {
	if caller := CallerFrom(ctx); caller.Scope == ScopePlayer && caller.Player == player {
		return c
	}
	return byHost(ctx, c)
}

// byHost returns a condition that the caller may act as host of the session, followed by c.
func byHost(ctx context.Context, c Condition[Session]) Condition[Session] {
	caller := CallerFrom(ctx)
	return func(v Session) error {
		if err := caller.mayHost(&v); err != nil || c == nil {
			return err
		}
		return c(v)
	}
}

// holds checks the condition of a change before players are read for it: callers that may not make the change learn
// nothing about players.
func (s *Sessions) holds(ctx context.Context, id SessionID, c Condition[Session]) error {
	v, err := s.get(ctx, id)
	if err != nil {
		return beforeWrite(err)
	}
	return c(v)
}

// canPlay returns ErrPlayerNotFound or ErrPlayerSuspended for players who cannot take a seat.
func (s *Sessions) canPlay(ctx context.Context, id PlayerID, now time.Time) error {
	_, err := s.able(ctx, id, now)
	return err
}

// comes is canPlay for a player who takes a seat now, and so is there.
func (s *Sessions) comes(ctx context.Context, id PlayerID, now time.Time) error {
	p, err := s.able(ctx, id, now)
	if err == nil {
		s.seen.noteRead(&p, now)
	}
	return err
}

func (s *Sessions) able(ctx context.Context, id PlayerID, now time.Time) (Player, error) {
	p, err := existing(s.store.Player(ctx, CallerFrom(ctx).Project, id))
	if err != nil {
		return p, beforeWrite(err)
	}
	return p, p.CanPlay(now)
}

func (s *Sessions) change(
	ctx context.Context, id SessionID, c Condition[Session], apply rule[Session],
) (Session, error) {
	v, err := s.changes.make(ctx, string(id), c, apply)
	if err != nil {
		return v, err
	}
	return CallerFrom(ctx).visibleSession(v), nil
}
