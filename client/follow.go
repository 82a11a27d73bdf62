package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"game-session-manager/internal/game"
)

const (
	// silence is after how long a stream is given up on which nothing comes: the server sends something every 15 s.
	silence = 45 * time.Second
	// maxFollowPause bounds the pause before a stream is opened again.
	maxFollowPause = 15 * time.Second
)

// follower reads a stream of events, again and again.
type follower struct {
	c        *Client
	path     string
	query    url.Values
	position string // of the last message; empty before the first
	passed   func(string)
	failures int // since the last message
}

// errStreamEnd says that the server has ended the stream, and that another one may continue it.
var errStreamEnd = errors.New("the stream has ended")

// errDone says that nothing follows.
var errDone = errors.New("nothing follows")

// follow returns an iterator over the events that a path has after a position.
func (c *Client) follow(
	ctx context.Context, path string, query url.Values, position string, passed func(string),
) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f := follower{c: c, path: path, query: query, position: position, passed: passed}
		for {
			stopped := false
			err := f.read(ctx, func(e Event) bool {
				stopped = !yield(e, nil)
				return !stopped
			})
			switch {
			case stopped, errors.Is(err, errDone):
				return
			case ctx.Err() != nil:
				err = context.Cause(ctx)
			case errors.Is(err, ErrRemoved):
			case !rejected(err):
				if game.Sleep(ctx, f.pause(err)) == nil {
					continue
				}
				err = context.Cause(ctx)
			}
			yield(Event{}, fmt.Errorf("client: GET %s: %w", f.path, err))
			return
		}
	}
}

// pause returns how long to wait before the next try, as that of heartbeats: see [keepAlive].
func (f *follower) pause(err error) time.Duration {
	bound := f.c.firstPause
	for range f.failures {
		bound = min(2*bound, maxFollowPause)
	}
	f.failures++
	asked := time.Duration(0)
	if e := (*Error)(nil); errors.As(err, &e) {
		asked = e.RetryAfter
	}
	if e := (*streamEnd)(nil); errors.As(err, &e) {
		asked = e.retry
	}
	return max(bound/2+rand.N(bound/2+1), asked) //nolint:gosec // jitter need not be unpredictable
}

// streamEnd is the end of a stream that another one may continue.
type streamEnd struct {
	reason string
	retry  time.Duration
}

func (e *streamEnd) Error() string { return "the stream has ended: " + e.reason }

// begin sets the position from which to follow, if that is from now on. Otherwise what happens until the first message
// would be lost with the connection.
func (f *follower) begin(ctx context.Context) error {
	if f.position != "" {
		return nil
	}
	q := read(f.path, maps.Clone(f.query))
	q.single = true
	p, err := fetch[EventPage](ctx, f.c, q)
	f.position = p.Position
	return err
}

// read reads one stream. It returns why it has ended, and any error if yield returns false.
func (f *follower) read(ctx context.Context, yield func(Event) bool) error {
	if err := f.begin(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := read(f.path, f.query)
	q.header.Set("Last-Event-ID", f.position)
	req, err := f.c.request(ctx, q)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	streams := *f.c.http
	streams.Timeout = 0 // of the whole response
	res, err := streams.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // what is left of it is not wanted
	switch {
	case res.StatusCode == http.StatusNoContent:
		return errDone
	case res.StatusCode != http.StatusOK:
		body, err := io.ReadAll(io.LimitReader(res.Body, f.c.maxResponse))
		if err != nil {
			return err
		}
		return newError(res, body)
	}
	body := &heard{res.Body, func() { alarm.Reset(silence) }}
	return f.messages(body, yield)
}

// messages handles the messages of a stream. Each has its data in one line, which says all that the others do.
func (f *follower) messages(body io.Reader, yield func(Event) bool) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, int(min(f.c.maxResponse, math.MaxInt)))
	complete := "" // once the empty line after it has come
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch {
		case name == "data":
			complete = strings.TrimPrefix(value, " ")
		case lines.Text() == "" && complete != "":
			if err := f.message(complete, yield); err != nil {
				return err
			}
			complete = ""
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errStreamEnd
}

// message handles a message.
func (f *follower) message(text string, yield func(Event) bool) error {
	var data struct {
		Type     string `json:"type"`
		Position string `json:"position"`
		Event    Event  `json:"event"`
		Reason   string `json:"reason"`
		Retry    int64  `json:"retry_ms"`
	}
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		return fmt.Errorf("%w: %w", errBadResponse, err)
	}
	switch data.Type {
	case "event":
		data.Event.Position = data.Position
		f.position, f.failures = data.Position, 0
		if !yield(data.Event) {
			return errDone
		}
	case "end":
		f.position = data.Position
		switch data.Reason {
		case "session_ended":
			return errDone
		case "removed":
			return ErrRemoved
		}
		return &streamEnd{data.Reason, time.Duration(data.Retry) * time.Millisecond}
	default: // also of newer servers
		f.position, f.failures = data.Position, 0
		if f.passed != nil {
			f.passed(data.Position)
		}
	}
	return nil
}

// heard is the body of a stream, which calls a function for each part that comes.
type heard struct {
	io.Reader
	came func()
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.came()
	}
	return n, err
}
