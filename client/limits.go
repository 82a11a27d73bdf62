package client

import (
	"context"

	"game-session-manager/internal/api/wire"
	"game-session-manager/internal/game"
)

// The limits of the service and their parts, as the server writes them: sizes in bytes and times in seconds, unless a
// field says otherwise.
type (
	// Limits are the limits that callers must keep to.
	Limits = wire.Limits
	// RequestLimits apply to every request.
	RequestLimits = wire.RequestLimits
	// TimeoutLimits are timeouts in seconds.
	TimeoutLimits = wire.TimeoutLimits
	// RateLimit is a rate and a burst of requests.
	RateLimit = wire.RateLimit
	// TokenLimits are the lifetimes of tokens in seconds.
	TokenLimits = game.TokenLimits
	// KeyLimits apply to API keys.
	KeyLimits = game.KeyLimits
	// MetricsLimits apply to reads of stored metrics.
	MetricsLimits = game.MetricsLimits
	// ListLimits apply to pages of lists.
	ListLimits = game.ListLimits
	// PlayerLimits apply to player profiles.
	PlayerLimits = game.PlayerLimits
	// SessionLimits apply to sessions and their members.
	SessionLimits = game.SessionLimits
	// SessionTimeout describes a timeout of sessions.
	SessionTimeout = game.SessionTimeout
	// RetentionLimits say how long what has ended is kept.
	RetentionLimits = game.RetentionLimits
)

// Limits returns the limits that callers must keep to.
func (c *Client) Limits(ctx context.Context) (Limits, error) {
	return fetch[Limits](ctx, c, read(basePath+"/limits", nil))
}
