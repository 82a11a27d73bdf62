package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"time"

	"game-session-manager/internal/game"
)

// Obstacle is a reason why a newcomer, who has neither a join code nor a password, cannot join a session.
type Obstacle = game.Obstacle

// The obstacles. A search leaves out sessions that have one, unless it includes them.
const (
	ObstacleFull     = game.ObstacleFull     // no seat is free, or others wait for the next one
	ObstacleLocked   = game.ObstacleLocked   // new members are rejected
	ObstacleStale    = game.ObstacleStale    // heartbeats are missing
	ObstacleClosed   = game.ObstacleClosed   // it is live, and its status accepts no new members
	ObstacleEnded    = game.ObstacleEnded    // it has ended
	ObstaclePrivate  = game.ObstaclePrivate  // joining it requires a join code or an invitation
	ObstaclePassword = game.ObstaclePassword // joining it requires its password, a join code or an invitation
)

// SearchQuery selects and orders sessions. Its zero value finds all that a newcomer can join, newest first.
type SearchQuery struct {
	Where   []Condition // all must hold
	Order   []Order     // by the first, where that is equal by the second, and so on; at last newest first
	Include []Obstacle  // sessions with these are found too
	// Spread orders sessions that are equal in Order differently for each search, so that callers do not all try the
	// same one first. Cursors keep the order.
	Spread bool
	// Fields are the JSON names of the fields that sessions have besides their ids, such as "name"; all if it is empty.
	Fields []string
	Limit  int    // the maximum number of items in a page; 0 for the server's default
	Cursor string // the NextCursor of the page before; empty for the first page
	Count  bool   // count what is found
	// Explain has the page say what the search would find without each of its conditions.
	Explain bool
}

// Condition is a condition on a session. [Where], [Any], [All] and [Not] make one.
type Condition struct {
	c   game.SearchCondition
	err error
}

// Field is a field of sessions, for the conditions on it. What is missing, or has another type than the value, meets Ne
// and Not only.
//
// A value is a string, an integer, a floating-point number, a boolean, a [time.Time] or a [Value].
type Field string

// Where names a field: of a session, such as "mode", "free_seats" or "created_at", or an attribute, such as
// "attributes.mmr".
func Where(field string) Field { return Field(field) }

// Eq is the condition that the field has the value.
func (f Field) Eq(value any) Condition { return f.one(game.OpEqual, value) }

// Ne is the condition that the field does not have the value.
func (f Field) Ne(value any) Condition { return f.one(game.OpNot, value) }

// Lt is the condition that the field is less than the value.
func (f Field) Lt(value any) Condition { return f.one(game.OpLess, value) }

// Le is the condition that the field is at most the value.
func (f Field) Le(value any) Condition { return f.one(game.OpAtMost, value) }

// Gt is the condition that the field is greater than the value.
func (f Field) Gt(value any) Condition { return f.one(game.OpGreater, value) }

// Ge is the condition that the field is at least the value.
func (f Field) Ge(value any) Condition { return f.one(game.OpAtLeast, value) }

// Prefix is the condition that the field is a text that begins with prefix.
func (f Field) Prefix(prefix string) Condition { return f.one(game.OpPrefix, prefix) }

// Exists is the condition that the field is there.
func (f Field) Exists() Condition { return f.one(game.OpExists, true) }

// In is the condition that the field has one of up to 32 values.
func (f Field) In(values ...any) Condition { return f.list(game.OpIn, values) }

// Between is the condition that the field is at least the first value and at most the second.
func (f Field) Between(least, greatest any) Condition {
	return f.list(game.OpBetween, []any{least, greatest})
}

func (f Field) one(op game.Op, value any) Condition {
	v, err := f.value(value)
	return Condition{game.SearchCondition{Field: string(f), Op: op, Value: game.OneValue(v)}, err}
}

func (f Field) list(op game.Op, values []any) Condition {
	all := make([]Value, len(values))
	for i, one := range values {
		var err error
		if all[i], err = f.value(one); err != nil {
			return Condition{err: err}
		}
	}
	return Condition{c: game.SearchCondition{Field: string(f), Op: op, Value: game.ListOf(all...)}}
}

func (f Field) value(value any) (Value, error) {
	switch v := value.(type) {
	case Value:
		return v, nil
	case time.Time:
		return String(v.UTC().Format(time.RFC3339Nano)), nil
	}
	switch v := reflect.ValueOf(value); {
	case v.Kind() == reflect.String:
		return String(v.String()), nil
	case v.Kind() == reflect.Bool:
		return Bool(v.Bool()), nil
	case v.CanInt():
		return Number(float64(v.Int())), nil
	case v.CanUint():
		return Number(float64(v.Uint())), nil
	case v.CanFloat():
		return Number(v.Float()), nil
	}
	return Value{}, fmt.Errorf("%s cannot be compared with a %T", f, value)
}

// Any is the condition that at least one of the conditions holds.
func Any(conditions ...Condition) Condition {
	inner, err := unwrapped(conditions)
	return Condition{game.SearchCondition{Any: inner}, err}
}

// All is the condition that all of the conditions hold.
func All(conditions ...Condition) Condition {
	inner, err := unwrapped(conditions)
	return Condition{game.SearchCondition{All: inner}, err}
}

// Not is the condition that another does not hold.
func Not(c Condition) Condition { return Condition{game.SearchCondition{Not: &c.c}, c.err} }

func unwrapped(conditions []Condition) (game.SearchWhere, error) {
	all := make(game.SearchWhere, len(conditions))
	for i, c := range conditions {
		if all[i] = c.c; c.err != nil {
			return nil, c.err
		}
	}
	return all, nil
}

// Order is one field of an order. Sessions without the field come last.
type Order struct{ o game.SearchOrder }

// Ascending orders by a field, the least first.
func Ascending(field string) Order { return Order{game.SearchOrder{By: field}} }

// Descending orders by a field, the greatest first.
func Descending(field string) Order { return Order{game.SearchOrder{By: field, Desc: true}} }

// Nearest orders by the distance of a number to another, the nearest first.
func Nearest(field string, to float64) Order {
	return Order{game.SearchOrder{By: field, Near: new(game.SearchNumber(to))}}
}

// SearchPage is a page of a search. It may have fewer items than the limit, and even none, although there are more:
// NextCursor alone says whether there are.
type SearchPage struct {
	Page[Session]
	// Count is how many sessions the search finds, at most 1,000; 0 unless the query asks for it.
	Count int `json:"count"`
	// CountExact reports whether it finds no more than Count.
	CountExact bool `json:"count_exact"`
	// Reasons are what the search would find without each condition, and with each obstacle included; none unless the
	// query asks for them.
	Reasons []SearchReason `json:"reasons"`
}

// Search returns one page of the sessions that a query finds, without their members. Players find public sessions and
// their own. [Sessions.SearchAll] iterates over all pages. It returns [ErrValidation], and [ErrTooBroad] for a search
// that would take the server too long.
func (s *Sessions) Search(ctx context.Context, q SearchQuery) (SearchPage, error) {
	where, err := unwrapped(q.Where)
	if err != nil {
		return SearchPage{}, fmt.Errorf("client: search: %w", err)
	}
	r := game.SearchRequest{
		Where:   where,
		Include: q.Include, Spread: q.Spread, Fields: q.Fields, Cursor: q.Cursor, Count: q.Count,
		Explain: q.Explain,
	}
	for _, o := range q.Order {
		r.Order = append(r.Order, o.o)
	}
	if q.Limit != 0 {
		r.Limit = &q.Limit
	}
	call := write(http.MethodPost, sessionsPath+"/search", r)
	call.reads = true
	return fetch[SearchPage](ctx, s.c, call)
}

// SearchAll returns an iterator over the sessions that a query finds, from its cursor on. It reads a page at a time and
// ends with the first error.
func (s *Sessions) SearchAll(ctx context.Context, q SearchQuery) iter.Seq2[Session, error] {
	return allPages(ctx, q.Cursor, func(ctx context.Context, cursor string) (Page[Session], error) {
		q.Cursor = cursor
		p, err := s.Search(ctx, q)
		return p.Page, err
	})
}
