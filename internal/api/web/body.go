package web

import (
	"cmp"
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

// MaxBody is the maximum size of a request body in bytes.
const MaxBody = 64 << 10

// Bodies says how the bodies of one operation are decoded.
type Bodies struct {
	Form *Form
	// Optional allows a request without a body, which is treated as an empty object.
	Optional bool
	// Max is the maximum size in bytes of a body, not counting its read-only fields; 0 for [MaxBody].
	Max int
	// MaxWithIgnored is the maximum size in bytes of a body with its read-only fields, which are discarded as they
	// arrive; 0 for Max.
	MaxWithIgnored int
	// Timeout bounds how long the body may take to arrive; 0 for no limit.
	Timeout time.Duration
}

// Sent is a decoded body. The zero value is that of an empty object.
type Sent[T any] struct{ value value }

// Over returns base with the fields of the body set.
func (s *Sent[T]) Over(base T) T {
	s.value.put(reflect.ValueOf(&base).Elem(), false)
	return base
}

// MergedInto returns base with the body applied as a merge patch (RFC 7396). Maps of base are copied, not changed.
func (s *Sent[T]) MergedInto(base T) T {
	s.value.put(reflect.ValueOf(&base).Elem(), true)
	return base
}

// Read decodes the body of a request as it arrives. It can be called once. It returns everything that does not match
// the form, or the problem of a body that cannot be decoded at all.
func (s *Sent[T]) Read(ctx huma.Context, b *Bodies) ([]*huma.ErrorDetail, *Problem) {
	if b.Timeout > 0 {
		_ = ctx.SetReadDeadline(time.Now().Add(b.Timeout)) // fails only without a connection, in tests
	}
	own := cmp.Or(b.Max, MaxBody)
	limit := max(own, b.MaxWithIgnored)
	from := &bodyReader{from: ctx.BodyReader(), limit: limit, maxValue: own}
	// To detect duplicates, the JSON decoder would keep all names in memory, also those in ignored fields.
	d := &decoder{max: own, json: jsontext.NewDecoder(from, jsontext.AllowDuplicateNames(b.MaxWithIgnored > 0))}
	from.consumed = d.json.InputOffset
	var err error
	s.value, err = d.decode(b.Form)
	switch {
	case err == nil:
		return d.wrong, nil
	case errors.Is(from.err, os.ErrDeadlineExceeded):
		return nil, LateBody()
	case from.err != nil:
		return nil, malformedBody("The body ended early.")
	case from.read > limit:
		return nil, tooLarge(limit)
	case from.tooLong, errors.Is(err, errTooLong):
		p := tooLarge(own)
		p.Detail = fmt.Sprintf("The body has more than %d bytes without its read-only fields.", own)
		return nil, p
	case from.read == 0 && b.Optional:
		return nil, nil
	case from.read == 0:
		return nil, malformedBody("The request needs a JSON body.")
	}
	return nil, malformed(err, d.json.UnreadBuffer())
}

func malformedBody(detail string) *Problem {
	return NewProblem(http.StatusBadRequest, "malformed_json", detail)
}

// malformed returns the problem of a body that is not JSON, without the values in it. unread is the rest of the input.
func malformed(err error, unread []byte) *Problem {
	place, reason := "", "is not valid JSON"
	var syntactic *jsontext.SyntacticError
	switch duplicate := (duplicateError{}); {
	case errors.As(err, &duplicate):
		place, reason = duplicate.place, "is a duplicate"
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		place, reason = dotted(syntactic.JSONPointer), "is a duplicate"
	case errors.As(err, &syntactic):
		if !utf8.Valid(unread) {
			reason = "is not valid UTF-8"
		}
		reason = fmt.Sprintf("%s at byte %d", reason, syntactic.ByteOffset)
	}
	p := malformedBody("")
	p.Errors = []ProblemField{{join("body", place), reason}}
	p.Detail = "The body could not be read as JSON: " + p.Errors[0].Location + " " + reason + "."
	return p
}

// bodyReader limits what a decoder reads and buffers of a body.
type bodyReader struct {
	from     io.Reader
	consumed func() int64 // bytes that the decoder has returned
	read     int
	limit    int   // the maximum size in bytes
	maxValue int   // the maximum size in bytes of a single value
	tooLong  bool  // a single value is too long
	err      error // an error of from, other than its end
}

// Read implements [io.Reader].
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.read-int(b.consumed()) > b.maxValue {
		b.tooLong = true
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.from.Read(p)
	if b.read += n; b.read > b.limit {
		return 0, io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err //nolint:wrapcheck // a reader passes errors on as they are
}
