package client

import (
	"context"
	"net/url"
)

// ExportPage returns a page of everything that is stored about a player: the first for the empty cursor. It is for
// admins and the player itself, and returns [ErrPlayerNotFound] and [ErrForbidden].
func (s *Players) ExportPage(ctx context.Context, id PlayerID, cursor string) (PlayerExport, error) {
	return fetch[PlayerExport](ctx, s.c, read(playerPath(id)+"/export", paged(url.Values{}, 0, cursor)))
}

// Export returns everything that is stored about a player as one document, for a request for one's personal data. It
// reads all pages, each of about a megabyte at most, into memory. It returns the errors of [Players.ExportPage].
func (s *Players) Export(ctx context.Context, id PlayerID) (PlayerExport, error) {
	all, err := s.ExportPage(ctx, id, "")
	for err == nil && all.NextCursor != nil {
		var next PlayerExport
		next, err = s.ExportPage(ctx, id, *all.NextCursor)
		all.Sessions, all.Events = append(all.Sessions, next.Sessions...), append(all.Events, next.Events...)
		all.NextCursor = next.NextCursor
	}
	if err != nil {
		return PlayerExport{}, err
	}
	return all, nil
}
