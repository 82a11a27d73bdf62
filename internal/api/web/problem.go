package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// maxProblemFields bounds the errors in one response.
const maxProblemFields = 100

// RetryAfter is the Retry-After header of a 503, in seconds.
const RetryAfter = "1"

// RequestIDHeader is the header with the id of a request, in requests and responses.
const RequestIDHeader = "X-Request-ID"

// Problem is an error response: a problem document (RFC 9457).
type Problem struct {
	Title     string         `json:"title" doc:"The HTTP status in words."`
	Status    int            `json:"status" doc:"The HTTP status."`
	Code      string         `json:"code" doc:"A stable name for programs. docs/api.md lists them." example:"session_full"`
	Detail    string         `json:"detail" doc:"What happened and what to do, for people."`
	RequestID string         `json:"request_id" doc:"Quote it when you report the problem."`
	ErrorID   string         `json:"error_id,omitempty" doc:"Identifies a failure of the service in the operator's log."`
	Errors    []ProblemField `json:"errors,omitempty" nullable:"false" doc:"Everything that is wrong with the request."`
	Extras    map[string]any `json:",embed"` // further members of the document
	Header    http.Header    `json:"-"`      // further headers of the response
}

// ProblemField says what is wrong with one part of a request. It never repeats the value that was sent.
type ProblemField struct {
	Location string `json:"location" doc:"The invalid part, beginning with body, query, path or header." example:"body.username"`
	Message  string `json:"message"`
}

// ProblemType is the content type of problems.
const ProblemType = "application/problem+json"

// NewProblem returns a problem. Its RequestID is set when it is written.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Invalid returns the problem of an invalid request. Its errors are sorted, and at most one for each location.
func Invalid(details []*huma.ErrorDetail) *Problem {
	p := NewProblem(http.StatusUnprocessableEntity, "validation_error", "The request is not valid: see errors.")
	for _, d := range details {
		p.Errors = append(p.Errors, ProblemField{d.Location, d.Message})
	}
	slices.SortStableFunc(p.Errors, func(x, y ProblemField) int { return strings.Compare(x.Location, y.Location) })
	p.Errors = slices.CompactFunc(p.Errors, func(x, y ProblemField) bool { return x.Location == y.Location })
	if more := len(p.Errors) - maxProblemFields; more > 0 {
		last := ProblemField{"", fmt.Sprintf("and %d more", more)}
		p.Errors = append(p.Errors[:maxProblemFields:maxProblemFields], last)
	}
	return p
}

// LateBody returns the problem of a body that did not arrive in time.
func LateBody() *Problem {
	return NewProblem(http.StatusRequestTimeout, "request_timeout", "The body did not arrive in time.")
}

// tooLarge returns the problem of a body that has more than limit bytes.
func tooLarge(limit int) *Problem {
	p := NewProblem(http.StatusRequestEntityTooLarge, "payload_too_large",
		fmt.Sprintf("The body has more than %d bytes.", limit))
	p.Extras = map[string]any{"max_bytes": limit}
	return p
}

// Error implements [huma.StatusError].
func (p *Problem) Error() string { return p.Code }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements [huma.HeadersError].
func (p *Problem) GetHeaders() http.Header { return p.Header }

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return ProblemType }

// ErrorDetail implements [huma.ErrorDetailer], so that [ProblemIn] finds a problem that a resolver returned.
func (p *Problem) ErrorDetail() *huma.ErrorDetail { return &huma.ErrorDetail{Value: p} }

// ProblemIn returns the problem that a resolver returned, or nil if the error has none.
func ProblemIn(e *huma.ErrorModel) *Problem {
	for _, d := range e.Errors {
		if p, ok := d.Value.(*Problem); ok {
			return p
		}
	}
	return nil
}

// WriteProblem writes a problem outside of huma. It ignores write errors, which mean that the caller has gone.
func WriteProblem(w http.ResponseWriter, p *Problem) {
	p.NoteOn(w)
	maps.Copy(w.Header(), p.Header)
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(p.Status)
	_ = json.MarshalWrite(w, p, json.Deterministic(true))
}

// NoteOn sets the problem's RequestID and reports the problem to the observer of the response.
func (p *Problem) NoteOn(w http.ResponseWriter) {
	p.RequestID = w.Header().Get(RequestIDHeader)
	if o, ok := Observer[interface{ NoteProblem(code, errorID string) }](w); ok {
		o.NoteProblem(p.Code, p.ErrorID)
	}
}

// Observer returns the first of w and the writers that it wraps that implements O.
func Observer[O any](w http.ResponseWriter) (o O, ok bool) {
	for w != nil {
		if o, ok := w.(O); ok {
			return o, true
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = inner.Unwrap()
	}
	return o, false
}
