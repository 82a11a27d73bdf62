package web

import "net/http"

// contentPolicy prevents the documentation pages from loading anything from other hosts.
const contentPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"

// Static serves the same body for every request.
func Static(contentType string, body []byte) http.Handler {
	return StaticOnce(contentType, func() []byte { return body })
}

// StaticOnce serves the body that a function such as one of [sync.OnceValue] returns.
func StaticOnce(contentType string, body func() []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text := body() // first: it may panic
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(text) // it fails if the caller has gone
	})
}

// StaticGzip serves a body that is compressed with gzip, which every browser supports.
func StaticGzip(contentType string, body []byte) http.Handler {
	next := Static(contentType, body)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Cache-Control", "max-age=86400")
		next.ServeHTTP(w, r)
	})
}

// Page sets the content security policy of a documentation page.
func Page(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Header().Set("Cache-Control", "no-cache") // cached, but revalidated
		next.ServeHTTP(w, r)
	})
}
