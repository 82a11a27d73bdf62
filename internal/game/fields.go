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
	KindAttributes FieldKind = "attributes" // custom values by key; each key is a field: see [AttributeField]
)

//go:generate go run ../filtergen

// Field describes a field that documents can be selected by. The parameters of the API, the filters of the SDK and the
// table in docs/api.md are generated from it (`make docs`). Each engine has a table of its own that says how it selects
// by the field.
type Field[D any] struct {
	Name string
	Kind FieldKind
	Ops  []Op // allowed in a clause; none for a field that is only stored for counts
	// Param is the query parameter that compares the field by the first of Ops. It is empty if there is none, or if the
	// handler declares its own.
	Param string
	Doc   string   // of Param: what it finds
	Enum  []string // the values of KindEnum
	Type  string   // Go type of the values, without the package, if not string or int
	Max   int      // characters of a text, the largest number, or how many values OpIn may have
	// Of returns the value in a document: a string, an int64, or nil for none. It is nil for fields with several
	// values.
	Of func(*D) any
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
	FieldAttributes = "attributes"
)

// PlayerFields returns the fields that players can be selected by.
func PlayerFields() []Field[Player] {
	return []Field[Player]{
		{
			Name: FieldID, Kind: KindID, Ops: []Op{OpIn}, Param: "ids", Type: "PlayerID", Max: MaxLimit,
			Doc: "Players with these ids, separated by commas. Unknown ids are left out, and limit does not apply.",
			Of:  func(p *Player) any { return string(p.ID) },
		},
		{
			Name: FieldUsername, Kind: KindUsername, Ops: []Op{OpPrefix}, Param: "username_prefix", Max: MaxUsername,
			Doc: "Players whose username begins with this, in any case.",
			Of: func(p *Player) any {
				if p.Username == "" {
					return nil
				}
				return p.UsernameKey()
			},
		},
		{
			Name: FieldName, Kind: KindFolded, Ops: []Op{OpPrefix}, Param: "display_name_prefix", Max: MaxDisplayName,
			Doc: "Players whose display_name begins with this, in any case and any form of its characters.",
			Of: func(p *Player) any {
				if p.DisplayName == "" {
					return nil
				}
				return NameKey(p.DisplayName)
			},
		},
		{
			Name: FieldStatus, Kind: KindEnum, Ops: []Op{OpEqual}, Param: "status", Type: "PlayerStatus",
			Doc:  "Players with this status.",
			Enum: texts(PlayerStatuses()), Of: func(p *Player) any { return string(p.Status) },
		},
	}
}

// SessionFields returns the fields that sessions can be selected by.
func SessionFields() []Field[Session] {
	equal := []Op{OpEqual}
	return []Field[Session]{
		{
			Name: FieldID, Kind: KindID, Ops: []Op{OpIn}, Type: "SessionID", Max: MaxLimit,
			Of: func(s *Session) any { return string(s.ID) },
		},
		{
			Name: FieldStatus, Kind: KindEnum, Ops: []Op{OpEqual, OpIn}, Param: "status", Type: "SessionStatus",
			Doc:  "Sessions in this state.",
			Enum: texts(SessionStatuses()), Of: func(s *Session) any { return string(s.Status) },
		},
		{
			Name: "mode", Kind: KindText, Ops: equal, Param: "mode", Max: MaxSessionText,
			Doc: "Sessions with this mode.",
			Of:  func(s *Session) any { return s.Mode },
		},
		{
			Name: "map", Kind: KindText, Ops: equal, Param: "map", Max: MaxSessionText,
			Doc: "Sessions on this map.",
			Of:  func(s *Session) any { return s.Map },
		},
		{
			Name: "region", Kind: KindText, Ops: equal, Param: "region", Max: MaxSessionText,
			Doc: "Sessions in this region.",
			Of:  func(s *Session) any { return s.Region },
		},
		{
			Name: FieldVisibility, Kind: KindEnum, Ops: equal, Param: "visibility", Type: "Visibility",
			Doc:  "Sessions with this visibility.",
			Enum: texts(Visibilities()), Of: func(s *Session) any { return string(s.Visibility) },
		},
		{
			Name: FieldLiveness, Kind: KindEnum, Ops: equal, Param: "liveness", Type: "Liveness",
			Doc:  "Sessions that have their heartbeats, or need none (live), or have missed them (stale).",
			Enum: texts(Livenesses()),
			Of: func(s *Session) any {
				if s.Liveness == Stale {
					return string(Stale)
				}
				return string(Live) // older documents lack the field
			},
		},
		{
			Name: FieldHost, Kind: KindID, Ops: equal, Param: "host_id", Type: "PlayerID",
			Doc: "Sessions that this player hosts.",
			Of: func(s *Session) any {
				if s.HostID == nil {
					return nil
				}
				return string(*s.HostID)
			},
		},
		{
			Name: FieldMember, Kind: KindID, Ops: equal, Param: "member_id", Type: "PlayerID",
			Doc: "Sessions in which this player holds a seat.",
		},
		{Name: FieldNamed, Kind: KindID, Ops: equal, Type: "PlayerID"}, // see [Session.Named]
		{
			Name: FieldFreeSeats, Kind: KindCount, Ops: []Op{OpAtLeast}, Param: "free_seats", Max: MaxPlayers,
			Doc: "Sessions with at least this many free seats.",
			Of:  func(s *Session) any { return int64(s.FreeSeats()) },
		},
		{Name: "seats_held", Kind: KindCount, Of: func(s *Session) any { return int64(len(s.Members)) }},
		{Name: FieldAttributes, Kind: KindAttributes, Ops: []Op{OpIn}},
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

// normal returns the values in the form in which they are stored, and adds what is wrong with them to p.
func (f Field[D]) normal(p *problems, values []Value) []Value {
	if f.Kind == KindAttributes {
		return values
	}
	n := make([]Value, len(values))
	p.check(f.Max == 0 || f.Kind != KindID || len(values) <= f.Max, f.Param, "must have at most %d ids", f.Max)
	for i, v := range values {
		switch s := v.text; f.Kind {
		case KindText:
			p.checkName(f.Param, s, f.Max)
			v = StringValue(storedName(s))
		case KindFolded:
			p.checkName(f.Param, s, f.Max)
			v = StringValue(NameKey(s))
		case KindUsername:
			p.check(len(s) <= f.Max && consistsOf(s, usernameMarks), f.Param,
				"must have at most %d characters of A-Z a-z 0-9 _ . -, like usernames", f.Max)
			v = StringValue(UsernameKey(s))
		case KindCount:
			p.check(v.kind == 'n' && v.num >= 0 && v.num <= float64(f.Max), f.Param, "must be 0 to %d", f.Max)
		case KindID:
			v = StringValue(NormalID(s))
		case KindEnum, KindAttributes: // unknown values find nothing
		}
		n[i] = v
	}
	if f.Kind == KindID {
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
