package mongostore

import (
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"game-session-manager/internal/game"
)

func item(key string, value any) bson.D { return bson.D{{Key: key, Value: value}} }

// conditionsOf returns the conditions for clauses, each a document of its own: several may be about the same field.
// live says that only live sessions are looked at anyway.
func conditionsOf(clauses []game.Clause, live bool) bson.A {
	all := make(bson.A, len(clauses))
	for i, c := range clauses {
		all[i] = conditionOf(c, live)
	}
	return all
}

// conditionOf returns the condition for a clause. MongoDB's comparisons, too, find only values of the same type, and
// its negations find what is missing.
func conditionOf(c game.Clause, live bool) bson.D {
	switch {
	case c.Not != nil:
		return item("$nor", bson.A{conditionOf(*c.Not, live)})
	case c.Any != nil:
		return item("$or", conditionsOf(c.Any, live))
	case c.All != nil:
		return item("$and", conditionsOf(c.All, live))
	case c.Op == game.OpWithin:
		return obstacles(c, live)
	}
	path, kind := pathOf(c.Field)
	if kind == game.KindFlag { // what is missing is false
		if (c.Values[0] == game.BoolValue(true)) == (c.Op == game.OpEqual) {
			return item(path, item("$eq", true))
		}
		return item(path, item("$ne", true))
	}
	s := searchedBy(c.Field)
	values := make(bson.A, len(c.Values))
	for i, v := range c.Values {
		values[i] = nativeOf(kind, v)
	}
	if s.lacking != "" && slices.Contains(values, any(s.lacking)) { // then the others are those of the row
		others := slices.DeleteFunc(
			slices.Clone(s.only), func(v string) bool { return slices.Contains(values, any(v)) },
		)
		if c.Op == game.OpNot {
			return item(path, item("$in", s.only))
		}
		return item(path, item("$nin", others))
	}
	switch c.Op {
	case game.OpNot:
		return item(path, item("$ne", values[0]))
	case game.OpIn:
		return item(path, item("$in", values))
	case game.OpLess:
		return item(path, item("$lt", values[0]))
	case game.OpAtMost:
		return item(path, item("$lte", values[0]))
	case game.OpGreater:
		return item(path, item("$gt", values[0]))
	case game.OpAtLeast:
		return item(path, item("$gte", values[0]))
	case game.OpBetween:
		return item(path, bson.D{{Key: "$gte", Value: values[0]}, {Key: "$lte", Value: values[1]}})
	case game.OpPrefix:
		return item(path, prefixed(c.Text()))
	case game.OpExists:
		return item(path, item("$exists", values[0]))
	case game.OpEqual, game.OpWithin:
	}
	return item(path, item("$eq", values[0]))
}

// pathOf returns where documents have a field, and the kind of its values.
func pathOf(field string) (string, game.FieldKind) {
	f, _ := game.FieldOf(game.SessionFields(), game.Clause{Field: field})
	if f.Kind == game.KindAttributes {
		return field, f.Kind // attributes.KEY; keys have no dots
	}
	return searchedBy(field).path, f.Kind
}

func searchedBy(field string) searched {
	all := sessionsSearched()
	if i := slices.IndexFunc(all, func(s searched) bool { return s.field == field && s.path != "" }); i >= 0 {
		return all[i]
	}
	return searched{}
}

// nativeOf returns a value as documents have it.
func nativeOf(kind game.FieldKind, v game.Value) any {
	if ms, ok := v.Any().(float64); ok && kind == game.KindTime {
		return time.UnixMilli(int64(ms)).UTC()
	}
	return v.Any()
}

// obstacles returns the condition for a clause of [game.WithObstacles]. It is about the fields that obstacles are made
// of, as [game.Session.Obstacles] makes them: documents do not have the set. Where only live sessions are looked at,
// their status is not compared again: on DocumentDB that would take as long as three of the other conditions.
func obstacles(c game.Clause, live bool) bson.D {
	var terminal, all bson.A
	for _, s := range game.SessionStatuses() {
		if s.Terminal() {
			terminal = append(terminal, string(s))
		}
	}
	if !live {
		all = bson.A{item("status", item("$nin", terminal))}
	}
	for _, o := range game.Obstacles() {
		if !c.Within().Has(o) {
			all = append(all, without(o)...)
		}
	}
	switch {
	case len(all) == 0: // of live sessions, all
		return bson.D{}
	case live || !c.Within().Has(game.ObstacleEnded):
		return item("$and", all)
	}
	return item("$or", bson.A{item("status", item("$in", terminal)), item("$and", all)})
}

// without returns the conditions that a live session does not have the obstacle.
func without(o game.Obstacle) bson.A {
	switch o {
	case game.ObstacleFull:
		return bson.A{item("free_seats", item("$gt", 0)), item("$nor", bson.A{
			item("wait_list", item("$elemMatch", item("team", item("$exists", false)))), // for any seat
			bson.D{{Key: "wait_list.team", Value: game.TeamAuto}, {Key: "teams", Value: bson.D{}}},
		})}
	case game.ObstacleLocked:
		return bson.A{item("locked", item("$ne", true))}
	case game.ObstacleStale:
		return bson.A{item("$or", bson.A{
			item("liveness", item("$ne", string(game.Stale))),
			bson.D{{Key: "hosted", Value: true}, {Key: "host_id", Value: item("$exists", false)}},
		})}
	case game.ObstacleClosed:
		return bson.A{item("$or", bson.A{
			item("status", string(game.StatusOpen)),
			bson.D{{Key: "status", Value: string(game.StatusInProgress)}, {Key: "join_in_progress", Value: true}},
		})}
	case game.ObstaclePrivate:
		return bson.A{item("$or", bson.A{
			item("visibility", item("$ne", string(game.VisibilityPrivate))), item("has_password", true),
		})}
	case game.ObstaclePassword:
		return bson.A{item("has_password", item("$ne", true))}
	case game.ObstacleEnded: // live sessions do not have it
	}
	return nil
}
