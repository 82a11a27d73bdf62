package mongostore

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// page is how one page of a list is read: by id, newest first.
type page struct {
	filter  bson.D
	index   string // which fulfils the first conditions, and has the order
	indexed bool   // no other index is to be taken
	narrow  bool   // it leaves so few documents that they can be sorted
	fresh   bool   // what is read must not be old
	after   string
	limit   int
	bytes   int    // 0 for no bound
	leave   bson.D // what is not read, nil for nothing
	whole   bool   // documents may be so large that the first batches are to be small
}

// firstBatch is how many documents are read first where they may be large.
const firstBatch = 2

func (p *page) where(field string, condition any) {
	p.filter = append(p.filter, bson.E{Key: field, Value: condition})
}

// whereFields adds the clauses, and takes the first index that serves one of them.
func (p *page) whereFields(all []searched, w game.Where) {
	for _, s := range all {
		clauses := s.on(w)
		if len(clauses) == 0 {
			continue
		}
		switch {
		case s.path == "": // was added by another row
		case s.field == game.FieldAttributes:
			p.filter = append(p.filter, attributeClauses(clauses)...)
		default:
			for _, c := range clauses {
				p.where(s.path, comparison(c))
			}
		}
		if s.index != "" && !p.indexed && (s.only == nil || slices.Contains(s.only, clauses[0].Text())) {
			p.index, p.narrow, p.indexed = s.index, s.narrow, true
			if s.liveIndex != "" && w.OnlyLive() {
				p.index = s.liveIndex
				p.where("live", true) // without it the server could not use an index of live sessions
			}
		}
	}
}

// on returns the clauses about the field.
func (s searched) on(w game.Where) (clauses []game.Clause) {
	for _, c := range w {
		if _, attribute := c.Attribute(); c.Field == s.field || attribute && s.field == game.FieldAttributes {
			clauses = append(clauses, c)
		}
	}
	return clauses
}

// comparison returns a clause as MongoDB writes it.
func comparison(c game.Clause) any {
	values := make(bson.A, len(c.Values))
	for i, v := range c.Values {
		values[i] = v.Any()
	}
	switch c.Op {
	case game.OpIn:
		return bson.D{{Key: "$in", Value: values}}
	case game.OpAtLeast:
		return bson.D{{Key: "$gte", Value: values[0]}}
	case game.OpPrefix:
		return bson.D{{Key: "$gte", Value: c.Text()}, {Key: "$lt", Value: c.Text() + "\U0010ffff"}}
	case game.OpEqual:
	}
	return values[0]
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
		filter = append(
			filter[:len(filter):len(filter)], bson.E{Key: "_id", Value: bson.D{{Key: "$lt", Value: p.after}}},
		)
	}
	// One more tells whether the list goes on.
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetLimit(int64(p.limit) + 1).SetHint(p.hint(c))
	if p.leave != nil {
		o.SetProjection(p.leave)
	}
	if p.whole {
		o.SetBatchSize(firstBatch)
	}
	return filter, o
}

// list reads a page. cost tells for how many of the page's bytes a document counts, of which so many were read.
func list[D any](
	ctx context.Context, s *Store, c collection, p page, cost func(read int, d *D) int,
) (game.Found[D], error) {
	from := c.lists
	if p.fresh {
		from = c.Collection
	}
	filter, o := p.find(s.server.capabilities)
	found := game.Found[D]{Items: make([]D, 0, min(p.limit, game.MaxLimit))}
	spent := 0
	err := s.each(ctx, from, filter, o, func(cursor *mongo.Cursor) (bool, error) {
		if len(found.Items) == p.limit || p.bytes > 0 && spent >= p.bytes {
			found.More = true
			return false, nil
		}
		var d D
		if err := decode(cursor.Current, &d); err != nil {
			return false, err
		}
		found.Items = append(found.Items, d)
		spent += cost(len(cursor.Current), &found.Items[len(found.Items)-1])
		// Batches grow with what is read, so that documents that are large are not read in vain.
		cursor.SetBatchSize(int32(2 * len(found.Items))) //nolint:gosec // a few hundred
		return true, nil
	})
	if err != nil {
		return game.Found[D]{}, err
	}
	return found, nil
}

// wholly is the cost of a document that is read as it is.
func wholly[D any](read int, _ *D) int { return read }

// read reads all that is found.
func read[D any](
	ctx context.Context, s *Store, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder,
) ([]D, error) {
	items := []D{}
	err := s.each(ctx, from, filter, o, func(cursor *mongo.Cursor) (bool, error) {
		var d D
		if err := decode(cursor.Current, &d); err != nil {
			return false, err
		}
		items = append(items, d)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// each calls the function with every document that is found, until it returns false.
func (s *Store) each(
	ctx context.Context, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder,
	next func(*mongo.Cursor) (bool, error),
) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	cursor, err := from.Find(ctx, filter, o)
	if err != nil {
		return unread(ctx, err)
	}
	defer closeCursor(ctx, cursor)
	for cursor.Next(ctx) {
		more, err := next(cursor)
		if err != nil {
			return unread(ctx, err)
		}
		if !more {
			return nil
		}
	}
	if err := cursor.Err(); err != nil {
		return unread(ctx, err)
	}
	return nil
}

// closeTimeout bounds how long a reader who gives up waits to tell the server so.
const closeTimeout = time.Second

// closeCursor gives up what the server keeps for a reader, also for one whose context has ended.
func closeCursor(ctx context.Context, c *mongo.Cursor) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = c.Close(ctx) // the server forgets it by itself, later
}
