package sqlitestore

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unique"

	"game-session-manager/internal/game"
)

// rowKey is what a row is ordered by for one [game.Order]. Of one order, all keys have a number, or all have a text.
type rowKey struct {
	rank int
	num  float64
	text string
}

// rowPosition is a [game.Position].
type rowPosition struct {
	keys []rowKey
	id   liveID
}

// rowOrder compares rows as [game.SearchQuery.Compare] compares sessions.
type rowOrder struct {
	orders []game.Order
	keys   []func(*liveRow) rowKey
}

// rowOrderOf returns false if rows do not have all fields of the order.
func rowOrderOf(orders []game.Order) (o rowOrder, ok bool) {
	o.orders = orders
	for _, by := range orders {
		key := rowKeyOf(by)
		if key == nil {
			return o, false
		}
		o.keys = append(o.keys, key)
	}
	return o, true
}

func rowKeyOf(by game.Order) func(*liveRow) rowKey {
	if by.Field == game.FieldSpread {
		start := spreadNumber(by.Start)
		return func(row *liveRow) rowKey {
			k := rowKey{num: row.id.spread()}
			if k.num < start {
				k.rank = 1
			}
			return k
		}
	}
	if text := rowText(by.Field); text != nil {
		return func(row *liveRow) rowKey { return rowKey{text: text(row)} }
	}
	number := rowNumber(by.Field)
	if near := by.Near; near != nil && number != nil {
		return func(row *liveRow) rowKey { return rowKey{num: math.Abs(number(row) - *near)} }
	}
	if number == nil {
		return nil
	}
	return func(row *liveRow) rowKey { return rowKey{num: number(row)} }
}

// spreadNumber returns where an order by [game.FieldSpread] begins: the number that the last part of an id would have
// that is not below the text.
func spreadNumber(start string) float64 {
	const digits = uuidText - game.SpreadFrom
	n := 0.0
	for i := range digits {
		c := byte('0')
		if i < len(start) {
			c = start[i]
		}
		d, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			return math.NaN()
		}
		n = n*16 + float64(d)
	}
	return n
}

// rowText returns the function for a field that is a text, or nil.
func rowText(field string) func(*liveRow) string {
	switch field {
	case "name":
		return func(row *liveRow) string { return row.name }
	case "mode":
		return func(row *liveRow) string { return row.mode.Value() }
	case "map":
		return func(row *liveRow) string { return row.gameMap.Value() }
	case "region":
		return func(row *liveRow) string { return row.area.Value() }
	case game.FieldStatus:
		return func(row *liveRow) string { return row.status.Value() }
	}
	return nil
}

// rowNumber returns the function for a field that is a number, or nil.
func rowNumber(field string) func(*liveRow) float64 {
	switch field {
	case game.FieldFreeSeats:
		return func(row *liveRow) float64 { return float64(row.freeSeats) }
	case "seats_held":
		return func(row *liveRow) float64 { return float64(row.held) }
	case "max_players":
		return func(row *liveRow) float64 { return float64(row.capacity) }
	case "created_at":
		return func(row *liveRow) float64 { return float64(row.created) }
	case "updated_at":
		return func(row *liveRow) float64 { return float64(row.updated) }
	}
	return nil
}

func (o rowOrder) compare(row *liveRow, p *rowPosition) int {
	for i, key := range o.keys {
		if d := o.compareKey(i, key(row), p.keys[i]); d != 0 {
			return d
		}
	}
	return bytes.Compare(p.id[:], row.id[:])
}

func (o rowOrder) comparePositions(a, b rowPosition) int {
	for i := range o.keys {
		if d := o.compareKey(i, a.keys[i], b.keys[i]); d != 0 {
			return d
		}
	}
	return bytes.Compare(b.id[:], a.id[:])
}

// compareKey compares keys of the i-th order. cmp.Compare would look for numbers that are none.
func (o rowOrder) compareKey(i int, a, b rowKey) int {
	if a.rank != b.rank {
		return a.rank - b.rank
	}
	if o.orders[i].Desc {
		a, b = b, a
	}
	switch {
	case a.num < b.num:
		return -1
	case a.num > b.num:
		return 1
	case a.text == b.text:
		return 0
	case a.text < b.text:
		return -1
	}
	return 1
}

// from returns the position of a query in the form of rows.
func (o rowOrder) from(p *game.Position) (*rowPosition, bool) {
	if p == nil {
		return nil, true
	}
	id, ok := liveIDOf(string(p.ID))
	r := &rowPosition{keys: make([]rowKey, len(o.orders)), id: id}
	for i, k := range p.Keys {
		r.keys[i].rank = k.Rank
		switch v := k.Value.Any().(type) {
		case float64:
			r.keys[i].num = v
		case string:
			r.keys[i].text = v
			if o.orders[i].Field == game.FieldSpread {
				r.keys[i] = rowKey{rank: k.Rank, num: spreadNumber(v)}
				ok = ok && len(v) == uuidText-game.SpreadFrom
			}
		default:
			ok = false
		}
	}
	return r, ok
}

// position returns the position of a row as queries have it.
func (o rowOrder) position(r rowPosition) *game.Position {
	id := r.id.text()
	p := &game.Position{ID: game.SessionID(id)}
	for i, k := range r.keys {
		value := game.NumberValue(k.num)
		switch {
		case o.orders[i].Field == game.FieldSpread:
			value = game.StringValue(id[game.SpreadFrom:])
		case rowText(o.orders[i].Field) != nil:
			value = game.StringValue(k.text)
		}
		p.Keys = append(p.Keys, game.OrderKey{Rank: k.rank, Value: value})
	}
	return p
}

// first returns the positions of the first n rows that a query may find after a position, in order, and whether there
// are more. It returns false if there are no rows to look at.
func (l *liveRows) first(
	o rowOrder, may func(*liveRow) truth, after *rowPosition, n int,
) (page []rowPosition, more, ok bool) {
	all := make([]rowPosition, 2*n)
	keys := make([]rowKey, len(all)*len(o.keys))
	for i := range all {
		all[i].keys = keys[i*len(o.keys) : (i+1)*len(o.keys)]
	}
	found := 0
	look := func(row *liveRow) {
		if more && o.compare(row, &all[n-1]) > 0 || after != nil && o.compare(row, after) <= 0 || may(row) == no {
			return
		}
		p := &all[found]
		p.id = row.id
		for i, key := range o.keys {
			p.keys[i] = key(row)
		}
		if found++; found == len(all) {
			slices.SortFunc(all, o.comparePositions)
			found, more = n, true
		}
	}
	if x := l.index(o.orders); x != nil {
		whole := x.whole(o)
		ok = l.walk(x, o, after, func(row *liveRow) bool {
			if more && x.past(o, row, &all[n-1]) {
				return false
			}
			look(row)
			return !whole || !more && found <= n // then all that follow come later
		})
	}
	if !ok { // there is no index, or no more
		found, more = 0, false
		ok = l.each(look)
	}
	slices.SortFunc(all[:found], o.comparePositions)
	return all[:min(n, found)], more || found > n, ok
}

// truth is what a row says about a condition.
type truth int

const (
	no truth = iota
	perhaps
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// rowConditions returns what a row says about the conditions, and whether it never says perhaps.
func rowConditions(project game.ProjectID, w game.Where) (may func(*liveRow) truth, exact bool) {
	in := unique.Make(string(project))
	all, exact := rowConditionsOf(w)
	return func(row *liveRow) truth {
		if row.project != in {
			return no
		}
		return least(row, all)
	}, exact
}

func rowConditionsOf(w []game.Clause) (all []func(*liveRow) truth, exact bool) {
	exact = true
	for _, c := range w {
		condition, whole := rowCondition(c)
		all, exact = append(all, condition), exact && whole
	}
	return all, exact
}

func least(row *liveRow, all []func(*liveRow) truth) truth {
	t := yes
	for _, condition := range all {
		if t = min(t, condition(row)); t == no {
			break
		}
	}
	return t
}

func rowCondition(c game.Clause) (_ func(*liveRow) truth, exact bool) {
	switch {
	case c.Not != nil:
		inner, exact := rowCondition(*c.Not)
		return func(row *liveRow) truth { return yes - inner(row) }, exact
	case c.Any != nil:
		some, exact := rowConditionsOf(c.Any)
		return func(row *liveRow) truth {
			t := no
			for _, condition := range some {
				t = max(t, condition(row))
			}
			return t
		}, exact
	case c.All != nil:
		all, exact := rowConditionsOf(c.All)
		return func(row *liveRow) truth { return least(row, all) }, exact
	case c.Op == game.OpWithin:
		without := ^c.Within()
		return func(row *liveRow) truth { return truthOf(game.ObstacleSet(row.obstacles)&without == 0) }, true
	}
	if text := rowText(c.Field); text != nil {
		return func(row *liveRow) truth { return truthOf(c.Holds(game.StringValue(text(row)))) }, true
	}
	if number := rowNumber(c.Field); number != nil {
		return func(row *liveRow) truth { return truthOf(c.Holds(game.NumberValue(number(row)))) }, true
	}
	return func(*liveRow) truth { return perhaps }, false
}
