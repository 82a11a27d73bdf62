package client

import (
	"context"
	"encoding/json"
	"fmt"

	"game-session-manager/internal/game"
)

// SessionTemplate describes the sessions that quick joins create. MaxPlayers is required.
type SessionTemplate = game.SessionTemplate

// QuickJoin asks for seats in any session that matches.
type QuickJoin struct {
	// Players get their seats in one session, all of them or none: 1 to [MaxParty].
	Players []JoinRequest
	Where   []Condition      // all must hold
	Order   []Order          // which sessions are tried first
	Create  *SessionTemplate // what is created if no session has room; it must meet Where. Nil for nothing
}

// QuickJoined is the session in which a quick join has found seats.
type QuickJoined struct {
	JoinedParty
	// Created reports whether the session was created by the call.
	Created bool `json:"created"`
}

// QuickJoin gives players seats in the first session that meets the conditions and has room for all of them, or creates
// one with them if none has and there is a template. Equal calls at the same time fill sessions before they create new
// ones. If the first of the players, or the player who calls, has a seat in such a session already, they get their
// seats there. A caller that is a player joins itself, and becomes host of what it creates; for the others seats are
// reserved.
//
// It returns [ErrValidation] (also if the template does not meet the conditions), [ErrPlayerNotFound],
// [ErrPlayerSuspended], [ErrAlreadyMember] (with another team or other attributes), [ErrPlayerInOtherSession],
// [ErrNoSessionAvailable] and [ErrTooBroad].
func (s *Sessions) QuickJoin(ctx context.Context, q QuickJoin, opts ...CreateOption) (QuickJoined, error) {
	where, err := unwrapped(q.Where)
	if err != nil {
		return QuickJoined{}, fmt.Errorf("client: quick join: %w", err)
	}
	body := struct {
		Players []JoinRequest      `json:"players"`
		Where   game.SearchWhere   `json:"where,omitempty"`
		Order   []game.SearchOrder `json:"order,omitempty"`
		Create  json.RawMessage    `json:"create,omitempty"`
	}{Players: q.Players, Where: where}
	if q.Create != nil {
		if body.Create, err = withoutEmpty(q.Create); err != nil {
			return QuickJoined{}, fmt.Errorf("client: quick join: %w", err)
		}
	}
	if body.Players == nil {
		body.Players = []JoinRequest{}
	}
	for _, o := range q.Order {
		body.Order = append(body.Order, o.o)
	}
	return fetch[QuickJoined](ctx, s.c, create(sessionsPath+"/quick-join", body, opts))
}
