package game

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// admittedFor is how long an admission is remembered. A suspension or an erasure by another process may go
	// unnoticed for this long; one by this process never does.
	admittedFor = time.Second / 2
	// maxAdmitted bounds the admissions in memory. Each takes about 150 bytes.
	maxAdmitted = 16 << 10
)

// Admit checks whether the player that the caller is, or acts for, may make requests. The API calls it once for every
// request, whatever the credential. It returns ErrPlayerUnknown if the player does not exist, ErrPlayerSuspended, or
// ErrStoreUnavailable. Callers that are not players are admitted without a read.
//
// Reads is the player whose document the request reads, or "" for other requests: a suspended player may still read its
// own document.
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
	now := s.now()
	err = p.CanPlay(now)
	if err != nil && reads != c.Player {
		return err
	}
	s.sessions.seen.noteRead(&p, now)
	if err == nil {
		s.admitted.add(who, begin, writes)
	}
	return nil
}

// admission identifies a player that was admitted.
type admission struct {
	project ProjectID
	player  PlayerID
}

// admissions caches for a moment which players were admitted. It does not cache rejections, so that a suspension never
// ends late. Changes made by this process take effect at once.
type admissions struct {
	mu     sync.Mutex
	read   map[admission]time.Time // when the read began that found the player fit to play
	writes uint64                  // counts changes of any player, to detect that a read may be outdated
}

func newAdmissions() *admissions { return &admissions{read: make(map[admission]time.Time)} }

// has reports whether the player was admitted recently enough. Otherwise the caller reads the player and passes writes
// to add.
func (a *admissions) has(who admission, now time.Time) (known bool, writes uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, known := a.read[who]
	age := now.Sub(at)
	return known && age >= 0 && age < admittedFor, a.writes
}

// add records a player that was found fit to play by a read that began at the given time. It does nothing if any player
// was changed since has returned writes. When the cache is full, it is emptied first.
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

// changed removes a player after a change that was made or may have been made.
func (a *admissions) changed(p Player) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writes++
	delete(a.read, admission{p.Project, p.ID})
}
