package game

import (
	"slices"
	"strings"
)

// FieldKind is the kind of values that a field has.
type FieldKind string

// The kinds of fields.
const (
	KindText       FieldKind = "text"       // a name, in its stored form; "" in a document without one
	KindUsername   FieldKind = "username"   // a username, as [UsernameKey] writes it
	KindFolded     FieldKind = "folded"     // a name without regard to case, as [NameKey] writes it
	KindEnum       FieldKind = "enum"       // one of a list of texts
	KindID         FieldKind = "id"         // the id of a player
	KindCount      FieldKind = "count"      // a whole number from 0
	KindFlag       FieldKind = "flag"       // true or false
	KindTime       FieldKind = "time"       // a time in milliseconds
	KindAttributes FieldKind = "attributes" // custom values by key; each key is a field: see [AttributeField]
)

//go:generate go run ../filtergen

// Field describes a field that documents can be selected by. The parameters of the API, the filters of the SDK and the
// table in docs/api.md are generated from it (`make docs`). Each engine has a table of its own that says how it selects
// by the field.
type Field[D any] struct {
	Name string
	Kind FieldKind
	// Params are the query parameters of the list that compare the field.
	Params []Param
	// Ops are further comparisons in clauses of lists, for which handlers declare parameters of their own.
	Ops  []Op
	Enum []string // the values of KindEnum
	Type string   // Go type of the values, without the package, if not string or int
	Max  int      // characters of a text, the largest number, or how many ids OpIn may have
	// Of returns the value in a document: a string, an int64, a bool, a [time.Time], or nil for none. It is nil for
	// fields with several values.
	Of func(*D) any
	// Searched are the comparisons that a search may make; none for a field that requests cannot name.
	Searched  []Op
	Unordered bool // a search cannot order by the field
}

// Param is a query parameter of a list.
type Param struct {
	Name string
	Op   Op
	Doc  string // what it finds
}

// Listed returns the comparisons that lists may make.
func (f Field[D]) Listed() []Op {
	ops := slices.Clone(f.Ops)
	for _, p := range f.Params {
		ops = append(ops, p.Op)
	}
	return ops
}

// param returns the name of the parameter for a comparison.
func (f Field[D]) param(op Op) string {
	i := slices.IndexFunc(f.Params, func(p Param) bool { return p.Op == op })
	if i < 0 {
		return f.Name
	}
	return f.Params[i].Name
}

// Names of fields that rules use.
const (
	FieldID         = "id"
	FieldUsername   = "username"
	FieldName       = "display_name"
	FieldStatus     = "status"
	FieldVisibility = "visibility"
	FieldLiveness   = "liveness"
	FieldHost       = "host_id"
	FieldMember     = "member_id"
	FieldNamed      = "named_id"
	FieldFreeSeats  = "free_seats"
	FieldSeatsHeld  = "seats_held"
	FieldAttributes = "attributes"
	FieldObstacles  = "obstacles"
	FieldJoinable   = "joinable"
)

// PlayerFields returns the fields that players can be selected by.
func PlayerFields() []Field[Player] {
	return []Field[Player]{
		{
			Name: FieldID, Kind: KindID, Type: "PlayerID", Max: MaxLimit,
			Params: []Param{{
				"ids", OpIn,
				"Players with these ids, separated by commas. Unknown ids are left out, and limit does not apply.",
			}},
			Of: func(p *Player) any { return string(p.ID) },
		},
		{
			Name: FieldUsername, Kind: KindUsername, Max: MaxUsername,
			Params: []Param{{"username_prefix", OpPrefix, "Players whose username begins with this, in any case."}},
			Of: func(p *Player) any {
				if p.Username == "" {
					return nil
				}
				return p.UsernameKey()
			},
		},
		{
			Name: FieldName, Kind: KindFolded, Max: MaxDisplayName,
			Params: []Param{{
				"display_name_prefix", OpPrefix,
				"Players whose display_name begins with this, in any case and any form of its characters.",
			}},
			Of: func(p *Player) any {
				if p.DisplayName == "" {
					return nil
				}
				return NameKey(p.DisplayName)
			},
		},
		{
			Name: FieldStatus, Kind: KindEnum, Type: "PlayerStatus",
			Params: []Param{{"status", OpEqual, "Players with this status."}},
			Enum:   texts(PlayerStatuses()), Of: func(p *Player) any { return string(p.Status) },
		},
	}
}

// FieldOf returns the field that a clause compares, and false if it is not among fields.
func FieldOf[D any](fields []Field[D], c Clause) (Field[D], bool) {
	name := c.Field
	if _, ok := c.Attribute(); ok {
		name = FieldAttributes
	}
	i := slices.IndexFunc(fields, func(f Field[D]) bool { return f.Name == name })
	if i < 0 {
		return Field[D]{}, false
	}
	return fields[i], true
}

// normal returns the values of a clause in the form in which they are stored, and adds what is wrong with them to p.
func (f Field[D]) normal(p *problems, c Clause) []Value {
	values, param := c.Values, f.param(c.Op)
	if f.Kind == KindAttributes {
		return values
	}
	n := make([]Value, len(values))
	p.check(f.Max == 0 || f.Kind != KindID || len(values) <= f.Max, param, "must have at most %d ids", f.Max)
	for i, v := range values {
		switch s := v.text; f.Kind {
		case KindText:
			p.checkName(param, s, f.Max)
			v = StringValue(storedName(s))
		case KindFolded:
			p.checkName(param, s, f.Max)
			v = StringValue(NameKey(s))
		case KindUsername:
			p.check(len(s) <= f.Max && consistsOf(s, usernameMarks), param,
				"must have at most %d characters of A-Z a-z 0-9 _ . -, like usernames", f.Max)
			v = StringValue(UsernameKey(s))
		case KindCount:
			p.check(v.kind == 'n' && v.num >= 0 && v.num <= float64(f.Max), param, "must be 0 to %d", f.Max)
		case KindID:
			v = StringValue(NormalID(s))
		case KindEnum, KindFlag, KindTime, KindAttributes: // unknown values find nothing
		}
		n[i] = v
	}
	if f.Kind == KindID || f.Kind == KindEnum { // equal lists have the same cursors
		slices.SortFunc(n, func(a, b Value) int { return strings.Compare(a.text, b.text) })
		n = slices.Compact(n)
	}
	return n
}

func texts[S ~string](values []S) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}
