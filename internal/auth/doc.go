// Package auth authenticates requests: it returns the [game.Caller] of an API key or a token. What a caller may do is
// decided by package game.
package auth
