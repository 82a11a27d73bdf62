package game

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Form errors of JSON values.
const (
	ErrInexactNumber FormError = "is a number that JSON readers would round: send it as a string"
	ErrNoFilterValue FormError = "must be a JSON value, since it begins with an equals sign or a double quote"
	ErrNotScalar     FormError = "must be a string, a number or a boolean"
	ErrNotObject     FormError = "must be an object"
	ErrTooDeep       FormError = "is nested too deeply"
	ErrNulCharacter  FormError = "must not contain U+0000"
)

// Value is a custom value: a string, a number or a boolean. Values are comparable with ==. The zero Value is the string
// "".
type Value struct {
	kind byte // 0 a string, 'n' a number, 'b' a boolean
	text string
	num  float64
	flag bool
}

// StringValue returns the Value of a string.
func StringValue(s string) Value { return Value{text: s} }

// NumberValue returns the Value of a number, which must be finite and between -(2^53 - 1) and 2^53 - 1.
func NumberValue(f float64) Value { return Value{kind: 'n', num: f + 0} } // + 0 makes -0 the 0 that it equals

// BoolValue returns the Value of a boolean.
func BoolValue(b bool) Value { return Value{kind: 'b', flag: b} }

// Any returns the value as a string, a float64 or a bool.
func (v Value) Any() any {
	switch v.kind {
	case 'n':
		return v.num
	case 'b':
		return v.flag
	}
	return v.text
}

// MarshalJSON implements [json.Marshaler].
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.Any()) }

// UnmarshalJSON implements [json.Unmarshaler]. It rejects numbers beyond 2^53 - 1, because JSON readers may round them.
func (v *Value) UnmarshalJSON(b []byte) error {
	parsed, err := ParseValue(string(b))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// ParseValue parses the JSON encoding of a Value. It returns ErrNotScalar or ErrInexactNumber.
func ParseValue(s string) (Value, error) {
	s = strings.TrimLeft(s, " \t\r\n") // white space in JSON
	if s == "" {
		return Value{}, ErrNotScalar
	}
	// A json.Decoder would allocate buffers that cost more than the rest of the work for a small value.
	switch first := s[0]; {
	case first == '"':
		return parse(s, StringValue)
	case first == 't' || first == 'f':
		return parse(s, BoolValue)
	case first == '-' || '0' <= first && first <= '9':
		var n json.Number
		if json.Unmarshal([]byte(s), &n) != nil {
			return Value{}, ErrNotScalar
		}
		f, err := ParseNumber(n.String())
		return NumberValue(f), err
	}
	return Value{}, ErrNotScalar
}

// parse decodes JSON into a Go type and converts the result to a Value.
func parse[T any](s string, value func(T) Value) (Value, error) {
	var x T
	if json.Unmarshal([]byte(s), &x) != nil {
		return Value{}, ErrNotScalar
	}
	return value(x), nil
}

// Attributes is custom data of a player, a session or a member.
type Attributes map[string]Value

// attributeLimits bounds the number of entries of Attributes, and the total size of their keys and values in bytes.
type attributeLimits struct{ entries, bytes int }

// Limits of custom data.
const (
	MaxAttributeKey      = 64
	MaxPlayerAttributes  = 64
	MaxSessionAttributes = 32
	MaxMemberAttributes  = 32

	maxPlayerAttributeBytes  = 16 << 10
	maxSessionAttributeBytes = 16 << 10
	maxMemberAttributeBytes  = 4 << 10
)

func (a Attributes) validate(p *problems, l attributeLimits) {
	const field = "attributes"
	p.check(len(a) <= l.entries, field, "must have at most %d entries", l.entries)
	size, badKeys := 0, false
	for _, k := range slices.Sorted(maps.Keys(a)) {
		v := a[k]
		if !validKey(k) {
			badKeys = true // reported once, however many there are
			continue
		}
		p.check(validText(v.text), field+"."+k, "must be valid UTF-8 without U+0000")
		p.check(math.Abs(v.num) <= MaxExactNumber, field+"."+k, "must be a number of at most 2^53 - 1")
		size += len(k) + v.size()
	}
	p.check(!badKeys, field, "keys must have 1 to %d characters of A-Z a-z 0-9 _ -", MaxAttributeKey)
	p.check(size <= l.bytes, field, "must have at most %d bytes in total", l.bytes)
}

// ParseFilterValue returns the values that a filter's text stands for. It returns ErrNoFilterValue or ErrInexactNumber.
//
// Text after an equals sign, and text in double quotes, is one JSON value. Other text stands for itself as a string,
// and also for the number or boolean that it is in JSON, because the text alone does not tell which of them sessions
// use: 1200 finds the number 1200 and the string "1200", =1200 only the number, and "1200" in quotes only the string.
func ParseFilterValue(text string) ([]Value, error) {
	exact, marked := strings.CutPrefix(text, "=")
	v, err := ParseValue(exact)
	switch {
	case marked || strings.HasPrefix(text, `"`):
		if errors.Is(err, ErrNotScalar) {
			err = ErrNoFilterValue
		}
		return []Value{v}, err
	case err == nil:
		return []Value{v, StringValue(text)}, nil
	}
	return []Value{StringValue(text)}, nil
}

// size returns how many bytes the value counts towards the limits: for a string its length in JSON without the quotes,
// so that data within the limit also is within it on the wire; for a number or boolean 8.
func (v Value) size() int {
	if v.kind != 0 {
		return 8
	}
	n := len(v.text)
	for _, c := range []byte(v.text) {
		switch {
		case strings.IndexByte("\"\\\b\f\n\r\t", c) >= 0:
			n++ // a backslash before it
		case c < ' ':
			n += len(`\u0000`) - 1
		}
	}
	return n
}

// orEmpty returns a, or an empty map if a is nil, so that documents are the same from every engine.
func (a Attributes) orEmpty() Attributes {
	if a == nil {
		return Attributes{}
	}
	return a
}

// validKey reports whether s is 1 to MaxAttributeKey characters of [A-Za-z0-9_-].
func validKey(s string) bool { return len(s) >= 1 && len(s) <= MaxAttributeKey && consistsOf(s, "_-") }

// consistsOf reports whether s contains only ASCII letters, digits and the given marks.
func consistsOf(s, marks string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune(marks, rune(c)) {
			return false
		}
	}
	return true
}

// validText reports whether every engine can store s unchanged.
func validText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// validLine reports whether s is a single line of text without control characters.
func validLine(s string) bool {
	return utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) })
}

// Limits of a session's result.
const (
	MaxResultBytes = 16 << 10
	maxResultDepth = 16
)

// Result is the outcome of a session as a JSON object that the game defines. It is in canonical form (compact, keys
// sorted, numbers as float64 prints them), so that equal results are equal bytes on every engine. The empty Result
// means none.
type Result string

// MarshalJSON implements [json.Marshaler].
func (r Result) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Result) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return err
	}
	if x == nil {
		*r = ""
		return nil
	}
	if _, ok := x.(map[string]any); !ok {
		return ErrNotObject
	}
	x, err := canonical(x, "", maxResultDepth)
	if err != nil {
		return err
	}
	b, err = json.Marshal(x)
	*r = Result(b)
	return err
}

// innerError is a FormError about a part of a value.
type innerError struct {
	FormError
	at string // names and indexes separated by dots
}

// At returns the path of the wrong part in the value.
func (e innerError) At() string { return e.at }

// Unwrap returns the FormError.
func (e innerError) Unwrap() error { return e.FormError }

// canonical returns x with its numbers as float64. The parameter at is the path of x in the whole value. It returns an
// error if x is nested more than depth levels or contains something that an engine cannot store.
func canonical(x any, at string, depth int) (any, error) {
	if depth == 0 {
		return nil, innerError{ErrTooDeep, at}
	}
	inner := func(name string) string { return strings.TrimPrefix(at+"."+name, ".") }
	var err error
	switch x := x.(type) {
	case json.Number:
		f, err := ParseNumber(x.String())
		if err != nil {
			return nil, innerError{ErrInexactNumber, at}
		}
		return f, nil
	case string:
		if !validText(x) {
			return nil, innerError{ErrNulCharacter, at}
		}
	case []any:
		for i := range x {
			if x[i], err = canonical(x[i], inner(strconv.Itoa(i)), depth-1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range x {
			if !validText(k) {
				return nil, innerError{ErrNulCharacter, at}
			}
			if x[k], err = canonical(x[k], inner(k), depth-1); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}
