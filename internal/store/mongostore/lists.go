package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// page describes one page of a list: documents by id, newest first.
type page struct {
	filter  bson.D
	index   string // to read by: it covers the first conditions of filter and has the order of the list
	indexed bool   // index is final
	narrow  bool   // index selects so few documents that they can be sorted
	current bool   // read from the primary, whatever the URL says
	after   string // id; "" for the first page
	limit   int    // documents
	bytes   int    // the page ends with the document that reaches this size; 0 means no limit
	exclude bson.D // projection of the fields that are not read; may be nil
	large   bool   // documents may be large, so that the first batch is small
	several bool   // index is read by several values of a field
	sorted  bool   // the page has another order than that of the ids
	walks   bool   // no index serves some of the filter, so that the server may skip many documents
	// work is how long the server may work on each part of the page; 0 for any.
	work time.Duration
}

// firstBatch is the size of the first batch, in documents, if they may be large.
const firstBatch = 2

func (p *page) where(field string, condition any) {
	p.filter = append(p.filter, bson.E{Key: field, Value: condition})
}

// whereFields adds the clauses to the filter, and selects the first index that serves one of them.
func (p *page) whereFields(all []searched, w game.Where) {
	simple, others := splitSimple(w)
	for _, s := range all {
		clauses := s.on(simple)
		if len(clauses) == 0 {
			continue
		}
		switch {
		case s.path == "": // another row adds the clauses
		case s.field == game.FieldAttributes:
			p.filter = append(p.filter, attributeClauses(clauses)...)
		default:
			for _, c := range clauses {
				p.where(s.path, s.comparison(c))
			}
		}
		p.walks = p.walks || s.index == "" && s.path != ""
		if s.index != "" && !p.indexed && (s.only == nil || s.contains(clauses[0])) {
			p.index, p.narrow, p.indexed = s.index, s.narrow, true
			p.several = len(clauses[0].Values) > 1
			if live, ended := w.Lives(); s.liveIndex != "" && live && !ended {
				p.index = s.liveIndex
				p.where("live", true) // without it the server could not use an index of live sessions
			}
		}
	}
	if len(others) > 0 {
		p.filter, p.walks = both(p.filter, conditionsOf(others, onlyLive(simple))), true
	}
}

// splitSimple returns the clauses for which there may be an index, and the others.
func splitSimple(w game.Where) (simple, others game.Where) {
	for _, c := range w {
		_, kind := pathOf(c.Field)
		if kind != game.KindTime && kind != game.KindFlag &&
			slices.Contains([]game.Op{game.OpEqual, game.OpIn, game.OpAtLeast, game.OpPrefix}, c.Op) {
			simple = append(simple, c)
		} else {
			others = append(others, c)
		}
	}
	return simple, others
}

// onlyLive reports whether a clause selects live sessions by their status.
func onlyLive(w game.Where) bool {
	return slices.ContainsFunc(w, func(c game.Clause) bool {
		return c.Field == game.FieldStatus && (c.Op == game.OpEqual || c.Op == game.OpIn) &&
			!slices.ContainsFunc(c.Values, func(v game.Value) bool {
				text, _ := v.Any().(string)
				return game.SessionStatus(text).Terminal()
			})
	})
}

// contains reports whether all values of a clause are among those that the index has.
func (s searched) contains(c game.Clause) bool {
	return !slices.ContainsFunc(c.Values, func(v game.Value) bool {
		text, _ := v.Any().(string)
		return !slices.Contains(s.only, text)
	})
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

// comparison returns the condition for a clause about the field.
func (s searched) comparison(c game.Clause) any {
	if s.lacking != "" && c.Op == game.OpEqual && c.Text() == s.lacking {
		return bson.D{{Key: "$nin", Value: s.only}} // $in with null misses documents without the field on DocumentDB
	}
	return comparison(c)
}

// comparison returns the condition for a clause in MongoDB's query language.
func comparison(c game.Clause) any {
	values := mapped(c.Values, game.Value.Any)
	switch c.Op {
	case game.OpIn:
		if len(values) != 1 {
			return bson.D{{Key: "$in", Value: values}}
		}
	case game.OpAtLeast:
		return bson.D{{Key: "$gte", Value: values[0]}}
	case game.OpPrefix:
		return prefixed(c.Text())
	case game.OpEqual, game.OpNot, game.OpLess, game.OpAtMost, game.OpGreater, game.OpBetween, game.OpExists,
		game.OpWithin:
	}
	return values[0]
}

// prefixed returns the condition that a text begins with a prefix. Servers compare texts as bytes in UTF-8, which is
// the order of their characters.
func prefixed(prefix string) bson.D {
	d := bson.D{{Key: "$gte", Value: prefix}}
	if end, ok := game.AfterPrefix(prefix); ok {
		d = append(d, bson.E{Key: "$lt", Value: end})
	}
	return d
}

// ordered reports whether the index returns the page in the order of the ids.
func (p *page) ordered(c capabilities) bool {
	return c.OrderedIndexes && (c.MergedIndexes || !p.several)
}

// hint returns the index to read by. If that one does not return documents by id, a long list is read by one that does,
// and the server skips documents that do not match.
func (p *page) hint(c capabilities) string {
	if p.narrow || p.ordered(c) {
		return p.index
	}
	return walkIndex(c)
}

// walkIndex returns the index by which a server reads all documents of a project by id.
func walkIndex(c capabilities) string {
	if c.OrderedIndexes {
		return sessionsByProject
	}
	return idIndex
}

// walkTime is how long a page is first looked for among the newest documents.
const walkTime = 200 * time.Millisecond

// walkable reports whether a page of live sessions is in the order of the ids and its index is not, so that the server
// would sort all that are live.
func (p *page) walkable(c capabilities) bool {
	return !p.sorted && p.index == sessionsByStatus && p.narrow && !p.ordered(c)
}

// walk tries to read a page that is walkable by the index of the ids, which among 100,000 live sessions takes a
// hundredth of the time. It returns false if the page is not, or is not full after [walkTime], because many newer
// sessions have ended or few match.
func (p *page) walk(
	ctx context.Context, from *mongo.Collection, c capabilities, stages bson.A,
) (cursor *mongo.Cursor, walked bool, err error) {
	if !p.walkable(c) {
		return nil, false, nil
	}
	work := walkTime
	if p.work > 0 {
		work = min(work, p.work)
	}
	cursor, err = p.aggregate(ctx, from, walkIndex(c), stages, work)
	if ctx.Err() == nil && hasCode(err, codeTimeLimit) {
		return nil, false, nil
	}
	return cursor, true, err
}

// aggregate begins to read a page. work is that of [limitedAggregate].
func (p *page) aggregate(
	ctx context.Context, from *mongo.Collection, index string, stages bson.A, work time.Duration,
) (*mongo.Cursor, error) {
	limited, err := limitedAggregate(index, work)
	if err != nil {
		return nil, err
	}
	if p.large {
		limited.SetBatchSize(firstBatch)
	}
	return from.Aggregate(ctx, stages, limited)
}

// find returns the filter and the options to read the page.
func (p *page) find(c capabilities) (bson.D, *options.FindOptionsBuilder) {
	filter := p.filter
	if p.after != "" {
		// Beside a condition on the ids it cannot be a second field of the same name.
		following := bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: p.after}}}}
		if slices.ContainsFunc(filter, func(e bson.E) bool { return e.Key == "_id" }) {
			following = bson.D{{Key: "$and", Value: bson.A{following}}}
		}
		filter = append(filter[:len(filter):len(filter)], following...)
	}
	// Read one more document to learn whether there is a next page.
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetLimit(int64(p.limit) + 1).SetHint(p.hint(c)).
		SetProjection(append(withoutOutbox(), p.exclude...))
	if p.large {
		o.SetBatchSize(firstBatch)
	}
	return filter, o
}

// open opens the cursor of the page. The driver can limit the work of an aggregate only.
func (p *page) open(ctx context.Context, from *mongo.Collection, c capabilities) (*mongo.Cursor, error) {
	filter, o := p.find(c)
	stages := bson.A{
		item("$match", filter), item("$sort", item("_id", -1)), item("$limit", int64(p.limit)+1),
		item("$project", append(withoutOutbox(), p.exclude...)),
	}
	cursor, walked, err := p.walk(ctx, from, c, stages)
	switch {
	case walked:
		return cursor, err
	case p.work == 0:
		return from.Find(ctx, filter, o)
	}
	cursor, err = p.aggregate(ctx, from, p.hint(c), stages, p.work)
	if ctx.Err() == nil && hasCode(err, codeTimeLimit) {
		return nil, game.ErrTooBroad.Because(redacted(ctx, err))
	}
	return cursor, err
}

// withoutOutbox leaves out the events of documents, which lists and exports do not return.
func withoutOutbox() bson.D { return bson.D{{Key: "events", Value: 0}} }

// list reads a page. cost returns how many of the page's bytes a document uses up, given the number of bytes that
// were read for it.
func list[D any](
	ctx context.Context, s *Store, c collection, p page, cost func(read int, d *D) int,
) (game.Found[D], error) {
	from := c.lists
	if p.current {
		from = c.Collection
	}
	found := game.Found[D]{Items: []D{}} // not for the limit: most lists find a few documents
	spent := 0
	var opened *mongo.Cursor
	open := func(ctx context.Context) (_ *mongo.Cursor, err error) {
		opened, err = p.open(ctx, from, s.server.capabilities)
		return opened, err
	}
	err := s.eachOf(ctx, open, func(cursor *mongo.Cursor) (bool, error) {
		n := len(found.Items) + len(found.Unreadable)
		if n == p.limit || p.bytes > 0 && spent >= p.bytes {
			found.More = true
			return false, nil
		}
		size := len(cursor.Current)
		var d D
		if err := decode(cursor.Current, &d); err == nil {
			size = cost(size, &d)
			found.Items = append(found.Items, d)
		} else if id, ok := cursor.Current.Lookup("_id").StringValueOK(); ok {
			found.Unreadable = append(found.Unreadable, id)
		} else {
			return false, err // it has no place in the order of the ids
		}
		spent += size
		// Batches grow with the page, so that few large documents are read and not used.
		cursor.SetBatchSize(int32(2 * (n + 1))) //nolint:gosec // a few hundred
		return true, nil
	})
	if err != nil && opened != nil && p.work > 0 && hasCode(opened.Err(), codeTimeLimit) { // in a later batch
		return found, game.ErrTooBroad.Because(err)
	}
	return found, err
}

// fullSize is the cost of a document that is returned as it was read.
func fullSize[D any](read int, _ *D) int { return read }

// read returns all documents that match.
func read[D any](
	ctx context.Context, s *Store, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder,
) ([]D, error) {
	return collect[D](ctx, s, from, filter, o, func(err error) error { return err })
}

// readable returns all documents that match and can be decoded.
func readable[D any](
	ctx context.Context, s *Store, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder,
) ([]D, error) {
	return collect[D](ctx, s, from, filter, o, func(error) error { return nil })
}

// collect returns all documents that match, without those that cannot be decoded if broken accepts the reason.
func collect[D any](
	ctx context.Context, s *Store, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder,
	broken func(error) error,
) ([]D, error) {
	items := []D{}
	err := s.each(ctx, from, filter, o, func(cursor *mongo.Cursor) (bool, error) {
		var d D
		if err := decode(cursor.Current, &d); err != nil {
			err = broken(err)
			return err == nil, err
		}
		items = append(items, d)
		return true, nil
	})
	return items, err
}

// each calls next for each document that matches, until it returns false.
func (s *Store) each(
	ctx context.Context, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder,
	next func(*mongo.Cursor) (bool, error),
) error {
	open := func(ctx context.Context) (*mongo.Cursor, error) { return from.Find(ctx, filter, o) }
	return s.eachOf(ctx, open, next)
}

// eachOf is each for a cursor of another command. It returns [game.ErrTooBroad] if open does.
func (s *Store) eachOf(
	ctx context.Context, open func(context.Context) (*mongo.Cursor, error), next func(*mongo.Cursor) (bool, error),
) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	cursor, err := open(ctx)
	switch {
	case errors.Is(err, game.ErrTooBroad):
		return err
	case err != nil:
		return readError(ctx, err)
	}
	defer closeCursor(ctx, cursor)
	for cursor.Next(ctx) {
		if more, err := next(cursor); err != nil || !more {
			return readError(ctx, err)
		}
	}
	return readError(ctx, cursor.Err())
}

// closeTimeout is how long closing a cursor may take.
const closeTimeout = time.Second

// closeCursor frees the cursor on the server, also if ctx has ended.
func closeCursor(ctx context.Context, c *mongo.Cursor) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = c.Close(ctx) // the server frees abandoned cursors after a while
}
