package linear

import (
	"net/http"
	"slices"
)

func (l Lobby) join(o Operation) []outcome {
	if l.Terminal() {
		return l.fails("session_ended")
	}
	next, status, changed := l, http.StatusOK, false
	var left []LeftOut
	elsewhere := false
	auto := l.emptiest() // the same for all of a party
	for _, p := range o.Players {
		if slices.Contains(o.without, p) {
			continue
		}
		member := next.Member(p) >= 0
		before := next
		did, code := next.seat(o, p, auto)
		if code == inOther && !o.Partial {
			elsewhere, code = true, "" // unless another cannot be seated for a reason of this session
		}
		switch {
		case code == "" && next.waits(p) >= 0:
			return next.queued(p, did)
		case code != "" && !o.Partial:
			return l.fails(code)
		case code != "":
			next = before
			left = append(left, LeftOut{p, code})
		case !member:
			status = http.StatusCreated
		}
		changed = changed || did
	}
	if elsewhere {
		return l.fails(inOther)
	}
	all := l.succeeds(status)
	if changed {
		all = next.becomes(status)
	}
	for i := range all {
		all[i].LeftOut = left
	}
	return all
}

// queued returns the outcome of a join that leaves the player on the wait list.
func (l Lobby) queued(player int, changed bool) []outcome {
	all := l.succeeds(http.StatusAccepted)
	if changed {
		all = l.becomes(http.StatusAccepted)
	}
	for i := range all {
		all[i].Position = l.waits(player) + 1
	}
	return all
}

// seat gives a player of a join a seat, or confirms the one that it holds. One who asks to wait and finds no free seat
// is put on the wait list. If it returns the code of an error, l is of no use, unless it is that of a player in another
// session, who has the seat nevertheless.
func (l *Lobby) seat(o Operation, player int, auto string) (changed bool, code string) {
	reserve := o.reserves(player)
	if i := l.Member(player); i >= 0 {
		return l.again(i, o.Team, reserve)
	}
	team := o.Team
	i := l.waits(player)
	switch {
	case i >= 0 && team != "" && team != l.WaitList[i].Team:
		return false, "already_member"
	case i >= 0 && o.Wait:
		return false, ""
	case i >= 0:
		team, code = l.WaitList[i].Team, l.accepts()
	default:
		code = l.admits(o, player)
	}
	if code != "" {
		return false, code
	}
	in, code := l.room(team, auto)
	if code != "" && o.Wait {
		l.WaitList[l.Waiting] = Waiter{Player: player, Team: team}
		l.Waiting++
		l.use(o)
		return true, ""
	}
	if code != "" {
		return false, code
	}
	m := Member{Player: player, Team: in, Status: Joined, since: l.Version + 1}
	if reserve {
		m.Status, m.reservation, m.own = Reserved, l.Version+1, o.Actor == player
	}
	l.Members[l.Held] = m
	l.Held++
	l.use(o)
	if l.takes(m) && l.isElsewhere(m) {
		return false, inOther
	}
	return true, ""
}

// reserves reports whether a join reserves a seat for a player who is new: a player joins itself only.
func (o *Operation) reserves(player int) bool {
	return o.Reserve || o.Actor != Nobody && o.Actor != player
}

// again is a join of a member, which confirms a reservation.
func (l *Lobby) again(i int, team string, reserve bool) (changed bool, code string) {
	m := l.Members[i]
	switch {
	case team != "" && team != Auto && team != m.Team:
		return false, "already_member"
	case reserve || m.Status == Joined:
		return false, ""
	case l.isElsewhere(m):
		return false, inOther
	}
	return l.connect(i), ""
}

// connect makes a member a joined one, and reports whether it was not.
func (l *Lobby) connect(i int) bool {
	m := &l.Members[i]
	if m.Status == Joined {
		return false
	}
	if m.Status == Reserved {
		m.since, m.reservation = l.Version+1, 0
	}
	m.Status = Joined
	return true
}

// admits returns the code of the error for a player who is new, or "". Seats are another question.
func (l *Lobby) admits(o Operation, player int) string {
	closed := l.accepts()
	switch {
	case o.Code != 0 && (o.Code != l.Code.Made || l.Code.MaxUses > 0 && l.Code.Uses >= l.Code.MaxUses):
		return "invalid_join_code"
	case o.Code == 0 && l.Private && o.Actor != Nobody && o.Actor != l.Host:
		return "join_code_required"
	case closed == "session_not_joinable":
		return closed
	case l.Banned(player):
		return "player_banned"
	}
	return closed
}

// use counts a seat, or a place on the wait list, that was taken by the join code.
func (l *Lobby) use(o Operation) {
	if o.Code != 0 {
		l.Code.Uses++
	}
}

// invite reserves a seat until a deadline of its own.
func (l Lobby) invite(player int) []outcome {
	if l.Terminal() {
		return l.fails("session_ended")
	}
	if i := l.Member(player); i >= 0 {
		unchanged := aboutMember(l.succeeds(http.StatusOK), i)
		if l.Members[i].Status != Reserved {
			return unchanged
		}
		l.Members[i].reservation = l.Version + 1
		return append(unchanged, aboutMember(l.becomes(http.StatusOK), i)...) // unless it is the same millisecond
	}
	next := l
	invitation := Operation{Kind: Join, Actor: Nobody, Players: []int{player}, Reserve: true}
	if _, code := next.seat(invitation, player, next.emptiest()); code != "" {
		return l.fails(code)
	}
	return aboutMember(next.becomes(http.StatusCreated), l.Held)
}

func (l Lobby) rotate(o Operation) []outcome {
	if l.Terminal() {
		return l.fails("session_ended")
	}
	l.Code = JoinCode{Made: l.Version + 1, MaxUses: o.MaxUses}
	all := l.becomes(http.StatusOK)
	for i := range all {
		all[i].JoinCode = &all[i].lobby.Code
	}
	return all
}

func (l Lobby) uncode() []outcome {
	if l.Code == (JoinCode{}) {
		return l.succeeds(http.StatusNoContent)
	}
	l.Code = JoinCode{}
	return l.becomes(http.StatusNoContent)
}
