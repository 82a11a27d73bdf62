package sqlitestore

import (
	"slices"
	"strings"

	"game-session-manager/internal/game"
)

// term is a part of a statement with its arguments.
type term struct {
	sql  string
	args []any
}

func termOf(sql string, args ...any) term { return term{sql, args} }

// joined returns the terms in parentheses with a word between them.
func joined(terms []term, word string) term {
	sql := make([]string, len(terms))
	var args []any
	for i, t := range terms {
		sql[i] = t.sql
		args = append(args, t.args...)
	}
	return term{"(" + strings.Join(sql, word) + ")", args}
}

// conditionsOf returns the condition that sessions d meet all clauses. In a condition, NULL stands for false.
func conditionsOf(w game.Where) term {
	if len(w) == 0 {
		return termOf("TRUE")
	}
	return joined(termsOf(w), " AND ")
}

func termsOf(clauses []game.Clause) []term {
	terms := make([]term, len(clauses))
	for i, c := range clauses {
		terms[i] = conditionOf(c)
	}
	return terms
}

// conditionOf returns the condition for a clause. Only NOT distinguishes NULL from false, and so it never sees NULL.
func conditionOf(c game.Clause) term {
	switch {
	case c.Not != nil:
		return negated(conditionOf(*c.Not))
	case c.Any != nil:
		return joined(termsOf(c.Any), " OR ")
	case c.All != nil:
		return joined(termsOf(c.All), " AND ")
	case c.Op == game.OpNot:
		c.Op = game.OpEqual
		return negated(conditionOf(c))
	case c.Op == game.OpExists && c.Values[0] == game.BoolValue(false):
		c.Values = []game.Value{game.BoolValue(true)}
		return negated(conditionOf(c))
	}
	if key, ok := c.Attribute(); ok {
		value := termOf("TRUE")
		if c.Op != game.OpExists {
			value = compared("x.value", c, true)
		}
		return term{
			"EXISTS (SELECT 1 FROM attributes x WHERE x.session_id = d.id AND x.key = ? AND " + value.sql + ")",
			append([]any{key}, value.args...),
		}
	}
	if c.Field == game.FieldMember {
		return term{
			"EXISTS (SELECT 1 FROM members x WHERE x.player_id IN (" + marks(len(c.Values)) +
				") AND x.live IN (0, 1) AND x.session_id = d.id)", natives(c.Values),
		}
	}
	column := columnOf(c.Field)
	if c.Op == game.OpExists {
		return termOf(column + " IS NOT NULL")
	}
	if c.Op == game.OpWithin {
		return termOf(column+" & ? = 0", int64(^c.Within())) //nolint:gosec // all bits but those of the set
	}
	return compared(column, c, false)
}

func negated(t term) term { return term{"NOT ifnull(" + t.sql + ", 0)", t.args} }

// columnOf returns the column of sessions d that contains a field.
func columnOf(field string) string {
	all := sessionsSearched()
	return "d." + all[slices.IndexFunc(all, func(s searched) bool { return s.field == field })].column
}

// compared returns the comparison of a column. A column of attributes has values of several types, of which only the
// clause's is compared: SQLite would order numbers before texts before blobs.
func compared(column string, c game.Clause, typed bool) term {
	args := make([]any, len(c.Values))
	for i, v := range c.Values {
		args[i] = native(v)
		if b, ok := v.Any().(bool); ok && !typed {
			args[i] = flag(b)
		}
	}
	_, text := c.Values[0].Any().(string)
	upper, lower := "", ""
	switch {
	case typed && text:
		upper, lower = " AND "+column+" < x''", " AND "+column+" >= ''"
	case typed:
		upper = " AND " + column + " < ''"
	}
	switch c.Op {
	case game.OpIn:
		return term{column + " IN (" + marks(len(args)) + ")", args}
	case game.OpLess:
		return term{column + " < ?" + lower, args}
	case game.OpAtMost:
		return term{column + " <= ?" + lower, args}
	case game.OpGreater:
		return term{column + " > ?" + upper, args}
	case game.OpAtLeast:
		return term{column + " >= ?" + upper, args}
	case game.OpBetween:
		return term{column + " BETWEEN ? AND ?", args}
	case game.OpPrefix:
		sql, bounds := prefixed(column, c.Text())
		return term{sql + upper, bounds}
	case game.OpEqual, game.OpNot, game.OpExists, game.OpWithin:
	}
	return term{column + " = ?", args}
}
