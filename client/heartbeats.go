package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Heartbeat reports that a session is alive. It is for the host and for servers. From the first one on, the session
// turns stale without another for its StaleAfter, and expires without one for its ExpireAfter. It returns
// [ErrSessionNotFound], [ErrValidation], [ErrNotHost], [ErrStaleFence] and [ErrSessionEnded].
//
// [Sessions.KeepAlive] calls it as often as necessary.
func (s *Sessions) Heartbeat(ctx context.Context, b Heartbeat) (HeartbeatReply, error) {
	return fetch[HeartbeatReply](ctx, s.c, heartbeat(b))
}

func heartbeat(b Heartbeat) *call {
	path := sessionPath(b.SessionID) + "/heartbeat"
	return write(http.MethodPost, path, map[string]any{"fence": b.Fence, "players": b.Players})
}

// HeartbeatResult is the result of one heartbeat of several. Unless Err is nil, it has no more than a SessionID.
type HeartbeatResult struct {
	HeartbeatReply
	// Err is the error that the heartbeat would have returned alone: an [*Error].
	Err error
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *HeartbeatResult) UnmarshalJSON(b []byte) error {
	var failed struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(b, &failed); err != nil {
		return err
	}
	r.Err = nil
	if failed.Error != nil {
		e := new(Error)
		if !e.read(failed.Error) {
			return errBadResponse
		}
		r.Err = e
	}
	return json.Unmarshal(b, &r.HeartbeatReply)
}

// Heartbeats reports that up to [MaxHeartbeats] sessions are alive. It returns a result for each, in the same order:
// one that is rejected does not affect the others. It returns an error if nothing is known of any.
func (s *Sessions) Heartbeats(ctx context.Context, beats []Heartbeat) ([]HeartbeatResult, error) {
	type results struct {
		Results []HeartbeatResult `json:"results"`
	}
	if beats == nil {
		beats = []Heartbeat{}
	}
	body := map[string]any{"sessions": beats}
	r, err := fetch[results](ctx, s.c, write(http.MethodPost, basePath+"/heartbeats", body))
	return r.Results, err
}

// MemberHeartbeat reports that a member is connected, and reconnects one that is disconnected. From the first one on,
// the member is disconnected without another for the session's StaleAfter: NextDeadline says when. It returns
// [ErrSessionNotFound], [ErrMemberNotFound], [ErrMemberNotJoined] for a reservation, [ErrNotHost] and
// [ErrSessionEnded].
func (s *Sessions) MemberHeartbeat(
	ctx context.Context, id SessionID, player PlayerID, opts ...WriteOption,
) (HeartbeatReply, error) {
	return fetch[HeartbeatReply](ctx, s.c, with(write(http.MethodPost, memberPath(id, player)+"/heartbeat", nil), opts))
}
