package game

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Players applies the rules about players. Its methods see only the project of the context's [Caller].
type Players struct {
	rules
	changes  *changes[Player]
	sessions *Sessions
	admitted *admissions

	freeing   sync.Mutex             // serialises FreeSeats
	forgotten map[admission]struct{} // players under erasure that FreeSeats has removed from all sessions
}

// NewPlayers returns the players in a store, whose seats are in sessions.
func NewPlayers(d Deps, sessions *Sessions) *Players {
	s := &Players{rules: newRules(d), sessions: sessions, admitted: newAdmissions()}
	s.changes = newChanges(collection[Player]{
		read:  func(ctx context.Context, id string) (Player, error) { return s.get(ctx, PlayerID(id)) },
		clone: func(p Player) Player { return p }, // rules replace values and change nothing in place
		next:  (*Player).nextVersion,
		replace: func(ctx context.Context, old, next Player, events ...Event) error {
			defer s.admitted.changed(next)
			return s.store.ReplacePlayer(ctx, old, next, events...)
		},
		now:    s.now,
		elapse: (*Player).Elapse, elapsing: "suspensions",
		fleeting: (*Player).fleeting,
		weigh: func(p *Player) int {
			if p.SweepSince != nil { // is read before each change, because the end of that makes no version
				return 0
			}
			return p.Weight()
		},
	})
	return s
}

// Create registers a player. It returns ErrValidation, ErrUsernameTaken, ErrIdentityTaken, ErrIdempotencyKeyReuse or
// ErrForbidden.
func (s *Players) Create(ctx context.Context, f Profile, i Idempotency) (Created[Player], error) {
	c := CallerFrom(ctx)
	if err := c.mayServe(); err != nil {
		return Created[Player]{}, err
	}
	if err := f.normal().Validate(); err != nil {
		return Created[Player]{}, err
	}
	return createOnce(ctx, s.rules, i, creation[Player]{
		create: func(id string) (Player, error) {
			p, err := newPlayer(PlayerID(id), c.Project, f, s.now())
			if err != nil {
				return Player{}, err
			}
			return p, s.store.CreatePlayer(ctx, p, newEvent(ctx, p.current(), p.created()))
		},
		find: func(id string) (Player, error) {
			p, err := s.get(ctx, PlayerID(id))
			return c.visiblePlayer(p), err
		},
	})
}

// Get returns a player. It returns ErrPlayerNotFound or ErrForbidden. Players see only the names of others.
func (s *Players) Get(ctx context.Context, id PlayerID) (Player, error) {
	c := CallerFrom(ctx)
	if err := c.mayRead(); err != nil {
		return Player{}, err
	}
	p, err := s.get(ctx, id)
	return c.visiblePlayer(p), err
}

func (s *Players) get(ctx context.Context, id PlayerID) (Player, error) {
	return existing(s.store.Player(ctx, CallerFrom(ctx).Project, id))
}

// ForToken returns the player for which the caller may create a token. It returns ErrForbidden, ErrPlayerNotFound or
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

// ByIdentity returns the player with an identity, or ErrPlayerUnknown. It needs no caller: authentication calls it.
func (s *Players) ByIdentity(ctx context.Context, project ProjectID, i Identity) (Player, error) {
	p, err := existing(s.store.PlayerByIdentity(ctx, project, i))
	if errors.Is(err, ErrPlayerNotFound) {
		return Player{}, ErrPlayerUnknown.With("provider", i.Provider)
	}
	return p, err
}

// List returns a page of the players that the query selects, newest first. It sets Project, After and Limit of the
// query itself. Players see only the names of others. It returns ErrValidation or ErrForbidden.
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
		l.Items[i] = c.visiblePlayer(l.Items[i])
	}
	return l, err
}

// PlayerName is how a player is shown to others.
type PlayerName struct {
	ID          PlayerID `json:"id" doc:"The player's id."`
	Username    string   `json:"username" doc:"Unique in the project, ignoring case."`
	DisplayName string   `json:"display_name" doc:"Any text, for people."`
}

// Names returns the names of players in the order of the ids, without those who do not exist. It returns ErrForbidden.
func (s *Players) Names(ctx context.Context, ids []PlayerID) ([]PlayerName, error) {
	c := CallerFrom(ctx)
	if err := c.mayRead(); err != nil {
		return nil, err
	}
	found := make(map[PlayerID]PlayerName, len(ids))
	for some := range slices.Chunk(ids, MaxLimit) {
		q := PlayerQuery{
			Project: c.Project, Where: Where{In(FieldID, some...)}, Limit: len(some), Bytes: MaxPageBytes,
		}
		for more := true; more; {
			if err := TakeRoom(ctx, MaxPageBytes); err != nil {
				return nil, err
			}
			page, err := s.store.Players(ctx, q)
			if err != nil {
				return nil, err
			}
			for i := range page.Items {
				p := &page.Items[i]
				found[p.ID] = PlayerName{p.ID, p.Username, p.DisplayName}
			}
			q.After, more = PlayerID(page.last(func(p Player) string { return string(p.ID) })), page.More
		}
	}
	names := make([]PlayerName, 0, len(found))
	for _, id := range ids {
		if n, ok := found[id]; ok {
			names = append(names, n)
		}
	}
	return names, nil
}

// Edit replaces the profile by what edit returns; edit gets a copy, which it may modify. A suspension frees the
// player's seats in all live sessions. It returns the errors of edit, of [Player.Edit] and of the condition,
// ErrPlayerNotFound, ErrUsernameTaken, ErrIdentityTaken or ErrForbidden.
func (s *Players) Edit(
	ctx context.Context, id PlayerID, c Condition[Player], edit func(Profile) (Profile, error),
) (Player, error) {
	caller := CallerFrom(ctx)
	if err := caller.mayActFor(id); err != nil {
		return Player{}, err
	}
	p, err := s.change(ctx, id, c, func(p *Player, now time.Time) ([]Change, error) {
		f, err := edit(p.Profile.normal()) // a copy, which edit may modify
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
		_ = s.sweep(ctx, p, liveSessions) // FreeSeats repeats what fails
	}
	return caller.visiblePlayer(p), nil
}

// Erase removes a player and its data in sessions. When it returns nil, callers no longer see the player, its names are
// free, and its document contains no personal data; [Players.FreeSeats] and [Players.FinishErasures] complete the rest,
// even after a crash. It returns ErrPlayerNotFound, ErrForbidden and the error of the condition.
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
	_ = s.sweep(ctx, p, allSessions) // FreeSeats repeats what fails
	return nil
}

// existing hides players that are being erased.
func existing(p Player, err error) (Player, error) {
	if err == nil && p.ErasingSince != nil {
		return Player{}, PlayerNotFound(p.ID)
	}
	return p, err
}

func (s *Players) change(
	ctx context.Context, id PlayerID, c Condition[Player], apply rule[Player],
) (Player, error) {
	present := func(p Player) error {
		if _, err := existing(p, nil); err != nil || c == nil {
			return err // the previous change of the batch may have erased it
		}
		return c(p)
	}
	return s.changes.make(ctx, string(id), present, apply)
}
