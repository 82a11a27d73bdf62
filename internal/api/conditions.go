package api

import (
	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// ifMatch returns the condition of an If-Match header: that it lists the document's version.
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
		).With("version", v)
	}
}

// allOf returns the condition that every one of the conditions holds. Nil conditions hold.
func allOf[D any](conditions ...game.Condition[D]) game.Condition[D] {
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

// conditions returns the condition of a write: first that of its Session-Fence, because a caller that has lost the
// session need not read it again, and then that of its If-Match.
func (c SessionChange) conditions() game.Condition[game.Session] {
	return allOf(c.condition(), ifMatch[game.Session](c.IfMatch))
}

// condition returns the condition of a Session-Fence header, nil without one.
func (f FenceHeader) condition() game.Condition[game.Session] {
	if n := f.SessionFence.value(); n != nil {
		return game.AtFence(*n)
	}
	return nil
}
