package linear

import (
	"fmt"
	"slices"
	"strings"
)

// Players is the number of players that a history may have, and so of the seats of a service that gives away too many.
// It keeps a state small, so that checks are fast.
const Players = 16

// Nobody is the host of a session without one, and the actor of a request by a server.
const Nobody = -1

// The statuses of sessions and of members that the specification knows.
const (
	Open       = "open"
	Starting   = "starting"
	InProgress = "in_progress"
	Ended      = "ended"
	Cancelled  = "cancelled"
	Failed     = "failed"

	Reserved     = "reserved"
	Joined       = "joined"
	Disconnected = "disconnected"
)

// The teams of sessions that have some, and the wish for any of them.
const (
	Red  = "red"
	Blue = "blue"
	Auto = "auto"
)

// Member is a seat that is held.
type Member struct {
	Player int
	Status string
	Team   string // or empty
	Ready  bool

	since       int64 // the version by which it joined or confirmed
	reservation int64 // the version that reserved the seat, or last set its deadline
	own         bool  // the player reserved the seat itself
}

// Waiter is a place on the wait list.
type Waiter struct {
	Player   int
	Team     string // Auto for any team, empty for any seat
	Position int    // from 1, as clients see it; 0 in a state
}

// JoinCode is the join code of a session. The zero value is none.
type JoinCode struct {
	Made    int64 // the version that made it, which stands for its characters
	MaxUses int   // 0 for any number
	Uses    int
}

// Lobby is a session as a client sees it. It is comparable, which makes it a state of the checker. Sessions allow a
// rematch and begin with a player as host.
type Lobby struct {
	Version, Fence int64
	Status         string
	Host           int // or Nobody
	Locked         bool
	JoinInProgress bool
	AutoStart      bool
	AutoStarted    bool
	Server         bool // it has a connection
	MaxPlayers     int
	MinPlayers     int
	Private        bool
	Exclusive      bool
	TeamSeats      int // of each team; 0 for a session without teams
	Held           int
	Members        [Players]Member // the first Held are valid
	Waiting        int
	WaitList       [Players]Waiter // the first Waiting are valid
	Code           JoinCode
	Bans           uint64 // a bit for each player

	elapsed   bool   // the last step was one of time
	elsewhere uint64 // during a step: a bit for each player who is in another exclusive session
}

// New returns the session that a player creates with the settings of l.
func New(l Lobby, host int) Lobby {
	l.Version, l.Fence, l.Status, l.Host, l.Held = 1, 1, Open, host, 1
	l.Members[0] = Member{Player: host, Status: Joined, since: 1}
	return l
}

// View returns l as the actor sees it, without what only the specification knows. Players who do not host the session
// see no bans, and of the wait list only their own place; those who are not in it see no connection and no join code.
func (l Lobby) View(actor int) Lobby {
	for i := range l.Members {
		l.Members[i] = l.Members[i].view()
	}
	all := actor == Nobody || actor == l.Host
	if !all {
		l.Bans = 0
	}
	list, waiting := l.WaitList, l.Waiting
	l.WaitList, l.Waiting = [Players]Waiter{}, 0
	for i, w := range list[:waiting] {
		if w.Position = i + 1; all || w.Player == actor {
			l.WaitList[l.Waiting] = w
			l.Waiting++
		}
	}
	if actor != Nobody && l.Member(actor) < 0 {
		l.Server, l.Code = false, JoinCode{}
	}
	l.elapsed, l.elsewhere = false, 0
	return l
}

// view returns m as clients see it.
func (m Member) view() Member {
	m.since, m.reservation, m.own = 0, 0, false
	return m
}

// Terminal reports whether the session is over.
func (l *Lobby) Terminal() bool {
	return l.Status == Ended || l.Status == Cancelled || l.Status == Failed
}

// Member returns the index of the player's seat, or -1.
func (l *Lobby) Member(player int) int {
	return slices.IndexFunc(l.Members[:l.Held], func(m Member) bool { return m.Player == player })
}

// Banned reports whether the player may not join.
func (l *Lobby) Banned(player int) bool { return l.Bans&(1<<player) != 0 }

// remove takes the player's seat or place on the wait list.
func (l *Lobby) remove(player int) {
	l.stopWaiting(player)
	i := l.Member(player)
	if i < 0 {
		return
	}
	copy(l.Members[i:], l.Members[i+1:l.Held])
	l.Held--
	l.Members[l.Held] = Member{}
}

// accepts returns the code of the error for all newcomers, or "".
func (l *Lobby) accepts() string {
	switch {
	case l.Status != Open && (l.Status != InProgress || !l.JoinInProgress):
		return "session_not_joinable"
	case l.Locked:
		return "session_locked"
	}
	return ""
}

// enter changes the status. A session that is over has no wait list and no join code.
func (l *Lobby) enter(status string) {
	if l.Status, l.AutoStarted = status, false; l.Terminal() {
		l.WaitList, l.Waiting, l.Code = [Players]Waiter{}, 0, JoinCode{}
	}
}

// settled returns what l may be once everything has followed from a change: seats that are available are reserved for
// those who wait, the session starts if all are ready, and it has a host if a member has joined. Who waits comes before
// the start, so that a session does not start without those for whom it has a seat.
func (l Lobby) settled() []Lobby {
	l.promote()
	ready := l.Held >= max(l.MinPlayers, 1)
	for _, m := range l.Members[:l.Held] {
		ready = ready && m.Status == Joined && m.Ready
	}
	switch {
	case l.AutoStart && ready && l.Status == Open && l.Server:
		l.enter(Starting)
		l.AutoStarted = true
	case l.AutoStart && ready && l.Status == Open:
		l.enter(InProgress)
	case l.Status == Starting && l.AutoStarted && !ready:
		l.enter(Open)
	}
	l.promote() // into what opened again
	if l.Member(l.Host) >= 0 {
		return []Lobby{l}
	}
	heirs := l.heirs()
	if len(heirs) == 0 {
		if l.Host == Nobody {
			return []Lobby{l}
		}
		heirs = []int{Nobody}
	}
	l.Fence++
	all := make([]Lobby, len(heirs))
	for i, heir := range heirs {
		all[i] = l
		all[i].Host = heir
	}
	return all
}

// heirs returns who may become host: the member who joined first. Times are in milliseconds, and of those who joined
// in the same one it is the one who took the seat first. So one who confirmed a reservation right after another joined
// may come before that one or not.
func (l *Lobby) heirs() []int {
	first := -1
	for i, m := range l.Members[:l.Held] {
		if m.Status == Joined && (first < 0 || m.since < l.Members[first].since) {
			first = i
		}
	}
	var heirs []int
	for i, m := range l.Members[:l.Held] {
		if m.Status == Joined && i <= first {
			heirs = append(heirs, m.Player)
		}
	}
	return heirs
}

// String returns l in a line.
func (l Lobby) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "v%d fence %d %s", l.Version, l.Fence, l.Status)
	for _, flag := range []struct {
		is   bool
		name string
	}{
		{l.Locked, "locked"},
		{l.AutoStart, "auto_start"},
		{l.AutoStarted, "auto_started"},
		{l.Server, "server"},
		{l.JoinInProgress, "join_in_progress"},
		{l.Private, "private"},
		{l.Exclusive, "exclusive"},
	} {
		if flag.is {
			b.WriteString(" " + flag.name)
		}
	}
	fmt.Fprintf(&b, " %d/%d seats, at least %d, host %d [", l.Held, l.MaxPlayers, l.MinPlayers, l.Host)
	for i, m := range l.Members[:l.Held] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(m.String())
	}
	b.WriteString("]")
	if l.TeamSeats > 0 {
		fmt.Fprintf(&b, " %d seats a team", l.TeamSeats)
	}
	for _, w := range l.WaitList[:l.Waiting] {
		fmt.Fprintf(&b, " waiting %d %s", w.Player, w.Team)
	}
	if l.Code != (JoinCode{}) {
		b.WriteString(" " + l.Code.String())
	}
	for player := range Players {
		if l.Banned(player) {
			fmt.Fprintf(&b, " banned %d", player)
		}
	}
	return b.String()
}

// String returns m in some words.
func (m Member) String() string {
	s := fmt.Sprintf("%d %s", m.Player, m.Status)
	if m.Team != "" {
		s += " " + m.Team
	}
	if m.Ready {
		s += " ready"
	}
	return s
}

// String returns c in some words.
func (c JoinCode) String() string {
	return fmt.Sprintf("code of v%d, %d of %d uses", c.Made, c.Uses, c.MaxUses)
}
