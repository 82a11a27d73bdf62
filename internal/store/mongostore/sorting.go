package mongostore

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

// sorting is how documents are sorted for one [game.Order]: by the path of a field, or by what the server computes of
// it, which costs about as much as it takes to find the document.
type sorting struct {
	order    game.Order
	kind     game.FieldKind
	path     string // to sort by
	computed bson.D // fields to add to documents
	rank     string // the field with the rank, if it is computed
	fixed    int    // the rank otherwise
	// lacking is what documents without a number are sorted by, which comes after all numbers; nil if there are none.
	lacking *float64
	part    bson.D // condition of a part of the order; nil for all of it
}

// sortingsOf returns how documents are sorted for a query: one part after the other, each by all orders.
func sortingsOf(q game.SearchQuery) [][]sorting {
	sorts := make([]sorting, len(q.Order))
	for i, o := range q.Order {
		sorts[i] = sortingOf(q.Where, o, i)
	}
	if len(q.Order) != 1 || q.Order[0].Field != game.FieldSpread {
		return [][]sorting{sorts}
	}
	// From the start on, and then those below it, is less work than to compute which of them comes first.
	begin, rest := sorts[0], sorts[0]
	begin.computed, begin.rank = sorts[0].computed[1:], ""
	rest.computed, rest.rank, rest.fixed = begin.computed, "", 1
	begin.part = item(begin.path, item("$gte", q.Order[0].Start))
	rest.part = item(rest.path, item("$lt", q.Order[0].Start))
	if q.After != nil && q.After.Keys[0].Rank > 0 {
		return [][]sorting{{rest}}
	}
	return [][]sorting{{begin}, {rest}}
}

func sortingOf(w game.Where, o game.Order, i int) sorting {
	path, kind := pathOf(o.Field)
	s := sorting{order: o, kind: kind, path: path}
	number := kind == game.KindCount || isNumber(w, o.Field)
	key, rank := fmt.Sprintf("_key%d", i), fmt.Sprintf("_rank%d", i)
	distance := func() any { return item("$abs", item("$subtract", bson.A{"$" + path, *o.Near})) }
	switch {
	case o.Near != nil && number:
		s.kind, s.path, s.computed = game.KindCount, key, item(key, distance())
	case o.Near != nil:
		last := math.Inf(1)
		if o.Desc {
			last = math.Inf(-1)
		}
		s.kind, s.path, s.lacking = game.KindCount, key, &last
		s.computed = item(key, cond(typeIn(path, "double", "int", "long"), distance(), last))
	case number:
		s.fixed = o.RankOf(game.NumberValue(0))
	case o.Field == game.FieldSpread || kind == game.KindAttributes || missable(o.Field):
		of, value := keyExpressions(o, path)
		s.path, s.rank, s.computed = key, rank, bson.D{{Key: rank, Value: of}, {Key: key, Value: value}}
	}
	return s
}

// isNumber reports whether the clauses find only documents in which a field is a number.
func isNumber(w game.Where, field string) bool {
	return slices.ContainsFunc(w.Conjuncts(), func(c game.Clause) bool {
		switch c.Op {
		case game.OpEqual, game.OpLess, game.OpAtMost, game.OpGreater, game.OpAtLeast, game.OpBetween:
			_, number := c.Values[0].Any().(float64)
			return c.Field == field && number
		case game.OpNot, game.OpIn, game.OpPrefix, game.OpExists, game.OpWithin:
		}
		return false
	})
}

// missable reports whether documents may lack a field.
func missable(field string) bool {
	f, _ := game.FieldOf(game.SessionFields(), game.Clause{Field: field})
	return slices.Contains(f.Searched, game.OpExists)
}

func cond(test, then, otherwise any) bson.D { return item("$cond", bson.A{test, then, otherwise}) }

// typeIn returns the expression that the type of a field is one of some.
func typeIn(path string, names ...any) bson.D {
	return item("$in", bson.A{item("$type", "$"+path), bson.A(names)})
}

// keyExpressions returns the expressions for the rank and the value of a [game.OrderKey].
func keyExpressions(o game.Order, path string) (rank, value any) {
	if o.Field == game.FieldSpread {
		value = item("$substrCP", bson.A{"$_id", game.SpreadFrom, game.OrderedText})
		return cond(item("$lt", bson.A{value, o.Start}), 1, 0), value
	}
	number, text, flag := typeIn(path, "double", "int", "long"), typeIn(path, "string"), typeIn(path, "bool")
	if _, attribute := (game.Clause{Field: o.Field}).Attribute(); !attribute {
		rank = cond(typeIn(path, "missing", "null"), game.RankNone, 0)
	} else {
		rank = cond(number, o.RankOf(game.NumberValue(0)), cond(text, o.RankOf(game.StringValue("")),
			cond(flag, o.RankOf(game.BoolValue(false)), game.RankNone)))
	}
	path = "$" + path
	return rank, cond(text, item("$substrCP", bson.A{path, 0, game.OrderedText}), item("$ifNull", bson.A{path, nil}))
}

// by returns the fields to sort by.
func (s *sorting) by() (sort bson.D) {
	if s.rank != "" {
		sort = item(s.rank, 1)
	}
	direction := 1
	if s.order.Desc {
		direction = -1
	}
	return append(sort, bson.E{Key: s.path, Value: direction})
}

// follows returns the condition that a document follows a position, by its keys from the i-th on.
func follows(sorts []sorting, p game.Position, i int) bson.D {
	if i == len(sorts) {
		return item("_id", item("$lt", string(p.ID)))
	}
	s, k, rest := &sorts[i], p.Keys[i], follows(sorts, p, i+1)
	value, greater := nativeOf(s.kind, k.Value), "$gt"
	if s.order.Desc {
		greater = "$lt"
	}
	switch {
	case s.rank != "" && k.Rank == game.RankNone:
		return item("$and", bson.A{item(s.rank, game.RankNone), rest})
	case s.rank != "":
		return item("$or", bson.A{
			item(s.rank, item("$gt", k.Rank)),
			bson.D{{Key: s.rank, Value: k.Rank}, {Key: s.path, Value: item(greater, value)}},
			item("$and", bson.A{item(s.rank, k.Rank), item(s.path, item("$eq", value)), rest}),
		})
	case k.Rank == game.RankNone && s.lacking != nil:
		value = *s.lacking
	case k.Rank > s.fixed: // nothing has a later rank
		return item("_id", item("$in", bson.A{}))
	case k.Rank < s.fixed: // all ranks are later
		return bson.D{}
	}
	return item("$or", bson.A{
		item(s.path, item(greater, value)), item("$and", bson.A{item(s.path, item("$eq", value)), rest}),
	})
}

// position returns the position of a document of the pipeline.
func position(sorts []sorting, raw bson.Raw) (*game.Position, error) {
	id, ok := raw.Lookup("_id").StringValueOK()
	if !ok {
		return nil, errNoPlace
	}
	p := &game.Position{ID: game.SessionID(id)}
	for i := range sorts {
		s := &sorts[i]
		k := game.OrderKey{Rank: s.fixed}
		if s.rank != "" {
			rank, ok := raw.Lookup(s.rank).AsInt64OK()
			if !ok {
				return nil, errNoPlace
			}
			k.Rank = int(rank)
		}
		k.Value = keyValue(raw.Lookup(strings.Split(s.path, ".")...))
		if n, number := k.Value.Any().(float64); number && math.IsInf(n, 0) {
			k = game.OrderKey{Rank: game.RankNone}
		}
		p.Keys = append(p.Keys, k)
	}
	return p, nil
}

// keyValue returns the value of a key; the zero Value if there is none.
func keyValue(v bson.RawValue) game.Value {
	switch v.Type { //nolint:exhaustive // other types have no key
	case bson.TypeString:
		return game.StringValue(v.StringValue())
	case bson.TypeBoolean:
		return game.BoolValue(v.Boolean())
	case bson.TypeDateTime:
		return game.NumberValue(float64(v.DateTime()))
	case bson.TypeDouble:
		return game.NumberValue(v.Double())
	case bson.TypeInt32, bson.TypeInt64:
		return game.NumberValue(float64(v.AsInt64()))
	}
	return game.Value{}
}
