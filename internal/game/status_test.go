package game_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// moveRow is one legal move. Reasons are those that may be given; Usual is the one that is filled in where none is, and
// empty where one must be said.
type moveRow struct {
	From, To game.SessionStatus
	Usual    game.EndReason
	Reasons  []game.EndReason
}

// legalMoves is the table of states as the rules promise it, written a second time on purpose. What is not in it is
// illegal. A session goes from in_progress back to open with allow_rematch only.
func legalMoves() []moveRow {
	cancel := []game.EndReason{"cancelled_by_admin", "cancelled_by_host", "empty_timeout"}
	fail := []game.EndReason{"activation_timeout", "server_crashed"}
	force := []game.EndReason{"force_terminated"}
	return []moveRow{
		{From: "pending", To: "open"},
		{"pending", "failed", "activation_timeout", fail},
		{"pending", "cancelled", "cancelled_by_admin", cancel},
		{"pending", "ended", "", force},

		{From: "open", To: "starting"},
		{From: "open", To: "in_progress"},
		{"open", "cancelled", "cancelled_by_admin", cancel},
		{"open", "ended", "", force},

		{From: "starting", To: "in_progress"},
		{From: "starting", To: "open"},
		{"starting", "failed", "server_crashed", fail},
		{"starting", "cancelled", "cancelled_by_admin", cancel},
		{"starting", "ended", "", force},

		{From: "in_progress", To: "open"},
		{"in_progress", "ended", "completed", []game.EndReason{"completed", "force_terminated"}},
		{"in_progress", "failed", "server_crashed", []game.EndReason{"server_crashed"}},
	}
}

// allowedMoves is what an illegal move is told, by status and in the order of the statuses.
func allowedMoves(from game.SessionStatus, rematch bool) []game.SessionStatus {
	switch from {
	case "pending":
		return []game.SessionStatus{"open", "cancelled", "failed"}
	case "open":
		return []game.SessionStatus{"starting", "in_progress", "cancelled"}
	case "starting":
		return []game.SessionStatus{"open", "in_progress", "cancelled", "failed"}
	case "in_progress":
		if rematch {
			return []game.SessionStatus{"open", "ended", "failed"}
		}
		return []game.SessionStatus{"ended", "failed"}
	default:
		return []game.SessionStatus{}
	}
}

func terminal(s game.SessionStatus) bool {
	return slices.Contains([]game.SessionStatus{"ended", "cancelled", "expired", "failed"}, s)
}

// expectMove says what the promises make of a move: the error, nil for a success, and the reason that is then stored.
// Changed is false for a success that changes nothing.
func expectMove(
	s game.Session, to game.SessionStatus, reason game.EndReason,
) (changed bool, stored game.EndReason, err *game.Error) {
	if reason != "" && !terminal(to) {
		return false, "", game.ErrValidation
	}
	if s.Status == to {
		if reason != "" && reason != s.EndReason {
			return false, "", game.ErrSessionEnded
		}
		return false, s.EndReason, nil
	}
	i := slices.IndexFunc(legalMoves(), func(r moveRow) bool { return r.From == s.Status && r.To == to })
	if i < 0 || s.Status == "in_progress" && to == "open" && !s.AllowRematch {
		return false, "", game.ErrInvalidTransition
	}
	row := legalMoves()[i]
	if reason == "" {
		reason = row.Usual
	}
	switch {
	case reason == "" && terminal(to), reason == "completed" && to == "ended" && row.Usual == "":
		return false, "", game.ErrInvalidTransition // an end by force must be said
	case reason != "" && !slices.Contains(row.Reasons, reason):
		return false, "", game.ErrValidation
	}
	return true, reason, nil
}

func TestMoveMatrix(t *testing.T) {
	t.Parallel()
	for _, from := range game.SessionStatuses() {
		for _, to := range game.SessionStatuses() {
			for _, reason := range append([]game.EndReason{""}, game.EndReasons()...) {
				for _, rematch := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s/%s/%t", from, to, reason, rematch), func(t *testing.T) {
						t.Parallel()
						s := newSession(t, in(from), func(s *game.Session) { s.AllowRematch = rematch })
						checkMove(t, s, game.Move{Status: to, EndReason: reason})
					})
				}
			}
		}
	}
}

// checkMove holds one move to expectMove, with everything that it may and may not touch.
func checkMove(t *testing.T, s game.Session, m game.Move) {
	t.Helper()
	before, now := snapshot(s), later(60)
	want := snapshot(s)
	changed, err := did(s.Move(m, now))
	wantChanged, reason, wantErr := expectMove(before, m.Status, m.EndReason)
	if changed != wantChanged {
		t.Errorf("changed is %t, want %t", changed, wantChanged)
	}
	if wantErr != nil {
		e := rejected(t, err, wantErr)
		checkRejection(t, before, m, e)
		equal(t, before, s)
		return
	}
	ok(t, err)
	if wantChanged {
		want.Status, want.EndReason = m.Status, reason
		switch {
		case m.Status == "open":
			want.StartedAt = nil
		case m.Status == "in_progress":
			want.StartedAt = &now
		case terminal(m.Status):
			want.EndedAt = &now
		}
	}
	equal(t, want, s)
	checkEnd(t, s)
}

// checkRejection checks the details in the error of a rejected move.
func checkRejection(t *testing.T, before game.Session, m game.Move, e *game.Error) {
	t.Helper()
	switch e.Code {
	case "validation_error":
		invalid(t, e, "end_reason")
	case "invalid_state_transition":
		equal(t, map[string]any{
			"from": before.Status, "to": m.Status, "allowed": allowedMoves(before.Status, before.AllowRematch),
		}, e.Extras)
		mayForce := m.Status == "ended" && !terminal(before.Status)
		if told := strings.Contains(e.Message, "force_terminated"); told != mayForce {
			t.Errorf("the message mentions force: %t, want %t: %s", told, mayForce, e.Message)
		}
	case "session_ended":
		equal(t, map[string]any{"session_status": before.Status, "end_reason": before.EndReason}, e.Extras)
	}
}

// checkEnd holds what is true of every session: it has an end reason and an end if and only if it has ended.
func checkEnd(t reporter, s game.Session) {
	t.Helper()
	if over := terminal(s.Status); s.Status.Terminal() != over || (s.EndReason != "") != over ||
		(s.EndedAt != nil) != over {
		t.Errorf("a session that is %s has end_reason %q and ended_at %v", s.Status, s.EndReason, s.EndedAt)
	}
	if s.Result != "" && s.Status != game.StatusEnded {
		t.Errorf("a session that is %s has a result", s.Status)
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	for _, from := range game.SessionStatuses() {
		for _, rematch := range []bool{false, true} {
			s := newSession(t, in(from), func(s *game.Session) { s.AllowRematch = rematch })
			equal(t, allowedMoves(from, rematch), s.Allowed())
			// Without a reason, exactly the moves that the error lists as allowed are allowed.
			for _, to := range game.SessionStatuses() {
				c := snapshot(s)
				changed, err := did(c.Move(game.Move{Status: to}, later(60)))
				if got, want := changed && err == nil, slices.Contains(s.Allowed(), to); got != want {
					t.Errorf("from %s to %s: moved is %t, allowed is %t", from, to, got, want)
				}
			}
		}
	}
}

func TestMoveValidation(t *testing.T) {
	t.Parallel()
	long := game.Result(`{"a":"` + strings.Repeat("x", game.MaxResultBytes-8) + `"}`)
	if len(long) != game.MaxResultBytes {
		t.Fatalf("the result has %d bytes", len(long))
	}
	tests := []struct {
		name   string
		move   game.Move
		fields []string
	}{
		{"nothing", game.Move{}, []string{"status"}},
		{"unknown status", game.Move{Status: "paused"}, []string{"status"}},
		{"status in another case", game.Move{Status: "Open"}, []string{"status"}},
		{"unknown reason", game.Move{Status: "cancelled", EndReason: "bored"}, []string{"end_reason"}},
		{"unknown reason of a live status", game.Move{
			Status: "open", EndReason: "bored",
		}, []string{"end_reason", "end_reason"}},
		{"reason of a live status", game.Move{Status: "starting", EndReason: "completed"}, []string{"end_reason"}},
		{"result of a live status", game.Move{Status: "starting", Result: `{}`}, []string{"result"}},
		{"result of a cancelled session", game.Move{Status: "cancelled", Result: `{}`}, []string{"result"}},
		{"result at the limit", game.Move{Status: "ended", Result: long}, nil},
		{"result beyond the limit", game.Move{Status: "ended", Result: long + " "}, []string{"result"}},
		{"connection", game.Move{
			Status: "open", Connection: &game.Connection{},
		}, []string{"connection.address", "connection.port"}},
		{
			"everything at once",
			game.Move{Status: "x", EndReason: "y", Result: long + " ", Connection: &game.Connection{
				Address: "a", Protocol: "/",
			}},
			[]string{
				"connection.port", "connection.protocol", "end_reason", "end_reason", "result", "result", "status",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.move.Validate()
			if tt.fields == nil {
				ok(t, err)
				return
			}
			invalid(t, err, tt.fields...)
			// An invalid request is rejected as such in every status, including terminal ones.
			for _, from := range game.SessionStatuses() {
				s := newSession(t, in(from))
				before := snapshot(s)
				_, err := s.Move(tt.move, later(60))
				invalid(t, err, tt.fields...)
				equal(t, before, s)
			}
		})
	}
}

func TestMoveMinPlayers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		from     game.SessionStatus
		to       game.SessionStatus
		members  int
		min      int
		rejected bool
	}{
		{"too few to start", "open", "starting", 2, 3, true},
		{"too few to play", "open", "in_progress", 2, 3, true},
		{"just enough to start", "open", "starting", 3, 3, false},
		{"just enough to play", "open", "in_progress", 3, 3, false},
		{"nobody needed", "open", "in_progress", 0, 0, false},
		{"started with enough, one left", "starting", "in_progress", 2, 3, true},
		{"started with enough, and still enough", "starting", "in_progress", 3, 3, false},
		{"a session without enough can open", "pending", "open", 1, 3, false},
		{"a start can be aborted", "starting", "open", 1, 3, false},
		{"a session without enough can be cancelled", "open", "cancelled", 1, 3, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, in(tt.from), func(s *game.Session) { s.MinPlayers, s.Members = tt.min, nil })
			for n := range tt.members {
				// Every held seat counts, whatever the connection.
				seat(n+1, []game.MemberStatus{"joined", "disconnected", "reserved"}[n%3], "", n)(&s)
			}
			before := snapshot(s)
			changed, err := did(s.Move(game.Move{Status: tt.to}, later(60)))
			if !tt.rejected {
				ok(t, err)
				if !changed || s.Status != tt.to {
					t.Errorf("changed is %t and the status %s", changed, s.Status)
				}
				return
			}
			e := rejected(t, err, game.ErrNotEnoughPlayers)
			equal(t, map[string]any{"min_players": tt.min, "members": tt.members}, e.Extras)
			equal(t, before, s)
		})
	}
}

func TestMoveResultAndConnection(t *testing.T) {
	t.Parallel()
	here := &game.Connection{Address: "203.0.113.7", Port: 7777, Protocol: "udp"}
	there := &game.Connection{Address: "host-2.example", Port: 7778}

	s := newSession(t, in("pending"))
	changed, err := did(s.Move(game.Move{Status: "open", Connection: here}, later(1)))
	if ok(t, err); !changed {
		t.Error("the server's address is no change")
	}
	equal(t, here, s.Connection)

	// The same state again: nothing new is no change, and a new address is a change that a move does not make.
	changed, err = did(s.Move(game.Move{Status: "open", Connection: new(*here)}, later(2)))
	if ok(t, err); changed {
		t.Error("the same address is a change")
	}
	before := snapshot(s)
	_, err = s.Move(game.Move{Status: "open", Connection: there}, later(2))
	invalid(t, err, "connection")
	equal(t, before, s)
	changed, err = did(s.Move(game.Move{Status: "in_progress", Connection: there}, later(3)))
	if ok(t, err); !changed {
		t.Error("not started")
	}
	equal(t, there, s.Connection)

	changed, err = did(s.Move(game.Move{Status: "ended", Result: `{"winner":"red"}`}, later(4)))
	if ok(t, err); !changed || s.Result != `{"winner":"red"}` {
		t.Errorf("the result is %s", s.Result)
	}
	equal(t, new(later(3)), s.StartedAt)
	equal(t, new(later(4)), s.EndedAt)

	over := snapshot(s)
	again := []game.Move{
		{Status: "ended"},
		{Status: "ended", EndReason: "completed"},
		{Status: "ended", Result: `{"winner":"red"}`, Connection: new(*there)},
	}
	for _, m := range again {
		if changed, err := did(s.Move(m, later(5))); changed || err != nil {
			t.Errorf("%+v: changed is %t, error %v", m, changed, err)
		}
	}
	more := []game.Move{
		{Status: "ended", Result: `{"winner":"blue"}`},
		{Status: "ended", EndReason: "force_terminated"},
		{Status: "ended", Connection: here},
	}
	for _, m := range more {
		_, err := s.Move(m, later(5))
		rejected(t, err, game.ErrSessionEnded)
	}
	equal(t, over, s)
}

func TestMoveRematch(t *testing.T) {
	t.Parallel()
	s := newSession(t, func(s *game.Session) { s.AllowRematch = true })
	for round, status := range []game.SessionStatus{
		"in_progress", "open", "starting", "in_progress", "open", "in_progress",
	} {
		changed, err := did(s.Move(game.Move{Status: status}, later(round)))
		if ok(t, err); !changed {
			t.Fatalf("round %d did not become %s", round, status)
		}
		checkEnd(t, s)
	}
	equal(t, new(later(5)), s.StartedAt)
}

func TestExpire(t *testing.T) {
	t.Parallel()
	for _, from := range game.SessionStatuses() {
		for _, reason := range append([]game.EndReason{"", "bored"}, game.EndReasons()...) {
			t.Run(fmt.Sprintf("%s/%s", from, reason), func(t *testing.T) {
				t.Parallel()
				s := newSession(t, in(from))
				before, want, now := snapshot(s), snapshot(s), later(60)
				changed, err := did(s.Expire(reason, now))
				fits := slices.Contains([]game.EndReason{
					"lease_expired", "max_duration", "idle_timeout", "empty_timeout",
				}, reason)
				switch {
				case from == "expired":
					ok(t, err)
				case terminal(from):
					e := rejected(t, err, game.ErrInvalidTransition)
					equal(t, map[string]any{
						"from": from, "to": game.StatusExpired, "allowed": []game.SessionStatus{},
					}, e.Extras)
				case !fits:
					invalid(t, err, "end_reason")
				default:
					ok(t, err)
					want.Status, want.EndReason, want.EndedAt = "expired", reason, &now
				}
				if wantChanged := fits && !terminal(from); changed != wantChanged {
					t.Errorf("changed is %t, want %t", changed, wantChanged)
				}
				equal(t, want, s)
				checkEnd(t, s)
				if !changed {
					equal(t, before, s)
				}
			})
		}
	}
}
