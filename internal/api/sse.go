package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"
)

// eventStream writes server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	timeout time.Duration
}

// newEventStream begins a response.
func newEventStream(w http.ResponseWriter, r *http.Request, timeout time.Duration) *eventStream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold back what does not fill a buffer
	return &eventStream{w, r, http.NewResponseController(w), timeout}
}

func (s *eventStream) form() streamForm { return formSSE }

func (s *eventStream) context() context.Context { return s.r.Context() }

func (s *eventStream) begin(retry time.Duration) error { return s.write(&sse.Message{Retry: retry}) }

func (s *eventStream) send(m *streamMessage) error {
	message, err := sseMessage(m)
	if err != nil {
		return err
	}
	return s.write(message)
}

func (s *eventStream) idle() error {
	var m sse.Message
	m.AppendComment("")
	return s.write(&m)
}

func (s *eventStream) end(m *streamMessage) {
	if m == nil {
		return
	}
	message, err := sseMessage(m)
	if err != nil {
		return
	}
	message.Retry = time.Duration(m.Retry) * time.Millisecond
	_ = s.write(message) // an error means that the client has gone
}

// sseMessage returns a message whose name is its type, but for events, which need none: browsers hand those to
// onmessage.
func sseMessage(m *streamMessage) (*sse.Message, error) {
	var data bytes.Buffer
	if err := marshal(&data, m); err != nil {
		return nil, err
	}
	message := &sse.Message{ID: sse.ID(m.Position)}
	if m.Type != messageEvent {
		message.Type = sse.Type(m.Type)
	}
	message.AppendData(data.String())
	return message, nil
}

// write writes a message to the client. Between messages there is no deadline.
func (s *eventStream) write(m *sse.Message) error {
	text, err := m.MarshalText()
	if err != nil {
		return err
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err //nolint:wrapcheck // for unwritten
	}
	if err := s.control.Flush(); err != nil {
		return err //nolint:wrapcheck // for unwritten
	}
	return s.control.SetWriteDeadline(time.Time{})
}
