package game

// Limits are what callers must keep to, as the API tells them. Sizes are in bytes where nothing else is said, times in
// seconds.
type Limits struct {
	Requests RequestLimits        `json:"requests"`
	Timeouts TimeoutLimits        `json:"timeouts"`
	Rates    map[string]RateLimit `json:"rates" nullable:"false" doc:"How often one caller may ask, by the kind of its credential (server, player), and how often credentials may be wrong, from one address (failed_credentials) and for one key (failed_key). Empty without authentication."`
	Tokens   TokenLimits          `json:"tokens"`
	Lists    ListLimits           `json:"lists"`
	Players  PlayerLimits         `json:"players"`
	Sessions SessionLimits        `json:"sessions"`
}

// RequestLimits are about every request.
type RequestLimits struct {
	InFlight            int `json:"in_flight" doc:"Requests that are worked on at once; 0 for no limit."`
	BodyBytes           int `json:"body_bytes"`
	SessionBodyBytes    int `json:"session_body_bytes" doc:"Of PUT of a session, with its members."`
	HeaderBytes         int `json:"header_bytes"`
	HeaderLines         int `json:"header_lines"`
	PathBytes           int `json:"path_bytes"`
	QueryBytes          int `json:"query_bytes"`
	IdempotencyKeyBytes int `json:"idempotency_key_bytes"`
}

// TimeoutLimits are in seconds.
type TimeoutLimits struct {
	Request float64 `json:"request" doc:"What a request may take, in seconds."`
	Header  float64 `json:"header" doc:"What the header of a request may take to arrive, in seconds."`
	Body    float64 `json:"body" doc:"What its body may take to arrive, in seconds."`
	Answer  float64 `json:"answer" doc:"What may pass from the header read to the answer taken, in seconds."`
	Idle    float64 `json:"idle" doc:"How long a connection may be idle, in seconds."`
}

// RateLimit is how often something may happen.
type RateLimit struct {
	PerSecond float64 `json:"per_second" doc:"In the long run."`
	Burst     int     `json:"burst" doc:"At once."`
}

// TokenLimits are lives in seconds.
type TokenLimits struct {
	DefaultLife float64 `json:"default_life" doc:"Of a player's token, in seconds, where the request names none."`
	Life        float64 `json:"life" doc:"Of a player's token, in seconds, at most."`
	TicketLife  float64 `json:"ticket_life" doc:"Of a join ticket, in seconds."`
}

// ListLimits are about pages of lists.
type ListLimits struct {
	DefaultItems int `json:"default_items"`
	Items        int `json:"items"`
}

// PlayerLimits are those of a player's profile.
type PlayerLimits struct {
	UsernameMin      int `json:"username_min" doc:"Characters at least."`
	Username         int `json:"username" doc:"Characters."`
	DisplayName      int `json:"display_name" doc:"Characters."`
	SuspensionReason int `json:"suspension_reason" doc:"Characters."`
	Identities       int `json:"identities"`
	Attributes       int `json:"attributes"`
	AttributeBytes   int `json:"attribute_bytes" doc:"Of all keys and values together."`
}

// SessionLimits are those of a session and its members.
type SessionLimits struct {
	Players              int `json:"players"`
	Teams                int `json:"teams"`
	Text                 int `json:"text" doc:"Characters of name, mode, map and region each."`
	ResultBytes          int `json:"result_bytes"`
	Attributes           int `json:"attributes"`
	AttributeBytes       int `json:"attribute_bytes" doc:"Of all keys and values together."`
	MemberAttributes     int `json:"member_attributes"`
	MemberAttributeBytes int `json:"member_attribute_bytes" doc:"Of all keys and values together."`
}

// DocumentLimits returns the limits that the rules keep. Those of requests are left out.
func DocumentLimits() Limits {
	return Limits{
		Tokens: TokenLimits{DefaultLife: DefaultTokenLife.Seconds(), Life: MaxTokenLife.Seconds(), TicketLife: TicketLife.Seconds()},
		Lists:  ListLimits{DefaultItems: DefaultLimit, Items: MaxLimit},
		Players: PlayerLimits{
			UsernameMin: MinUsername, Username: MaxUsername, DisplayName: MaxDisplayName, SuspensionReason: MaxSuspensionReason,
			Identities: MaxIdentities, Attributes: MaxPlayerAttributes, AttributeBytes: maxPlayerAttributeBytes,
		},
		Sessions: SessionLimits{
			Players: MaxPlayers, Teams: MaxTeams, Text: MaxSessionText, ResultBytes: MaxResultBytes,
			Attributes: MaxSessionAttributes, AttributeBytes: maxSessionAttributeBytes,
			MemberAttributes: MaxMemberAttributes, MemberAttributeBytes: maxMemberAttributeBytes,
		},
	}
}
