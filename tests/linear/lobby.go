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

// Member is a seat that is held.
type Member struct {
	Player int
	Status string
	Ready  bool

	since       int64 // the version by which it joined or confirmed
	reservation int   // the operation that reserved the seat
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
	Held           int
	Members        [Players]Member // the first Held are valid
	Bans           uint64          // a bit for each player

	elapsed bool // the last step was one of time
}

// New returns the session that a player creates with the settings of l.
func New(l Lobby, host int) Lobby {
	l.Version, l.Fence, l.Status, l.Host, l.Held = 1, 1, Open, host, 1
	l.Members[0] = Member{Player: host, Status: Joined, since: 1}
	return l
}

// View returns l as the actor sees it, without what only the specification knows. Players who do not host the session
// see no bans, and those who are not in it no connection.
func (l Lobby) View(actor int) Lobby {
	for i := range l.Members {
		l.Members[i].since, l.Members[i].reservation = 0, 0
	}
	if actor != Nobody && actor != l.Host {
		l.Bans = 0
	}
	l.Server = l.Server && (actor == Nobody || l.Member(actor) >= 0)
	l.elapsed = false
	return l
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

func (l *Lobby) remove(player int) {
	i := l.Member(player)
	copy(l.Members[i:], l.Members[i+1:l.Held])
	l.Held--
	l.Members[l.Held] = Member{}
}

// joinable returns the code of the error for a newcomer, or "".
func (l *Lobby) joinable(player int) string {
	switch {
	case l.Status != Open && (l.Status != InProgress || !l.JoinInProgress):
		return "session_not_joinable"
	case l.Banned(player):
		return "player_banned"
	case l.Locked:
		return "session_locked"
	case l.Held >= l.MaxPlayers:
		return "session_full"
	}
	return ""
}

// enter changes the status.
func (l *Lobby) enter(status string) { l.Status, l.AutoStarted = status, false }

// settled returns what l may be once everything has followed from a change of its members: the session starts if all
// are ready, and has a host if a member has joined.
func (l Lobby) settled() []Lobby {
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
		fmt.Fprintf(&b, "%d %s", m.Player, m.Status)
		if m.Ready {
			b.WriteString(" ready")
		}
	}
	b.WriteString("]")
	for player := range Players {
		if l.Banned(player) {
			fmt.Fprintf(&b, " banned %d", player)
		}
	}
	return b.String()
}
