package tests_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"game-session-manager/tests/linear"
)

// weight is how often a kind of operation is chosen.
type weight struct {
	kind linear.Kind
	of   int
}

// choose returns a random operation, of those that are more or less likely to succeed on the session as it was seen.
func (s *lineage) choose(random *rand.Rand) linear.Operation {
	session := random.IntN(len(s.ids))
	seen := s.seen[session].Load()
	o := linear.Operation{ID: s.newID(), Kind: chosen(random, s.weights), Session: session, Actor: linear.Nobody}
	once := func(in int) bool { return random.IntN(in) == 0 }
	player := random.IntN(len(s.players))
	if member := seen.Members[random.IntN(max(seen.Held, 1))]; seen.Held > 0 && o.Kind != linear.Join && !once(5) {
		player = member.Player
	}
	if waiter := seen.WaitList[random.IntN(max(seen.Waiting, 1))]; seen.Waiting > 0 && once(10) {
		player = waiter.Player
	}
	o.Players = []int{player}
	switch o.Kind {
	case linear.Read, linear.Expire:
		if o.Players = nil; once(3) {
			o.Actor = player
		}
		return o
	case linear.Join:
		s.chooseJoin(random, &o)
		return o
	case linear.Leave:
		o.Ban = once(12)
	case linear.Unban:
		if banned := slices.Collect(bannedIn(seen)); len(banned) > 0 {
			o.Players[0] = banned[random.IntN(len(banned))]
		}
	case linear.Edit:
		if o.Seat = []string{"", "", linear.Joined, linear.Disconnected}[random.IntN(4)]; o.Seat == "" || once(4) {
			o.Ready = new(!once(4))
		}
		if seen.TeamSeats > 0 && (once(3) || seen.Waiting > 0 && !once(4)) { // who waits must not be passed
			o.Moves, o.Team = true, []string{"", linear.Red, linear.Blue}[random.IntN(3)]
		}
	case linear.Move:
		o.Status = []string{linear.Open, linear.Open, linear.Starting, linear.InProgress}[random.IntN(4)]
		if once(15) {
			o.Status = []string{linear.Ended, linear.Cancelled, linear.Failed}[random.IntN(3)]
		}
	case linear.Settings:
		if o.Locked = new(once(3)); once(2) {
			o.Locked, o.Seats = nil, max(3, seen.MinPlayers)+random.IntN(linearSeats-2)
		}
		if seen.TeamSeats > 0 && once(3) {
			o.TeamSeats = 1 + random.IntN(linearSeats/2)
		}
	case linear.Invite:
		if o.Players[0] = s.newcomer(random, seen); once(3) {
			o.Seconds = s.inviteSeconds(random)
		}
	case linear.Rotate:
		if !once(4) {
			o.MaxUses = 1 + random.IntN(4)
		}
	default:
	}
	switch {
	case once(3):
		o.Actor = player
	case once(3) && seen.Host != linear.Nobody:
		o.Actor = seen.Host
	}
	if (o.Kind == linear.Leave || o.Kind == linear.Ban) && o.Actor == player {
		o.Ban = false // nobody bans itself
	}
	if once(6) && o.Kind != linear.Leave {
		o.IfMatch = seen.Version
	}
	if once(8) {
		o.Fence = seen.Fence
	}
	return o
}

// newcomer returns a random player, most often one who is not in the session.
func (s *lineage) newcomer(random *rand.Rand, seen *linear.Lobby) int {
	player := random.IntN(len(s.players))
	for seen.Member(player) >= 0 && random.Float64() >= s.rejoins && seen.Held < len(s.players) {
		player = random.IntN(len(s.players))
	}
	return player
}

// inviteSeconds returns the time to accept an invitation, which is near that of other reservations.
func (s *lineage) inviteSeconds(random *rand.Rand) int {
	if s.confirm > linearLongest {
		return int(s.confirm / time.Second)
	}
	return int(s.confirm/time.Second) - 2 + random.IntN(3)
}

// chooseJoin chooses who joins, and how.
func (s *lineage) chooseJoin(random *rand.Rand, o *linear.Operation) {
	once := func(in int) bool { return random.IntN(in) == 0 }
	seen := s.seen[o.Session].Load()
	o.Players[0] = s.newcomer(random, seen)
	if once(3) {
		o.Players = random.Perm(len(s.players))[:1+random.IntN(3)]
		o.Partial = once(4)
	}
	if seen.TeamSeats > 0 && once(2) {
		o.Team = []string{linear.Red, linear.Blue, linear.Auto}[random.IntN(3)]
	}
	if o.Team == linear.Auto && o.Partial {
		o.Team = "" // for which of them it has room is not said
	}
	o.Reserve = random.Float64() < s.reserves
	switch {
	case once(3):
		o.Actor = o.Players[random.IntN(len(o.Players))]
	case once(6) && (len(o.Players) > 1 || o.Reserve):
		o.Actor = random.IntN(len(s.players))
	}
	if len(o.Players) == 1 && !o.Partial && once(2) {
		o.Wait, o.Reserve = true, false
	}
	if seen.Private && !once(4) || once(4) {
		s.chooseCode(random, o)
	}
	if once(12) && !o.ByCode {
		o.Fence = seen.Fence
	}
}

// chooseCode chooses a join code, most often the newest of the session. Few are wrong, because guesses are limited.
func (s *lineage) chooseCode(random *rand.Rand, o *linear.Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.codes {
		if c.session == o.Session && (o.Code == 0 || random.IntN(15) > 0) {
			o.Code = int64(i + 1)
		}
	}
	if random.IntN(40) == 0 {
		o.Code = linear.WrongCode
	}
	o.ByCode = o.Code != 0 && random.IntN(2) == 0
}

func bannedIn(l *linear.Lobby) func(func(int) bool) {
	return func(yield func(int) bool) {
		for p := range linear.Players {
			if l.Banned(p) && !yield(p) {
				return
			}
		}
	}
}

func chosen(random *rand.Rand, weights []weight) linear.Kind {
	sum := 0
	for _, w := range weights {
		sum += w.of
	}
	n := random.IntN(sum)
	for _, w := range weights {
		if n -= w.of; n < 0 {
			return w.kind
		}
	}
	panic("unreachable")
}
