package game

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// duePage is how many sessions or leases are read at once of those that are due. A server without ordered indexes sorts
// all that is due for each page.
const duePage = 5000

// Tick is what a run of [Sessions.Tick] did.
type Tick struct {
	Sessions int           // sessions that were due
	Leases   int           // leases that were due
	Stale    int           // sessions that turned stale
	Expired  int           // sessions whose leases expired
	Lag      time.Duration // by how much the earliest was overdue, while this process was able to notice
}

// keptFailures is how many failures of a run are kept. So much may be due that all of them would fill the memory.
const keptFailures = 20

// ticking counts what a run does while it runs.
type ticking struct {
	mu sync.Mutex
	Tick
	failures []error // the first ones
	more     int     // other failures
}

// failed records a failure, if err is one. ErrStale and ErrSessionNotFound are none: another process, or a client, was
// first.
func (t *ticking) failed(err error) {
	if err == nil || errors.Is(err, ErrStale) || errors.Is(err, ErrSessionNotFound) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) == keptFailures {
		t.more++
		return
	}
	t.failures = append(t.failures, err)
}

// err returns the failures, or nil.
func (t *ticking) err() error {
	if t.more > 0 {
		return fmt.Errorf("%w\nand %d others", errors.Join(t.failures...), t.more)
	}
	return errors.Join(t.failures...)
}

func (t *ticking) add(n *int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
}

func (t *ticking) overdue(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Lag = max(t.Lag, by)
}

// Tick applies what time has done to sessions and leases of all projects. It is for background work, every second in
// each process: it also tells the process that it can hear its clients. It continues after failures and returns the
// first of them.
func (s *Sessions) Tick(ctx context.Context) (Tick, error) {
	var t ticking
	// Neither waits for the other, of which so much may be due that it takes the whole run.
	of := []func(context.Context, *ticking) error{s.elapseDue, s.judgeDue}
	eachAtOnce(len(of), func(i int) { t.failed(of[i](ctx, &t)) })
	return t.Tick, t.err()
}

// elapseDue applies [Session.Elapse] to the sessions that are due.
func (s *Sessions) elapseDue(ctx context.Context, t *ticking) error {
	var after DueSession
	for now := s.now(); ; {
		due, err := s.store.DueSessions(ctx, now, after, duePage)
		if err != nil {
			return err
		}
		s.hearing.heard(s.now())
		t.Sessions += len(due)
		eachAtOnce(len(due), func(i int) {
			v, err := s.changeByTime(ctx, due[i].Project, due[i].ID, nothing)
			s.responded(err)
			if err == nil && !v.UpdatedAt.Before(now) {
				t.overdue(min(now.Sub(due[i].DueAt), now.Sub(s.hearing.since(now, seconds(v.StaleAfter)))))
			}
			t.failed(err)
		})
		if len(due) < duePage {
			return nil
		}
		after = due[len(due)-1]
	}
}

// judgeDue judges the leases that are due.
func (s *Sessions) judgeDue(ctx context.Context, t *ticking) error {
	var after Lease
	for now := s.now().Add(-s.skew); ; {
		due, err := s.store.DueLeases(ctx, now, after, duePage)
		if err != nil {
			return err
		}
		s.hearing.heard(s.now())
		t.Leases += len(due)
		eachAtOnce(len(due), func(i int) {
			l := due[i]
			// The term of a live lease is known without reading the session.
			term := l.DueAt.Sub(l.BeatAt)
			if l.State == LeaseLive && now.Before(s.hearing.since(s.now(), term).Add(term)) {
				return // this process has not heard for long enough
			}
			var err error
			if l.Player != "" {
				err = s.judgeMember(ctx, l, now)
			} else {
				err = s.judge(ctx, l, now, t)
			}
			s.responded(err)
			t.failed(err)
		})
		if len(due) < duePage {
			return nil
		}
		after = due[len(due)-1]
	}
}

// responded records that the store has processed one of the things that are due. There may be so many of them that the
// process could not otherwise tell the time they take from an interruption.
func (s *Sessions) responded(err error) {
	if KindOf(err) != Unavailable || errors.Is(err, ErrUnreadable) {
		s.hearing.heard(s.now())
	}
}

// judge judges the lease of a session. Whatever has happened between its steps, also a crash, the next run finishes.
func (s *Sessions) judge(ctx context.Context, l Lease, now time.Time, t *ticking) error {
	v, err := s.ofLease(ctx, l)
	if due := v.NextDue(); err == nil && due != nil && !due.After(s.now()) {
		// Another host may be due, with a fresh lease, before this one expires.
		v, err = s.changeByTime(ctx, l.Project, l.Session, nothing)
	}
	switch {
	case errors.Is(err, ErrSessionNotFound), err == nil && v.Status.Terminal():
		return s.store.DeleteLease(ctx, l)
	case err != nil:
		return err
	}
	hearing := s.hearing.since(s.now(), seconds(v.StaleAfter))
	next := l.judged(&v, now, hearing)
	if next == l { // this process has not heard for long enough
		return nil
	}
	t.overdue(min(now.Sub(l.DueAt), now.Sub(hearing)))
	if next.State != l.State {
		// First the lease, on condition of the heartbeat that was seen, and then the session.
		closed := next
		closed.DueAt = now
		if err := s.store.ReplaceLease(ctx, l, closed); err != nil {
			return err
		}
		l = closed
	}
	switch next.State {
	case LeaseExpired:
		t.add(&t.Expired)
		_, err := s.expire(ctx, l)
		return err
	case LeaseStale:
		if v.Liveness != Stale {
			t.add(&t.Stale)
			if v, err = s.turnStale(ctx, l); err != nil {
				return err
			}
			next = l.judged(&v, now, hearing)
		}
	case LeaseLive:
	}
	return s.store.ReplaceLease(ctx, l, next)
}

// turnStale changes the session of a stale lease. A heartbeat that renewed the lease meanwhile makes it live again.
func (s *Sessions) turnStale(ctx context.Context, l Lease) (Session, error) {
	v, err := s.changeByTime(ctx, l.Project, l.Session, func(v *Session, now time.Time) ([]Change, error) {
		return v.TurnStale(l.Fence, now), nil
	})
	if err != nil {
		return v, err
	}
	found, err := s.store.Leases(ctx, []LeaseID{l.ID()})
	if err != nil || len(found) == 0 || found[0].State != LeaseLive {
		return v, err
	}
	_, err = s.changeByTime(ctx, l.Project, l.Session, func(v *Session, now time.Time) ([]Change, error) {
		return v.Beat("", found[0].Fence, now)
	})
	return v, errors.Join(err, ErrStale) // the lease is no longer the one that was judged
}

// expire ends the session of an expired lease, and then removes the lease.
func (s *Sessions) expire(ctx context.Context, l Lease) (Session, error) {
	v, err := s.changeByTime(ctx, l.Project, l.Session, func(v *Session, now time.Time) ([]Change, error) {
		if v.Status.Terminal() {
			return nil, nil
		}
		return v.Expire(l.expiryReason(v), now)
	})
	if err != nil && !errors.Is(err, ErrSessionNotFound) {
		return v, err
	}
	return v, errors.Join(err, s.store.DeleteLease(ctx, l))
}

// judgeMember judges the lease of a member, who is disconnected without a heartbeat for stale_after since the last one,
// or since it joined or reconnected.
func (s *Sessions) judgeMember(ctx context.Context, l Lease, now time.Time) error {
	v, err := s.ofLease(ctx, l)
	if err != nil && !errors.Is(err, ErrSessionNotFound) {
		return err
	}
	i := v.member(l.Player)
	if err != nil || v.Status.Terminal() || i < 0 || v.Members[i].Status != SeatJoined ||
		l.BeatAt.Before(v.Members[i].JoinedAt.Add(-s.skew)) { // the lease of an earlier seat
		return s.store.DeleteLease(ctx, l)
	}
	next, term, connectedAt := l, seconds(v.StaleAfter), v.Members[i].connectedAt()
	switch next.DueAt = later(l.BeatAt, connectedAt).Add(term); {
	case l.State == LeaseLive && now.Before(next.DueAt): // it came back, or the session has a longer stale_after now
		return s.store.ReplaceLease(ctx, l, next)
	case l.State == LeaseLive && now.Before(s.hearing.since(s.now(), term).Add(term)):
		return nil
	}
	if next.State, next.DueAt = LeaseStale, now; l.State == LeaseLive {
		if err := s.store.ReplaceLease(ctx, l, next); err != nil {
			return err
		}
	}
	set := func(connected bool) error {
		_, err := s.changeByTime(ctx, l.Project, l.Session, func(v *Session, now time.Time) ([]Change, error) {
			i := v.member(l.Player)
			switch {
			case v.Status.Terminal(), i < 0:
				return nil, nil
			case connected && v.Members[i].Status == SeatDisconnected:
				return v.connect(&v.Members[i], now), nil
			case !connected && v.Members[i].Status == SeatJoined && v.Members[i].connectedAt().Equal(connectedAt):
				return v.disconnect(&v.Members[i], now), nil
			}
			return nil, nil
		})
		return err
	}
	if err := set(false); err != nil {
		return err
	}
	if err := s.store.DeleteLease(ctx, next); errors.Is(err, ErrStale) {
		return set(true) // a heartbeat came meanwhile
	} else if err != nil {
		return err
	}
	return nil
}

// ofLease reads the session of a lease.
func (s *Sessions) ofLease(ctx context.Context, l Lease) (Session, error) {
	return s.store.Session(ctx, l.Project, l.Session)
}

// changeByTime changes a session on behalf of the service.
func (s *Sessions) changeByTime(
	ctx context.Context, project ProjectID, id SessionID, apply rule[Session],
) (Session, error) {
	return s.change(WithCaller(ctx, Caller{Project: project, Name: byTimeName}), id, nil, apply)
}

// byTimeName names, in events, the service where it applies what time has done.
const byTimeName = "time"

// nothing is a rule that changes nothing: every change applies what time has done first.
func nothing(*Session, time.Time) ([]Change, error) { return nil, nil }

// changesAtOnce is how many sessions a batch of heartbeats, or the background work, changes at the same time.
const changesAtOnce = 16

// eachAtOnce calls do with 0 to n-1, some at the same time, and returns when all calls have. It panics if one does.
func eachAtOnce(n int, do func(i int)) {
	if n == 1 {
		do(0)
		return
	}
	var next atomic.Int64
	var failure atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(n, changesAtOnce) {
		wg.Go(func() {
			defer func() {
				if cause := recover(); cause != nil {
					failure.Store(new(panicked(cause)))
				}
			}()
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		panic(*err)
	}
}
