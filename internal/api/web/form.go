package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Form describes how a value of one Go type is decoded from JSON: by the type, and by the limits of its schema that the
// decoder checks. Other limits, such as the length of a name, are left to the rules.
type Form struct {
	goType   reflect.Type // without a pointer
	nullable bool
	ignored  bool // read-only: any value is accepted

	fields   map[string]field // of an object
	required []string
	values   *Form // of a map
	items    *Form // of an array of objects; other arrays are scalars here
	maxItems int   // of an array of objects

	expected string   // the message about a value of another type
	oneOf    []string // of a string; nil for any
	min, max *float64 // of an integer
}

type field struct {
	index []int // as of reflect.Value.FieldByIndex
	*Form
}

// MustBeWhole is the message about a number that is not an integer.
const MustBeWhole = "must be a whole number"

// MustBeTime is the message about an invalid time.
const MustBeTime = "must be a time as RFC 3339 writes it, like 2026-03-01T12:00:00Z"

// NewForm returns the form of a type with a schema. It panics if the schema has a field that the type does not have.
func NewForm(r huma.Registry, s *huma.Schema, t reflect.Type) *Form {
	f := &Form{nullable: s.Nullable, goType: t, expected: "must be an object"}
	if s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	if t.Kind() == reflect.Pointer {
		f.goType = t.Elem()
	}
	for _, one := range s.AnyOf {
		f.nullable = f.nullable || one.Nullable
	}
	for _, value := range s.Enum {
		f.oneOf = append(f.oneOf, fmt.Sprint(value))
	}
	f.min, f.max = s.Minimum, s.Maximum
	values, isMap := s.AdditionalProperties.(*huma.Schema)
	switch {
	case f.goType == reflect.TypeFor[time.Time]():
		f.expected = MustBeTime
	case reflect.PointerTo(f.goType).Implements(reflect.TypeFor[json.Unmarshaler]()):
		f.expected = "has the wrong form"
		err := reflect.New(f.goType).Interface().(json.Unmarshaler).UnmarshalJSON([]byte("null"))
		if e := explained(nil); errors.As(err, &e) {
			f.expected = e.Error()
		}
	case isMap:
		f.values = NewForm(r, values, f.goType.Elem())
	case s.Type == huma.TypeArray && s.Items.Ref != "":
		f.items, f.expected = NewForm(r, s.Items, f.goType.Elem()), "must be an array of objects"
		f.maxItems = *s.MaxItems // every array has a limit
	case len(s.Properties) > 0:
		f.object(r, s)
	default:
		f.expected = map[string]string{
			huma.TypeString: "must be a string", huma.TypeBoolean: "must be true or false",
			huma.TypeInteger: MustBeWhole, huma.TypeArray: "must be an array of strings",
		}[s.Type]
	}
	return f
}

func (f *Form) object(r huma.Registry, s *huma.Schema) {
	f.required, f.fields = s.Required, make(map[string]field, len(s.Properties))
	for _, sf := range reflect.VisibleFields(f.goType) {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if p := s.Properties[name]; p != nil && !p.ReadOnly {
			of := NewForm(r, p, sf.Type)
			of.nullable = of.nullable || !slices.Contains(s.Required, name) // null is like leaving it out
			f.fields[name] = field{sf.Index, of}
		}
	}
	for name, p := range s.Properties {
		switch _, known := f.fields[name]; {
		case p.ReadOnly:
			f.fields[name] = field{Form: &Form{ignored: true}}
		case !known:
			panic(fmt.Sprintf("web: %v has no field for %s", f.goType, name)) // every test would fail
		}
	}
}

// value is a decoded value.
type value struct {
	null    bool
	scalar  reflect.Value    // of the form's Go type; invalid for objects
	fields  []fieldValue     // the fields of an object that were sent
	entries map[string]value // the entries of a map
	items   []value          // the items of an array of objects
}

type fieldValue struct {
	index []int
	value value
}

// put stores the value in dst. With merge, it applies it as a merge patch (RFC 7396): objects and maps keep their other
// entries, and null removes the entry of a map. It does not change what dst pointed to before.
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
	case v.scalar.IsValid():
		to.Set(v.scalar)
	case v.entries != nil:
		m := reflect.MakeMapWithSize(to.Type(), len(v.entries))
		if merge {
			for k, e := range before.Seq2() {
				m.SetMapIndex(k, e)
			}
		}
		for name, e := range v.entries {
			m.SetMapIndex(reflect.ValueOf(name), e.scalar) // an invalid scalar removes the entry
		}
		to.Set(m)
	case v.items != nil:
		to.Set(reflect.MakeSlice(to.Type(), len(v.items), len(v.items)))
		for i, item := range v.items {
			item.put(to.Index(i), false)
		}
	default:
		if merge && before.IsValid() {
			to.Set(before)
		}
		for _, f := range v.fields {
			f.value.put(to.FieldByIndex(f.index), merge)
		}
	}
}
