package tests_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tmaxmax/go-sse"

	"game-session-manager/client"
)

// message is a message of an event stream.
type message struct {
	Type     string        `json:"type"`
	Position string        `json:"position"`
	Session  *object       `json:"session"`
	Event    *client.Event `json:"event"`
	Reason   string        `json:"reason"`
	Retry    int           `json:"retry_ms"`
}

// stream is an event stream that a test reads.
type stream struct {
	messages chan message // closed at its end
	err      error        // of its end, set before that
	cancel   func()
}

// next returns the next message, or fails the test if there is none.
func (s *stream) next(t *testing.T) message {
	t.Helper()
	select {
	case m, ok := <-s.messages:
		if !ok {
			t.Fatalf("the stream has ended: %v", s.err)
		}
		return m
	case <-time.After(patience):
		t.Fatal("no message comes")
	}
	return message{}
}

// event returns the next message, which must be the event of a version.
func (s *stream) event(t *testing.T, version int64) client.Event {
	t.Helper()
	m := s.next(t)
	if m.Event == nil || m.Event.Version != version {
		t.Fatalf("got %+v, want the event of version %d", m, version)
	}
	return *m.Event
}

// ends fails the test unless the stream ends now, with a message that says why.
func (s *stream) ends(t *testing.T, reason string) message {
	t.Helper()
	m := s.next(t)
	if m.Type != "end" || m.Reason != reason {
		t.Fatalf("got %+v, want the end because of %s", m, reason)
	}
	select {
	case more, ok := <-s.messages:
		if ok {
			t.Fatalf("%+v follows the end", more)
		}
	case <-time.After(patience):
		t.Fatal("the connection stays open")
	}
	return m
}

// eventsOf returns the path of the events of a session.
func eventsOf(id client.SessionID, query string) string {
	return "/api/v1/sessions/" + string(id) + "/events" + query
}

// openSSE opens a stream of server-sent events, or returns the response if it is something else.
func (s *server) openSSE(ctx context.Context, path string, headers ...string) (*stream, *http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.streaming().Do(req)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer cancel()
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		res.Body = io.NopCloser(strings.NewReader(string(b)))
		return nil, res, nil
	}
	st := &stream{messages: make(chan message), cancel: cancel}
	go func() {
		defer close(st.messages)
		defer func() { _ = res.Body.Close() }()
		for e, err := range sse.Read(res.Body, &sse.ReadConfig{MaxEventSize: 8 << 20}) {
			if err != nil {
				st.err = err
				return
			}
			var m message
			if err := json.Unmarshal([]byte(e.Data), &m); err != nil {
				st.err = err
				return
			}
			if m.Position != e.LastEventID || m.Type != e.Type && (m.Type != "event" || e.Type != "") {
				st.err = errors.New("not the id or the name of its data: " + e.LastEventID + " " + e.Type)
				return
			}
			select {
			case st.messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	return st, res, nil
}

// sse opens a stream of server-sent events.
func (s *server) sse(t *testing.T, path string, headers ...string) *stream {
	t.Helper()
	st, res, err := s.openSSE(t.Context(), path, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if st == nil {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: status %d: %s", path, res.StatusCode, b)
	}
	t.Cleanup(st.cancel)
	return st
}

// openWebSocket opens a WebSocket, or returns the response if it is something else.
func (s *server) openWebSocket(ctx context.Context, path string, headers ...string) (*stream, *http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	ctx, cancel := context.WithCancel(ctx)
	conn, res, err := websocket.Dial(ctx, s.url+path, &websocket.DialOptions{HTTPHeader: h, HTTPClient: s.streaming()})
	if err != nil {
		cancel()
		return nil, res, err
	}
	conn.SetReadLimit(8 << 20)
	st := &stream{messages: make(chan message), cancel: cancel}
	go func() {
		defer close(st.messages)
		for {
			_, b, err := conn.Read(ctx)
			if err != nil {
				st.err = err
				return
			}
			var m message
			if err := json.Unmarshal(b, &m); err != nil {
				st.err = err
				return
			}
			select {
			case st.messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	return st, res, nil
}

// streaming returns a client for streams, which last.
func (s *server) streaming() *http.Client {
	h := *s.http
	h.Timeout = 0
	return &h
}

// webSocket opens a WebSocket.
func (s *server) webSocket(t *testing.T, path string, headers ...string) *stream {
	t.Helper()
	st, _, err := s.openWebSocket(t.Context(), path, headers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.cancel)
	return st
}

// locked changes a session, which makes a version.
func (s *server) toggle(t *testing.T, id client.SessionID, n int) {
	t.Helper()
	for range n {
		v, err := s.api.Sessions.Get(t.Context(), id)
		if err == nil {
			_, err = s.api.Sessions.Patch(t.Context(), id, client.Patch{"locked": !v.Locked})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Events as JSON: from the first, from a position, and waiting for the next.
func TestEventsAsJSON(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	s.toggle(t, v.ID, 4)
	get := func(query string) object {
		t.Helper()
		got := s.do(t, "GET "+eventsOf(v.ID, query), "").is(http.StatusOK)
		s.contract(t).check(t, "GET /api/v1/sessions/{session_id}/events", got)
		return got.json()
	}
	want := func(got object, after, to int) string {
		t.Helper()
		items := got.list("items")
		for i, e := range items {
			if e["version"] != float64(after+i+1) {
				t.Errorf("item %d after %d is %v", i, after, e)
			}
		}
		if len(items) != to-after || got["end"] != nil {
			t.Errorf("got %v, want versions %d to %d", got, after+1, to)
		}
		return got.text("position")
	}
	position := want(get(""), 5, 5) // from now on
	two := want(get("?after=0&limit=2"), 0, 2)
	want(get("?after="+two), 2, 5)
	if shown := get("?snapshot=true"); shown.object("session")["version"] != 5.0 || shown.text("position") != position {
		t.Errorf("the snapshot is %v", shown)
	}
	if shown := get("?snapshot=true&after=" + two); shown["session"] != nil {
		t.Errorf("where it can continue, there is a snapshot: %v", shown)
	}

	waited := make(chan object, 1)
	go func() {
		got, err := s.try(t.Context(), "GET "+eventsOf(v.ID, "?wait=30&after="+position), "")
		var o object
		if err == nil {
			err = json.Unmarshal([]byte(got.body), &o)
		}
		if err != nil {
			t.Error(err)
		}
		waited <- o
	}()
	eventually(t, "somebody waits", func() bool { return strings.Contains(s.metrics(t), "gsm_stream_followers 1") })
	s.toggle(t, v.ID, 1)
	want(<-waited, 5, 6)
	want(get("?wait=1"), 6, 6)

	epoch, _, _ := strings.Cut(position, ".")
	for _, after := range []string{"0123456789abcdef.3", epoch + ".7"} {
		p := s.do(t, "GET "+eventsOf(v.ID, "?after="+after), "").problem(http.StatusGone, "feed_gap")
		if p["current_version"] != 6.0 || p.text("position") != epoch+".6" {
			t.Errorf("after %s: %v", after, p)
		}
		if shown := get("?snapshot=true&after=" + after); shown.object("session")["version"] != 6.0 {
			t.Errorf("the snapshot is %v", shown)
		}
	}
	for _, query := range []string{"?after=x", "?after=1.2.3", "?wait=31", "?limit=101", "?after=-1"} {
		s.do(t, "GET "+eventsOf(v.ID, query), "").problem(http.StatusUnprocessableEntity, "validation_error")
	}
	s.do(t, "GET "+eventsOf("00000000-0000-7000-8000-000000000000", ""), "").
		problem(http.StatusNotFound, "session_not_found")
	s.do(t, "GET "+eventsOf(v.ID, ""), "", "Upgrade", "websocket", "Connection", "Upgrade").
		problem(http.StatusUnprocessableEntity, "validation_error")

	if err := s.api.Sessions.Cancel(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	last := get("?wait=30&after=" + epoch + ".6")
	if last["end"] != "session_ended" || len(last.list("items")) != 1 {
		t.Errorf("the end is %v", last)
	}
	if again := get("?wait=30&after=" + last.text("position")); again["end"] != "session_ended" {
		t.Errorf("after the end comes %v", again)
	}
	s.do(t, "HEAD "+eventsOf(v.ID, ""), "").is(http.StatusOK)
}

// A stream begins with the session, tells what happens, can be resumed, and ends with the session.
func TestEventStreams(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, open := range map[string]func(*testing.T, string, ...string) *stream{
		"sse": s.sse, "websocket": s.webSocket,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
			first := open(t, eventsOf(v.ID, "?snapshot=true"))
			if m := first.next(t); m.Type != "snapshot" || (*m.Session)["version"] != 1.0 {
				t.Fatalf("the first message is %+v", m)
			}
			s.toggle(t, v.ID, 2)
			first.event(t, 2)
			m := first.next(t)
			first.cancel()
			s.toggle(t, v.ID, 3)
			resumed := open(t, eventsOf(v.ID, "?snapshot=true"), "Last-Event-ID", m.Position)
			for version := range int64(3) {
				resumed.event(t, 4+version)
			}
			s.toggle(t, v.ID, 1)
			resumed.event(t, 7)
			if err := s.api.Sessions.Cancel(t.Context(), v.ID); err != nil {
				t.Fatal(err)
			}
			if e := resumed.event(t, 8); e.Changes[0].Type != "status_changed" {
				t.Errorf("the last event is %+v", e)
			}
			end := resumed.ends(t, "session_ended")
			if end.Retry != 0 {
				t.Errorf("after the end of the session, the client should come back: %+v", end)
			}
			whole := open(t, eventsOf(v.ID, "?after=0"))
			for version := range int64(8) {
				whole.event(t, 1+version)
			}
			whole.ends(t, "session_ended")
			_, res, err := s.openSSE(t.Context(), eventsOf(v.ID, ""), "Last-Event-ID", end.Position)
			if err != nil || res.StatusCode != http.StatusNoContent {
				t.Errorf("a browser that connects again gets %v, %v", res, err)
			}
		})
	}
}

// Players see no request ids, no bans and nobody else who waits. A player who is kicked sees that, and nothing more.
func TestEventsThatPlayersSee(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, players := s.lobby(t, "seer", 3, client.Settings{MaxPlayers: 3})
	waiting := s.newPlayer(t, "waiting")
	open := func(p client.Player) *stream { return s.sse(t, eventsOf(v.ID, ""), "X-Act-As-Player", string(p.ID)) }
	host, member, kicked := open(players[0]), open(players[1]), open(players[2])
	everything := s.sse(t, eventsOf(v.ID, ""))
	_, res, err := s.openSSE(t.Context(), eventsOf(v.ID, ""), "X-Act-As-Player", string(waiting.ID))
	if err != nil || res.StatusCode != http.StatusForbidden {
		t.Fatalf("one who is not in it gets %v, %v", res, err)
	}
	s.do(t, "POST /api/v1/sessions/"+string(v.ID)+"/members", `{"player_id":"`+string(waiting.ID)+`","wait":true}`,
		"X-Act-As-Player", string(waiting.ID)).is(http.StatusAccepted)
	waiter := open(waiting)
	s.do(t, "DELETE /api/v1/sessions/"+string(v.ID)+"/members/"+string(players[2].ID)+"?reason=cheating&ban=3600", "",
		"X-Act-As-Player", string(players[0].ID)).is(http.StatusNoContent)

	types := func(e client.Event) string {
		var all []string
		for _, c := range e.Changes {
			all = append(all, strings.TrimSpace(c.Type+" "+c.Why))
		}
		return strings.Join(all, ", ")
	}
	const kick = "player_banned cheating, member_removed cheating, wait_list_left, seat_reserved"
	for who, tt := range map[*stream][2]string{
		everything: {"wait_list_joined", kick},
		host:       {"wait_list_joined", kick},
		member:     {"", "member_removed, seat_reserved"},
		kicked:     {"", "player_banned cheating, member_removed cheating, seat_reserved"},
		waiter:     {"", "member_removed, wait_list_left, seat_reserved"},
	} {
		if who != waiter {
			e := who.event(t, v.Version+1)
			if got := types(e); got != tt[0] {
				t.Errorf("of the wait list comes %q, want %q", got, tt[0])
			}
			if got := e.ActingAs; (got == "") != (tt[0] == "") {
				t.Errorf("%q is told to have acted, where the changes are %q", got, tt[0])
			}
		}
		e := who.event(t, v.Version+2)
		if got := types(e); got != tt[1] {
			t.Errorf("of the kick comes %q, want %q", got, tt[1])
		}
		if who != everything && e.RequestID != "" {
			t.Errorf("a player sees a request id")
		}
	}
	kicked.ends(t, "removed")
	_, res, err = s.openSSE(t.Context(), eventsOf(v.ID, ""), "X-Act-As-Player", string(players[2].ID))
	if err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("one who was kicked gets %v, %v", res, err)
	}
	s.toggle(t, v.ID, 1)
	waiter.event(t, v.Version+3) // it has a seat now
	got := s.do(t, "GET "+eventsOf(v.ID, "?wait=30&after=0"), "", "X-Act-As-Player", string(players[1].ID)).
		is(http.StatusOK).json()
	if n := len(got.list("items")); n != int(v.Version)+3 || strings.Contains(encode(t, got), "request_id") {
		t.Errorf("%d events: %v", n, got)
	}
}

// A ticket opens the stream of one session for one player, at every replica.
func TestEventTickets(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	admin := []string{"Authorization", "Bearer " + adminKey}
	own := s.connect(t, client.WithToken(adminKey))
	p, err := own.Players.Create(t.Context(), client.Profile{Username: "page"})
	if err != nil {
		t.Fatal(err)
	}
	var sessions []client.SessionID
	for range 2 {
		v, err := own.Sessions.Create(t.Context(), client.SessionRequest{
			Settings: client.Settings{MaxPlayers: 2}, HostID: &p.ID,
		})
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, v.ID)
	}
	mint := func(headers ...string) string {
		t.Helper()
		return s.do(t, "POST "+eventsOf(sessions[0], "/ticket"), "", headers...).is(http.StatusOK).json().text("ticket")
	}
	ticket := mint(append(admin, "X-Act-As-Player", string(p.ID))...)
	readers := mint(admin...)
	at := []*server{s}
	if underTest.name == mongodb {
		at = append(at, start(t, authenticated, onDatabase(s.database)))
	}
	for _, replica := range at {
		st := replica.sse(t, eventsOf(sessions[0], "?after=0&ticket="+ticket))
		if e := st.event(t, 1); e.RequestID != "" {
			t.Error("a player's ticket shows request ids")
		}
		if e := replica.webSocket(t, eventsOf(sessions[0], "?after=0&ticket="+readers)).event(t, 1); e.RequestID == "" {
			t.Error("the ticket of an API key does not show request ids")
		}
		for path, code := range map[string]string{
			eventsOf(sessions[1], "?ticket="+ticket):                                       "unauthenticated",
			eventsOf(sessions[0], "?ticket="+ticket+"x"):                                   "unauthenticated",
			eventsOf(sessions[0], ""):                                                      "unauthenticated",
			"/api/v1/sessions/" + string(sessions[0]) + "?ticket=" + ticket:                "unauthenticated",
			"/api/v1/sessions/" + string(sessions[0]) + "/timeline?ticket=" + ticket:       "unauthenticated",
			"/api/v1/sessions/" + string(sessions[0]) + "/events/ticket?ticket=" + readers: "unauthenticated",
		} {
			method := "GET "
			if strings.Contains(path, "/events/ticket") {
				method = "POST "
			}
			replica.do(t, method+path, "").problem(http.StatusUnauthorized, code)
		}
		replica.do(t, "GET /api/v1/players/"+string(p.ID), "", "Authorization", "Bearer "+ticket).
			problem(http.StatusUnauthorized, "unauthenticated")
	}
	for _, replica := range at {
		if strings.Contains(replica.stdout.String(), ticket) {
			t.Error("the ticket is in the log")
		}
	}
}

// A process that shuts down ends its streams with a hint, and clients go on where they were.
func TestStreamsEndAtShutdown(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	streams := []*stream{s.sse(t, eventsOf(v.ID, "")), s.webSocket(t, eventsOf(v.ID, ""))}
	s.toggle(t, v.ID, 1)
	for _, st := range streams {
		st.event(t, 2)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var position string
	for _, st := range streams {
		m := st.ends(t, "shutdown")
		if m.Retry <= 0 {
			t.Errorf("there is no hint: %+v", m)
		}
		position = m.Position
	}
	if code := s.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	next := start(t, onDatabase(s.database))
	next.toggle(t, v.ID, 1)
	next.sse(t, eventsOf(v.ID, "?after="+position)).event(t, 3)
}

// Streams have limits of their own: of the process, of a key and of a player.
func TestStreamLimits(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--max-streams=12"))
	v, players := s.lobby(t, "fan", 2, client.Settings{MaxPlayers: 2})
	as := []string{"X-Act-As-Player", string(players[0].ID)}
	var open []*stream
	for range 10 {
		open = append(open, s.sse(t, eventsOf(v.ID, ""), as...))
	}
	tooMany := s.do(t, "GET "+eventsOf(v.ID, "?wait=1"), "", as...)
	tooMany.problem(http.StatusTooManyRequests, "too_many_streams")
	s.do(t, "GET "+eventsOf(v.ID, ""), "", as...).is(http.StatusOK) // which is no stream
	for range 2 {
		open = append(open, s.webSocket(t, eventsOf(v.ID, "")))
	}
	s.do(t, "GET "+eventsOf(v.ID, "?wait=1"), "").problem(http.StatusServiceUnavailable, "overloaded")
	open[0].cancel()
	eventually(t, "there is room again", func() bool {
		st, _, err := s.openSSE(t.Context(), eventsOf(v.ID, ""))
		if st != nil {
			t.Cleanup(st.cancel)
		}
		return err == nil && st != nil
	})
	s.metrics(t, "gsm_stream_followers 12", `gsm_streams_ended_total{reason="left"`, "gsm_stream_lag_seconds_bucket")
}

// Clients who leave while they wait are no failure, which the log would tell of.
func TestWaitingClientsLeave(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	for _, path := range []string{eventsOf(v.ID, "?wait=30"), projectFeed + "?wait=30"} {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := s.try(ctx, "GET "+path, "")
			left <- err
		}()
		eventually(t, "somebody waits", func() bool {
			return strings.Contains(s.metrics(t), "gsm_stream_followers 1")
		})
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("it did not wait: %v", err)
		}
		eventually(t, "nobody waits", func() bool { return strings.Contains(s.metrics(t), "gsm_stream_followers 0") })
	}
}

// A line of a stream without events, on which proxies and clients see that it is alive, comes in time.
func TestStreamsBegin(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+eventsOf(v.ID, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html, text/event-stream;q=0.9")
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "retry: ") || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the first line is %q, %v", line, err)
	}
}
