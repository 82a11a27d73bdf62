package client

import (
	"context"

	"game-session-manager/internal/game"
)

// What the limits are made of. Each is exactly what the server writes: sizes in bytes where nothing else is said, times
// in seconds.
type (
	// Limits are what callers must keep to.
	Limits = game.Limits
	// RequestLimits are about every request.
	RequestLimits = game.RequestLimits
	// TimeoutLimits are in seconds.
	TimeoutLimits = game.TimeoutLimits
	// RateLimit is how often something may happen.
	RateLimit = game.RateLimit
	// TokenLimits are lives in seconds.
	TokenLimits = game.TokenLimits
	// KeyLimits are about API keys.
	KeyLimits = game.KeyLimits
	// MetricsLimits are about reads of stored metrics.
	MetricsLimits = game.MetricsLimits
	// ListLimits are about pages of lists.
	ListLimits = game.ListLimits
	// PlayerLimits are those of a player's profile.
	PlayerLimits = game.PlayerLimits
	// SessionLimits are those of a session and its members.
	SessionLimits = game.SessionLimits
)

// Limits answers what callers must keep to.
func (c *Client) Limits(ctx context.Context) (Limits, error) {
	return fetch[Limits](ctx, c, read(basePath+"/limits", nil))
}
