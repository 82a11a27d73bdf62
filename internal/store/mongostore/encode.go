package mongostore

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// layout describes how structs of one type are stored. It is built from [game.Properties] once for each type, because
// reflecting on tags for each document would be too slow: see docs/decisions/0024-one-description.md.
type layout struct {
	fields []field
	byKey  map[string]*field
}

// field is a stored field. Nil pointers and zero values of optional fields are omitted, because an index would
// contain an empty value.
type field struct {
	game.Property
	key      string
	optional bool
	codec
}

// codec encodes and decodes values of one type.
type codec struct {
	name  string // in docs/data-model.md
	write func(e *encoder, key string, v reflect.Value)
	// read decodes v and reports whether v has a suitable type.
	read func(v bsoncore.Value, into reflect.Value) bool
}

var layouts sync.Map // from reflect.Type to *layout

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := new(layout)
	for _, f := range game.Properties(t) {
		key, options, _ := strings.Cut(f.Tag.Get("bson"), ",")
		if key == "" {
			key = f.Name
		}
		l.fields = append(l.fields, field{
			Property: f, key: key, optional: options == "omitempty" || f.Type.Kind() == reflect.Pointer,
			codec: codecOf(f.Type),
		})
	}
	l.byKey = make(map[string]*field, len(l.fields))
	for i := range l.fields {
		l.byKey[l.fields[i].key] = &l.fields[i]
	}
	made, _ := layouts.LoadOrStore(t, l)
	return made.(*layout)
}

// codecOf panics for a type that no document uses yet. Tests that cover all documents detect this.
func codecOf(t reflect.Type) codec {
	switch t {
	case reflect.TypeFor[time.Time]():
		return codec{"date", writeTime, readTime}
	case reflect.TypeFor[game.Value]():
		return codec{"any", writeValue, readValue}
	}
	switch t.Kind() {
	case reflect.String:
		return codec{"string", writeString, readString}
	case reflect.Bool:
		return codec{"bool", writeBool, readBool}
	case reflect.Int:
		return codec{"int", writeInt, readInt}
	case reflect.Int64:
		return codec{"long", writeLong, readInt}
	case reflect.Float64:
		return codec{"double", writeFloat, readFloat}
	case reflect.Pointer:
		return pointerCodec(t)
	case reflect.Struct:
		l := layoutOf(t)
		return codec{
			"object",
			func(e *encoder, key string, v reflect.Value) {
				e.within(bson.TypeEmbeddedDocument, key, func() { e.fields(l, v) })
			},
			func(v bsoncore.Value, into reflect.Value) bool {
				d, ok := v.DocumentOK()
				return ok && l.read(d, into)
			},
		}
	case reflect.Slice:
		return sliceCodec(t)
	case reflect.Map:
		return mapCodec(t)
	default:
		panic(fmt.Sprintf("mongostore: no document has a field of type %s yet", t))
	}
}

func pointerCodec(t reflect.Type) codec {
	to := codecOf(t.Elem())
	return codec{
		to.name,
		func(e *encoder, key string, v reflect.Value) { to.write(e, key, v.Elem()) },
		func(v bsoncore.Value, into reflect.Value) bool {
			into.Set(reflect.New(t.Elem()))
			return to.read(v, into.Elem())
		},
	}
}

func sliceCodec(t reflect.Type) codec {
	item := codecOf(t.Elem())
	return codec{
		"array of " + item.name,
		func(e *encoder, key string, v reflect.Value) {
			e.within(bson.TypeArray, key, func() {
				for i := range v.Len() {
					item.write(e, strconv.Itoa(i), v.Index(i))
				}
			})
		},
		func(v bsoncore.Value, into reflect.Value) bool {
			a, ok := v.ArrayOK()
			into.Set(reflect.MakeSlice(t, 0, 0))
			return ok && eachElement(bsoncore.Document(a), func(_ []byte, v bsoncore.Value) bool {
				n := into.Len()
				if n == into.Cap() {
					into.Grow(1)
				}
				into.SetLen(n + 1)
				return item.read(v, into.Index(n))
			})
		},
	}
}

// mapCodec encodes keys in order, so that equal maps have equal encodings.
func mapCodec(t reflect.Type) codec {
	item := codecOf(t.Elem())
	return codec{
		"object",
		func(e *encoder, key string, v reflect.Value) {
			e.within(bson.TypeEmbeddedDocument, key, func() {
				if v.Len() == 0 { // avoids the allocations below
					return
				}
				names := v.MapKeys()
				slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
				value := reflect.New(t.Elem()).Elem()
				for _, name := range names {
					value.Set(v.MapIndex(name))
					item.write(e, name.String(), value)
				}
			})
		},
		func(v bsoncore.Value, into reflect.Value) bool {
			d, ok := v.DocumentOK()
			into.Set(reflect.MakeMap(t))
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			return ok && eachElement(d, func(name []byte, v bsoncore.Value) bool {
				key.SetString(string(name))
				value.SetZero()
				if !item.read(v, value) {
					return false
				}
				into.SetMapIndex(key, value)
				return true
			})
		},
	}
}

// encoder builds the encoding of a document.
type encoder struct {
	b    []byte
	omit string // name of a field that is not encoded
	err  error
}

// errKey is the error for a map key that BSON cannot represent.
var errKey = errors.New("a key contains a zero byte")

func (e *encoder) header(t bson.Type, key string) {
	if strings.IndexByte(key, 0) >= 0 {
		e.err, key = errKey, "" // keeps the encoding well-formed
	}
	e.b = bsoncore.AppendHeader(e.b, bsoncore.Type(t), key)
}

// within encodes a document or an array whose elements write encodes.
func (e *encoder) within(t bson.Type, key string, write func()) {
	e.header(t, key)
	begin, b := bsoncore.AppendDocumentStart(e.b)
	e.b = b
	write()
	e.end(begin)
}

func (e *encoder) end(begin int32) {
	b, err := bsoncore.AppendDocumentEnd(e.b, begin)
	if e.b = b; err != nil {
		e.err = err
	}
}

func (e *encoder) fields(l *layout, v reflect.Value) {
	for i := range l.fields {
		f := &l.fields[i]
		if value := f.Of(v); (!f.optional || !value.IsZero()) && (e.omit == "" || f.key != e.omit) {
			f.write(e, f.key, value)
		}
	}
}

func writeString(e *encoder, key string, v reflect.Value) { e.text(key, v.String()) }

func (e *encoder) text(key, s string) {
	e.header(bson.TypeString, key)
	e.b = bsoncore.AppendString(e.b, s)
}

func writeBool(e *encoder, key string, v reflect.Value) { e.flag(key, v.Bool()) }

func (e *encoder) flag(key string, b bool) {
	e.header(bson.TypeBoolean, key)
	e.b = bsoncore.AppendBoolean(e.b, b)
}

// writeInt uses a 32-bit integer where it suffices, as the driver does for int.
func writeInt(e *encoder, key string, v reflect.Value) { e.number(key, v.Int()) }

func (e *encoder) number(key string, n int64) {
	if n < math.MinInt32 || n > math.MaxInt32 {
		e.long(key, n)
		return
	}
	e.header(bson.TypeInt32, key)
	e.b = bsoncore.AppendInt32(e.b, int32(n))
}

func writeLong(e *encoder, key string, v reflect.Value) { e.long(key, v.Int()) }

func (e *encoder) long(key string, n int64) {
	e.header(bson.TypeInt64, key)
	e.b = bsoncore.AppendInt64(e.b, n)
}

func writeFloat(e *encoder, key string, v reflect.Value) { e.float(key, v.Float()) }

func (e *encoder) float(key string, f float64) {
	e.header(bson.TypeDouble, key)
	e.b = bsoncore.AppendDouble(e.b, f)
}

func writeTime(e *encoder, key string, v reflect.Value) {
	e.date(key, *v.Addr().Interface().(*time.Time))
}

// date encodes a time, truncated to the millisecond.
func (e *encoder) date(key string, t time.Time) {
	e.header(bson.TypeDateTime, key)
	e.b = bsoncore.AppendDateTime(e.b, t.UnixMilli())
}

func writeValue(e *encoder, key string, v reflect.Value) {
	switch x := v.Addr().Interface().(*game.Value).Any().(type) {
	case string:
		e.text(key, x)
	case bool:
		e.flag(key, x)
	case float64:
		e.float(key, x)
	}
}
