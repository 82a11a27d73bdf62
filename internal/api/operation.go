package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// handler is the type of every operation. Its response is not used if it returns an error.
type handler[I, O any] func(context.Context, *I) (*O, error)

// register adds an operation to the router and to the OpenAPI document.
func register[I, O any](a *API, r route, h handler[I, O]) {
	op := a.operation(r)
	var content map[string]*huma.MediaType
	if r.body != nil {
		// huma sees it after registration only: it would decode the body itself.
		content = a.bodyContent(&op, r.body, bodyType(reflect.TypeFor[I]()))
	}
	a.addRoute(r)
	a.operations = append(a.operations, r.method+" "+r.path)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		if p := takeSlot(ctx); p != nil {
			return nil, p
		}
		out, err := h(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, r, err)
		}
		return out, nil
	})
	if r.body != nil {
		op.RequestBody.Content = content
	}
	documentSuccess(op, r)
}

// addRoute makes a route known to the layers around the handlers.
func (a *API) addRoute(r route) { a.byPattern[r.method+" "+r.path] = r }

// routeOf returns the route of a request. If its path does not allow its method, it is the route that reads the path,
// so that the caller learns the allowed methods. If there is no such path, it is a route without traits.
func (a *API) routeOf(r *http.Request) route {
	if found, ok := a.byPattern[r.Pattern]; ok || r.Method == http.MethodGet {
		return found
	}
	get := *r
	get.Method = http.MethodGet
	_, pattern := a.mux.Handler(&get)
	return a.byPattern[pattern]
}

// bodyContent sets how the operation's bodies are decoded, and returns their description in the contract.
func (a *API) bodyContent(op *huma.Operation, b *body, t reflect.Type) map[string]*huma.MediaType {
	schema := &huma.Schema{Ref: componentPath + b.schema}
	op.Metadata = map[string]any{bodies: &web.Bodies{
		Form:     web.NewForm(a.huma.OpenAPI().Components.Schemas, schema, t),
		Optional: b.optional, Max: b.max, MaxWithIgnored: b.maxWithIgnored, Timeout: a.Limits.ReadTimeout,
	}}
	op.RequestBody = &huma.RequestBody{Required: !b.optional}
	media := &huma.MediaType{Schema: schema}
	content := map[string]*huma.MediaType{web.JSONType: media}
	if op.Method == http.MethodPatch {
		content[web.PatchType] = media
	}
	return content
}

// operation returns the operation of a route in the OpenAPI document.
func (a *API) operation(r route) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, DefaultStatus: r.success[0],
		Summary: r.summary, Description: operationDocs[r.id],
		Tags: []string{r.tag}, Responses: make(map[string]*huma.Response),
	}
	if r.open {
		op.Security = []map[string][]string{} // none
	}
	if r.streams {
		op.Responses[strconv.Itoa(r.success[0])] = a.streamedResponse()
	}
	if r.actsAs {
		op.Parameters = append(op.Parameters, actAsParameter())
	}
	a.documentErrors(&op, r)
	return op
}

// actAsParameter documents the header that [API.guard] reads.
func actAsParameter() *huma.Param {
	return &huma.Param{
		Name: actAsHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, Pattern: game.IDPattern},
		Description: "The player for whom a server acts: the request has that player's rights, and no others. " +
			"For API keys of scope server or admin.",
	}
}

// documentSuccess documents the other success statuses with the body of the usual one.
func documentSuccess(op huma.Operation, r route) {
	usual := op.Responses[strconv.Itoa(r.success[0])]
	usual.Description = successDocs(r, r.success[0])
	for _, status := range r.success[1:] {
		other := &huma.Response{Description: successDocs(r, status), Headers: usual.Headers}
		if status != http.StatusNotModified && status != http.StatusNoContent {
			other.Content = usual.Content
		}
		op.Responses[strconv.Itoa(status)] = other
	}
}

// documentErrors adds a response for every status with which the route may fail, with its error codes.
func (a *API) documentErrors(op *huma.Operation, r route) {
	byStatus := map[int]string{
		http.StatusInternalServerError: game.ErrInternal.Code,
		http.StatusBadRequest:          "malformed_url, malformed_host",
		http.StatusUnprocessableEntity: game.ErrValidation.Code,
	}
	if r.body != nil {
		byStatus[http.StatusBadRequest] += ", malformed_json"
		byStatus[http.StatusRequestTimeout] = "request_timeout"
		byStatus[http.StatusRequestEntityTooLarge] = "payload_too_large"
		byStatus[http.StatusUnsupportedMediaType] = "unsupported_media_type"
	}
	byStatus[http.StatusForbidden] = "cross_origin"
	byStatus[http.StatusRequestURITooLong] = "uri_too_long"
	byStatus[http.StatusRequestHeaderFieldsTooLarge] = "too_many_headers"
	if !r.exempt {
		byStatus[http.StatusServiceUnavailable] = game.ErrOverloaded.Code
	}
	if !r.open {
		byStatus[http.StatusForbidden] += ", " + game.ErrPlayerSuspended.Code + ", " + game.ErrPlayerUnknown.Code
		byStatus[http.StatusUnauthorized] = game.ErrUnauthenticated.Code
		byStatus[http.StatusTooManyRequests] = "rate_limited, too_many_failures"
	}
	if r.guesses {
		byStatus[http.StatusTooManyRequests] += ", too_many_guesses"
	}
	all := r.errors
	if !r.open { // finding the caller may fail
		all = append([]*game.Error{game.ErrStoreUnavailable, game.ErrIssuerUnavailable}, all...)
	}
	for _, e := range all {
		status := statusOf(e.Kind)
		if slices.Contains(strings.Split(byStatus[status], ", "), e.Code) {
			continue
		}
		if byStatus[status] != "" {
			byStatus[status] += ", "
		}
		byStatus[status] += e.Code
	}
	schema := problemSchema(a.huma.OpenAPI().Components.Schemas)
	for status, codes := range byStatus {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status) + ": " + codes,
			Content:     map[string]*huma.MediaType{web.ProblemType: {Schema: schema}},
		}
	}
}
