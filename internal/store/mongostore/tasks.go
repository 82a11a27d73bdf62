package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"game-session-manager/internal/game"
)

// task is a [game.TaskLease] as it is stored.
type task struct {
	Name       string    `bson:"_id"`
	Holder     string    `bson:"holder"`
	Generation int64     `bson:"generation"`
	Until      time.Time `bson:"until"`
}

func (d task) game() game.TaskLease {
	return game.TaskLease{Name: d.Name, Holder: d.Holder, Generation: d.Generation, Until: d.Until.UTC()}
}

// TaskLease implements [game.TaskStore].
func (s *Store) TaskLease(ctx context.Context, name string) (game.TaskLease, error) {
	d, found, err := get[task](ctx, s, s.collections[tasksCollection], docOf("_id", name))
	switch {
	case err != nil:
		return game.TaskLease{}, err
	case !found:
		return game.TaskLease{Name: name}, nil
	}
	return d.game(), nil
}

// PutTaskLease implements [game.TaskStore]. Leases need no write ids: holders have unique names and write one lease
// at a time, so that a stored lease that is equal proves that the write was made.
func (s *Store) PutTaskLease(ctx context.Context, old, next game.TaskLease) error {
	mine := task{next.Name, next.Holder, next.Generation, next.Until.UTC().Truncate(time.Millisecond)}
	send := func(ctx context.Context) error {
		return matched(s.collections[tasksCollection].ReplaceOne(ctx, bson.D{
			{Key: "_id", Value: old.Name},
			{Key: "holder", Value: old.Holder},
			{Key: "generation", Value: old.Generation},
			{Key: "until", Value: old.Until},
		}, mine))
	}
	if old.Generation == 0 { // none is stored
		send = func(ctx context.Context) error {
			_, err := s.collections[tasksCollection].InsertOne(ctx, mine)
			return err
		}
	}
	return s.do(ctx, write{
		send: send,
		refusal: func(err error) error {
			if _, taken := takenIndex(err); taken || errors.Is(err, errNoMatch) {
				return game.ErrStale
			}
			return nil
		},
		made: func(ctx context.Context) (bool, error) { return s.holds(ctx, mine) },
	})
}

// holds reports whether the stored lease is mine. It returns errInvisible if it is but may still be rolled back.
func (s *Store) holds(ctx context.Context, mine task) (bool, error) {
	stored := func(from *mongo.Collection) (bool, error) {
		var d task
		err := from.FindOne(ctx, docOf("_id", mine.Name)).Decode(&d)
		if errors.Is(err, mongo.ErrNoDocuments) {
			return false, nil
		}
		return d.game() == mine.game(), err
	}
	if held, err := stored(s.collections[tasksCollection].Collection); held || err != nil {
		return held, err
	}
	held, err := stored(s.collections[tasksCollection].newest)
	if held {
		err = errInvisible
	}
	return false, err
}
