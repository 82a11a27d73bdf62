package api

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

const (
	jsonType  = "application/json"
	patchType = "application/merge-patch+json"
)

// entityTagList is what If-Match and If-None-Match hold (RFC 9110, section 13.1).
var (
	entityTagList = regexp.MustCompile(`^\s*(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)\s*$`)
	entityTag     = regexp.MustCompile(`(W/)?"[^"]*"`)
)

// check refuses what could not be read as it was meant, nil for a request that can: targets that are not UTF-8, and, where
// a route takes the target, parameters and headers that are there twice or empty and bodies of other types.
func check(r *http.Request, routed bool) *Problem {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !utf8.ValidString(r.URL.Path) || !utf8Only(query) {
		return newProblem(r.Context(), http.StatusBadRequest, "malformed_url",
			"The path or the query is not valid: percent-encode it as UTF-8.")
	}
	if !routed {
		return nil
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

// repeated is the one parameter that may be there more than once.
const repeated = "attribute"

func checkQuery(query url.Values) (wrong []*huma.ErrorDetail) {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		_, key, nested := strings.Cut(name, "[")
		switch {
		case len(query[name]) > 1 && name != repeated:
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "is there twice: send it once"})
		case nested && strings.IndexByte(key, ']') != len(key)-1:
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "must be of the form attributes[key]"})
		case !nested && slices.Contains(query[name], "") && name != "cursor":
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + name, Message: "is empty: give it a value or leave it out"})
		}
	}
	return wrong
}

// checkHeaders also joins the lines of the headers that are lists.
func checkHeaders(h http.Header) (wrong []*huma.ErrorDetail) {
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
			wrong = append(wrong, &huma.ErrorDetail{Location: "header." + name, Message: `must be * or entity tags in double quotes, like "3"`})
		}
		h[name] = []string{all}
	}
	if keys, ok := h["Idempotency-Key"]; ok && (len(keys) > 1 || keys[0] == "" || len(keys[0]) > game.MaxIdempotencyKey) {
		wrong = append(wrong, &huma.ErrorDetail{
			Location: "header.Idempotency-Key", Message: fmt.Sprintf("must be there once and have 1 to %d bytes", game.MaxIdempotencyKey),
		})
	}
	return wrong
}

// checkType refuses bodies that are not JSON, and brings the type into the form that routes know.
func checkType(r *http.Request) *Problem {
	sent := r.Header.Get("Content-Type")
	if sent == "" && r.Header.Get("Content-Encoding") == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(sent)
	plain := len(r.Header["Content-Type"]) == 1 && r.Header.Get("Content-Encoding") == ""
	known := plain && mediaType == jsonType || mediaType == patchType && r.Method == http.MethodPatch
	if charset := params["charset"]; err == nil && known && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		r.Header.Set("Content-Type", mediaType)
		return nil
	}
	p := newProblem(r.Context(), http.StatusUnsupportedMediaType, "unsupported_media_type", "Send the body as "+jsonType+", in UTF-8 and not compressed.")
	if r.Method == http.MethodPatch {
		p.header = http.Header{"Accept-Patch": {patchType + ", " + jsonType}}
	}
	return p
}
