package api

import (
	_ "embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/swaggest/swgui/v5emb"
)

// redocScript is redoc.standalone.js of the npm package redoc 2.5.4 (MIT, see assets/redoc.LICENSE), compressed by gzip.
//
//go:embed assets/redoc.standalone.js.gz
var redocScript []byte

const redocPage = `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>gsm API reference</title>
  <style>body { margin: 0; padding: 0; }</style>
</head>
<body>
  <redoc spec-url="/openapi.json" disable-search="false" hide-hostname="true"></redoc>
  <script src="/redoc/redoc.standalone.js"></script>
</body>
</html>
`

// contentPolicy keeps the documentation pages from loading anything from another host, and lets what they try fail.
const contentPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"

// documentation serves the OpenAPI document and two pages that show it.
func (a *API) documentation(mux *http.ServeMux) {
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own form of errors, which nobody sees
		delete(a.huma.OpenAPI().Components.Schemas.Map(), unused)
	}
	asJSON, asYAML, err := publish(a.huma.OpenAPI(), a.operations)
	if err != nil {
		panic(fmt.Sprintf("api: the OpenAPI document: %v", err)) // made of constants: fails in every test or never
	}
	mux.Handle("GET /openapi.json", static("application/openapi+json", asJSON))
	mux.Handle("GET /openapi.yaml", static("application/openapi+yaml", asYAML))

	swagger := sealed(v5emb.New("gsm API", "/openapi.json", "/docs/"))
	mux.Handle("GET /docs", swagger)
	mux.Handle("GET /docs/{asset...}", swagger)
	mux.Handle("GET /redoc", sealed(static("text/html; charset=utf-8", []byte(redocPage))))
	mux.Handle("GET /redoc/redoc.standalone.js", gzipped("text/javascript; charset=utf-8", redocScript))
}

// isPage reports whether a path is one of these, or below one of these.
func isPage(path string) bool {
	top, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch top {
	case "docs", "redoc", "openapi.json", "openapi.yaml":
		return true
	}
	return false
}

func static(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body) // the caller may be gone
	})
}

// gzipped serves a compressed body as it is: every browser takes it.
func gzipped(contentType string, body []byte) http.Handler {
	next := static(contentType, body)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Cache-Control", "max-age=86400")
		next.ServeHTTP(w, r)
	})
}

// sealed puts a page under the content policy.
func sealed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Header().Set("Cache-Control", "no-cache") // kept, and asked for again
		next.ServeHTTP(w, r)
	})
}
