// Package auth finds out who makes a request: of an API key or a token it makes a [game.Caller]. What a caller may do
// is a rule, and stands in package game.
package auth
