package tests_test

import (
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"game-session-manager/tests/linear"
)

const (
	expiryReserved = 5 * time.Second // the shortest reservation
	expiryPace     = 250 * time.Millisecond
	expirySession  = 200 // operations on each session, which take twice as long as a reservation
	expiryLanes    = 15
	expiryShare    = 4 // of so many operations one is for this test
	// expiryLate is how late a read may still show a seat whose deadline has passed. The service promises a second, as
	// long as a process is at work.
	expiryLate = 10 * time.Second
	// clockMargin is by how much the clock of this test and that of a process may differ after some seconds.
	clockMargin = 20 * time.Millisecond
)

// TestReservationsAreLinearizable is like TestSessionsAreLinearizable with reservations that are not all confirmed in
// time. Each has its end as an operation of the service: some moment after the deadline, and before the return of the
// first change that was called after it. If the seat is not reserved any longer, that has no effect.
//
// It failed with deadlines that pass a second early, and with changes before which time is not applied.
func TestReservationsAreLinearizable(t *testing.T) {
	t.Parallel()
	operations := linearUsual
	if text := os.Getenv(linearSetting); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		operations = n / expiryShare
	}
	r := newLinearRun(t, plan{
		operations: operations, session: expirySession, lanes: expiryLanes, confirm: expiryReserved, pace: expiryPace,
		rejoins: 0.1, reserves: 0.8,
		weights: []weight{
			{linear.Read, 30},
			{linear.Join, 60},
			{linear.Leave, 4},
			{linear.Ban, 1},
			{linear.Unban, 8},
			{linear.Edit, 8},
			{linear.Move, 2},
			{linear.Settings, 2},
			{linear.Host, 1},
			{linear.Invite, 6},
			{linear.Rotate, 1},
			{linear.Uncode, 1},
		},
	})
	r.run()
	if r.expiries.Load() == 0 {
		t.Error("no reservation has expired")
	}
}

// addExpiries adds the ends of reservations to the history, with the version that each made by the events of the
// sessions. One that made none has had no effect when its time is over, because the seat was confirmed or freed.
func (s *lineage) addExpiries() {
	if s.confirm > linearLongest {
		return
	}
	requests := s.history.Operations
	for i := range s.ids {
		for _, version := range s.reserved[i] {
			if end, known := s.expiry(requests, i, version); known {
				s.history.Operations = append(s.history.Operations, end)
			}
		}
	}
}

// expiry returns the end of the reservations of a version, and false if when its time is over is not known, or was not
// reached.
func (s *lineage) expiry(requests []porcupine.Operation, session int, reserved int64) (porcupine.Operation, bool) {
	end := porcupine.Operation{
		ClientId: linearClients + 1 + len(s.history.Operations) - len(requests),
		Input: linear.Operation{
			ID: s.newID(), Kind: linear.Expire, Session: session, Reservation: reserved,
		},
		Output: linear.Result{Made: linear.Nothing},
		Call:   math.MinInt64,
		Return: linear.Pending,
	}
	due := int64(linear.Pending)
	for _, o := range s.history.Operations { // those that made the version: a request, or ends of other reservations
		in := o.Input.(linear.Operation)
		if in.Session != session || o.Output.(linear.Result).Made != reserved {
			continue
		}
		confirm := s.confirm
		if in.Kind == linear.Invite && in.Seconds > 0 {
			confirm = time.Duration(in.Seconds) * time.Second
		}
		end.Call = max(end.Call, o.Call+int64(confirm-clockMargin))
		if o.Return != linear.Pending {
			due = min(due, o.Return+int64(confirm+clockMargin))
		}
	}
	if due != linear.Pending {
		end.Return = firstChange(requests, session, due, due+int64(expiryLate))
	}
	switch version := s.expired[session][reserved]; {
	case version > 0:
		end.Output = linear.Result{Made: version}
	case due == linear.Pending, end.Return > s.readAt:
		return end, false
	default:
		end.Call = end.Return
	}
	return end, true
}

// firstChange returns when the first change returned that was called after a time, and latest if that is earlier. What
// time has done to a session is stored before such a change, or together with it.
func firstChange(requests []porcupine.Operation, session int, after, latest int64) int64 {
	for _, request := range requests {
		o := request.Input.(linear.Operation)
		switch {
		case o.Kind == linear.Read:
		case o.Kind == linear.Host, o.Kind == linear.Invite, o.Kind == linear.Ban:
			// Who may do it is found out before the change.
		case o.ByCode: // of a code that no session has
		case refusedByStore(request.Output.(linear.Result)): // all of it
		case o.Wait && o.Actor != linear.Nobody && o.Actor != o.Players[0]: // forbidden in any session
		case o.Session == session && request.Call > after:
			latest = min(latest, request.Return)
		}
	}
	return latest
}

// refusedByStore reports whether players were left out, or all rejected, because of their seats in other sessions.
func refusedByStore(r linear.Result) bool {
	const code = "player_in_other_session"
	return r.Code == code || slices.ContainsFunc(r.LeftOut, func(l linear.LeftOut) bool { return l.Code == code })
}
