package tests_test

import (
	"os"
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
		operations: operations, session: expirySession, lanes: expiryLanes, reserved: expiryReserved, pace: expiryPace,
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
		},
	})
	r.run()
	if r.expiries.Load() == 0 {
		t.Error("no reservation has expired")
	}
}

// addExpiries adds the ends of reservations to the history, with the version that each made by the events of the
// session. One that made none has had no effect when its time is over, because the seat was confirmed or freed.
func (s *lineage) addExpiries() {
	if s.reserved > linearLongest {
		return
	}
	requests := s.history.Operations
	for _, request := range requests {
		o, told := request.Input.(linear.Operation), request.Output.(linear.Result)
		if o.Kind != linear.Join || told.Code != "" {
			continue // others reserve nothing
		}
		end := porcupine.Operation{
			ClientId: linearClients + 1 + len(s.history.Operations) - len(requests),
			Input:    linear.Operation{ID: s.newID(), Kind: linear.Expire, Reservation: o.ID},
			Output:   linear.Result{Made: linear.Nothing},
			Call:     request.Call + int64(s.reserved-clockMargin),
			Return:   linear.Pending,
		}
		if !told.Unknown {
			due := request.Return + int64(s.reserved+clockMargin)
			end.Return = firstChange(requests, due, due+int64(expiryLate))
		}
		switch version := s.expired[request.Metadata.(string)]; {
		case version > 0:
			end.Output = linear.Result{Made: version}
		case told.Unknown, end.Return > s.readAt:
			continue // when its time is over is not known, or was not reached
		default:
			end.Call = end.Return
		}
		s.history.Operations = append(s.history.Operations, end)
	}
}

// firstChange returns when the first change returned that was called after a time, and latest if that is earlier. What
// time has done to a session is stored before such a change, or together with it.
func firstChange(requests []porcupine.Operation, after, latest int64) int64 {
	for _, request := range requests {
		switch request.Input.(linear.Operation).Kind {
		case linear.Read, linear.Host: // the host is read before the change
		default:
			if request.Call > after {
				latest = min(latest, request.Return)
			}
		}
	}
	return latest
}
