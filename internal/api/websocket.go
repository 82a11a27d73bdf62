package api

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// wrongHandshake returns what is wrong with a request to open a WebSocket, or nil.
func wrongHandshake(ctx huma.Context) []error {
	if ctx.Header("Sec-WebSocket-Key") != "" && ctx.Header("Sec-WebSocket-Version") == "13" &&
		ctx.Version().ProtoMajor == 1 {
		return nil
	}
	return []error{&huma.ErrorDetail{
		Location: "header.Upgrade", Message: "must be part of the handshake of a WebSocket by HTTP/1.1 (RFC 6455)",
	}}
}

// webSocket sends messages as texts of a WebSocket.
type webSocket struct {
	conn    *websocket.Conn
	ctx     context.Context //nolint:containedctx // it ends with the connection
	timeout time.Duration
}

// acceptWebSocket completes the handshake. It returns nil if it has written a problem instead. Credentials are never
// sent by browsers on their own, but pages of other origins may open a WebSocket, unlike other requests.
func (a *API) acceptWebSocket(w http.ResponseWriter, r *http.Request) messenger {
	if origin := r.Header.Get("Origin"); origin != "" && !slices.Contains(a.Origins, origin) {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			web.WriteProblem(w, web.NewProblem(http.StatusForbidden, "cross_origin", notListed))
			return nil
		}
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // checked above
	if err != nil {
		return nil // it has written why
	}
	return &webSocket{conn, conn.CloseRead(r.Context()), a.streamTimeout()}
}

func (s *webSocket) form() streamForm { return formWebSocket }

func (s *webSocket) context() context.Context { return s.ctx }

func (s *webSocket) begin(time.Duration) error { return nil }

func (s *webSocket) send(m *streamMessage) error {
	var data bytes.Buffer
	if err := marshal(&data, m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, data.Bytes())
}

func (s *webSocket) idle() error {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	return s.conn.Ping(ctx)
}

func (s *webSocket) end(m *streamMessage) {
	if m == nil || s.send(m) != nil {
		_ = s.conn.CloseNow() // the client has gone
		return
	}
	code := websocket.StatusTryAgainLater
	switch m.Reason { //nolint:exhaustive // the others
	case endReason(game.FollowSessionEnded), endReason(game.FollowRemoved):
		code = websocket.StatusNormalClosure
	case endUnauthenticated:
		code = websocket.StatusPolicyViolation
	case endShutdown:
		code = websocket.StatusServiceRestart
	}
	_ = s.conn.Close(code, string(m.Reason)) // an error means that the client has gone
}
