package web

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// decoder reads one body by its form, in one pass. It goes on after what does not fit, so that its caller hears of
// everything at once, and ends at what is not JSON.
type decoder struct {
	json   *jsontext.Decoder
	wrong  []*huma.ErrorDetail
	passed int64 // bytes of what is ignored
	most   int64 // bytes that the body may have besides; 0 for no limit
}

// errLong says that a body is too long without what is ignored of it.
var errLong = errors.New("too long")

// duplicateError says that an object has a name twice.
type duplicateError struct{ field string }

func (e duplicateError) Error() string { return e.field + " is a duplicate" }

// decode returns the value of a whole body.
func (d *decoder) decode(f *Form) (value, error) {
	v, err := d.value(f)
	if err != nil {
		return v, err
	}
	if _, err := d.json.ReadToken(); err == nil {
		return v, errors.New("something follows the value")
	} else if !errors.Is(err, io.EOF) {
		return v, err
	}
	return v, nil
}

func (d *decoder) value(f *Form) (v value, err error) {
	switch kind := d.json.PeekKind(); {
	case kind == jsontext.KindNull && f.nullable:
		_, err = d.json.ReadToken()
		return value{null: true}, err
	case f.kind == kindObject && kind == jsontext.KindBeginObject:
		return d.object(f)
	case f.kind == kindMap && kind == jsontext.KindBeginObject:
		return d.entries(f)
	case f.kind == kindJSON && kind != jsontext.KindNull:
		return d.custom(f)
	case kind == jsontext.KindString && f.takesString(),
		kind == jsontext.KindNumber && f.kind == kindInteger,
		(kind == jsontext.KindTrue || kind == jsontext.KindFalse) && f.kind == kindBool:
		token, err := d.json.ReadToken()
		if err != nil {
			return v, err
		}
		v.whole = reflect.New(f.goType).Elem()
		d.scalar(f, token, v.whole)
		return v, nil
	}
	if err = d.pass(); err == nil {
		d.report("", f.expected())
	}
	return v, err
}

func (f *Form) takesString() bool {
	return f.kind == kindString || f.kind == kindText || f.kind == kindTime
}

// expected is the message for a value of another kind.
func (f *Form) expected() string {
	if f.kind != kindJSON {
		return f.kind.mustBe()
	}
	return explain(reflect.New(f.goType).Interface().(json.Unmarshaler).UnmarshalJSON([]byte("null")), "must not be null")
}

// object reads the fields of an object.
func (d *decoder) object(f *Form) (v value, err error) {
	v.fields = make([]fieldValue, 0, len(f.fields))
	sent := make(map[string]bool, len(f.fields))
	err = d.each(func(name string) error {
		if sent[name] {
			return duplicateError{d.place()}
		}
		sent[name] = true
		field := f.fields[name]
		switch {
		case field == nil:
			if err := d.pass(); err != nil {
				return err
			}
			d.report("", "is not known here")
			return nil
		case field.form.ignored:
			begin := d.json.InputOffset()
			err := d.pass()
			d.passed += d.json.InputOffset() - begin
			return err
		}
		faults := len(d.wrong)
		one, err := d.value(field.form)
		if err == nil && len(d.wrong) == faults || one.fields != nil || one.isMap {
			v.fields = append(v.fields, fieldValue{field.index, one})
		}
		return err
	})
	for _, name := range f.required {
		if err == nil && !sent[name] {
			d.report(name, "is required")
		}
	}
	return v, err
}

// entries reads a map.
func (d *decoder) entries(f *Form) (v value, err error) {
	v.isMap, v.entries = true, make(map[string]value)
	err = d.each(func(name string) error {
		if _, sent := v.entries[name]; sent {
			return duplicateError{d.place()}
		}
		one, err := d.value(f.values)
		if !one.whole.IsValid() {
			one.null = true
		}
		v.entries[name] = one
		return err
	})
	return v, err
}

// each calls read with the name of every member of the next object, to read its value.
func (d *decoder) each(read func(name string) error) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != jsontext.KindEndObject {
		token, err := d.json.ReadToken()
		if err != nil {
			return err
		}
		if err := read(token.String()); err != nil {
			return err
		}
		if d.most > 0 && d.json.InputOffset()-d.passed > d.most {
			return errLong
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// scalar stores a token in dst.
func (d *decoder) scalar(f *Form, token jsontext.Token, dst reflect.Value) {
	switch f.kind {
	case kindText, kindTime:
		err := dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(token.String()))
		if err != nil {
			d.report("", explain(err, f.kind.mustBe()))
		}
	case kindBool:
		dst.SetBool(token.Bool())
	case kindInteger:
		n, err := integer(token.String())
		switch {
		case err != nil && !errors.Is(err, strconv.ErrRange):
			d.report("", f.kind.mustBe())
		case err != nil || f.min != nil && float64(n) < *f.min || f.max != nil && float64(n) > *f.max:
			d.report("", f.outOfRange())
		}
		dst.SetInt(n)
	default:
		dst.SetString(token.String())
		if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, dst.String()) {
			d.report("", "must be one of "+strings.Join(f.oneOf, ", "))
		}
	}
}

func (f *Form) outOfRange() string {
	switch {
	case f.min != nil && f.max != nil:
		return fmt.Sprintf("must be %.0f to %.0f", *f.min, *f.max)
	case f.min != nil:
		return fmt.Sprintf("must be at least %.0f", *f.min)
	}
	return "is out of range"
}

// integer returns the integer that a JSON number is. It returns [strconv.ErrRange] for one beyond an int64.
func integer(literal string) (int64, error) {
	whole, ok := WholeNumber(literal)
	if !ok {
		if f, _ := strconv.ParseFloat(literal, 64); math.Abs(f) > 1<<53 {
			return 0, strconv.ErrRange
		}
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, err //nolint:wrapcheck // only its kind is looked at
}

// custom has a type read its JSON by itself.
func (d *decoder) custom(f *Form) (v value, err error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return v, err
	}
	if k := raw.Kind(); (k == jsontext.KindBeginObject || k == jsontext.KindBeginArray) && !raw.IsValid() {
		return v, duplicateError{d.place()} // all else was seen as it was read
	}
	v.whole = reflect.New(f.goType)
	err = v.whole.Interface().(json.Unmarshaler).UnmarshalJSON(raw)
	v.whole = v.whole.Elem()
	if err != nil {
		at := ""
		if e := explained(nil); errors.As(err, &e) {
			at = e.At()
		}
		d.report(at, explain(err, "has the wrong form"))
	}
	return v, nil
}

// explained is an error about a value that its sender may read: it tells nothing of the value.
type explained interface {
	error
	// At returns where in the value it is, with dots between names, empty for the whole value.
	At() string
}

// explain returns what is wrong by an error, in its own words where it is [explained].
func explain(err error, otherwise string) string {
	if e := explained(nil); errors.As(err, &e) {
		return e.Error()
	}
	return otherwise
}

// pass reads the next value, token by token, so that it is never in memory as a whole.
func (d *decoder) pass() error {
	for depth := d.json.StackDepth(); ; {
		if _, err := d.json.ReadToken(); err != nil {
			return err
		}
		if d.json.StackDepth() == depth {
			return nil
		}
	}
}

// report notes what is wrong with the value that was read last, or with a part of it.
func (d *decoder) report(part, message string) {
	d.wrong = append(d.wrong, &huma.ErrorDetail{Location: join("body", join(d.place(), part)), Message: message})
}

// place is where the decoder is, with dots between names.
func (d *decoder) place() string { return dotted(d.json.StackPointer()) }

func dotted(p jsontext.Pointer) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(p), "/"), "/", ".")
}

func join(place, part string) string {
	if place == "" || part == "" {
		return place + part
	}
	return place + "." + part
}
