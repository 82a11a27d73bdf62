// Package api is the REST face of the service: it translates HTTP to calls of package game and their answers back.
//
// routes.go is the whole surface, as one table. A handler is a function from a typed request to a typed response or an
// error; it has no ResponseWriter, so that it cannot write twice or leak an error. problem.go is the one place where
// errors become problems. What knows no noun is in package web.
//
// The package leaves every rule to package game, and logging and metrics of requests and failures to package observe.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// basePath is where the versioned API begins.
const basePath = "/api/v1"

// maxSessionBody is how many bytes the body of a PUT of a session may have with its members.
const maxSessionBody = 8 << 20

// Deps is what the API is handed.
type Deps struct {
	Players  *game.Players
	Sessions *game.Sessions
	Metrics  *game.Metrics
	Keys     *game.Keys
	// Authenticate tells who sends a request.
	Authenticate Authenticate
	// Local says that there is no authentication: requests from this machine alone are let in, whoever they are of.
	Local bool
	// ActAs tells as whom a caller acts, by the header of its request; nil for itself.
	ActAs  func(game.Caller, http.Header) (game.Caller, error)
	Tokens Tokens // nil for none
	// Checks are the components that /health/detailed looks at.
	Checks []Check
	// Version of the program, for /health and the OpenAPI document.
	Version string
	// RequestTimeout is how long a request may take.
	RequestTimeout time.Duration
	Limits         Limits
	// Origins are the web pages that may call, such as https://a.example. There are none without authentication.
	Origins []string
	Now     func() time.Time
	NewID   func() string
	Log     *slog.Logger
	// Failed reports a failure that is ours and returns its id.
	Failed func(context.Context, game.Failure) (errorID string)
	// Observe wraps the handler inside the request's context and outside the recovery from panics; nil for nothing.
	Observe func(http.Handler) http.Handler
}

// API is the REST API as an [http.Handler].
type API struct {
	Deps
	handler http.Handler
	mux     *http.ServeMux
	huma    huma.API
	rows    map[string]route // by the patterns of the mux
	// operations are those of the contract, as "METHOD path", in the order in which it shows them.
	operations []string
	callers    *limits.Callers
	inFlight   *limits.Concurrency
	memory     *limits.Memory // of large documents
	started    time.Time
	stopping   atomic.Bool
}

// New returns the API.
func New(d Deps) *API {
	if d.Tokens == nil {
		d.Tokens = noTokens{}
	}
	if d.Local {
		d.Origins = nil
	}
	a := &API{
		Deps: d, started: d.Now(), callers: limits.NewCallers(d.Limits.Rates, d.Now),
		inFlight: limits.NewConcurrency(d.Limits.InFlight, d.queueTime()),
		memory:   limits.NewMemory(d.Limits.Memory, d.queueTime()),
		mux:      http.NewServeMux(), rows: make(map[string]route),
	}
	a.huma = humago.New(a.mux, a.config())
	a.huma.UseMiddleware(normalParams)
	a.routes()
	documentSecurity(a.huma.OpenAPI())
	a.documentation()

	h := web.WithoutSlash(a.mux, a.shed(a.guard(web.Dispatch(a.mux, game.MaxIdempotencyKey))))
	h = a.recover(web.WellFormed(h, reject(http.StatusBadRequest, "malformed_host", malformedHost)))
	if d.Observe != nil {
		h = d.Observe(h)
	}
	h = web.CrossOrigin(h, d.Origins, a.sentHeaders(), a.returnedHeaders())
	a.handler = a.identify(web.SecurityHeaders(h))
	return a
}

func (a *API) config() huma.Config {
	c := huma.DefaultConfig("gsm, the game session manager", a.Version)
	c.Info.Description = about
	c.Info.Contact = &huma.Contact{Name: "The gsm authors"}
	c.Info.License = &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"}
	c.Servers = []*huma.Server{{URL: "/", Description: "The server that served this document."}}
	c.Tags = tags()
	// huma's own pages come from a CDN, its links to schemas put $schema into every answer.
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	format := huma.Format{Marshal: marshal} // bodies are read by [web.Sent]
	c.Formats = map[string]huma.Format{web.JSONType: format, "json": format}
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{a.humaProblem}
	return c
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.stopping.Load() {
		// A request that arrives while its connection is being closed is lost, so callers are told before.
		w.Header().Set("Connection", "close")
	}
	a.handler.ServeHTTP(w, r)
}

// Stop makes /readyz fail from now on, so that no new requests are sent here, and has callers close the connections
// that they keep.
func (a *API) Stop() { a.stopping.Store(true) }
