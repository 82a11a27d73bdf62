package game

import (
	"context"
	"errors"
	"time"
)

// Players holds the rules about players. Its methods see the project of the context's [Caller] only.
type Players struct {
	rules
	changes  *changes[Player]
	sessions *Sessions
}

// NewPlayers returns the players in a store; sessions are where they hold seats.
func NewPlayers(d Deps, sessions *Sessions) *Players {
	s := &Players{rules: newRules(d), sessions: sessions}
	s.changes = newChanges(noun[Player]{
		read:    func(ctx context.Context, id string) (Player, error) { return s.get(ctx, PlayerID(id)) },
		clone:   func(p Player) Player { return p }, // rules replace what a player holds and change nothing in place
		replace: s.store.ReplacePlayer,
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
			return p, s.store.CreatePlayer(ctx, p)
		},
		find: func(id string) (Player, error) { return s.get(ctx, PlayerID(id)) },
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

// ByIdentity answers the player who has an identity, or ErrPlayerUnknown and, as for a token of ours, ErrPlayerSuspended. It
// needs no caller: it is for whoever checks credentials.
func (s *Players) ByIdentity(ctx context.Context, project ProjectID, i Identity) (Player, error) {
	p, err := existing(s.store.PlayerByIdentity(ctx, project, i))
	if errors.Is(err, ErrPlayerNotFound) {
		return Player{}, ErrPlayerUnknown.With("provider", i.Provider)
	}
	if err != nil {
		return Player{}, err
	}
	return p, p.CanPlay(s.now())
}

// List answers a page of the players that the query selects, newest first, or ErrForbidden. Its project, position and limit are
// set here. A player sees of others their names only.
func (s *Players) List(ctx context.Context, q PlayerQuery, cursor string, limit int) (List[Player], error) {
	c := CallerFrom(ctx)
	if err := c.mayListPlayers(q); err != nil {
		return List[Player]{}, err
	}
	q.Project, q.After, q.Limit, q.Erasing = c.Project, "", 0, false
	if len(q.UsernamePrefix) > MaxUsername || !consistsOf(q.UsernamePrefix, usernameMarks) {
		return List[Player]{}, InvalidField("username_prefix",
			"must have at most %d characters of A-Z a-z 0-9 _ . -, as usernames do", MaxUsername)
	}
	q.UsernamePrefix = UsernameKey(q.UsernamePrefix)
	l, err := list(query[Player]{
		filters: q,
		read: func(after string, limit int) ([]Player, error) {
			q := q
			q.After, q.Limit = PlayerID(after), limit
			return s.store.Players(ctx, q)
		},
		id: func(p Player) string { return string(p.ID) },
	}, cursor, limit)
	for i := range l.Items {
		l.Items[i] = c.seenPlayer(l.Items[i])
	}
	return l, err
}

// Edit changes the profile to what the function makes of it. It answers what the function and [Player.Edit] do, the
// condition's error, ErrUsernameTaken, ErrIdentityTaken and ErrForbidden.
func (s *Players) Edit(ctx context.Context, id PlayerID, c Condition[Player], edit func(Profile) (Profile, error)) (Player, error) {
	caller := CallerFrom(ctx)
	if err := caller.mayActFor(id); err != nil {
		return Player{}, err
	}
	return s.change(ctx, id, c, func(p *Player, _ time.Time) (bool, error) {
		f, err := edit(p.Profile.normal()) // a copy, so that the function may work in place
		if err != nil {
			return false, err
		}
		if err := caller.mayChange(p.Profile, f.normal()); err != nil {
			return false, err
		}
		return p.Edit(f)
	})
}

// Erase removes a player and what every session knows of it. When it answers nil the player is gone for every caller,
// its names are free, its document holds nothing personal, and [Players.FinishErasures] sees to the rest whatever happens. It
// answers ErrPlayerNotFound, ErrForbidden and the condition's error.
func (s *Players) Erase(ctx context.Context, id PlayerID, c Condition[Player]) error {
	if err := CallerFrom(ctx).mayActFor(id); err != nil {
		return err
	}
	_, err := s.change(ctx, id, c, func(p *Player, now time.Time) (bool, error) {
		p.erase(now)
		return true, nil
	})
	if err != nil {
		return err
	}
	// What fails here is done again by FinishErasures, so that it is no failure of the erasure.
	_ = s.sessions.forget(ctx, id)
	return nil
}

// FinishErasures goes on with the erasures under way in all projects. It is for background work, and sweeps each player's
// seats again until no request is left that may have read the player before it was marked; only then the mark goes.
func (s *Players) FinishErasures(ctx context.Context) error {
	q := PlayerQuery{Erasing: true, Limit: MaxLimit}
	var failures []error
	for {
		found, err := s.store.Players(ctx, q)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		for _, p := range found {
			if err := s.finish(ctx, p); err != nil {
				failures = append(failures, err)
			}
		}
		if len(found) < q.Limit {
			return errors.Join(failures...)
		}
		q.After = found[len(found)-1].ID
	}
}

func (s *Players) finish(ctx context.Context, p Player) error {
	ctx = WithCaller(ctx, Caller{Project: p.Project, Name: "erasure"})
	now := s.now()
	if !p.SeatsSwept {
		if err := s.sessions.forget(ctx, p.ID); err != nil || !now.After(p.ErasingSince.Add(s.late())) {
			return err // to be swept again
		}
	}
	var err error
	switch {
	case now.After(s.markEnds(p)):
		err = s.store.DeletePlayer(ctx, p)
	case !p.SeatsSwept:
		swept := p
		swept.SeatsSwept = true
		swept.Version++
		err = s.store.ReplacePlayer(ctx, p, swept)
	}
	if errors.Is(err, ErrStale) {
		return nil // another process was faster
	}
	return err
}

// late is how long after its time a mark may be overlooked: it may become visible one longest request later, a join that
// read the player just before may take another one, and its write may still be on its way when that request has given up.
func (s *Players) late() time.Duration { return 3 * s.maxRequest }

// markEnds is when nothing is left that could undo an erasure. A retry of the player's creation would bring it back under
// the id that old sessions still show: it must find the mark for as long as the claim of the creation lives.
func (s *Players) markEnds(p Player) time.Time {
	if claimed := p.CreatedAt.Add(IdempotencyTTL); claimed.After(*p.ErasingSince) {
		return claimed.Add(s.late())
	}
	return p.ErasingSince.Add(s.late())
}

// existing hides players whose erasure is under way.
func existing(p Player, err error) (Player, error) {
	if err == nil && p.ErasingSince != nil {
		return Player{}, PlayerNotFound(p.ID)
	}
	return p, err
}

func (s *Players) change(ctx context.Context, id PlayerID, c Condition[Player], apply func(*Player, time.Time) (bool, error)) (Player, error) {
	return s.changes.make(ctx, string(id), func(p *Player) (bool, error) {
		if c != nil {
			if err := c(*p); err != nil {
				return false, err
			}
		}
		now := s.now()
		changed, err := apply(p, now)
		if changed {
			p.Version++
			p.UpdatedAt = now
		}
		return changed, err
	})
}
