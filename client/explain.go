package client

import (
	"context"
	"fmt"
	"net/http"

	"game-session-manager/internal/game"
)

// Explanations and their parts, as the server returns them.
type (
	// Explanation says why a search does not find a session, and why a player cannot join it.
	Explanation = game.Explanation
	// Reason is one reason, with the field that decides.
	Reason = game.Reason
	// ReasonCode says what a reason is. [ReasonCodes] returns all.
	ReasonCode = game.ReasonCode
	// SearchReason is a part of a search with what the search would find without it.
	SearchReason = game.SearchReason
)

// ReasonCodes returns all codes of reasons.
func ReasonCodes() []ReasonCode { return game.ReasonCodes() }

// ExplainQuery says what is to be explained.
type ExplainQuery struct {
	PlayerID PlayerID    // who would join; empty for the caller if that is a player, or else for any newcomer
	Team     string      // that the player would ask for
	Where    []Condition // of the search
	Include  []Obstacle  // of the search
}

// Explain returns why a search does not find a session, and why a player without a code cannot join it. A caller that
// is a player asks for itself. It returns [ErrSessionNotFound] and [ErrValidation].
func (s *Sessions) Explain(ctx context.Context, id SessionID, q ExplainQuery) (Explanation, error) {
	where, err := unwrapped(q.Where)
	if err != nil {
		return Explanation{}, fmt.Errorf("client: explain: %w", err)
	}
	call := write(http.MethodPost, sessionPath(id)+"/explain",
		game.ExplainRequest{PlayerID: q.PlayerID, Team: q.Team, Where: where, Include: q.Include})
	call.reads = true
	return fetch[Explanation](ctx, s.c, call)
}
