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
// responses are, are written here from the [game.Properties] of their structs, in a third of that and to the same
// bytes. What has no place here is left to the package. docs/decisions/0024-one-description.md has the figures.

// marshal writes a body. That its caller is gone or does not take it is no failure: huma would panic, and nobody is
// left to be told.
func marshal(w io.Writer, v any) error {
	if b, ok := written(w, v); ok {
		_, _ = w.Write(b)
		return nil
	}
	to := &taker{Writer: w}
	if err := jsonv2.MarshalWrite(to, v, asWritten); err != nil && !to.gone {
		return err //nolint:wrapcheck // the package's own
	}
	return nil
}

// taker notes that what is written to it is not taken.
type taker struct {
	io.Writer
	gone bool
}

func (t *taker) Write(b []byte) (int, error) {
	n, err := t.Writer.Write(b)
	t.gone = t.gone || err != nil
	return n, err //nolint:wrapcheck // a writer passes errors on as they are
}

// asWritten has names in their order.
var asWritten = jsonv2.Deterministic(true)

// written returns the JSON of what is written here, or what is left of it: what is large is written in pieces.
func written(to io.Writer, v any) ([]byte, bool) {
	w := writer{to: to}
	switch v := v.(type) {
	case game.Player:
		w.grow(1)
		w.player(&v)
	case game.Session:
		w.grow(1 + min(len(v.Members)/8, piece/usualSize))
		membersFull.write(&w, &v)
	case sessionBody:
		w.grow(1 + min(len(v.Members)/8, piece/usualSize))
		v.show.write(&w, &v.Session)
	case joinedSession:
		w.grow(1 + min(len(v.Members)/8, piece/usualSize))
		v.show.write(&w, &v.Session)
		if v.Ticket != "" {
			w.b = w.b[:len(w.b)-1]
			w.text("ticket", v.Ticket)
			w.close('}')
		}
	case page[game.Player]:
		return v.written, v.written != nil
	case page[game.Session]:
		return v.written, v.written != nil
	default:
		return nil, false
	}
	return w.b, !w.failed
}

// writer writes JSON.
type writer struct {
	b      []byte
	to     io.Writer // what takes pieces of what is large; nil where it must be whole
	failed bool      // there was something that JSON cannot say
}

// piece is the size, in bytes, from which on something is written before the whole is there.
const piece = 64 << 10

// flush writes what is there, if it is much, but for its last byte, which tells what may follow.
func (w *writer) flush() {
	last := len(w.b) - 1
	if w.to == nil || last < piece || w.failed {
		return
	}
	_, _ = w.to.Write(w.b[:last]) // a caller who is gone is no failure
	w.b = append(w.b[:0], w.b[last])
}

// usualSize is what most documents fit into, in bytes.
const usualSize = 1 << 10

func (w *writer) grow(documents int) { w.b = slices.Grow(w.b, documents*usualSize) }

func (w *writer) player(p *game.Player) {
	w.open('{')
	w.fields(reflect.ValueOf(p).Elem(), "")
	w.close('}')
}

// session writes a session with what is not stored of it.
func (w *writer) session(s *game.Session, show shown) {
	w.open('{')
	hidden := "members"
	if show == membersFull {
		hidden = ""
	}
	w.fields(reflect.ValueOf(s).Elem(), hidden)
	w.count("seats_held", len(s.Members))
	w.count("free_seats", s.FreeSeats())
	if show == membersIDs {
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

// jsonField is a field with what can be known of it before a document is written.
type jsonField struct {
	game.Property
	prefix string // its name as JSON, and a colon
	write  func(*writer, reflect.Value)
}

var jsonFields sync.Map // of []jsonField by reflect.Type

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

// fields writes the fields of a struct, which must be addressable, but for one.
func (w *writer) fields(v reflect.Value, but string) {
	fields := jsonFieldsOf(v.Type())
	for i := range fields {
		f := &fields[i]
		value := f.Of(v)
		if f.Name == but || f.OmitZero && value.IsZero() {
			continue
		}
		w.next()
		w.b = append(w.b, f.prefix...)
		f.write(w, value)
	}
}

// jsonWriter returns how values of a type are written.
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
				w.none()
				return
			}
			w.quote(v.String())
		}
	}
	if t.Implements(reflect.TypeFor[json.Marshaler]()) {
		return (*writer).other
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
				w.none()
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
		return (*writer).other
	}
}

// other leaves a value to the package.
func (w *writer) other(v reflect.Value) {
	b, err := jsonv2.Marshal(v.Interface(), asWritten)
	w.failed = w.failed || err != nil
	w.b = append(w.b, b...)
}

// arrayWriter writes lists, in pieces where they are long.
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

// objectWriter writes maps of one type, with their names in order. They are not read by reflection, which costs as much
// as all else of a document.
func objectWriter[M ~map[string]V, V any](item func(*writer, V)) func(*writer, reflect.Value) {
	return func(w *writer, v reflect.Value) {
		m := *v.Addr().Interface().(*M)
		w.open('{')
		names := make([]string, 0, len(m)) // not by slices.Sorted, which makes room again and again
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			w.name(name)
			item(w, m[name])
		}
		w.close('}')
	}
}

func (w *writer) open(bracket byte)  { w.b = append(w.b, bracket) }
func (w *writer) close(bracket byte) { w.b = append(w.b, bracket) }

// next separates what comes from what came before it, if anything did.
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

func (w *writer) none() { w.b = append(w.b, "null"...) }

func (w *writer) text(name, s string) {
	w.name(name)
	w.quote(s)
}

// optionalText writes a text, or null for none.
func (w *writer) optionalText(name string, s *string) {
	w.name(name)
	if s == nil {
		w.none()
		return
	}
	w.quote(*s)
}

func (w *writer) count(name string, n int) {
	w.name(name)
	w.integer(n)
}

func (w *writer) integer(n int) { w.b = strconv.AppendInt(w.b, int64(n), 10) }

// time writes a time. Years of more than four digits fail.
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

// exactInteger bounds the integers that JSON writes without an exponent, and int64 holds.
const exactInteger = 1e15

func (w *writer) float(f float64) {
	if f == math.Trunc(f) && math.Abs(f) < exactInteger && (f != 0 || !math.Signbit(f)) {
		w.b = strconv.AppendInt(w.b, int64(f), 10)
		return
	}
	b, err := jsonv2.Marshal(f)
	w.failed = w.failed || err != nil
	w.b = append(w.b, b...)
}

// quote writes a string, which must be UTF-8.
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
