package api

import (
	"net/http"

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

// crossOrigin lets web pages of the origins that are listed call and read the answers. They send their credential in the
// Authorization header: nothing that a browser sends by itself counts.
func (a *API) crossOrigin(next http.Handler) http.Handler {
	if len(a.Origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: a.Origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Idempotency-Key", "If-Match", "If-None-Match", "Content-Type", requestIDHeader},
		ExposedHeaders: []string{"ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "Idempotent-Replayed", requestIDHeader},
		MaxAge:         600, // seconds
	}).Handler(next)
}
