package game

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// A Property is a field of a document as its struct declares it. The struct is the only description of a document: the
// JSON of the API, its OpenAPI schemas, what engines store, comparisons and docs/data-model.md all follow from it. The
// tags are
//
//   - json: the name, and omitzero if the field is absent when it is zero;
//   - doc: a sentence for the API's schemas and docs/data-model.md;
//   - minimum, maximum, minLength, maxLength, maxProperties, pattern, enum, format: limits, as huma defines them;
//   - keys, values: the pattern of a map's keys, and the limits of its values, such as "minLength=1,maxLength=255";
//   - readOnly: clients may send the field back, and it is ignored;
//   - hidden: the field is absent from the API's schemas;
//   - bson: the name and omitempty where MongoDB's encoding differs from JSON.
type Property struct {
	reflect.StructField
	Name     string // in JSON
	OmitZero bool

	path []int // indexes of the embedded structs and of the field
}

// Properties returns the fields of a struct in order, with those of embedded structs in their place. A
// field hides one of the same name of a struct that is embedded before it.
func Properties(t reflect.Type) []Property {
	var all []Property
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		switch {
		case f.Anonymous && !tagged:
			for _, inner := range Properties(f.Type) {
				inner.path = append([]int{i}, inner.path...)
				all = append(all, inner)
			}
		case tagged && f.IsExported() && tag != "-":
			name, options, _ := strings.Cut(tag, ",")
			all = slices.DeleteFunc(all, func(p Property) bool { return p.Name == name })
			all = append(all, Property{StructField: f, Name: name, OmitZero: options == "omitzero", path: []int{i}})
		}
	}
	return all
}

// Of returns the field's value in a struct of the type that Properties was called with.
func (f *Property) Of(v reflect.Value) reflect.Value {
	for _, i := range f.path {
		v = v.Field(i)
	}
	return v
}

// same reports whether two values are equal as documents: times are compared as instants, and nil maps and slices equal
// empty ones.
func same[T any](a, b T) bool {
	return sameValue(reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem())
}

func sameValue(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return sameValue(a.Elem(), b.Elem())
	case reflect.Struct:
		switch x := a.Interface().(type) {
		case time.Time:
			return x.Equal(b.Interface().(time.Time))
		case Value:
			return x == b.Interface()
		}
		for i := range a.NumField() {
			if !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for i := a.MapRange(); i.Next(); {
			if other := b.MapIndex(i.Key()); !other.IsValid() || !sameValue(i.Value(), other) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	default:
		return a.Equal(b)
	}
}

// differing returns the JSON names of the fields that differ between two structs.
func differing[T any](a, b T) []string {
	x, y := reflect.ValueOf(&a).Elem(), reflect.ValueOf(&b).Elem()
	var names []string
	for _, f := range Properties(x.Type()) {
		if !sameValue(f.Of(x), f.Of(y)) {
			names = append(names, f.Name)
		}
	}
	return names
}
