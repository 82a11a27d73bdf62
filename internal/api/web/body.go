package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// Content types of bodies.
const (
	JSONType  = "application/json"
	PatchType = "application/merge-patch+json" // RFC 7396
)

// MaxBody is how many bytes the body of a request may have.
const MaxBody = 64 << 10

// Bodies says how the bodies of one operation are read.
type Bodies struct {
	Form *Form
	// Optional lets a request have no body, which is as an empty object.
	Optional bool
	// MaxWithIgnored is how many bytes a body may have together with read-only fields, which are ignored as they
	// arrive; 0 for MaxBody.
	MaxWithIgnored int
	// Timeout is how long a body may take to arrive; 0 for no limit.
	Timeout time.Duration
}

// Sent is a body that was read, of which a T is made. Without one it is an empty object.
type Sent[T any] struct{ value value }

// Over returns base with what was sent in the place of what it had.
func (s *Sent[T]) Over(base T) T {
	s.value.put(reflect.ValueOf(&base).Elem(), false)
	return base
}

// MergedInto returns base as the body, a merge patch, changes it (RFC 7396). It shares what was sent with no other
// result that is changed in place: maps of base are copied.
func (s *Sent[T]) MergedInto(base T) T {
	s.value.put(reflect.ValueOf(&base).Elem(), true)
	return base
}

// Read reads the body of a request, once. It returns everything that does not fit, or the problem of a body that cannot
// be read at all.
func (s *Sent[T]) Read(ctx huma.Context, b *Bodies) ([]*huma.ErrorDetail, *Problem) {
	if b.Timeout > 0 {
		_ = ctx.SetReadDeadline(time.Now().Add(b.Timeout)) // of what has deadlines
	}
	from := &bodyReader{from: ctx.BodyReader()}
	head, err := io.ReadAll(io.LimitReader(from, MaxBody+1))
	d := &decoder{}
	switch {
	case err != nil:
		return nil, brokenOff(err)
	case len(head) == 0 && b.Optional:
		s.value = value{fields: []fieldValue{}}
		return nil, nil
	case len(head) == 0:
		return nil, malformedBody("The request needs a body of JSON.")
	case len(head) <= MaxBody:
		d.json = jsontext.NewDecoder(bytes.NewBuffer(head))
	case b.MaxWithIgnored == 0:
		return nil, TooLarge(MaxBody)
	default:
		from.from, from.most = io.MultiReader(bytes.NewReader(head), from.from), int64(b.MaxWithIgnored)
		from.read = 0
		// It would keep all names of what is ignored, to find duplicates.
		d.json, d.most = jsontext.NewDecoder(from, jsontext.AllowDuplicateNames(true)), MaxBody
		from.consumed = d.json.InputOffset
	}
	s.value, err = d.decode(b.Form)
	switch {
	case err == nil:
		return d.wrong, nil
	case from.err != nil:
		return nil, brokenOff(from.err)
	case from.tooLarge:
		return nil, TooLarge(b.MaxWithIgnored)
	case from.tooLong, errors.Is(err, errLong):
		p := TooLarge(MaxBody)
		p.Detail = fmt.Sprintf("The body has more than %d bytes without its read-only fields.", MaxBody)
		return nil, p
	}
	return nil, malformed(err, head)
}

func malformedBody(detail string) *Problem {
	return NewProblem(http.StatusBadRequest, "malformed_json", detail)
}

// malformed returns the problem of what is not JSON, without the values that it may hold. head is the beginning of the
// body.
func malformed(err error, head []byte) *Problem {
	place, reason := "", "is not valid JSON"
	var syntactic *jsontext.SyntacticError
	switch duplicate := (duplicateError{}); {
	case errors.As(err, &duplicate):
		place, reason = duplicate.field, "is a duplicate"
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		place, reason = dotted(syntactic.JSONPointer), "is a duplicate"
	case errors.As(err, &syntactic):
		if at := min(int(syntactic.ByteOffset), len(head)); !utf8.Valid(head[at:]) && utf8.Valid(head[:at]) {
			reason = "is not valid UTF-8"
		}
		reason = fmt.Sprintf("%s at byte %d", reason, syntactic.ByteOffset)
	}
	p := malformedBody("")
	p.Errors = []ProblemField{{join("body", place), reason}}
	p.Detail = "The body could not be read as JSON: " + p.Errors[0].Location + " " + reason + "."
	return p
}

// brokenOff returns the problem of a body that did not arrive.
func brokenOff(err error) *Problem {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return LateBody()
	}
	return malformedBody("The body broke off before its end.")
}

// bodyReader is a body as a decoder reads it, which holds what it has read and not returned yet.
type bodyReader struct {
	from     io.Reader
	consumed func() int64 // bytes that the decoder has returned; nil where the body is in memory
	read     int64
	most     int64 // bytes that the body may have
	tooLarge bool  // the body is
	tooLong  bool  // a token is
	err      error // why it broke off
}

// Read implements [io.Reader].
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.consumed != nil && b.read-b.consumed() > MaxBody {
		b.tooLong = true
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.from.Read(p)
	if b.read += int64(n); b.most > 0 && b.read > b.most {
		b.tooLarge = true
		return 0, io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err //nolint:wrapcheck // a reader passes errors on as they are
}
