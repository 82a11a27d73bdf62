package wrap

import (
	"context"
	"errors"

	"game-session-manager/internal/game"
)

// Result is the outcome of an operation, as a label for metrics, spans and logs.
type Result string

// The results.
const (
	OK          Result = "ok"
	Stale       Result = "stale"
	Exists      Result = "exists"
	NotFound    Result = "not_found"
	Conflict    Result = "conflict"
	Overloaded  Result = "overloaded"
	Cancelled   Result = "cancelled" // nobody waits for the operation any more, which was interrupted
	Unavailable Result = "unavailable"
	Error       Result = "error"
)

// ResultOf returns the result for the error, which may be nil, of an operation with the context.
func ResultOf(ctx context.Context, err error) Result {
	result := resultOf(err)
	if result.Failed() && errors.Is(ctx.Err(), context.Canceled) {
		return Cancelled
	}
	return result
}

func resultOf(err error) Result {
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
	switch game.KindOf(err) { //nolint:exhaustive // stores do not return the other kinds
	case game.NotFound:
		return NotFound
	case game.Conflict:
		return Conflict
	case game.Unavailable:
		return Unavailable
	}
	return Error
}

// Failed reports whether the store failed, rather than rejected the request.
func (r Result) Failed() bool {
	switch r {
	case OK, Stale, Exists, NotFound, Conflict, Overloaded, Cancelled:
		return false
	default: // Unavailable, Error and results that are added later
		return true
	}
}
