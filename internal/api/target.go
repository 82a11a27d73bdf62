package api

import (
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

const (
	jsonType  = "application/json"
	patchType = "application/merge-patch+json"
)

// entityTagList is what If-Match and If-None-Match hold (RFC 9110, section 13.1).
var entityTagList = regexp.MustCompile(`^\s*(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)\s*$`)

// check refuses what routes would read wrongly or lose a part of: targets that are not UTF-8, parameters and headers that
// are there twice or empty, bodies of other types. It answers nil for a request that can be routed.
func (a *API) check(r *http.Request) *Problem {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !utf8.ValidString(r.URL.Path) || !utf8Only(query) {
		return newProblem(r.Context(), http.StatusBadRequest, "malformed_url",
			"The path or the query is not valid: percent-encode it as UTF-8.")
	}
	if wrong := append(checkQuery(query), checkHeaders(r.Header)...); len(wrong) > 0 {
		return invalidProblem(r.Context(), wrong)
	}
	return checkType(r)
}

func utf8Only(query url.Values) bool {
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return false
		}
	}
	return true
}

func checkQuery(query url.Values) (wrong []*huma.ErrorDetail) {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		_, key, nested := strings.Cut(name, "[")
		switch {
		case len(query[name]) > 1:
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "is there twice: send it once"})
		case nested && strings.IndexByte(key, ']') != len(key)-1:
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "must be of the form attributes[key]"})
		case !nested && query[name][0] == "" && name != "cursor":
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "is empty: give it a value or leave it out"})
		}
	}
	return wrong
}

// checkHeaders also joins the lines of the headers that are lists.
func checkHeaders(h http.Header) (wrong []*huma.ErrorDetail) {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		values, ok := h[name]
		if !ok {
			continue
		}
		all := strings.Join(values, ", ")
		if !entityTagList.MatchString(all) {
			wrong = append(wrong, &huma.ErrorDetail{Location: "header." + name, Message: `must be * or entity tags in double quotes, like "3"`})
		}
		h[name] = []string{all}
	}
	if len(h["Idempotency-Key"]) > 1 {
		wrong = append(wrong, &huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "is there twice: send it once"})
	}
	return wrong
}

// checkType refuses bodies that are not JSON, and brings the type into the form that routes know.
func checkType(r *http.Request) *Problem {
	sent := r.Header.Get("Content-Type")
	if sent == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(sent)
	known := mediaType == jsonType || mediaType == patchType && r.Method == http.MethodPatch
	if charset := params["charset"]; err == nil && known && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		r.Header.Set("Content-Type", mediaType)
		return nil
	}
	p := newProblem(r.Context(), http.StatusUnsupportedMediaType, "unsupported_media_type", "Send the body as "+jsonType+", in UTF-8.")
	if r.Method == http.MethodPatch {
		p.header = http.Header{"Accept-Patch": {patchType + ", " + jsonType}}
	}
	return p
}
