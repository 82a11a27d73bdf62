package api

import (
	"net"
	"net/http"
	"strings"
)

// LocalOnly guards a service without authentication on a loopback address from web pages: from those of other origins
// that a browser on this machine shows, and from those that reach it under a name of their own (DNS rebinding). What it
// refuses, deny answers.
func LocalOnly(next, deny http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(deny)
	guarded := origins.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackName(r.Host) {
			deny.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// loopbackName reports whether a Host header names this machine to itself.
func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
