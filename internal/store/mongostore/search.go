package mongostore

import (
	"context"
	"fmt"
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
	case ctx.Err() == nil && hasCode(err, codeTimeLimit):
		return game.Hits{}, game.ErrTooBroad.Because(redacted(ctx, err))
	}
	return game.Hits{}, readError(ctx, err)
}

// searchPage returns the filter of a search and the index to read by.
func searchPage(q game.SearchQuery) page {
	p := page{index: sessionsByProject, exclude: memberDetails(), limit: q.Limit, bytes: q.Bytes}
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
		p.filter = both(p.filter, conditionsOf(rest))
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

// pipeline returns the stages that read a page, and one document more. In an order other than that of the ids, the
// server computes what each document is ordered by, and sorts in memory.
func (p page) pipeline(q game.SearchQuery) bson.A {
	match := p.filter
	sort := bson.D{}
	stages := bson.A{}
	if len(q.Order) == 0 {
		if q.After != nil {
			match = append(match[:len(match):len(match)], bson.E{Key: "_id", Value: item("$lt", string(q.After.ID))})
		}
		stages = append(stages, item("$match", match))
	} else {
		computed := bson.D{}
		for i, o := range q.Order {
			rank, value := keyExpressions(o)
			computed = append(computed, bson.E{Key: rankName(i), Value: rank}, bson.E{Key: keyName(i), Value: value})
			direction := 1
			if o.Desc {
				direction = -1
			}
			sort = append(sort, bson.E{Key: rankName(i), Value: 1}, bson.E{Key: keyName(i), Value: direction})
		}
		stages = append(stages, item("$match", match), item("$addFields", computed))
		if q.After != nil {
			stages = append(stages, item("$match", follows(q.Order, *q.After, 0)))
		}
	}
	sort = append(sort, bson.E{Key: "_id", Value: -1})
	return append(stages,
		item("$sort", sort), item("$limit", int64(p.limit)+1), item("$project", append(withoutOutbox(), p.exclude...)))
}

func rankName(i int) string { return fmt.Sprintf("_rank%d", i) }
func keyName(i int) string  { return fmt.Sprintf("_key%d", i) }

// keyExpressions returns the expressions for the rank and the value of a [game.OrderKey].
func keyExpressions(o game.Order) (rank, value any) {
	cond := func(test, then, otherwise any) bson.D { return item("$cond", bson.A{test, then, otherwise}) }
	if o.Field == game.FieldSpread {
		value = item("$substrCP", bson.A{"$_id", game.SpreadFrom, game.OrderedText})
		return cond(item("$lt", bson.A{value, o.Start}), 1, 0), value
	}
	path, _ := pathOf(o.Field)
	path = "$" + path
	kind := item("$type", path)
	is := func(names ...any) bson.D { return item("$in", bson.A{kind, bson.A(names)}) }
	number, text, flag := is("double", "int", "long"), is("string"), is("bool")
	if _, attribute := (game.Clause{Field: o.Field}).Attribute(); !attribute {
		rank = cond(is("missing", "null"), game.RankNone, 0)
	} else {
		rank = cond(number, o.RankOf(game.NumberValue(0)), cond(text, o.RankOf(game.StringValue("")),
			cond(flag, o.RankOf(game.BoolValue(false)), game.RankNone)))
	}
	if o.Near != nil {
		return rank, cond(number, item("$abs", item("$subtract", bson.A{path, *o.Near})), nil)
	}
	return rank, cond(text, item("$substrCP", bson.A{path, 0, game.OrderedText}), item("$ifNull", bson.A{path, nil}))
}

// follows returns the condition that a document follows a position, by its keys from the i-th on.
func follows(orders []game.Order, p game.Position, i int) bson.D {
	if i == len(orders) {
		return item("_id", item("$lt", string(p.ID)))
	}
	k := p.Keys[i]
	rest := follows(orders, p, i+1)
	if k.Rank == game.RankNone {
		return item("$and", bson.A{item(rankName(i), game.RankNone), rest})
	}
	_, kind := pathOf(orders[i].Field)
	if orders[i].Near != nil {
		kind = game.KindCount
	}
	greater, value := "$gt", nativeOf(kind, k.Value)
	if orders[i].Desc {
		greater = "$lt"
	}
	return item("$or", bson.A{
		item(rankName(i), item("$gt", k.Rank)),
		bson.D{{Key: rankName(i), Value: k.Rank}, {Key: keyName(i), Value: item(greater, value)}},
		item("$and", bson.A{item(rankName(i), k.Rank), item(keyName(i), item("$eq", value)), rest}),
	})
}

// position returns the position of a document of the pipeline.
func position(orders []game.Order, raw bson.Raw) (*game.Position, error) {
	id, ok := raw.Lookup("_id").StringValueOK()
	if !ok {
		return nil, errNoPlace
	}
	p := &game.Position{ID: game.SessionID(id)}
	for i := range orders {
		rank, ok := raw.Lookup(rankName(i)).AsInt64OK()
		if !ok {
			return nil, errNoPlace
		}
		k := game.OrderKey{Rank: int(rank)}
		switch v := raw.Lookup(keyName(i)); v.Type { //nolint:exhaustive // other types have no key
		case bson.TypeString:
			k.Value = game.StringValue(v.StringValue())
		case bson.TypeBoolean:
			k.Value = game.BoolValue(v.Boolean())
		case bson.TypeDateTime:
			k.Value = game.NumberValue(float64(v.DateTime()))
		case bson.TypeDouble:
			k.Value = game.NumberValue(v.Double())
		case bson.TypeInt32, bson.TypeInt64:
			k.Value = game.NumberValue(float64(v.AsInt64()))
		}
		p.Keys = append(p.Keys, k)
	}
	return p, nil
}

// limitedAggregate returns the options of a search: the server ends it when it takes too long.
func limitedAggregate(index string) *options.AggregateOptionsBuilder {
	limit := bson.M{"maxTimeMS": int64(game.SearchTime / time.Millisecond)}
	return options.Aggregate().SetHint(index).SetCustom(limit) //nolint:staticcheck // there is no other way to set it
}

func (s *Store) hits(ctx context.Context, q game.SearchQuery, p page, hits *game.Hits) error {
	from := s.sessions.lists
	if q.Current {
		from = s.sessions.Collection
	}
	cursor, err := from.Aggregate(ctx, p.pipeline(q), limitedAggregate(p.hint(s.server.capabilities)))
	if err != nil {
		return err
	}
	defer closeCursor(ctx, cursor)
	spent := 0
	for cursor.Next(ctx) {
		n := len(hits.Items) + len(hits.Unreadable)
		if n == p.limit || p.bytes > 0 && spent >= p.bytes {
			hits.More = true
			return nil
		}
		if hits.Next, err = position(q.Order, cursor.Current); err != nil {
			return err
		}
		var v game.Session
		if decode(cursor.Current, &v) == nil {
			hits.Items = append(hits.Items, v)
			spent += game.BriefCost(len(cursor.Current), &v)
		} else {
			hits.Unreadable = append(hits.Unreadable, string(hits.Next.ID))
			spent += len(cursor.Current)
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
	cursor, err := s.sessions.lists.Aggregate(ctx, pipeline, limitedAggregate(p.index))
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
