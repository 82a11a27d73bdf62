package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Code sends a join code along with [Sessions.Join] and [Sessions.JoinParty], which other calls reject.
func Code(code string) WriteOption { return member("code", code) }

// Password sends a session's password along with [Sessions.Join] and [Sessions.JoinParty], which other calls reject.
func Password(password string) WriteOption { return member("password", password) }

// member returns the option that adds a member to the body of a call.
func member(name, value string) WriteOption {
	return func(q *call) {
		var members map[string]json.RawMessage
		if q.err = json.Unmarshal(q.body, &members); q.err != nil {
			return
		}
		if members[name], q.err = json.Marshal(value); q.err == nil {
			q.body, q.err = json.Marshal(members)
		}
	}
}

// JoinByCode is [Sessions.Join] for the session that has the join code, which may be in any case. It returns
// [ErrInvalidJoinCode] if no session has it, or if it has expired or is used up, and [ErrTooManyGuesses] after too many
// wrong codes.
func (s *Sessions) JoinByCode(ctx context.Context, code string, j JoinRequest, opts ...WriteOption) (Joined, error) {
	q := write(http.MethodPost, sessionsPath+"/join-by-code", j)
	return fetch[Joined](ctx, s.c, with(q, append([]WriteOption{Code(code)}, opts...)))
}

// JoinPartyByCode is [Sessions.JoinParty] for the session that has the party's Code, as [Sessions.JoinByCode].
func (s *Sessions) JoinPartyByCode(ctx context.Context, p Party, opts ...WriteOption) (JoinedParty, error) {
	if p.Players == nil {
		p.Players = []JoinRequest{}
	}
	return fetch[JoinedParty](ctx, s.c, with(write(http.MethodPost, sessionsPath+"/join-by-code", p), opts))
}

func codePath(id SessionID) string { return sessionPath(id) + "/code" }

// RotateJoinCode gives a session a new join code, in place of the one that it has. It is for the host and for servers.
// It returns [ErrSessionNotFound], [ErrValidation], [ErrNotHost] and [ErrSessionEnded].
func (s *Sessions) RotateJoinCode(
	ctx context.Context, id SessionID, r JoinCodeRequest, opts ...WriteOption,
) (JoinCode, error) {
	return fetch[JoinCode](ctx, s.c, with(write(http.MethodPost, codePath(id), r), opts))
}

// RemoveJoinCode removes the join code of a session. It succeeds if there is none. It is for the host and for servers.
// It returns [ErrSessionNotFound] and [ErrNotHost].
func (s *Sessions) RemoveJoinCode(ctx context.Context, id SessionID, opts ...WriteOption) error {
	return s.c.send(ctx, with(write(http.MethodDelete, codePath(id), nil), opts), nil)
}
