package web

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// EntityTagList is what If-Match and If-None-Match hold (RFC 9110, section 13.1), as a regular expression.
const EntityTagList = `^\s*(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)\s*$`

var (
	entityTagList = regexp.MustCompile(EntityTagList)
	entityTag     = regexp.MustCompile(`(W/)?"[^"]*"`)
)

// ETag returns the entity tag of a version (RFC 9110, section 8.8.3).
func ETag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// tagBytes is how much of its hash the entity tag of a body has: enough that no two bodies share it.
const tagBytes = 16

// BodyETag returns the entity tag of a response body that has no version.
func BodyETag(body []byte) string {
	sum := sha256.Sum256(body)
	return strconv.Quote(hex.EncodeToString(sum[:tagBytes]))
}

// IfMatch reports whether an If-Match header lists the version, by a strong entity tag.
func IfMatch(header string, version int64) bool {
	return anyTag(header) || slices.Contains(entityTag.FindAllString(header, -1), ETag(version))
}

// IfNoneMatch reports whether an If-None-Match header lists the entity tag of [ETag] or [BodyETag], strong or weak.
func IfNoneMatch(header, etag string) bool {
	return anyTag(header) || slices.ContainsFunc(entityTag.FindAllString(header, -1), func(tag string) bool {
		return strings.TrimPrefix(tag, "W/") == etag
	})
}

// anyTag reports whether a header lists every version.
func anyTag(header string) bool { return strings.TrimSpace(header) == "*" }
