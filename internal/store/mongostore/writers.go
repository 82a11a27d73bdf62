package mongostore

import (
	"cmp"
	"context"
	"slices"
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
	// searchPages bounds a step of the search for events of processes that died.
	searchPages = 20
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

// present says that this process is there, from the first event that it stores on and until the store is closed.
func (s *Store) present() {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	said := time.Time{}
	for {
		select {
		case now := <-ticker.C:
			if s.outbox.wrote() && now.Sub(said) >= beatEvery {
				s.beat()
				said = now
			}
		case <-s.outbox.stop:
			return
		}
	}
}

// beat says that this process is there. What fails is said again at the next turn.
func (s *Store) beat() {
	ctx, cancel := context.WithTimeout(context.Background(), noticeLimit)
	defer cancel()
	_, _ = s.writers.UpdateOne(ctx, docOf("_id", s.outbox.id), bson.D{
		{Key: "$inc", Value: docOf("beat", int64(1))}, {Key: "$currentDate", Value: docOf("at", true)},
	}, options.UpdateOne().SetUpsert(true))
}

// leave says that this process has told of everything that it stored. If that fails, others look at it in vain.
func (s *Store) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), noticeLimit)
	defer cancel()
	_, _ = s.writers.DeleteOne(ctx, docOf("_id", s.outbox.id))
}

// search is for the events that processes that died told nobody of.
type search struct {
	of    []writer
	from  map[game.SubjectKind]time.Time // what is older was looked at
	until time.Time
}

// moveOfLost moves events of processes that died: at most searchPages of documents at a call, so that new events do not
// wait for them.
func (s *Store) moveOfLost(ctx context.Context, now time.Time) (placed int, err error) {
	if s.feeds.search == nil {
		if err := s.lookForLost(ctx, now); err != nil || s.feeds.search == nil {
			return 0, err
		}
	}
	of := s.feeds.search
	pages := searchPages
	var unreadable error
	for kind, c := range s.subjects() {
		for of.from[kind].Before(of.until) {
			if pages--; pages < 0 {
				return placed, unreadable
			}
			err := s.within(ctx, func(ctx context.Context) error {
				n, reached, _, err := s.verifyChanges(ctx, kind, c, of.from[kind], of.until)
				placed += n
				if err == nil || isUnreadable(err) {
					of.from[kind] = reached
				}
				return err
			})
			if isUnreadable(err) {
				unreadable, err = err, nil
			}
			if err != nil {
				return placed, err
			}
		}
	}
	s.feeds.search = nil
	err = s.within(ctx, func(ctx context.Context) error { return s.removeWriters(ctx, of.of) })
	return placed, cmp.Or(err, unreadable)
}

// lookForLost looks which processes are there, and begins a search if some are not any more.
func (s *Store) lookForLost(ctx context.Context, now time.Time) error {
	if now.Sub(s.feeds.looked) < beatEvery {
		return nil
	}
	return s.within(ctx, func(ctx context.Context) error {
		cursor, err := s.writers.Find(ctx, bson.D{})
		if err != nil {
			return err
		}
		var there []writer
		if err := cursor.All(ctx, &there); err != nil {
			return err
		}
		s.feeds.looked = now
		lost := s.feeds.lost(there)
		if len(lost) == 0 {
			return nil
		}
		begin := slices.MinFunc(lost, func(a, b writer) int { return a.At.Compare(b.At) }).At.Add(-lateWrites)
		of := &search{of: lost, from: map[game.SubjectKind]time.Time{}, until: now.Add(lateWrites)}
		for kind := range s.subjects() {
			verified, err := s.verifiedUntil(ctx, kind)
			if err != nil {
				return err
			}
			if of.from[kind] = begin; verified.After(begin) {
				of.from[kind] = verified
			}
		}
		s.feeds.search = of
		return nil
	})
}

// removeWriters forgets processes, except those that have said something since.
func (s *Store) removeWriters(ctx context.Context, all []writer) error {
	for _, w := range all {
		_, err := s.writers.DeleteOne(ctx, bson.D{{Key: "_id", Value: w.ID}, {Key: "beat", Value: w.Beat}})
		if err != nil {
			return err
		}
	}
	return nil
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
