package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// maxHeartbeatsBody is the maximum size in bytes of the body of heartbeats of several sessions. It has room for
// [game.MaxHeartbeats] sessions with 20 players each.
const maxHeartbeatsBody = 1 << 20

type heartbeatIn struct {
	SessionPath
	FenceHeader
	Sent Body[oneHeartbeat]
}

// oneHeartbeat is a heartbeat whose session is that of the path.
type oneHeartbeat struct{ game.Heartbeat }

// Validate returns ErrValidation with everything that is wrong, except for the session.
func (b oneHeartbeat) Validate() error {
	b.SessionID = "00000000-0000-0000-0000-000000000000"
	return b.Heartbeat.Validate()
}

// in returns the heartbeat of a session. The fence of its body and of its header must not differ.
func (b oneHeartbeat) in(id game.SessionID, header *int64) (game.Heartbeat, error) {
	h := b.Heartbeat
	h.SessionID = id
	switch {
	case header == nil:
	case h.Fence == nil:
		h.Fence = header
	case *h.Fence != *header:
		return h, game.InvalidField("fence", "must be that of the header Session-Fence, or be left out")
	}
	return h, nil
}

func (a *API) sendHeartbeat(ctx context.Context, in *heartbeatIn) (*bodyOut[game.HeartbeatReply], error) {
	b, err := in.Sent.Value().in(in.SessionID, in.SessionFence.value())
	if err != nil {
		return nil, err
	}
	return bodyResponse(a.Sessions.Heartbeat(ctx, b))
}

type memberHeartbeatIn struct {
	SessionPath
	PlayerPath
	FenceHeader
}

func (a *API) sendMemberHeartbeat(ctx context.Context, in *memberHeartbeatIn) (*bodyOut[game.HeartbeatReply], error) {
	return bodyResponse(a.Sessions.MemberHeartbeat(ctx, in.SessionID, in.condition(), in.PlayerID))
}

type heartbeatsIn struct {
	Sent Body[heartbeats]
}

// heartbeats are those of several sessions.
type heartbeats struct {
	Sessions []game.Heartbeat `json:"sessions" maxItems:"1000" nullable:"false" doc:"One heartbeat for each session."`
}

// Validate returns nil: what is wrong with one heartbeat is its result.
func (heartbeats) Validate() error { return nil }

type heartbeatResults struct {
	Results []heartbeatResult `json:"results" nullable:"false" doc:"A result for each heartbeat, in the same order."`
}

// heartbeatResult has either the fields of a [game.HeartbeatReply] or an error.
type heartbeatResult struct {
	*game.HeartbeatReply
	SessionID game.SessionID `json:"session_id" doc:"The session."`
	Error     *web.Problem   `json:"error,omitempty" doc:"Why the heartbeat was rejected; absent if it was accepted."`
}

// sendHeartbeatsRoute is the path of heartbeats of several sessions.
const sendHeartbeatsRoute = basePath + "/heartbeats"

func (a *API) sendHeartbeats(ctx context.Context, in *heartbeatsIn) (*bodyOut[heartbeatResults], error) {
	results, err := a.Sessions.Heartbeats(ctx, in.Sent.Value().Sessions)
	if err != nil {
		return nil, err
	}
	out := heartbeatResults{Results: make([]heartbeatResult, len(results))}
	for i := range results {
		r := &results[i]
		if out.Results[i].SessionID = r.SessionID; r.Err != nil {
			out.Results[i].Error = a.heartbeatProblem(ctx, i, r.Err)
			continue
		}
		out.Results[i].HeartbeatReply = &r.HeartbeatReply
	}
	return bodyResponse(out, nil)
}

// heartbeatProblem returns the problem of one heartbeat of several.
func (a *API) heartbeatProblem(ctx context.Context, i int, err error) *web.Problem {
	p := a.problem(ctx, route{path: sendHeartbeatsRoute, body: &body{}}, err)
	p.RequestID = game.RequestIDFrom(ctx)
	for n := range p.Errors {
		field := strings.TrimPrefix(p.Errors[n].Location, "body.")
		p.Errors[n].Location = fmt.Sprintf("body.sessions.%d.%s", i, field)
	}
	return p
}

// takeBodyRoom waits for the memory for a large body, whose length may be unknown. It returns the problem of a request
// that does not get it.
func takeBodyRoom(ctx huma.Context, b *web.Bodies) *web.Problem {
	length := b.Max
	if r, _ := humago.Unwrap(ctx); r.ContentLength >= 0 {
		length = min(length, int(r.ContentLength))
	}
	if length <= web.MaxBody {
		return nil
	}
	if err := game.TakeRoom(ctx.Context(), length); err != nil {
		return overloaded()
	}
	return nil
}
