package client

import (
	"context"
	"iter"
	"net/http"
)

// Players groups the calls about players. Use the one of a [Client].
type Players struct{ c *Client }

const playersPath = basePath + "/players"

func playerPath(id PlayerID) string { return playersPath + "/" + segment(id) }

// Create registers a player. It returns [ErrValidation], [ErrUsernameTaken] and [ErrIdentityTaken].
func (s *Players) Create(ctx context.Context, f Profile, opts ...CreateOption) (Player, error) {
	return fetch[Player](ctx, s.c, create(playersPath, f, opts))
}

// Get returns a player, or [ErrPlayerNotFound].
func (s *Players) Get(ctx context.Context, id PlayerID, opts ...ReadOption) (Player, error) {
	return fetch[Player](ctx, s.c, with(read(playerPath(id), nil), opts))
}

// Update replaces a player's profile. Empty fields of f get their defaults, except that an empty status leaves the
// status as it is. It returns [ErrPlayerNotFound], [ErrValidation], [ErrUsernameTaken] and [ErrIdentityTaken].
func (s *Players) Update(ctx context.Context, id PlayerID, f Profile, opts ...WriteOption) (Player, error) {
	return fetch[Player](ctx, s.c, with(write(http.MethodPut, playerPath(id), f), opts))
}

// Patch changes some fields of a player's profile. A suspension removes the player from all live sessions. It returns
// the errors of [Players.Update].
func (s *Players) Patch(ctx context.Context, id PlayerID, f Patch, opts ...WriteOption) (Player, error) {
	return fetch[Player](ctx, s.c, with(write(http.MethodPatch, playerPath(id), f), opts))
}

// Delete erases a player everywhere: the player leaves all live sessions, and the player's attributes are removed from
// those that have ended. It returns [ErrPlayerNotFound].
func (s *Players) Delete(ctx context.Context, id PlayerID, opts ...WriteOption) error {
	q := with(write(http.MethodDelete, playerPath(id), nil), opts)
	q.doneIf = ErrPlayerNotFound
	return s.c.send(ctx, q, nil)
}

// List returns one page of the players that f selects, newest first. [Players.All] iterates over all pages.
func (s *Players) List(ctx context.Context, f PlayerFilter) (Page[Player], error) {
	return fetch[Page[Player]](ctx, s.c, read(playersPath, f.values()))
}

// All returns an iterator over the players that f selects, from its cursor on. It reads a page at a time and ends with
// the first error.
func (s *Players) All(ctx context.Context, f PlayerFilter) iter.Seq2[Player, error] {
	return allPages(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Player], error) {
		f.Cursor = cursor
		return s.List(ctx, f)
	})
}
