package game_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

// asking returns the requests of players without a team.
func asking(team string, players ...int) []game.JoinRequest {
	all := make([]game.JoinRequest, len(players))
	for i, n := range players {
		all[i] = game.JoinRequest{PlayerID: player(n), Team: team}
	}
	return all
}

// Who of a party gets a seat, and how.
func TestJoinParty(t *testing.T) {
	t.Parallel()
	type changes = []func(*game.Session)
	gone := map[game.PlayerID]error{player(3): game.ErrPlayerSuspended}
	banned := func(n int) func(*game.Session) {
		return func(s *game.Session) { s.Bans = append(s.Bans, game.Ban{PlayerID: player(n)}) }
	}
	for name, tt := range map[string]struct {
		session changes // beside the host, player 1
		party   game.Party
		by      int // 0 for a server
		unable  map[game.PlayerID]error
		seated  []int    // afterwards
		status  []string // of those who were named and have a seat: r, j or d
		left    []int
		want    *game.Error
	}{
		"all": {
			nil,
			game.Party{Seats: asking("", 2, 3)},
			0, nil,
			[]int{1, 2, 3},
			[]string{"j", "j"},
			nil, nil,
		},
		"by one of them": {
			nil,
			game.Party{Seats: asking("", 3, 2)},
			2, nil,
			[]int{1, 3, 2},
			[]string{"r", "j"},
			nil, nil,
		},
		"reserved": {
			nil,
			game.Party{Seats: asking("", 2), Reserve: true},
			0, nil,
			[]int{1, 2},
			[]string{"r"},
			nil, nil,
		},
		"by the host": {
			nil,
			game.Party{Seats: asking("", 2), Reserve: true},
			1, nil,
			[]int{1, 2},
			[]string{"r"},
			nil, nil,
		},
		"one has a seat": {
			changes{seat(2, "joined", "", 5)},
			game.Party{Seats: asking("", 2, 3)},
			0, nil,
			[]int{1, 2, 3},
			[]string{"j", "j"},
			nil, nil,
		},
		"confirmed": {
			changes{seat(2, "reserved", "", 5)},
			game.Party{Seats: asking("", 2)},
			2, nil,
			[]int{1, 2},
			[]string{"j"},
			nil, nil,
		},
		"confirmed by others": {
			changes{seat(2, "reserved", "", 5)},
			game.Party{Seats: asking("", 2, 3)},
			3, nil,
			[]int{1, 2, 3},
			[]string{"r", "j"},
			nil, nil,
		},
		"too many": {
			changes{maxPlayers(3)},
			game.Party{Seats: asking("", 2, 3, 4)},
			0, nil,
			[]int{1},
			nil, nil, game.ErrSessionFull,
		},
		"too many, partial": {
			changes{maxPlayers(3)},
			game.Party{Seats: asking("", 2, 3, 4), Partial: true},
			0, nil,
			[]int{1, 2, 3},
			[]string{"j", "j"},
			[]int{4},
			nil,
		},
		"one is suspended": {
			nil,
			game.Party{Seats: asking("", 2, 3)},
			0, gone,
			[]int{1},
			nil, nil, game.ErrPlayerSuspended,
		},
		"one is suspended, partial": {
			nil, game.Party{Seats: asking("", 3, 2), Partial: true}, 0, gone, []int{1, 2}, []string{"j"}, []int{3}, nil,
		},
		"one is banned": {
			changes{banned(3)},
			game.Party{Seats: asking("", 2, 3)},
			0, nil,
			[]int{1},
			nil, nil, game.ErrPlayerBanned,
		},
		"one is in another team": {
			changes{teams, seat(2, "joined", "red", 5)},
			game.Party{Seats: asking("blue", 3, 2)},
			0, nil,
			[]int{1, 2},
			nil,
			nil, game.ErrAlreadyMember,
		},
		"a team without room": {
			changes{teams, func(s *game.Session) { s.Teams["red"] = 1 }},
			game.Party{Seats: asking("red", 2, 3)},
			0, nil,
			[]int{1},
			nil, nil, game.ErrTeamFull,
		},
		"locked": {
			changes{locked},
			game.Party{Seats: asking("", 2, 3)},
			0, nil,
			[]int{1},
			nil, nil, game.ErrSessionLocked,
		},
		"in progress": {
			changes{in("in_progress")},
			game.Party{Seats: asking("", 2, 3)},
			0, nil,
			[]int{1},
			nil, nil, game.ErrSessionNotJoinable,
		},
		"nobody":    {nil, game.Party{}, 0, nil, []int{1}, nil, nil, game.ErrValidation},
		"one twice": {nil, game.Party{Seats: asking("", 2, 2)}, 0, nil, []int{1}, nil, nil, game.ErrValidation},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			before := snapshot(s)
			by := game.PlayerID("")
			if tt.by != 0 {
				by = player(tt.by)
			}
			result, done, err := s.JoinParty(tt.party, by, tt.unable, later(60))
			if tt.want != nil {
				rejected(t, err, tt.want)
				equal(t, before, s)
				return
			}
			ok(t, err)
			equal(t, tt.seated, seated(s))
			var left []int
			var status []string
			for i, r := range result {
				if r.PlayerID != tt.party.Seats[i].PlayerID {
					t.Errorf("result %d is of %s", i, r.PlayerID)
				}
				if r.Err != nil {
					left = append(left, slices.IndexFunc([]int{0, 1, 2, 3, 4}, func(n int) bool {
						return r.PlayerID == player(n)
					}))
					continue
				}
				m, err := s.Member(r.PlayerID)
				ok(t, err)
				status = append(status, string(m.Status[:1]))
				if (m.Deadline != nil) != (m.Status == game.SeatReserved) && r.New {
					t.Errorf("the deadline of %+v", m)
				}
				if _, err := before.Member(r.PlayerID); r.New == (err == nil) {
					t.Errorf("new is %t for %s", r.New, r.PlayerID)
				}
			}
			equal(t, tt.left, left)
			equal(t, tt.status, status)
			if len(done) == 0 {
				t.Error("no change is told")
			}
		})
	}
}

// Those of a party who ask for the automatic team share one.
func TestAutomaticTeam(t *testing.T) {
	t.Parallel()
	set := func(teams map[string]int) func(*game.Session) { return func(s *game.Session) { s.Teams = teams } }
	for name, tt := range map[string]struct {
		session []func(*game.Session)
		party   game.Party
		team    string
		want    *game.Error
	}{
		"the emptiest": {
			[]func(*game.Session){set(map[string]int{"a": 4, "b": 4}), seat(5, "joined", "a", 1)},
			game.Party{Seats: asking(game.TeamAuto, 2)},
			"b", nil,
		},
		"the first of equals": {
			[]func(*game.Session){set(map[string]int{"b": 4, "a": 4})},
			game.Party{Seats: asking(game.TeamAuto, 2)},
			"a", nil,
		},
		"the one with room for all": {
			[]func(*game.Session){set(map[string]int{"a": 1, "b": 4}), seat(5, "joined", "b", 1)},
			game.Party{Seats: asking(game.TeamAuto, 2, 3)},
			"b", nil,
		},
		"no team has room": {
			[]func(*game.Session){set(map[string]int{"a": 1, "b": 1})},
			game.Party{Seats: asking(game.TeamAuto, 2, 3)},
			"", game.ErrTeamFull,
		},
		"no team has room, partial": {
			[]func(*game.Session){set(map[string]int{"a": 1, "b": 2})},
			game.Party{Seats: asking(game.TeamAuto, 2, 3, 4), Partial: true},
			"b", nil,
		},
		"no teams": {nil, game.Party{Seats: asking(game.TeamAuto, 2)}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			_, _, err := s.JoinParty(tt.party, "", nil, later(60))
			if tt.want != nil {
				rejected(t, err, tt.want)
				return
			}
			ok(t, err)
			for _, j := range tt.party.Seats {
				if m, err := s.Member(j.PlayerID); err == nil && m.Team != tt.team {
					t.Errorf("%s is in team %q, want %q", j.PlayerID, m.Team, tt.team)
				}
			}
		})
	}
}

// A session of auto_start begins when all are ready, and opens again when one no longer is.
func TestAutoStart(t *testing.T) {
	t.Parallel()
	s := newSession(t, seat(2, "joined", "", 5), func(s *game.Session) {
		s.AutoStart, s.MinPlayers, s.Connection = true, 2, &game.Connection{Address: "::1", Port: 1}
	})
	ready := func(n int, yes bool, want game.SessionStatus) {
		t.Helper()
		_, err := s.EditMember(player(n), game.MemberEdit{MemberSettings: game.MemberSettings{Ready: yes}}, later(60))
		ok(t, err)
		if s.Status != want {
			t.Fatalf("player %d ready %t: the session is %s, want %s", n, yes, s.Status, want)
		}
	}
	ready(1, true, "open")
	ready(2, true, "starting")
	ready(2, false, "open")
	ready(2, true, "starting")
	_, err := s.Leave(player(2), later(61))
	ok(t, err)
	if s.Status != game.StatusOpen {
		t.Fatalf("without the second the session is %s", s.Status)
	}
	_, err = s.Join(game.JoinRequest{PlayerID: player(3)}, later(62))
	ok(t, err)
	ready(3, true, "starting")
	// Opened by the host, it does not start again at once.
	_, err = s.Move(game.Move{Status: game.StatusOpen}, later(63))
	ok(t, err)
	ready(3, true, "open")
	ready(1, true, "starting")
	// A start by the host is not undone.
	_, err = s.Move(game.Move{Status: game.StatusOpen}, later(64))
	ok(t, err)
	_, err = s.Move(game.Move{Status: game.StatusStarting}, later(65))
	ok(t, err)
	ready(1, true, "starting")
	ready(1, false, "starting")

	s = newSession(t, func(s *game.Session) { s.AutoStart = true })
	ready(1, true, "in_progress") // there is no server to wait for
	s = newSession(t, seat(2, "disconnected", "", 5), func(s *game.Session) { s.AutoStart = true })
	ready(1, true, "open")
	ready(2, true, "open")
	_, err = s.Join(game.JoinRequest{PlayerID: player(2)}, later(60))
	ok(t, err)
	if s.Status != game.StatusInProgress {
		t.Fatalf("all are ready and back: the session is %s", s.Status)
	}
}

func TestBan(t *testing.T) {
	t.Parallel()
	s := newSession(t, seat(2, "joined", "", 5))
	done, err := s.Ban(player(2), game.BanRequest{Seconds: new(60), Reason: "griefing"}, later(100))
	ok(t, err)
	equal(t, []game.Change{
		game.PlayerBanned{PlayerID: player(2), Until: new(later(160)), Why: "griefing"},
		game.MemberRemoved{PlayerID: player(2), Reason: "kicked", Why: "griefing"},
	}, done)
	_, err = s.Join(game.JoinRequest{PlayerID: player(2)}, later(159))
	equal(t, map[string]any{"player_id": player(2), "until": later(160)}, rejected(t, err, game.ErrPlayerBanned).Extras)
	_, err = s.Join(game.JoinRequest{PlayerID: player(2)}, later(160))
	ok(t, err)

	_, err = s.Ban(player(3), game.BanRequest{}, later(200)) // who holds no seat
	ok(t, err)
	equal(t, []game.Ban{{PlayerID: player(3)}}, s.ActiveBans(later(200)))
	changed, err := did(s.Unban(player(3), later(201)))
	if ok(t, err); !changed {
		t.Error("the ban was not lifted")
	}
	if changed, err := did(s.Unban(player(3), later(202))); changed || err != nil {
		t.Errorf("lifted twice: %t, %v", changed, err)
	}
	_, err = s.Ban(player(1), game.BanRequest{}, later(200))
	invalid(t, err, "player_id")
	_, err = s.Ban(player(2), game.BanRequest{Reason: "Bad words!"}, later(200))
	invalid(t, err, "reason")
	equal(t, []game.Change{game.BanLifted{PlayerID: player(2)}}, s.Elapse(later(300), t0, 0))
	for n := range game.MaxBans {
		_, err = s.Ban(player(100+n), game.BanRequest{Seconds: new(10)}, later(300))
		ok(t, err)
	}
	_, err = s.Ban(player(99), game.BanRequest{}, later(301))
	rejected(t, err, game.ErrTooManyBans)
	equal(t, game.MaxBans, len(s.Elapse(later(310), t0, 0)))
	_, err = s.Ban(player(99), game.BanRequest{}, later(310))
	ok(t, err)
	equal(t, 1, len(s.Bans))
	_, err = (&game.Session{Status: game.StatusEnded}).Ban(player(2), game.BanRequest{}, t0)
	rejected(t, err, game.ErrSessionEnded)
}

// Whatever is asked for, nobody has two seats, no team or session is overfull, and what was rejected changed nothing.
func TestPartiesKeepTheRules(t *testing.T) {
	t.Parallel()
	host := newSession(t)
	rapid.Check(t, func(t *rapid.T) {
		s := snapshot(host)
		s.MaxPlayers = rapid.IntRange(1, 6).Draw(t, "seats")
		s.Teams = map[string]int{"red": rapid.IntRange(1, 3).Draw(t, "red"), "blue": 2}
		for range 8 {
			p := game.Party{Partial: rapid.Bool().Draw(t, "partial"), Reserve: rapid.Bool().Draw(t, "reserve")}
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 8), 1, 4, rapid.ID[int]).Draw(t, "party") {
				team := rapid.SampledFrom([]string{"", "red", "blue", game.TeamAuto}).Draw(t, "team")
				p.Seats = append(p.Seats, game.JoinRequest{PlayerID: player(n), Team: team})
			}
			before := snapshot(s)
			result, done, err := s.JoinParty(p, "", nil, later(60))
			if err != nil || len(done) == 0 {
				equal(t, before, s)
				continue
			}
			for _, r := range result {
				if _, err := s.Member(r.PlayerID); (err == nil) != (r.Err == nil) && r.New {
					t.Fatalf("%+v, and it is a member: %v", r, err)
				}
				if r.Err != nil && !p.Partial {
					t.Fatalf("left out: %+v", r)
				}
			}
			checkSeats(t, s)
		}
	})
}

// checkSeats holds that no seat is sold twice.
func checkSeats(t reporter, s game.Session) {
	t.Helper()
	teams, players := map[string]int{}, map[game.PlayerID]int{}
	for _, m := range s.Members {
		teams[m.Team]++
		if players[m.PlayerID]++; players[m.PlayerID] > 1 {
			t.Fatalf("%s has two seats", m.PlayerID)
		}
	}
	for team, held := range teams {
		if team != "" && held > s.Teams[team] {
			t.Fatalf("%d seats of team %s are held, of %d", held, team, s.Teams[team])
		}
	}
	if len(s.Members) > s.MaxPlayers {
		t.Fatalf("%d seats of %d are held", len(s.Members), s.MaxPlayers)
	}
}
