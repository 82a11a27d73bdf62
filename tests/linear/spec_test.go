package linear

import (
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const soon = 10 * time.Second

// story is a history that is written down by hand. Player 0 hosts a session of two seats, unless it says otherwise.
type story struct {
	History
	at int64
}

func newStory(settings Lobby) *story {
	if settings.MaxPlayers == 0 {
		settings.MaxPlayers = 2
	}
	return &story{History: History{Initial: World{New(settings, 0)}}}
}

// then adds an operation that begins when all before it have returned.
func (s *story) then(o Operation, r Result) *story {
	s.at += 10
	return s.during(s.at, s.at+5, o, r)
}

// pending adds an operation that begins now and of which nothing was heard.
func (s *story) pending(o Operation) *story {
	s.at += 10
	return s.during(s.at, Pending, o, Result{Unknown: true})
}

func (s *story) during(call, end int64, o Operation, r Result) *story {
	o.ID = len(s.Operations) + 1
	s.Operations = append(s.Operations, porcupine.Operation{
		ClientId: o.ID, Input: o, Output: r, Call: call, Return: end,
	})
	return s
}

func joins(players ...int) Operation { return Operation{Kind: Join, Actor: Nobody, Players: players} }
func reads() Operation               { return Operation{Kind: Read, Actor: Nobody} }
func leaves(player int) Operation {
	return Operation{Kind: Leave, Actor: player, Players: []int{player}}
}

func reserves(players ...int) Operation {
	o := joins(players...)
	o.Reserve = true
	return o
}

// with returns the lobby at a version with a host and its members, all of whom have joined.
func with(version, fence int64, host int, members ...int) Lobby {
	l := Lobby{Version: version, Fence: fence, Status: Open, Host: host, MaxPlayers: 2, Held: len(members)}
	for i, p := range members {
		l.Members[i] = Member{Player: p, Status: Joined}
	}
	return l
}

func shows(status int, l Lobby) Result { return Result{Status: status, Version: l.Version, Lobby: &l} }

func rejected(code string) Result { return Result{Status: statuses[code], Code: code} }

var left = Result{Status: 204}

// Histories that can be explained.
func TestGoodHistories(t *testing.T) {
	t.Parallel()
	two := with(2, 1, 0, 0, 1)
	lost := with(3, 2, 1, 1)
	for name, s := range map[string]*story{
		"the last seat": newStory(Lobby{}).then(joins(1), shows(201, two)).then(joins(2), rejected("session_full")),
		"joins again":   newStory(Lobby{}).then(joins(1), shows(201, two)).then(joins(1), shows(200, two)),
		"the host leaves": newStory(Lobby{}).then(joins(1), shows(201, two)).then(leaves(0), left).
			then(reads(), shows(200, lost)),
		"a cut request that had no effect": newStory(Lobby{}).pending(joins(1)).
			then(joins(2), shows(201, with(2, 1, 0, 0, 2))).then(reads(), shows(200, with(2, 1, 0, 0, 2))),
		"a cut request that had one at once": newStory(Lobby{}).pending(joins(1)).
			then(joins(2), rejected("session_full")).then(reads(), shows(200, two)),
		"a cut request that had one late": newStory(Lobby{}).pending(joins(1)).
			then(reads(), shows(200, with(1, 1, 0, 0))).then(reads(), shows(200, two)),
		"at the same time": newStory(Lobby{}).during(1, 9, joins(1), rejected("session_full")).
			during(2, 8, joins(2), shows(201, with(2, 1, 0, 0, 2))),
		"a party that does not fit": newStory(Lobby{}).then(joins(1, 2), rejected("session_full")).
			then(reads(), shows(200, with(1, 1, 0, 0))),
	} {
		if got := s.Check(soon); got != porcupine.Ok {
			t.Errorf("%s: %v\n%v", name, got, s)
		}
	}
}

// Histories of services with a fault.
func TestFaults(t *testing.T) {
	t.Parallel()
	two := with(2, 1, 0, 0, 1)
	other := with(2, 1, 0, 0, 2)
	three := with(3, 1, 0, 0, 1)
	three.Members[2] = Member{Player: 2, Status: Joined}
	three.Held = 3
	locked := with(2, 1, 0, 0)
	locked.Locked = true
	stay := with(3, 1, 0, 1)
	matching := joins(2)
	matching.Fence = 1
	for name, s := range map[string]*story{
		"one seat too many": newStory(Lobby{}).then(joins(1), shows(201, two)).then(joins(2), shows(201, three)),
		"the last seat sold twice": newStory(Lobby{}).during(1, 9, joins(1), shows(201, two)).
			during(2, 8, joins(2), shows(201, other)),
		"a lost write": newStory(Lobby{}).then(joins(1), shows(201, two)).
			then(reads(), shows(200, with(1, 1, 0, 0))),
		"a lost departure": newStory(Lobby{}).then(joins(1), shows(201, two)).then(leaves(1), left).
			then(reads(), shows(200, two)),
		"twice the effect":             newStory(Lobby{}).then(joins(1), shows(201, with(3, 1, 0, 0, 1))),
		"an effect of nobody":          newStory(Lobby{}).then(reads(), shows(200, two)),
		"an effect before its request": newStory(Lobby{}).then(reads(), shows(200, two)).pending(joins(1)),
		"half of a party": newStory(Lobby{}).then(joins(1, 2), rejected("session_full")).
			then(reads(), shows(200, two)),
		"rejected and yet done": newStory(Lobby{}).then(joins(1), rejected("session_locked")).
			then(reads(), shows(200, two)),
		"full while a seat is free": newStory(Lobby{}).then(joins(1), rejected("session_full")),
		"the office stays with one who left": newStory(Lobby{}).then(joins(1), shows(201, two)).then(leaves(0), left).
			then(reads(), shows(200, stay)),
		"a lock that does not hold": newStory(Lobby{}).
			then(Operation{Kind: Settings, Actor: Nobody, Locked: new(true)}, shows(200, locked)).
			then(joins(1), shows(201, with(3, 1, 0, 0, 1))),
		"a ban that does not hold": newStory(Lobby{}).
			then(Operation{Kind: Ban, Actor: Nobody, Players: []int{1}}, Result{Status: 200, Version: 2}).
			then(joins(1), rejected("session_full")),
		"a stale condition": newStory(Lobby{}).then(joins(1), shows(201, two)).then(Operation{
			Kind: Settings, Actor: Nobody, Locked: new(false), IfMatch: 1,
		}, shows(200, two)),
		"a stale fence": newStory(Lobby{}).then(joins(1), shows(201, two)).then(leaves(0), left).
			then(matching, shows(201, with(4, 2, 1, 1, 2))),
		"an order that two saw differently": newStory(Lobby{}).pending(joins(1)).pending(joins(2)).
			then(reads(), shows(200, two)).then(reads(), shows(200, other)),
	} {
		if got := s.Check(soon); got != porcupine.Illegal {
			t.Errorf("%s: %v\n%v", name, got, s)
		}
	}
}

// A reservation is held until its deadline, and not after it.
func TestExpiryInHistories(t *testing.T) {
	t.Parallel()
	reserved := with(2, 1, 0, 0, 1)
	reserved.Members[1].Status = Reserved
	free := with(3, 1, 0, 0)
	confirmed := with(3, 1, 0, 0, 1)
	expires := Operation{Kind: Expire, Reservation: 2}
	for name, test := range map[string]struct {
		*story
		want porcupine.CheckResult
	}{
		"in time": {newStory(Lobby{}).then(reserves(1), shows(201, reserved)).during(100, 200, expires, Result{}).
			during(20, 30, reads(), shows(200, reserved)).during(300, 310, reads(), shows(200, free)), porcupine.Ok},
		"early": {newStory(Lobby{}).then(reserves(1), shows(201, reserved)).during(100, 200, expires, Result{}).
			during(20, 30, reads(), shows(200, free)), porcupine.Illegal},
		"late": {newStory(Lobby{}).then(reserves(1), shows(201, reserved)).during(100, 200, expires, Result{}).
			during(300, 310, reads(), shows(200, reserved)), porcupine.Illegal},
		"confirmed": {newStory(Lobby{}).then(reserves(1), shows(201, reserved)).during(100, 200, expires, Result{}).
			then(joins(1), shows(200, confirmed)).during(300, 310, reads(), shows(200, confirmed)), porcupine.Ok},
		"confirmed and yet lost": {newStory(Lobby{}).then(reserves(1), shows(201, reserved)).
			during(100, 200, expires, Result{}).then(joins(1), shows(200, confirmed)).
			during(300, 310, reads(), shows(200, with(4, 1, 0, 0))), porcupine.Illegal},
	} {
		if got := test.Check(soon); got != test.want {
			t.Errorf("%s: %v, want %v\n%v", name, got, test.want, test.story)
		}
	}
}

// The smallest part of a history ends with what cannot be explained, and has nothing that does not matter.
func TestMinimal(t *testing.T) {
	t.Parallel()
	s := newStory(Lobby{}).then(reads(), shows(200, with(1, 1, 0, 0))).then(joins(1), shows(201, with(2, 1, 0, 0, 1)))
	for range 20 {
		s.then(joins(2), rejected("session_full")).then(reads(), shows(200, with(2, 1, 0, 0, 1)))
	}
	s.pending(leaves(1)).then(joins(3), shows(201, with(3, 1, 0, 0, 3))).then(reads(), shows(200, with(1, 1, 0, 0)))
	least := s.Minimal(soon)
	if len(least.Operations) > 3 || !strings.Contains(least.String(), "server: join 3") {
		t.Errorf("%d operations are left:\n%v", len(least.Operations), least)
	}
	path := t.TempDir() + "/page.html"
	if err := least.WritePage(path, soon); err != nil {
		t.Error(err)
	}
}
