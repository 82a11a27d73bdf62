package game_test

import (
	"testing"

	"game-session-manager/internal/game"
)

func TestInvite(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	reserved := []game.Change{game.SeatReservedFor{PlayerID: player(2)}}
	banned := func(s *game.Session) { s.Bans = []game.Ban{{PlayerID: player(2)}} }
	for name, tt := range map[string]struct {
		session changes // beside the host, player 1
		ask     game.InviteRequest
		done    []game.Change
		until   int // seconds; 0 for no deadline
		want    *game.Error
	}{
		"private":     {changes{private}, game.InviteRequest{ExpiresIn: new(3600)}, reserved, 3660, nil},
		"the default": {nil, game.InviteRequest{}, reserved, 120, nil},
		"with a code": {changes{private, code(1, 1)}, game.InviteRequest{ExpiresIn: new(1)}, reserved, 61, nil},
		"again": {
			changes{seat(2, "reserved", "", 0), deadline(30)},
			game.InviteRequest{ExpiresIn: new(60)},
			[]game.Change{game.MemberChanged{PlayerID: player(2), Fields: []string{"deadline"}}},
			120, nil,
		},
		"the same":     {changes{seat(2, "reserved", "", 0), deadline(120)}, game.InviteRequest{}, nil, 120, nil},
		"joined":       {changes{seat(2, "joined", "", 0)}, game.InviteRequest{}, nil, 0, nil},
		"full":         {changes{maxPlayers(1)}, game.InviteRequest{}, nil, 0, game.ErrSessionFull},
		"locked":       {changes{locked}, game.InviteRequest{}, nil, 0, game.ErrSessionLocked},
		"in progress":  {changes{in("in_progress")}, game.InviteRequest{}, nil, 0, game.ErrSessionNotJoinable},
		"banned":       {changes{banned}, game.InviteRequest{}, nil, 0, game.ErrPlayerBanned},
		"over":         {changes{in("ended")}, game.InviteRequest{}, nil, 0, game.ErrSessionEnded},
		"for nothing":  {nil, game.InviteRequest{ExpiresIn: new(0)}, nil, 0, game.ErrValidation},
		"for too long": {nil, game.InviteRequest{ExpiresIn: new(86401)}, nil, 0, game.ErrValidation},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			before := snapshot(s)
			done, err := s.Invite(player(2), tt.ask, later(60))
			if tt.want != nil {
				rejected(t, err, tt.want)
				equal(t, before, s)
				return
			}
			ok(t, err)
			equal(t, tt.done, done)
			m, err := s.Member(player(2))
			ok(t, err)
			if tt.until == 0 != (m.Deadline == nil) || m.Deadline != nil && !m.Deadline.Equal(later(tt.until)) {
				t.Errorf("the deadline is %v", m.Deadline)
			}
			if len(done) == 0 {
				return
			}
			// The player confirms it, without a code and although the session is locked by then, and not too late.
			late := s
			late.Members = append([]game.Member{}, s.Members...)
			late.Elapse(later(tt.until), later(0), 0)
			if _, err := late.Member(player(2)); err == nil {
				t.Error("it holds its seat after the deadline")
			}
			s.Locked = true
			_, err = s.Join(game.JoinRequest{PlayerID: player(2)}, later(60))
			ok(t, err)
			if m, err := s.Member(player(2)); err != nil || m.Status != game.SeatJoined || m.Deadline != nil {
				t.Errorf("confirmed, it is %+v, %v", m, err)
			}
		})
	}
}

// deadline sets the deadline of the last member.
func deadline(seconds int) func(*game.Session) {
	return func(s *game.Session) { s.Members[len(s.Members)-1].Deadline = new(later(seconds)) }
}

// Hosts and servers invite; whoever may not learns nothing about the player.
func TestWhoInvites(t *testing.T) {
	t.Parallel()
	p := newWorld(t).start()
	ada, bob, eve := p.register(t, p.ctx, "ada").ID, p.register(t, p.ctx, "bob").ID, p.register(t, p.ctx, "eve").ID
	room := p.open(t, 4, ada)
	invite := func(c game.Caller, id game.PlayerID) (bool, error) {
		_, invited, err := p.sessions.Invite(
			game.WithCaller(t.Context(), c), room.ID, nil, id, game.InviteRequest{ExpiresIn: new(60)},
		)
		return invited, err
	}
	as := func(id game.PlayerID) game.Caller {
		return game.Caller{Project: "p", Scope: game.ScopePlayer, Player: id}
	}
	for _, id := range []game.PlayerID{bob, player(999)} {
		_, err := invite(as(eve), id)
		rejected(t, err, game.ErrNotHost)
		_, err = invite(game.Caller{Project: "p", Scope: game.ScopeRead}, id)
		rejected(t, err, game.ErrForbidden)
	}
	_, err := invite(as(ada), player(999))
	rejected(t, err, game.ErrPlayerNotFound)
	for _, want := range []bool{true, false} {
		invited, err := invite(as(ada), bob)
		if ok(t, err); invited != want {
			t.Errorf("invited: %t, want %t", invited, want)
		}
	}
	invited, err := invite(game.Caller{Project: "p", Scope: game.ScopeServer}, eve)
	if ok(t, err); !invited {
		t.Error("a server does not invite")
	}
}
