package mongostore

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// decode decodes a document into d. It accepts what other programs may have written: numbers of any type that
// represents the value exactly, null for zero, and unknown fields, which are ignored, as are [derived] fields. Absent
// fields keep the value that they have in d.
func decode[D any](raw bson.Raw, d *D) error {
	if e, ok := any(d).(*game.Event); ok {
		var moved movedEvent
		if err := bson.Unmarshal(raw, &moved); err != nil {
			return fmt.Errorf("%w: %w", game.ErrUnreadable, err)
		}
		*e = moved.game()
		return nil
	}
	v := reflect.ValueOf(d).Elem()
	l := layoutOf(v.Type())
	if len(l.fields) == 0 { // a type of this package
		return bson.Unmarshal(raw, d)
	}
	if !l.read(bsoncore.Document(raw), v) {
		return game.ErrUnreadable
	}
	if s, ok := any(d).(*game.Session); ok {
		s.Restore()
	}
	return nil
}

// read decodes a document into a struct, and reports whether it could.
func (l *layout) read(document bsoncore.Document, into reflect.Value) bool {
	return eachElement(document, func(name []byte, v bsoncore.Value) bool {
		f := l.byKey[string(name)]
		switch {
		case f == nil:
			return true
		case v.Type == bsoncore.TypeNull:
			f.Of(into).SetZero()
			return true
		}
		return f.read(v, f.Of(into))
	})
}

// eachElement calls take for each element of a document. It reports whether the document is well-formed and take
// returned true each time.
func eachElement(document bsoncore.Document, take func(name []byte, v bsoncore.Value) bool) bool {
	length, rest, ok := bsoncore.ReadLength(document)
	if !ok || int(length) != len(document) {
		return false
	}
	for len(rest) > 1 {
		var e bsoncore.Element
		if e, rest, ok = bsoncore.ReadElement(rest); !ok {
			return false
		}
		v, err := e.ValueErr()
		if err != nil || !take(e.KeyBytes(), v) {
			return false
		}
	}
	return len(rest) == 1 && rest[0] == 0
}

func readString(v bsoncore.Value, into reflect.Value) bool {
	s, ok := v.StringValueOK()
	into.SetString(s)
	return ok
}

func readBool(v bsoncore.Value, into reflect.Value) bool {
	b, ok := v.BooleanOK()
	into.SetBool(b)
	return ok
}

// exactInteger bounds the integers that a double represents exactly.
const exactInteger = 1 << 53

func readInt(v bsoncore.Value, into reflect.Value) bool {
	if n, ok := v.Int32OK(); ok {
		into.SetInt(int64(n))
		return true
	}
	if n, ok := v.Int64OK(); ok {
		into.SetInt(n)
		return true
	}
	f, ok := v.DoubleOK()
	if !ok || f != math.Trunc(f) || math.Abs(f) > exactInteger {
		return false
	}
	into.SetInt(int64(f))
	return true
}

func readFloat(v bsoncore.Value, into reflect.Value) bool {
	f, ok := v.AsFloat64OK()
	into.SetFloat(f)
	return ok
}

func readTime(v bsoncore.Value, into reflect.Value) bool {
	ms, ok := v.DateTimeOK()
	*into.Addr().Interface().(*time.Time) = time.UnixMilli(ms).UTC()
	return ok
}

func readValue(v bsoncore.Value, into reflect.Value) bool {
	to := into.Addr().Interface().(*game.Value)
	if s, ok := v.StringValueOK(); ok {
		*to = game.StringValue(s)
		return true
	}
	if b, ok := v.BooleanOK(); ok {
		*to = game.BoolValue(b)
		return true
	}
	f, ok := v.AsFloat64OK()
	*to = game.NumberValue(f)
	return ok
}
