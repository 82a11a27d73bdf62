package wrap

import (
	"errors"

	"game-session-manager/internal/game"
)

// Result says in metrics, spans and logs how an operation ended.
type Result string

// The results.
const (
	OK          Result = "ok"
	Stale       Result = "stale"
	Exists      Result = "exists"
	NotFound    Result = "not_found"
	Conflict    Result = "conflict"
	Overloaded  Result = "overloaded"
	Unavailable Result = "unavailable"
	Error       Result = "error"
)

// ResultOf returns the result of an operation that returned an error, or nil.
func ResultOf(err error) Result {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, game.ErrStale):
		return Stale
	case errors.Is(err, game.ErrExists):
		return Exists
	case errors.Is(err, game.ErrOverloaded):
		return Overloaded
	}
	switch game.KindOf(err) { //nolint:exhaustive // the other kinds are made above the store
	case game.NotFound:
		return NotFound
	case game.Conflict:
		return Conflict
	case game.Unavailable:
		return Unavailable
	}
	return Error
}

// Failed reports whether something is wrong with the store, rather than with what was asked of it.
func (r Result) Failed() bool {
	switch r {
	case OK, Stale, Exists, NotFound, Conflict, Overloaded:
		return false
	default: // and what a later version may know
		return true
	}
}
