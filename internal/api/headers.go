package api

import (
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/rs/cors"
)

// What answers say to browsers. Pages of the documentation have a content policy of their own.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noStore    = []string{"no-store"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
	sameOrigin = []string{"same-origin"}
	twoYears   = []string{"max-age=63072000"}
)

// secured gives every answer the headers that keep browsers from making anything else of it than data. What is inside may
// set others.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = noSniff
		h["Referrer-Policy"] = noReferrer
		h["Cache-Control"] = noStore
		h["Content-Security-Policy"] = noContent
		h["Cross-Origin-Resource-Policy"] = sameOrigin
		if r.TLS != nil {
			h["Strict-Transport-Security"] = twoYears
		}
		next.ServeHTTP(w, r)
	})
}

// crossOrigin lets web pages of the origins that are listed call and read the answers. They send their credential in
// the Authorization header: nothing that a browser sends by itself counts. Preflights of other origins go on, to be
// told why they are rejected.
func (a *API) crossOrigin(next http.Handler) http.Handler {
	if len(a.Origins) == 0 {
		return next
	}
	listed := cors.New(cors.Options{
		AllowedOrigins: a.Origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: a.sentHeaders(),
		ExposedHeaders: a.returnedHeaders(),
		MaxAge:         600, // seconds
	})
	answers := listed.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if preflight(r) && !listed.OriginAllowed(r) {
			next.ServeHTTP(w, r)
			return
		}
		answers.ServeHTTP(w, r)
	})
}

// sentHeaders are those that callers may send: what the operations of the contract take, and what every request may
// have.
func (a *API) sentHeaders() []string {
	names := map[string]bool{
		"Authorization": true, "Content-Type": true, requestIDHeader: true, actAsHeader: true,
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

// returnedHeaders are those that callers may read: what the operations of the contract return, and what any response
// may have.
func (a *API) returnedHeaders() []string {
	names := map[string]bool{
		"Retry-After": true, "Ratelimit": true, "Ratelimit-Policy": true, "Www-Authenticate": true, "Accept-Patch": true,
		"Allow": true, requestIDHeader: true,
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

// preflight reports whether a browser asks if a page of another origin may send a request.
func preflight(r *http.Request) bool {
	h := r.Header
	return r.Method == http.MethodOptions && h.Get("Origin") != "" && h.Get("Access-Control-Request-Method") != ""
}

// notListed is what a page of an origin that is not listed is told.
const notListed = "Web pages of this origin may not call. GSM_CORS_ORIGINS lists those that may, exactly as browsers " +
	"send them (http://localhost:5173 is not http://127.0.0.1:5173), and takes authentication (GSM_AUTH=on)."
