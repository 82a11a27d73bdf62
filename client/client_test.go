package client_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
	"game-session-manager/internal/game"
)

// serve starts a server that is no gsm.
func serve(t *testing.T, h http.HandlerFunc, opts ...client.Option) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	quick := client.WithBackoff(time.Millisecond, 2*time.Millisecond)
	c, err := client.New(s.URL+"/", append([]client.Option{quick}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"", "localhost:8080", "ftp://host", "http://", "http://user:secret@host", "http://host?x=1", "http://host/#x",
		"http://[::1",
	} {
		if _, err := client.New(base); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("base %q: %v", base, err)
		}
	}
	for i, o := range []client.Option{
		client.WithRetries(-1), client.WithBackoff(0, time.Second), client.WithBackoff(time.Second, time.Millisecond),
		client.WithMaxResponse(0),
	} {
		if _, err := client.New("http://host", o); err == nil {
			t.Errorf("option %d was taken", i)
		}
	}
}

// Acting as a player takes no client of its own: the copy shares all but who sends the requests.
func TestAs(t *testing.T) {
	t.Parallel()
	var sent http.Header
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Clone()
		_, _ = w.Write([]byte(`{"id":"x"}`))
	}, client.WithToken("server"), client.WithUserAgent("lobby"))
	for _, tt := range []struct {
		c            *client.Client
		token, actAs string
	}{
		{c.As("alice"), "alice", ""},
		{c.ActAs("bob"), "server", "bob"},
		{c.ActAs("bob").As("alice"), "alice", ""},
		{c, "server", ""},
	} {
		if _, err := tt.c.Players.Get(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		token, actAs, agent := sent.Get("Authorization"), sent.Get("X-Act-As-Player"), sent.Get("User-Agent")
		if token != "Bearer "+tt.token || actAs != tt.actAs || agent != "lobby" {
			t.Errorf("sent %q for %q as %q, want %q for %q", token, actAs, agent, tt.token, tt.actAs)
		}
	}
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func(http.ResponseWriter){
		"before the response": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"within the response": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"id":`))
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if tries.Add(1) < 3 {
					drop(w)
				}
				_, _ = w.Write([]byte(`{"id":"x","username":"alice"}`))
			})
			p, err := c.Players.Create(t.Context(), client.Profile{Username: "alice"})
			if err != nil || p.Username != "alice" || tries.Load() != 3 {
				t.Errorf("%d tries: %+v, %v", tries.Load(), p, err)
			}
		})
	}
}

func TestTimeoutOfOneTry(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		_, _ = w.Write([]byte(`{"id":"x"}`))
	}, client.WithHTTPClient(&http.Client{Timeout: 50 * time.Millisecond}))
	if _, err := c.Players.Get(t.Context(), playerID); err != nil || tries.Load() != 2 {
		t.Errorf("%d tries: %v", tries.Load(), err)
	}
}

func TestAnswersThatAreNotOurs(t *testing.T) {
	t.Parallel()
	page := "<html>\n<body>  Bad   gateway " + strings.Repeat("ü", 500) + "</body></html>"
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a page instead of a document":  {200, page, "not the requested document"},
		"an empty response":             {200, "", "not the requested document"},
		"a document of another form":    {200, `["x"]`, "not the requested document"},
		"more than one document":        {200, `{"id":"x"}{}`, "not the requested document"},
		"too much":                      {200, `{"id":"` + strings.Repeat("x", 5000) + `"}`, "more than 4096 bytes"},
		"a proxy's page":                {502, page, "502: not a response of gsm: <html> <body> Bad gateway ü"},
		"an error without a word":       {403, "", "403: Forbidden"},
		"an error that is not text":     {400, "\xff\xfe\x00", `\xff\xfe\x00`},
		"an error of another JSON form": {404, `{"error":"nope"}`, `404: not a response of gsm: {"error":"nope"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}, client.WithRetries(0), client.WithMaxResponse(4096))
			p, err := api.Players.Get(t.Context(), playerID)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 400 {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if !reflect.DeepEqual(p, client.Player{}) {
				t.Errorf("a player beside an error: %+v", p)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Redirect(w, r, "https://elsewhere.test/login", http.StatusMovedPermanently)
	})
	_, err := c.Players.Create(t.Context(), client.Profile{Username: "alice"})
	if err == nil || !strings.Contains(err.Error(), "redirected to https://elsewhere.test/login") ||
		requests.Load() != 1 {
		t.Errorf("%d requests: %v", requests.Load(), err)
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"title":"Conflict","status":409,"code":"invalid_state_transition",
			"detail":"No way.","request_id":"r-1","error_id":"e-1",
			"errors":[{"location":"body.status","message":"is late"},{"location":"body.x","message":"is odd"}],
			"from":"ended","to":"open","allowed":[]}`))
	})
	_, err := c.Sessions.SetStatus(t.Context(), sessionID, client.Move{Status: client.StatusOpen})
	var e *client.Error
	if !errors.As(err, &e) || !errors.Is(err, client.ErrInvalidTransition) || errors.Is(err, client.ErrSessionFull) {
		t.Fatalf("got %v", err)
	}
	want := &client.Error{
		Status: 409, Code: "invalid_state_transition", Message: "No way.", RequestID: "r-1", ErrorID: "e-1",
		Fields: []client.FieldError{{"body.status", "is late"}, {"body.x", "is odd"}},
		Extras: map[string]any{"from": "ended", "to": "open", "allowed": []any{}},
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v, want %+v", e, want)
	}
	const text = "409 invalid_state_transition: No way. [body.status is late, body.x is odd] (request r-1, error e-1)"
	if e.Error() != text {
		t.Errorf("got %s, want %s", e, text)
	}
	if f := (&client.Error{
		Status: 404, Code: "not_found", Message: "No.", RequestID: "r-1",
	}); f.Error() != "404 not_found: No. (request r-1)" {
		t.Errorf("an error reads %s", f)
	}
	if errors.Is(&client.Error{}, &game.Error{}) {
		t.Error("an error without a code is every failure without a code")
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"3"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(`{"version":3}`))
	})
	_, err := c.Sessions.Get(t.Context(), sessionID, client.IfChangedSince(3))
	if !errors.Is(err, client.ErrNotModified) {
		t.Errorf("got %v", err)
	}
	if v, err := c.Sessions.Get(t.Context(), sessionID, client.IfChangedSince(2)); err != nil || v.Version != 3 {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		query, _ := url.QueryUnescape(r.URL.RawQuery)
		got = fmt.Sprintf("%s %s?%s %s", r.Method, r.URL.EscapedPath(), query, r.Header.Get("User-Agent"))
		_, _ = w.Write([]byte(`{}`))
	}, client.WithUserAgent("lobby/1"))
	filter := client.SessionFilter{
		Status: []client.SessionStatus{client.StatusOpen, client.StatusPending}, Mode: "a b", Map: "m", Region: "r",
		Visibility: client.VisibilityPublic, HostID: "h", MemberID: "p",
		FreeSeats: 2, Limit: 3, Cursor: "c", Locked: new(false), Joinable: new(true),
		CreatedAfter: time.Unix(0, 1e6).In(time.FixedZone("", 3600)), EndedBefore: time.Unix(1, 0),
		Attributes: client.Attributes{"n": client.Number(1200), "s": client.String("1200"), "b": client.Bool(true)},
	}
	for want, call := range map[string]func(context.Context) error{
		`GET /api/v1/sessions?attributes[b]==true&attributes[n]==1200&attributes[s]=="1200"&` +
			`created_after=1970-01-01T00:00:00.001Z&cursor=c&ended_before=1970-01-01T00:00:01Z&` +
			`free_seats=2&host_id=h&joinable=true&limit=3&locked=false&map=m&member_id=p&mode=a b&` +
			`region=r&status=open,pending&visibility=public lobby/1`: func(ctx context.Context) error {
			_, err := c.Sessions.List(ctx, filter)
			return err
		},
		`GET /api/v1/players?status=suspended&username_prefix=al lobby/1`: func(ctx context.Context) error {
			_, err := c.Players.List(ctx, client.PlayerFilter{UsernamePrefix: "al", Status: client.PlayerSuspended})
			return err
		},
		`DELETE /api/v1/sessions/a%2Fb%3F/members/-? lobby/1`: func(ctx context.Context) error {
			return c.Sessions.Leave(ctx, "a/b?", "..")
		},
		`DELETE /api/v1/players/-? lobby/1`: func(ctx context.Context) error {
			return c.Players.Delete(ctx, "")
		},
	} {
		if err := call(t.Context()); err != nil || got != want {
			t.Errorf("got  %s\nwant %s\n%v", got, want, err)
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	w := &wire{replies: []reply{ok()}}
	c := dial(t, w)
	bad := client.Attributes{"x": client.Number(math.NaN())}
	for want, call := range map[string]func() error{
		`{"attributes":{"a":"","b":false},"username":"alice"}`: func() error {
			attributes := client.Attributes{"a": client.String(""), "b": client.Bool(false)}
			_, err := c.Players.Update(t.Context(), playerID, client.Profile{Username: "alice", Attributes: attributes})
			return err
		},
		`{"attributes":{"a":null},"display_name":null,"region":""}`: func() error {
			_, err := c.Players.Patch(t.Context(), playerID, client.Patch{
				"display_name": nil, "region": "", "attributes": client.Patch{"a": nil},
			})
			return err
		},
		`{"result":{"a":null,"b":""},"status":"ended"}`: func() error {
			_, err := c.Sessions.SetStatus(
				t.Context(), sessionID, client.Move{Status: client.StatusEnded, Result: `{"a":null,"b":""}`},
			)
			return err
		},
	} {
		if err := call(); err != nil || w.bodies[len(w.bodies)-1] != want {
			t.Errorf("sent %s, want %s: %v", w.bodies[len(w.bodies)-1], want, err)
		}
	}
	sent := len(w.requests)
	if _, err := c.Players.Create(t.Context(), client.Profile{Attributes: bad}); err == nil || len(w.requests) != sent {
		t.Errorf("a body that is no JSON: %v", err)
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("cursor") {
		case "":
			_, _ = w.Write([]byte(`{"items":[{"username":"c"},{"username":"b"}],"next_cursor":"2"}`))
		case "2":
			_, _ = w.Write([]byte(`{"items":[{"username":"a"}],"next_cursor":null}`))
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	})
	walk := func(f client.PlayerFilter, most int) (names string, err error) {
		for p, err := range c.Players.All(t.Context(), f) {
			if err != nil {
				return names, err
			}
			if names += p.Username; len(names) == most {
				break
			}
		}
		return names, nil
	}
	for range 2 { // a sequence can be gone through again
		if names, err := walk(client.PlayerFilter{}, 9); names != "cba" || err != nil {
			t.Errorf("got %s, %v", names, err)
		}
	}
	if names, err := walk(client.PlayerFilter{}, 1); names != "c" || err != nil {
		t.Errorf("stopped early: got %s, %v", names, err)
	}
	if names, err := walk(client.PlayerFilter{Cursor: "2"}, 9); names != "a" || err != nil {
		t.Errorf("from a cursor: got %s, %v", names, err)
	}
	if names, err := walk(client.PlayerFilter{Cursor: "x"}, 9); names != "" || err == nil {
		t.Errorf("with an error: got %s, %v", names, err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	status.Store(http.StatusOK)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(int(status.Load()))
		if r.URL.Path == "/health" {
			_, _ = w.Write([]byte(`{"status":"ok","version":"v1","uptime_seconds":1.5}`))
			return
		}
		_, _ = w.Write(
			[]byte(`{"status":"down","components":{"database":{"status":"down","latency_ms":2.5,"engine":"sqlite"}}}`),
		)
	})
	if h, err := c.Health(t.Context()); err != nil ||
		h != (client.Health{Status: "ok", Version: "v1", UptimeSeconds: 1.5}) {
		t.Errorf("got %+v, %v", h, err)
	}
	status.Store(http.StatusServiceUnavailable)
	want := client.Component{Status: "down", LatencyMS: 2.5, Facts: map[string]any{"engine": "sqlite"}}
	if h, err := c.HealthDetailed(t.Context()); err != nil || h.Status != "down" ||
		!reflect.DeepEqual(h.Components["database"], want) {
		t.Errorf("got %+v, %v", h, err)
	}
	if _, err := c.Health(t.Context()); err == nil {
		t.Error("Health of a server that returns 503 is good")
	}
}
