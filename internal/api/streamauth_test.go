package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"game-session-manager/internal/api"
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
)

// streamWorld is a server with streams, a clock and one credential.
type streamWorld struct {
	url     string
	session game.SessionID
	edit    func() int64 // makes a version, and returns it
	ahead   atomic.Int64 // of the server's clock, a duration
	revoked atomic.Bool
	checks  atomic.Int64 // of the credential
	expires atomic.Int64 // when the credential does, as ahead; 0 for never
}

func (w *streamWorld) authenticate(_ context.Context, _ netip.Addr, h http.Header) (game.Caller, error) {
	defer w.checks.Add(1)
	expires := w.expires.Load()
	if h.Get("Authorization") != "Bearer good" || w.revoked.Load() || expires > 0 && w.ahead.Load() >= expires {
		return game.Caller{}, game.ErrUnauthenticated
	}
	return game.Caller{Project: game.DefaultProject, Scope: game.ScopeServer, Name: "key:good"}, nil
}

// awaitCheck waits until the credential was checked more often than before.
func (w *streamWorld) awaitCheck(t *testing.T, before int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.checks.Load() <= before {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the credential was not checked")
		}
	}
}

func newStreamWorld(t *testing.T, configure func(*api.Deps)) *streamWorld {
	t.Helper()
	docs, err := store.Open(t.Context(), "sqlite:"+sqlitetest.Database(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	hub := feed.NewHub(feed.Options{Store: docs, Poll: feed.SlowPoll, Now: time.Now})
	_, logs, failures := watched()
	deps := game.Deps{Store: hub.Observe(docs), Now: time.Now, NewID: newID, MaxRequest: time.Minute}
	sessions := game.NewSessions(deps)
	w := new(streamWorld)
	d := api.Deps{
		Players: game.NewPlayers(deps, sessions), Sessions: sessions, Feed: hub, Version: "test",
		Authenticate: w.authenticate, RequestTimeout: time.Minute, NewID: newID,
		Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
		Log: logs.System, Failed: failures.Report,
	}
	configure(&d)
	server := httptest.NewUnstartedServer(api.New(d))
	server.Listener = narrow{server.Listener}
	server.Start()
	t.Cleanup(func() { hub.Stop(); server.Close() })
	ctx := game.WithCaller(t.Context(), game.Anonymous())
	v, err := sessions.Create(ctx, game.SessionRequest{
		Settings: game.Settings{MaxPlayers: 2, Visibility: game.VisibilityPublic},
	}, game.Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	w.url, w.session = server.URL, v.Document.ID
	w.edit = func() int64 {
		t.Helper()
		changed, err := sessions.Edit(ctx, w.session, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
			e.Locked = !e.Locked
			return e, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return changed.Version
	}
	return w
}

func (w *streamWorld) path() string {
	return w.url + "/api/v1/sessions/" + string(w.session) + "/events"
}

// reader returns the next message of a stream as its type, or reason if it is the end.
type reader func() string

// said returns what a message says: event, or why it is the last one.
func said(t *testing.T, data []byte) string {
	t.Helper()
	var m struct{ Type, Reason string }
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return strings.TrimSpace(m.Type + " " + m.Reason)
}

func (w *streamWorld) sse(t *testing.T) reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.path(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer good")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func() string {
		for lines.Scan() {
			if data, is := strings.CutPrefix(lines.Text(), "data: "); is {
				return said(t, []byte(data))
			}
		}
		return "closed"
	}
}

func (w *streamWorld) webSocket(t *testing.T) reader {
	t.Helper()
	conn, _, err := w.dial(t, "Authorization", "Bearer good")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return func() string {
		_, data, err := conn.Read(t.Context())
		if err != nil {
			if code := websocket.CloseStatus(err); code != websocket.StatusPolicyViolation {
				t.Errorf("the WebSocket ends with %v: %v", code, err)
			}
			return "closed"
		}
		return said(t, data)
	}
}

func (w *streamWorld) dial(t *testing.T, headers ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(w.path(), "http"), &websocket.DialOptions{HTTPHeader: h})
}

// The stream of a credential that is revoked, or expires, ends at the next check, 15 seconds after the one before.
func TestStreamsOfCredentialsThatEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*streamWorld){
		"revoked": func(w *streamWorld) { w.revoked.Store(true) },
		"expires": func(w *streamWorld) { w.expires.Store(int64(20 * time.Second)) },
	} {
		for form, open := range map[string]func(*streamWorld, *testing.T) reader{
			"sse": (*streamWorld).sse, "websocket": (*streamWorld).webSocket,
		} {
			t.Run(name+" "+form, func(t *testing.T) {
				t.Parallel()
				w := newStreamWorld(t, func(*api.Deps) {})
				next := open(w, t)
				want := func(wanted string) {
					t.Helper()
					if got := next(); got != wanted {
						t.Fatalf("got %q, want %q", got, wanted)
					}
				}
				w.edit()
				want("event")
				before := w.checks.Load()
				w.ahead.Store(int64(16 * time.Second)) // the credential is valid at this check
				w.edit()
				want("event")
				w.awaitCheck(t, before)
				end(w)
				w.edit()
				want("event") // before the next check
				w.ahead.Store(int64(32 * time.Second))
				w.edit()
				got := next()
				if got == "event" { // unless it comes after the check
					got = next()
				}
				if got != "end unauthenticated" {
					t.Fatalf("got %q", got)
				}
				want("closed")
			})
		}
	}
}

// Pages of other origins may open streams only where the configuration lists them. A browser shows a page nothing of an
// EventSource that does not name its origin.
func TestStreamsOfOtherOrigins(t *testing.T) {
	t.Parallel()
	const listed = "https://a.example"
	for name, c := range map[string]struct {
		configure func(*api.Deps)
		allowed   bool // the listed origin
	}{
		"with authentication": {func(d *api.Deps) { d.Origins = []string{listed} }, true},
		"without a list":      {func(*api.Deps) {}, false},
		"without authentication": {func(d *api.Deps) {
			d.Origins, d.Local, d.Authenticate = []string{listed}, true, anyone
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStreamWorld(t, c.configure)
			for origin, allowed := range map[string]bool{
				"": true, w.url: true, listed: c.allowed, "https://evil.example": false, "null": false,
				"https://a.example.evil.example": false,
			} {
				headers := []string{"Authorization", "Bearer good"}
				if origin != "" {
					headers = append(headers, "Origin", origin)
				}
				conn, res, err := w.dial(t, headers...)
				switch {
				case allowed && err != nil:
					t.Errorf("a WebSocket of %q: %v", origin, err)
				case !allowed && (err == nil || res.StatusCode != http.StatusForbidden):
					t.Errorf("a WebSocket of %q: %v, %v", origin, res, err)
				}
				if conn != nil {
					_ = conn.CloseNow()
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.path(), nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(headers); i += 2 {
					req.Header.Set(headers[i], headers[i+1])
				}
				req.Header.Set("Accept", "text/event-stream")
				res, err = http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				named := res.Header.Get("Access-Control-Allow-Origin")
				want := origin == listed && c.allowed
				if (named == origin && origin != "") != want || !want && named != "" {
					t.Errorf("an EventSource of %q may be read by %q", origin, named)
				}
			}
		})
	}
}
