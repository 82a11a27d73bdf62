package client

import (
	"context"
	"iter"
	"net/http"
)

// Players are the calls about players. Take it from a [Client].
type Players struct{ c *Client }

const playersPath = basePath + "/players"

func playerPath(id PlayerID) string { return playersPath + "/" + segment(id) }

// Create registers a player. It answers [ErrValidation], [ErrUsernameTaken] and [ErrIdentityTaken].
func (s *Players) Create(ctx context.Context, f Profile, opts ...CreateOption) (Player, error) {
	return fetch[Player](ctx, s.c, create(playersPath, f, opts))
}

// Get answers [ErrPlayerNotFound].
func (s *Players) Get(ctx context.Context, id PlayerID, opts ...ReadOption) (Player, error) {
	return fetch[Player](ctx, s.c, with(read(playerPath(id), nil), opts))
}

// Update replaces everything that a client may set: what f leaves empty goes back to its default, except that a status
// left empty stays as it is. It answers [ErrPlayerNotFound], [ErrValidation], [ErrUsernameTaken] and
// [ErrIdentityTaken].
func (s *Players) Update(ctx context.Context, id PlayerID, f Profile, opts ...WriteOption) (Player, error) {
	return fetch[Player](ctx, s.c, with(write(http.MethodPut, playerPath(id), f), opts))
}

// Patch changes some fields of the profile. It returns what Update does. A suspension takes the player out of all live
// sessions.
func (s *Players) Patch(ctx context.Context, id PlayerID, f Patch, opts ...WriteOption) (Player, error) {
	return fetch[Player](ctx, s.c, with(write(http.MethodPatch, playerPath(id), f), opts))
}

// Delete erases a player everywhere: it leaves all live sessions, and its attributes go from those that are over. It
// answers [ErrPlayerNotFound].
func (s *Players) Delete(ctx context.Context, id PlayerID, opts ...WriteOption) error {
	q := with(write(http.MethodDelete, playerPath(id), nil), opts)
	q.erases = ErrPlayerNotFound
	return s.c.send(ctx, q, nil)
}

// List answers one page. [Players.All] goes through all of them.
func (s *Players) List(ctx context.Context, f PlayerFilter) (Page[Player], error) {
	return fetch[Page[Player]](ctx, s.c, read(playersPath, f.values()))
}

// All goes through the players that f selects, from its cursor on, a page at a time. An error ends it.
func (s *Players) All(ctx context.Context, f PlayerFilter) iter.Seq2[Player, error] {
	return all(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Player], error) {
		f.Cursor = cursor
		return s.List(ctx, f)
	})
}
