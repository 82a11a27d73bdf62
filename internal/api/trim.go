package api

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// leaveOutMembers is a middleware of huma that reads a session without its members, so that the body of a GET can be
// sent back however many they are, and costs no more than one without them. An end_reason that is "", as a session
// without one once had it, is left out too.
func (a *API) leaveOutMembers(ctx huma.Context, next func(huma.Context)) {
	if a.Limits.ReadTimeout > 0 {
		_ = ctx.SetReadDeadline(time.Now().Add(a.Limits.ReadTimeout)) // as huma does, of what has deadlines
	}
	body, p := a.readSession(ctx)
	if p != nil {
		_, w := humago.Unwrap(ctx)
		a.writeProblem(w, p)
		return
	}
	next(trimmed{ctx, body})
}

// readSession returns a body without its members. One that it cannot make sense of is left as it is, for others to refuse.
func (a *API) readSession(ctx huma.Context) (io.Reader, *Problem) {
	from := ctx.BodyReader()
	body, err := io.ReadAll(io.LimitReader(from, maxBody))
	if err == nil && len(body) == maxBody {
		if !a.large.Enter(ctx.Context()) {
			return nil, overloaded(ctx.Context())
		}
		defer a.large.Leave()
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(from, maxSessionBody-maxBody))
		body = append(body, rest...)
	}
	if err != nil {
		return io.MultiReader(bytes.NewReader(body), failing{err}), nil
	}
	if short, err := without(body, func(name string, v jsontext.Value) bool {
		return name == "members" || name == "end_reason" && string(v) == `""`
	}); err == nil {
		body = short
	}
	return bytes.NewReader(body), nil
}

type trimmed struct {
	whole
	body io.Reader
}

// whole is embedded under a name of its own, because [huma.Context] has a method named Context.
type whole huma.Context

// Unwrap lets humago reach the request and its writer.
func (t trimmed) Unwrap() huma.Context { return t.whole }

// BodyReader implements [huma.Context].
func (t trimmed) BodyReader() io.Reader { return t.body }

type failing struct{ err error }

// Read implements [io.Reader].
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// without returns a JSON object without the members that are to go.
func without(object []byte, goes func(name string, v jsontext.Value) bool) ([]byte, error) {
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("not one JSON object: %w", err)
	}
	all := len(members)
	if maps.DeleteFunc(members, goes); len(members) == all {
		return object, nil
	}
	return jsonv2.Marshal(members)
}
