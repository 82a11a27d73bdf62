package api

import (
	_ "embed"
	"fmt"
	"net/http"
	"sync"

	"github.com/swaggest/swgui/v5emb"

	"game-session-manager/internal/api/web"
)

// redocScript is redoc.standalone.js of the npm package redoc 2.5.4 (MIT, see assets/redoc.LICENSE), compressed by
// gzip.
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

// documentation serves the OpenAPI document and two pages that show it.
func (a *API) documentation() {
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // of huma's own errors, which callers never see
		delete(a.huma.OpenAPI().Components.Schemas.Map(), unused)
	}
	// They are made when they are first asked for, because that takes more than the rest of a start.
	asJSON := sync.OnceValue(func() []byte { return published(publish(a.huma.OpenAPI(), a.operations)) })
	asYAML := sync.OnceValue(func() []byte { return published(inYAML(asJSON())) })
	a.page("/openapi.json", web.StaticOnce("application/openapi+json", asJSON))
	a.page("/openapi.yaml", web.StaticOnce("application/openapi+yaml", asYAML))

	swagger := web.Page(v5emb.New("gsm API", "/openapi.json", "/docs/"))
	a.page("/docs", swagger)
	a.page("/docs/{asset...}", swagger)
	a.page("/redoc", web.Page(web.Static("text/html; charset=utf-8", []byte(redocPage))))
	a.page("/redoc/redoc.standalone.js", web.StaticGzip("text/javascript; charset=utf-8", redocScript))
}

// published returns a form of the OpenAPI document. It panics if that cannot be made.
func published(document []byte, err error) []byte {
	if err != nil {
		panic(fmt.Sprintf("api: the OpenAPI document: %v", err)) // from constants: TestContract would fail
	}
	return document
}

// page adds a page of the documentation, or one of its files.
func (a *API) page(path string, h http.Handler) {
	a.addRoute(route{method: http.MethodGet, path: path, traits: traits{open: true, exempt: true}})
	a.mux.Handle(http.MethodGet+" "+path, h)
}
