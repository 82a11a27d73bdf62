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
	return func(d D) error {
		_, v := identity(d)
		if anyTag(header) || slices.Contains(entityTag.FindAllString(header, -1), etag(v)) {
			return nil
		}
		return game.ErrVersionMismatch.Detail("The document is at version %d, which If-Match does not list. Read it again and decide anew.", v).
			With("version", v)
	}
}

// notModified reports whether an If-None-Match header lists the version.
func notModified(header string, version int64) bool {
	return anyTag(header) || slices.ContainsFunc(entityTag.FindAllString(header, -1), func(tag string) bool {
		return strings.TrimPrefix(tag, "W/") == etag(version)
	})
}

// anyTag reports whether a header asks for any version.
func anyTag(header string) bool { return strings.TrimSpace(header) == "*" }

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
