package api

import (
	"bytes"
	"errors"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// leaveOutMembers is a middleware of huma that reads a session without its members, so that the body of a GET can be sent
// back however many they are, and costs no more than one without them.
func leaveOutMembers(ctx huma.Context, next func(huma.Context)) { next(trimmed{ctx}) }

type trimmed struct{ whole }

// whole is embedded under a name of its own, because [huma.Context] has a method named Context.
type whole huma.Context

// BodyReader implements [huma.Context]. A body that it cannot make sense of is left as it is, for others to refuse.
func (t trimmed) BodyReader() io.Reader {
	body, err := io.ReadAll(io.LimitReader(t.whole.BodyReader(), maxSessionBody))
	if err != nil {
		return io.MultiReader(bytes.NewReader(body), failing{err})
	}
	if short, err := without(body, "members"); err == nil {
		body = short
	}
	return bytes.NewReader(body)
}

type failing struct{ err error }

// Read implements [io.Reader].
func (f failing) Read([]byte) (int, error) { return 0, f.err }

var errNoObject = errors.New("not one JSON object")

// without returns a JSON object without a member, in the order in which it was.
func without(object []byte, member string) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(object))
	short := bytes.NewBuffer(make([]byte, 0, 1<<10))
	e := jsontext.NewEncoder(short)
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil, errNoObject
	}
	if err := copyToken(e, d); err != nil {
		return nil, err
	}
	for d.PeekKind() == jsontext.KindString {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err //nolint:wrapcheck // nobody sees it
		}
		if name.String() == member {
			if err := d.SkipValue(); err != nil {
				return nil, err //nolint:wrapcheck // nobody sees it
			}
			continue
		}
		if err := e.WriteToken(jsontext.String(name.String())); err != nil {
			return nil, err //nolint:wrapcheck // nobody sees it
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err //nolint:wrapcheck // nobody sees it
		}
		if err := e.WriteValue(value); err != nil {
			return nil, err //nolint:wrapcheck // nobody sees it
		}
	}
	if err := copyToken(e, d); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return short.Bytes(), nil
}

func copyToken(e *jsontext.Encoder, d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err //nolint:wrapcheck // nobody sees it
	}
	return e.WriteToken(t) //nolint:wrapcheck // nobody sees it
}
