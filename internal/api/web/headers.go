package web

import (
	"net/http"

	"github.com/rs/cors"
)

// NoContent is the content security policy of responses that are data. Documentation pages have another one.
var NoContent = []string{"default-src 'none'; frame-ancestors 'none'"}

// Values of the other security headers.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noStore    = []string{"no-store"}
	sameOrigin = []string{"same-origin"}
	twoYears   = []string{"max-age=63072000"}
)

// SecurityHeaders sets the headers that prevent browsers from treating a response as anything but data. Handlers may
// override them.
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

// CrossOrigin lets web pages of the origins send and read the given headers. Credentials are sent in the Authorization
// header; what browsers add themselves is ignored. Preflight requests of other origins are passed to next, to be
// rejected with a reason.
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

// IsPreflight reports whether the request is a CORS preflight request.
func IsPreflight(r *http.Request) bool {
	h := r.Header
	return r.Method == http.MethodOptions && h.Get("Origin") != "" && h.Get("Access-Control-Request-Method") != ""
}
