// Package auth checks credentials and makes a [game.Caller] of each: who sends it. What a caller may do is up to package
// game.
package auth
