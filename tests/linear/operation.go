package linear

import "net/http"

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
	Invite   Kind = "invite"
	Rotate   Kind = "rotate" // gives the session a new join code
	Uncode   Kind = "uncode" // removes the join code
	Expire   Kind = "expire"
)

// Operation is a request.
type Operation struct {
	ID      int // within the history
	Kind    Kind
	Session int // of those of the history
	Actor   int // the player that asks, or Nobody for a server

	Players   []int  // whom it is about; several for a party
	Reserve   bool   // of Join
	Partial   bool   // of Join
	Wait      bool   // of Join, for one player
	Team      string // of Join, for each of the players, and of Edit if Moves
	Code      int64  // of Join: as in JoinCode, WrongCode, or 0 for none
	ByCode    bool   // of Join: the session is found by the code
	Moves     bool   // of Edit: to Team, which is empty for none
	Ban       bool   // of Leave: the kick is also a ban
	Ready     *bool  // of Edit
	Seat      string // of Edit: the status of the member, or empty
	Status    string // of Move
	Locked    *bool  // of Settings
	Seats     int    // of Settings; 0 leaves it
	TeamSeats int    // of Settings; 0 leaves it
	MaxUses   int    // of Rotate; 0 for any number
	Seconds   int    // of Invite: the time to confirm; 0 for that of the session

	IfMatch, Fence int64 // the conditions; 0 for none
	Reservation    int64 // of Expire: the version that reserved the seats

	without []int // of a partial Join: players who are left out from the beginning
}

// WrongCode is a join code that no session ever had.
const WrongCode = -1

// Result is what an operation returned.
type Result struct {
	Unknown bool // whether it had its effect, and which: the request was cut off
	Status  int
	Code    string // of the error

	// The facts that the response tells. Zero values are not told.
	Version  int64
	Lobby    *Lobby
	Member   *Member
	JoinCode *JoinCode
	Position int       // on the wait list
	LeftOut  []LeftOut // of a partial party

	// Made is the version that the operation made, or Nothing, by the events of the session. 0 is not told.
	Made int64
}

// LeftOut is a player of a partial party who got no seat, and the code of the error.
type LeftOut struct {
	Player int
	Code   string
}

// Nothing is the version that an operation without effect made.
const Nothing = -1

// outcome is what an operation may return and leave behind.
type outcome struct {
	Result
	lobby     Lobby
	changed   bool
	elsewhere []int // those who may also be told that they are in another session
}

// statuses are those of errors by their codes.
var statuses = map[string]int{
	"forbidden": http.StatusForbidden, "not_host": http.StatusForbidden, "player_banned": http.StatusForbidden,
	"join_code_required": http.StatusForbidden,
	"member_not_found":   http.StatusNotFound, "invalid_join_code": http.StatusNotFound,
	"team_full": http.StatusConflict, "already_member": http.StatusConflict,
	"player_in_other_session": http.StatusConflict,
	"stale_fence":             http.StatusConflict, "session_not_joinable": http.StatusConflict,
	"session_locked": http.StatusConflict, "session_full": http.StatusConflict,
	"member_not_joined": http.StatusConflict, "not_enough_players": http.StatusConflict,
	"seats_taken": http.StatusConflict, "invalid_state_transition": http.StatusConflict,
	"session_ended":    http.StatusGone,
	"version_mismatch": http.StatusPreconditionFailed,
	"validation_error": http.StatusUnprocessableEntity,
}
