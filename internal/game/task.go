package game

import "time"

// Times of task leases. Each process measures them by its own clock, so that clocks need not agree. They may run at
// different speeds, as far as the difference between the two allows.
const (
	// TaskLeaseTerm is how long a lease lasts unless it is renewed. Its holder stops then.
	TaskLeaseTerm = 8 * time.Second
	// TaskLeaseLost is how long a lease must stay as it is until another process takes it from a holder that seems to
	// be gone. That process has first seen the lease after the holder began to write it, so that the holder has
	// stopped by then.
	TaskLeaseLost = 10 * time.Second
)

// TaskLease says which process runs a background task that only one process should run. A lease with only a Name is
// that of a task that was never leased.
type TaskLease struct {
	Name   string // of the task
	Holder string // the process that has the lease; empty if it is free
	// Generation grows by one each time the lease is taken, but not when it is renewed. A task may store it with its
	// writes, so that writes of a former holder that was paused can be rejected.
	Generation int64
	// Until is when it ends unless it is renewed, by the holder's clock. To others it is a value that each renewal
	// changes.
	Until time.Time
}

// HeldBy reports whether the process holds the lease at the given time by its own clock.
func (l TaskLease) HeldBy(holder string, now time.Time) bool {
	return l.Holder == holder && now.Before(l.Until)
}

// Take returns the lease renewed if holder has it, or taken if it is free, and reports whether holder has it now.
// unchanged is for how long holder has seen the lease as it is, by a clock that never jumps.
func (l TaskLease) Take(holder string, now time.Time, unchanged time.Duration) (TaskLease, bool) {
	next := l
	next.Holder, next.Until = holder, leaseEnd(now)
	switch {
	case l.HeldBy(holder, now):
		return next, true
	case l.Holder != "" && l.Holder != holder && unchanged < TaskLeaseLost:
		return l, false
	}
	next.Generation++
	return next, true
}

// Seize returns the lease as taken by holder from whoever has it. It is for a database that only one process can open:
// any former holder has exited.
func (l TaskLease) Seize(holder string, now time.Time) TaskLease {
	l.Holder, l.Until = holder, leaseEnd(now)
	l.Generation++
	return l
}

// GiveBack returns the lease without a holder, so that others can take it at once.
func (l TaskLease) GiveBack(now time.Time) TaskLease {
	l.Holder, l.Until = "", now.UTC().Truncate(time.Millisecond)
	return l
}

func leaseEnd(now time.Time) time.Time {
	return now.Add(TaskLeaseTerm).UTC().Truncate(time.Millisecond)
}
