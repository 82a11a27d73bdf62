// Package api is the REST API of the service: it translates HTTP requests to calls of package game, and their results
// to responses.
//
// routes.go lists all routes in one table. A handler is a function from a typed request to a typed response or an
// error. It has no ResponseWriter, so that it cannot write twice or leak an error. problem.go is the only place where
// errors become problem documents. What is independent of the documents is in package web.
//
// Rules are in package game, and logging and metrics of requests and failures in package observe.
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
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
	"game-session-manager/internal/report"
)

// basePath is the prefix of the versioned API's paths.
const basePath = "/api/v1"

// maxSessionBody is the maximum size in bytes of the body of a PUT of a session, with its members.
const maxSessionBody = 8 << 20

// Deps are the dependencies and settings of the API.
type Deps struct {
	Players  *game.Players
	Sessions *game.Sessions
	// Feed tells of events. It is not needed where nobody follows a session.
	Feed     *feed.Hub
	Metrics  *game.Metrics
	Keys     *game.Keys
	Webhooks *game.Webhooks
	// Authenticate returns the caller of a request.
	Authenticate Authenticate
	// Local says that there is no authentication: only requests from this machine are accepted, as [game.Anonymous].
	Local bool
	// ActAs returns the player for whom a caller acts, by the header of its request, or the caller itself. Nil ignores
	// the header.
	ActAs  func(game.Caller, http.Header) (game.Caller, error)
	Tokens Tokens // nil if the service issues none
	// Checks are the checks of /health/detailed, one for each component.
	Checks []Check
	// Version of the program, for /health and the OpenAPI document.
	Version string
	// RequestTimeout bounds the time of a request, except to a route that streams.
	RequestTimeout time.Duration
	Limits         Limits
	// Streams is told of event streams. It may be nil.
	Streams StreamObserver
	// Origins are the origins of the web pages that may call, such as https://a.example. It has no effect without
	// authentication.
	Origins []string
	Now     func() time.Time
	NewID   func() string
	Log     *slog.Logger
	// Failed reports an internal failure to the operator and returns its id.
	Failed func(context.Context, report.Failure) (errorID string)
	// Observe wraps the handler, inside the request's context and outside the recovery from panics. It may be nil.
	Observe func(http.Handler) http.Handler
}

// API is the REST API as an [http.Handler].
type API struct {
	Deps
	handler   http.Handler
	mux       *http.ServeMux
	huma      huma.API
	byPattern map[string]route // the routes by their patterns in mux
	// operations lists the operations of the contract as "METHOD path", in the order of the contract.
	operations []string
	callers    *limits.Callers
	joinCodes  *limits.Guesses // wrong ones
	passwords  *limits.Guesses // wrong ones
	inFlight   *limits.Concurrency
	streams    *limits.Streams
	memory     *limits.Memory // for large documents
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
		inFlight:  limits.NewConcurrency(d.Limits.InFlight, d.queueTime()),
		joinCodes: limits.NewGuesses(limits.WrongJoinCode, limits.JoinCodeRate(), d.Now),
		passwords: limits.NewGuesses(limits.WrongPassword, limits.PasswordRate(), d.Now),
		streams:   limits.NewStreams(d.Limits.Streams),
		memory:    limits.NewMemory(d.Limits.Memory, d.queueTime()),
		mux:       http.NewServeMux(), byPattern: make(map[string]route),
	}
	a.huma = humago.New(a.mux, a.config())
	a.huma.UseMiddleware(normaliseParams)
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
	// huma's pages load scripts from a CDN, and its links add $schema to every response.
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	format := huma.Format{Marshal: marshal} // bodies are decoded by [web.Sent]
	c.Formats = map[string]huma.Format{web.JSONType: format, "json": format}
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{a.humaProblem}
	return c
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.stopping.Load() {
		// A request sent on a connection that is being closed is lost, so callers are asked to close it first.
		w.Header().Set("Connection", "close")
	}
	a.handler.ServeHTTP(w, r)
}

// Stop makes /readyz fail, so that no new requests are routed here, and asks callers to close their connections.
func (a *API) Stop() { a.stopping.Store(true) }
