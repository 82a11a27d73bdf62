package game

import (
	"slices"
	"time"
)

// deadline is a time in a session at which something happens by itself.
type deadline struct {
	at time.Time
	// lenient deadlines are met by clients that keep in touch, so they are extended where this service was not able to
	// hear them.
	lenient bool
	// seat deadlines free a seat, which leaves the deadlines of other seats as they are. What follows from that is
	// applied after all that are at the same time, as those of a party.
	seat  bool
	apply func(s *Session, now time.Time) []Change
}

// deadlines returns the deadlines of a live session, in no order.
func (s *Session) deadlines() []deadline {
	var all []deadline
	for i := range s.Members {
		m := &s.Members[i]
		if m.Deadline == nil {
			continue
		}
		id := m.PlayerID
		all = append(all, deadline{
			at: *m.Deadline, lenient: m.Status == SeatDisconnected, seat: true,
			apply: func(s *Session, now time.Time) []Change {
				s.vacate(id, now)
				return []Change{MemberRemoved{PlayerID: id, Reason: RemovedTimedOut}}
			},
		})
	}
	if s.HostLostAt != nil {
		at := s.HostLostAt.Add(seconds(s.HostGrace))
		all = append(all, deadline{at: at, lenient: true, apply: (*Session).replaceHost})
	}
	if at := s.nextBanEnd(); at != nil {
		lift := func(s *Session, _ time.Time) []Change {
			return s.dropBans(func(b Ban) bool { return b.ended(*at) })
		}
		all = append(all, deadline{at: *at, apply: lift})
	}
	ends := func(since time.Time, timeout int, to SessionStatus, reason EndReason) {
		if timeout > 0 {
			end := func(s *Session, now time.Time) []Change { return s.end(to, reason, now) }
			all = append(all, deadline{at: since.Add(seconds(timeout)), apply: end})
		}
	}
	if s.EmptySince != nil {
		to := StatusCancelled
		if s.Status == StatusInProgress {
			to = StatusExpired
		}
		ends(*s.EmptySince, s.EmptyTimeout, to, ReasonEmptyTimeout)
	}
	if s.Status == StatusPending {
		since := s.CreatedAt
		if s.ServerSince != nil {
			since = *s.ServerSince
		}
		ends(since, s.ActivationTimeout, StatusFailed, ReasonActivationTimeout)
	}
	ends(s.CreatedAt, s.MaxDuration, StatusExpired, ReasonMaxDuration)
	if !s.Leased { // the lease has the deadline of others
		ends(roundUp(s.UpdatedAt, seconds(s.IdleTimeout/idleSteps)), s.IdleTimeout, StatusExpired, ReasonIdleTimeout)
	}
	return all
}

// idleSteps is the number of steps in an idle timeout. It counts from the step after the last change, so that a busy
// session does not store another deadline with each change.
const idleSteps = 60

// roundUp returns the earliest time that is not before t and is a multiple of d since the zero time.
func roundUp(t time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return t
	}
	if down := t.Truncate(d); down.Before(t) {
		return down.Add(d)
	}
	return t
}

// NextDue returns the earliest time at which [Session.Elapse] changes the session, or nil if it never does. Engines
// store it, and find sessions by it.
func (s *Session) NextDue() *time.Time {
	if s.Status.Terminal() {
		return nil
	}
	all := s.deadlines()
	if len(all) == 0 {
		return nil
	}
	return new(slices.MinFunc(all, byTime).at)
}

func byTime(a, b deadline) int { return a.at.Compare(b.at) }

// Elapse applies everything that time has done to the session until now, in the order of the deadlines, and returns
// what that changed. Periods that begin by it begin now. The wait list moves up.
//
// hearing is since when this process has heard from clients without interruption, and skew how far its clock may be
// ahead of that of the process that set a deadline. Deadlines that clients meet by keeping in touch are judged late by
// skew, and not before stale_after from hearing.
func (s *Session) Elapse(now, hearing time.Time, skew time.Duration) []Change {
	var done []Change
	for !s.Status.Terminal() {
		due := slices.DeleteFunc(s.deadlines(), func(d deadline) bool {
			return now.Before(d.at) ||
				d.lenient && now.Before(later(d.at.Add(skew), hearing.Add(seconds(s.StaleAfter))))
		})
		if len(due) == 0 {
			break
		}
		slices.SortStableFunc(due, byTime)
		for i, d := range due {
			if i > 0 && !d.seat { // what came before may have changed it
				break
			}
			done = append(done, d.apply(s, now)...)
			if !d.seat {
				break
			}
			if i+1 == len(due) || !due[i+1].seat || due[i+1].at.After(d.at) {
				done = append(done, s.settle(now)...)
			}
		}
	}
	return append(done, s.MoveUp(now)...)
}
