package game

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Match reports whether all clauses hold for a session. Engines select the same sessions: storetest compares.
func (w Where) Match(s *Session) bool {
	return !slices.ContainsFunc(w, func(c Clause) bool { return !c.match(s) })
}

func (c Clause) match(s *Session) bool {
	switch {
	case c.Not != nil:
		return !c.Not.match(s)
	case c.Any != nil:
		return slices.ContainsFunc(c.Any, func(inner Clause) bool { return inner.match(s) })
	case c.All != nil:
		return Where(c.All).Match(s)
	}
	values := s.valuesOf(c.Field)
	if c.Op == OpExists {
		return (len(values) > 0) == c.Values[0].flag
	}
	if c.Op == OpNot {
		return !slices.Contains(values, c.Values[0])
	}
	return slices.ContainsFunc(values, c.holds)
}

// valuesOf returns what the session has for a field: none, one, or several.
func (s *Session) valuesOf(field string) []Value {
	if key, ok := strings.CutPrefix(field, attributePrefix); ok {
		if v, ok := s.Attributes[key]; ok {
			return []Value{v}
		}
		return nil
	}
	switch field {
	case FieldMember:
		values := make([]Value, len(s.Members))
		for i := range s.Members {
			values[i] = StringValue(string(s.Members[i].PlayerID))
		}
		return values
	case FieldSpread:
		return []Value{StringValue(spreadOf(s.ID))}
	case FieldNamed:
		var values []Value
		for _, id := range s.Named() {
			values = append(values, StringValue(string(id)))
		}
		return values
	}
	f, ok := FieldOf(sessionFields(), Clause{Field: field})
	if !ok {
		return nil
	}
	if v, ok := valueOf(f.Of(s)); ok {
		return []Value{v}
	}
	return nil
}

// Holds reports whether the clause, which is about a field, is true of one that has the value alone.
func (c Clause) Holds(v Value) bool {
	switch c.Op {
	case OpNot:
		return v != c.Values[0]
	case OpExists:
		return c.Values[0].flag
	case OpEqual, OpIn, OpLess, OpAtMost, OpGreater, OpAtLeast, OpBetween, OpPrefix, OpWithin:
	}
	return c.holds(v)
}

// holds reports whether a value meets the comparison, which is neither OpNot nor OpExists.
func (c Clause) holds(v Value) bool {
	is := func(n int, orders ...int) bool {
		return c.Values[n].kind == v.kind && slices.Contains(orders, compareValues(v, c.Values[n]))
	}
	switch c.Op {
	case OpEqual, OpIn:
		return slices.Contains(c.Values, v)
	case OpLess:
		return is(0, -1)
	case OpAtMost:
		return is(0, -1, 0)
	case OpGreater:
		return is(0, 1)
	case OpAtLeast:
		return is(0, 1, 0)
	case OpBetween:
		return is(0, 1, 0) && is(1, -1, 0)
	case OpPrefix:
		return v.kind == 0 && strings.HasPrefix(v.text, c.Values[0].text)
	case OpWithin:
		return ObstacleSet(v.num)&^c.Within() == 0
	case OpNot, OpExists:
	}
	return false
}

// compareValues compares two values of the same type: numbers, texts by their code points, and false before true.
func compareValues(a, b Value) int {
	switch a.kind {
	case 'n':
		return cmp.Compare(a.num, b.num)
	case 'b':
		switch {
		case a.flag == b.flag:
			return 0
		case b.flag:
			return -1
		}
		return 1
	}
	return cmp.Compare(a.text, b.text)
}

// AfterPrefix returns the least text that is greater than all texts that begin with prefix, by code points. It returns
// false if there is none.
func AfterPrefix(prefix string) (string, bool) {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch last {
		case utf8.MaxRune:
			continue // the text before it decides
		case 0xd7ff:
			last = 0xe000 // surrogates are not characters
		default:
			last++
		}
		return prefix + string(last), true
	}
	return "", false
}
