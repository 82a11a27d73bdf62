package web

import (
	"net"
	"net/http"
	"strings"
)

// LoopbackOnly protects a service without authentication on a loopback address from web pages: from requests that pages
// of other origins send or embed, and from DNS rebinding. It allows links that a person follows. Rejected requests go
// to deny.
func LoopbackOnly(next, deny http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(deny)
	guarded := origins.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackName(r.Host) || embedded(r.Header) {
			deny.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// embedded reports whether a browser says that a page of another origin sent the request. [http.CrossOriginProtection]
// allows that for reads: the page cannot see the response, but the work would be done.
func embedded(h http.Header) bool {
	switch h.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return h.Get("Sec-Fetch-Mode") != "navigate" || h.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}

// loopbackName reports whether a Host header is empty, localhost or a loopback address. Browsers always send one.
func loopbackName(host string) bool {
	name, ok := hostName(host)
	ip := net.ParseIP(name)
	local := strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") || ip != nil && ip.IsLoopback()
	return ok && (name == "" || local)
}
