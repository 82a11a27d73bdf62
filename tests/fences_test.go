package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"game-session-manager/client"
)

// A server takes over with a new fence, and what the one before sends is rejected.
func TestAttachServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(t, "POST /api/v1/sessions", `{"max_players":4,"status":"pending","activation_timeout":3600}`).
		is(http.StatusCreated).header.Get("Location")
	attach := func(body string, headers ...string) response {
		return s.do(t, "PUT "+path+"/server", body, headers...)
	}
	v := attach(`{"connection":{"address":"203.0.113.7","port":7777,"protocol":"udp"},"activation_timeout":30}`).
		is(http.StatusOK).has("ETag", `"2"`).json()
	if v["fence"] != 2.0 || v["server_since"] == nil || v["activation_timeout"] != 30.0 ||
		fmt.Sprint(v["connection"]) != "map[address:203.0.113.7 port:7777 protocol:udp]" {
		t.Errorf("attached: %v", v)
	}
	s.do(t, "POST "+path+"/heartbeat", `{"fence":2}`).is(http.StatusOK)
	v = attach(`{}`, "Session-Fence", "2", "Prefer", "return=minimal").is(http.StatusOK).
		has("Preference-Applied", "return=minimal").json()
	if v["fence"] != 3.0 || v["connection"] != nil || v["members"] != nil || v["activation_timeout"] != 30.0 {
		t.Errorf("taken over: %v", v)
	}
	s.do(t, "POST "+path+"/heartbeat", `{"fence":2}`).problem(http.StatusConflict, "stale_fence")
	if l := s.do(t, "POST "+path+"/heartbeat", `{"fence":3}`).is(http.StatusOK).json(); l["fence"] != 3.0 {
		t.Errorf("the heartbeat of the new server: %v", l)
	}
	attach(`{}`, "If-Match", `"1"`).problem(http.StatusPreconditionFailed, "version_mismatch")
	attach(`{"connection":{"address":"a b","port":0},"activation_timeout":-1,"x":1}`).wrong(
		"body.activation_timeout", "body.connection.address", "body.connection.port", "body.x",
	)
	s.do(t, "PUT /api/v1/sessions/"+nobody+"/server", `{}`).problem(http.StatusNotFound, "session_not_found")
	s.do(t, "PUT "+path, `{"status":"open"}`, "Session-Fence", "3").is(http.StatusOK)
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	attach(`{}`).problem(http.StatusGone, "session_ended")
}

// Every write to a session takes a fence, and is rejected with another one, before anything else of the session counts.
func TestFenceOfEveryWrite(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 4)
	path, guest := s.hosted(t, p[0]), string(p[3].ID)
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)
	s.do(t, "PUT "+path+"/host", naming(p[1])).is(http.StatusOK) // to fence 2
	member := path + "/members/" + string(p[1].ID)
	writes := []struct{ request, body string }{
		{"POST " + path + "/heartbeat", `{}`},
		{"POST " + member + "/heartbeat", ""},
		{"PATCH " + path, `{"locked":false,"region":"eu"}`},
		{"POST " + path + "/members", naming(p[2])},
		{"POST " + path + "/members", `{"players":[` + naming(p[0]) + `,` + naming(p[2]) + `]}`},
		{"POST " + path + "/code", `{}`},
		{"DELETE " + path + "/code", ""},
		{"PUT " + path + "/invites/" + guest, ""},
		{"PUT " + path + "/bans/" + guest, ""},
		{"DELETE " + path + "/bans/" + guest, ""},
		{"DELETE " + path + "/members/" + guest + "?reason=afk&ban=1", ""},
		{"PATCH " + member, `{"team":"blue"}`},
		{"PUT " + path + "/host", naming(p[0])},
		{"PUT " + path + "/server", `{}`},
		{"DELETE " + member, ""},
		{"PUT " + path, `{"status":"starting"}`},
		{"DELETE " + path, ""},
		{"DELETE " + path + "?purge=true", ""},
	}
	for _, w := range writes {
		for _, wrong := range []string{"x", "-1", "1.5", "1, 2", "9223372036854775808"} {
			s.do(t, w.request, w.body, "Session-Fence", wrong).wrong("header.Session-Fence")
		}
		for _, stale := range []string{"0", "1", "3"} {
			a := s.do(t, w.request, w.body, "Session-Fence", stale, "If-Match", `"1"`)
			if e := a.problem(http.StatusConflict, "stale_fence"); e["fence"] != 2.0 {
				t.Errorf("%s: told %v", w.request, e)
			}
		}
	}
	s.do(t, "GET "+path, "").is(http.StatusOK).has("ETag", `"3"`)
	fence := "2"
	for _, w := range writes[:len(writes)-1] {
		if a := s.do(t, w.request, w.body, "Session-Fence", fence); a.status >= http.StatusMultipleChoices {
			t.Errorf("%s: got %d %s", w.request, a.status, a.body)
		}
		fence = fmt.Sprint(s.do(t, "GET "+path, "").is(http.StatusOK).json()["fence"])
	}
	s.do(t, writes[len(writes)-1].request, "", "Session-Fence", fence).is(http.StatusNoContent)

	// Two lines of the header are one list.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Session-Fence"] = []string{"1", "2"}
	res, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _ = res.Body.Close(); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("two fences: got %d", res.StatusCode)
	}
}

// A host that lost its office is told so first, then that its fence is stale, then that its version is.
func TestOrderOfConditions(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}, HostID: &p[0].ID})
	patch := func(c *client.Client, opts ...client.WriteOption) error {
		_, err := c.Sessions.Patch(t.Context(), v.ID, client.Patch{"region": "eu"}, opts...)
		return err
	}
	for i, err := range []error{
		patch(s.api.ActAs(p[1].ID), client.IfFence(7), client.IfVersion(7)),
		patch(s.api, client.IfFence(7), client.IfVersion(7)),
		patch(s.api, client.IfFence(1), client.IfVersion(7)),
		patch(s.api, client.IfFence(1), client.IfVersion(1)),
	} {
		if want := []error{client.ErrNotHost, client.ErrStaleFence, client.ErrVersionMismatch, nil}[i]; !errors.Is(
			err, want,
		) {
			t.Errorf("condition %d: got %v, want %v", i, err, want)
		}
	}
}

// Only admins purge sessions, in whatever state, and nothing of a session is left to be read.
func TestPurge(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "host")
	path := s.hosted(t, p)
	purge := func(query string, headers ...string) response { return s.do(t, "DELETE "+path+query, "", headers...) }
	purge("?purge=true", "X-Act-As-Player", string(p.ID)).problem(http.StatusForbidden, "forbidden")
	purge("?purge=true", "If-Match", `"7"`).problem(http.StatusPreconditionFailed, "version_mismatch")
	for _, wrong := range []string{"1", "TRUE", "t", "no"} {
		purge("?purge=" + wrong).wrong("query.purge")
	}
	s.do(t, "POST "+path+"/heartbeat", "").is(http.StatusOK)
	if a := purge("?purge=true").is(http.StatusNoContent); a.header.Get("ETag") != "" {
		t.Errorf("a purged session has the ETag %s", a.header.Get("ETag"))
	}
	purge("?purge=true").is(http.StatusNoContent)
	purge("").problem(http.StatusNotFound, "session_not_found")
	for _, request := range []string{
		"GET " + path, "GET " + path + "/timeline", "POST " + path + "/heartbeat", "PATCH " + path,
	} {
		body := ""
		if strings.HasPrefix(request, "PATCH") {
			body = "{}"
		}
		s.do(t, request, body).problem(http.StatusNotFound, "session_not_found")
	}
	if page := s.do(t, "GET /api/v1/sessions", "").is(http.StatusOK).json(); len(page.list("items")) != 0 {
		t.Errorf("a purged session is listed: %v", page)
	}

	path = s.hosted(t, p)
	purge("?purge=false").is(http.StatusNoContent).has("ETag", `"2"`)
	s.do(t, "GET "+path, "").is(http.StatusOK)
	purge("?purge=true").is(http.StatusNoContent) // one that is over
	s.do(t, "GET "+path, "").problem(http.StatusNotFound, "session_not_found")
}
