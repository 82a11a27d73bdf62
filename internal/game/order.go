package game

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// Order is one field of the order of a search.
type Order struct {
	Field string
	Desc  bool
	Near  *float64 // by the distance to this number
	// Start is where an order by [FieldSpread] begins. It does not belong to what a cursor is for.
	Start string `json:"-"`
}

// FieldSpread in an order stands for the last part of the id, which is random. The order begins with the least one that
// is not below its Start; those below come after all others. It is always ascending.
const FieldSpread = "spread"

// SpreadFrom is how many characters of an id precede the part that an order by [FieldSpread] compares.
const SpreadFrom = 24

// newStart returns a random start of an order by [FieldSpread].
func newStart() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func spreadOf(id SessionID) string { return string(id)[min(SpreadFrom, len(id)):] }

// OrderedText is how many characters of a text an order compares. It limits the size of cursors.
const OrderedText = 64

// OrderKey is what a session is ordered by for one [Order]. Keys are compared by their ranks first, in ascending order,
// and keys of equal rank by their values, of which the greatest is first if the order is descending.
type OrderKey struct {
	// Rank orders the types of attributes: numbers before texts before booleans, or the other way round in a descending
	// order. Sessions without a value come last in either, and so does what is not a number in an order by distance.
	Rank  int
	Value Value // of a text the first [OrderedText] characters; the zero Value if Rank is RankNone
}

// RankNone is the rank of a session without a value.
const RankNone = 3

// RankOf returns the rank of a value in the order.
func (o Order) RankOf(v Value) int {
	rank := map[byte]int{'n': 0, 0: 1, 'b': 2}[v.kind]
	switch {
	case o.Field == FieldSpread && v.text < o.Start:
		return 1
	case o.Near != nil && v.kind != 'n':
		return RankNone
	case o.Near == nil && o.Desc && o.attribute():
		return RankNone - 1 - rank
	case o.attribute():
		return rank
	}
	return 0 // all values have the same type
}

// attribute reports whether the order is by an attribute, whose values may have different types.
func (o Order) attribute() bool { return strings.HasPrefix(o.Field, attributePrefix) }

// KeyOf returns the key of a session.
func (o Order) KeyOf(s *Session) OrderKey {
	values := s.valuesOf(o.Field)
	if len(values) == 0 {
		return OrderKey{Rank: RankNone}
	}
	v := values[0]
	k := OrderKey{o.RankOf(v), v}
	switch {
	case k.Rank == RankNone:
		k.Value = Value{}
	case o.Near != nil:
		k.Value = NumberValue(math.Abs(v.num - *o.Near))
	default:
		k.Value.text = firstCharacters(v.text)
	}
	return k
}

func firstCharacters(s string) string {
	n := 0
	for i := range s {
		if n == OrderedText {
			return s[:i]
		}
		n++
	}
	return s
}

// Compare compares two keys of the order.
func (o Order) Compare(a, b OrderKey) int {
	if d := cmp.Compare(a.Rank, b.Rank); d != 0 {
		return d
	}
	if o.Desc {
		a, b = b, a
	}
	return compareValues(a.Value, b.Value)
}

// Position is a place in the order of a search. Sessions with equal keys are in descending order of their ids.
type Position struct {
	Keys []OrderKey
	ID   SessionID
}

// positionOf returns the position of a session.
func (q SearchQuery) positionOf(s *Session) Position {
	p := Position{ID: s.ID}
	for _, o := range q.Order {
		p.Keys = append(p.Keys, o.KeyOf(s))
	}
	return p
}

// PositionOf returns the position of a session, as engines compute it.
func (q SearchQuery) PositionOf(s *Session) Position { return q.positionOf(s) }

// Compare compares two positions of the query.
func (q SearchQuery) Compare(a, b Position) int {
	for i, o := range q.Order {
		if d := o.Compare(a.Keys[i], b.Keys[i]); d != 0 {
			return d
		}
	}
	return cmp.Compare(b.ID, a.ID)
}

// cursorForm is the JSON in a cursor: an array of rank and value for each key, and the id.
type cursorForm struct {
	Keys  [][2]Value `json:"k,omitempty"`
	ID    SessionID  `json:"i"`
	Start string     `json:"s,omitempty"` // of an order by FieldSpread
}

// encodePosition returns the cursor of a position: its JSON and the first bytes of a hash of the query, in base64.
func encodePosition(p Position, q SearchQuery) string {
	f := cursorForm{ID: p.ID}
	if n := len(q.Order); n > 0 {
		f.Start = q.Order[n-1].Start
	}
	for _, k := range p.Keys {
		f.Keys = append(f.Keys, [2]Value{NumberValue(float64(k.Rank)), k.Value})
	}
	b, err := json.Marshal(f)
	if err != nil {
		panic("game: a position cannot be encoded: " + err.Error()) // it consists of texts, numbers and booleans
	}
	return base64.RawURLEncoding.EncodeToString(append(b, hashFilters(q)...))
}

// from returns the query from the position of a cursor on; the empty cursor is the beginning. It returns ErrValidation
// if the cursor is malformed or was made for another search.
func (q SearchQuery) from(cursor string) (SearchQuery, error) {
	if cursor == "" {
		return q, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorHash {
		return q, errInvalidCursor()
	}
	if !slices.Equal(raw[len(raw)-cursorHash:], hashFilters(q)) {
		return q, InvalidField("cursor",
			"belongs to another search: send the same where, order and include, or start without a cursor")
	}
	var f cursorForm
	if json.Unmarshal(raw[:len(raw)-cursorHash], &f) != nil || len(f.Keys) != len(q.Order) || !validID(string(f.ID)) {
		return q, errInvalidCursor()
	}
	if n := len(q.Order); n > 0 && q.Order[n-1].Field == FieldSpread {
		q.Order[n-1].Start = f.Start
	}
	p := &Position{ID: f.ID}
	for i, o := range q.Order {
		rank, v := f.Keys[i][0], f.Keys[i][1]
		k := OrderKey{int(rank.num), v}
		if rank.kind != 'n' || !o.validKey(k) {
			return q, errInvalidCursor()
		}
		p.Keys = append(p.Keys, k)
	}
	q.After = p
	return q, nil
}

// validKey reports whether a session can have the key.
func (o Order) validKey(k OrderKey) bool {
	if k.Rank == RankNone {
		return k.Value == Value{}
	}
	f, _ := FieldOf(sessionFields(), Clause{Field: o.Field})
	kind := byte('n')
	switch {
	case f.Kind == KindText || o.Field == FieldSpread:
		kind = 0
	case f.Kind == KindAttributes:
		kind = k.Value.kind
	}
	return k.Value.kind == kind && k.Rank == o.RankOf(k.Value) && validText(k.Value.text)
}
