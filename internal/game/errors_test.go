package game_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"game-session-manager/internal/game"
)

func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection reset by 10.0.0.7")
	e := game.ErrSessionFull.Detail(
		"The session has %d seats.", 4,
	).With("max_players", 4).With("free", 0).Because(cause)
	wrapped := fmt.Errorf("session 7: %w", e)

	if !errors.Is(wrapped, game.ErrSessionFull) || errors.Is(wrapped, game.ErrTeamFull) {
		t.Error("an error is not the one with its code, or is another")
	}
	if !errors.Is(wrapped, cause) {
		t.Error("the cause is lost")
	}
	if game.KindOf(wrapped) != game.Conflict {
		t.Errorf("the kind is %v", game.KindOf(wrapped))
	}
	if e.Message != "The session has 4 seats." {
		t.Errorf("the message is %q: it must be free of the cause, which is private", e.Message)
	}
	equal(t, map[string]any{"max_players": 4, "free": 0}, e.Extras)

	// The named failures are shared by all requests.
	if game.ErrSessionFull.Extras != nil || errors.Unwrap(game.ErrSessionFull) != nil {
		t.Error("the named failure was changed")
	}
	first := game.ErrSessionFull.With("a", 1)
	second := first.With("b", 2)
	equal(t, map[string]any{"a": 1}, first.Extras)
	equal(t, map[string]any{"a": 1, "b": 2}, second.Extras)
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]game.Kind{
		nil:                     game.Internal,
		errors.New("x"):         game.Internal,
		context.Canceled:        game.Internal,
		game.ErrExists:          game.Internal,
		game.ErrStale:           game.Internal,
		game.ErrInternal:        game.Internal,
		game.ErrValidation:      game.Invalid,
		game.ErrPlayerSuspended: game.Forbidden,
		game.ErrPlayerNotFound:  game.NotFound,
		game.ErrSessionEnded:    game.Gone,
		game.ErrVersionMismatch: game.Precondition,
		game.ErrSessionFull.Because(game.ErrPlayerNotFound): game.Conflict, // the first in the chain counts
	} {
		if got := game.KindOf(err); got != want {
			t.Errorf("%v: the kind is %v, want %v", err, got, want)
		}
	}
}

func TestUnanswered(t *testing.T) {
	t.Parallel()
	messages := map[string]bool{}
	for _, outcome := range []string{game.OutcomeNone, game.OutcomeUnknown} {
		err := game.Unanswered(outcome, context.DeadlineExceeded)
		e := rejected(t, err, game.ErrStoreUnavailable)
		equal(t, map[string]any{"outcome": outcome}, e.Extras)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the cause is lost", outcome)
		}
		messages[e.Message] = true
	}
	if len(messages) != 2 || !messages[game.ErrStoreUnavailable.Message] {
		t.Errorf("the messages are %v", messages)
	}
}

func TestInvalidField(t *testing.T) {
	t.Parallel()
	invalid(t, game.InvalidField("limit", "must be 1 to %d", 100), "limit")
	if game.ErrValidation.Fields != nil {
		t.Error("the named failure was changed")
	}
}

func TestCaller(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	equal(t, game.Caller{}, game.CallerFrom(ctx))
	equal(t, "", game.RequestIDFrom(ctx))
	ctx = game.WithRequestID(game.WithCaller(ctx, game.Caller{Project: "p", Name: "n"}), "r-1")
	equal(t, game.Caller{Project: "p", Name: "n"}, game.CallerFrom(ctx))
	equal(t, "r-1", game.RequestIDFrom(ctx))
}
