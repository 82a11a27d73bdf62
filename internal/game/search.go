package game

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// SearchTime is how long an engine may work on each part of a search, or of a page of a list: see [SearchQuery].
const SearchTime = time.Second

// Limits of a search.
const (
	MaxConditions  = 32 // that name a field
	MaxSearchDepth = 8  // of conditions in conditions; those of where itself are at depth 1
	MaxOrders      = 4
	MaxInValues    = 32
	// MaxCount is where the count of a search stops.
	MaxCount = 1000
	// MaxSearchCursor is the maximum length of a cursor in characters.
	MaxSearchCursor = 4096
)

// SearchRequest asks for sessions that meet conditions, in an order.
type SearchRequest struct {
	Where   SearchWhere   `json:"where,omitempty" maxItems:"32" nullable:"false" doc:"Conditions that all must hold."`
	Order   []SearchOrder `json:"order,omitempty" maxItems:"4" nullable:"false" doc:"The order of the result: by the first, where that is equal by the second, and so on, and at last newest first."`
	Include []Obstacle    `json:"include,omitempty" maxItems:"7" nullable:"false" doc:"Which sessions to find besides those that a newcomer can join: full (or with others who wait for the next seat), locked, stale, private (which require a join code), password (which require one), closed (live, with a status that accepts no new members) and ended."`
	Spread  bool          `json:"spread,omitempty" doc:"Whether sessions that are equal in order come in another order for each search, which its cursors keep, so that callers do not all try the same session first."`
	Fields  []string      `json:"fields,omitempty" maxItems:"64" nullable:"false" doc:"The fields of a session to return, besides its id. All if left out."`
	Limit   *int          `json:"limit,omitempty" minimum:"1" maximum:"100" doc:"The maximum number of items; 50 if left out."`
	Cursor  string        `json:"cursor,omitempty" maxLength:"4096" doc:"The next_cursor of an earlier response to the same search."`
	Explain bool          `json:"explain,omitempty" doc:"Whether to say what the search would find without each of its conditions, and with each obstacle included."`
	Count   bool          `json:"count,omitempty" doc:"Whether to count what is found, up to 1000."`
}

// SearchOrder is one field of an order.
type SearchOrder struct {
	By   string        `json:"by" doc:"A field, such as created_at or attributes.mmr. Sessions without it come last."`
	Desc bool          `json:"desc,omitempty" doc:"The greatest first."`
	Near *SearchNumber `json:"near,omitempty" doc:"By the distance to this number, the nearest first. For numbers."`
}

// SearchNumber is a number in a request.
type SearchNumber float64

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (n *SearchNumber) UnmarshalJSON(b []byte) error {
	v, err := ParseValue(string(b))
	if err == nil && v.kind != 'n' {
		err = FormError("must be a number")
	}
	*n = SearchNumber(v.num)
	return err
}

// Validate returns ErrValidation with everything that is wrong.
func (r SearchRequest) Validate() error {
	_, err := r.query()
	return err
}

// query returns the query with its clauses and orders in the form in which engines take them, or ErrValidation.
func (r SearchRequest) query() (SearchQuery, error) {
	var p problems
	q := SearchQuery{Limit: DefaultLimit, Work: SearchTime}
	if r.Limit != nil {
		q.Limit = *r.Limit
		p.check(q.Limit >= 1 && q.Limit <= MaxLimit, "limit", "must be 1 to %d", MaxLimit)
	}
	if r.Count {
		q.Count = MaxCount
	}
	r.Where.check(&p)
	for i, c := range r.Where {
		q.Where = append(q.Where, c.clause(&p, "where."+strconv.Itoa(i)))
	}
	for i, o := range r.Include {
		p.check(slices.Contains(Obstacles(), o), "include."+strconv.Itoa(i), "must be one of %v", Obstacles())
	}
	q.Where = append(q.Where, WithObstacles(r.Include...))
	q.Order = r.orders(&p)
	if r.Spread {
		q.Order = append(q.Order, Order{Field: FieldSpread, Start: newStart()})
	}
	for i, name := range r.Fields {
		known := slices.Contains(FoundFields(), name)
		p.check(known, "fields."+strconv.Itoa(i), "must be a field that sessions have in a search")
	}
	p.check(len(r.Cursor) <= MaxSearchCursor, "cursor", "must have at most %d characters", MaxSearchCursor)
	return q, p.err()
}

func (r SearchRequest) orders(p *problems) (orders []Order) {
	p.check(len(r.Order) <= MaxOrders, "order", "must have at most %d entries", MaxOrders)
	for i, o := range r.Order {
		at := "order." + strconv.Itoa(i)
		f, ok := FieldOf(sessionFields(), Clause{Field: o.By})
		numeric := f.Kind == KindCount || f.Kind == KindAttributes
		switch key, attribute := (Clause{Field: o.By}).Attribute(); {
		case !ok || f.Searched == nil || f.Kind == KindAttributes && (!attribute || !validKey(key)):
			p.add(at+".by", "must be a field of a session, such as created_at or attributes.mmr")
		case f.Unordered:
			p.add(at+".by", "cannot be ordered by")
		case slices.ContainsFunc(orders, func(other Order) bool { return other.Field == o.By }):
			p.add(at+".by", "is a duplicate")
		case o.Near != nil && !numeric:
			p.add(at+".near", "is for numbers, and %s has none", o.By)
		}
		orders = append(orders, Order{Field: o.By, Desc: o.Desc, Near: (*float64)(o.Near)})
	}
	return orders
}

// FoundFields returns the names of the fields that sessions have in a search.
func FoundFields() []string {
	names := []string{FieldFreeSeats, FieldSeatsHeld}
	for _, f := range Properties(reflect.TypeFor[Session]()) {
		if f.Tag.Get("hidden") == "" && f.Name != "members" && f.Name != "wait_list" {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// SearchQuery selects and orders sessions.
type SearchQuery struct {
	Project ProjectID
	Where   Where // see [SearchRequest]; times are milliseconds, as [TimeValue] has them
	Order   []Order
	After   *Position `json:"-"` // those that follow this position; nil for all
	Limit   int       `json:"-"` // at most this many; above zero
	Bytes   int       `json:"-"` // see [SessionQuery]
	Current bool      `json:"-"` // never outdated, whatever the operator lets lists be
	Count   int       `json:"-"` // count all that is found, up to this many; 0 for no count
	// Work limits how long the engine may work on each part of a search: each command that it sends to its database,
	// such as the one that finds the page and the one that counts. See [SessionQuery].
	Work time.Duration `json:"-"`
}

// Hits are a page of a search.
type Hits struct {
	Found[Session]
	// Next is where the next page begins if there are More. The page may end early, and even be empty, where the engine
	// has looked at as many sessions as one page may cost.
	Next *Position
	// Count is the number of sessions that the query finds, from the beginning, up to the Count of the query. Counted
	// reports whether there are no more.
	Count   int
	Counted bool
}

// SearchResult is a page of the sessions that a search finds.
type SearchResult struct {
	List[Session]
	Count   int  // see [Hits]
	Counted bool // see [Hits]
	// Reasons are what the search would find otherwise, if the request asks for it.
	Reasons []SearchReason
}

// Search returns a page of the sessions that a request selects, without members. Players find public sessions and their
// own, whatever they ask for. It returns ErrValidation, ErrForbidden, or ErrTooBroad for a search that would take the
// store too long.
func (s *Sessions) Search(ctx context.Context, r SearchRequest) (SearchResult, error) {
	c := CallerFrom(ctx)
	q, err := r.query()
	if err != nil {
		return SearchResult{}, err
	}
	if q.Where, err = c.maySearch(q.Where); err != nil {
		return SearchResult{}, err
	}
	q.Project = c.Project
	if q, err = q.from(r.Cursor); err != nil {
		return SearchResult{}, err
	}
	q.Bytes = MaxPageBytes
	if err := TakeRoom(ctx, briefPageRoom); err != nil {
		return SearchResult{}, err
	}
	found, err := s.store.SearchSessions(ctx, q)
	if err != nil {
		return SearchResult{}, err
	}
	l := List[Session]{
		Items:  found.Items,
		cursor: func(v Session) string { return encodePosition(q.positionOf(&v), q) },
	}
	for i := range l.Items {
		l.Items[i] = c.visibleSession(l.Items[i])
	}
	if found.More && found.Next != nil {
		l.NextCursor = encodePosition(*found.Next, q)
	}
	result := SearchResult{List: l, Count: found.Count, Counted: found.Counted}
	if r.Explain {
		result.Reasons, err = s.whatIf(ctx, r, q)
	}
	return result, err
}
