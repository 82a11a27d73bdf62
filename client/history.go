package client

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// PlayerSessionFilter selects sessions of a player. Its zero value selects all.
type PlayerSessionFilter struct {
	Status        []SessionStatus // sessions in one of these states
	CreatedAfter  time.Time       // sessions created at this time or later; zero for all
	CreatedBefore time.Time       // sessions created before this time; zero for all
	Members       MembersShown    // how much of its members each session has; MembersIDs if empty
	Limit         int             // the maximum number of items in a page; 0 for the server's default
	Cursor        string          // the NextCursor of the page before; empty for the first page
}

// Sessions returns one page of the sessions in which a player holds a seat or held one, live and past, newest first. A
// page may have fewer items than the limit although more follow. It is for the player itself and for API keys, and
// returns [ErrPlayerNotFound] and [ErrForbidden]. [Players.AllSessions] iterates over all pages.
func (s *Players) Sessions(ctx context.Context, id PlayerID, f PlayerSessionFilter) (Page[Session], error) {
	v := url.Values{}
	set(v, "status", joined(f.Status))
	setTime(v, "created_after", f.CreatedAfter)
	setTime(v, "created_before", f.CreatedBefore)
	set(v, "members", f.Members)
	return fetch[Page[Session]](ctx, s.c, read(playerPath(id)+"/sessions", paged(v, f.Limit, f.Cursor)))
}

// AllSessions returns an iterator over the sessions of a player that f selects, from its cursor on. It reads a page at
// a time and ends with the first error.
func (s *Players) AllSessions(ctx context.Context, id PlayerID, f PlayerSessionFilter) iter.Seq2[Session, error] {
	return allPages(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Session], error) {
		f.Cursor = cursor
		return s.Sessions(ctx, id, f)
	})
}
