package api

import (
	"slices"
	"strconv"
	"strings"

	"game-session-manager/internal/game"
)

// etag is the entity tag of a version (RFC 9110, section 8.8.3).
func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// ifMatch returns the condition that an If-Match header asks for: the version is one of those listed.
func ifMatch[D document](header string) game.Condition[D] {
	if header == "" {
		return nil
	}
	tags := entityTags(header)
	return func(d D) error {
		_, v := identity(d)
		if slices.Contains(tags, "*") || slices.Contains(tags, etag(v)) {
			return nil
		}
		return game.ErrVersionMismatch.Detail("The document is at version %d, which If-Match does not list. Read it again and decide anew.", v).
			With("version", v)
	}
}

// notModified reports whether an If-None-Match header lists the version.
func notModified(header string, version int64) bool {
	if header == "" {
		return false
	}
	for _, tag := range entityTags(header) {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag(version) {
			return true
		}
	}
	return false
}

// entityTags splits a list of entity tags. Ours hold no commas.
func entityTags(header string) []string {
	tags := strings.Split(header, ",")
	for i := range tags {
		tags[i] = strings.TrimSpace(tags[i])
	}
	return tags
}

// all asks for every condition in turn.
func all[D any](conditions ...game.Condition[D]) game.Condition[D] {
	return func(d D) error {
		for _, c := range conditions {
			if c == nil {
				continue
			}
			if err := c(d); err != nil {
				return err
			}
		}
		return nil
	}
}
