package mongostore

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// A process that has stored events says every now and then that it is there. If it stops, it died, perhaps between a
// write and the notice of it: whoever moves events then looks at what was changed meanwhile, long before all changes of
// that time are verified.

const (
	// beatEvery is how often a process says that it is there, and how often the others look.
	beatEvery = 2 * time.Second
	// lostLooks is how many times in succession a process has said nothing new when it is taken for dead. Looks that
	// fail do not count, so that nobody is after an outage of the server, which nobody can reach.
	lostLooks = 5
	// lateWrites is for how long before its last beat a process that died may have written what it told nobody of, and
	// how far the times of changes may be from the server's.
	lateWrites = time.Minute
)

// writer is a process that has stored events.
type writer struct {
	ID   bson.ObjectID `bson:"_id"`
	Beat int64         `bson:"beat"`
	At   time.Time     `bson:"at"` // by the server's clock
}

// sighting is what a process last said, and how many looks ago it was new.
type sighting struct {
	beat  int64
	looks int
}

// beat says that this process, which has stored events, is there. What fails is said again at the next turn.
func (s *Store) beat() {
	ctx, cancel := context.WithTimeout(context.Background(), noticeLimit)
	defer cancel()
	_, _ = s.writers.UpdateOne(ctx, docOf("_id", s.outbox.id), bson.D{
		{Key: "$inc", Value: docOf("beat", int64(1))}, {Key: "$currentDate", Value: docOf("at", true)},
	}, options.UpdateOne().SetUpsert(true))
}

// leave says that this process has nothing more to tell, if it has told everything: others look at what it wrote
// otherwise.
func (s *Store) leave(told bool) {
	if !told {
		s.beat()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), noticeLimit)
	defer cancel()
	_, _ = s.writers.DeleteOne(ctx, docOf("_id", s.outbox.id))
}

// moveOfLost moves the events of processes that died.
func (s *Store) moveOfLost(ctx context.Context, now time.Time) (placed int, err error) {
	if now.Sub(s.feeds.looked) < beatEvery {
		return 0, nil
	}
	var there []writer
	err = s.within(ctx, func(ctx context.Context) error {
		cursor, err := s.writers.Find(ctx, bson.D{})
		if err != nil {
			return err
		}
		return cursor.All(ctx, &there)
	})
	if err != nil {
		return 0, err
	}
	s.feeds.looked = now
	for _, w := range s.feeds.lost(there) {
		n, err := s.verifyAll(ctx, w.At.Add(-lateWrites), now.Add(lateWrites))
		if placed += n; err != nil && !errors.Is(err, game.ErrUnreadable) {
			return placed, err
		}
		gone := s.within(ctx, func(ctx context.Context) error {
			_, err := s.writers.DeleteOne(ctx, bson.D{{Key: "_id", Value: w.ID}, {Key: "beat", Value: w.Beat}})
			return err
		})
		if err = cmp.Or(gone, err); err != nil {
			return placed, err
		}
	}
	return placed, nil
}

// lost returns those of the processes that have said nothing new for too long.
func (f *feeds) lost(there []writer) (lost []writer) {
	seen := make(map[bson.ObjectID]sighting, len(there))
	for _, w := range there {
		last, known := f.seen[w.ID]
		if !known || last.beat != w.Beat {
			last = sighting{beat: w.Beat}
		} else {
			last.looks++
		}
		if seen[w.ID] = last; last.looks >= lostLooks {
			lost = append(lost, w)
		}
	}
	f.seen = seen
	return lost
}

// verifyAll moves the events of documents that were changed in a period.
func (s *Store) verifyAll(ctx context.Context, from, until time.Time) (placed int, err error) {
	var unreadable error
	for kind, c := range s.subjects() {
		for from := from; from.Before(until); {
			err := s.within(ctx, func(ctx context.Context) error {
				n, reached, _, err := s.verifyChanges(ctx, kind, c, from, until)
				placed, from = placed+n, reached
				if errors.Is(err, game.ErrUnreadable) {
					unreadable, err = err, nil
				}
				return err
			})
			if err != nil {
				return placed, err
			}
		}
	}
	return placed, unreadable
}
