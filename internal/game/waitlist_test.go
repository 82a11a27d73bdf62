package game_test

import (
	"fmt"
	"slices"
	"testing"

	"game-session-manager/internal/game"
)

// with are what is changed of a session before a test.
type with = []func(*game.Session)

// redIsFull has two members of team red.
func redIsFull(s *game.Session) {
	seat(2, "joined", "red", 1)(s)
	seat(3, "joined", "red", 1)(s)
}

// seats sets the number of seats.
func seats(n int) func(*game.Session) { return func(s *game.Session) { s.MaxPlayers = n } }

// waiting returns the numbers of those on the wait list.
func waiting(s game.Session) []int {
	return numbers(s.WaitList, func(w game.Waiter) game.PlayerID { return w.PlayerID })
}

// numbers returns the numbers of players.
func numbers[T any](all []T, id func(T) game.PlayerID) []int {
	found := make([]int, len(all))
	for i, one := range all {
		_, _ = fmt.Sscanf(string(id(one))[24:], "%x", &found[i])
	}
	return found
}

// wait has a player join or wait, and returns its position.
func wait(s *game.Session, n int, team string) (int, []game.Change, error) {
	got, done, err := s.JoinParty(game.Party{Seats: asking(team, n), Wait: true}, player(n), nil, later(60))
	if err != nil {
		return 0, nil, err
	}
	return got[0].Position, done, nil
}

// Who asks for a seat that is not free waits, and stays in its place when it asks again.
func TestWait(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		session with
		player  int
		team    string
		want    int // position; 0 for a seat
		refused *game.Error
	}{
		"a free seat":           {with{seats(2)}, 2, "", 0, nil},
		"full":                  {with{seats(1)}, 2, "", 1, nil},
		"the second":            {with{seats(1), waits(3, "")}, 2, "", 2, nil},
		"again":                 {with{seats(1), waits(3, ""), waits(2, "")}, 2, "", 2, nil},
		"again, locked":         {with{seats(1), waits(2, ""), locked}, 2, "", 1, nil},
		"a full team":           {with{teams, redIsFull}, 4, "red", 1, nil},
		"another team":          {with{teams, redIsFull}, 4, "blue", 0, nil},
		"any team":              {with{teams, seats(1)}, 4, "auto", 1, nil},
		"again for its team":    {with{teams, seats(1), waits(4, "red")}, 4, "red", 1, nil},
		"again without a team":  {with{teams, seats(1), waits(4, "red")}, 4, "", 1, nil},
		"again for any team":    {with{teams, seats(1), waits(4, "auto")}, 4, "auto", 1, nil},
		"again, another team":   {with{teams, seats(1), waits(4, "red")}, 4, "blue", 0, game.ErrAlreadyMember},
		"again, no longer auto": {with{teams, seats(1), waits(4, "auto")}, 4, "red", 0, game.ErrAlreadyMember},
		"an unknown team":       {with{teams, seats(1)}, 4, "green", 0, game.ErrValidation},
		"locked":                {with{seats(1), locked}, 2, "", 0, game.ErrSessionLocked},
		"in progress":           {with{seats(1), in("in_progress")}, 2, "", 0, game.ErrSessionNotJoinable},
		"ended":                 {with{seats(1), in("ended")}, 2, "", 0, game.ErrSessionEnded},
		"a member":              {with{seats(1)}, 1, "", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			before := snapshot(s)
			got, done, err := wait(&s, tt.player, tt.team)
			if tt.refused != nil {
				rejected(t, err, tt.refused)
				equal(t, before, s)
				return
			}
			ok(t, err)
			equal(t, tt.want, got)
			if i := slices.Index(waiting(s), tt.player); i+1 != tt.want {
				t.Errorf("it is number %d of %v", i+1, waiting(s))
			}
			if joined := len(s.WaitList) > len(before.WaitList); joined && !slices.Equal(done, []game.Change{
				game.WaitListJoined{PlayerID: player(tt.player)},
			}) {
				t.Errorf("what happened: %v", done)
			}
		})
	}
}

func TestWaitListIsBounded(t *testing.T) {
	t.Parallel()
	s := newSession(t, seats(1))
	for n := range game.MaxWaiting {
		position, _, err := wait(&s, 10+n, "")
		ok(t, err)
		equal(t, n+1, position)
	}
	_, _, err := wait(&s, 9, "")
	equal(t, map[string]any{"max_waiting": game.MaxWaiting}, rejected(t, err, game.ErrWaitListFull).Extras)
	position, done, err := wait(&s, 265, "") // who waits already
	ok(t, err)
	equal(t, 256, position)
	equal(t, 0, len(done))
	_, _, err = s.JoinParty(game.Party{Seats: asking("", 2, 3), Wait: true}, "", nil, later(60))
	invalid(t, err, "wait")
	_, err = s.Join(game.JoinRequest{PlayerID: player(300)}, later(60))
	rejected(t, err, game.ErrSessionFull)
	_, err = s.Join(game.JoinRequest{PlayerID: player(265)}, later(60))
	rejected(t, err, game.ErrSessionFull)
}

// A session in which somebody waits before the wait list has moved up: nobody passes one who waits.
func TestNobodyPassesWhoWaits(t *testing.T) {
	t.Parallel()
	full := with{teams, redIsFull}
	for name, tt := range map[string]struct {
		session with
		join    []game.JoinRequest
		want    *game.Error
	}{
		"any seat, and one waits for it":  {with{waits(4, "")}, asking("", 5), game.ErrSessionFull},
		"its turn":                        {with{waits(4, "")}, asking("", 4), nil},
		"not its turn":                    {with{waits(4, ""), waits(5, "")}, asking("", 5), game.ErrSessionFull},
		"a team, and one waits for any":   {with{teams, waits(4, "")}, asking("red", 5), game.ErrSessionFull},
		"a team, and one waits for auto":  {with{teams, waits(4, "auto")}, asking("red", 5), game.ErrTeamFull},
		"the team for which one waits":    {with{teams, waits(4, "red")}, asking("red", 5), game.ErrTeamFull},
		"auto, which is that team":        {with{teams, waits(4, "blue")}, asking("auto", 5), game.ErrTeamFull},
		"auto without teams":              {with{waits(4, "auto")}, asking("", 5), game.ErrSessionFull},
		"another team":                    {append(full, waits(4, "red")), asking("blue", 5), nil},
		"no team":                         {append(full, waits(4, "red")), asking("", 5), nil},
		"a party":                         {with{waits(4, "")}, asking("", 5, 6), game.ErrSessionFull},
		"a party with one who waits":      {with{waits(4, "")}, asking("", 4, 5), nil},
		"a party of another team":         {append(full, waits(4, "red")), asking("blue", 5, 6), nil},
		"a party with one for red":        {append(full, waits(4, "red")), asking("blue", 5, 4), game.ErrAlreadyMember},
		"a party with one ahead it skips": {with{waits(4, ""), waits(5, "")}, asking("", 5, 6), game.ErrSessionFull},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			before := snapshot(s)
			_, _, err := s.JoinParty(game.Party{Seats: tt.join}, "", nil, later(60))
			if tt.want != nil {
				rejected(t, err, tt.want)
				equal(t, before, s)
				return
			}
			ok(t, err)
			checkSeats(t, s)
			for _, j := range tt.join {
				if slices.ContainsFunc(s.WaitList, func(w game.Waiter) bool { return w.PlayerID == j.PlayerID }) {
					t.Errorf("%s has a seat and waits", j.PlayerID)
				}
			}
		})
	}
}

// A member does not take the room of its team from those who wait for it.
func TestMembersDoNotPassWhoWaits(t *testing.T) {
	t.Parallel()
	move := func(s *game.Session, n int, team string) error {
		_, err := s.EditMember(player(n), game.MemberEdit{MemberSettings: game.MemberSettings{Team: team}}, later(60))
		return err
	}
	s := newSession(t, teams, seats(3), seat(2, "joined", "blue", 1), seat(3, "joined", "blue", 2), waits(4, "red"))
	ok(t, move(&s, 2, "red")) // there are two seats for the one who waits
	rejected(t, move(&s, 3, "red"), game.ErrTeamFull)
	ok(t, move(&s, 1, "blue"))
	ok(t, move(&s, 1, ""))

	s = newSession(t, teams, seats(3), seat(2, "joined", "blue", 1), seat(3, "joined", "red", 2), waits(4, "auto"))
	ok(t, move(&s, 2, "red")) // another seat for it is free then
	ok(t, move(&s, 1, "blue"))
	s = newSession(t, func(s *game.Session) { s.Teams = map[string]int{"red": 1} }, seats(1), waits(4, "auto"))
	rejected(t, move(&s, 1, "red"), game.ErrTeamFull)
}

// Whatever frees a seat or opens the session reserves it for the first who waits for it.
func TestMoveUp(t *testing.T) {
	t.Parallel()
	type rule func(*game.Session) ([]game.Change, error)
	reserved := []game.Change{
		game.WaitListLeft{PlayerID: player(4), Reason: game.WaitSeated}, game.SeatReservedFor{PlayerID: player(4)},
	}
	full := with{seats(2), seat(2, "joined", "", 1), waits(4, ""), waits(5, "")}
	edit := func(how func(*game.SessionEdit)) rule {
		return func(s *game.Session) ([]game.Change, error) {
			e := game.SessionEdit{Settings: s.Settings, Timeouts: s.Timeouts, Connection: s.Connection}
			how(&e)
			return s.Edit(e)
		}
	}
	open := func(s *game.Session) ([]game.Change, error) { return s.Move(game.Move{Status: "open"}, later(60)) }
	for name, tt := range map[string]struct {
		session with // beside full
		rule    rule
		left    []int // who waits then
	}{
		"a leave": {
			nil, func(s *game.Session) ([]game.Change, error) { return s.Leave(player(2), later(60)) }, []int{5},
		},
		"a kick": {
			nil, func(s *game.Session) ([]game.Change, error) { return s.Kick(player(2), "afk", later(60)) }, []int{5},
		},
		"a ban": {
			nil,
			func(s *game.Session) ([]game.Change, error) { return s.Ban(player(2), game.BanRequest{}, later(60)) },
			[]int{5},
		},
		"an erasure": {nil, func(s *game.Session) ([]game.Change, error) {
			return s.Forget(player(2), game.RemovedErased, later(60)), nil
		}, []int{5}},
		"a reservation that ends": {
			with{func(s *game.Session) {
				s.Members[1].Status, s.Members[1].Deadline = game.SeatReserved, new(later(30))
			}},
			func(s *game.Session) ([]game.Change, error) { return s.Elapse(later(60), t0, 0), nil },
			[]int{5},
		},
		"more seats": {nil, edit(func(e *game.SessionEdit) { e.MaxPlayers = 3 }), []int{5}},
		"many seats": {nil, edit(func(e *game.SessionEdit) { e.MaxPlayers = 9 }), []int{}},
		"an unlock":  {with{seats(3), locked}, edit(func(e *game.SessionEdit) { e.Locked = false }), []int{5}},
		"joins again": {
			with{seats(3), in("in_progress")}, edit(func(e *game.SessionEdit) { e.JoinInProgress = true }), []int{5},
		},
		"reopened": {with{seats(3), in("starting")}, open, []int{5}},
		"a rematch": {
			with{seats(3), in("in_progress"), func(s *game.Session) { s.AllowRematch = true }}, open, []int{5},
		},
		"no longer ready": {
			with{seats(3), in("starting"), func(s *game.Session) {
				s.AutoStart, s.AutoStarted = true, true
				s.Members[0].Ready, s.Members[1].Ready = true, true
			}},
			func(s *game.Session) ([]game.Change, error) {
				return s.EditMember(player(2), game.MemberEdit{}, later(60))
			},
			[]int{5},
		},
		"a heartbeat": {
			with{seats(3), func(s *game.Session) { s.Liveness, s.Leased = game.Stale, true }},
			func(s *game.Session) ([]game.Change, error) { return s.Beat("", 1, later(60)) },
			[]int{5},
		},
		"another server": {
			with{seats(3), func(s *game.Session) { s.Liveness = game.Stale }},
			func(s *game.Session) ([]game.Change, error) { return s.AttachServer(game.ServerRequest{}, later(60)) },
			[]int{5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, slices.Concat(full, tt.session)...)
			if name != "a reservation that ends" { // otherwise nothing moves up before
				equal(t, 0, len(s.MoveUp(later(59))))
			}
			done, err := tt.rule(&s)
			ok(t, err)
			done = append(done, s.MoveUp(later(60))...) // as follows every change
			equal(t, tt.left, waiting(s))
			i := slices.Index(done, reserved[0])
			if i < 0 || !slices.Equal(done[i:i+2], reserved) {
				t.Errorf("what happened: %v", done)
			}
			m, err := s.Member(player(4))
			ok(t, err)
			if m.Status != game.SeatReserved || m.Deadline == nil || !m.Deadline.Equal(later(120)) {
				t.Errorf("it has the seat %+v", m)
			}
			checkSeats(t, s)
			equal(t, 0, len(s.MoveUp(later(60))))
		})
	}
}

// The order of the list holds for each team, and a full team keeps nobody from another.
func TestMoveUpByTeams(t *testing.T) {
	t.Parallel()
	red := with{teams, redIsFull}
	for name, tt := range map[string]struct {
		session      with
		left, seated []int
		team         string // of the first who is seated
	}{
		"red is full": {
			append(red, waits(4, "red"), waits(5, "blue"), waits(6, "red")), []int{4, 6}, []int{5}, "blue",
		},
		"any team has room": {append(red, waits(4, "red"), waits(5, "auto")), []int{4}, []int{5}, "blue"},
		"no team":           {append(red, waits(4, "red"), waits(5, "")), []int{4}, []int{5}, ""},
		"the last seat": {
			append(red, seats(4), waits(4, "red"), waits(5, "blue"), waits(6, "")), []int{4, 6}, []int{5}, "blue",
		},
		"no team has room": {
			append(
				red, seat(7, "joined", "blue", 1), seat(8, "joined", "blue", 1),
				waits(4, "auto"), waits(5, "blue"), waits(6, ""),
			), []int{4, 5}, []int{6}, "",
		},
		"auto without teams": {with{waits(4, "auto")}, []int{}, []int{4}, ""},
		"the team is gone": {
			with{teams, seats(2), waits(4, "green"), waits(5, "red")}, []int{}, []int{5}, "red",
		},
		"the team is gone, locked": {with{teams, locked, waits(4, "green"), waits(5, "red")}, []int{5}, nil, ""},
		"banned": {with{seats(2), waits(4, ""), waits(5, ""), func(s *game.Session) {
			s.Bans = []game.Ban{{PlayerID: player(4)}}
		}}, []int{}, []int{5}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, tt.session...)
			held := len(s.Members)
			s.MoveUp(later(60))
			equal(t, tt.left, waiting(s))
			if got := numbers(s.Members[held:], func(m game.Member) game.PlayerID { return m.PlayerID }); !slices.Equal(
				got, tt.seated,
			) {
				t.Fatalf("seats for %v, want %v", got, tt.seated)
			}
			if len(tt.seated) > 0 && s.Members[held].Team != tt.team {
				t.Errorf("in team %q, want %q", s.Members[held].Team, tt.team)
			}
			checkSeats(t, s)
		})
	}
}

// Who waits can leave the list, and is taken off it; the reasons differ.
func TestLeaveWaitList(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rule func(*game.Session) ([]game.Change, error)
		want []game.Change
	}{
		"leaves": {
			func(s *game.Session) ([]game.Change, error) { return s.Leave(player(4), t0) },
			[]game.Change{game.WaitListLeft{PlayerID: player(4), Reason: "left"}},
		},
		"is kicked": {
			func(s *game.Session) ([]game.Change, error) { return s.Kick(player(4), "afk", t0) },
			[]game.Change{game.WaitListLeft{PlayerID: player(4), Reason: "kicked", Why: "afk"}},
		},
		"is banned": {
			func(s *game.Session) ([]game.Change, error) {
				return s.Ban(player(4), game.BanRequest{Reason: "spam"}, t0)
			},
			[]game.Change{
				game.PlayerBanned{PlayerID: player(4), Why: "spam"},
				game.WaitListLeft{PlayerID: player(4), Reason: "banned", Why: "spam"},
			},
		},
		"is suspended": {
			func(s *game.Session) ([]game.Change, error) {
				return s.Forget(player(4), game.RemovedSuspended, t0), nil
			},
			[]game.Change{game.WaitListLeft{PlayerID: player(4), Reason: "suspended"}},
		},
		"is erased": {
			func(s *game.Session) ([]game.Change, error) { return s.Forget(player(4), game.RemovedErased, t0), nil },
			[]game.Change{game.WaitListLeft{PlayerID: player(4), Reason: "erased"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession(t, seats(1), waits(3, ""), waits(4, ""), waits(5, ""))
			done, err := tt.rule(&s)
			ok(t, err)
			equal(t, tt.want, done)
			equal(t, []int{3, 5}, waiting(s))
		})
	}
	s := newSession(t, seats(1), waits(3, ""))
	_, err := s.Move(game.Move{Status: "cancelled"}, later(60)) // the end ends it for all
	ok(t, err)
	equal(t, []game.Waiter{}, s.WaitList)
	equal(t, 0, len(s.MoveUp(later(60))))
}

// A reservation from the wait list is confirmed by the same request, and goes to the next if it is not.
func TestConfirmFromWaitList(t *testing.T) {
	t.Parallel()
	s := newSession(t, teams, seats(2), seat(2, "joined", "red", 1), waits(5, "red"))
	skin := game.Attributes{"skin": game.StringValue("fox")}
	j := game.JoinRequest{PlayerID: player(4), Team: "auto", Attributes: skin}
	_, _, err := s.JoinParty(game.Party{Seats: []game.JoinRequest{j}, Wait: true}, player(4), nil, later(60))
	ok(t, err)
	skin["skin"] = game.StringValue("owl") // the caller's
	_, err = s.Leave(player(2), later(61))
	ok(t, err)
	equal(t, []int{4}, waiting(s))
	s.Elapse(later(61+s.ReservationTimeout), t0, 0) // player 5 does not come
	m, err := s.Member(player(4))
	ok(t, err)
	equal(t, game.StringValue("fox"), m.Attributes["skin"])
	j.Attributes = nil
	got, done, err := s.JoinParty(game.Party{Seats: []game.JoinRequest{j}, Wait: true}, player(4), nil, later(130))
	ok(t, err)
	equal(t, []game.Seated{{PlayerID: player(4)}}, got)
	equal(t, []game.Change{game.MemberJoined{PlayerID: player(4)}}, done)
}

// A session does not start by itself in the moment in which a seat becomes free that somebody waits for.
func TestWaitListBeforeStart(t *testing.T) {
	t.Parallel()
	s := newSession(t, seats(2), seat(2, "joined", "", 1), waits(4, ""), func(s *game.Session) {
		s.AutoStart, s.Members[0].Ready = true, true
	})
	_, err := s.Leave(player(2), later(60))
	ok(t, err)
	if _, err := s.Member(player(4)); err != nil || s.Status != game.StatusOpen {
		t.Errorf("the session is %s, and who waited is no member: %v", s.Status, err)
	}
}

// A place on the wait list of a private session takes a use of its code, once, and no code after that.
func TestWaitByCode(t *testing.T) {
	t.Parallel()
	s := newSession(t, seats(1), func(s *game.Session) {
		s.Visibility, s.JoinCode = game.VisibilityPrivate, &game.JoinCode{Code: "ABC234", MaxUses: new(1)}
	})
	join := func(n int, code string) (int, error) {
		p := game.Party{Seats: asking("", n), Wait: true, Code: code}
		got, _, err := s.JoinParty(p, player(n), nil, later(60))
		if err != nil {
			return 0, err
		}
		return got[0].Position, nil
	}
	_, err := join(4, "")
	rejected(t, err, game.ErrJoinCodeRequired)
	_, err = join(4, "ABC235")
	rejected(t, err, game.ErrInvalidJoinCode)
	for _, code := range []string{"ABC234", "ABC234", "", "ABC235"} {
		position, err := join(4, code)
		ok(t, err)
		equal(t, 1, position)
		equal(t, 1, s.JoinCode.Uses)
	}
	_, err = join(5, "ABC234")
	rejected(t, err, game.ErrInvalidJoinCode)
	s.MaxPlayers = 2
	equal(t, 2, len(s.MoveUp(later(60))))
	_, err = join(4, "")
	ok(t, err)
	equal(t, 1, s.JoinCode.Uses)
}

// An invitation of a player who waits is for the seat that it waits for, and passes nobody.
func TestInviteWhoWaits(t *testing.T) {
	t.Parallel()
	s := newSession(t, teams, redIsFull, waits(4, "red"))
	_, err := s.Invite(player(4), game.InviteRequest{}, later(60))
	rejected(t, err, game.ErrTeamFull)
	s = newSession(t, teams, waits(4, "red"), waits(5, ""))
	_, err = s.Invite(player(6), game.InviteRequest{}, later(60))
	rejected(t, err, game.ErrSessionFull)
	_, err = s.Invite(player(4), game.InviteRequest{}, later(60))
	ok(t, err)
	m, err := s.Member(player(4))
	if ok(t, err); m.Team != "red" || m.Status != game.SeatReserved {
		t.Errorf("invited as %+v", m)
	}
	equal(t, []int{}, waiting(s)) // player 5 had its turn too
}
