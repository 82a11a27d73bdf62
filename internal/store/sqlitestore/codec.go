package sqlitestore

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"game-session-manager/internal/game"
)

// codec turns documents into JSON and back. Decoding is most of the cost of a point read: the types that have JSON
// methods of their own, made for requests that nobody has checked, are read here without them, which takes a third of
// the time. What is read was written here, so that it is not checked twice.
type codec struct{ options json.Options }

func newCodec() codec {
	written := jsontext.AllowDuplicateNames(true)
	values := json.JoinMarshalers(
		json.MarshalToFunc(writeValue), json.MarshalToFunc(writeTime), json.MarshalToFunc(writeResult),
	)
	fields := json.JoinOptions(written, json.WithMarshalers(values))
	changes := func(e *jsontext.Encoder, l game.Changes) error { // with times as they are kept here
		b, err := l.Encode(func(c any) ([]byte, error) { return json.Marshal(c, fields) })
		if err != nil {
			return err
		}
		return e.WriteValue(b)
	}
	return codec{json.JoinOptions(
		written, jsontext.PreserveRawStrings(true),
		json.WithMarshalers(json.JoinMarshalers(json.MarshalToFunc(changes), values)),
		json.WithUnmarshalers(json.JoinUnmarshalers(
			json.UnmarshalFromFunc(readValue), json.UnmarshalFromFunc(readResult),
		)),
	)}
}

func (c codec) encode(document any) (string, error) {
	b, err := json.Marshal(document, c.options)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errEncoding, err)
	}
	return string(b), nil
}

func (c codec) decode(stored any, document any) error {
	s, ok := stored.(string)
	if !ok {
		return fmt.Errorf("%w: a %T", errUnplanned, stored)
	}
	var err error
	if len(s) < game.LargeFrom {
		err = json.Unmarshal([]byte(s), document, c.options)
	} else { // is not copied
		err = json.UnmarshalRead(strings.NewReader(s), document, c.options)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", game.ErrUnreadable, err)
	}
	return nil
}

func writeValue(e *jsontext.Encoder, v game.Value) error {
	switch x := v.Any().(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return errEncoding
		}
		return e.WriteToken(jsontext.Float(x))
	case bool:
		return e.WriteToken(jsontext.Bool(x))
	case string:
		return e.WriteToken(jsontext.String(x))
	}
	return errEncoding
}

func readValue(d *jsontext.Decoder, v *game.Value) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case '0':
		f, err := t.Float()
		*v = game.NumberValue(f)
		return err
	case 't', 'f':
		*v = game.BoolValue(t.Bool())
	case '"':
		*v = game.StringValue(t.String())
	default:
		return game.ErrUnreadable
	}
	return nil
}

// writeTime keeps milliseconds in UTC, whatever it is given.
func writeTime(e *jsontext.Encoder, t time.Time) error {
	b := make([]byte, 0, len(time.RFC3339Nano)+2)
	b = appendTime(append(b, '"'), t)
	return e.WriteValue(append(b, '"'))
}

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().Truncate(time.Millisecond).AppendFormat(b, time.RFC3339Nano)
}

// writeResult keeps the bytes, with which results are compared.
func writeResult(e *jsontext.Encoder, r game.Result) error {
	if r == "" {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteValue(jsontext.Value(r))
}

func readResult(d *jsontext.Decoder, r *game.Result) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	if *r = game.Result(v); v.Kind() == 'n' {
		*r = ""
	}
	return nil
}
