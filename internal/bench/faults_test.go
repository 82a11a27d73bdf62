package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
	"game-session-manager/internal/bench"
	"game-session-manager/internal/gsmtest"
)

// options are those of a run that is over soon.
func options(scenario, url string) bench.Options {
	return bench.Options{
		Scenario: scenario, Against: url, Clients: 4, Duration: 200 * time.Millisecond, Stock: 30, Seats: 4, Batch: 5,
		Followers: 2, Think: time.Millisecond, Of: "read", P99: time.Minute,
	}
}

// enough is how many requests a run makes, with those that prepare it, so that each fault happens on any machine.
const enough = 300

// enoughRequests returns a context that ends after so many requests through a proxy.
func enoughRequests(t *testing.T) (context.Context, func(http.Handler) http.Handler) {
	ctx, stop := context.WithCancel(t.Context())
	var count atomic.Int64
	return ctx, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) == enough {
				stop()
			}
			next.ServeHTTP(w, r)
		})
	}
}

// front returns the URL of a proxy that a fault is planted in.
func front(t *testing.T, to string, fault func(next http.Handler) http.Handler) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}, // a follower who leaves
	}
	s := httptest.NewServer(fault(proxy))
	t.Cleanup(s.Close)
	return s.URL
}

// on returns a fault in each n-th response to requests of a method whose path matches.
func on(method, path string, n int64, change func(int, string) (int, string)) func(http.Handler) http.Handler {
	matches := regexp.MustCompile(path)
	var count atomic.Int64
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != method || !matches.MatchString(r.URL.Path) || count.Add(1)%n != 0 {
				next.ServeHTTP(w, r)
				return
			}
			response := httptest.NewRecorder()
			next.ServeHTTP(response, r)
			status, body := change(response.Code, response.Body.String())
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
}

// replaced returns a change of a response by a regular expression.
func replaced(expression, by string) func(int, string) (int, string) {
	e := regexp.MustCompile(expression)
	return func(status int, body string) (int, string) { return status, e.ReplaceAllString(body, by) }
}

// soldTwice acknowledges joins that were rejected.
func soldTwice(status int, body string) (int, string) {
	if status == http.StatusConflict {
		return http.StatusCreated, `{}`
	}
	return status, body
}

// lost acknowledges changes of players that it does not make.
func lost(next http.Handler) http.Handler {
	var count atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || count.Add(1)%5 != 0 {
			next.ServeHTTP(w, r)
			return
		}
		sent, _ := io.ReadAll(r.Body)
		value := regexp.MustCompile(`"write":\d+`).FindString(string(sent))
		get := r.Clone(r.Context())
		get.Method, get.Body, get.ContentLength = http.MethodGet, http.NoBody, 0
		response := httptest.NewRecorder()
		next.ServeHTTP(response, get)
		var d struct{ Version int64 }
		_ = json.Unmarshal(response.Body.Bytes(), &d)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"version":%d,"attributes":{%s}}`, d.Version+1, value)
	})
}

// gap leaves a version out of the streams of events.
func gap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "text/event-stream" {
			w = &lossy{ResponseWriter: w}
		}
		next.ServeHTTP(w, r)
	})
}

// lossy is a response without the event of version 3.
type lossy struct {
	http.ResponseWriter
	mu   sync.Mutex
	line bytes.Buffer
}

// Write passes on whole lines.
func (l *lossy) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line.Write(p)
	for {
		text := l.line.String()
		end := strings.Index(text, "\n")
		if end < 0 {
			return len(p), nil
		}
		line := string(l.line.Next(end + 1))
		if !strings.Contains(line, `"version":3,`) {
			if _, err := io.WriteString(l.ResponseWriter, line); err != nil {
				return 0, err
			}
		}
	}
}

// Unwrap is for flushing.
func (l *lossy) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// A server that does not keep its promises is found out.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	s := gsmtest.Start(t)
	const page = `(?s)"items":\[\{.*?"id":"([^"]*)"`
	for _, tt := range []struct {
		name, scenario string
		fault          func(http.Handler) http.Handler
		finding        string
	}{
		{"a seat sold twice", "join-storm", on("POST", "/members$", 3, soldTwice), "a seat is not sold twice"},
		{
			"a join that is lost", "join-storm",
			on("GET", "/sessions/", 1, replaced(`"members":\[.*?\]`, `"members":[]`)),
			"no acknowledged join is lost",
		},
		{"a player with two seats", "join", on("GET", "/sessions/", 1, replaced(`"members":\[(\{"player_id":"[^"]*")`,
			`"members":[$1},$1`)), "no player has two seats"},
		{"a lost write", "put", lost, "version"},
		{
			"another value", "put", on("GET", "/players/", 1, replaced(`"write":\d+`, `"write":-1`)),
			"the last write is what is stored",
		},
		{"a gap in a feed", "feed", gap, "each version comes once and in order"},
		{
			"another document", "read", on("GET", "/players/", 3, replaced(`^\{"id":"........`, `{"id":"00000000`)),
			"read player returns the document",
		},
		{
			"a twin", "create",
			on("POST", "/players$", 3, replaced(`^\{"id":"[^"]*"`, `{"id":"01a22346-b2b8-718c-8064-66b3e4e8022b"`)),
			"each creation makes a document of its own",
		},
		{"a creation that is lost", "create", on("GET", "/sessions/", 1, func(int, string) (int, string) {
			return http.StatusNotFound, `{"code":"session_not_found"}`
		}), "what was acknowledged is stored"},
		{
			"another fence", "heartbeat", on("POST", "/heartbeats$", 7, replaced(`"fence":\d+`, `"fence":77`)),
			"a heartbeat renews the lease",
		},
		{
			"an old fence that passes", "heartbeat", on("POST", "/heartbeats$", 1, replaced(`stale_fence`, `other`)),
			"a heartbeat with another fence is rejected",
		},
		{"a page with a stranger", "search", on("POST", "/search$", 5, replaced(page,
			`"items":[{"id":"01a22346-b2b8-718c-8064-66b3e4e8022b"`)), "a search finds what matches and can be joined"},
		{
			"a session that a walk misses", "search",
			on("POST", "/search$", 1, replaced(`(?s)"items":\[.*\]`, `"items":[]`)),
			"the pages have all that match",
		},
		{
			"pages without an end", "search", on("POST", "/search$", 1, func(int, string) (int, string) {
				return http.StatusOK, `{"items":[],"next_cursor":"more"}`
			}), "each page has a cursor of its own",
		},
		{
			"a lobby that is not over", "lobby",
			on("GET", "/sessions/", 1, replaced(`"status":"ended"`, `"status":"open"`)),
			"a session that was ended stays so",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, counted := enoughRequests(t)
			o := options(tt.scenario, front(t, s.URL, func(next http.Handler) http.Handler {
				return counted(tt.fault(next))
			}))
			o.Duration = time.Hour
			r, err := bench.Run(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Err(); err == nil || !strings.Contains(fmt.Sprint(r.Checks.Wrong), tt.finding) {
				t.Errorf("%q is not among what was found: %v", tt.finding, err)
			}
		})
	}
}

// A run says what it left behind, and leaves nothing that it may remove.
func TestCleansUp(t *testing.T) {
	t.Parallel()
	s := gsmtest.Start(t)
	r, err := bench.Run(t.Context(), options("lobby", s.URL))
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if l := r.Left; l == nil || l.Players+l.Sessions+l.Ended != 0 {
		t.Errorf("left behind: %+v", l)
	}
	players, err := s.Client.Players.List(t.Context(), client.PlayerFilter{})
	sessions, err2 := s.Client.Sessions.List(t.Context(), client.SessionFilter{})
	if err := errors.Join(err, err2); err != nil || len(players.Items)+len(sessions.Items) != 0 {
		t.Errorf("there are still %d players and %d sessions: %v", len(players.Items), len(sessions.Items), err)
	}
	if r, err = bench.Run(t.Context(), options("join", front(t, s.URL, undeletable))); err != nil {
		t.Fatal(err)
	}
	if l := r.Left; l == nil || l.Players != 30 || l.Ended == 0 || l.Sessions != 0 {
		t.Errorf("left behind: %+v, want 30 players and some sessions that have ended", l)
	}
}

// undeletable rejects deletions.
func undeletable(next http.Handler) http.Handler {
	return on(http.MethodDelete, "", 1, func(int, string) (int, string) {
		return http.StatusForbidden, `{"code":"forbidden"}`
	})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodDelete {
			next.ServeHTTP(w, r)
		}
	}))
}

// A run whose preparation fails or is interrupted removes what it created, or says that it is left.
func TestCleansUpAfterAFailure(t *testing.T) {
	t.Parallel()
	s := gsmtest.Start(t)
	failing := on(http.MethodPost, "/sessions$", 1, func(int, string) (int, string) {
		return http.StatusInternalServerError, `{"code":"internal"}`
	})
	r, err := bench.Run(t.Context(), options("read", front(t, s.URL, failing)))
	if err == nil || r.Left == nil || r.Left.Text() != "" {
		t.Errorf("%v, left behind: %v", err, r.Left)
	}
	players, err := s.Client.Players.List(t.Context(), client.PlayerFilter{})
	if err != nil || len(players.Items) > 0 {
		t.Errorf("%d players are left: %v", len(players.Items), err)
	}
	r, err = bench.Run(t.Context(), options("read", front(t, s.URL, func(next http.Handler) http.Handler {
		return failing(undeletable(next))
	})))
	if err == nil || !strings.Contains(r.Left.Text(), "left behind: 30 players (usernames bench-") {
		t.Errorf("%v, %s", err, r.Left.Text())
	}

	ctx, interrupt := context.WithCancel(t.Context())
	r, err = bench.Run(ctx, options("read", front(t, s.URL, func(next http.Handler) http.Handler {
		return undeletable(on(http.MethodPost, "/players$", 1, func(status int, body string) (int, string) {
			interrupt()
			return status, body
		})(next))
	})))
	players, err2 := s.Client.Players.List(t.Context(), client.PlayerFilter{UsernamePrefix: r.Left.Prefix})
	if err != nil || err2 != nil || !r.Interrupted || len(players.Items) != r.Left.Players || r.Left.Players == 0 {
		t.Errorf("%v, %v: %s, but %d players are there", err, err2, r.Left.Text(), len(players.Items))
	}
}

// Ctrl-C ends a run with what it has.
func TestInterruptedRun(t *testing.T) {
	t.Parallel()
	s := gsmtest.Start(t)
	ctx, interrupt := context.WithCancel(t.Context())
	o := options("create", s.URL)
	o.Duration = time.Hour
	o.Progress = func(line string) {
		if strings.Contains(line, "requests") {
			interrupt()
		}
	}
	r, err := bench.Run(ctx, o)
	if err != nil || !r.Interrupted || r.Requests == 0 || r.Checks.Made == 0 || r.Err() != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// Errors say what to do.
func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	rejecting := func(status int, code string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, `{"version":"1","rates":{"server":{"per_second":5}}}`)
				return
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"code":"`+code+`"}`)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	large := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9000000000000000000")
	}))
	t.Cleanup(large.Close)
	for _, tt := range []struct{ url, says string }{
		{large.URL, "a response is larger than 32 MiB"},
		{"http://user:secret@127.0.0.1:1", "the API key goes into GSM_TOKEN"},
		{"http://user:secret%zz@127.0.0.1:1", "the API key goes into GSM_TOKEN"},
		{gone.URL, "start one with gsm serve"},
		{"localhost:8080", "is not the URL of a server"},
		{rejecting(http.StatusForbidden, "forbidden"), "scope server or admin"},
		{rejecting(http.StatusUnauthorized, "unauthenticated"), "set GSM_TOKEN"},
	} {
		_, err := bench.Run(t.Context(), options("read", tt.url))
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, tt.says)
		}
	}
}
