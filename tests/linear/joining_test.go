package linear

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// The operations of the stories.
func waitsFor(player int, team string) Operation {
	return Operation{Kind: Join, Actor: Nobody, Players: []int{player}, Wait: true, Team: team}
}

func uses(player int, code int64) Operation {
	return Operation{Kind: Join, Actor: player, Players: []int{player}, Code: code}
}

func (o Operation) in(session int) Operation {
	o.Session = session
	return o
}

func (o Operation) by(actor int) Operation {
	o.Actor = actor
	return o
}

// and returns the lobby with reservations and then those who wait for any seat.
func (l Lobby) and(reserved []int, waiting ...int) Lobby {
	for _, p := range reserved {
		l.Members[l.Held] = Member{Player: p, Status: Reserved}
		l.Held++
	}
	for i, p := range waiting {
		l.WaitList[i] = Waiter{Player: p, Position: i + 1}
	}
	l.Waiting = len(waiting)
	return l
}

func queued(position int, l Lobby) Result {
	r := shows(202, l)
	r.Position = position
	return r
}

// full returns a story of a session with two seats that are held, for which others wait.
func full(waiting ...int) *story {
	s := newStory(Lobby{}).then(joins(1), shows(201, with(2, 1, 0, 0, 1)))
	for i, p := range waiting {
		s.then(waitsFor(p, ""), queued(i+1, with(int64(3+i), 1, 0, 0, 1).and(nil, waiting[:i+1]...)))
	}
	return s
}

func TestWaitListsInHistories(t *testing.T) {
	t.Parallel()
	lock := Operation{Kind: Settings, Actor: Nobody, Locked: new(true)}
	locked := func(version int64, is bool, l Lobby) Lobby {
		l.Version, l.Locked = version, is
		return l
	}
	over := with(4, 1, 0, 0, 1)
	over.Status = Cancelled
	for name, test := range map[string]struct {
		*story
		good, wrong Result
		last        Operation
	}{
		"the first is seated": {
			full(2, 3).then(leaves(1), left), shows(200, with(5, 1, 0, 0).and([]int{2}, 3)),
			shows(200, with(5, 1, 0, 0).and([]int{3}, 2)), reads(),
		},
		"in the same write": {
			full(2).then(leaves(1), left), shows(200, with(4, 1, 0, 0).and([]int{2})),
			shows(200, with(4, 1, 0, 0).and(nil, 2)), reads(),
		},
		"nobody passes": {
			full(2).then(leaves(1), left), rejected("session_full"), shows(201, with(5, 1, 0, 0, 3)), joins(3),
		},
		"who left is not seated": {
			full(2, 3).then(leaves(2), left).then(leaves(1), left), shows(200, with(6, 1, 0, 0).and([]int{3})),
			shows(200, with(6, 1, 0, 0).and([]int{2}, 3)), reads(),
		},
		"who was banned is not seated": {
			full(2, 3).then(Operation{Kind: Ban, Actor: Nobody, Players: []int{2}}, Result{Status: 200, Version: 5}).
				then(leaves(1).by(1), left), rejected("player_banned"),
			shows(200, with(6, 1, 0, 0).and([]int{2}, 3)), joins(2),
		},
		"not while it is locked": {
			full(2).then(lock, shows(200, locked(4, true, with(4, 1, 0, 0, 1).and(nil, 2)))).then(leaves(1), left),
			shows(200, locked(5, true, with(5, 1, 0, 0).and(nil, 2))),
			shows(200, locked(5, true, with(5, 1, 0, 0).and([]int{2}))), reads(),
		},
		"confirmed": {
			full(2).then(leaves(1), left), shows(200, with(5, 1, 0, 0, 2)), queued(1, with(5, 1, 0, 0).and(nil, 2)),
			waitsFor(2, ""),
		},
		"the end": {
			full(2).then(Operation{Kind: Move, Actor: Nobody, Status: Cancelled}, shows(200, over)),
			shows(200, over), shows(200, over.and(nil, 2)), reads(),
		},
		"sees only itself": {
			full(2, 3), shows(200, func() Lobby {
				l := with(4, 1, 0, 0, 1).and(nil, 3)
				l.WaitList[0].Position = 2
				return l
			}()), shows(200, with(4, 1, 0, 0, 1).and(nil, 2, 3)), reads().by(3),
		},
	} {
		test.judge(t, name, test.last, test.good, test.wrong)
	}
}

// judge checks that a history can be explained if its last operation has one result, and not if it has another.
func (s *story) judge(t *testing.T, name string, last Operation, good, wrong Result) {
	t.Helper()
	s.then(last, good)
	if got := s.Check(soon); got != porcupine.Ok {
		t.Errorf("%s: %v\n%v", name, got, s)
	}
	s.Operations[len(s.Operations)-1].Output = wrong
	if got := s.Check(soon); got != porcupine.Illegal {
		t.Errorf("%s, but wrong: %v\n%v", name, got, s)
	}
}

// Who waits for a team does not keep others from another, and is not passed by those who wait for it later.
func TestTeamsInHistories(t *testing.T) {
	t.Parallel()
	seated := with(2, 1, 0, 0, 1)
	seated.MaxPlayers, seated.TeamSeats, seated.Members[1].Team = 3, 1, Red
	red := joins(1)
	red.Team = Red
	waiting := seated.and(nil, 2)
	waiting.Version, waiting.WaitList[0].Team = 3, Red
	s := newStory(Lobby{MaxPlayers: 3, TeamSeats: 1}).then(red, shows(201, seated)).
		then(waitsFor(2, Red), queued(1, waiting))
	beside := waiting
	beside.Version, beside.Members[2], beside.Held = 4, Member{Player: 3, Status: Joined, Team: Blue}, 3
	auto := joins(3)
	auto.Team = Auto
	s.judge(t, "another team", auto, shows(201, beside), rejected("team_full"))
	s.Operations = s.Operations[:2]
	red.Players = []int{3}
	s.judge(t, "the same team", red, rejected("team_full"), shows(201, beside))
	s.Operations = s.Operations[:2]
	moved := Member{Player: 0, Status: Joined, Team: Blue}
	to := Operation{Kind: Edit, Actor: Nobody, Players: []int{0}, Moves: true, Team: Blue}
	s.judge(t, "moves", to, Result{Status: 200, Version: 4, Member: &moved}, rejected("team_full"))
}

func TestJoinCodesInHistories(t *testing.T) {
	t.Parallel()
	rotate := Operation{Kind: Rotate, Actor: Nobody, MaxUses: 1}
	made := Result{Status: 200, Version: 2, JoinCode: &JoinCode{Made: 2, MaxUses: 1}}
	used := with(3, 1, 0, 0, 1)
	used.MaxPlayers, used.Private, used.Code = 3, true, JoinCode{Made: 2, MaxUses: 1, Uses: 1}
	second := used
	second.Version, second.Code.Uses, second.Members[2], second.Held = 4, 2, Member{Player: 2, Status: Joined}, 3
	twice := used
	twice.Code.Uses = 2
	again := Result{Status: 200, Version: 4, JoinCode: &JoinCode{Made: 4}}
	old := second
	old.Version, old.Code = 5, JoinCode{Made: 4, Uses: 1}
	private := func() *story {
		return newStory(Lobby{MaxPlayers: 3, Private: true}).then(rotate, made)
	}
	private().judge(t, "once", uses(1, 2), shows(201, used), shows(201, twice))
	private().judge(t, "without", uses(1, 0), rejected("join_code_required"), shows(201, used))
	private().judge(t, "wrong", uses(1, WrongCode), rejected("invalid_join_code"), shows(201, used))
	private().then(uses(1, 2), shows(201, used)).
		judge(t, "used up", uses(2, 2), rejected("invalid_join_code"), shows(201, second))
	private().then(uses(1, 2), shows(201, used)).
		judge(t, "again", uses(1, 2), shows(200, used), rejected("invalid_join_code"))
	private().then(uses(1, 2), shows(201, used)).then(Operation{Kind: Rotate, Actor: Nobody}, again).
		judge(t, "the old one", uses(2, 2), rejected("invalid_join_code"), shows(201, old))
}

// A player has one place in exclusive sessions, from when it joins or reserves a seat itself.
func TestExclusiveSessionsInHistories(t *testing.T) {
	t.Parallel()
	two := func() *story {
		a := New(Lobby{MaxPlayers: 2, Exclusive: true}, 0)
		b := New(Lobby{MaxPlayers: 2, Exclusive: true}, 1)
		return &story{History: History{Initial: World{a, b}}}
	}
	in := func(l Lobby) Lobby {
		l.Exclusive = true
		return l
	}
	first, second := in(with(2, 1, 0, 0, 2)), in(with(2, 1, 1, 1, 2))
	reserved := in(with(2, 1, 1, 1).and([]int{2}))
	two().then(joins(2), shows(201, first)).
		judge(t, "elsewhere", joins(2).in(1), rejected(inOther), shows(201, second))
	two().then(joins(2), shows(201, first)).then(leaves(2), left).
		judge(t, "freed", joins(2).in(1), shows(201, second), rejected(inOther))
	two().then(joins(2), shows(201, first)).
		judge(t, "reserved by another", reserves(2).in(1), shows(201, reserved), rejected(inOther))
	two().then(reserves(2).by(2), shows(201, in(with(2, 1, 0, 0).and([]int{2})))).
		judge(t, "reserved by itself", joins(2).in(1), rejected(inOther), shows(201, second))
	second.Version = 3
	two().then(joins(2), shows(201, first)).then(reserves(2).in(1), shows(201, reserved)).
		judge(t, "confirms", joins(2).in(1), rejected(inOther), shows(200, second))
}
