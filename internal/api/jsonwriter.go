package api

import (
	"cmp"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"game-session-manager/internal/game"
)

// With the JSON package, reads of a document would take 7 to 16 % more CPU time, and lists 20 to 30 %. Players and
// sessions, which most responses contain, are encoded here from the [game.Properties] of their structs, to the same
// bytes. All other values are left to the package. docs/decisions/0024-one-description.md has the figures.

// marshal writes a response body. An error of the writer means that the caller has gone and is ignored, because huma
// would panic.
func marshal(w io.Writer, v any) error {
	var b []byte
	switch v := v.(type) {
	case game.Player:
		b = encode(w, &v)
	case *Session:
		b = encode(w, v)
	case joinedSession:
		b = encode(w, &v)
	case interface{ encoded() []byte }:
		b = v.encoded()
	}
	if b != nil {
		_, _ = w.Write(b)
		return nil
	}
	to := &failureRecorder{Writer: w}
	if err := jsonv2.MarshalWrite(to, v, sortedNames); err != nil && !to.failed {
		return err //nolint:wrapcheck // the package's own
	}
	return nil
}

// failureRecorder records whether a write failed.
type failureRecorder struct {
	io.Writer
	failed bool
}

// Write implements [io.Writer].
func (t *failureRecorder) Write(b []byte) (int, error) {
	n, err := t.Writer.Write(b)
	t.failed = t.failed || err != nil
	return n, err //nolint:wrapcheck // a writer passes errors on as they are
}

// sortedNames encodes maps in the order of their names.
var sortedNames = jsonv2.Deterministic(true)

// encode returns the JSON of a document, or nil if it has none. It writes what is large to w in pieces and returns the
// rest.
func encode[D any](to io.Writer, d *D) []byte {
	w := writer{b: make([]byte, 0, typicalSize), to: to}
	if w.document(d); w.err != nil {
		return nil
	}
	return w.b
}

// writer encodes JSON.
type writer struct {
	b   []byte
	to  io.Writer // receives large documents in pieces; nil to keep all in b
	err error     // why a value has no JSON
	// only are the names of the fields that documents have; nil for all.
	only []string
}

func (w *writer) check(err error) { w.err = cmp.Or(w.err, err) }

// flushSize is the size in bytes from which on the buffer is flushed.
const flushSize = 64 << 10

// flush writes the buffer if it is large, except its last byte, which next needs.
func (w *writer) flush() {
	last := len(w.b) - 1
	if w.to == nil || last < flushSize || w.err != nil {
		return
	}
	_, _ = w.to.Write(w.b[:last]) // it fails if the caller has gone
	w.b = append(w.b[:0], w.b[last])
}

// typicalSize is the size in bytes that most documents do not exceed.
const typicalSize = 3 << 9

// typicalItem is the size in bytes that most items of a document's lists do not exceed.
const typicalItem = 1 << 7

// document writes the struct that d points to.
func (w *writer) document(d any) { w.fields(reflect.ValueOf(d).Elem(), w.only) }

// jsonField is a field with what is computed once for its type.
type jsonField struct {
	game.Property
	prefix string // the encoded name and a colon
	write  func(*writer, reflect.Value)
}

var jsonFields sync.Map // reflect.Type to []jsonField

func jsonFieldsOf(t reflect.Type) []jsonField {
	if known, ok := jsonFields.Load(t); ok {
		return known.([]jsonField)
	}
	var fields []jsonField
	for _, f := range game.Properties(t) {
		fields = append(fields, jsonField{f, strconv.Quote(f.Name) + ":", jsonWriter(f.Type)})
	}
	jsonFields.Store(t, fields)
	return fields
}

// object writes a struct, which must be addressable.
func (w *writer) object(v reflect.Value) { w.fields(v, nil) }

// fields writes some fields of a struct, or all if only is nil.
func (w *writer) fields(v reflect.Value, only []string) {
	w.open('{')
	fields := jsonFieldsOf(v.Type())
	for i := range fields {
		f := &fields[i]
		if only != nil && !slices.Contains(only, f.Name) {
			continue
		}
		value := f.Of(v)
		if f.OmitZero && value.IsZero() {
			continue
		}
		w.next()
		w.b = append(w.b, f.prefix...)
		f.write(w, value)
	}
	w.close('}')
}

// jsonWriter returns the function that writes values of a type.
func jsonWriter(t reflect.Type) func(*writer, reflect.Value) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return func(w *writer, v reflect.Value) { w.time(v.Addr().Interface().(*time.Time)) }
	case reflect.TypeFor[game.Attributes]():
		return objectWriter[game.Attributes]((*writer).value)
	case reflect.TypeFor[map[string]string]():
		return objectWriter[map[string]string]((*writer).quote)
	case reflect.TypeFor[map[game.PlayerID]string]():
		return objectWriter[map[game.PlayerID]string]((*writer).quote)
	case reflect.TypeFor[map[string]int]():
		return objectWriter[map[string]int]((*writer).integer)
	case reflect.TypeFor[game.EndReason]():
		return func(w *writer, v reflect.Value) {
			if v.Len() == 0 {
				w.null()
				return
			}
			w.quote(v.String())
		}
	case reflect.TypeFor[game.Result]():
		return func(w *writer, v reflect.Value) {
			if v.Len() == 0 {
				w.null()
				return
			}
			w.marshal(v)
		}
	}
	if t.Implements(reflect.TypeFor[json.Marshaler]()) {
		return (*writer).marshal
	}
	switch t.Kind() {
	case reflect.String:
		return func(w *writer, v reflect.Value) { w.quote(v.String()) }
	case reflect.Bool:
		return func(w *writer, v reflect.Value) { w.b = strconv.AppendBool(w.b, v.Bool()) }
	case reflect.Int, reflect.Int64:
		return func(w *writer, v reflect.Value) { w.b = strconv.AppendInt(w.b, v.Int(), 10) }
	case reflect.Pointer:
		to := jsonWriter(t.Elem())
		return func(w *writer, v reflect.Value) {
			if v.IsNil() {
				w.null()
				return
			}
			to(w, v.Elem())
		}
	case reflect.Struct:
		return (*writer).object
	case reflect.Slice:
		return arrayWriter(jsonWriter(t.Elem()))
	default:
		return (*writer).marshal
	}
}

// marshal writes a value with the JSON package.
func (w *writer) marshal(v reflect.Value) {
	b, err := jsonv2.Marshal(v.Interface(), sortedNames)
	w.check(err)
	w.b = append(w.b, b...)
}

// arrayWriter returns a function that writes slices, in pieces if they are long.
func arrayWriter(item func(*writer, reflect.Value)) func(*writer, reflect.Value) {
	return func(w *writer, v reflect.Value) {
		w.b = slices.Grow(w.b, min(v.Len()*typicalItem, flushSize))
		w.open('[')
		for i := range v.Len() {
			w.next()
			item(w, v.Index(i))
			w.flush()
		}
		w.close(']')
	}
}

// objectWriter returns a function that writes maps of type M, sorted by name. It does not use reflection, which takes
// as long for a map as for the rest of a document.
func objectWriter[M ~map[K]V, K ~string, V any](item func(*writer, V)) func(*writer, reflect.Value) {
	return func(w *writer, v reflect.Value) {
		m := *v.Addr().Interface().(*M)
		w.open('{')
		names := make([]K, 0, len(m)) // slices.Sorted would not allocate it once
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			w.name(string(name))
			item(w, m[name])
		}
		w.close('}')
	}
}

func (w *writer) open(bracket byte)  { w.b = append(w.b, bracket) }
func (w *writer) close(bracket byte) { w.b = append(w.b, bracket) }

// next writes a comma, unless it is at the start of an array or object.
func (w *writer) next() {
	if last := w.b[len(w.b)-1]; last != '{' && last != '[' {
		w.b = append(w.b, ',')
	}
}

func (w *writer) name(name string) {
	w.next()
	w.quote(name)
	w.b = append(w.b, ':')
}

func (w *writer) null() { w.b = append(w.b, "null"...) }

func (w *writer) integer(n int) { w.b = strconv.AppendInt(w.b, int64(n), 10) }

// time writes a time. Years after 9999 have no JSON.
func (w *writer) time(t *time.Time) {
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	w.b = append(b, '"')
	w.check(err)
}

// value writes an attribute.
func (w *writer) value(v game.Value) {
	switch x := v.Any().(type) {
	case string:
		w.quote(x)
	case bool:
		w.b = strconv.AppendBool(w.b, x)
	case float64:
		w.float(x)
	}
}

// maxPlainInteger bounds the integers that JSON has without an exponent and int64 holds.
const maxPlainInteger = 1e15

func (w *writer) float(f float64) {
	if f == math.Trunc(f) && math.Abs(f) < maxPlainInteger && (f != 0 || !math.Signbit(f)) {
		w.b = strconv.AppendInt(w.b, int64(f), 10)
		return
	}
	b, err := jsonv2.Marshal(f)
	w.check(err)
	w.b = append(w.b, b...)
}

// quote writes a string, which must be valid UTF-8.
func (w *writer) quote(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			b, err := jsontext.AppendQuote(w.b, s)
			w.b = b
			w.check(err)
			return
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}
