package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// Authenticate returns the caller of a request, given its header and remote address. It returns named errors of package
// game and [*limits.RefusedError].
type Authenticate func(ctx context.Context, from netip.Addr, h http.Header) (game.Caller, error)

// securityScheme is the name of the authentication scheme in the OpenAPI document.
const securityScheme = "bearer"

// guard rejects requests whose caller is unknown or rate limited, before anything else of them is read. Without
// authentication it rejects requests that do not come from this machine.
func (a *API) guard(next http.Handler) http.Handler {
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if web.IsPreflight(r) { // of an origin that is not listed: [web.CrossOrigin] handles the others
			web.WriteProblem(w, web.NewProblem(http.StatusForbidden, "cross_origin", notListed))
			return
		}
		if a.routeOf(r).open {
			next.ServeHTTP(w, r)
			return
		}
		from, _ := netip.ParseAddrPort(r.RemoteAddr) // zero if it is not an address
		caller, err := a.caller(r, from.Addr())
		var p *web.Problem
		if err == nil {
			noteCaller(w, caller)
			p = a.limitRate(w.Header(), caller)
		}
		if err == nil && p == nil && a.ActAs != nil {
			caller, err = a.ActAs(caller, r.Header)
		}
		if err == nil && p == nil {
			err = a.Players.Admit(r.Context(), caller, readsPlayer(r))
		}
		if err != nil && p == nil {
			p = a.authProblem(w.Header(), r, err)
		}
		if p != nil {
			web.WriteProblem(w, p)
			return
		}
		noteCaller(w, caller)
		next.ServeHTTP(w, r.WithContext(game.WithCaller(r.Context(), caller)))
	})
	if a.Local {
		return web.LoopbackOnly(guarded, reject(http.StatusForbidden, "cross_origin", notLoopback))
	}
	return guarded
}

// ticketParameter is the parameter with the credential of those who cannot send headers.
const ticketParameter = "ticket"

// caller returns the caller of a request, by its ticket if it has one and none of the usual credentials.
func (a *API) caller(r *http.Request, from netip.Addr) (game.Caller, error) {
	if a.routeOf(r).tickets && r.Header.Get("Authorization") == "" {
		id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, basePath+"/sessions/"), "/")
		if ticket := r.URL.Query().Get(ticketParameter); ticket != "" {
			return a.Tokens.Follower(r.Context(), ticket, game.SessionID(game.NormalID(id)))
		}
	}
	return a.Authenticate(r.Context(), from, r.Header)
}

// readsPlayer returns the id of the player that the request reads or exports, or "" for any other request.
func readsPlayer(r *http.Request) game.PlayerID {
	id, ok := strings.CutPrefix(r.URL.Path, basePath+"/players/")
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	return game.PlayerID(game.NormalID(strings.TrimSuffix(id, exportSuffix)))
}

// authProblem returns the problem of a request that was not authenticated.
func (a *API) authProblem(h http.Header, r *http.Request, err error) *web.Problem {
	limited := (*limits.RefusedError)(nil)
	if e := (*game.Error)(nil); errors.As(err, &e) && e.Is(game.ErrValidation) {
		return web.Invalid([]*huma.ErrorDetail{{Location: "header." + actAsHeader, Message: e.Message}})
	}
	if !errors.As(err, &limited) {
		_, path, _ := strings.Cut(r.Pattern, " ")
		return a.problem(r.Context(), route{method: r.Method, path: path}, err)
	}
	a.noteLimited(h, limited.Decision)
	return web.NewProblem(http.StatusTooManyRequests, "too_many_failures",
		"Too many wrong API keys from this address, or with this id. Retry after the time in Retry-After.")
}

// documentSecurity adds the authentication scheme to the OpenAPI document.
func documentSecurity(o *huma.OpenAPI) {
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{securityScheme: {
		Type: "http", Scheme: "bearer",
		Description: "An API key (gsm_…) or a player token. Not needed if the server runs without authentication, " +
			"on a loopback address; a credential that is sent is checked there too.",
	}}
	o.Security = []map[string][]string{{securityScheme: {}}}
}
