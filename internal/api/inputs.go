package api

import (
	"context"
	"encoding/json"

	"game-session-manager/internal/game"
)

// What operations have in common. The types are exported because huma reads embedded fields of exported types only.
type (
	// PlayerPath names a player.
	PlayerPath struct {
		PlayerID game.PlayerID `path:"player_id" pattern:"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$" patternDescription:"a UUID" doc:"The player's id."`
	}
	// SessionPath names a session.
	SessionPath struct {
		SessionID game.SessionID `path:"session_id" pattern:"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$" patternDescription:"a UUID" doc:"The session's id."`
	}
	// IfMatchHeader makes a change conditional.
	IfMatchHeader struct {
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"Make the change only if the document has one of these entity tags."`
	}
	// IfNoneMatchHeader makes a read conditional.
	IfNoneMatchHeader struct {
		IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"Return 304 if the document has one of these entity tags."`
	}
	// IdempotencyHeader makes a creation safe to retry.
	IdempotencyHeader struct {
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Makes a retry safe: for 24 hours the same key and body create nothing new."`
	}
	// PreferHeader asks for a short response.
	PreferHeader struct {
		Prefer string `header:"Prefer" maxLength:"1024" doc:"return=minimal (RFC 7240) leaves the members out of the session in the response."`
	}
	// Paging walks through a list.
	Paging struct {
		Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"The maximum number of items."`
		Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of an earlier response of the same list."`
	}
)

func (h IdempotencyHeader) idempotency(route string, body any) (game.Idempotency, error) {
	if h.IdempotencyKey == "" {
		return game.Idempotency{}, nil
	}
	b, err := json.Marshal(body)
	return game.Idempotency{Key: h.IdempotencyKey, Route: route, Body: b}, err
}

// page is the body of a list.
type page[D any] struct {
	Items      []D     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" doc:"Continues the list; null on the last page."`

	written []byte // the page as it is written by hand; nil where it is not
}

func newPage[D any](l game.List[D]) page[D] {
	p := page[D]{Items: l.Items}
	if p.Items == nil {
		p.Items = []D{}
	}
	if l.NextCursor != "" {
		p.NextCursor = &l.NextCursor
	}
	return p
}

// boundedPage returns a page that ends early where its documents would have more than [game.MaxPageBytes]: after one
// at least. From then on the page is all that the request needs room for.
func boundedPage[D any](ctx context.Context, l game.List[D], document func(*writer, *D)) page[D] {
	var w writer
	w.grow(1 + len(l.Items))
	w.open('{')
	w.name("items")
	w.open('[')
	for i := range l.Items {
		end := len(w.b)
		w.next()
		document(&w, &l.Items[i])
		if i > 0 && len(w.b) > game.MaxPageBytes-pageEnd {
			w.b, l = w.b[:end], l.First(i)
			break
		}
	}
	w.close(']')
	p := newPage(l)
	if w.optionalText("next_cursor", p.NextCursor); w.failed {
		return p
	}
	w.close('}')
	p.Items, p.written = nil, w.b
	game.KeepRoom(ctx, cap(w.b))
	return p
}

// pageEnd is room for what follows the items of a page.
const pageEnd = 512
