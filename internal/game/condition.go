package game

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SearchWhere are conditions that all must hold.
type SearchWhere []SearchCondition

// SearchCondition is a comparison of a field, or one of Any, All and Not.
type SearchCondition struct {
	Field string      `json:"field,omitempty" doc:"A field of a session, such as mode, free_seats or attributes.mmr."`
	Op    Op          `json:"op,omitempty" doc:"How the field is compared. What is missing or has another type meets ne only."`
	Value SearchValue `json:"value,omitzero" doc:"What the field is compared with."`

	Any SearchWhere      `json:"any,omitempty" maxItems:"32" nullable:"false" doc:"Conditions of which at least one holds."`
	All SearchWhere      `json:"all,omitempty" maxItems:"32" nullable:"false" doc:"Conditions that all hold."`
	Not *SearchCondition `json:"not,omitempty" doc:"A condition that does not hold."`
}

// SearchValue is one value or a list of values. The zero value is none.
type SearchValue struct {
	values []Value
	list   bool
}

// OneValue returns a single value.
func OneValue(v Value) SearchValue { return SearchValue{values: []Value{v}} }

// ListOf returns a list of values.
func ListOf(values ...Value) SearchValue { return SearchValue{values: values, list: true} }

// IsZero reports whether there is neither a value nor a list.
func (v SearchValue) IsZero() bool { return !v.list && len(v.values) == 0 }

// MarshalJSON implements [json.Marshaler].
func (v SearchValue) MarshalJSON() ([]byte, error) {
	switch {
	case v.list && v.values == nil:
		return []byte("[]"), nil
	case v.list:
		return json.Marshal(v.values)
	case len(v.values) == 0:
		return []byte("null"), nil
	}
	return json.Marshal(v.values[0])
}

// UnmarshalJSON implements [json.Unmarshaler], for clients. Null is none.
func (v *SearchValue) UnmarshalJSON(b []byte) (err error) {
	if string(b) == "null" {
		*v = SearchValue{}
		return nil
	}
	*v, err = decodeValue(b, "")
	return err
}

// Form errors of conditions.
const (
	errNoConditions FormError = "must be an array of conditions"
	errNoCondition  FormError = "must be a condition: an object with field, op and value, or with one of any, all, not"
	errNoValue      FormError = "must be a string, a number, a boolean, or an array of these"
	errUnknown      FormError = "is unknown"
	errNoText       FormError = "must be a string"
	errDeep         FormError = "is nested too deeply: at most 8 levels of conditions"
	errMany         FormError = "must have at most 32 entries"
)

// UnmarshalJSON implements [json.Unmarshaler]. Its errors say which part is wrong. It does not check what [Validate]
// does.
func (w *SearchWhere) UnmarshalJSON(b []byte) (err error) {
	*w, err = decodeConditions(b, "", MaxSearchDepth)
	return err
}

func inside(at, name string) string { return strings.TrimPrefix(at+"."+name, ".") }

func decodeConditions(b []byte, at string, depth int) (SearchWhere, error) {
	var raw []json.RawMessage
	if json.Unmarshal(b, &raw) != nil || raw == nil {
		return nil, innerError{errNoConditions, at}
	}
	if len(raw) > MaxConditions {
		return nil, innerError{errMany, at}
	}
	w := make(SearchWhere, len(raw))
	for i, r := range raw {
		var err error
		if w[i], err = decodeCondition(r, inside(at, strconv.Itoa(i)), depth); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func decodeCondition(b []byte, at string, depth int) (c SearchCondition, err error) {
	if depth == 0 {
		return c, innerError{errDeep, at}
	}
	var parts map[string]json.RawMessage
	if json.Unmarshal(b, &parts) != nil || parts == nil {
		return c, innerError{errNoCondition, at}
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		part, place := parts[name], inside(at, name)
		if string(part) == "null" { // like leaving it out
			continue
		}
		switch name {
		case "field":
			err = decodeText(part, &c.Field, place)
		case "op":
			err = decodeText(part, (*string)(&c.Op), place)
		case "value":
			c.Value, err = decodeValue(part, place)
		case "any":
			c.Any, err = decodeConditions(part, place, depth-1)
		case "all":
			c.All, err = decodeConditions(part, place, depth-1)
		case "not":
			var inner SearchCondition
			inner, err = decodeCondition(part, place, depth-1)
			c.Not = &inner
		default:
			err = innerError{errUnknown, place}
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func decodeText(b []byte, into *string, at string) error {
	if json.Unmarshal(b, into) != nil {
		return innerError{errNoText, at}
	}
	return nil
}

func decodeValue(b []byte, at string) (v SearchValue, err error) {
	var raw []json.RawMessage
	if v.list = json.Unmarshal(b, &raw) == nil; !v.list {
		raw = []json.RawMessage{b}
	}
	if len(raw) > MaxInValues {
		return v, innerError{errMany, at}
	}
	for i, r := range raw {
		place := at
		if v.list {
			place = inside(at, strconv.Itoa(i))
		}
		one, err := ParseValue(string(r))
		if form, ok := err.(FormError); ok && form != ErrNotScalar { //nolint:errorlint // what ParseValue returns
			return v, innerError{form, place}
		} else if err != nil {
			return v, innerError{errNoValue, place}
		}
		v.values = append(v.values, one)
	}
	return v, nil
}

// check adds to p that there are too many conditions, or that they are nested too deeply.
func (w SearchWhere) check(p *problems) {
	n, deepest := w.size()
	p.check(n <= MaxConditions, "where", "must have at most %d conditions, counting those in others", MaxConditions)
	p.check(deepest <= MaxSearchDepth, "where", "must have at most %d levels of conditions", MaxSearchDepth)
}

// size returns the number of conditions that name a field, and of levels.
func (w SearchWhere) size() (n, deepest int) {
	for _, c := range w {
		inner := slices.Concat(c.Any, c.All)
		if c.Not != nil {
			inner = append(inner, *c.Not)
		}
		m, depth := inner.size()
		if len(inner) == 0 {
			m = 1
		}
		n, deepest = n+m, max(deepest, 1+depth)
	}
	return n, deepest
}

// clause returns the clause for a condition, and adds what is wrong with it to p. at is its place in the request.
func (c SearchCondition) clause(p *problems, at string) Clause {
	compared := c.Field != "" || c.Op != "" || !c.Value.IsZero()
	forms := 0
	for _, has := range []bool{compared, c.Any != nil, c.All != nil, c.Not != nil} {
		if has {
			forms++
		}
	}
	inner := func(name string, all SearchWhere) (clauses []Clause) {
		p.check(len(all) > 0, at+"."+name, "must have at least one condition")
		for i, one := range all {
			clauses = append(clauses, one.clause(p, at+"."+name+"."+strconv.Itoa(i)))
		}
		return clauses
	}
	switch {
	case forms != 1:
		p.add(at, "must have field, op and value, or one of any, all and not")
	case c.Any != nil:
		return Clause{Any: inner("any", c.Any)}
	case c.All != nil:
		return Clause{All: inner("all", c.All)}
	case c.Not != nil:
		not := c.Not.clause(p, at+".not")
		return Clause{Not: &not}
	default:
		return c.comparison(p, at)
	}
	return Clause{}
}

func (c SearchCondition) comparison(p *problems, at string) Clause {
	clause := Clause{Field: c.Field, Op: c.Op, Values: c.Value.values}
	f, ok := FieldOf(sessionFields(), clause)
	key, attribute := clause.Attribute()
	switch many := c.Op == OpIn || c.Op == OpBetween; {
	case !ok || f.Searched == nil || f.Kind == KindAttributes && !attribute:
		p.add(at+".field", "must be a field of a session, such as mode, free_seats or attributes.mmr")
		return clause
	case attribute && !validKey(key):
		p.add(at+".field", "must name an attribute by 1 to %d characters of A-Z a-z 0-9 _ -", MaxAttributeKey)
		return clause
	case !slices.Contains(f.Searched, c.Op):
		p.add(at+".op", "must be one of %s for %s", listOps(f.Searched), c.Field)
		return clause
	case c.Value.IsZero():
		p.add(at+".value", "is required")
		return clause
	case many != c.Value.list:
		p.add(at+".value", "must be %s for %s", map[bool]string{true: "an array", false: "a single value"}[many], c.Op)
		return clause
	case c.Op == OpBetween && len(clause.Values) != 2:
		p.add(at+".value", "must be an array of the least and the greatest value")
		return clause
	case c.Op == OpIn && (len(clause.Values) == 0 || len(clause.Values) > MaxInValues):
		p.add(at+".value", "must have 1 to %d values", MaxInValues)
		return clause
	}
	clause.Values = f.searchValues(p, at+".value", c)
	if f.Name == FieldJoinable {
		return joinableClause(clause)
	}
	return clause
}

// joinableClause returns the clause about obstacles that a clause about [FieldJoinable] stands for.
func joinableClause(c Clause) Clause {
	none := WithObstacles()
	if len(c.Values) == 1 && c.Values[0].flag == (c.Op == OpEqual) {
		return none
	}
	return Clause{Not: &none}
}

func listOps(all []Op) string {
	names := make([]string, len(all))
	for i, op := range all {
		names[i] = string(op)
	}
	return strings.Join(names, ", ")
}

// searchValues returns the values of a comparison in the form in which they are stored, and adds what is wrong with
// them to p.
func (f Field[D]) searchValues(p *problems, at string, c SearchCondition) []Value {
	if c.Op == OpExists {
		p.check(c.Value.values[0].kind == 'b', at, "must be true or false for exists")
		return c.Value.values
	}
	values := make([]Value, len(c.Value.values))
	for i, v := range c.Value.values {
		place := at
		if c.Value.list {
			place += "." + strconv.Itoa(i)
		}
		values[i] = f.searchValue(p, place, c.Op, i, v)
	}
	if c.Op == OpBetween && f.Kind == KindAttributes {
		p.check(values[0].kind == values[1].kind, at, "must be two numbers or two strings")
	}
	if c.Op == OpIn { // equal searches are equal queries, to which the same cursors belong
		slices.SortFunc(values, func(a, b Value) int {
			return cmp.Or(cmp.Compare(a.kind, b.kind), compareValues(a, b))
		})
		values = slices.Compact(values)
	}
	return values
}

// searchValue returns the i-th value of a comparison in the form in which it is stored.
func (f Field[D]) searchValue(p *problems, at string, op Op, i int, v Value) Value {
	text := func() bool {
		p.check(v.kind == 0, at, "must be a string")
		return v.kind == 0
	}
	switch f.Kind {
	case KindText, KindUsername, KindFolded:
		if text() {
			p.checkName(at, v.text, f.Max)
		}
		return StringValue(storedName(v.text))
	case KindEnum:
		p.check(v.kind == 0 && slices.Contains(f.Enum, v.text), at, "must be one of %s", strings.Join(f.Enum, ", "))
	case KindID:
		v = StringValue(NormalID(v.text))
		p.check(validID(v.text), at, "must be the id of a player")
	case KindCount:
		p.check(v.kind == 'n' && v.num >= 0 && v.num <= float64(f.Max), at, "must be a number from 0 to %d", f.Max)
	case KindFlag:
		p.check(v.kind == 'b', at, "must be true or false")
	case KindTime:
		if text() {
			return f.time(p, at, v.text, op == OpLess || op == OpAtLeast || op == OpBetween && i == 0)
		}
	case KindAttributes:
		p.check(validText(v.text), at, "must be valid UTF-8 without U+0000")
		equality := slices.Contains(equalities, op)
		p.check(v.kind != 'b' || equality, at, "must be a number or a string for %s: booleans have no order", op)
		p.check(v.kind != 'n' || op != OpPrefix, at, "must be a string for prefix")
	}
	return v
}

// time returns the milliseconds of a time. A part of a millisecond is rounded up where the comparison requires it.
func (f Field[D]) time(p *problems, at, text string, up bool) Value {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.add(at, "must be a time as RFC 3339 writes it, like 2026-03-01T12:00:00Z")
		return Value{}
	}
	if up {
		t = t.Add(time.Millisecond - 1)
	}
	return NumberValue(float64(t.UnixMilli()))
}
