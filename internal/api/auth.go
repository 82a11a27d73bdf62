package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

// Authenticate tells who sends a request, by its header. It answers named errors of package game.
type Authenticate func(context.Context, http.Header) (game.Caller, error)

// securityScheme is the name of the one way to authenticate in the OpenAPI document.
const securityScheme = "bearer"

// open are the paths that need no credential, with all that is below those that end in a slash.
func open() []string {
	return []string{"/health", "/livez", "/readyz", "/openapi.json", "/openapi.yaml", "/docs", "/docs/", "/redoc", "/redoc/", "/.well-known/jwks.json"}
}

func isOpen(path string) bool {
	for _, o := range open() {
		if path == o || strings.HasSuffix(o, "/") && strings.HasPrefix(path, o) {
			return true
		}
	}
	return false
}

// guard lets requests through whose caller is known, before anything else of them is looked at. Without authentication it
// lets those through that come from this machine.
func (a *API) guard(mux *http.ServeMux, next http.Handler) http.Handler {
	if a.Authenticate == nil {
		everyone := game.Caller{Project: game.DefaultProject, Scope: game.ScopeAdmin, Name: "anonymous"}
		return LocalOnly(asCaller(everyone, next), http.HandlerFunc(a.misdirected))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOpen(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		caller, err := a.Authenticate(r.Context(), r.Header)
		if err != nil {
			_, r.Pattern = mux.Handler(r) // for whoever measures
			_, path, _ := strings.Cut(r.Pattern, " ")
			a.writeProblem(w, a.problem(r.Context(), route{method: r.Method, path: path}, err))
			return
		}
		asCaller(caller, next).ServeHTTP(w, r)
	})
}

// asCaller gives requests their caller. What the mux writes into its copy of the request it hands back.
func asCaller(c game.Caller, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteCaller(w, c)
		inner := r.WithContext(game.WithCaller(r.Context(), c))
		defer func() { r.Pattern = inner.Pattern }()
		next.ServeHTTP(w, inner)
	})
}

// documentSecurity says in the OpenAPI document how to authenticate, and where that is not needed.
func documentSecurity(o *huma.OpenAPI) {
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{securityScheme: {
		Type: "http", Scheme: "bearer",
		Description: "An API key (gsm_…), or a player's token. Not needed where the server runs without authentication, on a loopback address.",
	}}
	o.Security = []map[string][]string{{securityScheme: {}}}
}
