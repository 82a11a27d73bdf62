package game_test

import (
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// What time alone does to a session of default timeouts, at the last second before and at the deadline.
func TestElapse(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	disconnected := func(n int, at int) func(*game.Session) {
		return func(s *game.Session) {
			for i := range s.Members {
				if s.Members[i].PlayerID == player(n) {
					s.Members[i].Status, s.Members[i].Deadline = "disconnected", new(later(at+120))
				}
			}
			if s.HostID != nil && *s.HostID == player(n) {
				s.HostLostAt = new(later(at))
			}
		}
	}
	reserved := func(n, until int) func(*game.Session) {
		return func(s *game.Session) {
			seat(n, "reserved", "", 1)(s)
			s.Members[len(s.Members)-1].Deadline = new(later(until))
		}
	}
	empty := func(at int) func(*game.Session) {
		return func(s *game.Session) { s.Members, s.HostID, s.EmptySince = []game.Member{}, nil, new(later(at)) }
	}
	banned := func(n, until int) func(*game.Session) {
		b := game.Ban{PlayerID: player(n)}
		if until > 0 {
			b.Until = new(later(until))
		}
		return func(s *game.Session) { s.Bans = append(s.Bans, b) }
	}
	timeout := func(set func(*game.Timeouts)) func(*game.Session) {
		return func(s *game.Session) { set(&s.Timeouts) }
	}
	guest := seat(2, "joined", "", 5)
	const day = 86400
	for name, tt := range map[string]struct {
		session changes
		due     int // seconds after t0; 0 for never
		want    []game.Change
	}{
		"nothing but idling": {nil, day, []game.Change{game.StatusChanged{
			From: "open", To: "expired", Reason: "idle_timeout",
		}}},
		"idling, with a lease": {changes{func(s *game.Session) { s.Leased = true }}, 0, nil},
		"ended":                {changes{in("ended"), disconnected(1, 5)}, 0, nil},
		"a reservation": {changes{reserved(2, 70)}, 70, []game.Change{game.MemberRemoved{
			PlayerID: player(2), Reason: "timed_out",
		}}},
		"a disconnected guest": {changes{guest, disconnected(2, 10)}, 130, []game.Change{game.MemberRemoved{
			PlayerID: player(2), Reason: "timed_out",
		}}},
		"a disconnected host": {changes{guest, disconnected(1, 10)}, 40, []game.Change{game.HostChanged{
			From: player(1), To: player(2), Reason: "host_lost",
		}}},
		"a disconnected host, alone": {changes{disconnected(1, 10)}, 40, []game.Change{game.HostChanged{
			From: player(1), Reason: "host_lost",
		}}},
		"an empty lobby": {changes{empty(10)}, 310, []game.Change{game.StatusChanged{
			From: "open", To: "cancelled", Reason: "empty_timeout",
		}}},
		"an empty match": {changes{in("in_progress"), empty(10)}, 310, []game.Change{game.StatusChanged{
			From: "in_progress", To: "expired", Reason: "empty_timeout",
		}}},
		"empty, and kept": {
			changes{empty(10), timeout(func(o *game.Timeouts) { o.EmptyTimeout = 0 })},
			day,
			[]game.Change{game.StatusChanged{From: "open", To: "expired", Reason: "idle_timeout"}},
		},
		"a server that does not come": {changes{in("pending")}, 60, []game.Change{game.StatusChanged{
			From: "pending", To: "failed", Reason: "activation_timeout",
		}}},
		"a server that was replaced": {
			changes{in("pending"), func(s *game.Session) { s.ServerSince = new(later(50)) }},
			110,
			[]game.Change{game.StatusChanged{From: "pending", To: "failed", Reason: "activation_timeout"}},
		},
		"a long match": {
			changes{in("in_progress"), timeout(func(o *game.Timeouts) { o.MaxDuration = 600 })},
			600,
			[]game.Change{game.StatusChanged{From: "in_progress", To: "expired", Reason: "max_duration"}},
		},
		"a ban with an end": {
			changes{banned(7, 80), banned(8, 0), banned(9, 60), banned(10, 60)},
			60,
			[]game.Change{game.BanLifted{PlayerID: player(9)}, game.BanLifted{PlayerID: player(10)}},
		},
		"a ban without an end": {changes{banned(8, 0)}, day, []game.Change{game.StatusChanged{
			From: "open", To: "expired", Reason: "idle_timeout",
		}}},
		"a ban of what is over": {changes{in("ended"), banned(7, 60)}, 0, nil},
		"the earliest first": {
			changes{guest, disconnected(1, 10), disconnected(2, 10), reserved(3, 130)},
			40,
			[]game.Change{game.HostChanged{From: player(1), Reason: "host_lost"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			if tt.due == 0 {
				if due := s.NextDue(); due != nil {
					t.Fatalf("due at %s", due)
				}
				tt.due = 1000 * day
			} else {
				equal(t, new(later(tt.due)), s.NextDue())
			}
			before := snapshot(s)
			if done := s.Elapse(later(tt.due-1), t0, 0); len(done) > 0 {
				t.Errorf("too early: %v", done)
			}
			equal(t, before, s)
			equal(t, tt.want, s.Elapse(later(tt.due), t0, 0))
			if done := s.Elapse(later(tt.due), t0, 0); len(done) > 0 {
				t.Errorf("twice: %v", done)
			}
			if due := s.NextDue(); due != nil && !due.After(later(tt.due)) {
				t.Errorf("still due at %s", due)
			}
		})
	}
}

// Deadlines that have passed take effect in their order, and what begins by one begins now.
func TestElapseLate(t *testing.T) {
	t.Parallel()
	s := newSession(t, func(s *game.Session) {
		s.Members[0].Status, s.Members[0].Deadline, s.HostLostAt = "disconnected", new(later(120)), new(t0)
	})
	now := later(10_000)
	equal(t, []game.Change{
		game.HostChanged{From: player(1), Reason: "host_lost"},
		game.MemberRemoved{PlayerID: player(1), Reason: "timed_out"},
	}, s.Elapse(now, t0, 0))
	equal(t, &now, s.EmptySince)
	equal(t, new(now.Add(300*time.Second)), s.NextDue())
}

// Deadlines that clients meet by keeping in touch wait for a process that hears again. Others do not.
func TestElapseAfterAnInterruption(t *testing.T) {
	t.Parallel()
	s := newSession(t, seat(2, "reserved", "", 1), func(s *game.Session) {
		s.Members[0].Status, s.Members[0].Deadline, s.HostLostAt = "disconnected", new(later(120)), new(t0)
		s.Members[1].Deadline = new(later(60))
	})
	equal(t, []game.Change{game.MemberRemoved{PlayerID: player(2), Reason: "timed_out"}},
		s.Elapse(later(1029), later(1000), 0))
	if done := s.Elapse(later(1030), later(1000), 0); len(done) != 2 {
		t.Errorf("after stale_after: %v", done)
	}
}

// A busy session does not move its deadline with each change.
func TestIdleDeadlineIsStoredSeldom(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	stored := map[time.Time]bool{}
	for second := range 86400 / 60 * 3 {
		s.UpdatedAt = later(second)
		due := *s.NextDue()
		stored[due] = true
		if idle := due.Sub(s.UpdatedAt); idle < 86400*time.Second || idle > 86400*time.Second*61/60 {
			t.Fatalf("after a change at %s the deadline is %s later", s.UpdatedAt, idle)
		}
	}
	if len(stored) > 4 {
		t.Errorf("%d deadlines", len(stored))
	}
}

// The clock of the process that judges may be ahead of the one that set the deadline, by which a client would lose its
// seat early.
func TestElapseByAnotherClock(t *testing.T) {
	t.Parallel()
	s := newSession(t, seat(2, "reserved", "", 1), func(s *game.Session) {
		s.Members[0].Status, s.Members[0].Deadline, s.HostLostAt = "disconnected", new(later(120)), new(t0)
		s.Members[1].Deadline = new(later(60))
	})
	at := func(seconds int) []game.Change { return s.Elapse(later(seconds), t0, 5*time.Second) }
	equal(t, nil, at(34))
	equal(t, []game.Change{game.HostChanged{From: player(1), Reason: "host_lost"}}, at(35))
	equal(t, []game.Change{game.MemberRemoved{PlayerID: player(2), Reason: "timed_out"}}, at(60))
	equal(t, nil, at(124))
	equal(t, []game.Change{game.MemberRemoved{PlayerID: player(1), Reason: "timed_out"}}, at(125))
}

// A party whose reservation ends gives up all its seats before others move up, who get the team that is the emptiest
// then.
func TestElapseOfAParty(t *testing.T) {
	t.Parallel()
	party := []func(*game.Session){seat(2, "reserved", "blue", 1), seat(3, "reserved", "blue", 1)}
	s := newSession(t, append(party, seat(4, "joined", "red", 1), func(s *game.Session) {
		s.MaxPlayers, s.Teams = 4, map[string]int{"blue": 3, "red": 3}
		s.WaitList = []game.Waiter{{PlayerID: player(7), Team: game.TeamAuto}}
		s.Members[1].Deadline, s.Members[2].Deadline = new(later(60)), new(later(60))
	})...)
	done := s.Elapse(later(60), t0, 0)
	equal(t, []game.Change{
		game.MemberRemoved{PlayerID: player(2), Reason: "timed_out"},
		game.MemberRemoved{PlayerID: player(3), Reason: "timed_out"},
	}, done[:2])
	m, err := s.Member(player(7))
	if ok(t, err); m.Team != "blue" {
		t.Errorf("who waited is in team %s", m.Team)
	}
}
