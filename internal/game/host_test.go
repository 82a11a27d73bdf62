package game_test

import (
	"errors"
	"testing"

	"game-session-manager/internal/game"
)

// Who is host after a change of members, of a session that player 1 hosted and that has no host any more.
func TestHostIsGotBack(t *testing.T) {
	t.Parallel()
	join := func(n int) func(*game.Session) (bool, error) {
		return func(s *game.Session) (bool, error) {
			return did(s.Join(game.JoinRequest{PlayerID: player(n)}, later(60)))
		}
	}
	leave := func(n int) func(*game.Session) (bool, error) {
		return func(s *game.Session) (bool, error) { return did(s.Leave(player(n), t0)) }
	}
	type changes = []func(*game.Session)
	tests := []struct {
		name    string
		members changes
		do      func(*game.Session) (bool, error)
		host    int // 0 for none
	}{
		{"a newcomer", nil, join(2), 2},
		{"who hosted it", nil, join(1), 1},
		{"a reservation is taken", changes{seat(2, "reserved", "", 1)}, join(2), 2},
		{"one who comes back", changes{seat(2, "disconnected", "", 1)}, join(2), 2},
		{"a joined member joins again", changes{seat(2, "joined", "", 1)}, join(2), 2},
		{"a newcomer behind a joined member", changes{seat(2, "joined", "", 1)}, join(3), 2},
		{"a newcomer beside the absent", changes{
			seat(2, "disconnected", "", 1), seat(3, "reserved", "", 2),
		}, join(4), 4},
		{"somebody leaves", changes{seat(2, "joined", "", 1), seat(3, "joined", "", 2)}, leave(3), 2},
		{"the last leaves", changes{seat(2, "joined", "", 1)}, leave(2), 0},
		{"only reservations are left", changes{seat(2, "joined", "", 1), seat(3, "reserved", "", 2)}, leave(2), 0},
		{"a server's session", changes{servers}, join(2), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			empty := func(s *game.Session) { s.Members, s.HostID = []game.Member{}, nil }
			s := newSession(t, append(changes{empty}, tt.members...)...)
			changed, err := tt.do(&s)
			ok(t, err)
			if !changed {
				t.Error("nothing changed")
			}
			if tt.host == 0 && s.HostID != nil || tt.host != 0 && (s.HostID == nil || *s.HostID != player(tt.host)) {
				t.Errorf("the host is %v, want %d", s.HostID, tt.host)
			}
		})
	}
}

func TestSetHost(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	guest := seat(2, "joined", "", 5)
	tests := []struct {
		name    string
		session changes
		who     int
		changes bool
		want    *game.Error
	}{
		{"a guest", changes{guest}, 2, true, nil},
		{"a guest, in progress", changes{guest, in("in_progress")}, 2, true, nil},
		{"the host", changes{guest}, 1, false, nil},
		{"the host, when ended", changes{in("ended")}, 1, false, nil},
		{"a member of a server's session", changes{guest, servers}, 2, true, nil},
		{"a stranger", changes{guest}, 9, false, game.ErrMemberNotFound},
		{"a reservation", changes{seat(2, "reserved", "", 5)}, 2, false, game.ErrMemberNotJoined},
		{"one who is not connected", changes{seat(2, "disconnected", "", 5)}, 2, false, game.ErrMemberNotJoined},
		{"ended", changes{guest, in("ended")}, 2, false, game.ErrSessionEnded},
		{"a stranger, when ended", changes{in("ended")}, 9, false, game.ErrSessionEnded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			want := snapshot(s)
			changed, err := did(s.SetHost(player(tt.who)))
			if tt.want != nil {
				rejected(t, err, tt.want)
				equal(t, want, s)
				return
			}
			ok(t, err)
			want.HostID, want.Hosted = new(player(tt.who)), true
			if tt.changes {
				want.Fence++
			}
			equal(t, want, s)
			if changed != tt.changes {
				t.Errorf("changed is %t", changed)
			}
		})
	}
}

// A server's session that was handed to a player is a hosted one from then on.
func TestServersSessionBecomesHosted(t *testing.T) {
	t.Parallel()
	s := newSession(t, servers, seat(2, "joined", "", 5))
	_, err := s.SetHost(player(2))
	ok(t, err)
	_, err = s.Leave(player(2), t0)
	ok(t, err)
	equal(t, new(player(1)), s.HostID)
}

// Players that are suspended or being erased cannot become host. Callers that may not name a host learn nothing about
// players.
func TestSetHostOfPlayers(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada, eve := p.register(t, p.ctx, "Ada").ID, p.register(t, p.ctx, "Eve").ID
	v := p.open(t, 4, ada)
	p.join(t, v.ID, eve)
	_, err := p.players.Edit(p.ctx, eve, nil, func(f game.Profile) (game.Profile, error) {
		f.Status = game.PlayerSuspended
		return f, nil
	})
	ok(t, err)
	_, err = p.sessions.SetHost(p.ctx, v.ID, nil, eve)
	rejected(t, err, game.ErrPlayerSuspended)
	_, err = p.sessions.SetHost(p.ctx, v.ID, nil, player(99))
	rejected(t, err, game.ErrPlayerNotFound)
	asEve := game.WithCaller(t.Context(), game.Caller{Project: "p", Scope: game.ScopePlayer, Player: eve})
	_, err = p.sessions.SetHost(asEve, v.ID, nil, player(99))
	rejected(t, err, game.ErrNotHost)
	no := errors.New("no")
	if _, err = p.sessions.SetHost(p.ctx, v.ID, func(game.Session) error { return no }, ada); !errors.Is(err, no) {
		t.Errorf("the condition is not checked: %v", err)
	}
}

// What follows from members who join, come back and go in one step follows from all of it, and not from the first.
func TestOneStepOfMembersIsJudgedAsAWhole(t *testing.T) {
	t.Parallel()
	ready := func(s *game.Session) {
		s.AutoStart = true
		for i := range s.Members {
			s.Members[i].Ready = true
		}
	}
	// All who are in are ready as soon as 2 confirms, and 3 of its party is not.
	s := newSession(t, seat(2, "reserved", "", 5), ready)
	_, _, err := s.JoinParty(game.Party{Seats: asking("", 2, 3)}, "", nil, later(60))
	ok(t, err)
	if s.Status != game.StatusOpen || len(s.Members) != 3 {
		t.Errorf("with a newcomer who is not ready the session is %s and has %d members", s.Status, len(s.Members))
	}

	// 2 comes back while 3 is gone.
	s = newSession(t, seat(2, "disconnected", "", 5), seat(3, "joined", "", 6), ready)
	_, err = s.Presence([]game.PlayerID{player(1), player(2)}, "", later(100))
	ok(t, err)
	if s.Status != game.StatusOpen || s.Members[2].Status != game.SeatDisconnected {
		t.Errorf("while one is %s the session is %s", s.Members[2].Status, s.Status)
	}

	// Of those who join in one step, the one who took its seat first becomes host.
	s = newSession(t, seat(2, "reserved", "", 5), seat(3, "reserved", "", 6))
	_, err = s.Leave(player(1), later(50))
	ok(t, err)
	_, _, err = s.JoinParty(game.Party{Seats: asking("", 3, 2)}, "", nil, later(60))
	ok(t, err)
	if s.HostID == nil || *s.HostID != player(2) {
		t.Errorf("the host is %v", s.HostID)
	}
}
