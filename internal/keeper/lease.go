package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/report"
)

// How leases are kept.
const (
	renewEvery   = game.TaskLeaseTerm / 3
	renewTimeout = 2 * time.Second
	// tick is how often the lease is checked. Timers pause while the machine sleeps, but the wall clock shows that
	// time has passed.
	tick = time.Second
	// A process without the lease looks at it as often as the task runs, but within these bounds. The longer one, with
	// what is random, and game.TaskLeaseLost are less than 15 seconds together.
	minStandby, maxStandby = time.Second, 4 * time.Second
	// giveBackTimeout limits how long the end of the program waits for a lease to be given back.
	giveBackTimeout = 2 * time.Second
)

// ErrLeaseLost is the cancellation cause of a run's context when the process has lost the task's lease, or cannot tell
// whether it still holds it.
var ErrLeaseLost = errors.New("the lease of the task was lost")

type generationKey struct{}

// Generation returns the generation of the lease that the run of ctx holds, or 0 for a task without a lease.
//
// The run's context is cancelled as soon as the process notices that it has lost the lease. A process that was paused
// may notice late, so writes of a task must be harmless after another process has taken the lease: they must have a
// condition that fails then, or carry the generation, so that they are rejected.
func Generation(ctx context.Context) int64 {
	g, _ := ctx.Value(generationKey{}).(int64)
	return g
}

// tenure is the period in which this process holds a lease.
type tenure struct {
	task  Task
	lease game.TaskLease // as it was stored last
	since time.Time      // just before it was last taken or renewed
	// unsure is set after a renewal that failed: it may have been stored without a response.
	unsure bool
}

// ends returns when the lease ends unless it is renewed, on the monotonic clock, which stops while the machine sleeps.
// The lease's Until is the same on the wall clock.
func (held *tenure) ends() time.Time { return held.since.Add(game.TaskLeaseTerm) }

// sighting is a lease as this process sees it, and since when.
type sighting struct {
	lease game.TaskLease
	since time.Time
}

// of notes that a lease was read, and returns for how long it has been seen as it is, on the monotonic clock.
func (s *sighting) of(l game.TaskLease) time.Duration {
	now := time.Now() // after the read: what is stored may have been written just before
	if l != s.lease {
		s.lease, s.since = l, now
	}
	return now.Sub(s.since)
}

// left returns how long it takes until the lease may be taken if it stays as it is.
func (s *sighting) left() time.Duration { return game.TaskLeaseLost - time.Since(s.since) }

// underLease runs a task while this process holds its lease, and otherwise tries to take the lease.
func (k *Keeper) underLease(ctx context.Context, t Task) {
	var seen sighting
	for ctx.Err() == nil {
		wait := k.jittered(min(max(t.Every, minStandby), maxStandby))
		begin := k.Now()
		held, err := k.take(ctx, t, &seen)
		switch {
		case err != nil:
			k.recordSkipped(ctx, t, begin, err)
		case held == nil:
			k.recordSkipped(ctx, t, begin, nil)
			if left := seen.left(); left > 0 {
				wait = min(wait, left)
			}
		case k.Sole:
			k.repeat(context.WithValue(ctx, generationKey{}, held.lease.Generation), t)
		default:
			k.serve(ctx, held)
		}
		_ = game.Sleep(ctx, wait) // the loop ends with the context
	}
}

// recordSkipped records that the task was not run here, because another process holds the lease or the store returned
// an error.
func (k *Keeper) recordSkipped(ctx context.Context, t Task, begin time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	end := k.Now()
	s := state{at: end.UTC(), status: statusStandby}
	if err != nil {
		s.status = statusFailing
		err = fmt.Errorf("the lease of the task: %w", err)
	}
	k.OnRun(game.WithRunID(ctx, k.NewID()),
		report.Run{Task: t.Name, End: end, Took: end.Sub(begin), Err: err, Elsewhere: err == nil})
	k.note(t, s)
}

// take takes the lease of a task. It returns nil if another process holds it.
//
// A lease that was lost because a renewal hung is taken again under its own generation if the renewal was stored late.
// Nobody can have held it meanwhile: a lease is stored only in the place of the one that the writer has read, and
// whoever takes it from another makes a new generation. So all leases of one generation are a chain, each written by
// the same process, and the run that was cancelled has returned.
func (k *Keeper) take(ctx context.Context, t Task, seen *sighting) (*tenure, error) {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	since, now := time.Now(), k.Now()
	l, err := k.Leases.TaskLease(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	next, may := l.Take(k.Holder, now, seen.of(l))
	if k.Sole {
		next, may = l.Seize(k.Holder, now), true
	}
	if !may {
		return nil, nil //nolint:nilnil // no error
	}
	switch err := k.Leases.PutTaskLease(ctx, l, next); {
	case errors.Is(err, game.ErrStale): // another process was faster
		return nil, nil //nolint:nilnil // no error
	case err != nil:
		return nil, err
	}
	k.note(t, state{status: statusWaiting, generation: next.Generation})
	return &tenure{task: t, lease: next, since: since}, nil
}

// serve runs the task until the context ends or the lease is lost, and renews the lease meanwhile. It gives the lease
// back at the end of the context.
func (k *Keeper) serve(ctx context.Context, held *tenure) {
	under, lose := context.WithCancelCause(context.WithValue(ctx, generationKey{}, held.lease.Generation))
	// The run ends with the lease also while a renewal waits for the store.
	end := time.AfterFunc(time.Until(held.ends()), func() { lose(ErrLeaseLost) })
	defer end.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.repeat(under, held.task)
	}()
	k.renew(under, held, end)
	lose(ErrLeaseLost)
	<-done
	if ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTimeout)
	defer cancel()
	// If this fails, the lease expires by itself.
	_ = k.Leases.PutTaskLease(ctx, held.lease, held.lease.GiveBack(k.Now()))
}

// holds reports whether the lease is valid on both clocks.
func (k *Keeper) holds(held *tenure) bool {
	return held.lease.HeldBy(k.Holder, k.Now()) && time.Now().Before(held.ends())
}

// renew renews the lease until it is lost or the context ends. It moves the end with each renewal.
func (k *Keeper) renew(ctx context.Context, held *tenure, end *time.Timer) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for k.holds(held) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if time.Since(held.since) < renewEvery || !k.holds(held) {
			continue
		}
		if !k.renewOnce(ctx, held) {
			return
		}
		end.Reset(time.Until(held.ends()))
	}
}

// renewOnce tries to renew the lease, and reports whether this process may still hold it. A failed write is retried
// while the lease is valid.
func (k *Keeper) renewOnce(ctx context.Context, held *tenure) bool {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	since, now := time.Now(), k.Now()
	stored := held.lease
	if held.unsure {
		var err error
		if stored, err = k.Leases.TaskLease(ctx, held.task.Name); err != nil {
			return true
		}
	}
	next, may := stored.Take(k.Holder, now, 0)
	if !may || next.Generation != held.lease.Generation {
		return false
	}
	err := k.Leases.PutTaskLease(ctx, stored, next)
	switch {
	case errors.Is(err, game.ErrStale):
		return false
	case err == nil:
		held.lease, held.since = next, since
	}
	held.unsure = err != nil
	return true
}
