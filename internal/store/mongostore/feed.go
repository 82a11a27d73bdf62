package mongostore

import (
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

const (
	movePage = 500 // documents whose outboxes are read at once
	// Changes are looked at again once they are so old that no write of them can be under way any more, however long
	// requests may take and whatever the difference of the clocks.
	verifyAfter = 5 * time.Minute
	verifyEvery = time.Minute
)

// feeds is what this process knows of the feeds while it moves events.
type feeds struct {
	mu       sync.Mutex // one move at a time
	next     map[game.ProjectID]int64
	verified *time.Time // all changes before have been moved; nil before it has been read
}

// OrderEvents implements [game.EventStore].
func (s *Store) OrderEvents(ctx context.Context, now time.Time, limit int) (int, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return 0, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	own := s.outbox.take(limit, false)
	placed, err := s.order(ctx, own, limit)
	if err == nil {
		var late int
		late, err = s.verify(ctx, now)
		placed += late
	}
	switch {
	case err == nil:
		return placed, nil
	case mongo.IsDuplicateKeyError(err): // another process gives places
		err = game.ErrStale
	default:
		err = unread(ctx, err)
	}
	s.outbox.putBack(own)
	clear(s.feeds.next)
	return placed, err
}

// order moves the events of documents of which this process or notices tell.
func (s *Store) order(ctx context.Context, own []game.Subject, limit int) (int, error) {
	var notices []notice
	cursor, err := s.notices.Find(ctx, bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).
		SetLimit(int64(1+limit/noticeSize)).SetHint(idIndex))
	if err == nil {
		err = cursor.All(ctx, &notices)
	}
	if err != nil {
		return 0, err
	}
	ids := map[game.SubjectKind][]string{}
	for _, x := range own {
		ids[x.Kind] = append(ids[x.Kind], x.ID)
	}
	told := make(bson.A, len(notices))
	for i, n := range notices {
		told[i] = n.ID
		for kind, of := range n.Subjects {
			ids[kind] = append(ids[kind], of...)
		}
	}
	var events []game.Event
	for kind, c := range s.subjects() {
		slices.Sort(ids[kind])
		for some := range slices.Chunk(slices.Compact(ids[kind]), movePage) {
			filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: some}}}}
			waiting, err := waitingIn(ctx, c.Collection, kind, filter, options.Find())
			if err != nil {
				return 0, err
			}
			events = append(events, waiting...)
		}
	}
	placed, err := s.move(ctx, events)
	if err == nil && len(told) > 0 {
		_, err = s.notices.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: told}}}})
	}
	return placed, err
}

// move stores events that were read from outboxes with places in the feeds, except those that are stored already.
//
// Whoever lacks room in an outbox stores its events without places before it drops them. What an outbox no longer had
// when it was read is therefore given its place first.
func (s *Store) move(ctx context.Context, events []game.Event) (int, error) {
	placed, err := s.placeUnplaced(ctx)
	if err != nil || len(events) == 0 {
		return placed, err
	}
	fresh, err := s.notMoved(ctx, events)
	if err != nil {
		return placed, err
	}
	of := map[game.ProjectID][]movedEvent{}
	for _, e := range fresh {
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

// notMoved returns the events that are not stored in the collection, each once.
func (s *Store) notMoved(ctx context.Context, events []game.Event) ([]game.Event, error) {
	slices.SortFunc(events, func(a, b game.Event) int { return strings.Compare(a.ID(), b.ID()) })
	events = slices.CompactFunc(events, func(a, b game.Event) bool { return a.ID() == b.ID() })
	var fresh []game.Event
	for some := range slices.Chunk(events, movePage) {
		ids := make(bson.A, len(some))
		for i, e := range some {
			ids[i] = e.ID()
		}
		stored, err := idsOf(ctx, s.events, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, idIndex, len(ids))
		if err != nil {
			return nil, err
		}
		moved := make(map[any]struct{}, len(stored))
		for _, id := range stored {
			moved[id] = struct{}{}
		}
		for _, e := range some {
			if _, is := moved[e.ID()]; !is {
				fresh = append(fresh, e)
			}
		}
	}
	return fresh, nil
}

// place stores events of a project with the next places, in their order and without gaps.
func (s *Store) place(ctx context.Context, p game.ProjectID, documents []movedEvent) (int, error) {
	next, err := s.nextPlace(ctx, p)
	if err != nil {
		return 0, err
	}
	first := next
	defer func() { s.feeds.next[p] = next }()
	for len(documents) > 0 {
		for i := range documents {
			documents[i].Seq, documents[i].Unplaced = next+int64(i), false
		}
		_, err := s.events.InsertMany(ctx, documents)
		at, taken := firstTaken(err)
		switch {
		case err == nil:
			next += int64(len(documents))
			documents = nil
			continue
		case !taken:
			return int(next - first), err
		}
		next += int64(at)
		if index, _ := takenIndex(err); index == eventsByPlace {
			return int(next - first), err
		}
		// It was stored without a place meanwhile.
		given, err := s.givePlace(ctx, documents[at].ID, next)
		if err != nil {
			return int(next - first), err
		}
		if given {
			next++
		}
		documents = documents[at+1:]
	}
	return int(next - first), s.reached(ctx, p, next-1)
}

// placeUnplaced gives places to the events that were stored without.
func (s *Store) placeUnplaced(ctx context.Context) (int, error) {
	filter := bson.D{{Key: "unplaced", Value: true}}
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetHint(eventsUnplaced).
		SetProjection(bson.D{{Key: "project", Value: 1}})
	cursor, err := s.events.Find(ctx, filter, o)
	if err != nil {
		return 0, err
	}
	var unplaced []movedEvent
	if err := cursor.All(ctx, &unplaced); err != nil {
		return 0, err
	}
	placed := 0
	for _, e := range unplaced {
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
	return placed, nil
}

// givePlace gives a place to an event that has none, and reports whether it had none.
func (s *Store) givePlace(ctx context.Context, id string, seq int64) (given bool, err error) {
	r, err := s.events.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "unplaced", Value: true}}, bson.D{
		{Key: "$set", Value: bson.D{{Key: "seq", Value: seq}}}, {Key: "$unset", Value: bson.D{{Key: "unplaced", Value: ""}}},
	})
	return err == nil && r.MatchedCount > 0, err
}

// feedEnd is the last place that was given in the feed of a project, or one before it.
type feedEnd struct {
	Project game.ProjectID `bson:"_id"`
	Seq     int64          `bson:"seq"`
}

// nextPlace returns the next place in the feed of a project. The end that is stored may be behind the events, and is
// right when these have been removed.
func (s *Store) nextPlace(ctx context.Context, p game.ProjectID) (int64, error) {
	if next, ok := s.feeds.next[p]; ok {
		return next, nil
	}
	var end feedEnd
	err := s.feedEnds.FindOne(ctx, bson.D{{Key: "_id", Value: p}}).Decode(&end)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return 0, err
	}
	var last movedEvent
	err = s.events.FindOne(ctx, bson.D{{Key: "project", Value: p}, {Key: "seq", Value: bson.D{{Key: "$gt", Value: end.Seq}}}},
		options.FindOne().SetSort(bson.D{{Key: "seq", Value: -1}}).SetHint(eventsByPlace).
			SetProjection(bson.D{{Key: "seq", Value: 1}})).Decode(&last)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return 0, err
	}
	s.feeds.next[p] = max(end.Seq, last.Seq) + 1
	return s.feeds.next[p], nil
}

// reached stores the end of a feed.
func (s *Store) reached(ctx context.Context, p game.ProjectID, seq int64) error {
	_, err := s.feedEnds.UpdateOne(ctx, bson.D{{Key: "_id", Value: p}},
		bson.D{{Key: "$max", Value: bson.D{{Key: "seq", Value: seq}}}}, options.UpdateOne().SetUpsert(true))
	return err
}

// firstTaken returns which of several documents could not be inserted because one has its id or its place.
func firstTaken(err error) (at int, taken bool) {
	var e mongo.BulkWriteException
	if !errors.As(err, &e) || len(e.WriteErrors) == 0 || !mongo.IsDuplicateKeyError(err) {
		return 0, false
	}
	return e.WriteErrors[0].Index, true
}

// verified is up to which time all changes are known to have been moved.
type verified struct {
	Until time.Time `bson:"until"`
}

// verify moves the events of changes that nobody told of, once they are old enough.
func (s *Store) verify(ctx context.Context, now time.Time) (int, error) {
	byID := bson.D{{Key: "_id", Value: "events"}}
	if s.feeds.verified == nil {
		var v verified
		if err := s.meta.FindOne(ctx, byID).Decode(&v); err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
			return 0, err
		}
		s.feeds.verified = &v.Until
	}
	until := now.Add(-verifyAfter)
	if until.Sub(*s.feeds.verified) < verifyEvery {
		return 0, nil
	}
	placed := 0
	for kind, c := range s.subjects() {
		n, err := s.verifyChanges(ctx, kind, c, *s.feeds.verified, until)
		placed += n
		if err != nil {
			return placed, err
		}
	}
	_, err := s.meta.UpdateOne(ctx, byID, bson.D{{Key: "$max", Value: bson.D{{Key: "until", Value: until}}}},
		options.UpdateOne().SetUpsert(true))
	if err == nil {
		s.feeds.verified = &until
	}
	return placed, err
}

// verifyChanges moves the events of documents of one kind that were changed last in a period. API keys, which are few,
// have no time of their last change.
func (s *Store) verifyChanges(
	ctx context.Context, kind game.SubjectKind, c collection, from, until time.Time,
) (int, error) {
	placed, index := 0, changedIndex(kind)
	for limit := movePage; ; {
		filter, o := exists("events.0"), options.Find()
		if index != "" {
			filter = append(bson.D{{Key: "updated_at", Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lt", Value: until}}}}, filter...)
			o.SetSort(bson.D{{Key: "updated_at", Value: 1}}).SetHint(index).SetLimit(int64(limit))
		}
		events, err := waitingIn(ctx, c.Collection, kind, filter, o)
		if err != nil {
			return placed, err
		}
		documents := map[string]struct{}{}
		var last time.Time
		for _, e := range events {
			documents[e.Subject.ID] = struct{}{}
			last = e.At // the last of a document is that of its last change, and the documents are in this order
		}
		n, err := s.move(ctx, events)
		placed += n
		if err != nil || index == "" || len(documents) < limit {
			return placed, err
		}
		if !last.After(from) { // all of them were changed at one moment
			limit *= 2
		}
		from = last
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
