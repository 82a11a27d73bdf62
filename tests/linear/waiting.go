package linear

import "slices"

// emptiest returns the team that auto is.
func (l *Lobby) emptiest() string {
	if l.inTeam(Red) < l.inTeam(Blue) {
		return Red
	}
	return Blue
}

// room returns the team in which one who asks for a team would get a seat, or the code of the error if there is none.
func (l *Lobby) room(team, auto string) (in, code string) {
	if team == Auto {
		team = auto
	}
	switch {
	case l.Held >= l.MaxPlayers:
		return "", "session_full"
	case team != "" && l.inTeam(team) >= l.TeamSeats:
		return "", "team_full"
	}
	return team, ""
}

func (l *Lobby) inTeam(team string) int {
	n := 0
	for _, m := range l.Members[:l.Held] {
		if m.Team == team {
			n++
		}
	}
	return n
}

// waits returns the index of the player's place on the wait list, or -1.
func (l *Lobby) waits(player int) int {
	return slices.IndexFunc(l.WaitList[:l.Waiting], func(w Waiter) bool { return w.Player == player })
}

// passes reports whether a member who changes its team would take a seat of the new one that is left for those who
// wait. It frees one of its own team, so that it takes none from those who wait for any, unless it had no team.
func (l *Lobby) passes(from, to string) bool {
	left, wanted := l.TeamSeats-l.inTeam(to)-1, 0
	for _, w := range l.WaitList[:l.Waiting] {
		if w.Team == to || w.Team == Auto && from == "" {
			wanted++
		}
	}
	return wanted > 0 && left < wanted
}

// stopWaiting takes a player off the wait list.
func (l *Lobby) stopWaiting(player int) {
	i := l.waits(player)
	if i < 0 {
		return
	}
	copy(l.WaitList[i:], l.WaitList[i+1:l.Waiting])
	l.Waiting--
	l.WaitList[l.Waiting] = Waiter{}
}

// promote reserves the seats that are available for those who wait, in their order, by the version of l. One for whose
// team there is no room keeps its place, and does not keep others from seats for which it does not wait.
func (l *Lobby) promote() {
	if l.accepts() != "" {
		return
	}
	list, waiting := l.WaitList, l.Waiting
	for _, w := range list[:waiting] {
		team, code := l.room(w.Team, l.emptiest())
		if code != "" {
			continue
		}
		l.stopWaiting(w.Player)
		l.Members[l.Held] = Member{
			Player: w.Player, Team: team, Status: Reserved, since: l.Version, reservation: l.Version,
		}
		l.Held++
	}
}
