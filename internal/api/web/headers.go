package web

import (
	"net/http"

	"github.com/rs/cors"
)

// NoContent is the content policy of responses that are data. Pages have one of their own.
var NoContent = []string{"default-src 'none'; frame-ancestors 'none'"}

// What responses say to browsers besides.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noStore    = []string{"no-store"}
	sameOrigin = []string{"same-origin"}
	twoYears   = []string{"max-age=63072000"}
)

// SecurityHeaders gives every response the headers that keep browsers from making anything but data of it. Handlers
// inside may set others.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = noSniff
		h["Referrer-Policy"] = noReferrer
		h["Cache-Control"] = noStore
		h["Content-Security-Policy"] = NoContent
		h["Cross-Origin-Resource-Policy"] = sameOrigin
		if r.TLS != nil {
			h["Strict-Transport-Security"] = twoYears
		}
		next.ServeHTTP(w, r)
	})
}

// CrossOrigin lets web pages of these origins send requests with some headers and read some headers of the responses.
// They send their credential in the Authorization header: nothing that a browser sends by itself counts. Preflights of
// other origins are passed on, to be rejected with a reason.
func CrossOrigin(next http.Handler, origins, sent, returned []string) http.Handler {
	if len(origins) == 0 {
		return next
	}
	listed := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		},
		AllowedHeaders: sent,
		ExposedHeaders: returned,
		MaxAge:         600, // seconds
	})
	inner := listed.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if IsPreflight(r) && !listed.OriginAllowed(r) {
			next.ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// IsPreflight reports whether a browser asks if a page of another origin may send a request.
func IsPreflight(r *http.Request) bool {
	h := r.Header
	return r.Method == http.MethodOptions && h.Get("Origin") != "" && h.Get("Access-Control-Request-Method") != ""
}
