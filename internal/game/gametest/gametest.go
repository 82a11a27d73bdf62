// Package gametest fills documents for tests, so that they notice a field that was forgotten somewhere.
package gametest

import (
	"fmt"
	"hash/fnv"
	"iter"
	"reflect"
	"strings"
	"time"

	"game-session-manager/internal/game"
)

// Filled returns a document in which every field, including nested ones, has a distinct value. Values depend only on
// the names of fields, so that adding a field does not change those of others.
func Filled[D any]() D {
	var d D
	Fill(&d)
	return d
}

// Fill sets every zero field of a document as [Filled] does.
func Fill[D any](d *D) {
	v := reflect.ValueOf(d).Elem()
	fill(v, v.Type().Name())
}

// Each returns documents in which only one field is set, by the name of the field. Fields of nested structs and of
// items of lists count as fields.
func Each[D any]() iter.Seq2[string, D] {
	return func(yield func(string, D) bool) {
		for path, set := range setters(reflect.TypeFor[D](), "") {
			var d D
			set(reflect.ValueOf(&d).Elem())
			if !yield(path, d) {
				return
			}
		}
	}
}

// setters returns functions that set one field of a value of the type, by the path of the field.
func setters(t reflect.Type, path string) map[string]func(reflect.Value) {
	all := make(map[string]func(reflect.Value))
	within := func(t reflect.Type, path string, reach func(reflect.Value) reflect.Value) {
		for name, set := range setters(t, path) {
			all[name] = func(v reflect.Value) { set(reach(v)) }
		}
	}
	switch {
	case isStruct(t):
		for _, f := range reflect.VisibleFields(t) {
			if len(f.Index) > 1 {
				continue // the struct that it is embedded in has it
			}
			within(f.Type, path+"."+f.Name, func(v reflect.Value) reflect.Value { return v.FieldByIndex(f.Index) })
		}
	case t.Kind() == reflect.Pointer && isStruct(t.Elem()):
		within(t.Elem(), path, func(v reflect.Value) reflect.Value {
			v.Set(reflect.New(t.Elem()))
			return v.Elem()
		})
	case t.Kind() == reflect.Slice && isStruct(t.Elem()):
		within(t.Elem(), path, func(v reflect.Value) reflect.Value {
			v.Set(reflect.MakeSlice(t, 2, 2))
			return v.Index(1)
		})
	default:
		all[path] = func(v reflect.Value) { fill(v, path) }
	}
	return all
}

// isStruct reports whether a type is a struct of fields, rather than a value such as a time.
func isStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && t != reflect.TypeFor[game.Value]()
}

// fill sets zero fields. It panics for a kind of field that no document has yet.
func fill(v reflect.Value, path string) {
	if isStruct(v.Type()) {
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
		return
	}
	if v.Kind() == reflect.Slice && v.Len() > 0 {
		for i := range v.Len() {
			fill(v.Index(i), fmt.Sprint(path, ".", i))
		}
		return
	}
	if !v.IsZero() {
		return
	}
	switch to := v.Addr().Interface().(type) {
	case *time.Time:
		*to = time.UnixMilli(1_700_000_000_000 + number(path)).UTC()
		return
	case *game.Value:
		*to = game.StringValue(path)
		return
	case *game.Attributes:
		*to = game.Attributes{
			"text": game.StringValue(path), "number": game.NumberValue(float64(number(path)) + .5),
			"flag": game.BoolValue(true),
		}
		return
	case *game.Result:
		*to = game.Result(`{"` + path + `":true}`)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.ToLower(path)) // ids have no other case
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(number(path))
	case reflect.Float64:
		v.SetFloat(float64(number(path)) + .25)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v, path)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"b", "a"} {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			key.SetString(name)
			fill(value, path+"."+name)
			v.SetMapIndex(key, value)
		}
	default:
		panic(fmt.Sprintf("gametest: %s is of a kind that no document has: %s", path, v.Type()))
	}
}

// number returns a positive number for a path.
func number(path string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(path))
	return int64(h.Sum32()%1_000_000) + 1
}

// Normal returns a copy of a document as engines return it: with empty maps and slices for nil ones, and times in
// milliseconds in UTC.
func Normal[D any](d D) D {
	normal(reflect.ValueOf(&d).Elem())
	return d
}

func normal(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		at, _ := v.Interface().(time.Time)
		v.Set(reflect.ValueOf(at.UTC().Truncate(time.Millisecond)))
	case isStruct(v.Type()):
		for i := range v.NumField() {
			normal(v.Field(i))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		to := reflect.New(v.Type().Elem())
		to.Elem().Set(v.Elem())
		normal(to.Elem())
		v.Set(to)
	case v.Kind() == reflect.Map && v.IsNil():
		v.Set(reflect.MakeMap(v.Type()))
	case v.Kind() == reflect.Slice:
		items := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(items, v)
		for i := range items.Len() {
			normal(items.Index(i))
		}
		v.Set(items)
	}
}
