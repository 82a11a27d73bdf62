package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"game-session-manager/internal/api"
	"game-session-manager/internal/report"
)

// brokenStreams panics where an event was delivered, until it is mended.
type brokenStreams struct {
	streamsSeen
	mended atomic.Bool
	open   atomic.Int64
}

func (s *brokenStreams) Opened(string) { s.open.Add(1) }

func (s *brokenStreams) Closed(form, reason string) {
	s.open.Add(-1)
	s.streamsSeen.Closed(form, reason)
}

func (s *brokenStreams) Delivered(time.Duration) {
	if !s.mended.Load() {
		panic("broken")
	}
}

// A stream in which something panics breaks off after the last message that was written, in either form, and can be
// resumed. The operator is told of the panic.
func TestPanicInStream(t *testing.T) {
	t.Parallel()
	told := make(chan report.Failure, 10)
	seen := new(brokenStreams)
	w := newStreamWorld(t, func(d *api.Deps) {
		failed := d.Failed
		d.Streams = seen
		d.Failed = func(ctx context.Context, f report.Failure) string {
			defer func() { told <- f }()
			return failed(ctx, f)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	get := func(headers ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.path(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Authorization", "Bearer good")
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}

	// Only what a client waits for is delivered, and nobody tells when one has begun to wait.
	editUntil := func(read func()) {
		t.Helper()
		ended := make(chan struct{})
		go func() { read(); close(ended) }()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			w.edit()
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}

	res := get()
	var body []byte
	var err error
	editUntil(func() { body, err = io.ReadAll(res.Body) })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream ends with %v", err)
	}
	text := string(body)
	if !strings.Contains(text, "data: ") || !strings.HasSuffix(text, "\n\n") || strings.Contains(text, "internal") {
		t.Errorf("the stream is %q, want whole events", text)
	}

	conn, _, err := w.dial(t, "Authorization", "Bearer good")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	var messages [][]byte
	editUntil(func() {
		var data []byte
		for _, data, err = conn.Read(ctx); err == nil; _, data, err = conn.Read(ctx) {
			messages = append(messages, data)
		}
	})
	if len(messages) == 0 || slices.ContainsFunc(messages, func(m []byte) bool { return said(t, m) != "event" }) {
		t.Errorf("got %q, want events", messages)
	}
	if websocket.CloseStatus(err) != -1 || ctx.Err() != nil {
		t.Errorf("after the panic: %v", err)
	}
	for range 2 {
		select {
		case f := <-told:
			if caught := (*report.Panic)(nil); !errors.As(f.Err, &caught) || f.Code != report.FailurePanic {
				t.Errorf("the operator is told of %+v", f)
			}
		case <-ctx.Done():
			t.Fatal("the operator is told of one panic only")
		}
	}
	if len(told) > 0 || seen.reasons() != "failed failed" || seen.open.Load() != 0 {
		t.Errorf("%d more failures are told of, and %d streams are open that ended by %q",
			len(told), seen.open.Load(), seen.reasons())
	}

	seen.mended.Store(true)
	id := text[strings.LastIndex(text, "id: ")+len("id: "):]
	id, _, _ = strings.Cut(id, "\n")
	last := strings.Count(text, "data: ") + 1 // the first event is of version 2
	resumed := get("Last-Event-ID", id)
	lines := bufio.NewScanner(resumed.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: ") {
	}
	if want := fmt.Sprintf(`"version":%d,`, last+1); !strings.Contains(lines.Text(), want) {
		t.Errorf("after %s comes %q, %v, want %s", id, lines.Text(), lines.Err(), want)
	}
}
