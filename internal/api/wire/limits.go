// Package wire has the documents of HTTP that package api writes and package client reads. Those of players, sessions
// and keys are the types of package game.
package wire

import "game-session-manager/internal/game"

// Limits are the limits of the service. Unless stated otherwise, sizes are in bytes and times in seconds.
type Limits struct {
	Requests RequestLimits        `json:"requests"`
	Timeouts TimeoutLimits        `json:"timeouts"`
	Rates    map[string]RateLimit `json:"rates" nullable:"false" doc:"Requests allowed for one caller, by the kind of its credential (server, player), and failed API keys allowed from one address (failed_credentials) and for one key id (failed_key), wrong join codes allowed for one caller (wrong_join_code) and wrong passwords for one caller and session (wrong_password). Empty for requests without a credential."`

	game.Limits
}

// RequestLimits apply to every request.
type RequestLimits struct {
	InFlight            int `json:"in_flight" doc:"The maximum number of requests processed at once; 0 for no limit."`
	Queue               int `json:"queue" doc:"The maximum number of requests that wait to be processed; 0 for no limit."`
	Streams             int `json:"streams" doc:"The maximum number of event streams that one process serves at once; 0 for no limit."`
	PlayerStreams       int `json:"player_streams" doc:"Those of one player."`
	KeyStreams          int `json:"key_streams" doc:"Those of one API key; 0 for no limit."`
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
