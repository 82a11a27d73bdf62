package web

import (
	"net/http"
	"net/netip"
	pathpkg "path"
	"strconv"
	"strings"
)

// WellFormed guards against requests that two readers may read as different ones. One without a valid host is left to
// deny. Of one whose body is sent in chunks, the connection is closed after the response: it may have had a
// Content-Length too, of which net/http shows nothing, and what follows on the connection may be a part of its body
// for somebody in between (RFC 9112, section 6.1).
func WellFormed(next, deny http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http10Body := r.ProtoMinor == 0 && r.ContentLength != 0 // net/http reads no Transfer-Encoding of these
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

// hostName returns the name or the address in a Host header, without brackets and port, and reports whether the header
// is valid (RFC 9110, section 7.2). The empty one is.
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

// WithoutSlash redirects paths with a slash at their end to the route without, before anything else is looked at: the
// target is the path of one of the routes, and the query. The pattern of the request must be set.
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
		r.Pattern = pattern // for whoever measures
		if r.URL.RawQuery != "" {
			path += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", path)
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}
