package mongostore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

// How a write is sent again whose answer was lost.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// historySize is how many ids of its last writes a document keeps.
const historySize = 16

// A writeID is fresh for each write, and kept in the document: who finds its own there knows that the write was made.
type writeID = bson.ObjectID

// write is one change of one document, which has no effect when it is made again.
type write struct {
	// send makes the change. It answers a refusal, which is an error with a name, or an error of the driver.
	send func(context.Context) error
	// refusal tells a named error from the driver's; nil for one of the driver's.
	refusal func(error) error
	// made tells, of a write that was refused after its answer had been lost, whether that first try is what it was
	// refused for. It answers an error while that cannot be told.
	made func(context.Context) (bool, error)
}

// do makes a write. While it is not known what became of it, it is made again until the context ends: the answer is
// then that of a write made once. Where so many others wrote that it cannot be known, the answer says so at once.
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
		if !sleep(ctx, rand.N(2*pause)) { //nolint:gosec // spreads the tries, keeps no secret
			return game.Unanswered(game.OutcomeUnknown, redacted(ctx, err))
		}
	}
}

// try reports with the error whether a command was sent.
func (s *Store) try(ctx context.Context, send func(context.Context) error) (sent bool, err error) {
	ctx = withCall(ctx)
	err = send(ctx)
	return callOf(ctx).sent, err
}

// sleep reports whether the context lasted for so long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lastWrites is what a document tells of its last writes.
type lastWrites struct {
	Version int64     `bson:"version"`
	Writes  []writeID `bson:"writes"`
}
