package game

// Limits are the limits that the rules enforce. Unless stated otherwise, sizes are in bytes and times in seconds.
type Limits struct {
	Tokens   TokenLimits   `json:"tokens"`
	Keys     KeyLimits     `json:"api_keys"`
	Lists    ListLimits    `json:"lists"`
	Metrics  MetricsLimits `json:"metrics"`
	Players  PlayerLimits  `json:"players"`
	Search   SearchLimits  `json:"search"`
	Sessions SessionLimits `json:"sessions"`
	Webhooks WebhookLimits `json:"webhooks"`

	Retention RetentionLimits `json:"retention"`
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

// WebhookLimits apply to webhooks.
type WebhookLimits struct {
	Webhooks   int     `json:"webhooks" doc:"Of a project."`
	URL        int     `json:"url" doc:"Bytes."`
	Name       int     `json:"name" doc:"Characters."`
	Overlap    float64 `json:"overlap" doc:"How long a replaced secret may still sign, in seconds."`
	Attempts   int     `json:"attempts" doc:"How often an event is sent before it is a dead letter."`
	Retry      float64 `json:"retry" doc:"From one attempt to the next, without the random part, in seconds."`
	Excerpt    int     `json:"excerpt" doc:"Of the response of a failed attempt, in bytes."`
	Replay     int     `json:"replay" doc:"Deliveries that one request can repeat."`
	Deliveries int     `json:"deliveries" doc:"Kept of each status for each webhook."`
	Retention  float64 `json:"retention" doc:"How long they are kept, in seconds."`
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

// SearchLimits apply to searches of sessions.
type SearchLimits struct {
	Conditions  int `json:"conditions" doc:"That name a field, in all levels together."`
	Depth       int `json:"depth" doc:"Levels of conditions in conditions."`
	Orders      int `json:"orders" doc:"Fields to order by."`
	Values      int `json:"values" doc:"Values of in."`
	OrderedText int `json:"ordered_text" doc:"Characters of a text that an order compares."`
	Count       int `json:"count" doc:"Where the count of a search stops."`
	Cursor      int `json:"cursor" doc:"Characters of a cursor."`
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
	Password             int `json:"password" doc:"Characters of a password."`
	JoinCodeUses         int `json:"join_code_uses" doc:"Seats that can be taken by a join code with a limit."`
	WaitList             int `json:"wait_list" doc:"Players who wait for a seat of a session."`
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
	Events   float64 `json:"events" doc:"Of sessions, players, API keys and webhooks, in seconds."`
}

// DocumentLimits returns the limits that the rules enforce, without those that are configured.
func DocumentLimits() Limits {
	return Limits{
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
		Search: SearchLimits{
			Conditions: MaxConditions, Depth: MaxSearchDepth, Orders: MaxOrders, Values: MaxInValues,
			OrderedText: OrderedText, Count: MaxCount, Cursor: MaxSearchCursor,
		},
		Sessions: SessionLimits{
			Players: MaxPlayers, Teams: MaxTeams, Text: MaxSessionText, Address: MaxAddress, Protocol: MaxProtocol,
			ResultBytes:  MaxResultBytes,
			AttributeKey: MaxAttributeKey,
			Attributes:   MaxSessionAttributes, AttributeBytes: maxSessionAttributeBytes,
			MemberAttributes: MaxMemberAttributes, MemberAttributeBytes: maxMemberAttributeBytes,
			Party: MaxParty, Bans: MaxBans, Password: MaxPassword, JoinCodeUses: MaxCodeUses, WaitList: MaxWaiting,
			Heartbeats: MaxHeartbeats,
		},
		Webhooks: WebhookLimits{
			Webhooks: MaxWebhooks, URL: MaxWebhookURL, Name: MaxWebhookName, Overlap: MaxWebhookOverlap.Seconds(),
			Attempts: MaxDeliveryAttempts, Retry: MaxRetry.Seconds(), Excerpt: MaxExcerpt, Replay: MaxReplay,
			Deliveries: DeliveriesKept, Retention: DeliveryRetention.Seconds(),
		},
	}
}
