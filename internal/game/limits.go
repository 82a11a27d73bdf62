package game

// Limits are the limits of the service, as the API returns them. Unless stated otherwise, sizes are in bytes and times
// in seconds.
type Limits struct {
	Requests RequestLimits        `json:"requests"`
	Timeouts TimeoutLimits        `json:"timeouts"`
	Rates    map[string]RateLimit `json:"rates" nullable:"false" doc:"Requests allowed for one caller, by the kind of its credential (server, player), and failed API keys allowed from one address (failed_credentials) and for one key id (failed_key). Empty for requests without a credential."`
	Tokens   TokenLimits          `json:"tokens"`
	Keys     KeyLimits            `json:"api_keys"`
	Lists    ListLimits           `json:"lists"`
	Metrics  MetricsLimits        `json:"metrics"`
	Players  PlayerLimits         `json:"players"`
	Sessions SessionLimits        `json:"sessions"`

	Retention RetentionLimits `json:"retention"`
}

// RequestLimits apply to every request.
type RequestLimits struct {
	InFlight            int `json:"in_flight" doc:"The maximum number of requests processed at once; 0 for no limit."`
	Queue               int `json:"queue" doc:"The maximum number of requests that wait to be processed; 0 for no limit."`
	BodyBytes           int `json:"body_bytes"`
	SessionBodyBytes    int `json:"session_body_bytes" doc:"Of PUT of a session, with its members."`
	HeartbeatsBodyBytes int `json:"heartbeats_body_bytes" doc:"Of heartbeats of several sessions."`
	JoinBodyBytes       int `json:"join_body_bytes" doc:"Of a join, with the players of a party."`
	HeaderBytes         int `json:"header_bytes"`
	HeaderLines         int `json:"header_lines"`
	PathBytes           int `json:"path_bytes"`
	QueryBytes          int `json:"query_bytes"`
	IdempotencyKeyBytes int `json:"idempotency_key_bytes"`
	RequestIDBytes      int `json:"request_id_bytes" doc:"Of X-Request-ID: a longer one is replaced."`
	CredentialBytes     int `json:"credential_bytes" doc:"Of an API key or a token."`
}

// TimeoutLimits are in seconds.
type TimeoutLimits struct {
	Request  float64 `json:"request" doc:"How long a request may take, in seconds."`
	Queue    float64 `json:"queue" doc:"How long a request may wait to be processed, in seconds."`
	Header   float64 `json:"header" doc:"How long the header of a request may take to arrive, in seconds."`
	Body     float64 `json:"body" doc:"How long its body may take to arrive, in seconds."`
	Response float64 `json:"response" doc:"How long it may take from the header read to the response received, in seconds."`
	Idle     float64 `json:"idle" doc:"How long a connection may be idle, in seconds."`
}

// RateLimit is a limit on how often something may happen.
type RateLimit struct {
	PerSecond float64 `json:"per_second" doc:"In the long run."`
	Burst     int     `json:"burst" doc:"At once."`
}

// TokenLimits are the lifetimes of tokens in seconds.
type TokenLimits struct {
	LifeMin     float64 `json:"life_min" doc:"The minimum of a player token, in seconds."`
	DefaultLife float64 `json:"default_life" doc:"Of a player token, in seconds, if the request has none."`
	Life        float64 `json:"life" doc:"The maximum of a player token, in seconds."`
	TicketLife  float64 `json:"ticket_life" doc:"Of a join ticket, in seconds."`
}

// KeyLimits apply to API keys.
type KeyLimits struct {
	Name    int     `json:"name" doc:"Characters."`
	Overlap float64 `json:"overlap" doc:"How long a rotated key may stay valid, in seconds."`
}

// MetricsLimits apply to reads of stored metrics.
type MetricsLimits struct {
	Range   float64 `json:"range" doc:"From the first to the last, in seconds."`
	Steps   int     `json:"steps" doc:"In a range."`
	StepMin float64 `json:"step_min" doc:"In seconds."`
	Step    float64 `json:"step" doc:"In seconds."`
}

// ListLimits apply to pages of lists.
type ListLimits struct {
	DefaultItems int `json:"default_items"`
	Items        int `json:"items"`
	Bytes        int `json:"bytes" doc:"At which a page ends early; a page of a single item may have more."`
}

// PlayerLimits apply to players.
type PlayerLimits struct {
	UsernameMin      int `json:"username_min" doc:"Characters at least."`
	Username         int `json:"username" doc:"Characters."`
	DisplayName      int `json:"display_name" doc:"Characters."`
	SuspensionReason int `json:"suspension_reason" doc:"Characters."`
	Identities       int `json:"identities"`
	Provider         int `json:"provider" doc:"Characters of an identity's provider."`
	Subject          int `json:"subject" doc:"Characters of an identity's subject."`
	Attributes       int `json:"attributes"`
	AttributeKey     int `json:"attribute_key" doc:"Characters of the key of an attribute."`
	AttributeBytes   int `json:"attribute_bytes" doc:"Of all keys and values together."`
}

// SessionLimits apply to sessions and their members.
type SessionLimits struct {
	Players              int `json:"players"`
	Teams                int `json:"teams"`
	Text                 int `json:"text" doc:"Characters of name, mode, map and region each."`
	Address              int `json:"address" doc:"Characters of a connection's address."`
	Protocol             int `json:"protocol" doc:"Characters of a connection's protocol."`
	ResultBytes          int `json:"result_bytes"`
	AttributeKey         int `json:"attribute_key" doc:"Characters of the key of an attribute, and of the name of a team."`
	Attributes           int `json:"attributes"`
	AttributeBytes       int `json:"attribute_bytes" doc:"Of all keys and values together."`
	MemberAttributes     int `json:"member_attributes"`
	MemberAttributeBytes int `json:"member_attribute_bytes" doc:"Of all keys and values together."`
	Party                int `json:"party" doc:"Players who join together."`
	Bans                 int `json:"bans" doc:"Bans of a session that have not ended."`
	Heartbeats           int `json:"heartbeats" doc:"Sessions in one request with heartbeats."`

	Timeouts map[string]SessionTimeout `json:"timeouts" nullable:"false" doc:"The settings of a session about time, by their names."`
}

// SessionTimeout describes one of a session's timeouts, in seconds. 0 in a range that begins with it means never,
// except in disconnect_grace and host_grace, where it means at once.
type SessionTimeout struct {
	Default int `json:"default" doc:"Of a session whose request has none, in seconds. empty_timeout is 0, for never, if no player ever hosted the session."`
	Min     int `json:"min" doc:"In seconds."`
	Max     int `json:"max" doc:"In seconds."`
}

// RetentionLimits say how long what has ended is kept, in seconds.
type RetentionLimits struct {
	Sessions float64 `json:"sessions" doc:"From the end of a session to its removal, in seconds; 0 if they are kept for ever."`
	Events   float64 `json:"events" doc:"Of sessions, players and API keys, in seconds."`
}

// DocumentLimits returns the limits that the rules enforce, without those that are configured or belong to package api.
func DocumentLimits() Limits {
	return Limits{
		Requests: RequestLimits{IdempotencyKeyBytes: MaxIdempotencyKey, CredentialBytes: MaxCredential},
		Tokens: TokenLimits{
			LifeMin: MinTokenLife.Seconds(), DefaultLife: DefaultTokenLife.Seconds(), Life: MaxTokenLife.Seconds(),
			TicketLife: TicketLife.Seconds(),
		},
		Keys:  KeyLimits{Name: MaxKeyName, Overlap: MaxKeyOverlap.Seconds()},
		Lists: ListLimits{DefaultItems: DefaultLimit, Items: MaxLimit, Bytes: MaxPageBytes},
		Metrics: MetricsLimits{
			Range: MaxMetricsRange.Seconds(), Steps: MaxMetricsPoints, StepMin: MinMetricsStep.Seconds(),
			Step: MaxMetricsStep.Seconds(),
		},
		Players: PlayerLimits{
			UsernameMin: MinUsername, Username: MaxUsername, DisplayName: MaxDisplayName,
			SuspensionReason: MaxSuspensionReason,
			Identities:       MaxIdentities, Provider: MaxProvider, Subject: MaxSubject, AttributeKey: MaxAttributeKey,
			Attributes: MaxPlayerAttributes, AttributeBytes: maxPlayerAttributeBytes,
		},
		Sessions: SessionLimits{
			Players: MaxPlayers, Teams: MaxTeams, Text: MaxSessionText, Address: MaxAddress, Protocol: MaxProtocol,
			ResultBytes:  MaxResultBytes,
			AttributeKey: MaxAttributeKey,
			Attributes:   MaxSessionAttributes, AttributeBytes: maxSessionAttributeBytes,
			MemberAttributes: MaxMemberAttributes, MemberAttributeBytes: maxMemberAttributeBytes,
			Party: MaxParty, Bans: MaxBans, Heartbeats: MaxHeartbeats,
		},
	}
}
