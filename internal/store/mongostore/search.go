package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// SearchSessions implements [game.SessionStore].
func (s *Store) SearchSessions(ctx context.Context, q game.SearchQuery) (game.Hits, error) {
	hits := game.Hits{Found: game.Found[game.Session]{Items: []game.Session{}}}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return hits, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	p := searchPage(q)
	if len(q.Where.Statuses()) > 0 {
		err = s.hits(ctx, q, p, &hits)
	}
	if err == nil && q.Count > 0 {
		hits.Count, hits.Counted, err = s.countFound(ctx, q, p)
	}
	switch {
	case err == nil:
		return hits, nil
	case errors.Is(err, game.ErrTooBroad):
		return game.Hits{}, err
	case ctx.Err() == nil && hasCode(err, codeTimeLimit):
		return game.Hits{}, game.ErrTooBroad.Because(redacted(ctx, err))
	}
	return game.Hits{}, readError(ctx, err)
}

// searchPage returns the filter of a search and the index to read by.
func searchPage(q game.SearchQuery) page {
	p := page{index: sessionsByProject, exclude: memberDetails(), limit: q.Limit, bytes: q.Bytes, work: q.Work}
	p.where("project", q.Project)
	var served, rest game.Where // by an index
	for _, c := range q.Where.Conjuncts() {
		_, attribute := c.Attribute()
		equality := c.Op == game.OpEqual || c.Op == game.OpIn
		person := c.Op == game.OpEqual && (c.Field == game.FieldMember || c.Field == game.FieldHost)
		if attribute && equality || person &&
			!slices.ContainsFunc(served, func(other game.Clause) bool { return other.Field == c.Field }) {
			served = append(served, c)
			continue
		}
		rest = append(rest, c)
	}
	if statuses := q.Where.Statuses(); len(statuses) == 1 {
		served = append(served, game.Is(game.FieldStatus, statuses[0]))
	} else if len(statuses) < len(game.SessionStatuses()) {
		served = append(served, game.In(game.FieldStatus, statuses...))
	}
	p.whereFields(sessionsSearched(), served)
	if len(rest) > 0 {
		p.filter = both(p.filter, conditionsOf(rest, onlyLive(served)))
	}
	return p
}

// both returns a filter with further conditions. The filter may have an $and already.
func both(filter bson.D, conditions bson.A) bson.D {
	if i := slices.IndexFunc(filter, func(e bson.E) bool { return e.Key == "$and" }); i >= 0 {
		conditions = append(conditions, item("$and", filter[i].Value))
		filter = slices.Delete(slices.Clone(filter), i, i+1)
	}
	return append(filter, bson.E{Key: "$and", Value: conditions})
}

// pipeline returns the stages that read a page of a part, and one document more. In an order other than that of the
// ids, the server sorts in memory.
func (p page) pipeline(q game.SearchQuery, sorts []sorting) bson.A {
	match, computed, sort := p.filter, bson.D{}, bson.D{}
	for i := range sorts {
		computed, sort = append(computed, sorts[i].computed...), append(sort, sorts[i].by()...)
	}
	var after bson.A
	if q.After != nil {
		after = bson.A{follows(sorts, *q.After, 0)}
	}
	if len(sorts) > 0 && sorts[0].part != nil {
		after = append(after, sorts[0].part)
	}
	if len(computed) == 0 && after != nil {
		match, after = both(match, after), nil
	}
	stages := bson.A{item("$match", match)}
	if len(computed) > 0 {
		stages = append(stages, item("$addFields", computed))
	}
	if after != nil {
		stages = append(stages, item("$match", item("$and", after)))
	}
	sort = append(sort, bson.E{Key: "_id", Value: -1})
	return append(stages,
		item("$sort", sort), item("$limit", int64(p.limit)+1), item("$project", append(withoutOutbox(), p.exclude...)))
}

// limitedAggregate returns the options of an aggregate that the server ends when it takes longer than work, in whole
// milliseconds. 0 means no limit. It returns [game.ErrTooBroad] if work is less than a millisecond.
func limitedAggregate(index string, work time.Duration) (*options.AggregateOptionsBuilder, error) {
	o := options.Aggregate().SetHint(index)
	switch {
	case work == 0:
		return o, nil
	case work < time.Millisecond:
		return nil, game.ErrTooBroad
	}
	limit := bson.M{"maxTimeMS": work.Milliseconds()}
	return o.SetCustom(limit), nil //nolint:staticcheck // there is no other way to set it
}

func (s *Store) hits(ctx context.Context, q game.SearchQuery, p page, hits *game.Hits) error {
	spent := 0
	for _, sorts := range sortingsOf(q) {
		if err := s.part(ctx, q, p, sorts, &spent, hits); err != nil || hits.More {
			return err
		}
	}
	return nil
}

// part adds the documents of a part to the page. spent is how much of the page's size is used.
func (s *Store) part(
	ctx context.Context, q game.SearchQuery, p page, sorts []sorting, spent *int, hits *game.Hits,
) error {
	from := s.sessions.lists
	if q.Current {
		from = s.sessions.Collection
	}
	limit := p.limit
	p.sorted = len(sorts) > 0
	p.limit -= len(hits.Items) + len(hits.Unreadable)
	c, stages := s.server.capabilities, p.pipeline(q, sorts)
	cursor, walked, err := p.walk(ctx, from, c, stages)
	if !walked {
		cursor, err = p.aggregate(ctx, from, p.hint(c), stages, p.work)
	}
	if err != nil {
		return err
	}
	defer closeCursor(ctx, cursor)
	for cursor.Next(ctx) {
		if n := len(hits.Items) + len(hits.Unreadable); n == limit || p.bytes > 0 && *spent >= p.bytes {
			hits.More = true
			return nil
		}
		if hits.Next, err = position(sorts, cursor.Current); err != nil {
			return err
		}
		var v game.Session
		if decode(cursor.Current, &v) == nil {
			hits.Items = append(hits.Items, v)
			*spent += game.BriefCost(len(cursor.Current), &v)
		} else {
			hits.Unreadable = append(hits.Unreadable, string(hits.Next.ID))
			*spent += len(cursor.Current)
		}
	}
	return cursor.Err()
}

// countFound counts what a query finds, from its beginning, up to its count.
func (s *Store) countFound(ctx context.Context, q game.SearchQuery, p page) (n int, whole bool, _ error) {
	if len(q.Where.Statuses()) == 0 {
		return 0, true, nil
	}
	pipeline := bson.A{
		item("$match", p.filter), item("$limit", int64(q.Count)+1),
		item("$group", bson.D{{Key: "_id", Value: nil}, {Key: "n", Value: item("$sum", 1)}}),
	}
	limited, err := limitedAggregate(p.index, q.Work)
	if err != nil {
		return 0, false, err
	}
	cursor, err := s.sessions.lists.Aggregate(ctx, pipeline, limited)
	if err != nil {
		return 0, false, err
	}
	var found []struct {
		N int `bson:"n"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return 0, false, err
	}
	if len(found) > 0 {
		n = found[0].N
	}
	return min(n, q.Count), n <= q.Count, nil
}
