package game

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"time"
)

// Newcomer describes the player to create for an identity that has none. Its username may be left out: then it is
// player- and some random letters and digits.
type Newcomer struct{ Profile }

// Validate returns ErrValidation with everything that is wrong.
func (n Newcomer) Validate() error {
	if n.Username == "" {
		n.Username = newUsername()
	}
	return n.Profile.normal().Validate()
}

func newUsername() string {
	const random = 13 // 65 bits
	return "player-" + strings.ToLower(rand.Text()[:random])
}

// validate returns ErrValidation with everything that is wrong, named as in requests.
func (i Identity) validate() error {
	var p problems
	p.check(ValidProvider(i.Provider), "provider", "must have 1 to %d characters of A-Z a-z 0-9 _ -", MaxProvider)
	p.check(ValidSubject(i.Subject), "subject", "must have 1 to %d bytes and no control characters", MaxSubject)
	return p.err()
}

// Identified returns the player with an identity. It returns ErrPlayerNotFound, ErrValidation, or ErrForbidden for
// players, who would otherwise learn which account elsewhere is whose.
func (s *Players) Identified(ctx context.Context, i Identity) (Player, error) {
	c := CallerFrom(ctx)
	if err := c.MayOperate(); err != nil {
		return Player{}, err
	}
	if err := i.validate(); err != nil {
		return Player{}, err
	}
	p, err := s.identified(ctx, i)
	return c.visiblePlayer(p), err
}

// identified returns ErrPlayerNotFound without the identity, which is personal data.
func (s *Players) identified(ctx context.Context, i Identity) (Player, error) {
	p, err := existing(s.store.PlayerByIdentity(ctx, CallerFrom(ctx).Project, i))
	if errors.Is(err, ErrPlayerNotFound) {
		return Player{}, ErrPlayerNotFound.Detail("No player has this identity.")
	}
	return p, err
}

// Enter returns the player with an identity, as it is, or creates it, and reports whether it did. Of several concurrent
// calls with one identity one creates the player, and the others return it. It returns ErrValidation, ErrForbidden, and
// for a new player ErrUsernameTaken, or ErrIdentityTaken for another one of its identities.
func (s *Players) Enter(ctx context.Context, i Identity, n Newcomer) (p Player, created bool, err error) {
	c := CallerFrom(ctx)
	if err := c.mayServe(); err != nil {
		return Player{}, false, err
	}
	if err := i.validate(); err != nil {
		return Player{}, false, err
	}
	if subject, ok := n.Identities[i.Provider]; ok && subject != i.Subject {
		return Player{}, false, InvalidField(
			"identities."+i.Provider, "must be left out, or be the subject in the path",
		)
	}
	n.Identities = maps.Clone(n.Identities)
	if n.Identities == nil {
		n.Identities = make(map[string]string, 1)
	}
	n.Identities[i.Provider] = i.Subject
	if err := n.Validate(); err != nil {
		return Player{}, false, err
	}
	if p, err = s.identified(ctx, i); !errors.Is(err, ErrPlayerNotFound) {
		if err == nil {
			s.sessions.seen.noteRead(&p, s.now())
		}
		return c.visiblePlayer(p), false, beforeWrite(err)
	}
	p, err = s.enter(ctx, n.Profile)
	switch {
	case err == nil:
		return c.visiblePlayer(p), true, nil
	case !errors.Is(err, ErrIdentityTaken) && !errors.Is(err, ErrUsernameTaken):
		return Player{}, false, err
	}
	// Another call may have created it, with the same identity and perhaps the same name.
	if found, ok := s.appeared(ctx, i); ok {
		return c.visiblePlayer(found), false, nil
	}
	return Player{}, false, err
}

// enter creates a player. A username that was left out is chosen again if another player has it.
func (s *Players) enter(ctx context.Context, f Profile) (Player, error) {
	chosen := f.Username == ""
	for {
		if chosen {
			f.Username = newUsername()
		}
		p, err := newPlayer(PlayerID(s.newID()), CallerFrom(ctx).Project, f, s.now())
		if err == nil {
			err = s.store.CreatePlayer(ctx, p, newEvent(ctx, p.current(), p.created()))
		}
		if !chosen || !errors.Is(err, ErrUsernameTaken) {
			return p, err
		}
	}
}

// appearTries is how often a player is looked for that another call has created. A read from a replica set may be some
// milliseconds behind the write that made a unique index reject another one.
const appearTries = 8

// appeared returns the player with an identity, and whether there is one.
func (s *Players) appeared(ctx context.Context, i Identity) (Player, bool) {
	var pause time.Duration
	for range appearTries {
		if p, err := s.identified(ctx, i); err == nil {
			return p, true
		}
		pause = max(2*pause, firstPause)
		if Sleep(ctx, pause) != nil {
			break
		}
	}
	return Player{}, false
}
