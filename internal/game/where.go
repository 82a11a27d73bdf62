package game

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Op is a comparison of a field with values.
type Op string

// The ways to compare.
const (
	OpEqual   Op = "eq"     // the field has the value
	OpIn      Op = "in"     // it has one of the values
	OpAtLeast Op = "ge"     // it is a number that is at least the value
	OpPrefix  Op = "prefix" // it is a text that begins with the value
)

// Clause is a condition on one field of a document.
type Clause struct {
	Field  string // a [Field.Name], or what [AttributeField] returns
	Op     Op
	Values []Value // of the field's [FieldKind]; exactly one unless Op is OpIn
}

// Where selects the documents for which all clauses hold. The zero Where selects every document.
type Where []Clause

// Is returns the clause that a field equals a value.
func Is[S ~string](field string, value S) Clause {
	return Clause{field, OpEqual, []Value{StringValue(string(value))}}
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
	return Clause{field, OpAtLeast, []Value{NumberValue(float64(n))}}
}

// Prefix returns the clause that a field begins with a text.
func Prefix(field, text string) Clause {
	return Clause{field, OpPrefix, []Value{StringValue(text)}}
}

// AttributeFilter selects documents that have all of these attributes, each with one of its values. Each has at least
// one value, without duplicates.
type AttributeFilter map[string][]Value

// Where returns the clauses of the filter in the order of their keys.
func (f AttributeFilter) Where() Where {
	w := make(Where, 0, len(f))
	for _, key := range slices.Sorted(maps.Keys(f)) {
		w = append(w, Clause{AttributeField(key), OpIn, f[key]})
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

// Lives reports whether live sessions can match by their status, and whether sessions that have ended can.
func (w Where) Lives() (live, ended bool) {
	status, ok := w.On(FieldStatus)
	if !ok {
		return true, true
	}
	for _, v := range status.Values {
		s, _ := v.Any().(string)
		if SessionStatus(s).Terminal() {
			ended = true
		} else {
			live = true
		}
	}
	return live, ended
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
		case !slices.Contains(f.Ops, c.Op):
			p.add(c.Field, "cannot be compared by %s", c.Op)
		default:
			c.Values = f.normal(&p, c.Values)
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
