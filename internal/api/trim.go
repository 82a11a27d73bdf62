package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
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

// readSession returns a body without its members. A small one that it cannot make sense of is left as it is, for
// others to refuse.
func (a *API) readSession(ctx huma.Context) (io.Reader, *Problem) {
	from := ctx.BodyReader()
	head, err := io.ReadAll(io.LimitReader(from, maxBody))
	switch {
	case err != nil:
		return io.MultiReader(bytes.NewReader(head), failing{err}), nil //nolint:nilerr // whoever reads it gets the error
	case len(head) < maxBody:
		return bytes.NewReader(leftOut(head)), nil
	}
	return passing(ctx.Context(), io.MultiReader(bytes.NewReader(head), from))
}

// leftOut returns a session without what is left out of it, and what it cannot make sense of as it is.
func leftOut(session []byte) []byte {
	short, err := without(session, func(name string, v jsontext.Value) bool {
		return membersOf(name) || name == "end_reason" && string(v) == `""`
	})
	if err != nil {
		return session
	}
	return short
}

// membersOf reports whether a member of a session's JSON tells who its members are, which is read-only and may be
// large.
func membersOf(name string) bool { return name == "members" || name == "member_ids" }

// passing returns a large session without its members, of which it holds no more at once than a small body has.
func passing(ctx context.Context, from io.Reader) (io.Reader, *Problem) {
	part := &window{from: from}
	d := jsontext.NewDecoder(part, jsontext.AllowDuplicateNames(true)) // the rest is read strictly
	part.offset = d.InputOffset
	rest, err := passMembers(d)
	switch {
	case part.err != nil:
		return failing{part.err}, nil //nolint:nilerr // as above
	case part.wide:
		return nil, tooLarge(ctx, maxSessionBody)
	case part.long, errors.Is(err, errLong):
		p := tooLarge(ctx, maxBody)
		p.Detail = fmt.Sprintf("The body has more than %d bytes without its members.", maxBody)
		return nil, p
	case err != nil:
		if at := (*pointerError)(nil); !errors.As(err, &at) {
			err = malformed(err)
		}
		return nil, malformedProblem(ctx, &huma.ErrorModel{
			Status: http.StatusBadRequest, Errors: []*huma.ErrorDetail{{Location: "body", Message: err.Error()}},
		})
	}
	return bytes.NewReader(leftOut(rest)), nil
}

// errLong says that a body is too long without what is left out of it.
var errLong = errors.New("too long")

// passMembers returns an object without its members.
func passMembers(d *jsontext.Decoder) ([]byte, error) {
	if d.PeekKind() != '{' {
		return nil, errLong // of something else there is nothing to leave out
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	rest := []byte{'{'}
	left := make(map[string]bool)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		if key := name.String(); membersOf(key) {
			if left[key] {
				return nil, located(d.StackPointer(), "is there twice")
			}
			left[key] = true
			if err := skip(d); err != nil {
				return nil, err
			}
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		if rest, err = jsontext.AppendQuote(rest, name.String()); err != nil {
			return nil, err
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if rest = append(append(rest, ':'), value...); len(rest) > maxBody {
			return nil, errLong
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("something follows the object")
		}
		return nil, err
	}
	return append(rest, '}'), nil
}

// skip reads the next value, token by token.
func skip(d *jsontext.Decoder) error {
	for depth := d.StackDepth(); ; {
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		if d.StackDepth() == depth {
			return nil
		}
	}
}

// window is a body as a decoder reads it, which holds what it has read and not returned yet.
type window struct {
	from   io.Reader
	offset func() int64 // of what the decoder has returned
	read   int64
	wide   bool  // the body is too large
	long   bool  // a token is
	err    error // of the body
}

// Read implements [io.Reader].
func (w *window) Read(p []byte) (int, error) {
	if w.read-w.offset() > maxBody {
		w.long = true
		return 0, io.ErrUnexpectedEOF
	}
	n, err := w.from.Read(p)
	if w.read += int64(n); w.read > maxSessionBody {
		w.wide = true
		return 0, io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err //nolint:wrapcheck // a reader passes errors on as they are
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

// SetReadDeadline implements [huma.Context]. The body has arrived: see arriving.
func (t trimmed) SetReadDeadline(time.Time) error { return nil }

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
