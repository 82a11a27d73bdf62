package api

import (
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
		IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"Answer 304 if the document has one of these entity tags."`
	}
	// IdempotencyHeader makes a creation safe to retry.
	IdempotencyHeader struct {
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Makes a retry safe: for 24 hours the same key and body create nothing new."`
	}
	// Paging walks through a list.
	Paging struct {
		Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many items at most."`
		Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of an earlier answer to the same list."`
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
