package mongostore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// Events are moved from the outboxes of their documents to the collection of events by one process, which gives them
// their places in the feeds on the way. It knows which documents have some from this process, and by notices from the
// others. Those of which no process could tell, because it died, are found by the time of the change.

const movePage = 500 // documents whose outboxes are read at once

// feeds is what this process knows of the feeds while it moves events.
type feeds struct {
	mu   sync.Mutex // one move at a time
	last time.Time  // when OrderEvents was last called
	next map[game.ProjectID]int64
	// verified is, by the kind, until when all changes of documents are known to have been moved.
	verified map[game.SubjectKind]time.Time
	// seen is what the processes that store events last said, as of the time of the last look.
	seen   map[bson.ObjectID]sighting
	looked time.Time
	search *search // for events of processes that died; nil for none
}

// begin forgets what another process may have made untrue, if it had the time to take over meanwhile.
func (f *feeds) begin(now time.Time) {
	if now.Before(f.last) || now.Sub(f.last) > game.TaskLeaseTerm {
		clear(f.next)
		clear(f.verified)
		clear(f.seen)
		f.looked, f.search = time.Time{}, nil
	}
	f.last = now
}

func newFeeds() feeds {
	return feeds{next: map[game.ProjectID]int64{}, verified: map[game.SubjectKind]time.Time{}}
}

// OrderEvents implements [game.EventStore].
func (s *Store) OrderEvents(ctx context.Context, now time.Time, limit int) (placed int, err error) {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	s.feeds.begin(now)
	s.outbox.moving()
	for more := true; more && (err == nil || isUnreadable(err)) && placed < limit; {
		turn := s.within(ctx, func(ctx context.Context) (err error) {
			var n int
			n, more, err = s.order(ctx, limit)
			placed += n
			return err
		})
		if turn != nil {
			err = turn
		}
	}
	var unreadable error
	for _, late := range []func(context.Context, time.Time) (int, error){s.moveOfLost, s.verify} {
		if isUnreadable(err) {
			unreadable, err = err, nil
		}
		if err == nil {
			var n int
			n, err = late(ctx, now)
			placed += n
		}
	}
	err = cmp.Or(err, unreadable)
	switch {
	case err == nil:
		return placed, nil
	case mongo.IsDuplicateKeyError(err): // another process gives places
		err = game.ErrStale
	default:
		err = readError(ctx, err)
	}
	clear(s.feeds.next)
	return placed, err
}

// forgetPlaces has the ends of feeds read again.
func (s *Store) forgetPlaces() {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	clear(s.feeds.next)
}

// within makes one step of a call that has several, each of which may take as long as a call.
func (s *Store) within(ctx context.Context, step func(context.Context) error) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return step(ctx)
}

// noticePage is how many notices are read at once. Each may name up to noticeSize documents, most name few.
const noticePage = 20

// order gives places to the events that were stored without, and moves those of documents of which this process or
// notices tell. It reports whether there may be more notices.
func (s *Store) order(ctx context.Context, limit int) (placed int, more bool, err error) {
	own := s.outbox.toTell(limit)
	var unreadable error
	defer func() {
		if err == nil {
			s.outbox.told(own)
			err = unreadable
		}
	}()
	var notices []notice
	cursor, err := s.notices.Find(ctx, bson.D{}, options.Find().SetSort(keys("_id")).
		SetLimit(noticePage).SetHint(idIndex))
	if err == nil {
		err = cursor.All(ctx, &notices)
	}
	if err != nil {
		return 0, false, err
	}
	ids := map[game.SubjectKind][]string{}
	for _, u := range own {
		ids[u.subject.Kind] = append(ids[u.subject.Kind], u.subject.ID)
	}
	told := make(bson.A, len(notices))
	for i, n := range notices {
		told[i] = n.ID
		for kind, of := range n.Subjects {
			ids[kind] = append(ids[kind], of...)
		}
	}
	if placed, err = s.placeUnplaced(ctx); err != nil {
		return placed, false, err
	}
	for kind, c := range s.subjects() {
		slices.Sort(ids[kind])
		for some := range slices.Chunk(slices.Compact(ids[kind]), movePage) {
			filter := byIDs(some)
			found, err := outboxes(ctx, c.Collection, filter, options.Find())
			if isUnreadable(err) {
				unreadable, err = err, nil
			}
			if err != nil {
				return placed, false, err
			}
			var events []game.Event
			for _, d := range found {
				events = append(events, d.of(kind)...)
			}
			n, err := s.move(ctx, events)
			placed += n
			if err != nil {
				return placed, false, err
			}
		}
	}
	if len(told) > 0 {
		_, err = s.notices.DeleteMany(ctx, docOf("_id", docOf("$in", told)))
	}
	return placed, len(notices) == noticePage, err
}

// isUnreadable reports whether an error is of documents that cannot be read, which must not hold up those of others.
func isUnreadable(err error) bool {
	return errors.Is(err, game.ErrUnreadable) && !errors.Is(err, game.ErrUnknownChange)
}

// move stores events that were read from outboxes with places in the feeds, except those that are stored already.
//
// Whoever lacks room in an outbox stores its events without places before it drops them. What an outbox no longer had
// when it was read is therefore given its place first.
func (s *Store) move(ctx context.Context, events []game.Event) (int, error) {
	if len(events) == 0 {
		return 0, nil
	}
	placed, err := s.placeUnplaced(ctx)
	if err != nil {
		return placed, err
	}
	without, err := s.withoutPlaces(ctx, events)
	if err != nil {
		return placed, err
	}
	of := map[game.ProjectID][]movedEvent{}
	for _, e := range without {
		of[e.Project] = append(of[e.Project], storedEvent(e))
	}
	for p, documents := range of {
		n, err := s.place(ctx, p, documents)
		placed += n
		if err != nil {
			return placed, err
		}
	}
	return placed, nil
}

// withoutPlaces returns the events that have no places in the feed, each once, in the order of their ids. Those that
// are stored without places are among them: somebody may have stored the first of them since placeUnplaced.
func (s *Store) withoutPlaces(ctx context.Context, events []game.Event) ([]game.Event, error) {
	slices.SortFunc(events, inOrderOfIDs)
	events = slices.CompactFunc(events, func(a, b game.Event) bool { return inOrderOfIDs(a, b) == 0 })
	var without []game.Event
	for some := range slices.Chunk(events, movePage) {
		ids := make(bson.A, len(some))
		for i, e := range some {
			ids[i] = e.ID()
		}
		found, err := idsIn(ctx, s.events.Collection, bson.D{
			{Key: "_id", Value: docOf("$in", ids)}, {Key: "unplaced", Value: nil},
		})
		if err != nil {
			return nil, err
		}
		placed := make(map[string]struct{}, len(found))
		for _, id := range found {
			placed[id] = struct{}{}
		}
		for _, e := range some {
			if _, is := placed[e.ID()]; !is {
				without = append(without, e)
			}
		}
	}
	return without, nil
}

// inOrderOfIDs compares events as their ids compare, without making these.
func inOrderOfIDs(a, b game.Event) int {
	return cmp.Or(strings.Compare(string(a.Subject.Kind), string(b.Subject.Kind)),
		strings.Compare(a.Subject.ID, b.Subject.ID), cmp.Compare(a.Version, b.Version))
}

// place stores events of a project with the next places, in their order and without gaps.
func (s *Store) place(ctx context.Context, p game.ProjectID, documents []movedEvent) (placed int, err error) {
	next, err := s.nextPlace(ctx, p)
	if err != nil {
		return 0, err
	}
	defer func() { s.feeds.next[p] = next }()
	for len(documents) > 0 {
		for i := range documents {
			documents[i].Seq, documents[i].Unplaced = next+int64(i), false
		}
		_, err := s.events.InsertMany(ctx, documents)
		at, taken := firstTaken(err)
		switch {
		case err == nil:
			at = len(documents)
		case !taken:
			return placed, err
		}
		next, placed = next+int64(at), placed+at
		if err == nil {
			break
		}
		if index, _ := takenIndex(err); index != idIndex { // the place is another's: this process does not know the end
			return placed, err
		}
		// It was stored without a place meanwhile, or with one.
		given, err := s.givePlace(ctx, documents[at].ID, next)
		if err != nil {
			return placed, err
		}
		if given {
			next, placed = next+1, placed+1
		}
		documents = documents[at+1:]
	}
	return placed, s.reached(ctx, p, next-1)
}

// placeUnplaced gives places to all events that were stored without. It reads them one by one: after a time without a
// mover there may be many.
func (s *Store) placeUnplaced(ctx context.Context) (placed int, err error) {
	filter := docOf("unplaced", true)
	o := options.Find().SetSort(keys("_id")).SetHint(eventsUnplaced).
		SetProjection(keys("project"))
	cursor, err := s.events.Find(ctx, filter, o)
	if err != nil {
		return 0, err
	}
	defer closeCursor(ctx, cursor)
	for cursor.Next(ctx) {
		var e movedEvent
		if err := cursor.Decode(&e); err != nil {
			return placed, err
		}
		next, err := s.nextPlace(ctx, e.Project)
		if err != nil {
			return placed, err
		}
		given, err := s.givePlace(ctx, e.ID, next)
		if err != nil {
			return placed, err
		}
		if given {
			s.feeds.next[e.Project] = next + 1
			placed++
		}
	}
	return placed, cursor.Err()
}

// givePlace gives a place to an event that has none, and reports whether it had none.
func (s *Store) givePlace(ctx context.Context, id string, seq int64) (given bool, err error) {
	r, err := s.events.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "unplaced", Value: true}}, bson.D{
		{Key: "$set", Value: docOf("seq", seq)},
		{Key: "$unset", Value: docOf("unplaced", "")},
	})
	return err == nil && r.MatchedCount > 0, err
}

// feedEnd is the last place that was given in the feed of a project, or one before it.
type feedEnd struct {
	Project game.ProjectID `bson:"_id"`
	Seq     int64          `bson:"seq"`
	Purged  int64          `bson:"purged,omitempty"` // all up to this place are gone
}

// nextPlace returns the next place in the feed of a project. The end that is stored may be behind the events, and is
// right when these have been removed.
func (s *Store) nextPlace(ctx context.Context, p game.ProjectID) (int64, error) {
	if next, ok := s.feeds.next[p]; ok {
		return next, nil
	}
	last, known, err := s.lastPlace(ctx, p)
	if err == nil && !known { // so that the project is known to have a feed
		err = s.reached(ctx, p, last)
	}
	if err != nil {
		return 0, err
	}
	s.feeds.next[p] = last + 1
	return s.feeds.next[p], nil
}

// lastPlace returns the last place in the feed of a project, and whether the project is known to have a feed.
func (s *Store) lastPlace(ctx context.Context, p game.ProjectID) (seq int64, known bool, err error) {
	var end feedEnd
	err = s.feedEnds.FindOne(ctx, docOf("_id", p)).Decode(&end)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return 0, false, err
	}
	var last movedEvent
	err = s.events.FindOne(ctx, bson.D{
		{Key: "project", Value: p}, {Key: "seq", Value: docOf("$gt", end.Seq)},
	},
		options.FindOne().SetSort(docOf("seq", -1)).SetHint(eventsByPlace).
			SetProjection(keys("seq"))).Decode(&last)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return 0, false, err
	}
	return max(end.Seq, last.Seq), end.Project != "", nil
}

// FeedEnd implements [game.EventStore].
func (s *Store) FeedEnd(ctx context.Context, p game.ProjectID) (seq int64, err error) {
	err = s.within(ctx, func(ctx context.Context) (err error) {
		seq, _, err = s.lastPlace(ctx, p)
		return err
	})
	if err != nil {
		return 0, readError(ctx, err)
	}
	return seq, nil
}

// reached stores the end of a feed.
func (s *Store) reached(ctx context.Context, p game.ProjectID, seq int64) error {
	store := func() error {
		_, err := s.feedEnds.UpdateOne(ctx, docOf("_id", p),
			docOf("$max", docOf("seq", seq)), options.UpdateOne().SetUpsert(true))
		return err
	}
	err := store()
	if mongo.IsDuplicateKeyError(err) { // another has just made the document
		err = store()
	}
	return err
}

// firstTaken returns which of several documents could not be inserted because one has its id or its place. It is no
// answer where those before it may be undone.
func firstTaken(err error) (at int, taken bool) {
	var e mongo.BulkWriteException
	if !errors.As(err, &e) || len(e.WriteErrors) == 0 || e.WriteConcernError != nil || !mongo.IsDuplicateKeyError(err) {
		return 0, false
	}
	return e.WriteErrors[0].Index, true
}
