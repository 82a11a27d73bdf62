package linear

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Kind is a kind of [Operation].
type Kind string

// The kinds of operations. Expire is one of the service itself: the deadline of a reservation has passed.
const (
	Read     Kind = "read"
	Join     Kind = "join"
	Leave    Kind = "leave" // a kick, if the actor is another
	Ban      Kind = "ban"
	Unban    Kind = "unban"
	Edit     Kind = "edit" // of a member
	Move     Kind = "move"
	Settings Kind = "settings"
	Host     Kind = "host"
	Expire   Kind = "expire"
)

// Operation is a request.
type Operation struct {
	ID    int // within the history
	Kind  Kind
	Actor int // the player that asks, or Nobody for a server

	Players []int  // whom it is about; several for a party
	Reserve bool   // of Join
	Partial bool   // of Join
	Ban     bool   // of Leave: the kick is also a ban
	Ready   *bool  // of Edit
	Seat    string // of Edit: the status of the member, or empty
	Status  string // of Move
	Locked  *bool  // of Settings
	Seats   int    // of Settings; 0 leaves it

	IfMatch, Fence int64 // the conditions; 0 for none
	Reservation    int   // of Expire: the operation that reserved the seats
}

// Result is what an operation returned.
type Result struct {
	Unknown bool // whether it had its effect, and which: the request was cut off
	Status  int
	Code    string // of the error

	// The facts that the response tells. Zero values are not told.
	Version int64
	Lobby   *Lobby
	Member  *Member
	LeftOut string // of a partial party: each player that is left out with the code of the error

	// Made is the version that the operation made, or Nothing, by the events of the session. 0 is not told.
	Made int64
}

// Nothing is the version that an operation without effect made.
const Nothing = -1

// outcome is what an operation may return and leave behind.
type outcome struct {
	Result
	lobby Lobby
}

// statuses are those of errors by their codes.
var statuses = map[string]int{
	"forbidden": http.StatusForbidden, "not_host": http.StatusForbidden, "player_banned": http.StatusForbidden,
	"member_not_found": http.StatusNotFound,
	"stale_fence":      http.StatusConflict, "session_not_joinable": http.StatusConflict,
	"session_locked": http.StatusConflict, "session_full": http.StatusConflict,
	"member_not_joined": http.StatusConflict, "not_enough_players": http.StatusConflict,
	"seats_taken": http.StatusConflict, "invalid_state_transition": http.StatusConflict,
	"session_ended":    http.StatusGone,
	"version_mismatch": http.StatusPreconditionFailed,
	"validation_error": http.StatusUnprocessableEntity,
}

// apply returns the possible outcomes of an operation on l. There are several where times in milliseconds decide.
func (l Lobby) apply(o Operation) []outcome {
	if o.Kind == Expire {
		return l.expire(o.Reservation)
	}
	l.elapsed = false
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
	return []outcome{{r, l}}
}

// succeeds returns the outcome of a success that leaves l.
func (l Lobby) succeeds(status int) []outcome {
	return []outcome{{Result{Status: status, Version: l.Version, Lobby: &l}, l}}
}

// becomes returns the outcomes of a success that changed l, and of what follows from that.
func (l Lobby) becomes(status int) (all []outcome) {
	l.Version++
	for _, next := range l.settled() {
		all = append(all, next.succeeds(status)...)
	}
	return all
}

func (l Lobby) join(o Operation) []outcome {
	if l.Terminal() {
		return l.fails("session_ended")
	}
	next, status, changed := l, http.StatusOK, false
	var left []string
	for _, p := range o.Players {
		reserve := o.Reserve || o.Actor != Nobody && o.Actor != p
		member := next.Member(p) >= 0
		did, code := next.seat(p, reserve, o.ID)
		switch {
		case code != "" && !o.Partial:
			return l.fails(code)
		case code != "":
			left = append(left, fmt.Sprintf("%d:%s", p, code))
		case !member:
			status = http.StatusCreated
		}
		changed = changed || did
	}
	all := l.succeeds(status)
	if changed {
		all = next.becomes(status)
	}
	for i := range all {
		all[i].LeftOut = strings.Join(left, " ")
	}
	return all
}

// seat gives a player a seat, or confirms the one that it holds.
func (l *Lobby) seat(player int, reserve bool, operation int) (changed bool, code string) {
	if i := l.Member(player); i >= 0 {
		return !reserve && l.connect(i), ""
	}
	if code := l.joinable(player); code != "" {
		return false, code
	}
	m := Member{Player: player, Status: Joined, since: l.Version + 1}
	if reserve {
		m.Status, m.reservation = Reserved, operation
	}
	l.Members[l.Held] = m
	l.Held++
	return true, ""
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

func (l Lobby) leave(o Operation) []outcome {
	player := o.Players[0]
	switch {
	case o.Ban:
		return l.ban(player, http.StatusNoContent)
	case l.Member(player) < 0:
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
	if l.Member(player) >= 0 {
		l.remove(player)
	}
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
	switch {
	case m.Status == Reserved && o.Seat == Joined && o.Actor != Nobody && o.Actor != m.Player:
		return l.fails("forbidden")
	case !moves && !readies:
		return aboutMember(l.succeeds(http.StatusOK), i)
	case l.Terminal():
		return l.fails("session_ended")
	case moves && o.Seat == Disconnected && m.Status != Joined:
		return l.fails("validation_error")
	}
	if readies {
		m.Ready = *o.Ready
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
	l.Version++ // and nothing follows from it: members are as they were
	return l.succeeds(http.StatusOK)
}

func (l Lobby) settings(o Operation) []outcome {
	next := l
	if o.Locked != nil {
		next.Locked = *o.Locked
	}
	if o.Seats > 0 {
		next.MaxPlayers = o.Seats
	}
	switch {
	case next == l:
		return l.succeeds(http.StatusOK)
	case l.Terminal():
		return l.fails("session_ended")
	case l.Held > next.MaxPlayers:
		return l.fails("seats_taken")
	}
	next.Version++
	return next.succeeds(http.StatusOK)
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
	l.Version++
	return l.succeeds(http.StatusOK)
}

// expire frees the seats of a reservation that are still reserved. What is due together is one version, so an expiry
// right after another may be of the same one.
func (l Lobby) expire(reservation int) (all []outcome) {
	next := l
	for _, m := range l.Members[:l.Held] {
		if m.Status == Reserved && m.reservation == reservation {
			next.remove(m.Player)
		}
	}
	if next.Held == l.Held || l.Terminal() {
		return []outcome{{Result{}, l}}
	}
	next.elapsed = true
	if all = next.becomes(0); l.elapsed {
		next.Version--
		all = append(all, next.becomes(0)...)
	}
	return all
}
