package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
	"game-session-manager/internal/report"
)

// statusOf returns the HTTP status of a kind of error.
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

// problem returns the problem document of an operation's error, and reports internal failures to the operator.
func (a *API) problem(ctx context.Context, r route, err error) *web.Problem {
	if limited := (*limits.RefusedError)(nil); errors.As(err, &limited) {
		h := http.Header{}
		a.noteLimited(h, limited.Decision)
		return tooManyGuesses(limited.Class(), h)
	}
	if p := (*web.Problem)(nil); errors.As(err, &p) {
		return p
	}
	e := game.ErrInternal
	if named := (*game.Error)(nil); errors.As(err, &named) {
		e = named
	}
	p := web.NewProblem(statusOf(e.Kind), e.Code, e.Message)
	p.ErrorID = a.report(ctx, e, report.Failure{Route: r.path, Err: err})
	p.Extras = e.Extras
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, web.ProblemField{Location: r.partOf(f.Field) + "." + f.Field, Message: f.Message})
	}
	switch p.Status {
	case http.StatusServiceUnavailable:
		p.Header = http.Header{"Retry-After": {web.RetryAfter}}
	case http.StatusUnauthorized:
		p.Header = http.Header{"Www-Authenticate": {`Bearer realm="gsm"`}} // RFC 6750
	}
	return p
}

// partOf returns the part of the request that has a field.
func (r route) partOf(field string) string {
	switch {
	case strings.Contains(r.path, "{"+field+"}"):
		return "path"
	case r.body == nil:
		return "query"
	}
	return "body"
}

// report reports an internal failure to the operator and returns its id. It ignores requests whose caller has gone.
func (a *API) report(ctx context.Context, e *game.Error, f report.Failure) (errorID string) {
	switch {
	case e.Kind == game.Internal:
		f.Code = report.FailureInternal
	case e.Kind != game.Unavailable, errors.Is(e, game.ErrOverloaded), errors.Is(ctx.Err(), context.Canceled):
		return ""
	case errors.Is(e, game.ErrIssuerUnavailable):
		f.Code = report.FailureIssuer
	case errors.Is(f.Err, context.DeadlineExceeded):
		f.Code = report.FailureStoreSlow
	default:
		f.Code = report.FailureStoreUnavailable
	}
	return a.Failed(ctx, f)
}

// internalProblem returns the problem of an unexpected failure, which shows nothing of it but its id.
func (a *API) internalProblem(ctx context.Context, status int, f report.Failure) *web.Problem {
	p := web.NewProblem(status, game.ErrInternal.Code, game.ErrInternal.Message)
	p.ErrorID = a.Failed(ctx, f)
	return p
}

// humaProblem is a [huma.Transformer] that converts huma's errors to problems, and reports every problem to the
// observer of the response.
func (a *API) humaProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*web.Problem)
	if e, theirs := v.(*huma.ErrorModel); theirs {
		p, ok = a.translate(ctx, e), true
	}
	if !ok {
		return v, nil
	}
	_, w := humago.Unwrap(ctx)
	p.NoteOn(w)
	return p, nil
}

// translate converts an error of huma to a problem.
func (a *API) translate(ctx huma.Context, e *huma.ErrorModel) *web.Problem {
	if p := web.ProblemIn(e); p != nil {
		return p
	}
	if e.Status == http.StatusUnprocessableEntity {
		for _, d := range e.Errors {
			explainParam(ctx.Operation(), d)
		}
		return web.Invalid(e.Errors)
	}
	// Without its details, which repeat what was sent.
	f := report.Failure{Code: report.FailureInternal, Route: ctx.Operation().Path, Err: e}
	return a.internalProblem(ctx.Context(), e.Status, f)
}
