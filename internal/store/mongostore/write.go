package mongostore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

// Pauses between the attempts of a write whose outcome is unknown.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// historySize is the number of write ids that a document keeps.
const historySize = 16

// A writeID identifies a write. It is stored in the document, where it proves that the write was made.
type writeID = bson.ObjectID

// write is a change of one document. Repeating it must have no further effect.
type write struct {
	// send makes the change. It returns an error of the driver, or an error that refusal knows.
	send func(context.Context) error
	// refusal returns the error for the caller if err means that the write was rejected, and nil otherwise.
	refusal func(error) error
	// made is called when a repeated attempt was rejected. It reports whether an earlier attempt was executed, which
	// would be the reason. It returns an error if that cannot be determined.
	made func(context.Context) (bool, error)
}

// do makes a write. While its outcome is unknown, it repeats the write until the context ends, so that the result is
// that of a write made once. If the outcome cannot be determined because of too many later writes, it returns at once
// with [game.OutcomeUnknown].
func (s *Store) do(ctx context.Context, w write) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	defer leave()
	inDoubt := false
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		sent, err := s.try(ctx, w.send)
		if err == nil {
			return nil
		}
		if refused := w.refusal(err); refused != nil {
			if !inDoubt {
				return refused
			}
			made, unknown := w.made(ctx)
			if unknown == nil && made {
				return nil
			}
			if unknown == nil {
				return refused
			}
			if errors.Is(unknown, errTooManyWrites) {
				return game.Unanswered(game.OutcomeUnknown, unknown)
			}
			err = unknown
		} else if !inDoubt {
			if !sent || ctx.Err() == nil && !outcomeUnknown(err) {
				return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
			}
			inDoubt = true
		}
		if game.Sleep(ctx, rand.N(2*pause)) != nil { //nolint:gosec // jitter needs no secure randomness
			return game.Unanswered(game.OutcomeUnknown, redacted(ctx, err))
		}
	}
}

// try calls send and reports whether a command was sent to a server.
func (s *Store) try(ctx context.Context, send func(context.Context) error) (sent bool, err error) {
	ctx = withCall(ctx)
	err = send(ctx)
	return callOf(ctx).sent, err
}

// lastWrites is the part of a document that tells which writes were made to it.
type lastWrites struct {
	Version int64     `bson:"version"`
	Writes  []writeID `bson:"writes"`
}
