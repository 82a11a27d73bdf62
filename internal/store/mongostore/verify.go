package mongostore

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

const (
	// Changes are looked at again once they are so old that no write of them can be under way any more, however long
	// requests may take and whatever the difference of the clocks.
	verifyAfter = 5 * time.Minute
	verifyEvery = time.Minute
)

// verified is until when all changes of documents of a kind are known to have been moved.
type verified struct {
	Until time.Time `bson:"until"`
}

func verifiedID(kind game.SubjectKind) bson.D {
	return docOf("_id", "events_of_"+string(kind))
}

// verify moves the events of changes that nobody told of, once they are old enough.
func (s *Store) verify(ctx context.Context, now time.Time) (placed int, err error) {
	until := now.Add(-verifyAfter)
	var unreadable error
	for kind, c := range s.subjects() {
		begun := false
		for done := false; !done; {
			err := s.within(ctx, func(ctx context.Context) error {
				from, err := s.verifiedUntil(ctx, kind)
				if err != nil {
					return err
				}
				if done = !begun && until.Sub(from) < verifyEvery; done {
					return nil
				}
				begun = true
				n, reached, last, err := s.verifyChanges(ctx, kind, c, from, until)
				placed += n
				if isUnreadable(err) {
					unreadable, err = err, nil
				}
				if err != nil {
					return err
				}
				done = !reached.Before(until)
				s.feeds.verified[kind] = reached
				return s.noteVerified(ctx, kind, last)
			})
			if err != nil {
				return placed, err
			}
		}
	}
	return placed, unreadable
}

// verifiedUntil returns until when all changes of documents of a kind are known to have been moved.
func (s *Store) verifiedUntil(ctx context.Context, kind game.SubjectKind) (time.Time, error) {
	if until, known := s.feeds.verified[kind]; known {
		return until, nil
	}
	var v verified
	err := s.meta.FindOne(ctx, verifiedID(kind)).Decode(&v)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return time.Time{}, err
	}
	s.feeds.verified[kind] = v.Until
	return v.Until, nil
}

// noteVerified stores how far verify has come, so that the next holder of the lease continues from there: not until
// when it looked, which a clock that is ahead could bring into the future, but to the last change that it saw.
func (s *Store) noteVerified(ctx context.Context, kind game.SubjectKind, until time.Time) error {
	latest := docOf("$max", docOf("until", until))
	_, err := s.meta.UpdateOne(ctx, verifiedID(kind), latest, options.UpdateOne().SetUpsert(true))
	return err
}

// verifyChanges moves the events of a page of the documents of one kind that were changed last in a period. It returns
// until when all of them have been moved, and the time of the last change that it saw, also with a
// [game.ErrUnreadable], which is of single documents. API keys, which are few, have no time of their last change.
func (s *Store) verifyChanges(
	ctx context.Context, kind game.SubjectKind, c collection, from, until time.Time,
) (placed int, reached, last time.Time, err error) {
	index := changedIndex(kind)
	var unreadable error
	for limit := movePage; ; limit *= 2 {
		filter, o := exists("events.0"), options.Find()
		if index != "" {
			// Whether they have events is seen then: a page of those that have some may be the whole collection.
			filter = docOf("updated_at", bson.D{{Key: "$gte", Value: from}, {Key: "$lt", Value: until}})
			o.SetSort(keys("updated_at")).SetHint(index).SetLimit(int64(limit))
		}
		found, err := outboxes(ctx, c.Collection, filter, o)
		if unreadable = nil; isUnreadable(err) {
			unreadable, err = err, nil
		}
		if err != nil {
			return 0, from, from, err
		}
		reached, last = until, from
		if index != "" && len(found) > 0 {
			last = found[len(found)-1].UpdatedAt
		}
		if index != "" && len(found) == limit {
			if reached = last; !reached.After(from) {
				continue // all of them were changed at one moment
			}
		}
		var events []game.Event
		for _, d := range found {
			events = append(events, d.of(kind)...)
		}
		placed, err = s.move(ctx, events)
		return placed, reached, last, cmp.Or(err, unreadable)
	}
}

// changedIndex returns the index by which documents are found by the time of their last change.
func changedIndex(kind game.SubjectKind) string {
	switch kind { //nolint:exhaustive // others have none
	case game.SubjectPlayer:
		return playersByChange
	case game.SubjectSession:
		return sessionsByChange
	}
	return ""
}
