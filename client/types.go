package client

import "game-session-manager/internal/game"

// The documents of the API and their parts, as the server reads and writes them.
type (
	// Player is a registered player.
	Player = game.Player
	// Profile is the part of a player that callers set. Username is required.
	Profile = game.Profile
	// SessionRequest describes a new session. MaxPlayers is required.
	SessionRequest = game.SessionRequest
	// Settings is the part of a session that can be changed at any time before it ends.
	Settings = game.Settings
	// Fixed is the part of a session that is set when it is created and never changes.
	Fixed = game.Fixed
	// Timeouts are the settings of a session about time, in seconds. [Sessions.Patch] changes them.
	Timeouts = game.Timeouts
	// TimeoutRequest are the settings of a new session about time, in seconds: nil for the server's defaults.
	TimeoutRequest = game.TimeoutRequest
	// MemberSettings is the part of a member that can be changed while it holds its seat.
	MemberSettings = game.MemberSettings
	// Member is a player who holds a seat in a session.
	Member = game.Member
	// JoinRequest requests a seat. PlayerID is required.
	JoinRequest = game.JoinRequest
	// Ban keeps a player out of a session.
	Ban = game.Ban
	// Waiter is a player's place on the wait list of a session.
	Waiter = game.Waiter
	// BanRequest describes a ban. Without Seconds it lasts for as long as the session lives.
	BanRequest = game.BanRequest
	// JoinCode is a short secret by which players find a session and may join it.
	JoinCode = game.JoinCode
	// JoinCodeRequest describes a join code. Without its fields it works for as long as the session lives.
	JoinCodeRequest = game.JoinCodeRequest
	// InviteRequest describes an invitation. Without ExpiresIn it lasts for the session's ReservationTimeout.
	InviteRequest = game.InviteRequest
	// Move is a change of a session's status. Status is required.
	Move = game.Move
	// Connection is the address of a session's game server.
	Connection = game.Connection
	// ServerRequest describes the server that takes over a session. Without a Connection the session has none until it
	// is patched.
	ServerRequest = game.ServerRequest
	// Heartbeat is the heartbeat of a session. SessionID is required.
	Heartbeat = game.Heartbeat
	// HeartbeatReply is what a heartbeat returns: what became of the session, and when the next heartbeat is due.
	HeartbeatReply = game.HeartbeatReply
	// Liveness says whether a session still has its heartbeats.
	Liveness = game.Liveness
	// Result is the outcome of a session: a JSON object as text.
	Result = game.Result

	// SubjectKind is the kind of the document that an event is about.
	SubjectKind = game.SubjectKind
	// Subject identifies the document that an event is about.
	Subject = game.Subject
	// ActorKind is the kind of an [Actor].
	ActorKind = game.ActorKind
	// ChangeType names what happened, such as "member_removed".
	ChangeType = game.ChangeType

	// EventTicket is a credential with which a web page follows the events of one session.
	EventTicket = game.EventTicket

	// KeyRequest describes a new API key. Name and Scope are required.
	KeyRequest = game.KeyRequest

	// PlayerExport is everything that is stored about a player, or a page of it.
	PlayerExport = game.PlayerExport
	// SessionRecord is what a session has about one player.
	SessionRecord = game.SessionRecord
	// PlayerID identifies a player.
	PlayerID = game.PlayerID
	// SessionID identifies a session.
	SessionID = game.SessionID
	// KeyID identifies an API key.
	KeyID = game.KeyID
	// KeyStatus says whether an API key is valid.
	KeyStatus = game.KeyStatus

	// Attributes is custom data: [String], [Number] and [Bool] values by key.
	Attributes = game.Attributes
	// Value is the value of an attribute. Values can be compared with ==.
	Value = game.Value

	// PlayerStatus says whether a player may join sessions.
	PlayerStatus = game.PlayerStatus
	// SessionStatus is the state of a session.
	SessionStatus = game.SessionStatus
	// MemberStatus says how a member holds its seat.
	MemberStatus = game.MemberStatus
	// EndReason says why a session ended.
	EndReason = game.EndReason
	// Visibility says whether other players can find a session.
	Visibility = game.Visibility
	// Scope says what a caller may do.
	Scope = game.Scope
)

// Session is a game session, lobby, match or room.
type Session struct {
	game.Session

	SeatsHeld int `json:"seats_held"`
	FreeSeats int `json:"free_seats"`
	// MemberIDs are the players who hold seats, in the order in which they joined. It is set instead of Members if the
	// session was read with MembersIDs: see [SessionFilter] and [ShowMembers].
	MemberIDs []PlayerID `json:"member_ids,omitzero"`
	// Players are the names of the members, in their order, without those who were erased. It is set if the session was
	// read with [ShowPlayers].
	Players []PlayerName `json:"players,omitzero"`
}

// PlayerName is how a player is shown to others.
type PlayerName = game.PlayerName

// MembersShown says how much of a session's members a response has.
type MembersShown string

// How much of its members a session has in a response. The default is MembersIDs for lists, and MembersFull for other
// reads.
const (
	MembersNone MembersShown = "none"
	MembersIDs  MembersShown = "ids"
	MembersFull MembersShown = "full"
)

// The scopes of API keys, and ScopePlayer of player tokens.
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

// The states of a session's liveness.
const (
	Live  = game.Live
	Stale = game.Stale
)

// MaxParty is the maximum number of players in a call of [Sessions.JoinParty].
const MaxParty = game.MaxParty

// MaxWaiting is the maximum number of players on the wait list of a session.
const MaxWaiting = game.MaxWaiting

// MaxBans is the maximum number of bans of a session. Those that have ended are gone.
const MaxBans = game.MaxBans

// TeamAuto in place of the name of a team asks for the emptiest that has room. Those of a party who ask for it get the
// same team.
const TeamAuto = game.TeamAuto

// MaxHeartbeats is the maximum number of sessions in a call of [Sessions.Heartbeats].
const MaxHeartbeats = game.MaxHeartbeats

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

// Why sessions end.
const (
	ReasonCompleted         = game.ReasonCompleted
	ReasonForceTerminated   = game.ReasonForceTerminated
	ReasonCancelledByHost   = game.ReasonCancelledByHost
	ReasonCancelledByAdmin  = game.ReasonCancelledByAdmin
	ReasonEmptyTimeout      = game.ReasonEmptyTimeout
	ReasonLeaseExpired      = game.ReasonLeaseExpired
	ReasonIdleTimeout       = game.ReasonIdleTimeout
	ReasonMaxDuration       = game.ReasonMaxDuration
	ReasonActivationTimeout = game.ReasonActivationTimeout
	ReasonServerCrashed     = game.ReasonServerCrashed
)

// The statuses of a member, who holds its seat in each of them.
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

// Patch is a JSON merge patch (RFC 7396): the fields to change, by their JSON names. Other fields stay as they are. Nil
// resets a field to its default, or removes an entry. Attributes, teams and identities are merged by key:
//
//	client.Patch{
//		"display_name": nil,
//		"attributes":   client.Patch{"mmr": 1300, "trial": nil},
//	}
//
// The server rejects unknown names.
type Patch map[string]any
