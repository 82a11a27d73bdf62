package api

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/game"
)

// Parameters that operations share. The types are exported because huma ignores embedded fields of other types.
type (
	// PlayerPath is the player's id in a path.
	PlayerPath struct {
		PlayerID game.PlayerID `path:"player_id" pattern:"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$" patternDescription:"a UUID" doc:"The player's id."`
	}
	// SessionPath is the session's id in a path.
	SessionPath struct {
		SessionID game.SessionID `path:"session_id" pattern:"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$" patternDescription:"a UUID" doc:"The session's id."`
	}
	// IdentityPath is an identity of a player in a path. Its limits in bytes are those of package game.
	IdentityPath struct {
		Provider string `path:"provider" pattern:"^[A-Za-z0-9_-]{1,32}$" patternDescription:"1 to 32 characters of A-Z a-z 0-9 _ -" doc:"The name of the provider, such as steam."`
		Subject  string `path:"subject" maxLength:"255" doc:"The id of the account there."`
	}
	// IfMatchHeader makes a change conditional.
	IfMatchHeader struct {
		IfMatch string `header:"If-Match" maxLength:"1024" doc:"Make the change only if the document has one of these entity tags."`
	}
	// FenceHeader makes a change conditional on the authority over a session.
	FenceHeader struct {
		SessionFence Optional[int64] `header:"Session-Fence" minimum:"0" doc:"The fence of the session that the caller knows: make the change only if no other host or server has taken over."`
	}
	// SessionChange is what changes of a session have in common.
	SessionChange struct {
		SessionPath
		IfMatchHeader
		FenceHeader
	}
	// IfNoneMatchHeader makes a read conditional.
	IfNoneMatchHeader struct {
		IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"Return 304 if the response would have one of these entity tags."`
	}
	// IdempotencyHeader makes a creation safe to retry.
	IdempotencyHeader struct {
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Makes a retry safe: for 24 hours the same key and body create nothing new."`
	}
	// PreferHeader requests a short response.
	PreferHeader struct {
		Prefer string `header:"Prefer" maxLength:"1024" doc:"return=minimal (RFC 7240) leaves the members out of the session in the response."`
	}
	// Paging selects a page of a list.
	Paging struct {
		IfNoneMatchHeader
		Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"The maximum number of items."`
		Cursor string `query:"cursor" maxLength:"64" doc:"The next_cursor of an earlier response of the same list."`
	}
)

// Optional is a parameter that may be left out.
type Optional[T any] struct {
	v    T
	sent bool
}

// Schema implements [huma.SchemaProvider].
func (*Optional[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// Receiver implements [huma.ParamWrapper].
func (o *Optional[T]) Receiver() reflect.Value { return reflect.ValueOf(&o.v).Elem() }

// OnParamSet implements [huma.ParamReactor].
func (o *Optional[T]) OnParamSet(sent bool, _ any) { o.sent = sent }

// value returns the parameter, or nil if it was left out.
func (o *Optional[T]) value() *T {
	if !o.sent {
		return nil
	}
	return &o.v
}

func (h IdempotencyHeader) idempotency(route string, body any) (game.Idempotency, error) {
	if h.IdempotencyKey == "" {
		return game.Idempotency{}, nil
	}
	b, err := json.Marshal(body)
	return game.Idempotency{Key: h.IdempotencyKey, Route: route, Body: b}, err
}

// page is one page of a list.
type page[D any] struct {
	Items      []D     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" doc:"Continues the list; null on the last page."`

	json []byte // the encoded page; nil if it is not encoded yet
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

// encoded returns the page as it was encoded before, or nil.
func (p page[D]) encoded() []byte { return p.json }

// boundedPage returns an encoded page of at most [game.MaxPageBytes], which ends early if its documents are larger, but
// has at least one. From then on the page is all the memory that the request needs.
// Its documents have the fields that only names, or all if it is nil.
func boundedPage[D, B any](ctx context.Context, l game.List[D], only []string, body func(D) B) (page[B], error) {
	w := writer{b: make([]byte, 0, (1+len(l.Items))*typicalSize), only: only}
	w.open('{')
	w.name("items")
	w.open('[')
	var shown B
	for i, d := range l.Items {
		end := len(w.b)
		w.next()
		shown = body(d)
		w.document(&shown)
		if i > 0 && len(w.b) > game.MaxPageBytes-pageEnd {
			w.b, l = w.b[:end], l.First(i)
			break
		}
	}
	w.close(']')
	w.name("next_cursor")
	w.marshal(reflect.ValueOf(newPage(l).NextCursor))
	w.close('}')
	game.KeepRoom(ctx, cap(w.b))
	return page[B]{json: w.b}, w.err
}

// pageEnd is the room in bytes that is left for what follows the items of a page.
const pageEnd = 512 + game.MaxSearchCursor
