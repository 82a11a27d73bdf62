package api

import (
	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// ifMatch returns the condition that an If-Match header asks for: the version is one of those listed.
func ifMatch[D document](header string) game.Condition[D] {
	if header == "" {
		return nil
	}
	return func(d D) error {
		_, v := identity(d)
		if web.IfMatch(header, v) {
			return nil
		}
		return game.ErrVersionMismatch.Detail(
			"The document is at version %d, which If-Match does not list. Read it again and retry.", v,
		).
			With("version", v)
	}
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
