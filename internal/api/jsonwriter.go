package api

import (
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

// The JSON package took 4 to 8 % of the CPU time of a request that reads a document. Players and sessions, which most
// responses contain, are encoded here from the [game.Properties] of their structs, in a third of that time and to the
// same bytes. All other values are left to the package. docs/decisions/0024-one-description.md has the figures.

// marshal writes a response body. An error of the writer means that the caller has gone and is ignored, because huma
// would panic.
func marshal(w io.Writer, v any) error {
	if b, ok := encodeDocument(w, v); ok {
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

// encodeDocument returns the JSON of a document or a page, and false for other values. It writes what is large to w in
// pieces and returns the rest.
func encodeDocument(to io.Writer, v any) ([]byte, bool) {
	w := writer{to: to}
	switch v := v.(type) {
	case game.Player:
		w.grow(1)
		w.player(&v)
	case game.Session:
		w.lone(&v, membersFull)
	case sessionBody:
		w.lone(&v.Session, v.members)
		if v.players != nil {
			w.b = w.b[:len(w.b)-1]
			w.players(v.players)
			w.close('}')
		}
	case joinedSession:
		w.lone(&v.Session, v.members)
		w.b = w.b[:len(w.b)-1]
		w.joins(&v)
		w.close('}')
	case page[game.Player]:
		return v.json, v.json != nil
	case page[game.Session]:
		return v.json, v.json != nil
	default:
		return nil, false
	}
	return w.b, !w.failed
}

// writer encodes JSON.
type writer struct {
	b      []byte
	to     io.Writer // receives large documents in pieces; nil to keep all in b
	failed bool      // a value has no JSON
}

// flushSize is the size in bytes from which on the buffer is flushed.
const flushSize = 64 << 10

// flush writes the buffer if it is large, except its last byte, which next needs.
func (w *writer) flush() {
	last := len(w.b) - 1
	if w.to == nil || last < flushSize || w.failed {
		return
	}
	_, _ = w.to.Write(w.b[:last]) // it fails if the caller has gone
	w.b = append(w.b[:0], w.b[last])
}

// typicalSize is the size in bytes that most documents do not exceed.
const typicalSize = 1 << 10

func (w *writer) grow(documents int) { w.b = slices.Grow(w.b, documents*typicalSize) }

func (w *writer) player(p *game.Player) {
	w.open('{')
	w.fields(reflect.ValueOf(p).Elem(), "")
	w.close('}')
}

// lone writes a session that is a whole response.
func (w *writer) lone(s *game.Session, members memberDetail) {
	w.grow(1 + min(len(s.Members)/8, flushSize/typicalSize))
	w.session(s, members)
}

// session writes a session with its computed fields.
func (w *writer) session(s *game.Session, members memberDetail) {
	w.open('{')
	hidden := "members"
	if members == membersFull {
		hidden = ""
	}
	w.fields(reflect.ValueOf(s).Elem(), hidden)
	w.count("seats_held", len(s.Members))
	w.count("free_seats", s.FreeSeats())
	if members == membersIDs {
		w.name("member_ids")
		w.open('[')
		for i := range s.Members {
			w.next()
			w.quote(string(s.Members[i].PlayerID))
		}
		w.close(']')
	}
	w.close('}')
}

// players writes the names of the members.
func (w *writer) players(names []game.PlayerName) {
	w.name("players")
	w.open('[')
	for i := range names {
		w.next()
		w.open('{')
		w.fields(reflect.ValueOf(&names[i]).Elem(), "")
		w.close('}')
	}
	w.close(']')
}

// joins writes what a join returns besides the session.
func (w *writer) joins(v *joinedSession) {
	if v.Ticket != "" {
		w.text("ticket", v.Ticket)
	}
	if len(v.Tickets) > 0 {
		w.name("tickets")
		objectWriter[map[game.PlayerID]string]((*writer).quote)(w, reflect.ValueOf(&v.Tickets).Elem())
	}
	if len(v.LeftOut) > 0 {
		w.name("left_out")
		w.marshal(reflect.ValueOf(v.LeftOut))
	}
}

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

// fields writes the fields of a struct, which must be addressable, except one.
func (w *writer) fields(v reflect.Value, except string) {
	fields := jsonFieldsOf(v.Type())
	for i := range fields {
		f := &fields[i]
		value := f.Of(v)
		if f.Name == except || f.OmitZero && value.IsZero() {
			continue
		}
		w.next()
		w.b = append(w.b, f.prefix...)
		f.write(w, value)
	}
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
		return func(w *writer, v reflect.Value) {
			w.open('{')
			w.fields(v, "")
			w.close('}')
		}
	case reflect.Slice:
		return arrayWriter(jsonWriter(t.Elem()))
	default:
		return (*writer).marshal
	}
}

// marshal writes a value with the JSON package.
func (w *writer) marshal(v reflect.Value) {
	b, err := jsonv2.Marshal(v.Interface(), sortedNames)
	w.failed = w.failed || err != nil
	w.b = append(w.b, b...)
}

// arrayWriter returns a function that writes slices, in pieces if they are long.
func arrayWriter(item func(*writer, reflect.Value)) func(*writer, reflect.Value) {
	return func(w *writer, v reflect.Value) {
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

func (w *writer) text(name, s string) {
	w.name(name)
	w.quote(s)
}

// optionalText writes a member that is a string or null.
func (w *writer) optionalText(name string, s *string) {
	w.name(name)
	if s == nil {
		w.null()
		return
	}
	w.quote(*s)
}

func (w *writer) count(name string, n int) {
	w.name(name)
	w.integer(n)
}

func (w *writer) integer(n int) { w.b = strconv.AppendInt(w.b, int64(n), 10) }

// time writes a time. Years after 9999 have no JSON.
func (w *writer) time(t *time.Time) {
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	w.b = append(b, '"')
	w.failed = w.failed || err != nil
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
	w.failed = w.failed || err != nil
	w.b = append(w.b, b...)
}

// quote writes a string, which must be valid UTF-8.
func (w *writer) quote(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			b, err := jsontext.AppendQuote(w.b, s)
			w.b = b
			w.failed = w.failed || err != nil
			return
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}
