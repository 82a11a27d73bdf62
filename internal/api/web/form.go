package web

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Form is how a value of one Go type is read from JSON: what the type can hold, and what its schema allows of that.
// Where the schema only describes what the rules check, such as the length of a name, that is left to the rules.
type Form struct {
	kind     kind
	pointer  bool // the Go type is a pointer to what is read
	nullable bool
	ignored  bool // read-only: clients may send it back, whatever it is
	goType   reflect.Type

	fields   map[string]*field // of an object
	required []string
	values   *Form // of a map

	oneOf    []string
	min, max *float64
}

type field struct {
	index []int // as of reflect.Value.FieldByIndex
	form  *Form
}

// kind says what JSON a form takes.
type kind string

const (
	kindObject  kind = "an object"
	kindMap     kind = "an object "
	kindString  kind = "a string"
	kindText    kind = "a string "                                               // of a type that reads texts
	kindTime    kind = "a time as RFC 3339 writes it, like 2026-03-01T12:00:00Z" // in UTC or with an offset
	kindBool    kind = "true or false"
	kindInteger kind = "a whole number"
	kindJSON    kind = "JSON" // of a type that reads JSON by itself
)

// mustBe is the message for a value of another kind.
func (k kind) mustBe() string { return "must be " + strings.TrimSpace(string(k)) }

// NewForm returns the form of a type with a schema. It panics where the schema has a field that the type has not.
func NewForm(r huma.Registry, s *huma.Schema, t reflect.Type) *Form {
	f := &Form{nullable: s.Nullable, ignored: s.ReadOnly}
	if s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	for _, one := range s.AnyOf {
		f.nullable = f.nullable || one.Nullable
	}
	for _, value := range s.Enum {
		f.oneOf = append(f.oneOf, fmt.Sprint(value))
	}
	f.min, f.max = s.Minimum, s.Maximum
	if f.pointer = t.Kind() == reflect.Pointer; f.pointer {
		t = t.Elem()
	}
	f.goType, f.kind = t, kindOf(t)
	switch f.kind {
	case kindObject:
		f.required = s.Required
		f.fields = make(map[string]*field, len(s.Properties))
		for _, sf := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
			if p := s.Properties[name]; p != nil && !p.ReadOnly {
				form := NewForm(r, p, sf.Type)
				form.nullable = form.nullable || !slices.Contains(s.Required, name) // as if it was left out
				f.fields[name] = &field{sf.Index, form}
			}
		}
		for name, p := range s.Properties {
			switch {
			case p.ReadOnly:
				f.fields[name] = &field{form: &Form{ignored: true}}
			case f.fields[name] == nil:
				panic(fmt.Sprintf("web: %v has no field for %s", t, name)) // the first test finds it
			}
		}
	case kindMap:
		f.values = NewForm(r, s.AdditionalProperties.(*huma.Schema), t.Elem())
	default: // the others have nothing inside
	}
	return f
}

func kindOf(t reflect.Type) kind {
	switch p := reflect.PointerTo(t); {
	case t == reflect.TypeFor[time.Time]():
		return kindTime
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return kindText
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()):
		return kindJSON
	}
	switch t.Kind() {
	case reflect.Struct:
		return kindObject
	case reflect.Map:
		return kindMap
	case reflect.String:
		return kindString
	case reflect.Bool:
		return kindBool
	case reflect.Int, reflect.Int64:
		return kindInteger
	default:
		panic(fmt.Sprintf("web: bodies have no %v", t)) // the first test finds it
	}
}

// value is what was sent for a form.
type value struct {
	null    bool
	whole   reflect.Value    // of the form's Go type, where it is not an object
	fields  []fieldValue     // of an object, those that were sent
	entries map[string]value // of a map
	isMap   bool
}

type fieldValue struct {
	index []int
	value value
}

// put stores what was sent in dst. Where merge is set it does so as RFC 7396 merges a patch: what objects and maps hold
// besides stays, and null removes the entry of a map. What dst referred to before is not changed.
func (v value) put(dst reflect.Value, merge bool) {
	if v.null {
		dst.SetZero()
		return
	}
	to, before := dst, dst
	if dst.Kind() == reflect.Pointer {
		p := reflect.New(dst.Type().Elem())
		to, before = p.Elem(), dst.Elem()
		dst.Set(p)
	}
	switch {
	case v.isMap:
		m := reflect.MakeMapWithSize(to.Type(), len(v.entries))
		if merge {
			for k, e := range before.Seq2() {
				m.SetMapIndex(k, e)
			}
		}
		for name, e := range v.entries {
			key := reflect.ValueOf(name).Convert(to.Type().Key())
			if e.null {
				m.SetMapIndex(key, reflect.Value{})
				continue
			}
			m.SetMapIndex(key, e.whole)
		}
		to.Set(m)
	case v.whole.IsValid():
		to.Set(v.whole)
	default:
		if merge && before.IsValid() {
			to.Set(before)
		}
		for _, f := range v.fields {
			f.value.put(to.FieldByIndex(f.index), merge)
		}
	}
}
