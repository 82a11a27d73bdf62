package tests_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"game-session-manager/client"
)

// object is a JSON object.
type object map[string]any

// text returns the string at a key, empty if there is none.
func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

// object returns the object at a key, nil if there is none.
func (o object) object(key string) object {
	inner, _ := o[key].(map[string]any)
	return inner
}

// list returns the objects in the array at a key.
func (o object) list(key string) []object {
	raw, _ := o[key].([]any)
	items := make([]object, len(raw))
	for i := range raw {
		items[i], _ = raw[i].(map[string]any)
	}
	return items
}

// response is the response to one request.
type response struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

// try sends one request, "METHOD path", with a JSON body if it is not empty, and headers as name, value, name, value,
// …. Unlike do, it may be called by any goroutine.
func (s *server) try(ctx context.Context, what, body string, headers ...string) (response, error) {
	method, path, _ := strings.Cut(what, " ")
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	res, err := s.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return response{what: what, status: res.StatusCode, header: res.Header, body: string(b)}, err
}

// do sends one request as try does, and ends the test if there is no response.
func (s *server) do(t testing.TB, what, body string, headers ...string) response {
	t.Helper()
	a, err := s.try(t.Context(), what, body, headers...)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	a.t = t
	return a
}

// is ends the test unless the response has the status.
func (a response) is(status int) response {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// has fails the test unless the response has the header.
func (a response) has(name, value string) response {
	a.t.Helper()
	if got := a.header.Get(name); got != value {
		a.t.Errorf("%s: %s is %q, want %q", a.what, name, got, value)
	}
	return a
}

// json returns the body, which must be a JSON object.
func (a response) json() object {
	a.t.Helper()
	var o object
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		a.t.Fatalf("%s: %v in %q", a.what, err, a.body)
	}
	return o
}

// problem ends the test unless the response is a complete problem document with the status and the code, and returns
// it.
func (a response) problem(status int, code string) object {
	a.t.Helper()
	p := a.is(status).has("Content-Type", "application/problem+json").json()
	if p.text("code") != code || p["status"] != float64(status) {
		a.t.Fatalf("%s: got %s, want %d %s", a.what, a.body, status, code)
	}
	if p.text("title") == "" || p.text("detail") == "" {
		a.t.Errorf("%s: no title or no detail in %s", a.what, a.body)
	}
	if id := a.header.Get("X-Request-ID"); id == "" || p.text("request_id") != id {
		a.t.Errorf("%s: X-Request-ID is %q, and the body %s", a.what, id, a.body)
	}
	return p
}

// wrong ends the test unless the response rejects exactly these parts of the request.
func (a response) wrong(locations ...string) {
	a.t.Helper()
	var got []string
	for _, e := range a.problem(http.StatusUnprocessableEntity, "validation_error").list("errors") {
		got = append(got, e.text("location"))
		if e.text("message") == "" {
			a.t.Errorf("%s: an error without a message in %s", a.what, a.body)
		}
	}
	slices.Sort(got)
	slices.Sort(locations)
	if !slices.Equal(slices.Compact(got), locations) {
		a.t.Errorf("%s: errors are at %q, want %q: %s", a.what, got, locations, a.body)
	}
}

// newPlayer registers a player and returns it.
func (s *server) newPlayer(t testing.TB, username string) client.Player {
	t.Helper()
	p, err := s.api.Players.Create(t.Context(), client.Profile{Username: username})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newPlayers registers players named prefix-0, prefix-1, ….
func (s *server) newPlayers(t testing.TB, prefix string, n int) []client.Player {
	t.Helper()
	players, failures := make([]client.Player, n), make([]error, n)
	together(n, func(i int) {
		players[i], failures[i] = s.api.Players.Create(
			t.Context(), client.Profile{Username: fmt.Sprintf("%s-%d", prefix, i)},
		)
	})
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	return players
}

// newSession opens a session.
func (s *server) newSession(t testing.TB, r client.SessionRequest) client.Session {
	t.Helper()
	v, err := s.api.Sessions.Create(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return v.Session
}

// lobby opens a session with a host and members, who are registered under names that begin with the prefix.
func (s *server) lobby(
	t testing.TB, prefix string, members int, settings client.Settings,
) (client.Session, []client.Player) {
	t.Helper()
	players := s.newPlayers(t, prefix, members)
	v := s.newSession(t, client.SessionRequest{Settings: settings, HostID: &players[0].ID})
	for _, p := range players[1:] {
		joined, err := s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID})
		if err != nil {
			t.Fatal(err)
		}
		v = joined.Session
	}
	return v, players
}

// encode writes a body.
func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
