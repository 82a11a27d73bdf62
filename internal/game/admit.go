package game

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// admittedFor is how long a player who was admitted is admitted again without a read. Another process suspends and
	// erases unnoticed for as long; this one does not.
	admittedFor = time.Second / 2
	// maxAdmitted bounds how many are remembered, some 150 bytes each.
	maxAdmitted = 16 << 10
)

// Admit judges the player whom a caller is or acts for, once for every request, whatever the credential: an own token,
// one of another issuer, or a server's that acts for the player. It returns ErrPlayerUnknown where there is no such
// player (any more), ErrPlayerSuspended, and ErrStoreUnavailable. Reads is the player whose document the request
// reads, empty for any other request: who is suspended may still read its own. Callers who are no players are admitted
// without a read.
func (s *Players) Admit(ctx context.Context, c Caller, reads PlayerID) error {
	if c.Scope != ScopePlayer {
		return nil
	}
	who, begin := admission{c.Project, c.Player}, s.clock()
	known, writes := s.admitted.has(who, begin)
	if known {
		return nil
	}
	p, err := existing(s.store.Player(ctx, c.Project, c.Player))
	switch {
	case errors.Is(err, ErrPlayerNotFound):
		return ErrPlayerUnknown.Detail("The credential is valid, but its player %s does not exist.", c.Player)
	case err != nil:
		return beforeWrite(err)
	}
	if err := p.CanPlay(s.now()); err != nil {
		if reads == c.Player {
			return nil
		}
		return err
	}
	s.admitted.add(who, begin, writes)
	return nil
}

// admission names a player who was admitted.
type admission struct {
	project ProjectID
	player  PlayerID
}

// admissions remembers for a moment who was admitted, and nothing of who was not: the end of a suspension is never
// late. It is exact for the changes that this process makes.
type admissions struct {
	mu     sync.Mutex
	read   map[admission]time.Time // when the read began that found the player fit to play
	writes uint64                  // changes of players, of any: a read that began before one may be older than it
}

func newAdmissions() *admissions { return &admissions{read: make(map[admission]time.Time)} }

// has reports whether the player need not be read, and what to hand to add after a read that begins now.
func (a *admissions) has(who admission, now time.Time) (known bool, writes uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, known := a.read[who]
	age := now.Sub(at)
	return known && age >= 0 && age < admittedFor, a.writes
}

// add remembers a player by a read that began at the time, unless a player was changed meanwhile. Where there is no
// room all others are forgotten.
func (a *admissions) add(who admission, at time.Time, writes uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writes != writes {
		return
	}
	if len(a.read) >= maxAdmitted {
		clear(a.read)
	}
	a.read[who] = at
}

// changed forgets a player after a change of it that was made, or may have been.
func (a *admissions) changed(p Player) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writes++
	delete(a.read, admission{p.Project, p.ID})
}
