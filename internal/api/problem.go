package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
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
		game.Internal:     http.StatusInternalServerError,
		game.Invalid:      http.StatusUnprocessableEntity,
		game.Forbidden:    http.StatusForbidden,
		game.NotFound:     http.StatusNotFound,
		game.Conflict:     http.StatusConflict,
		game.Gone:         http.StatusGone,
		game.Precondition: http.StatusPreconditionFailed,
		game.Unavailable:  http.StatusServiceUnavailable,
	}[k]
}

// problem turns the error of an operation into what its caller sees, and logs what an operator should see.
func (a *API) problem(ctx context.Context, method string, err error) *Problem {
	e := game.ErrInternal
	if named := (*game.Error)(nil); errors.As(err, &named) {
		e = named
	}
	a.log(ctx, e, err)
	p := newProblem(ctx, statusOf(e.Kind), e.Code, e.Message)
	p.Extras = e.Extras
	part := "body"
	if method == http.MethodGet {
		part = "query"
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, ProblemField{part + "." + f.Field, f.Message})
	}
	if p.Status == http.StatusServiceUnavailable {
		p.header = http.Header{"Retry-After": {retryAfter}}
	}
	return p
}

func newProblem(ctx context.Context, status int, code, detail string) *Problem {
	return &Problem{
		Title: http.StatusText(status), Status: status, Code: code, Detail: detail, RequestID: game.RequestIDFrom(ctx),
	}
}

// log tells the operator of failures that are ours. A caller who went away is none, and a deadline may be a passing one.
func (a *API) log(ctx context.Context, e *game.Error, err error) {
	switch {
	case e.Kind == game.Internal:
		a.Log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("category", "error"), slog.Any("error", err))
	case e.Kind != game.Unavailable, errors.Is(ctx.Err(), context.Canceled):
	case errors.Is(err, context.DeadlineExceeded):
		a.Log.LogAttrs(ctx, slog.LevelWarn, "store too slow", slog.String("category", "error"), slog.Any("error", err))
	default:
		a.Log.LogAttrs(ctx, slog.LevelError, "store unavailable", slog.String("category", "error"), slog.Any("error", err))
	}
}

// humaProblem is a [huma.Transformer] that gives huma's own errors our form.
func (a *API) humaProblem(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	switch e.Status {
	case http.StatusBadRequest:
		return malformedProblem(ctx.Context(), e), nil
	case http.StatusUnprocessableEntity:
		return invalidProblem(ctx.Context(), e.Errors), nil
	case http.StatusRequestEntityTooLarge:
		p := newProblem(ctx.Context(), e.Status, "payload_too_large", fmt.Sprintf("The body has more than %d bytes.", maxBody))
		p.Extras = map[string]any{"max_bytes": maxBody}
		return p, nil
	case http.StatusUnsupportedMediaType:
		return newProblem(ctx.Context(), e.Status, "unsupported_media_type", "Send the body as application/json."), nil
	case http.StatusRequestTimeout:
		return newProblem(ctx.Context(), e.Status, "request_timeout", "The body did not arrive in time."), nil
	}
	// Not its details, which hold what was sent.
	a.Log.LogAttrs(ctx.Context(), slog.LevelError, "request failed", slog.String("category", "error"), slog.Any("error", e))
	return newProblem(ctx.Context(), e.Status, game.ErrInternal.Code, game.ErrInternal.Message), nil
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
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if err := strictJSON.Marshal(w, p); err != nil {
		a.Log.Debug("writing a problem", "category", "error", "error", err) // the caller is gone
	}
}
