package web

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decoder decodes one body by its form, in one pass. It continues after errors, to report all of them, but stops at
// invalid JSON.
type decoder struct {
	json    *jsontext.Decoder
	max     int // size of the body in bytes without ignored fields
	wrong   []*huma.ErrorDetail
	skipped int64 // bytes of ignored fields
}

// maxWrong bounds the errors of one body that are kept.
const maxWrong = 1000

// errTooLong says that a body is too long, not counting its ignored fields.
var errTooLong = errors.New("too long")

// duplicateError says that an object has a duplicate name.
type duplicateError struct{ place string }

func (e duplicateError) Error() string { return e.place + " is a duplicate" }

// decode decodes a whole body.
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
	case f.fields == nil && f.values == nil && f.items == nil && kind != jsontext.KindNull:
		return d.scalar(f)
	case f.items != nil && kind == jsontext.KindBeginArray:
		return d.array(f)
	case kind != jsontext.KindBeginObject || f.items != nil:
		if err = d.skip(); err == nil {
			d.report("", f.expected)
		}
		return v, err
	case f.fields != nil:
		return d.object(f)
	}
	return d.entries(f)
}

// object decodes an object into fields.
func (d *decoder) object(f *Form) (v value, err error) {
	v.fields = make([]fieldValue, 0, len(f.fields))
	sent := make(map[string]bool, len(f.fields))
	err = d.each(func(name string) error {
		if sent[name] {
			return duplicateError{d.place()}
		}
		sent[name] = true
		field, known := f.fields[name]
		switch {
		case !known:
			if err := d.skip(); err != nil {
				return err
			}
			d.report("", "is unknown")
			return nil
		case field.ignored:
			begin := d.json.InputOffset()
			err := d.skip()
			d.skipped += d.json.InputOffset() - begin
			return err
		}
		faults := len(d.wrong)
		one, err := d.value(field.Form)
		if err == nil && len(d.wrong) == faults || one.fields != nil || one.entries != nil || one.items != nil {
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

// entries decodes an object into a map.
func (d *decoder) entries(f *Form) (v value, err error) {
	v.entries = make(map[string]value)
	err = d.each(func(name string) error {
		if _, sent := v.entries[name]; sent {
			return duplicateError{d.place()}
		}
		one, err := d.value(f.values)
		v.entries[name] = one
		return err
	})
	return v, err
}

// array decodes an array of objects.
func (d *decoder) array(f *Form) (v value, err error) {
	v.items = []value{}
	if _, err := d.json.ReadToken(); err != nil {
		return v, err
	}
	n := 0
	for ; d.json.PeekKind() != jsontext.KindEndArray; n++ {
		if n >= f.maxItems {
			err = d.skip()
		} else {
			var one value
			one, err = d.value(f.items)
			v.items = append(v.items, one)
		}
		if err != nil {
			return v, err
		}
		if d.json.InputOffset()-d.skipped > int64(d.max) {
			return v, errTooLong
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return v, err
	}
	if n > f.maxItems {
		d.report("", fmt.Sprintf("must have at most %d entries", f.maxItems))
	}
	return v, nil
}

// each calls read with the name of every member of the next object. read must consume the value.
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
		if d.json.InputOffset()-d.skipped > int64(d.max) {
			return errTooLong
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// scalar decodes a value into its Go type.
func (d *decoder) scalar(f *Form) (v value, err error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return v, err
	}
	integer := f.expected == MustBeWhole && raw.Kind() == jsontext.KindNumber
	tooLarge := false
	if integer {
		if literal, ok := WholeNumber(string(raw)); ok {
			raw = jsontext.Value(literal)
		} else if n, _ := strconv.ParseFloat(string(raw), 64); math.Abs(n) > 1<<53 {
			tooLarge = true
		}
	}
	v.scalar = reflect.New(f.goType)
	err = jsonv2.Unmarshal(raw, v.scalar.Interface())
	v.scalar = v.scalar.Elem()
	var e explained
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return v, duplicateError{d.place()}
	case errors.As(err, &e):
		d.report(e.At(), e.Error())
	case tooLarge || errors.Is(err, strconv.ErrRange) || err == nil && integer && !f.inRange(v.scalar.Int()):
		d.report("", f.outOfRange())
	case err != nil:
		d.report("", f.expected)
	case f.oneOf != nil && !slices.Contains(f.oneOf, v.scalar.String()):
		d.report("", "must be one of "+strings.Join(f.oneOf, ", "))
	}
	return v, nil
}

func (f *Form) inRange(n int64) bool {
	return (f.min == nil || float64(n) >= *f.min) && (f.max == nil || float64(n) <= *f.max)
}

func (f *Form) outOfRange() string {
	if f.min == nil || f.max == nil {
		return "is out of range"
	}
	return fmt.Sprintf("must be %.0f to %.0f", *f.min, *f.max)
}

// explained is an error whose text may be returned to the client, because it does not repeat the value.
type explained interface {
	error
	// At returns the place within the value, with dots between names, or "" for the whole value.
	At() string
}

// skip reads the next value token by token, so that it is never in memory as a whole.
func (d *decoder) skip() error {
	for depth := d.json.StackDepth(); ; {
		if _, err := d.json.ReadToken(); err != nil {
			return err
		}
		if d.json.StackDepth() == depth {
			return nil
		}
	}
}

// report records an error of the value that was read last, or of a part of it.
func (d *decoder) report(part, message string) {
	if len(d.wrong) == maxWrong {
		return
	}
	d.wrong = append(d.wrong, &huma.ErrorDetail{Location: join("body", join(d.place(), part)), Message: message})
}

// place returns the decoder's position, with dots between names.
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
