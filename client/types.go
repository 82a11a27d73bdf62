package client

import "game-session-manager/internal/game"

// The documents and what they are made of. Each is exactly what the server reads and writes.
type (
	// Player is someone who plays.
	Player = game.Player
	// Profile is what a client may set of a player. Username is required.
	Profile = game.Profile
	// SessionRequest asks for a new session. MaxPlayers is required.
	SessionRequest = game.SessionRequest
	// Settings is what a client may set of a session at any time of its life.
	Settings = game.Settings
	// MemberSettings is what may be changed of a member while it holds its seat.
	MemberSettings = game.MemberSettings
	// Member is a player's place in a session.
	Member = game.Member
	// JoinRequest asks for a seat. PlayerID is required.
	JoinRequest = game.JoinRequest
	// Move asks for another status of a session. Status is required.
	Move = game.Move
	// Connection tells members where a session's server is.
	Connection = game.Connection
	// Result is what a session came to: a JSON object as text.
	Result = game.Result

	// KeyRequest asks for a new API key. Name and Scope are required.
	KeyRequest = game.KeyRequest

	// PlayerID identifies a player.
	PlayerID = game.PlayerID
	// SessionID identifies a session.
	SessionID = game.SessionID
	// KeyID identifies an API key.
	KeyID = game.KeyID
	// KeyStatus says whether an API key lets anybody in.
	KeyStatus = game.KeyStatus

	// Attributes is custom data: [String], [Number] and [Bool] values by key.
	Attributes = game.Attributes
	// Value is one custom value. Values compare with ==.
	Value = game.Value

	// PlayerStatus says whether a player may take seats.
	PlayerStatus = game.PlayerStatus
	// SessionStatus is the state of a session.
	SessionStatus = game.SessionStatus
	// MemberStatus says how a member holds its seat.
	MemberStatus = game.MemberStatus
	// EndReason says why a session is over.
	EndReason = game.EndReason
	// Visibility says who finds a session.
	Visibility = game.Visibility
	// Scope says what a caller may do.
	Scope = game.Scope
)

// Session is one game session, lobby, match or room, with its seats.
type Session struct {
	game.Session

	SeatsHeld int `json:"seats_held"`
	FreeSeats int `json:"free_seats"`
	// MemberIDs are the players who hold seats, in the order in which they took them, where Members are not shown: see
	// [SessionFilter]. Nil where they are not shown either.
	MemberIDs []PlayerID `json:"member_ids,omitzero"`
}

// MembersShown is how much a read shows of a session's members.
type MembersShown string

// How much is shown of members. Lists show MembersIDs, and other reads MembersFull, unless they are told otherwise.
const (
	MembersNone MembersShown = "none"
	MembersIDs  MembersShown = "ids"
	MembersFull MembersShown = "full"
)

// The scopes of API keys. Tokens of players have a scope of their own.
const (
	ScopeAdmin  = game.ScopeAdmin
	ScopeServer = game.ScopeServer
	ScopeRead   = game.ScopeRead
	ScopePlayer = game.ScopePlayer
)

// String returns the [Value] of a string.
func String(s string) Value { return game.StringValue(s) }

// Number returns the [Value] of a number. It must be finite.
func Number(f float64) Value { return game.NumberValue(f) }

// Bool returns the [Value] of a boolean.
func Bool(b bool) Value { return game.BoolValue(b) }

// The statuses of a player.
const (
	PlayerActive    = game.PlayerActive
	PlayerSuspended = game.PlayerSuspended
)

// The statuses of an API key.
const (
	KeyActive  = game.KeyActive
	KeyRevoked = game.KeyRevoked
	KeyExpired = game.KeyExpired
)

// The states of a session. The last four are terminal: see [SessionStatus.Terminal].
const (
	StatusPending    = game.StatusPending
	StatusOpen       = game.StatusOpen
	StatusStarting   = game.StatusStarting
	StatusInProgress = game.StatusInProgress
	StatusEnded      = game.StatusEnded
	StatusCancelled  = game.StatusCancelled
	StatusExpired    = game.StatusExpired
	StatusFailed     = game.StatusFailed
)

// The reasons for which sessions end.
const (
	ReasonCompleted         = game.ReasonCompleted
	ReasonForceTerminated   = game.ReasonForceTerminated
	ReasonCancelledByHost   = game.ReasonCancelledByHost
	ReasonCancelledByAdmin  = game.ReasonCancelledByAdmin
	ReasonEmptyTimeout      = game.ReasonEmptyTimeout
	ReasonLeaseExpired      = game.ReasonLeaseExpired
	ReasonMaxDuration       = game.ReasonMaxDuration
	ReasonActivationTimeout = game.ReasonActivationTimeout
	ReasonServerCrashed     = game.ReasonServerCrashed
)

// The statuses of a member. In each of them it holds its seat.
const (
	SeatReserved     = game.SeatReserved
	SeatJoined       = game.SeatJoined
	SeatDisconnected = game.SeatDisconnected
)

// The visibilities of a session.
const (
	VisibilityPublic  = game.VisibilityPublic
	VisibilityPrivate = game.VisibilityPrivate
)

// Patch is a JSON merge patch (RFC 7396): the fields to change and their values, by the names of the wire. What it does
// not name stays. Nil sets a field back to its default, or removes an entry; attributes, teams and identities merge by
// key:
//
//	client.Patch{
//		"display_name": nil,
//		"attributes":   client.Patch{"mmr": 1300, "trial": nil},
//	}
//
// The server refuses names that it does not know.
type Patch map[string]any
