package game

import (
	"context"
	"time"
)

// Deps is what the rules are handed.
type Deps struct {
	Store Store
	// Now is the clock. The rules cut its times to milliseconds in UTC.
	Now func() time.Time
	// NewID makes ids: UUIDs of version 7, in lower case.
	NewID func() string
	// MaxRequest is how long any request may take, in any process on the same store.
	MaxRequest time.Duration
}

// rules is what Players and Sessions share.
type rules struct {
	store      Store
	clock      func() time.Time
	newID      func() string
	maxRequest time.Duration
}

func newRules(d Deps) rules {
	return rules{store: d.Store, clock: d.Now, newID: d.NewID, maxRequest: d.MaxRequest}
}

// now is the one place where times are made: milliseconds are what every engine keeps.
func (r rules) now() time.Time { return r.clock().UTC().Truncate(time.Millisecond) }

// Sessions holds the rules about sessions. Its methods see the project of the context's [Caller] only.
type Sessions struct {
	rules
	changes *changes[Session]
}

// NewSessions returns the sessions in a store.
func NewSessions(d Deps) *Sessions {
	s := &Sessions{rules: newRules(d)}
	s.changes = newChanges(collection[Session]{
		read:    func(ctx context.Context, id string) (Session, error) { return s.get(ctx, SessionID(id)) },
		clone:   func(v Session) Session { return v.clone() },
		next:    (*Session).nextVersion,
		replace: s.store.ReplaceSession,
		now:     s.now,
	})
	return s
}

// Create opens a session. It answers ErrValidation, ErrPlayerNotFound or ErrPlayerSuspended for the host,
// ErrIdempotencyKeyReuse, and ErrForbidden to a player unless it is the host.
func (s *Sessions) Create(ctx context.Context, r SessionRequest, i Idempotency) (Created[Session], error) {
	c := CallerFrom(ctx)
	if err := c.mayOpen(r); err != nil {
		return Created[Session]{}, err
	}
	if err := r.Validate(); err != nil {
		return Created[Session]{}, err
	}
	return createOnce(ctx, s.rules, i, creation[Session]{
		create: func(id string) (Session, error) {
			now := s.now()
			if host := r.FirstMember(); host != "" {
				if err := s.canPlay(ctx, host, now); err != nil {
					return Session{}, err
				}
			}
			v, err := newSession(SessionID(id), c.Project, r, now)
			if err != nil {
				return Session{}, err
			}
			return v, s.store.CreateSession(ctx, v, newEvent(ctx, v.current(), v.created()))
		},
		find: func(id string) (Session, error) { return s.get(ctx, SessionID(id)) },
	})
}

// Get answers ErrSessionNotFound and ErrForbidden. A player who is no member does not see where its server is.
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

// List returns a page of the sessions that the query selects, newest first, or ErrForbidden. Its project, position
// and limits are set here. A player sees public sessions, and its own.
func (s *Sessions) List(ctx context.Context, q SessionQuery, cursor string, limit int) (List[Session], error) {
	c := CallerFrom(ctx)
	q, err := c.mayList(q)
	if err != nil {
		return List[Session]{}, err
	}
	q.Project, q.After, q.Limit = c.Project, "", 0
	if q.Where, err = normalWhere(SessionFields(), q.Where); err != nil {
		return List[Session]{}, err
	}
	l, err := list(query[Session]{
		filters: q,
		read: func(after string, limit int) (Found[Session], error) {
			q := q
			q.After, q.Limit, q.Bytes = SessionID(after), limit, MaxPageBytes
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

// Edit changes the settings and the connection to what the function makes of them, which are its own. It returns what
// the function and [Session.Edit] do, and the condition's error, and ErrNotHost or ErrForbidden.
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

// Move changes the state. It answers what [Session.Move] does, the condition's error, and ErrNotHost or ErrForbidden.
func (s *Sessions) Move(ctx context.Context, id SessionID, c Condition[Session], m Move) (Session, error) {
	m, err := CallerFrom(ctx).asMover(m)
	if err != nil {
		return Session{}, err
	}
	return s.change(ctx, id, byHost(ctx, c), func(v *Session, now time.Time) ([]Change, error) {
		return v.Move(m, now)
	})
}

// Join gives a player a seat and reports whether it is a new one. It answers what [Session.Join] does,
// ErrPlayerNotFound, ErrPlayerSuspended and ErrForbidden.
func (s *Sessions) Join(ctx context.Context, id SessionID, j JoinRequest) (Session, bool, error) {
	if err := CallerFrom(ctx).mayActFor(j.PlayerID); err != nil {
		return Session{}, false, err
	}
	if err := j.Validate(); err != nil {
		return Session{}, false, err
	}
	if err := s.canPlay(ctx, j.PlayerID, s.now()); err != nil {
		return Session{}, false, err
	}
	seated := false // is not looked at unless the change was made: an abandoned one may still set it
	v, err := s.change(ctx, id, nil, func(v *Session, now time.Time) ([]Change, error) {
		seated = v.member(j.PlayerID) < 0
		return v.Join(j, now)
	})
	return v, err == nil && seated, err
}

// EditMember changes the settings of a player's place to what the function makes of them, which are its own: a player's
// own place, or any if the caller is the host. It returns what the function and [Session.EditMember] do, the
// condition's error, and ErrNotHost or ErrForbidden.
func (s *Sessions) EditMember(
	ctx context.Context, id SessionID, c Condition[Session], player PlayerID,
	edit func(MemberSettings) (MemberSettings, error),
) (Session, error) {
	return s.change(ctx, id, byMember(ctx, player, c), func(v *Session, _ time.Time) ([]Change, error) {
		m, err := v.Member(player)
		if err != nil {
			return nil, err
		}
		t, err := edit(m.normal())
		if err != nil {
			return nil, err
		}
		return v.EditMember(player, t)
	})
}

// SetHost hands the session over to a member. It returns what [Session.SetHost] does, ErrPlayerNotFound and
// ErrPlayerSuspended for the member, the condition's error, and ErrNotHost or ErrForbidden.
func (s *Sessions) SetHost(ctx context.Context, id SessionID, c Condition[Session], player PlayerID) (Session, error) {
	c = byHost(ctx, c)
	// Who may not do this is not told about players. A player who is suspended from here on loses its seat, and with it
	// the office.
	v, err := s.get(ctx, id)
	if err != nil {
		return Session{}, beforeWrite(err)
	}
	if err := c(v); err != nil {
		return Session{}, err
	}
	if err := s.canPlay(ctx, player, s.now()); err != nil {
		return Session{}, err
	}
	return s.change(ctx, id, c, func(v *Session, _ time.Time) ([]Change, error) { return v.SetHost(player) })
}

// Leave frees a player's seat: its own, or any if the caller is the host. It returns what [Session.Leave] does, the
// condition's error, and ErrNotHost or ErrForbidden.
func (s *Sessions) Leave(ctx context.Context, id SessionID, c Condition[Session], player PlayerID) (Session, error) {
	caller := CallerFrom(ctx)
	own := caller.Scope == ScopePlayer && caller.Player == player
	c = byMember(ctx, player, c)
	return s.change(ctx, id, c, func(v *Session, _ time.Time) ([]Change, error) {
		if own {
			return v.Leave(player)
		}
		return v.Remove(player, RemovedKicked)
	})
}

// byMember asks first that the caller is the player, or may act as host of the session.
func byMember(ctx context.Context, player PlayerID, c Condition[Session]) Condition[Session] {
	if caller := CallerFrom(ctx); caller.Scope == ScopePlayer && caller.Player == player {
		return c
	}
	return byHost(ctx, c)
}

// byHost asks first that the caller may act as host of the session.
func byHost(ctx context.Context, c Condition[Session]) Condition[Session] {
	caller := CallerFrom(ctx)
	return func(v Session) error {
		if err := caller.mayHost(&v); err != nil || c == nil {
			return err
		}
		return c(v)
	}
}

func (s *Sessions) canPlay(ctx context.Context, id PlayerID, now time.Time) error {
	p, err := existing(s.store.Player(ctx, CallerFrom(ctx).Project, id))
	if err != nil {
		return beforeWrite(err)
	}
	return p.CanPlay(now)
}

func (s *Sessions) change(
	ctx context.Context, id SessionID, c Condition[Session], apply rule[Session],
) (Session, error) {
	return s.changes.make(ctx, string(id), c, apply)
}
