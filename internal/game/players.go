package game

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Players holds the rules about players. Its methods see the project of the context's [Caller] only.
type Players struct {
	rules
	changes  *changes[Player]
	sessions *Sessions
	admitted *admissions

	freeing   sync.Mutex             // one run of FreeSeats at a time
	forgotten map[admission]struct{} // whom that has swept from all sessions, of those who are being swept
}

// NewPlayers returns the players in a store; sessions are where they hold seats.
func NewPlayers(d Deps, sessions *Sessions) *Players {
	s := &Players{rules: newRules(d), sessions: sessions, admitted: newAdmissions()}
	s.changes = newChanges(noun[Player]{
		read:  func(ctx context.Context, id string) (Player, error) { return s.present(ctx, PlayerID(id)) },
		clone: func(p Player) Player { return p }, // rules replace what a player holds and change nothing in place
		next:  (*Player).nextVersion,
		replace: func(ctx context.Context, old, next Player, events ...Event) error {
			defer s.admitted.changed(next)
			return s.store.ReplacePlayer(ctx, old, next, events...)
		},
		now: s.now,
	})
	return s
}

// Create registers a player. It answers ErrValidation, ErrUsernameTaken, ErrIdentityTaken and ErrIdempotencyKeyReuse.
func (s *Players) Create(ctx context.Context, f Profile, i Idempotency) (Created[Player], error) {
	c := CallerFrom(ctx)
	if err := c.mayServe(); err != nil {
		return Created[Player]{}, err
	}
	if err := f.normal().Validate(); err != nil {
		return Created[Player]{}, err
	}
	return once(ctx, s.rules, i, creation[Player]{
		create: func(id string) (Player, error) {
			p, err := newPlayer(PlayerID(id), c.Project, f, s.now())
			if err != nil {
				return Player{}, err
			}
			return p, s.store.CreatePlayer(ctx, p, newEvent(ctx, p.current(), p.created()))
		},
		find: func(id string) (Player, error) {
			p, err := s.get(ctx, PlayerID(id))
			return c.seenPlayer(p), err
		},
	})
}

// Get answers ErrPlayerNotFound and ErrForbidden. A player sees of another its names only.
func (s *Players) Get(ctx context.Context, id PlayerID) (Player, error) {
	c := CallerFrom(ctx)
	if err := c.mayRead(); err != nil {
		return Player{}, err
	}
	p, err := s.get(ctx, id)
	return c.seenPlayer(p), err
}

func (s *Players) get(ctx context.Context, id PlayerID) (Player, error) {
	return existing(s.store.Player(ctx, CallerFrom(ctx).Project, id))
}

// ForToken answers the player for whom the caller may mint a token. It answers ErrForbidden, ErrPlayerNotFound and
// ErrPlayerSuspended.
func (s *Players) ForToken(ctx context.Context, id PlayerID) (Player, error) {
	if err := CallerFrom(ctx).mayServe(); err != nil {
		return Player{}, err
	}
	p, err := s.get(ctx, id)
	if err != nil {
		return Player{}, err
	}
	return p, p.CanPlay(s.now())
}

// ByIdentity returns the player who has an identity, or ErrPlayerUnknown. It needs no caller: it is for whoever checks
// credentials.
func (s *Players) ByIdentity(ctx context.Context, project ProjectID, i Identity) (Player, error) {
	p, err := existing(s.store.PlayerByIdentity(ctx, project, i))
	if errors.Is(err, ErrPlayerNotFound) {
		return Player{}, ErrPlayerUnknown.With("provider", i.Provider)
	}
	return p, err
}

// List returns a page of the players that the query selects, newest first, or ErrForbidden. Its project, position and
// limit are set here. A player sees of others their names only.
func (s *Players) List(ctx context.Context, q PlayerQuery, cursor string, limit int) (List[Player], error) {
	c := CallerFrom(ctx)
	if err := c.mayListPlayers(q); err != nil {
		return List[Player]{}, err
	}
	q.Project, q.After, q.Limit, q.Erasing, q.Sweeping = c.Project, "", 0, false, false
	var err error
	if q.Where, err = normalWhere(PlayerFields(), q.Where); err != nil {
		return List[Player]{}, err
	}
	l, err := list(query[Player]{
		filters: q,
		read: func(after string, limit int) (Found[Player], error) {
			q := q
			q.After, q.Limit, q.Bytes = PlayerID(after), limit, MaxPageBytes
			if err := TakeRoom(ctx, MaxPageBytes); err != nil {
				return Found[Player]{}, err
			}
			return s.store.Players(ctx, q)
		},
		id: func(p Player) string { return string(p.ID) },
	}, cursor, limit)
	for i := range l.Items {
		l.Items[i] = c.seenPlayer(l.Items[i])
	}
	return l, err
}

// Edit changes the profile to what the function makes of it. A suspension frees the player's seats in all live
// sessions. It returns the errors of the function and of [Player.Edit], the condition's, ErrUsernameTaken,
// ErrIdentityTaken and ErrForbidden.
func (s *Players) Edit(
	ctx context.Context, id PlayerID, c Condition[Player], edit func(Profile) (Profile, error),
) (Player, error) {
	caller := CallerFrom(ctx)
	if err := caller.mayActFor(id); err != nil {
		return Player{}, err
	}
	p, err := s.change(ctx, id, c, func(p *Player, now time.Time) ([]Change, error) {
		f, err := edit(p.Profile.normal()) // a copy, so that the function may work in place
		if err != nil {
			return nil, err
		}
		if err := caller.mayChange(p.Profile, f.normal().elapsed(now)); err != nil {
			return nil, err
		}
		return p.Edit(f, now)
	})
	if err != nil {
		return Player{}, err
	}
	if p.SweepSince != nil {
		_ = s.sweep(ctx, p, liveSessions) // what fails is done again by FreeSeats
	}
	return caller.seenPlayer(p), nil
}

// Erase removes a player and what every session knows of it. When it returns nil the player is gone for every caller,
// its names are free, its document holds nothing personal, and [Players.FreeSeats] and [Players.FinishErasures] see
// to the rest whatever happens. It returns ErrPlayerNotFound, ErrForbidden and the condition's error.
func (s *Players) Erase(ctx context.Context, id PlayerID, c Condition[Player]) error {
	if err := CallerFrom(ctx).mayActFor(id); err != nil {
		return err
	}
	p, err := s.change(ctx, id, c, func(p *Player, now time.Time) ([]Change, error) {
		return p.erase(now), nil
	})
	if err != nil {
		return err
	}
	_ = s.sweep(ctx, p, allSessions) // what fails is done again by FreeSeats: it is no failure of the erasure
	return nil
}

// existing hides players whose erasure is under way.
func existing(p Player, err error) (Player, error) {
	if err == nil && p.ErasingSince != nil {
		return Player{}, PlayerNotFound(p.ID)
	}
	return p, err
}

// present reads a player before a change. A suspension that has ended is lifted first, by a change with a version of
// its own, so that conditions and rules see what time has made of the player.
func (s *Players) present(ctx context.Context, id PlayerID) (Player, error) {
	for {
		old, err := s.get(ctx, id)
		if err != nil {
			return old, err
		}
		next, now := old, s.now()
		done := next.Elapse(now)
		if len(done) == 0 {
			return old, nil
		}
		byTime := WithCaller(ctx, Caller{Project: old.Project, Name: "suspensions"})
		event := newEvent(byTime, next.nextVersion(now), done)
		if err := s.store.ReplacePlayer(ctx, old, next, event); !errors.Is(err, ErrStale) {
			return next, err
		}
	}
}

func (s *Players) change(
	ctx context.Context, id PlayerID, c Condition[Player], apply rule[Player],
) (Player, error) {
	present := func(p Player) error {
		if _, err := existing(p, nil); err != nil || c == nil {
			return err // erased by the change before this one
		}
		return c(p)
	}
	return s.changes.make(ctx, string(id), present, apply)
}
