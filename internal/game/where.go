package game

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Op is a comparison of a field with values.
type Op string

// The ways to compare.
const (
	OpEqual   Op = "eq"      // the field has the value
	OpNot     Op = "ne"      // it does not have the value, which is also true of a field that is missing
	OpIn      Op = "in"      // it has one of the values
	OpLess    Op = "lt"      // it is less than the value
	OpAtMost  Op = "le"      // it is at most the value
	OpGreater Op = "gt"      // it is greater than the value
	OpAtLeast Op = "ge"      // it is at least the value
	OpBetween Op = "between" // it is at least the first value and at most the second
	OpPrefix  Op = "prefix"  // it is a text that begins with the value
	OpExists  Op = "exists"  // it is there if the value is true, and missing if it is false
	// OpWithin is the comparison of [WithObstacles]: the field is a set that has no elements but those of the value.
	OpWithin Op = "within"
)

// Ops returns the comparisons that requests can make.
func Ops() []Op {
	return []Op{
		OpEqual, OpNot, OpIn, OpLess, OpAtMost, OpGreater, OpAtLeast, OpBetween, OpPrefix, OpExists,
	}
}

// Clause is a condition on one field of a document, or one of Any, All and Not. It is either true or false: a field
// that is missing, or whose value has another type than the clause's, meets no comparison except OpNot and OpExists.
type Clause struct {
	Field  string // a [Field.Name], or what [AttributeField] returns
	Op     Op
	Values []Value // of the field's [FieldKind]; exactly one unless Op is OpIn or OpBetween

	Any []Clause `json:",omitempty"` // at least one of these is true
	All []Clause `json:",omitempty"` // all of these are true
	Not *Clause  `json:",omitempty"` // this is false
}

// Where selects the documents for which all clauses hold. The zero Where selects every document.
type Where []Clause

// Is returns the clause that a field equals a value.
func Is[S ~string](field string, value S) Clause {
	return Clause{Field: field, Op: OpEqual, Values: []Value{StringValue(string(value))}}
}

// In returns the clause that a field equals one of the values.
func In[S ~string](field string, values ...S) Clause {
	c := Clause{Field: field, Op: OpIn}
	for _, v := range values {
		c.Values = append(c.Values, StringValue(string(v)))
	}
	return c
}

// AtLeast returns the clause that a field is at least n.
func AtLeast(field string, n int) Clause {
	return Clause{Field: field, Op: OpAtLeast, Values: []Value{NumberValue(float64(n))}}
}

// Before returns the clause that a field is earlier than a time.
func Before(field string, t time.Time) Clause {
	return Clause{Field: field, Op: OpLess, Values: []Value{fromTime(t)}}
}

// Since returns the clause that a field is the time or later.
func Since(field string, t time.Time) Clause {
	return Clause{Field: field, Op: OpAtLeast, Values: []Value{fromTime(t)}}
}

// fromTime returns the first millisecond that is not before a time.
func fromTime(t time.Time) Value { return TimeValue(t.Add(time.Millisecond - 1)) }

// Flag returns the clause that a field is true, or that it is false.
func Flag(field string, value bool) Clause {
	return Clause{Field: field, Op: OpEqual, Values: []Value{BoolValue(value)}}
}

// Prefix returns the clause that a field begins with a text.
func Prefix(field, text string) Clause {
	return Clause{Field: field, Op: OpPrefix, Values: []Value{StringValue(text)}}
}

// AttributeFilter selects documents that have all of these attributes, each with one of its values. Each has at least
// one value, without duplicates.
type AttributeFilter map[string][]Value

// Where returns the clauses of the filter in the order of their keys.
func (f AttributeFilter) Where() Where {
	w := make(Where, 0, len(f))
	for _, key := range slices.Sorted(maps.Keys(f)) {
		w = append(w, Clause{Field: AttributeField(key), Op: OpIn, Values: f[key]})
	}
	return w
}

// attributePrefix is the prefix of the names of fields that are single attributes.
const attributePrefix = FieldAttributes + "."

// AttributeField returns the name of the field for an attribute.
func AttributeField(key string) string { return attributePrefix + key }

// Attribute returns the key of the attribute that the clause compares, and false for another field.
func (c Clause) Attribute() (key string, ok bool) { return strings.CutPrefix(c.Field, attributePrefix) }

// Text returns the value of a clause with a single text, and "" for others.
func (c Clause) Text() string {
	if len(c.Values) != 1 {
		return ""
	}
	return c.Values[0].text
}

// On returns the first clause on a field, and false if there is none.
func (w Where) On(field string) (Clause, bool) {
	i := slices.IndexFunc(w, func(c Clause) bool { return c.Field == field })
	if i < 0 {
		return Clause{}, false
	}
	return w[i], true
}

// Lives reports whether live sessions can match by their status, and whether sessions that have ended can. One is true
// also where none can match.
func (w Where) Lives() (live, ended bool) {
	for _, s := range w.Statuses() {
		live, ended = live || !s.Terminal(), ended || s.Terminal()
	}
	return live || !ended, ended
}

// is reports whether the clauses require that a field equals the value.
func (w Where) is(field, value string) bool {
	c, ok := w.On(field)
	return ok && c.Op == OpEqual && c.Text() == value
}

// normalWhere returns the clauses with their values in the form in which documents are stored, so that equal values
// match, and sorted, so that a cursor does not depend on the order of the clauses. It returns ErrValidation, with the
// fields named as in requests, if a clause can match no document.
func normalWhere[D any](fields []Field[D], w Where) (Where, error) {
	var p problems
	n := make(Where, len(w))
	for i, c := range w {
		f, ok := FieldOf(fields, c)
		switch {
		case !ok:
			p.add(c.Field, "is not a field that can be filtered by")
		case !slices.Contains(f.Listed(), c.Op):
			p.add(c.Field, "cannot be compared by %s", c.Op)
		default:
			c.Values = f.normal(&p, c)
		}
		switch {
		case f.Name == FieldJoinable && len(c.Values) == 1:
			c = joinableClause(c)
		case f.Kind == KindEnum && c.Op == OpIn && len(c.Values) == 1:
			c.Op = OpEqual
		}
		n[i] = c
	}
	n.validateAttributes(&p)
	slices.SortStableFunc(n, func(a, b Clause) int { return cmp.Compare(a.Field, b.Field) })
	return n, p.err()
}

func (w Where) validateAttributes(p *problems) {
	last := Attributes{} // of each attribute the last value, which is the longest
	for _, c := range w {
		key, ok := c.Attribute()
		if !ok {
			continue
		}
		p.check(len(c.Values) > 0, c.Field, "must name a value")
		for _, v := range c.Values {
			last[key] = v
		}
	}
	last.validate(p, attributeLimits{MaxSessionAttributes, maxSessionAttributeBytes})
}
