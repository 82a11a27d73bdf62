package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/validation"

	"game-session-manager/internal/game"
)

// maxProblemFields bounds the errors of one answer, however much is wrong with the request.
const maxProblemFields = 100

// retryAfter is how many seconds a caller is asked to wait after a 503.
const retryAfter = "1"

// Problem is an error as callers see it: a problem document of RFC 9457.
type Problem struct {
	Title     string         `json:"title" doc:"The HTTP status in words."`
	Status    int            `json:"status" doc:"The HTTP status."`
	Code      string         `json:"code" doc:"A stable name for programs. docs/api.md lists them." example:"session_full"`
	Detail    string         `json:"detail" doc:"What happened and what to do, for people."`
	RequestID string         `json:"request_id" doc:"Quote it when you report the problem."`
	ErrorID   string         `json:"error_id,omitempty" doc:"Where the failure is ours: finds it in the operator's log."`
	Errors    []ProblemField `json:"errors,omitempty" nullable:"false" doc:"Everything that is wrong with the request."`
	Extras    map[string]any `json:",embed"` // further members of the document
	header    http.Header
}

// ProblemField is what is wrong with one part of a request. It never repeats the value that was sent.
type ProblemField struct {
	Location string `json:"location" doc:"Where, from its beginning: body, query, path or header." example:"body.username"`
	Message  string `json:"message"`
}

func (p *Problem) Error() string { return p.Code }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements [huma.HeadersError].
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// statusOf maps kinds of failure to HTTP statuses.
func statusOf(k game.Kind) int {
	return [...]int{
		game.Internal:        http.StatusInternalServerError,
		game.Invalid:         http.StatusUnprocessableEntity,
		game.Forbidden:       http.StatusForbidden,
		game.NotFound:        http.StatusNotFound,
		game.Conflict:        http.StatusConflict,
		game.Gone:            http.StatusGone,
		game.Precondition:    http.StatusPreconditionFailed,
		game.Unauthenticated: http.StatusUnauthorized,
		game.Unavailable:     http.StatusServiceUnavailable,
	}[k]
}

// problem turns the error of an operation into what its caller sees, and reports what an operator should see.
func (a *API) problem(ctx context.Context, r route, err error) *Problem {
	e := game.ErrInternal
	if named := (*game.Error)(nil); errors.As(err, &named) {
		e = named
	}
	p := newProblem(ctx, statusOf(e.Kind), e.Code, e.Message)
	p.ErrorID = a.report(ctx, e, game.Failure{Route: r.path, Err: err})
	p.Extras = e.Extras
	part := "body"
	if r.method == http.MethodGet {
		part = "query"
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, ProblemField{part + "." + f.Field, f.Message})
	}
	switch p.Status {
	case http.StatusServiceUnavailable:
		p.header = http.Header{"Retry-After": {retryAfter}}
	case http.StatusUnauthorized:
		p.header = http.Header{"Www-Authenticate": {`Bearer realm="gsm"`}} // RFC 6750
	}
	return p
}

func newProblem(ctx context.Context, status int, code, detail string) *Problem {
	return &Problem{
		Title: http.StatusText(status), Status: status, Code: code, Detail: detail, RequestID: game.RequestIDFrom(ctx),
	}
}

func lateBody(ctx context.Context) *Problem {
	return newProblem(ctx, http.StatusRequestTimeout, "request_timeout", "The body did not arrive in time.")
}

func tooLarge(ctx context.Context, most int) *Problem {
	p := newProblem(ctx, http.StatusRequestEntityTooLarge, "payload_too_large", fmt.Sprintf("The body has more than %d bytes.", most))
	p.Extras = map[string]any{"max_bytes": most}
	return p
}

// report tells the operator of failures that are ours, and returns the failure's id. A caller who went away is none, and a
// deadline may be a passing one.
func (a *API) report(ctx context.Context, e *game.Error, f game.Failure) (errorID string) {
	switch {
	case e.Kind == game.Internal:
		f.Code = game.FailureInternal
	case e.Kind != game.Unavailable, errors.Is(e, game.ErrOverloaded), errors.Is(ctx.Err(), context.Canceled):
		return ""
	case errors.Is(e, game.ErrIssuerUnavailable):
		f.Code = game.FailureIssuer
	case errors.Is(f.Err, context.DeadlineExceeded):
		f.Code = game.FailureStoreSlow
	default:
		f.Code = game.FailureStoreUnavailable
	}
	return a.Failed(ctx, f)
}

// internalProblem answers a failure that nobody named, with nothing of it but its id.
func (a *API) internalProblem(ctx context.Context, status int, f game.Failure) *Problem {
	p := newProblem(ctx, status, game.ErrInternal.Code, game.ErrInternal.Message)
	p.ErrorID = a.Failed(ctx, f)
	return p
}

// humaProblem is a [huma.Transformer] that gives huma's own errors our form, and has whoever observes the answer know of
// every problem.
func (a *API) humaProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*Problem)
	if e, theirs := v.(*huma.ErrorModel); theirs {
		p, ok = a.translate(ctx, e), true
	}
	if !ok {
		return v, nil
	}
	_, w := humago.Unwrap(ctx)
	note(w, p)
	return p, nil
}

// translate gives an error of huma's our form.
func (a *API) translate(ctx huma.Context, e *huma.ErrorModel) *Problem {
	switch e.Status {
	case http.StatusBadRequest:
		return malformedProblem(ctx.Context(), e)
	case http.StatusUnprocessableEntity:
		return invalidProblem(ctx.Context(), e.Errors)
	case http.StatusRequestEntityTooLarge:
		return tooLarge(ctx.Context(), maxBody)
	case http.StatusUnsupportedMediaType:
		return newProblem(ctx.Context(), e.Status, "unsupported_media_type", "Send the body as application/json.")
	case http.StatusRequestTimeout:
		return lateBody(ctx.Context())
	}
	// Not its details, which hold what was sent.
	return a.internalProblem(ctx.Context(), e.Status, game.Failure{Code: game.FailureInternal, Route: ctx.Operation().Path, Err: e})
}

// invalidProblem answers a request with everything that is wrong with it.
func invalidProblem(ctx context.Context, details []*huma.ErrorDetail) *Problem {
	p := newProblem(ctx, http.StatusUnprocessableEntity, game.ErrValidation.Code, game.ErrValidation.Message)
	p.Errors = fields(details)
	return p
}

// malformedProblem answers a body that could not be read. What else was found is about a body that nobody sent.
func malformedProblem(ctx context.Context, e *huma.ErrorModel) *Problem {
	p := newProblem(ctx, e.Status, "malformed_json", "The body could not be read as JSON.")
	if len(e.Errors) == 0 {
		p.Detail = "The request needs a body of JSON."
		return p
	}
	p.Errors = fields(e.Errors[:1])
	p.Detail = "The body could not be read as JSON: " + p.Errors[0].Location + ": " + p.Errors[0].Message + "."
	return p
}

// fields words huma's details our way: sorted, each place once, without values.
func fields(details []*huma.ErrorDetail) []ProblemField {
	found := make([]ProblemField, 0, len(details))
	for _, d := range details {
		if d == nil {
			continue
		}
		f := field(d)
		if !slices.ContainsFunc(found, func(o ProblemField) bool { return o.Location == f.Location }) {
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(x, y ProblemField) int { return strings.Compare(x.Location, y.Location) })
	if more := len(found) - maxProblemFields; more > 0 {
		found = append(found[:maxProblemFields:maxProblemFields], ProblemField{"", fmt.Sprintf("and %d more", more)})
	}
	return found
}

func field(d *huma.ErrorDetail) ProblemField {
	location, message := d.Location, d.Message
	if at, rest, ok := splitPointer(message); ok {
		location, message = join(location, at), rest
	}
	if message == validation.MsgExpectedMatchAtLeastOneSchema {
		message = game.ErrNotScalar.Error() // attribute values are the only alternatives in the contract
	}
	if strings.HasPrefix(message, "invalid date/time") {
		message = "must be a time as RFC 3339 writes it, like 2026-03-01T12:00:00Z" // huma shows Go's layout
	}
	if message == validation.MsgExpectedInteger || message == "invalid integer" { // of a body, of a parameter
		message = notWhole
	}
	var name string
	if n, _ := fmt.Sscanf(message, "expected required property %s to be present", &name); n == 1 {
		location, message = join(location, name), "is required"
	}
	return ProblemField{location, message}
}

func join(location, name string) string {
	if name == "" {
		return location
	}
	return location + "." + name
}

// invalid returns what huma collects for a body that breaks rules, so that schema and rules are told at once.
func invalid(err error) []error {
	var e *game.Error
	if !errors.As(err, &e) {
		return nil
	}
	details := make([]error, 0, len(e.Fields))
	for _, f := range e.Fields {
		details = append(details, &huma.ErrorDetail{Location: "body." + f.Field, Message: f.Message})
	}
	return details
}

// writeProblem answers outside of huma.
func (a *API) writeProblem(w http.ResponseWriter, p *Problem) {
	note(w, p)
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if err := strictJSON.Marshal(w, p); err != nil {
		a.Log.Debug("writing a problem", "error", err) // the caller is gone
	}
}

// note tells whoever observes the answer which problem it is.
func note(w http.ResponseWriter, p *Problem) {
	if o, ok := observer[interface{ NoteProblem(code, errorID string) }](w); ok {
		o.NoteProblem(p.Code, p.ErrorID)
	}
}

// noteCaller tells whoever observes the answer who asked.
func noteCaller(w http.ResponseWriter, c game.Caller) {
	if o, ok := observer[interface{ NoteCaller(c game.Caller) }](w); ok {
		o.NoteCaller(c)
	}
}

// observer finds what has the method among a writer and those that it wraps.
func observer[O any](w http.ResponseWriter) (o O, ok bool) {
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
