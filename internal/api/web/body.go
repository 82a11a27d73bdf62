package web

import (
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

// Read reads the body of a request, once, as it arrives. It returns everything that does not fit, or the problem of a
// body that cannot be read at all.
func (s *Sent[T]) Read(ctx huma.Context, b *Bodies) ([]*huma.ErrorDetail, *Problem) {
	if b.Timeout > 0 {
		_ = ctx.SetReadDeadline(time.Now().Add(b.Timeout)) // of what has deadlines
	}
	most := max(MaxBody, b.MaxWithIgnored)
	from := &bodyReader{from: ctx.BodyReader(), most: most}
	// To find duplicates it would keep all names, those of what is ignored too.
	d := &decoder{json: jsontext.NewDecoder(from, jsontext.AllowDuplicateNames(b.MaxWithIgnored > 0))}
	from.consumed = d.json.InputOffset
	var err error
	s.value, err = d.decode(b.Form)
	switch {
	case err == nil:
		return d.wrong, nil
	case errors.Is(from.err, os.ErrDeadlineExceeded):
		return nil, LateBody()
	case from.err != nil:
		return nil, malformedBody("The body broke off before its end.")
	case from.read > most:
		return nil, TooLarge(most)
	case from.tooLong, errors.Is(err, errLong):
		p := TooLarge(MaxBody)
		p.Detail = fmt.Sprintf("The body has more than %d bytes without its read-only fields.", MaxBody)
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

// malformed returns the problem of what is not JSON, without the values that it may hold. unread is what follows.
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

// bodyReader is a body as a decoder reads it, which holds what it has read and not returned yet.
type bodyReader struct {
	from     io.Reader
	consumed func() int64 // bytes that the decoder has returned
	read     int
	most     int   // bytes that the body may have
	tooLong  bool  // a single value is too long
	err      error // why it broke off
}

// Read implements [io.Reader].
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.read-int(b.consumed()) > MaxBody {
		b.tooLong = true
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.from.Read(p)
	if b.read += n; b.read > b.most {
		return 0, io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err //nolint:wrapcheck // a reader passes errors on as they are
}
