package game_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// teams gives a session two teams of two seats each.
func teams(s *game.Session) { s.Teams = map[string]int{"red": 2, "blue": 2} }

func maxPlayers(n int) func(*game.Session) { return func(s *game.Session) { s.MaxPlayers = n } }

func locked(s *game.Session) { s.Locked = true }

func joinInProgress(s *game.Session) { s.JoinInProgress = true }

func TestJoin(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	newcomer := game.JoinRequest{PlayerID: player(2)}
	toRed := game.JoinRequest{PlayerID: player(2), Team: "red"}
	tests := []struct {
		name    string
		session changes
		join    game.JoinRequest
		want    *game.Error // nil for a new seat
		extras  map[string]any
	}{
		{"open", nil, newcomer, nil, nil},
		{"the last seat", changes{maxPlayers(2)}, newcomer, nil, nil},
		{"in a team", changes{teams}, toRed, nil, nil},
		{"the last seat of a team", changes{teams, seat(3, "joined", "red", 1)}, toRed, nil, nil},
		{"in no team where both are full", changes{
			func(s *game.Session) { s.Teams = map[string]int{"red": 1} }, seat(3, "joined", "red", 1),
		}, newcomer, nil, nil},
		{"in progress", changes{in("in_progress"), joinInProgress}, newcomer, nil, nil},

		{"pending", changes{in("pending")}, newcomer, game.ErrSessionNotJoinable, map[string]any{
			"session_status": game.StatusPending,
		}},
		{"starting", changes{
			in("starting"), joinInProgress,
		}, newcomer, game.ErrSessionNotJoinable, map[string]any{"session_status": game.StatusStarting}},
		{"in progress and closed", changes{in("in_progress")}, newcomer, game.ErrSessionNotJoinable, map[string]any{
			"session_status": game.StatusInProgress,
		}},
		{"locked", changes{locked}, newcomer, game.ErrSessionLocked, nil},
		{"full", changes{maxPlayers(1)}, newcomer, game.ErrSessionFull, map[string]any{"max_players": 1}},
		{"full of the reserved", changes{
			maxPlayers(2), seat(3, "reserved", "", 1),
		}, newcomer, game.ErrSessionFull, map[string]any{"max_players": 2}},
		{"full of the disconnected", changes{
			maxPlayers(2), seat(3, "disconnected", "", 1),
		}, newcomer, game.ErrSessionFull, map[string]any{"max_players": 2}},
		{"full team", changes{
			teams, seat(3, "reserved", "red", 1), seat(4, "disconnected", "red", 1),
		}, toRed, game.ErrTeamFull, map[string]any{"team": "red", "capacity": 2}},
		{"unknown team", changes{teams}, game.JoinRequest{PlayerID: player(2), Team: "green"}, game.ErrValidation, nil},
		{"team in another case", changes{teams}, game.JoinRequest{
			PlayerID: player(2), Team: "Red",
		}, game.ErrValidation, nil},
		{"a team where there are none", nil, toRed, game.ErrValidation, nil},

		// Which rejection comes first where several are true: form, end, seat, status, lock, seats, team.
		{"broken form before the end", changes{in("ended")}, game.JoinRequest{}, game.ErrValidation, nil},
		{"the end before a held seat", changes{in("ended")}, game.JoinRequest{
			PlayerID: player(1), Team: "red",
		}, game.ErrSessionEnded, nil},
		{"a held seat before everything of newcomers", changes{
			teams, in("starting"), locked, maxPlayers(1),
		}, game.JoinRequest{PlayerID: player(1), Team: "red"}, game.ErrAlreadyMember, nil},
		{"the status before the lock", changes{
			in("starting"), locked, maxPlayers(1),
		}, newcomer, game.ErrSessionNotJoinable, nil},
		{"the lock before the seats", changes{locked, maxPlayers(1)}, newcomer, game.ErrSessionLocked, nil},
		{"the seats before the team", changes{
			teams, maxPlayers(1),
		}, game.JoinRequest{PlayerID: player(2), Team: "green"}, game.ErrSessionFull, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			before, want := snapshot(s), snapshot(s)
			changed, err := did(s.Join(tt.join, later(60)))
			if tt.want != nil {
				e := rejected(t, err, tt.want)
				if tt.extras != nil {
					equal(t, tt.extras, e.Extras)
				}
				if changed {
					t.Error("a rejected join reports a change")
				}
				equal(t, before, s)
				return
			}
			ok(t, err)
			seat(2, "joined", tt.join.Team, 60)(&want)
			equal(t, want, s)
			if !changed || s.FreeSeats() != s.MaxPlayers-len(s.Members) {
				t.Errorf("changed is %t, free seats are %d", changed, s.FreeSeats())
			}
		})
	}
}

func TestJoinTerminal(t *testing.T) {
	t.Parallel()
	for _, status := range []game.SessionStatus{"ended", "cancelled", "expired", "failed"} {
		for _, who := range []int{1, 2} {
			s := newSession(t, in(status), joinInProgress)
			before := snapshot(s)
			_, err := s.Join(game.JoinRequest{PlayerID: player(who)}, later(60))
			e := rejected(t, err, game.ErrSessionEnded)
			equal(t, map[string]any{"session_status": status, "end_reason": s.EndReason}, e.Extras)
			equal(t, before, s)
		}
	}
}

// A member that joins again keeps its place, in every live state and whatever keeps newcomers out.
func TestRejoin(t *testing.T) {
	t.Parallel()
	for _, status := range []game.SessionStatus{"pending", "open", "starting", "in_progress"} {
		for _, held := range []game.MemberStatus{"reserved", "joined", "disconnected"} {
			for name, again := range map[string]game.MemberSettings{
				"asking for nothing": {}, "in its team": {Team: "red"},
				"with its attributes": {Attributes: dressed("fox")},
				"as it is":            {Team: "red", Attributes: dressed("fox")},
			} {
				t.Run(string(status)+"/"+string(held)+"/"+name, func(t *testing.T) {
					t.Parallel()
					s := newSession(t, in(status), teams, locked, maxPlayers(2), seat(2, held, "red", 5))
					s.Members[1].Attributes = dressed("fox")
					want := snapshot(s)
					changed, err := did(s.Join(game.JoinRequest{
						PlayerID: player(2), Team: again.Team, Attributes: again.Attributes,
					}, later(60)))
					ok(t, err)
					if changed != (held != "joined") {
						t.Errorf("changed is %t", changed)
					}
					want.Members[1].Status = "joined"
					if held == "reserved" {
						want.Members[1].JoinedAt = later(60) // a reservation is no presence yet
					}
					if held == "disconnected" {
						want.Members[1].ReconnectedAt = new(later(60))
					}
					equal(t, want, s)
				})
			}
		}
	}
}

// What a member that joins again asks for is never dropped without a word.
func TestRejoinWithOtherSettings(t *testing.T) {
	t.Parallel()
	for _, held := range []game.MemberStatus{"reserved", "joined", "disconnected"} {
		for _, tt := range []struct {
			join  game.JoinRequest
			field string
		}{
			{game.JoinRequest{Team: "blue"}, "team"},
			{game.JoinRequest{Attributes: dressed("owl")}, "attributes"},
			{game.JoinRequest{Attributes: game.Attributes{}}, "attributes"},
			{game.JoinRequest{
				Team: "red", Attributes: game.Attributes{"skin": game.StringValue("fox"), "hat": game.BoolValue(true)},
			}, "attributes"},
		} {
			s := newSession(t, teams, seat(2, held, "red", 5))
			s.Members[1].Attributes = dressed("fox")
			before := snapshot(s)
			tt.join.PlayerID = player(2)
			_, err := s.Join(tt.join, later(60))
			e := rejected(t, err, game.ErrAlreadyMember)
			equal(t, map[string]any{"field": tt.field}, e.Extras)
			if !strings.Contains(e.Message, "PATCH") {
				t.Errorf("the rejection does not say what to do: %s", e.Message)
			}
			equal(t, before, s)
		}
	}
}

// Every field of a member's settings is edited and compared: a new one that is forgotten in either place fails here.
func TestEditMemberEveryField(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*game.MemberSettings){
		"Team":       func(m *game.MemberSettings) { m.Team = "blue" },
		"Attributes": func(m *game.MemberSettings) { m.Attributes = dressed("owl") },
		"Ready":      func(m *game.MemberSettings) { m.Ready = true },
	}
	for _, field := range fieldsOf[game.MemberSettings]() {
		change := changes[field]
		if change == nil {
			t.Fatalf("this test does not know the field %s", field)
		}
		s := newSession(t, teams, seat(2, "joined", "red", 5))
		want := s.Members[1].MemberSettings
		change(&want)
		changed, err := did(s.EditMember(player(2), game.MemberEdit{MemberSettings: want}, t0))
		if ok(t, err); !changed {
			t.Errorf("%s: the edit reports no change", field)
		}
		equal(t, want, s.Members[1].MemberSettings)
	}
}

func TestEditMember(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	fox := game.MemberSettings{Team: "red", Attributes: dressed("fox")}
	with := func(team, skin string) game.MemberSettings {
		return game.MemberSettings{Team: team, Attributes: dressed(skin)}
	}
	fullBlue := func(s *game.Session) { s.Teams["blue"] = 1 }
	tests := []struct {
		name    string
		session changes // beside the host and player 2, a fox in team red
		who     int
		to      game.MemberSettings
		changes bool
		want    *game.Error
	}{
		{"another team", nil, 2, with("blue", "fox"), true, nil},
		{"no team", nil, 2, with("", "fox"), true, nil},
		{"other attributes", nil, 2, with("red", "owl"), true, nil},
		{"no attributes", nil, 2, with("red", ""), true, nil},
		{"as it is", nil, 2, fox, false, nil},
		{"the host, into a team", nil, 1, with("blue", ""), true, nil},
		{"locked, full and in progress", changes{
			locked, maxPlayers(2), in("in_progress"),
		}, 2, with("blue", "fox"), true, nil},
		{"unchanged, when ended", changes{in("ended")}, 2, fox, false, nil},
		{"in a full team, and stays there", changes{
			func(s *game.Session) { s.Teams["red"] = 1 },
		}, 2, with("red", "owl"), true, nil},

		{"a full team", changes{
			fullBlue, seat(3, "reserved", "blue", 6),
		}, 2, with("blue", "fox"), false, game.ErrTeamFull},
		{"an unknown team", nil, 2, with("green", "fox"), false, game.ErrValidation},
		{"a stranger", nil, 9, with("blue", ""), false, game.ErrMemberNotFound},
		{"ended", changes{in("ended")}, 2, with("blue", "fox"), false, game.ErrSessionEnded},
		{"broken", nil, 9, with("ä", ""), false, game.ErrValidation},
		{"a stranger before the end", changes{in("ended")}, 9, with("blue", ""), false, game.ErrMemberNotFound},
		{"the end before the team", changes{in("ended")}, 2, with("green", ""), false, game.ErrSessionEnded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, append(changes{teams, seat(2, "joined", "red", 5)}, tt.session...)...)
			s.Members[1].Attributes = dressed("fox")
			want := snapshot(s)
			changed, err := did(s.EditMember(player(tt.who), game.MemberEdit{MemberSettings: tt.to}, t0))
			if tt.want != nil {
				rejected(t, err, tt.want)
				equal(t, want, s)
				return
			}
			ok(t, err)
			want.Members[tt.who-1].Team, want.Members[tt.who-1].Attributes = tt.to.Team, tt.to.Attributes
			if tt.to.Attributes == nil {
				want.Members[tt.who-1].Attributes = game.Attributes{}
			}
			equal(t, want, s)
			if changed != tt.changes {
				t.Errorf("changed is %t", changed)
			}
		})
	}
}

// Which statuses a member can be given.
func TestEditMemberStatus(t *testing.T) {
	t.Parallel()
	for was, valid := range map[game.MemberStatus][]game.MemberStatus{
		"joined": {"", "joined", "disconnected"}, "disconnected": {"", "joined", "disconnected"},
		"reserved": {"", "joined", "reserved"},
	} {
		for _, to := range []game.MemberStatus{"", "joined", "disconnected", "reserved", "gone"} {
			s := newSession(t, seat(2, was, "", 5))
			before := snapshot(s)
			_, err := s.EditMember(player(2), game.MemberEdit{Status: to}, later(60))
			if !slices.Contains(valid, to) {
				invalid(t, err, "status")
				equal(t, before, s)
				continue
			}
			ok(t, err)
			if want := cmp.Or(to, was); s.Members[1].Status != want {
				t.Errorf("%s to %q: %s", was, to, s.Members[1].Status)
			}
		}
	}
}

func TestJoinKeepsNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	mine := game.Attributes{"skin": game.StringValue("fox")}
	_, err := s.Join(game.JoinRequest{PlayerID: player(2), Attributes: mine}, later(1))
	ok(t, err)
	mine["skin"] = game.StringValue("owl")
	equal(t, game.Attributes{"skin": game.StringValue("fox")}, s.Members[1].Attributes)
}

func TestJoinRequestValidation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		join   game.JoinRequest
		fields []string
	}{
		{"least", game.JoinRequest{PlayerID: player(2)}, nil},
		{"longest team", game.JoinRequest{PlayerID: player(2), Team: strings.Repeat("a", 64)}, nil},
		{"most attributes", game.JoinRequest{PlayerID: player(2), Attributes: attributes(32)}, nil},
		{"no player", game.JoinRequest{}, []string{"player_id"}},
		{"upper case id", game.JoinRequest{PlayerID: "01890000-0000-7000-8000-00000000000A"}, []string{"player_id"}},
		{"long team", game.JoinRequest{PlayerID: player(2), Team: strings.Repeat("a", 65)}, []string{"team"}},
		{"team with a dot", game.JoinRequest{PlayerID: player(2), Team: "a.b"}, []string{"team"}},
		{"too many attributes", game.JoinRequest{
			PlayerID: player(2), Attributes: attributes(33),
		}, []string{"attributes"}},
		{"too large attributes", game.JoinRequest{
			PlayerID: player(2), Attributes: sized(4<<10 + 1),
		}, []string{"attributes"}},
		{"largest attributes", game.JoinRequest{PlayerID: player(2), Attributes: sized(4 << 10)}, nil},
		{
			"everything at once",
			game.JoinRequest{PlayerID: "x", Team: "ä", Attributes: game.Attributes{"": game.BoolValue(true)}},
			[]string{"attributes", "player_id", "team"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.join.Validate(); tt.fields == nil {
				ok(t, err)
			} else {
				invalid(t, err, tt.fields...)
			}
		})
	}
}

func TestLeave(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	tests := []struct {
		name    string
		members changes // beside the host, player 1, who joined at 0
		who     int
		host    int // afterwards; 0 for none
		left    []int
	}{
		{"the last", nil, 1, 0, []int{}},
		{"a guest", changes{seat(2, "joined", "", 5)}, 2, 1, []int{1}},
		{"a stranger", changes{seat(2, "joined", "", 5)}, 9, 1, []int{1, 2}},
		{"the host, to the only one", changes{seat(2, "joined", "", 5)}, 1, 2, []int{2}},
		{"the host, to who joined first", changes{
			seat(2, "joined", "", 9), seat(3, "joined", "", 5), seat(4, "joined", "", 7),
		}, 1, 3, []int{2, 3, 4}},
		{"the host, past the disconnected", changes{
			seat(2, "disconnected", "", 1), seat(3, "joined", "", 5),
		}, 1, 3, []int{2, 3}},
		{"the host, past the reserved", changes{
			seat(2, "reserved", "", 1), seat(3, "joined", "", 5),
		}, 1, 3, []int{2, 3}},
		{"the host, with nobody connected", changes{
			seat(2, "reserved", "", 1), seat(3, "disconnected", "", 5),
		}, 1, 0, []int{2, 3}},
		{"the host, to the first seat of one moment", changes{
			seat(3, "joined", "", 5), seat(2, "joined", "", 5),
		}, 1, 3, []int{3, 2}},
		{"a disconnected guest", changes{seat(2, "disconnected", "", 5)}, 2, 1, []int{1}},
		{"a reserved guest", changes{seat(2, "reserved", "", 5)}, 2, 1, []int{1}},
	}
	for _, tt := range tests {
		for _, status := range []game.SessionStatus{"pending", "open", "starting", "in_progress"} {
			t.Run(string(status)+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				s := newSession(t, append(changes{in(status), locked}, tt.members...)...)
				want := snapshot(s)
				was := len(s.Members)
				changed, err := did(s.Leave(player(tt.who), t0))
				ok(t, err)
				want.Members = slices.DeleteFunc(want.Members, func(m game.Member) bool {
					return m.PlayerID == player(tt.who)
				})
				if tt.who == 1 { // the host
					want.Fence++
				}
				if len(want.Members) == 0 {
					want.EmptySince = new(t0)
				}
				want.HostID = nil
				if tt.host != 0 {
					want.HostID = new(player(tt.host))
				}
				equal(t, want, s)
				equal(t, tt.left, seated(s))
				if changed != (len(s.Members) < was) {
					t.Errorf("changed is %t", changed)
				}
			})
		}
	}
}

// seated lists the numbers of the players who hold seats.
func seated(s game.Session) []int {
	list := make([]int, 0, len(s.Members))
	for _, m := range s.Members {
		for n := range 100 {
			if m.PlayerID == player(n) {
				list = append(list, n)
			}
		}
	}
	return list
}

// servers makes a session one that no player ever hosted.
func servers(s *game.Session) { s.HostID, s.Hosted = nil, false }

func TestLeaveKeepsSessionsWithoutHost(t *testing.T) {
	t.Parallel()
	s := newSession(t, seat(2, "joined", "", 1), servers)
	_, err := s.Leave(player(1), t0)
	ok(t, err)
	if s.HostID != nil {
		t.Errorf("a server's session got the host %s", *s.HostID)
	}
}

func TestLeaveTerminal(t *testing.T) {
	t.Parallel()
	for _, status := range []game.SessionStatus{"ended", "cancelled", "expired", "failed"} {
		s := newSession(t, in(status))
		before := snapshot(s)
		_, err := s.Leave(player(1), t0)
		e := rejected(t, err, game.ErrSessionEnded)
		equal(t, map[string]any{"session_status": status, "end_reason": s.EndReason}, e.Extras)
		if changed, err := did(s.Leave(player(9), t0)); changed || err != nil {
			t.Errorf("%s: a stranger leaves: changed is %t, error %v", status, changed, err)
		}
		equal(t, before, s)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	for _, status := range game.SessionStatuses() {
		for _, who := range []int{1, 2, 9} {
			s := newSession(t, in(status), seat(2, "joined", "", 5), seat(3, "joined", "", 6))
			for i := range s.Members {
				s.Members[i].Attributes = game.Attributes{"skin": game.StringValue("fox")}
			}
			s.Bans = []game.Ban{{PlayerID: player(8)}}
			shared, before, want := s.Clone(), snapshot(s), snapshot(s)
			changed := len(s.Forget(player(who), game.RemovedErased, t0)) > 0
			if changed != (who != 9) {
				t.Errorf("%s: player %d: changed is %t", status, who, changed)
			}
			switch {
			case who == 9:
			case terminal(status):
				want.Members[who-1].Attributes = game.Attributes{}
			default:
				_, err := want.Leave(player(who), t0)
				ok(t, err)
			}
			equal(t, want, s)
			equal(t, before, shared)
			if len(s.Forget(player(who), game.RemovedErased, t0)) > 0 {
				t.Errorf("%s: player %d is forgotten twice", status, who)
			}
		}
	}
}
