package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
	"game-session-manager/internal/report"
)

// actAsHeader names the player on whose behalf a server sends a request.
const actAsHeader = "X-Act-As-Player"

// identify sets the request's route pattern, id, deadline and room in memory. Setting the pattern here gives it to all
// copies of the request, for the layers inside and for metrics.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, r.Pattern = a.mux.Handler(r)
		id := r.Header.Get(web.RequestIDHeader)
		if !web.ValidRequestID(id) {
			id = a.NewID()
		}
		w.Header().Set(web.RequestIDHeader, id)
		ctx := r.Context()
		if a.routeOf(r).streams {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // fails only in tests without a connection
			ctx = withLater(ctx)
		} else {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, a.RequestTimeout)
			defer cancel()
		}
		room := a.memory.Room()
		defer room.Leave() // after the response was written: until then it is in memory
		ctx = game.WithRoom(game.WithRequestID(ctx, id), ownRoom{room})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// ownRoom implements [game.Room].
type ownRoom struct{ *limits.Room }

// Fresh implements [game.Room].
func (r ownRoom) Fresh() game.Room { return ownRoom{r.Room.Fresh()} }

// begun is the writer of a response that knows whether it has begun.
type begun struct {
	http.ResponseWriter
	is bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *begun) WriteHeader(status int) {
	w.is = w.is || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *begun) Write(b []byte) (int, error) {
	w.is = true
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors on as they are
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *begun) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recover turns a panic into an internal error. It is inside the observer, which logs and counts it as a 500. If the
// response has begun, its status stands, and nothing can be added that the client would take for an error, so the
// connection is closed: the client sees that the response is not whole, and resumes a stream.
func (a *API) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := &begun{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it the same way
				panic(cause)
			}
			_, path, _ := strings.Cut(r.Pattern, " ")
			p := a.internalProblem(r.Context(), http.StatusInternalServerError,
				report.Failure{Code: report.FailurePanic, Route: path, Err: report.Caught(cause)})
			if response.is {
				p.NoteOn(w)
				panic(http.ErrAbortHandler)
			}
			web.WriteProblem(w, p)
		}()
		if o, ok := web.Observer[interface{ NoteProbe() }](w); ok && a.routeOf(r).probe {
			o.NoteProbe()
		}
		next.ServeHTTP(response, r)
		if l := laterFrom(r.Context()); l != nil && l.do != nil {
			l.do()
		}
	})
}

// reject returns a handler that writes the same problem for every request.
func reject(status int, code, detail string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.WriteProblem(w, web.NewProblem(status, code, detail))
	})
}

// Details of problems of requests that are rejected before their route is known.
const (
	malformedHost = "The Host header is not valid: send a host name or an address, an IPv6 address in brackets, and " +
		"the port after a colon."
	notListed = "Web pages of this origin may not call the API. GSM_CORS_ORIGINS lists the allowed origins, exactly " +
		"as browsers send them (http://localhost:5173 is not http://127.0.0.1:5173), and requires authentication " +
		"(GSM_AUTH=on)."
	notLoopback = "Without authentication the service accepts requests from its own machine only: not from web " +
		"pages of other origins, which includes other ports, and not with a Host other than localhost or a loopback " +
		"address. For a front end on another port turn authentication on (GSM_AUTH=on) and list its origin in " +
		"GSM_CORS_ORIGINS."
)

// sentHeaders returns the headers that web pages may send: those that operations of the contract accept, and those of
// any request.
func (a *API) sentHeaders() []string {
	names := map[string]bool{
		"Authorization": true, "Content-Type": true, web.RequestIDHeader: true, actAsHeader: true,
		"Traceparent": true, "Tracestate": true,
	}
	a.eachOperation(func(op *huma.Operation) {
		for _, p := range op.Parameters {
			if p.In == "header" {
				names[http.CanonicalHeaderKey(p.Name)] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// returnedHeaders returns the headers that web pages may read: those that operations of the contract return, and those
// of any response.
func (a *API) returnedHeaders() []string {
	names := map[string]bool{
		"Retry-After": true, "Ratelimit": true, "Ratelimit-Policy": true, "Www-Authenticate": true,
		"Accept-Patch": true, "Allow": true, web.RequestIDHeader: true,
	}
	a.eachOperation(func(op *huma.Operation) {
		for _, response := range op.Responses {
			for name := range response.Headers {
				names[http.CanonicalHeaderKey(name)] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// eachOperation calls do with every operation of the contract.
func (a *API) eachOperation(do func(*huma.Operation)) {
	for _, path := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if op != nil {
				do(op)
			}
		}
	}
}

// noteCaller reports the caller to the observer of the response.
func noteCaller(w http.ResponseWriter, c game.Caller) {
	if o, ok := web.Observer[interface{ NoteCaller(c game.Caller) }](w); ok {
		o.NoteCaller(c)
	}
}
