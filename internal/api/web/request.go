package web

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// Limits of the target and the header of a request. The HTTP server limits the size of the whole header.
const (
	MaxPath        = 1 << 10 // bytes, percent-encoded
	MaxQuery       = 4 << 10 // bytes, percent-encoded
	MaxHeaderLines = 100
	MaxRequestID   = 128 // bytes; longer ids are replaced
)

// ValidRequestID reports whether a caller's request id can be used in headers and logs.
func ValidRequestID(id string) bool {
	return len(id) > 0 && len(id) <= MaxRequestID &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

// Check returns the problem of a malformed request, or nil. It rejects targets and headers that are too large and
// targets that are not UTF-8. If the request has a route, it also rejects duplicate and empty parameters and headers,
// and bodies that are not JSON. maxIdempotencyKey is the maximum length of an Idempotency-Key in bytes.
func Check(r *http.Request, routed bool, maxIdempotencyKey int) *Problem {
	if p := oversized(r); p != nil {
		return p
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !utf8.ValidString(r.URL.Path) || !utf8Only(query) {
		return NewProblem(http.StatusBadRequest, "malformed_url",
			"The path or the query is not valid: percent-encode it as UTF-8.")
	}
	if !routed {
		return nil
	}
	if wrong := append(checkQuery(query), checkHeaders(r.Header, maxIdempotencyKey)...); len(wrong) > 0 {
		return Invalid(wrong)
	}
	return checkType(r)
}

func oversized(r *http.Request) *Problem {
	if len(r.URL.EscapedPath()) > MaxPath {
		return uriTooLong("path", MaxPath)
	}
	if len(r.URL.RawQuery) > MaxQuery {
		return uriTooLong("query", MaxQuery)
	}
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	if lines > MaxHeaderLines {
		return NewProblem(http.StatusRequestHeaderFieldsTooLarge, "too_many_headers",
			fmt.Sprintf("The request has more than %d header lines.", MaxHeaderLines))
	}
	return nil
}

func uriTooLong(part string, limit int) *Problem {
	p := NewProblem(http.StatusRequestURITooLong, "uri_too_long",
		fmt.Sprintf("The %s has more than %d bytes.", part, limit))
	p.Extras = map[string]any{"max_bytes": limit}
	return p
}

func utf8Only(query url.Values) bool {
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return false
		}
	}
	return true
}

// repeated is the only parameter that may occur more than once.
const repeated = "attribute"

func checkQuery(query url.Values) (wrong []*huma.ErrorDetail) {
	report := func(name, message string) {
		wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: message})
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		_, key, nested := strings.Cut(name, "[")
		switch {
		case len(query[name]) > 1 && name != repeated:
			report(name, "is a duplicate: send it once")
		case nested && strings.IndexByte(key, ']') != len(key)-1:
			report(name, "must be of the form attributes[key]")
		case !nested && slices.Contains(query[name], "") && name != "cursor":
			report(name, "is empty: give it a value or leave it out")
		}
	}
	return wrong
}

// checkHeaders also joins the lines of headers that are lists.
func checkHeaders(h http.Header, maxIdempotencyKey int) (wrong []*huma.ErrorDetail) {
	report := func(name, message string) {
		wrong = append(wrong, &huma.ErrorDetail{Location: "header." + name, Message: message})
	}
	if lines, ok := h["Prefer"]; ok {
		h["Prefer"] = []string{strings.Join(lines, ", ")}
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		values, ok := h[name]
		if !ok {
			continue
		}
		all := strings.Join(values, ", ")
		if !entityTagList.MatchString(all) {
			report(name, `must be * or entity tags in double quotes, like "3"`)
		}
		h[name] = []string{all}
	}
	const key = "Idempotency-Key"
	if keys, ok := h[key]; ok && (len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxIdempotencyKey) {
		report(key, fmt.Sprintf("must be sent once and have 1 to %d bytes", maxIdempotencyKey))
	}
	return wrong
}

// checkType rejects bodies that are not JSON, and normalises the Content-Type header for the routes.
func checkType(r *http.Request) *Problem {
	sent := r.Header.Get("Content-Type")
	bodiless := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete
	if bodiless || sent == "" && r.Header.Get("Content-Encoding") == "" {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(sent)
	plain := len(r.Header["Content-Type"]) == 1 && r.Header.Get("Content-Encoding") == ""
	known := plain && mediaType == JSONType || mediaType == PatchType && r.Method == http.MethodPatch
	if charset := params["charset"]; err == nil && known && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		r.Header.Set("Content-Type", mediaType)
		return nil
	}
	p := NewProblem(http.StatusUnsupportedMediaType, "unsupported_media_type",
		"Send the body with the header Content-Type: "+JSONType+", in UTF-8 and not compressed.")
	if r.Method == http.MethodPatch {
		p.Header = http.Header{"Accept-Patch": {PatchType + ", " + JSONType}}
	}
	return p
}
