package mongostore

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// InsertSessions stores sessions at once.
func (s *Store) InsertSessions(ctx context.Context, all []game.Session) error {
	documents := make([]any, len(all))
	for i := range all {
		d := storedSession(all[i])
		d.writes = []writeID{bson.NewObjectID()}
		documents[i] = d
	}
	_, err := s.sessions.InsertMany(ctx, documents)
	return err
}

// SearchPlan returns the stages by which the server reads a page of a search, as it tries first.
func (s *Store) SearchPlan(ctx context.Context, q game.SearchQuery) ([]string, error) {
	p, sorts := searchPage(q), sortingsOf(q)[0]
	p.sorted = len(sorts) > 0
	reply, err := s.database.RunCommand(ctx, bson.D{
		{Key: "explain", Value: bson.D{
			{Key: "aggregate", Value: sessionsCollection},
			{Key: "pipeline", Value: p.pipeline(q, sorts)},
			{Key: "cursor", Value: bson.D{}},
			{Key: "hint", Value: s.searchIndex(p)},
		}},
		{Key: "verbosity", Value: "queryPlanner"},
	}).Raw()
	if err != nil {
		return nil, err
	}
	return stages(reply), nil
}

// SearchSorts reports whether the server sorts in memory what a search finds.
func (s *Store) SearchSorts(ctx context.Context, q game.SearchQuery) (bool, error) {
	plan, err := s.SearchPlan(ctx, q)
	return slices.ContainsFunc(plan, sorts), err
}

func (s *Store) searchIndex(p page) string {
	if c := s.server.capabilities; p.walkable(c) {
		return walkIndex(c)
	}
	return p.hint(s.server.capabilities)
}

// FindAlone makes the find that a program would make for a search, and the count if the search has one. An order by a
// distance or a part of the id takes an aggregate.
func (s *Store) FindAlone(ctx context.Context, q game.SearchQuery) error {
	p := searchPage(q)
	cursor, err := s.cursorAlone(ctx, q, p)
	if err != nil {
		return err
	}
	var found []bson.Raw
	if err := cursor.All(ctx, &found); err != nil || q.Count == 0 {
		return err
	}
	_, err = s.sessions.lists.CountDocuments(ctx, p.filter, options.Count().SetLimit(int64(q.Count)+1).SetHint(p.index))
	return err
}

func (s *Store) cursorAlone(ctx context.Context, q game.SearchQuery, p page) (*mongo.Cursor, error) {
	filter, sort, computed := p.filter, bson.D{}, bson.D{}
	limit, projection := int64(p.limit)+1, append(withoutOutbox(), p.exclude...)
	p.sorted = len(q.Order) > 0
	hint := s.searchIndex(p)
	for i, o := range q.Order {
		path, _ := pathOf(o.Field)
		switch direction := map[bool]int{false: 1, true: -1}[o.Desc]; {
		case o.Near != nil:
			computed = item("distance", item("$abs", item("$subtract", bson.A{"$" + path, *o.Near})))
			sort = append(sort, bson.E{Key: "distance", Value: 1})
		case o.Field == game.FieldSpread:
			computed = item("spread", item("$substrCP", bson.A{"$_id", game.SpreadFrom, game.OrderedText}))
			sort = append(sort, bson.E{Key: "spread", Value: 1})
		default:
			sort = append(sort, bson.E{Key: path, Value: direction})
		}
		if q.After != nil && i == 0 { // the only order of a later page
			_, kind := pathOf(o.Field)
			at := nativeOf(kind, q.After.Keys[0].Value)
			filter = both(filter, bson.A{item("$or", bson.A{
				item(path, item("$lt", at)),
				bson.D{{Key: path, Value: at}, {Key: "_id", Value: item("$lt", string(q.After.ID))}},
			})})
		}
	}
	sort = append(sort, bson.E{Key: "_id", Value: -1})
	if len(computed) == 0 {
		return s.sessions.lists.Find(ctx, filter,
			options.Find().SetSort(sort).SetLimit(limit).SetProjection(projection).SetHint(hint))
	}
	return s.sessions.lists.Aggregate(ctx, bson.A{
		item("$match", filter), item("$addFields", computed), item("$sort", sort), item("$limit", limit),
		item("$project", projection),
	}, options.Aggregate().SetHint(hint))
}
