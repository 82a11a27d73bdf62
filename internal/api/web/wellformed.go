package web

import (
	"net/http"
	"net/netip"
	pathpkg "path"
	"strconv"
	"strings"
)

// WellFormed rejects or isolates requests that an intermediary may have read differently. A request without a valid
// Host header goes to deny. After a request with a chunked body, the connection is closed: it may also have had a
// Content-Length, which net/http does not show, and an intermediary may take what follows for a part of the body (RFC
// 9112, section 6.1).
func WellFormed(next, deny http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http10Body := r.ProtoMinor == 0 && r.ContentLength != 0 // net/http ignores their Transfer-Encoding
		if r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || http10Body) {
			w.Header().Set("Connection", "close")
		}
		if _, ok := hostName(r.Host); !ok {
			deny.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostName returns the name or address in a Host header, without brackets and port, and reports whether the header is
// valid (RFC 9110, section 7.2). An empty one is valid.
func hostName(host string) (name string, ok bool) {
	name, port, hasPort := strings.Cut(host, ":")
	if strings.HasPrefix(host, "[") {
		var closed bool
		name, port, closed = strings.Cut(host[1:], "]")
		if address, err := netip.ParseAddr(name); err != nil || !address.Is6() || address.Zone() != "" || !closed {
			return "", false
		}
		if port, hasPort = strings.CutPrefix(port, ":"); !hasPort && port != "" {
			return "", false
		}
	} else if strings.ContainsAny(name, "[]@/?#%\\ ") || name == "" && hasPort {
		return "", false
	}
	if port == "" {
		return name, true
	}
	if strings.Trim(port, "0123456789") != "" {
		return "", false
	}
	_, err := strconv.ParseUint(port, 10, 16)
	return name, err == nil
}

// WithoutSlash redirects a path with a trailing slash to the route without it, before anything else is checked. It
// redirects only to paths of routes. The pattern of the request must be set.
func WithoutSlash(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, slash := strings.CutSuffix(r.URL.EscapedPath(), "/")
		if !slash || r.Pattern != "" || !strings.HasSuffix(r.URL.Path, "/") || len(path) > MaxPath ||
			len(r.URL.RawQuery) > MaxQuery {
			next.ServeHTTP(w, r)
			return
		}
		to := *r.URL
		to.Path, to.RawPath = strings.TrimSuffix(r.URL.Path, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
		probe := *r
		probe.URL = &to
		_, pattern := mux.Handler(&probe)
		if pattern == "" || to.Path != pathpkg.Clean(to.Path) {
			next.ServeHTTP(w, r)
			return
		}
		r.Pattern = pattern // for metrics
		if r.URL.RawQuery != "" {
			path += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", path)
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}
