package linear

import (
	"net/http"
	"slices"
)

// apply returns the possible outcomes of an operation on l. There are several where times in milliseconds decide.
func (l Lobby) apply(o Operation) []outcome {
	if o.Kind == Expire {
		return l.expire(o.Reservation)
	}
	l.elapsed = false
	if o.Wait && o.Actor != Nobody && o.Actor != o.Players[0] {
		return l.fails("forbidden") // whichever session it is
	}
	if o.Kind == Join && o.ByCode && o.Code != l.Code.Made {
		return l.fails("invalid_join_code") // wherever it has found the code before
	}
	if code := l.refused(o); code != "" {
		return l.fails(code)
	}
	switch o.Kind {
	case Join:
		return l.join(o)
	case Leave:
		return l.leave(o)
	case Ban:
		return l.ban(o.Players[0], http.StatusOK)
	case Unban:
		return l.unban(o.Players[0])
	case Edit:
		return l.edit(o)
	case Move:
		return l.move(o.Status)
	case Settings:
		return l.settings(o)
	case Host:
		return l.hand(o.Players[0])
	case Invite:
		return l.invite(o.Players[0])
	case Rotate:
		return l.rotate(o)
	case Uncode:
		return l.uncode()
	default: // a read
		return l.succeeds(http.StatusOK)
	}
}

// refused returns the code of the error of a caller who may not do this, or of a condition that does not hold, or "".
func (l *Lobby) refused(o Operation) string {
	switch own := len(o.Players) > 0 && o.Actor == o.Players[0]; {
	case o.Actor == Nobody || o.Kind == Read:
	case o.Kind == Join && !slices.Contains(o.Players, o.Actor) && l.Member(o.Actor) < 0:
		return "forbidden"
	case o.Kind == Join, own && (o.Kind == Leave || o.Kind == Edit):
	case l.Host != o.Actor:
		return "not_host"
	}
	switch {
	case o.Fence != 0 && o.Fence != l.Fence:
		return "stale_fence"
	case o.IfMatch != 0 && o.IfMatch != l.Version:
		return "version_mismatch"
	}
	return ""
}

// fails returns the outcome of an error, which changes nothing.
func (l Lobby) fails(code string) []outcome {
	r := Result{Status: statuses[code], Code: code}
	if code == "version_mismatch" {
		r.Version = l.Version
	}
	return []outcome{{Result: r, lobby: l}}
}

// succeeds returns the outcome of a success that leaves l as it is.
func (l Lobby) succeeds(status int) []outcome {
	return []outcome{{Result: Result{Status: status, Version: l.Version, Lobby: &l}, lobby: l}}
}

// becomes returns the outcomes of a success that changed l, and of what follows from that.
func (l Lobby) becomes(status int) (all []outcome) {
	l.Version++
	for _, next := range l.settled() {
		all = append(all, next.succeeds(status)...)
	}
	for i := range all {
		all[i].changed = true
	}
	return all
}

func (l Lobby) leave(o Operation) []outcome {
	player := o.Players[0]
	switch {
	case o.Ban:
		return l.ban(player, http.StatusNoContent)
	case l.Member(player) < 0 && l.waits(player) < 0:
		return l.succeeds(http.StatusNoContent)
	case l.Terminal():
		return l.fails("session_ended")
	}
	l.remove(player)
	return l.becomes(http.StatusNoContent)
}

func (l Lobby) ban(player, status int) []outcome {
	switch {
	case l.Terminal():
		return l.fails("session_ended")
	case l.Host == player:
		return l.fails("validation_error")
	}
	l.Bans |= 1 << player
	l.remove(player)
	return l.becomes(status)
}

func (l Lobby) unban(player int) []outcome {
	switch {
	case !l.Banned(player):
		return l.succeeds(http.StatusNoContent)
	case l.Terminal():
		return l.fails("session_ended")
	}
	l.Bans &^= 1 << player
	return l.becomes(http.StatusNoContent)
}

func (l Lobby) edit(o Operation) []outcome {
	i := l.Member(o.Players[0])
	if i < 0 {
		return l.fails("member_not_found")
	}
	next := l
	m := &next.Members[i]
	moves := o.Seat != "" && o.Seat != m.Status
	readies := o.Ready != nil && *o.Ready != m.Ready
	changes := o.Moves && o.Team != m.Team
	switch {
	case m.Status == Reserved && o.Seat == Joined && o.Actor != Nobody && o.Actor != m.Player:
		return l.fails("forbidden")
	case !moves && !readies && !changes:
		return aboutMember(l.succeeds(http.StatusOK), i)
	case l.Terminal():
		return l.fails("session_ended")
	case moves && o.Seat == Disconnected && m.Status != Joined:
		return l.fails("validation_error")
	case changes && o.Team != "" && (l.inTeam(o.Team) >= l.TeamSeats || l.passes(m.Team, o.Team)):
		return l.fails("team_full")
	case moves && o.Seat == Joined && l.isElsewhere(*m):
		return l.fails(inOther)
	}
	if readies {
		m.Ready = *o.Ready
	}
	if changes {
		m.Team = o.Team
	}
	switch {
	case moves && o.Seat == Joined:
		next.connect(i)
	case moves:
		m.Status = Disconnected
	}
	return aboutMember(next.becomes(http.StatusOK), i)
}

// aboutMember returns the outcomes with the member at an index, which is what the response tells.
func aboutMember(all []outcome, i int) []outcome {
	for n := range all {
		all[n].Member = &all[n].lobby.Members[i]
	}
	return all
}

func (l Lobby) move(to string) []outcome {
	legal := map[string][]string{
		Open:       {Starting, InProgress, Cancelled},
		Starting:   {InProgress, Open, Failed, Cancelled},
		InProgress: {Open, Ended, Failed},
	}
	switch {
	case to == l.Status:
		return l.succeeds(http.StatusOK)
	case !slices.Contains(legal[l.Status], to):
		return l.fails("invalid_state_transition")
	case (to == Starting || to == InProgress) && l.Held < l.MinPlayers:
		return l.fails("not_enough_players")
	}
	l.enter(to)
	if to == Open {
		for i := range l.Held {
			l.Members[i].Ready = false
		}
	}
	return l.becomes(http.StatusOK)
}

func (l Lobby) settings(o Operation) []outcome {
	next := l
	if o.Locked != nil {
		next.Locked = *o.Locked
	}
	if o.Seats > 0 {
		next.MaxPlayers = o.Seats
	}
	if o.TeamSeats > 0 {
		next.TeamSeats = o.TeamSeats
	}
	switch {
	case next == l:
		return l.succeeds(http.StatusOK)
	case l.Terminal():
		return l.fails("session_ended")
	case l.Held > next.MaxPlayers, max(l.inTeam(Red), l.inTeam(Blue)) > next.TeamSeats && next.TeamSeats > 0:
		return l.fails("seats_taken")
	}
	return next.becomes(http.StatusOK)
}

func (l Lobby) hand(player int) []outcome {
	if l.Host == player {
		return l.succeeds(http.StatusOK)
	}
	i := l.Member(player)
	switch {
	case l.Terminal():
		return l.fails("session_ended")
	case i < 0:
		return l.fails("member_not_found")
	case l.Members[i].Status != Joined:
		return l.fails("member_not_joined")
	}
	l.Host = player
	l.Fence++
	return l.becomes(http.StatusOK)
}

// expire frees the seats of a reservation that are still reserved. What is due together is one version, so an expiry
// right after another may be of the same one.
func (l Lobby) expire(reservation int64) (all []outcome) {
	next := l
	for _, m := range l.Members[:l.Held] {
		if m.Status == Reserved && m.reservation == reservation {
			next.remove(m.Player)
		}
	}
	if next.Held == l.Held || l.Terminal() {
		return []outcome{{lobby: l}}
	}
	next.elapsed = true
	if all = next.becomes(0); l.elapsed {
		next.Version--
		all = append(all, next.becomes(0)...)
	}
	return all
}
