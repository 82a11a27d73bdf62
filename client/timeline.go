package client

import (
	"context"
	"iter"
	"net/url"
	"time"

	"game-session-manager/internal/game"
)

// Event says what one version of a session changed, who changed it and when.
type Event struct {
	Version int64     `json:"version"` // of the session, from this event on
	At      time.Time `json:"at"`
	Actor   Actor     `json:"actor"`
	// ActingAs is the player as whom a server made the request, empty for none.
	ActingAs PlayerID `json:"acting_as"`
	// RequestID is the request that made the changes, RunID the run of background work. Players see neither.
	RequestID string   `json:"request_id"`
	RunID     string   `json:"run_id"`
	Changes   []Change `json:"changes"` // at least one
}

// Actor is who made a change: a player, an API key, an admin, or the service itself.
type Actor = game.Actor

// Change is one thing that changed. Which fields it has depends on its type; the others are zero. A newer server may
// send types that this version of the package does not name.
type Change struct {
	Type string `json:"type"` // such as "member_removed"

	PlayerID     PlayerID `json:"player_id"` // of a member
	FromPlayerID PlayerID `json:"from_player_id"`
	ToPlayerID   PlayerID `json:"to_player_id"`
	// Reason says why, such as "kicked", "suspended" or "erased" of a member who was removed.
	Reason string        `json:"reason"`
	Fields []string      `json:"fields"` // names of settings
	Status SessionStatus `json:"status"` // of a session that was created
	From   SessionStatus `json:"from"`
	To     SessionStatus `json:"to"`

	Until     time.Time `json:"until"` // of a suspension; zero where it has no end
	Scope     Scope     `json:"scope"` // of an API key
	RetiresAt time.Time `json:"retires_at"`
}

// TimelineFilter selects a page of a timeline.
type TimelineFilter struct {
	Limit  int    // at most this many; 0 for the server's usual number
	Cursor string // the NextCursor of the page before; empty for the first
}

// Timeline returns a page of what happened to a session, newest first, for its host and for API keys. It returns
// [ErrSessionNotFound] and [ErrNotHost]. [Sessions.AllOfTimeline] goes through all of them.
func (s *Sessions) Timeline(ctx context.Context, id SessionID, f TimelineFilter) (Page[Event], error) {
	return fetch[Page[Event]](ctx, s.c, read(sessionPath(id)+"/timeline", paged(url.Values{}, f.Limit, f.Cursor)))
}

// AllOfTimeline goes through what happened to a session, newest first. It ends with the first error.
func (s *Sessions) AllOfTimeline(ctx context.Context, id SessionID, f TimelineFilter) iter.Seq2[Event, error] {
	return all(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Event], error) {
		f.Cursor = cursor
		return s.Timeline(ctx, id, f)
	})
}
