package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
	"game-session-manager/internal/report"
)

// example fills in the parameters of a path.
func example(path string) string {
	id := strings.NewReplacer("{player_id}", examplePlayer, "{session_id}", examplePlayer, "{key_id}", "abc",
		"{asset...}", "swagger-ui.css")
	return id.Replace(path)
}

const examplePlayer = "01990a5c-6f0e-7c3a-9d52-2f1c5b7a8e90"

// Every row is what it says: whether it needs a credential, whether it has a place among the requests that are worked
// on, and whether it is a probe.
func TestRowsOfTheTable(t *testing.T) {
	t.Parallel()
	working, done := make(chan struct{}), make(chan struct{})
	unknown, _ := one(t, time.Second, func(d *api.Deps) {
		d.Limits.InFlight = 0
		d.Authenticate = func(context.Context, netip.Addr, http.Header) (game.Caller, error) {
			return game.Caller{}, game.ErrUnauthenticated
		}
	})
	full, _ := one(t, 10*time.Millisecond, holding(working, done), func(d *api.Deps) {
		d.Failed = func(context.Context, report.Failure) string { return "" } // the first, whose deadline has passed
	})
	var first sync.WaitGroup
	first.Go(func() {
		r := request(t, http.MethodGet, "/api/v1/sessions", nil)
		r.Header.Set("Hold", "yes")
		serveHTTP(t, full, r)
	})
	<-working
	defer first.Wait()
	defer close(done)

	routes := full.(*api.API).Routes()
	for pattern, row := range routes {
		call := func(h http.Handler, as string) (*httptest.ResponseRecorder, *marked) {
			r := request(t, row.Method, example(row.Path), nil)
			r.Header.Set("X-Act-As-Player", as)
			m := &marked{ResponseRecorder: httptest.NewRecorder()}
			h.ServeHTTP(m, r)
			return m.ResponseRecorder, m
		}
		w, m := call(unknown, "")
		if (w.Code != http.StatusUnauthorized) != row.Open {
			t.Errorf("%s without a credential: got %d", pattern, w.Code)
		}
		if m.probe != row.Probe {
			t.Errorf("%s: a probe to the observer: %t", pattern, m.probe)
		}
		if w, _ := call(full, ""); (w.Code != http.StatusServiceUnavailable) != row.Exempt {
			t.Errorf("%s while too much is worked on: got %d %s", pattern, w.Code, w.Body)
		}
		if row.Probe && (!row.Open || !row.Exempt) {
			t.Errorf("%s: a probe must be open and exempt", pattern)
		}
	}
	for _, pattern := range full.(*api.API).Operations() {
		row, ok := routes[pattern]
		if !ok || !slices.ContainsFunc(api.Tags(), func(tag *huma.Tag) bool { return tag.Name == row.Tag }) {
			t.Errorf("%s: its tag is %q", pattern, row.Tag)
		}
	}
}

// marked is a response of which it is noted whether it is that of a probe.
type marked struct {
	*httptest.ResponseRecorder
	probe bool
}

func (m *marked) NoteProbe() { m.probe = true }

// A streaming response has no deadline, and does not keep others waiting.
func TestStreams(t *testing.T) {
	t.Parallel()
	h, shed := one(t, time.Second)
	open, done := make(chan bool), make(chan struct{})
	h.(*api.API).Stream("/stream", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, limited := r.Context().Deadline()
		open <- limited
		<-done
	}))
	var streams sync.WaitGroup
	for range 3 {
		streams.Go(func() { serveHTTP(t, h, request(t, http.MethodGet, "/stream", nil)) })
		if <-open {
			t.Error("a stream has a deadline")
		}
	}
	if w := serveHTTP(t, h, request(t, http.MethodGet, "/api/v1/sessions", nil)); w.Code != http.StatusOK {
		t.Errorf("beside streams: got %d %s", w.Code, w.Body)
	}
	close(done)
	streams.Wait()
	shed.expect(t)
}

// A path that takes other methods is as open as its GET, so that its caller is told which ones there are.
func TestOtherMethods(t *testing.T) {
	t.Parallel()
	h, _ := one(t, time.Second, func(d *api.Deps) {
		d.Authenticate = func(context.Context, netip.Addr, http.Header) (game.Caller, error) {
			return game.Caller{}, game.ErrUnauthenticated
		}
	})
	for target, want := range map[string]int{
		"POST /livez": http.StatusMethodNotAllowed, "DELETE /docs": http.StatusMethodNotAllowed,
		"POST /api/v1/limits": http.StatusUnauthorized, "GET /nothing": http.StatusUnauthorized,
		"POST /nothing": http.StatusUnauthorized,
	} {
		method, path, _ := strings.Cut(target, " ")
		if w := serveHTTP(t, h, request(t, method, path, nil)); w.Code != want {
			t.Errorf("%s: got %d, want %d", target, w.Code, want)
		}
	}
}
