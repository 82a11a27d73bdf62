package sqlitestore

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"game-session-manager/internal/game"
)

// ordering is the order of a search: expressions over sessions d for the rank and the value of each [game.OrderKey].
type ordering struct {
	orders []game.Order
	joins  term // tables beside d that the expressions need
	ranks  []term
	values []term
}

func orderingOf(orders []game.Order) ordering {
	o := ordering{orders: orders}
	for i, by := range orders {
		var rank, value term
		if key, ok := (game.Clause{Field: by.Field}).Attribute(); ok {
			table := fmt.Sprintf("o%d", i)
			o.joins.sql += fmt.Sprintf(
				" LEFT JOIN attributes %s ON %[1]s.session_id = d.id AND %[1]s.key = ?", table,
			)
			o.joins.args = append(o.joins.args, key)
			rank, value = attributeKey(by, table+".value")
		} else {
			rank, value = columnKey(by)
		}
		o.ranks, o.values = append(o.ranks, rank), append(o.values, value)
	}
	return o
}

// columnKey returns the expressions for another field.
func columnKey(by game.Order) (rank, value term) {
	if by.Field == game.FieldSpread {
		value = termOf(fmt.Sprintf("substr(d.id, %d)", game.SpreadFrom+1))
		return termOf("iif("+value.sql+" < ?, 1, 0)", by.Start), value
	}
	rank, value = termOf("0"), termOf(columnOf(by.Field))
	if missable(by.Field) {
		rank = termOf(fmt.Sprintf("iif(%s IS NULL, %d, 0)", value.sql, game.RankNone))
	}
	if by.Near != nil {
		value = termOf("abs("+value.sql+" - ?)", *by.Near)
	}
	return rank, value
}

// attributeKey returns the expressions for an attribute whose value, or NULL, is in a column.
func attributeKey(by game.Order, column string) (rank, value term) {
	rank = termOf(fmt.Sprintf("CASE typeof(%s) WHEN 'real' THEN %d WHEN 'text' THEN %d WHEN 'blob' THEN %d ELSE %d END",
		column, by.RankOf(game.NumberValue(0)), by.RankOf(game.StringValue("")), by.RankOf(game.BoolValue(false)),
		game.RankNone))
	if by.Near != nil {
		return rank, termOf(fmt.Sprintf("iif(typeof(%s) = 'real', abs(%[1]s - ?), NULL)", column), *by.Near)
	}
	return rank, termOf(fmt.Sprintf("iif(typeof(%s) = 'text', substr(%[1]s, 1, %d), %[1]s)", column, game.OrderedText))
}

// missable reports whether sessions may lack a field.
func missable(field string) bool {
	f, _ := game.FieldOf(game.SessionFields(), game.Clause{Field: field})
	return slices.Contains(f.Searched, game.OpExists)
}

// columns returns the expressions as columns r0, k0, r1, k1 and so on.
func (o ordering) columns() term {
	var t term
	for i := range o.orders {
		t.sql += fmt.Sprintf(", %s AS r%d, %s AS k%[2]d", o.ranks[i].sql, i, o.values[i].sql)
		t.args = append(append(t.args, o.ranks[i].args...), o.values[i].args...)
	}
	return t
}

// names returns the names of the columns, after the name of their table.
func (o ordering) names(table string) string {
	var b strings.Builder
	for i := range o.orders {
		fmt.Fprintf(&b, ", %s.r%d, %[1]s.k%[2]d", table, i)
	}
	return b.String()
}

// by returns what follows ORDER BY.
func (o ordering) by() string {
	var b strings.Builder
	for i, order := range o.orders {
		if o.ranks[i].sql != "0" { // or SQLite would compare the same rank of all sessions
			fmt.Fprintf(&b, "r%d, ", i)
		}
		fmt.Fprintf(&b, "k%d", i)
		if order.Desc {
			b.WriteString(" DESC")
		}
		b.WriteString(", ")
	}
	return b.String() + "id DESC"
}

// after returns the condition on the columns that a row follows a position.
func (o ordering) after(p *game.Position) term {
	if p == nil {
		return termOf("TRUE")
	}
	t := termOf("id < ?", string(p.ID))
	for i := len(o.orders) - 1; i >= 0; i-- {
		greater := ">"
		if o.orders[i].Desc {
			greater = "<"
		}
		rank, value := int64(p.Keys[i].Rank), keyArgument(p.Keys[i])
		t = term{
			fmt.Sprintf("(r%d > ? OR r%[1]d = ? AND (k%[1]d %s ? OR k%[1]d IS ? AND %[3]s))", i, greater, t.sql),
			append([]any{rank, rank, value, value}, t.args...),
		}
	}
	return t
}

func keyArgument(k game.OrderKey) any {
	if k.Rank == game.RankNone {
		return nil
	}
	return native(k.Value)
}

// position returns the position of a row with an id and the columns.
func (o ordering) position(id driver.Value, columns []driver.Value) (*game.Position, error) {
	var text string
	if err := scan(id, &text); err != nil {
		return nil, err
	}
	p := &game.Position{ID: game.SessionID(text)}
	for i := range o.orders {
		var rank int64
		if err := scan(columns[2*i], &rank); err != nil {
			return nil, err
		}
		k := game.OrderKey{Rank: int(rank)}
		switch v := columns[2*i+1].(type) {
		case string:
			k.Value = game.StringValue(v)
		case float64:
			k.Value = game.NumberValue(v)
		case int64:
			k.Value = game.NumberValue(float64(v))
		case []byte:
			k.Value = game.BoolValue(len(v) > 0 && v[0] == 1)
		}
		p.Keys = append(p.Keys, k)
	}
	return p, nil
}
