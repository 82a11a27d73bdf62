package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// Authenticate tells who sends a request, by its header and the address that it comes from. It answers named errors of
// package game, and a [*limits.RefusedError].
type Authenticate func(ctx context.Context, from netip.Addr, h http.Header) (game.Caller, error)

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

// guard lets requests through whose caller is known and asks no more often than it may, before anything else of them is
// looked at. Without authentication it lets those through alone that come from this machine.
func (a *API) guard(mux *http.ServeMux, next http.Handler) http.Handler {
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if preflight(r) { // those of the origins that are listed end before
			a.writeProblem(w, newProblem(r.Context(), http.StatusForbidden, "cross_origin", notListed))
			return
		}
		if isOpen(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		from, _ := netip.ParseAddrPort(r.RemoteAddr) // of something else than an address: all such are one
		caller, err := a.Authenticate(r.Context(), from.Addr(), r.Header)
		var p *Problem
		if err == nil {
			noteCaller(w, caller)
			p = a.rate(w.Header(), caller, r)
		}
		if err == nil && p == nil && a.ActAs != nil {
			caller, err = a.ActAs(caller, r.Header)
		}
		if err == nil && p == nil {
			err = a.Players.Admit(r.Context(), caller, readsPlayer(r))
		}
		if err != nil || p != nil {
			_, r.Pattern = mux.Handler(r) // for whoever measures
			if p == nil {
				p = a.unknown(w.Header(), r, err)
			}
			a.writeProblem(w, p)
			return
		}
		serveAs(caller, next, w, r)
	})
	if a.Local {
		return LocalOnly(guarded, http.HandlerFunc(a.misdirected))
	}
	return guarded
}

// readsPlayer returns the id of the player whose document the request reads, empty for any other request.
func readsPlayer(r *http.Request) game.PlayerID {
	id, ok := strings.CutPrefix(r.URL.Path, basePath+"/players/")
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	return game.PlayerID(game.NormalID(id))
}

// unknown returns the problem of a request whose caller was not found.
func (a *API) unknown(h http.Header, r *http.Request, err error) *Problem {
	refused := (*limits.RefusedError)(nil)
	if !errors.As(err, &refused) {
		_, path, _ := strings.Cut(r.Pattern, " ")
		return a.problem(r.Context(), route{method: r.Method, path: path}, err)
	}
	a.limited(h, refused.Decision)
	return newProblem(r.Context(), http.StatusTooManyRequests, "too_many_failures",
		"Too many API keys from this address, or with this id, were wrong. Wait as long as Retry-After says.")
}

// serveAs gives a request its caller. What the mux writes into its copy of the request is handed back.
func serveAs(c game.Caller, next http.Handler, w http.ResponseWriter, r *http.Request) {
	noteCaller(w, c)
	inner := r.WithContext(game.WithCaller(r.Context(), c))
	defer func() { r.Pattern = inner.Pattern }()
	next.ServeHTTP(w, inner)
}

// documentSecurity says in the OpenAPI document how to authenticate, and where that is not needed.
func documentSecurity(o *huma.OpenAPI) {
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{securityScheme: {
		Type: "http", Scheme: "bearer",
		Description: "An API key (gsm_…), or a player's token. Not needed where the server runs without authentication, on a " +
			"loopback address; one that is sent is judged there too.",
	}}
	o.Security = []map[string][]string{{securityScheme: {}}}
}
