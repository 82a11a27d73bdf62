package api

import (
	"bytes"
	"fmt"
	"io"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// leaveOutMembers is a middleware of huma that reads a session without its members, so that the body of a GET can be sent
// back however many they are, and costs no more than one without them.
func leaveOutMembers(ctx huma.Context, next func(huma.Context)) { next(trimmed{ctx}) }

type trimmed struct{ whole }

// whole is embedded under a name of its own, because [huma.Context] has a method named Context.
type whole huma.Context

// Unwrap lets humago reach the request and its writer.
func (t trimmed) Unwrap() huma.Context { return t.whole }

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

// without returns a JSON object without a member.
func without(object []byte, member string) ([]byte, error) {
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("not one JSON object: %w", err)
	}
	if _, ok := members[member]; !ok {
		return object, nil
	}
	delete(members, member)
	return jsonv2.Marshal(members)
}
