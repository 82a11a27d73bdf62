package game_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"game-session-manager/internal/game"
)

// t0 is when the sessions and players of the tests were made.
var t0 = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// later returns a time that many seconds after t0.
func later(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// exact lets cmp look into values, and distinguishes nil from empty: documents have empty maps and slices, not nil.
var exact = cmp.AllowUnexported(game.Value{})

// testID returns the nth id; ids of later n sort behind.
func testID(n int) string { return fmt.Sprintf("01890000-0000-7000-8000-%012x", n) }

func player(n int) game.PlayerID { return game.PlayerID(testID(n)) }

// newSession returns an open session of ten seats, hosted by player 1, changed by the given functions.
func newSession(tb testing.TB, changes ...func(*game.Session)) game.Session {
	tb.Helper()
	s, err := game.NewSession(game.SessionID(testID(1000)), "p", game.SessionRequest{
		Settings: game.Settings{Name: "room", MaxPlayers: 10},
		HostID:   new(player(1)),
	}, t0)
	if err != nil {
		tb.Fatal(err)
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

// in puts a session into a status, with the times and the reason that a session in it has.
func in(status game.SessionStatus) func(*game.Session) {
	return func(s *game.Session) {
		s.Status = status
		switch status {
		case game.StatusInProgress:
			s.StartedAt = new(later(1))
		case game.StatusEnded:
			s.StartedAt, s.EndReason = new(later(1)), game.ReasonCompleted
		case game.StatusCancelled:
			s.EndReason = game.ReasonCancelledByAdmin
		case game.StatusExpired:
			s.EndReason = game.ReasonLeaseExpired
		case game.StatusFailed:
			s.EndReason = game.ReasonServerCrashed
		default: // neither started nor over
		}
		if s.EndReason != "" {
			s.EndedAt = new(later(2))
		}
	}
}

// seat adds a member that took its seat that many seconds after t0.
func seat(n int, status game.MemberStatus, team string, seconds int) func(*game.Session) {
	return func(s *game.Session) {
		s.Members = append(s.Members, game.Member{
			PlayerID: player(n), Status: status, JoinedAt: later(seconds),
			MemberSettings: game.MemberSettings{Team: team, Attributes: game.Attributes{}},
		})
	}
}

// waits adds a player to the wait list.
func waits(n int, team string) func(*game.Session) {
	return func(s *game.Session) {
		s.WaitList = append(s.WaitList, game.Waiter{
			PlayerID: player(n), Team: team, Attributes: game.Attributes{}, Since: later(n),
		})
	}
}

// edit is of the settings, in a session without a connection.
func edit(t game.Settings) game.SessionEdit {
	return game.SessionEdit{Settings: t, Timeouts: game.DefaultTimeouts()}
}

// snapshot copies a session so deeply that no rule can reach the copy.
func snapshot(s game.Session) game.Session {
	s.Members, s.Bans = slices.Clone(s.Members), slices.Clone(s.Bans)
	for i := range s.Members {
		s.Members[i].Attributes = maps.Clone(s.Members[i].Attributes)
	}
	s.WaitList = slices.Clone(s.WaitList)
	s.Teams, s.Attributes = maps.Clone(s.Teams), maps.Clone(s.Attributes)
	s.HostID, s.Connection = copied(s.HostID), copied(s.Connection)
	s.StartedAt, s.EndedAt = copied(s.StartedAt), copied(s.EndedAt)
	return s
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// reporter is what the helpers need of a test: rapid's T is no testing.TB.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// equal fails the test unless got is want to the last field.
func equal[T any](tb reporter, want, got T) {
	tb.Helper()
	if d := cmp.Diff(want, got, exact); d != "" {
		tb.Errorf("differs (-want +got):\n%s", d)
	}
}

// rejected fails the test unless err is the named failure, and returns it.
func rejected(tb reporter, err error, want *game.Error) *game.Error {
	tb.Helper()
	e := (*game.Error)(nil)
	if !errors.Is(err, want) || !errors.As(err, &e) {
		tb.Fatalf("got error %v, want %s", err, want.Code)
	}
	if e.Kind != want.Kind || e.Message == "" {
		tb.Errorf("%s has kind %v and message %q", e.Code, e.Kind, e.Message)
	}
	return e
}

// invalid fails the test unless err is a validation error of exactly these fields, in order.
func invalid(tb reporter, err error, fields ...string) {
	tb.Helper()
	e := rejected(tb, err, game.ErrValidation)
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Field)
		if f.Message == "" {
			tb.Errorf("field %s has no message", f.Field)
		}
	}
	equal(tb, fields, got)
}

// ok fails the test if err is one.
func ok(tb reporter, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("unexpected error: %v", err)
	}
}

// did reports whether a rule changed anything.
func did(done []game.Change, err error) (changed bool, _ error) { return len(done) > 0, err }
