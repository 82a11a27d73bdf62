package game

import (
	"context"
	"errors"
	"time"
)

// Suspended and erased players hold no seats, and sessions name erased players in their records only. There are no
// transactions across documents: the player is marked first ([Player.SweepSince]), which stops all requests that read
// it from then on, and then its seats are freed. Requests that read the player before may still seat it. So background
// work sweeps marked players twice a second until no such request can be under way in any process, and only then
// removes the mark.

// sweptSessions says which sessions a sweep visits.
type sweptSessions bool

const (
	liveSessions sweptSessions = true
	// allSessions is for erasures: sessions that have ended drop the attributes of the player.
	allSessions sweptSessions = false
)

// sweep removes a marked player from the sessions of which it is a member, and from those that name it otherwise. It
// fails, after all others, for sessions that cannot be read, because the player may be in them.
func (s *Players) sweep(ctx context.Context, p Player, which sweptSessions) error {
	ctx = WithCaller(ctx, Caller{Project: p.Project, Name: "sweep"})
	var unreadable error
	// A player may move meanwhile: from the wait list to a seat, and from a seat to the bans.
	for _, field := range []string{FieldNamed, FieldMember, FieldNamed} {
		w := Where{Is(field, p.ID)}
		if which == liveSessions {
			w = append(w, In(FieldStatus, LiveStatuses()...))
		}
		unread, err := s.sweepWhere(ctx, p, w)
		if err != nil {
			return err
		}
		unreadable = errors.Join(unreadable, unread)
	}
	return unreadable
}

// sweepWhere removes a marked player from the sessions that match, one page at a time. It also returns an error for
// those that cannot be read.
func (s *Players) sweepWhere(ctx context.Context, p Player, w Where) (unreadable, err error) {
	q := SessionQuery{Project: p.Project, Where: w, Limit: MaxLimit, Bytes: MaxPageBytes}
	for {
		if err := TakeRoom(ctx, maxPageRoom); err != nil {
			return nil, err
		}
		found, err := s.store.Sessions(ctx, q)
		if err != nil {
			return nil, err
		}
		unreadable = errors.Join(unreadable, found.whole())
		var ids []SessionID // only the ids, so that the page can be released
		for _, v := range found.Items {
			if probe := v.clone(); len(p.removeFrom(&probe, s.now())) > 0 {
				ids = append(ids, v.ID)
			}
		}
		q.After = SessionID(found.last(func(v Session) string { return string(v.ID) }))
		if err := s.removeFromSessions(ctx, p, ids); err != nil {
			return nil, err
		}
		if !found.More {
			return unreadable, nil
		}
	}
}

// removeFrom removes a marked player from a session and returns what that changed.
func (p *Player) removeFrom(v *Session, now time.Time) []Change {
	switch {
	case p.ErasingSince != nil:
		return v.Forget(p.ID, RemovedErased, now)
	case v.Status.Terminal():
		return nil
	}
	return v.Forget(p.ID, RemovedSuspended, now)
}

// removeFromSessions removes a marked player from the sessions that a list has returned.
func (s *Players) removeFromSessions(ctx context.Context, p Player, from []SessionID) error {
	if p.ErasingSince == nil && len(from) > 0 {
		// The suspension may have been lifted before the list was read, and the seats taken after that.
		now, err := s.store.Player(ctx, p.Project, p.ID)
		if err != nil || now.SweepSince == nil {
			return err
		}
	}
	for _, id := range from {
		leave := func(v *Session, now time.Time) ([]Change, error) { return p.removeFrom(v, now), nil }
		if _, err := s.sessions.change(ctx, id, nil, leave); err != nil {
			return err
		}
	}
	return nil
}

// FreeSeats continues the sweeps of all projects. It is for background work, twice a second: a seat that was taken by a
// request that overtook a suspension or an erasure is free a moment later. Sessions that have ended may be many, so
// they are only visited by the first sweep of this process, in case another one crashed during its sweep, and by the
// last.
func (s *Players) FreeSeats(ctx context.Context) error {
	s.freeing.Lock()
	defer s.freeing.Unlock()
	s.changes.recent.tidy()
	s.sessions.changes.recent.tidy()
	forgotten := make(map[admission]struct{})
	err := s.forEachPlayer(ctx, PlayerQuery{Sweeping: true}, func(ctx context.Context, p Player) error {
		which, who := liveSessions, admission{p.Project, p.ID}
		last := s.now().After(p.SweepSince.Add(s.maxDelay()))
		_, again := s.forgotten[who]
		if p.ErasingSince != nil && (last || !again) {
			which = allSessions // a late join may have been to a session that has ended since
		}
		if err := s.sweep(ctx, p, which); err != nil {
			return err
		}
		if p.ErasingSince != nil {
			forgotten[who] = struct{}{}
		}
		if !last {
			return nil
		}
		swept := p
		swept.SweepSince = nil // callers do not see the field, so the version stays
		return s.store.ReplacePlayer(ctx, p, swept)
	})
	s.forgotten = forgotten
	return err
}

// FinishErasures deletes the remains of erased players when no request can undo the erasure any more. It is for
// background work.
func (s *Players) FinishErasures(ctx context.Context) error {
	return s.forEachPlayer(ctx, PlayerQuery{Erasing: true}, func(ctx context.Context, p Player) error {
		if p.SweepSince != nil || !s.now().After(s.markRemovableAt(p)) {
			return nil
		}
		return s.store.DeletePlayer(ctx, p)
	})
}

// LiftSuspensions lifts the suspensions of all projects that have ended, each with a version of its own. It is for
// background work and runs often enough for reads and lists to be correct within a second.
func (s *Players) LiftSuspensions(ctx context.Context) error {
	for {
		found, err := s.store.EndedSuspensions(ctx, s.now(), MaxLimit)
		if err != nil {
			return err
		}
		failures := attempt(ctx, found, func(ctx context.Context, p Player) error {
			ctx = WithCaller(ctx, Caller{Project: p.Project, Name: "suspensions"})
			// Every change lifts an ended suspension first, so an empty one suffices.
			_, err := s.change(ctx, p.ID, nil, func(*Player, time.Time) ([]Change, error) { return nil, nil })
			return err
		})
		if failures != nil || len(found) < MaxLimit {
			return failures
		}
	}
}

// forEachPlayer calls do for each player of all projects that the query selects, one page at a time. It continues after
// failures and returns all of them.
func (s *Players) forEachPlayer(ctx context.Context, q PlayerQuery, do func(context.Context, Player) error) error {
	var failures error
	for q.Limit, q.Bytes = MaxLimit, MaxPageBytes; ; {
		found, err := s.store.Players(ctx, q)
		if err != nil {
			return errors.Join(failures, err)
		}
		failures = errors.Join(failures, found.whole(), attempt(ctx, found.Items, do))
		if !found.More {
			return failures
		}
		q.After = PlayerID(found.last(func(p Player) string { return string(p.ID) }))
	}
}

// attempt calls do for each player and returns the failures. ErrStale and ErrPlayerNotFound are none: another process
// has changed the player.
func attempt(ctx context.Context, players []Player, do func(context.Context, Player) error) error {
	var failures []error
	for _, p := range players {
		if err := do(ctx, p); err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, ErrPlayerNotFound) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// maxDelay returns how long a request may ignore a mark. The mark may become visible one request duration after its
// time. A join that read the player just before may take another, its batch one more on behalf of other changes, and
// the write may still be under way when the batch has given up.
func (s *Players) maxDelay() time.Duration { return 4 * s.maxRequest }

// markRemovableAt returns when no request can undo an erasure any more. A retry of the creation of the player would
// restore it under the id that old sessions still contain, so the mark remains as long as the claim of the creation.
func (s *Players) markRemovableAt(p Player) time.Time {
	if claimed := p.CreatedAt.Add(IdempotencyTTL); claimed.After(*p.ErasingSince) {
		return claimed.Add(s.maxDelay())
	}
	return p.ErasingSince.Add(s.maxDelay())
}
