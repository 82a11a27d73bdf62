package game

import "time"

// Limits of task leases.
const (
	// TaskLeaseTerm is how long a task lease lasts unless it is renewed.
	TaskLeaseTerm = 15 * time.Second
	// ClockSkew is by how much the clocks of two processes on one database may differ. A lease is taken from another
	// holder only when it has been over for that long.
	ClockSkew = 5 * time.Second
)

// TaskLease says which process runs a background task that one process suffices for. The zero value, with a name, is
// that of a task that nobody has run yet.
type TaskLease struct {
	Name   string // of the task
	Holder string // the process that has the lease; empty if it was given back
	// Generation grows by one each time the lease is taken, and stays the same while it is renewed. Writes of a task
	// may carry it, so that those of an earlier holder, who was paused and does not know yet, can be rejected.
	Generation int64
	Until      time.Time // when it ends unless it is renewed, by the holder's clock
}

// HeldBy reports whether the process has the lease at the time, by its own clock.
func (l TaskLease) HeldBy(holder string, now time.Time) bool {
	return l.Holder == holder && now.Before(l.Until)
}

// Take returns the lease as the process has it from now on: renewed if it has it, else taken, if nobody else has. It
// reports whether the process may have it.
func (l TaskLease) Take(holder string, now time.Time) (TaskLease, bool) {
	next := l
	next.Holder, next.Until = holder, leaseEnd(now)
	switch {
	case l.HeldBy(holder, now):
		return next, true
	case l.Holder != "" && l.Holder != holder && now.Before(l.Until.Add(ClockSkew)):
		return l, false
	}
	next.Generation++
	return next, true
}

// Seize returns the lease as taken by the process, whoever has it. It is for a database that only one process can have
// open: whoever had the lease is gone.
func (l TaskLease) Seize(holder string, now time.Time) TaskLease {
	l.Holder, l.Until = holder, leaseEnd(now)
	l.Generation++
	return l
}

// GiveBack returns the lease as its holder leaves it for others to take at once.
func (l TaskLease) GiveBack(now time.Time) TaskLease {
	l.Holder, l.Until = "", now.UTC().Truncate(time.Millisecond)
	return l
}

func leaseEnd(now time.Time) time.Time {
	return now.Add(TaskLeaseTerm).UTC().Truncate(time.Millisecond)
}
