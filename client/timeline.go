package client

import (
	"context"
	"iter"
	"net/url"
	"time"

	"game-session-manager/internal/game"
)

// Event says what one version of a session, a player or an API key changed, who changed it and when.
type Event struct {
	Subject Subject   `json:"subject"`
	Version int64     `json:"version"`      // of the subject after the changes
	Seq     int64     `json:"seq,omitzero"` // the place in the feed of the project, from 1; 0 where it is not known
	At      time.Time `json:"at"`
	Actor   Actor     `json:"actor"`
	// ActingAs is the player on whose behalf a server made the request; empty for none.
	ActingAs PlayerID `json:"acting_as,omitzero"`
	// RequestID identifies the request that made the changes, RunID the run of a background task. Players see neither.
	RequestID string   `json:"request_id,omitzero"`
	RunID     string   `json:"run_id,omitzero"`
	Changes   []Change `json:"changes"` // at least one, except where a player may see none of them
	// Position is where to continue after the event, if it came from [Sessions.Follow] or [Events.Follow].
	Position string `json:"position,omitzero"`
}

// Actor is who made a change: a player, an API key, an admin, or the service itself.
type Actor = game.Actor

// Change is one thing that changed. Its type determines which fields are set; the others are zero. A newer server may
// send types that this version of the package does not know.
type Change struct {
	Type string `json:"type"` // such as "member_removed"

	PlayerID     PlayerID `json:"player_id,omitzero"` // of a member
	FromPlayerID PlayerID `json:"from_player_id,omitzero"`
	ToPlayerID   PlayerID `json:"to_player_id,omitzero"`
	// Reason says why, such as "kicked", "suspended" or "erased" for a member who was removed.
	Reason string `json:"reason,omitzero"`
	// Why is the word that a caller gave for a kick or a ban, such as "cheating".
	Why    string        `json:"why,omitzero"`
	Fields []string      `json:"fields,omitzero"` // names of settings
	Status SessionStatus `json:"status,omitzero"` // of a session that was created
	// From and To are statuses, or, of liveness_changed, a [Liveness] each.
	From  SessionStatus `json:"from,omitzero"`
	To    SessionStatus `json:"to,omitzero"`
	Fence int64         `json:"fence,omitzero"` // of a server that has taken over

	Until     time.Time `json:"until,omitzero"` // the end of a suspension or of a ban; zero for none
	Scope     Scope     `json:"scope,omitzero"` // of an API key
	RetiresAt time.Time `json:"retires_at,omitzero"`

	PreviousUntil time.Time `json:"previous_until,omitzero"` // until when the secret before a rotation signs too, of a webhook
	Deliveries    int64     `json:"deliveries,omitzero"`     // that are replayed
}

// TimelineFilter selects a page of a timeline.
type TimelineFilter struct {
	Limit  int    // the maximum number of items; 0 for the server's default
	Cursor string // the NextCursor of the page before; empty for the first page
}

// Timeline returns one page of a session's events, newest first. It is for the host and for API keys, and returns
// [ErrSessionNotFound] and [ErrNotHost]. [Sessions.AllOfTimeline] iterates over all pages.
func (s *Sessions) Timeline(ctx context.Context, id SessionID, f TimelineFilter) (Page[Event], error) {
	return fetch[Page[Event]](ctx, s.c, read(sessionPath(id)+"/timeline", paged(url.Values{}, f.Limit, f.Cursor)))
}

// AllOfTimeline returns an iterator over a session's events, newest first. It reads a page at a time and ends with the
// first error.
func (s *Sessions) AllOfTimeline(ctx context.Context, id SessionID, f TimelineFilter) iter.Seq2[Event, error] {
	return allPages(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Event], error) {
		f.Cursor = cursor
		return s.Timeline(ctx, id, f)
	})
}
