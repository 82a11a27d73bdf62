package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// PurgeEvents implements [game.EventStore].
func (s *Store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	s.feeds.mu.Lock() // no move may hold events that are removed from under it
	defer s.feeds.mu.Unlock()
	removed := 0
	err := s.do(ctx, write{
		send: func(ctx context.Context) error {
			cursor, err := s.feedEnds.Find(
				ctx, bson.D{}, options.Find().SetSort(keys("_id")).SetHint(idIndex),
			)
			if err != nil {
				return err
			}
			var ends []feedEnd
			if err := cursor.All(ctx, &ends); err != nil {
				return err
			}
			for _, end := range ends {
				for more := true; more && removed < limit; {
					var n int
					if n, more, err = s.purgeFeed(ctx, &end, before, min(limit-removed, movePage)); err != nil {
						return err
					}
					removed += n
				}
			}
			return nil
		},
		refusal: func(error) error { return nil },
	})
	return removed, err
}

// purgeFeed removes events from the beginning of a feed, and reports whether there may be more.
//
// What is removed from the collection must not be found in an outbox again. The end of the feed is stored before its
// events are removed, because the next place is told by them. Each step may be made again.
func (s *Store) purgeFeed(
	ctx context.Context, end *feedEnd, before time.Time, limit int,
) (n int, more bool, err error) {
	found, err := s.firstPlaces(ctx, end, limit)
	if err != nil {
		return 0, false, err
	}
	old := 0
	for old < len(found) && found[old].Entry.At.Before(before) {
		old++
	}
	if old == 0 {
		return 0, false, nil
	}
	last := found[old-1].Seq
	if err := s.dropMoved(ctx, found[:old]); err != nil {
		return 0, false, err
	}
	if err := s.reached(ctx, end.Project, last); err != nil {
		return 0, false, err
	}
	_, err = s.events.DeleteMany(ctx, bson.D{
		{Key: "project", Value: end.Project},
		{Key: "seq", Value: bson.D{{Key: "$gt", Value: end.Purged}, {Key: "$lte", Value: last}}},
	})
	if err == nil {
		_, err = s.feedEnds.UpdateOne(ctx, docOf("_id", end.Project),
			docOf("$max", docOf("purged", last)))
	}
	end.Purged = last
	return old, old == len(found), err
}

// firstPlaces returns the events at the first places of a feed, without what they changed. It asks for a range of
// places, which no server has to sort.
func (s *Store) firstPlaces(ctx context.Context, end *feedEnd, limit int) (found []movedEvent, err error) {
	o := options.Find().SetHint(eventsByPlace).SetSort(keys("seq")).
		SetProjection(keys("seq", "at", "kind", "subject", "version"))
	after := func(place bson.D, limit int) error {
		cursor, err := s.events.Find(
			ctx, bson.D{{Key: "project", Value: end.Project}, {Key: "seq", Value: place}}, o.SetLimit(int64(limit)),
		)
		if err != nil {
			return err
		}
		defer closeCursor(ctx, cursor)
		for cursor.Next(ctx) {
			var d movedEvent
			if err := cursor.Decode(&d); err != nil {
				// Without a time it is removed as soon as it is the first.
				d = storedEvent(unreadableEvent(cursor.Current))
			}
			found = append(found, d)
		}
		return cursor.Err()
	}
	for range 2 {
		err := after(bson.D{{Key: "$gt", Value: end.Purged}, {Key: "$lte", Value: end.Purged + int64(limit)}}, limit)
		if err != nil || len(found) > 0 || end.Seq <= end.Purged {
			return found, err
		}
		// The feed begins later: it is that of another store, or who removed the events before could not say so.
		err = after(docOf("$gt", end.Purged), 1)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		end.Purged = found[0].Seq - 1
	}
	return found, nil
}

// dropMoved drops events that have been moved from the outboxes of their documents.
func (s *Store) dropMoved(ctx context.Context, moved []movedEvent) error {
	last := map[game.Subject]int64{}
	for _, d := range moved {
		x := game.Subject{Kind: d.Kind, ID: d.Subject}
		last[x] = max(last[x], d.Entry.Version)
	}
	drops := map[game.SubjectKind][]mongo.WriteModel{}
	for x, version := range last {
		upTo := docOf("version", docOf("$lte", version))
		drops[x.Kind] = append(drops[x.Kind], mongo.NewUpdateOneModel().
			SetFilter(bson.D{
				{Key: "_id", Value: x.ID}, {Key: "events.version", Value: docOf("$lte", version)},
			}).
			SetUpdate(docOf("$pull", docOf("events", upTo))))
	}
	for kind, c := range s.subjects() {
		if len(drops[kind]) == 0 {
			continue
		}
		if _, err := c.BulkWrite(ctx, drops[kind], options.BulkWrite().SetOrdered(false)); err != nil {
			return err
		}
	}
	return nil
}
