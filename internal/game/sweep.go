package game

import (
	"context"
	"errors"
	"time"
)

// A player who is suspended or erased holds no seat. There are no transactions across documents: the player is marked
// first ([Player.SweepSince]), which keeps out every request that reads it from then on, and then its seats are swept.
// Requests that read the player before may seat it yet. So background work sweeps marked players again, twice a second,
// until no such request can be left in any process, and only then takes the mark away.

// sweptSessions are the sessions that a sweep looks at.
type sweptSessions bool

const (
	liveSessions sweptSessions = true
	// allSessions are for an erasure: those that are over forget a player's attributes.
	allSessions sweptSessions = false
)

// sweep takes a player who is marked out of sessions, a page at a time.
func (s *Players) sweep(ctx context.Context, p Player, which sweptSessions) error {
	ctx = WithCaller(ctx, Caller{Project: p.Project, Name: "sweep"})
	q := SessionQuery{Project: p.Project, Where: Where{Is(FieldMember, p.ID)}, Limit: MaxLimit, Bytes: MaxPageBytes}
	if which == liveSessions {
		q.Where = append(q.Where, In(FieldStatus, LiveStatuses()...))
	}
	for {
		if err := TakeRoom(ctx, maxPageRoom); err != nil {
			return err
		}
		found, err := s.store.Sessions(ctx, q)
		if err != nil {
			return err
		}
		var ids []SessionID // alone, so that the page is not held
		for _, v := range found.Items {
			if probe := v.clone(); len(p.removeFrom(&probe)) > 0 {
				ids = append(ids, v.ID)
			}
			q.After = v.ID
		}
		if err := s.removeFromSessions(ctx, p, ids); err != nil || !found.More {
			return err
		}
	}
}

// leaves takes a player who is marked out of a session, and returns what that changed.
func (p *Player) removeFrom(v *Session) []Change {
	switch {
	case p.ErasingSince != nil:
		return v.Forget(p.ID, RemovedErased)
	case v.Status.Terminal():
		return nil
	}
	return v.Forget(p.ID, RemovedSuspended)
}

// release takes a player who is marked out of sessions, in which a list has found it.
func (s *Players) removeFromSessions(ctx context.Context, p Player, from []SessionID) error {
	if p.ErasingSince == nil && len(from) > 0 {
		// The suspension may have been lifted before the list, and the seats be such as the player took after that.
		now, err := s.store.Player(ctx, p.Project, p.ID)
		if err != nil || now.SweepSince == nil {
			return err
		}
	}
	for _, id := range from {
		leave := func(v *Session, _ time.Time) ([]Change, error) { return p.removeFrom(v), nil }
		if _, err := s.sessions.change(ctx, id, nil, leave); err != nil {
			return err
		}
	}
	return nil
}

// FreeSeats goes on with the sweeps under way in all projects. It is for background work, twice a second: a seat that
// is taken by a request that overtook a suspension or an erasure is free a moment later. Sessions that are over, which
// may be many, forget who is erased at the first sweep by this process, in case another died at it, and at the last.
func (s *Players) FreeSeats(ctx context.Context) error {
	s.freeing.Lock()
	defer s.freeing.Unlock()
	forgotten := make(map[admission]struct{})
	err := s.forEachPlayer(ctx, PlayerQuery{Sweeping: true}, func(ctx context.Context, p Player) error {
		which, who := liveSessions, admission{p.Project, p.ID}
		last := s.now().After(p.SweepSince.Add(s.maxDelay()))
		_, again := s.forgotten[who]
		if p.ErasingSince != nil && (last || !again) {
			which = allSessions // a late join may have been to a session that is over by now
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
		swept.SweepSince = nil // a note between processes, which no caller sees: the version stays
		return s.store.ReplacePlayer(ctx, p, swept)
	})
	s.forgotten = forgotten
	return err
}

// FinishErasures removes the marks of erasures by which nothing can be undone any more. It is for background work.
func (s *Players) FinishErasures(ctx context.Context) error {
	return s.forEachPlayer(ctx, PlayerQuery{Erasing: true}, func(ctx context.Context, p Player) error {
		if p.SweepSince != nil || !s.now().After(s.markRemovableAt(p)) {
			return nil
		}
		return s.store.DeletePlayer(ctx, p)
	})
}

// LiftSuspensions ends the suspensions whose time is over in all projects, each by a change with a version of its
// own. It is for background work, so often that reads and lists agree with the rules within a second.
func (s *Players) LiftSuspensions(ctx context.Context) error {
	for {
		found, err := s.store.EndedSuspensions(ctx, s.now(), MaxLimit)
		if err != nil {
			return err
		}
		failures := attempt(ctx, found, func(ctx context.Context, p Player) error {
			ctx = WithCaller(ctx, Caller{Project: p.Project, Name: "suspensions"})
			// A change of nothing: what time has done comes before it.
			_, err := s.change(ctx, p.ID, nil, func(*Player, time.Time) ([]Change, error) { return nil, nil })
			return err
		})
		if failures != nil || len(found) < MaxLimit {
			return failures
		}
	}
}

// each does something with each player of all projects whom the query selects, a page at a time, and goes on after
// failures.
func (s *Players) forEachPlayer(ctx context.Context, q PlayerQuery, do func(context.Context, Player) error) error {
	var failures error
	for q.Limit, q.Bytes = MaxLimit, MaxPageBytes; ; {
		found, err := s.store.Players(ctx, q)
		if err != nil {
			return errors.Join(failures, err)
		}
		failures = errors.Join(failures, attempt(ctx, found.Items, do))
		if !found.More {
			return failures
		}
		q.After = found.Items[len(found.Items)-1].ID
	}
}

// attempt does something with each player and returns what failed. That another process was faster is no failure: the
// player is another then, or gone.
func attempt(ctx context.Context, players []Player, do func(context.Context, Player) error) error {
	var failures []error
	for _, p := range players {
		if err := do(ctx, p); err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, ErrPlayerNotFound) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// late is how long after its time a mark may be overlooked: it may become visible one longest request later. A join
// that read the player just before may take another, its batch may be written for one more on behalf of others, and the
// write may still be on its way when the batch has given up.
func (s *Players) maxDelay() time.Duration { return 4 * s.maxRequest }

// markRemovableAt is when nothing is left that could undo an erasure. A retry of the player's creation would bring it back
// under the id that old sessions still show: it must find the mark for as long as the claim of the creation lives.
func (s *Players) markRemovableAt(p Player) time.Time {
	if claimed := p.CreatedAt.Add(IdempotencyTTL); claimed.After(*p.ErasingSince) {
		return claimed.Add(s.maxDelay())
	}
	return p.ErasingSince.Add(s.maxDelay())
}
