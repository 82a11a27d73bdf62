package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// page is how one page of a list is read: by id, newest first.
type page struct {
	filter bson.D
	index  string // which fulfils the first conditions, and has the order
	narrow bool   // it leaves so few documents that they can be sorted
	fresh  bool   // what is read must not be old
	after  string
	limit  int
}

func (p *page) where(field string, condition any) {
	p.filter = append(p.filter, bson.E{Key: field, Value: condition})
}

// hint returns the index to read by. Where no index but that of the ids gives an order, a long list is read by that one
// and what does not fit is passed over.
func (p *page) hint(c capabilities) string {
	if c.OrderedIndexes || p.narrow {
		return p.index
	}
	return idIndex
}

// find returns the filter and the options of the page.
func (p *page) find(c capabilities) (bson.D, *options.FindOptionsBuilder) {
	filter := p.filter
	if p.after != "" {
		filter = append(filter[:len(filter):len(filter)], bson.E{Key: "_id", Value: bson.D{{Key: "$lt", Value: p.after}}})
	}
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetLimit(int64(p.limit)).SetHint(p.hint(c))
	return filter, o
}

// list reads a page.
func list[D, G any](ctx context.Context, s *Store, c collection, p page, as func(D) G) ([]G, error) {
	from := c.lists
	if p.fresh {
		from = c.Collection
	}
	filter, o := p.find(s.server.capabilities)
	return read(ctx, s, from, filter, o, as)
}

// read reads all that is found.
func read[D, G any](ctx context.Context, s *Store, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder, as func(D) G) ([]G, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	cursor, err := from.Find(ctx, filter, o)
	if err != nil {
		return nil, unread(ctx, err)
	}
	defer closeCursor(ctx, cursor)
	items := make([]G, 0, cursor.RemainingBatchLength())
	for cursor.Next(ctx) {
		var d D
		if err := decode(cursor.Current, &d); err != nil {
			return nil, unread(ctx, err)
		}
		items = append(items, as(d))
	}
	if err := cursor.Err(); err != nil {
		return nil, unread(ctx, err)
	}
	return items, nil
}

// closeTimeout bounds how long a reader who gives up waits to tell the server so.
const closeTimeout = time.Second

// closeCursor gives up what the server keeps for a reader, also for one whose context has ended.
func closeCursor(ctx context.Context, c *mongo.Cursor) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = c.Close(ctx) // the server forgets it by itself, later
}
