package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"math"
	"slices"
	"unicode/utf8"

	"game-session-manager/internal/game"
)

// A search in the order of the ids looks at sessions by windows that grow, newest first, until the page is full. What
// follows the last window is left to the next page, so that a page has a limited cost whatever the conditions.
type searchSizes struct {
	firstWindow, lastWindow int
	// The same of searches that find sessions by their [liveRows], where these do not say whether a session is found.
	firstRows, lastRows int
	// narrow is how many sessions are so few that all of them are read and sorted.
	narrow int
}

func usualSizes() searchSizes {
	return searchSizes{firstWindow: 1000, lastWindow: 16000, firstRows: 256, lastRows: 4096, narrow: 4000}
}

// SearchSessions implements [game.SessionStore].
func (s *Store) SearchSessions(ctx context.Context, q game.SearchQuery) (game.Hits, error) {
	limited := withWorkTime(ctx, q.Work)
	hits, err := s.search(limited, q)
	if err == nil && q.Count > 0 {
		hits.Count, hits.Counted, err = s.countFound(limited, q)
	}
	switch {
	case err == nil:
		return hits, nil
	case errors.Is(err, errWorkTime):
		return game.Hits{}, game.ErrTooBroad.Because(err)
	}
	return game.Hits{}, unread(err)
}

// search reads a page in the cheapest of these ways:
//
//   - it sorts the few sessions that an index selects;
//   - it walks sessions by id;
//   - it walks the values of the attribute that it orders by;
//   - it finds the first sessions of the order in memory;
//   - it sorts all sessions in the statuses.
func (s *Store) search(ctx context.Context, q game.SearchQuery) (game.Hits, error) {
	all, statuses := q.Where.Conjuncts(), q.Where.Statuses()
	live := liveFlagsOf(statuses)
	if len(statuses) == 0 {
		return game.Hits{Found: game.Found[game.Session]{Items: []game.Session{}}}, nil
	}
	d, few, err := s.narrow(ctx, drives(q.Project, all, live))
	switch {
	case err != nil:
		return game.Hits{}, err
	case few:
		return s.sorted(ctx, q, d)
	case len(q.Order) == 0:
		return s.windows(ctx, q, statuses)
	case walkable(q.Order[0]):
		return s.byAttribute(ctx, q, live)
	}
	if hits, err := s.byRows(ctx, q, statuses); !errors.Is(err, errNoRows) {
		return hits, err
	}
	return s.sorted(ctx, q, statusDrive(q.Project, statuses))
}

// searchSQL returns the statement that sorts what a drive selects and the query finds. The page is materialised before
// the first row is returned, because the driver can interrupt a statement only until then.
func searchSQL(q game.SearchQuery, d drive) (string, []any) {
	o := orderingOf(q.Order)
	conditions, columns, after := conditionsOf(q.Where), o.columns(), o.after(q.After)
	if d.upTo != nil {
		after = joined([]term{after, negated(o.after(d.upTo))}, " AND ")
	}
	sql := inOne("page", "SELECT * FROM (SELECT d.rowid AS place, d.id AS id"+columns.sql+
		" FROM "+d.from+o.joins.sql+" WHERE "+d.where.sql+" AND "+conditions.sql+") WHERE "+after.sql+
		" ORDER BY "+o.by()+" LIMIT ?") + " SELECT d.doc, (SELECT count(*) FROM page), page.id" + o.names("page") +
		" FROM page CROSS JOIN sessions d ON d.rowid = page.place"
	return sql, slices.Concat(
		columns.args, o.joins.args, d.where.args, conditions.args, after.args, []any{int64(q.Limit) + 1},
	)
}

// inOne returns a subquery that is read as a whole before what follows it.
func inOne(name, sql string) string {
	return "WITH " + name + " AS MATERIALIZED (" + sql + ")" //nolint:misspell // SQL's spelling
}

func (s *Store) sorted(ctx context.Context, q game.SearchQuery, d drive) (game.Hits, error) {
	sql, args := searchSQL(q, d)
	var h game.Hits
	o := orderingOf(q.Order)
	var err error
	h.Found, err = s.hits(ctx, q, sql, args, func(columns []driver.Value) (err error) {
		h.Next, err = o.position(columns[2], columns[3:])
		return err
	})
	return h, err
}

// hits reads the rows of a statement that has a document, the number of rows, an id, and more columns for seen.
func (s *Store) hits(
	ctx context.Context, q game.SearchQuery, sql string, args []any, seen func([]driver.Value) error,
) (game.Found[game.Session], error) {
	return find(ctx, s, sql, args, bounds{q.Limit, q.Bytes, seen}, s.briefSession)
}

const endOfWindow = "SELECT id FROM sessions INDEXED BY sessions_by_status WHERE status = ? AND project = ? AND " +
	"id < ? ORDER BY id DESC LIMIT 1 OFFSET ?"

// afterIDs is greater than every id.
const afterIDs = "g"

// windowEnd returns the last id of the window that follows an id, or "" if nothing follows the window. No status has
// more sessions in it than the size of the window.
func (s *Store) windowEnd(
	ctx context.Context, project game.ProjectID, statuses []game.SessionStatus, from string, window int,
) (end string, _ error) {
	if from == "" {
		from = afterIDs
	}
	for _, status := range statuses {
		id, err := s.readers.row(ctx, endOfWindow, string(status), string(project), from, int64(window)-1)
		if err != nil {
			return "", err
		}
		if text, ok := id.(string); ok {
			end = max(end, text)
		}
	}
	return end, nil
}

// windowSQL returns the statement for what the query finds in a window: after the id from, up to the id to.
func windowSQL(q game.SearchQuery, statuses []game.SessionStatus, from, to string) (string, []any) {
	conditions := conditionsOf(q.Where)
	walks := make([]selection, len(statuses))
	for i, status := range statuses {
		b := selection{table: "sessions", from: "sessions d INDEXED BY sessions_by_status", id: "d.id"}
		b.where("d.status = ? AND d.project = ?", string(status), string(q.Project))
		if to != "" {
			b.where("d.id >= ?", to)
		}
		b.where(conditions.sql, conditions.args...)
		walks[i] = b
	}
	return page(from, q.Limit+1, walks...)
}

// countFound counts what a query finds, from its beginning, up to its count.
func (s *Store) countFound(ctx context.Context, q game.SearchQuery) (n int, whole bool, _ error) {
	all, statuses := q.Where.Conjuncts(), q.Where.Statuses()
	live := liveFlagsOf(statuses)
	if len(statuses) == 0 {
		return 0, true, nil
	}
	d, few, err := s.narrow(ctx, drives(q.Project, all, live))
	if err != nil {
		return 0, false, err
	}
	if !few {
		d = statusDrive(q.Project, statuses)
	}
	conditions := conditionsOf(q.Where)
	var found int64
	err = s.readers.rows(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+d.from+" WHERE "+d.where.sql+" AND "+
		conditions.sql+" LIMIT ?)",
		slices.Concat(d.where.args, conditions.args, []any{int64(q.Count) + 1}), one64(&found))
	return min(int(found), q.Count), int(found) <= q.Count, err
}

// one64 returns the function that stores the only column of the only row.
func one64(n *int64) func([]driver.Value) error {
	return func(columns []driver.Value) error { return scan(columns[0], n) }
}

// walkable reports whether sessions can be read in the order from the values of an attribute.
func walkable(o game.Order) bool {
	_, attribute := (game.Clause{Field: o.Field}).Attribute()
	return attribute && (o.Near == nil || !o.Desc)
}

// having returns the clause that a session has a key in the order.
func having(o game.Order) game.Clause {
	if o.Near != nil { // only numbers have a distance
		return game.Clause{
			Field: o.Field, Op: game.OpAtLeast, Values: []game.Value{game.NumberValue(-game.MaxExactNumber)},
		}
	}
	return game.Clause{Field: o.Field, Op: game.OpExists, Values: []game.Value{game.BoolValue(true)}}
}

// byAttribute reads a page in the order of an attribute: first the sessions that have it, then the others.
func (s *Store) byAttribute(ctx context.Context, q game.SearchQuery, live []any) (game.Hits, error) {
	h := game.Hits{Found: game.Found[game.Session]{Items: []game.Session{}}}
	first := q.Order[0]
	if q.After == nil || q.After.Keys[0].Rank != game.RankNone {
		found, err := s.walk(ctx, q, live)
		if err != nil || found.More {
			return found, err
		}
		h = found
	}
	has := having(first)
	others := q
	others.Where = append(slices.Clip(q.Where), game.Clause{Not: &has})
	others.Order, others.After = q.Order[1:], nil
	if q.After != nil && q.After.Keys[0].Rank == game.RankNone {
		others.After = &game.Position{Keys: q.After.Keys[1:], ID: q.After.ID}
	}
	read := len(h.Items) + len(h.Unreadable)
	others.Limit = max(1, q.Limit-read)
	rest, err := s.search(ctx, others)
	switch {
	case err != nil:
		return h, err
	case read == q.Limit:
		h.More = rest.More || len(rest.Items)+len(rest.Unreadable) > 0
		return h, nil
	}
	h.Items, h.Unreadable = append(h.Items, rest.Items...), append(h.Unreadable, rest.Unreadable...)
	h.More = rest.More
	if rest.Next != nil {
		h.Next = &game.Position{
			Keys: append([]game.OrderKey{{Rank: game.RankNone}}, rest.Next.Keys...), ID: rest.Next.ID,
		}
	}
	return h, nil
}

// walk reads a page of the sessions that have the attribute that the query orders by. A first statement walks the
// attribute's values until there are enough sessions, and a second sorts those up to the value that it came to.
func (s *Store) walk(ctx context.Context, q game.SearchQuery, live []any) (game.Hits, error) {
	by := q.Order[0]
	key, _ := game.Clause{Field: by.Field}.Attribute()
	rangeOf := func(value term) drive { return attributeDrive(q.Project, key, live, value) }
	if by.Near != nil {
		return s.walkNear(ctx, q, rangeOf)
	}
	begin := termOf("TRUE")
	if q.After != nil {
		begin = fromKey(by, q.After.Keys[0])
	}
	values, err := s.values(ctx, q, rangeOf(begin), by.Desc)
	if err != nil {
		return game.Hits{}, err
	}
	end := termOf("TRUE")
	if len(values) > q.Limit {
		end = upToKey(by, values[q.Limit])
	}
	return s.sorted(ctx, q, rangeOf(joined([]term{begin, end}, " AND ")))
}

// walkNear is walk by the distance to a number, in both directions from it.
func (s *Store) walkNear(ctx context.Context, q game.SearchQuery, rangeOf func(term) drive) (game.Hits, error) {
	near, least := *q.Order[0].Near, 0.0
	if q.After != nil {
		least, _ = q.After.Keys[0].Value.Any().(float64)
	}
	// Distances are rounded. The statement that sorts compares them exactly; here a little more is read.
	slack := func(distance float64) float64 { return (math.Abs(near) + distance) * 0x1p-48 }
	// No value may be in both ranges: it would be counted twice.
	up := termOf("a.value >= ? AND a.value < ''", max(near, near+least-slack(least)))
	down := termOf("a.value < ?", min(near, near-least+slack(least)))
	above, err := s.values(ctx, q, rangeOf(up), false)
	if err != nil {
		return game.Hits{}, err
	}
	below, err := s.values(ctx, q, rangeOf(down), true)
	if err != nil {
		return game.Hits{}, err
	}
	var distances []float64
	for _, v := range append(above, below...) {
		n, _ := v.(float64)
		distances = append(distances, math.Abs(n-near))
	}
	slices.Sort(distances)
	reach := term{"a.value < ''", nil}
	if len(distances) > q.Limit {
		d := distances[q.Limit]
		reach = termOf("a.value BETWEEN ? AND ?", near-d-slack(d), near+d+slack(d))
	}
	return s.sorted(ctx, q, rangeOf(reach))
}

// values returns the first values of the attribute that the query orders by, of sessions that follow its position, and
// one more than fit on a page.
func (s *Store) values(ctx context.Context, q game.SearchQuery, d drive, desc bool) (found []driver.Value, _ error) {
	sql, args := valuesSQL(q, d, desc)
	err := s.readers.rows(ctx, sql, args, func(columns []driver.Value) error {
		v := columns[0]
		if b, ok := v.([]byte); ok {
			v = slices.Clone(b)
		}
		found = append(found, v)
		return nil
	})
	return found, err
}

func valuesSQL(q game.SearchQuery, d drive, desc bool) (string, []any) {
	conditions, joins, columns, rows := conditionsOf(q.Where), term{}, term{}, term{sql: "TRUE"}
	if q.After != nil {
		o := orderingOf(q.Order)
		joins, columns, rows = o.joins, o.columns(), o.after(q.After)
	}
	direction := map[bool]string{true: "DESC"}[desc]
	sql := inOne("walk", "SELECT value FROM (SELECT a.value AS value, d.id AS id"+columns.sql+
		" FROM "+d.from+joins.sql+" WHERE "+d.where.sql+" AND "+conditions.sql+") WHERE "+rows.sql+
		" ORDER BY value "+direction+" LIMIT ?") + " SELECT value FROM walk"
	return sql, slices.Concat(
		columns.args, joins.args, d.where.args, conditions.args, rows.args, []any{int64(q.Limit) + 1},
	)
}

// fromKey returns the condition that a value has the key or one that follows it.
func fromKey(by game.Order, k game.OrderKey) term {
	text, isText := k.Value.Any().(string)
	switch {
	case !by.Desc:
		return termOf("a.value >= ?", native(k.Value))
	case !isText:
		return termOf("a.value <= ?", native(k.Value))
	}
	if end, ok := game.AfterPrefix(text); ok {
		return termOf("a.value < ?", end)
	}
	return termOf("a.value < x''")
}

// upToKey returns the condition that a value has the key of another or one that precedes it.
func upToKey(by game.Order, value driver.Value) term {
	text, isText := value.(string)
	runes := []rune(text)
	shortened := isText && len(runes) > game.OrderedText
	if shortened {
		text = string(runes[:game.OrderedText])
		value = text
	}
	switch {
	case by.Desc:
		return termOf("a.value >= ?", value)
	case !shortened && utf8.RuneCountInString(text) < game.OrderedText:
		return termOf("a.value <= ?", value)
	}
	if end, ok := game.AfterPrefix(text); ok { // longer texts with the same beginning have the same key
		return termOf("a.value < ?", end)
	}
	return termOf("a.value < x''")
}
