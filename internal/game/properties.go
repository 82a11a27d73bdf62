package game

import (
	"reflect"
	"strings"
	"time"
)

// A Property is one field of a document as its struct describes it. The struct is the one description of a document:
// the API's JSON and its OpenAPI schemas, what engines store, comparison and docs/data-model.md come from it. Its tags
// are
//
//   - json: the name, and omitzero for what is absent when it is zero;
//   - doc: a sentence for readers of the API and of docs/data-model.md;
//   - minimum, maximum, minLength, maxLength, maxProperties, pattern, enum, format: limits, as huma reads them;
//   - keys, values: of a map, the pattern of its keys, and limits of its values such as "minLength=1,maxLength=255";
//   - readOnly: clients may send it back, and it is ignored;
//   - hidden: the API's schemas do not have it;
//   - bson: its name and omitempty where MongoDB stores it in another way than the JSON has it.
type Property struct {
	reflect.StructField
	Name     string // in JSON
	OmitZero bool

	path []int // of the structs that it is embedded in, and in the last of them
}

// Properties returns the fields of a struct in their order, those of embedded structs in the place of these.
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
			all = append(all, Property{StructField: f, Name: name, OmitZero: options == "omitzero", path: []int{i}})
		}
	}
	return all
}

// Of returns the field's value in a struct of the type whose field it is.
func (f *Property) Of(v reflect.Value) reflect.Value {
	for _, i := range f.path {
		v = v.Field(i)
	}
	return v
}

// same reports whether two values are equal as documents: times are equal that are the same moment, and nil maps and
// lists equal empty ones.
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

// differing returns the JSON names of the fields in which two structs differ.
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
