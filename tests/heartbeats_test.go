package tests_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
)

// instant returns the time at a key.
func (o object) instant(t *testing.T, key string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, o.text(key))
	if err != nil {
		t.Fatalf("%s: %v in %v", key, err, o)
	}
	return at
}

// quick is a session that turns stale as soon as one can, with more fields.
func (s *server) quick(t *testing.T, fields string) (path string) {
	t.Helper()
	body := `{"max_players":4,"stale_after":5,"expire_after":10` + fields + `}`
	return s.do(t, "POST /api/v1/sessions", body).is(http.StatusCreated).header.Get("Location")
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s := start(t)
	host := s.newPlayer(t, "host")
	path := s.hosted(t, host)
	beat := func(body string, headers ...string) response {
		return s.do(t, "POST "+path+"/heartbeat", body, headers...)
	}
	v := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	if v["leased"] != false || v["liveness"] != "live" || v["fence"] != 1.0 {
		t.Errorf("before the first heartbeat: %v", v)
	}
	for i, body := range []string{"", "{}", `{"fence":null,"players":null}`, `{"fence":1.0}`} {
		began := time.Now().Add(-time.Second)
		l := beat(body).is(http.StatusOK).json()
		next, expires := l.instant(t, "next_deadline"), l.instant(t, "expires_at")
		if l.text("session_id") != v.text("id") || l.text("status") != "open" || l["end_reason"] != nil ||
			l["version"] != 2.0 || l["liveness"] != "live" || l["fence"] != 1.0 {
			t.Errorf("heartbeat %d: %v", i, l)
		}
		if next.Before(began.Add(30*time.Second)) || expires.Sub(next) != 3570*time.Second {
			t.Errorf("heartbeat %d is due at %v, and the session expires at %v", i, next, expires)
		}
	}
	if v := s.do(t, "GET "+path, "").is(http.StatusOK).has("ETag", `"2"`).json(); v["leased"] != true {
		t.Errorf("after heartbeats: %v", v)
	}

	beat("", "Session-Fence", "1").is(http.StatusOK)
	beat(`{"fence":1}`, "Session-Fence", "1").is(http.StatusOK)
	beat(`{"fence":2}`, "Session-Fence", "1").wrong("body.fence")
	for _, p := range []object{
		beat(`{"fence":2}`).problem(http.StatusConflict, "stale_fence"),
		beat("", "Session-Fence", "0").problem(http.StatusConflict, "stale_fence"),
	} {
		if p["fence"] != 1.0 {
			t.Errorf("a stale fence is told %v", p)
		}
	}
	beat(`{"players":["x"]}`).wrong("body.players")
	beat(`{"players":[1]}`).wrong("body.players")
	beat(`{"players":{}}`).wrong("body.players")
	beat(`{"fence":1.5,"session_id":"`+v.text("id")+`"}`).wrong("body.fence", "body.session_id")
	beat(`{"players":["` + nobody + strings.Repeat(`","`+nobody, 1000) + `"]}`).wrong("body.players")
	beat(`{"players":["` + strings.ToUpper(string(host.ID)) + `"]}`).is(http.StatusOK)
	s.do(t, "POST /api/v1/sessions/"+nobody+"/heartbeat", "").problem(http.StatusNotFound, "session_not_found")
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	p := beat("").problem(http.StatusGone, "session_ended")
	if p["session_status"] != "cancelled" || p["end_reason"] != "cancelled_by_admin" {
		t.Errorf("after the end: %v", p)
	}
}

// Every heartbeat of a batch has a result of its own, with the error that it would have alone.
func TestHeartbeatsTogether(t *testing.T) {
	t.Parallel()
	s := start(t)
	var open []string
	for range 3 {
		open = append(open, string(s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 1}}).ID))
	}
	s.do(t, "DELETE /api/v1/sessions/"+open[1], "").is(http.StatusNoContent)
	a := s.do(t, "POST /api/v1/heartbeats", fmt.Sprintf(`{"sessions":[{"session_id":%q},{"session_id":%q},
		{"session_id":%q},{"session_id":"x"},{"session_id":%q},{"session_id":%q,"fence":7},
		{"session_id":%q,"players":[]}]}`,
		open[0], nobody, open[1], strings.ToUpper(open[0]), open[2], s.newSession(
			t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 1}}).ID)).is(http.StatusOK)
	s.contract(t).check(t, "POST /api/v1/heartbeats", a)
	var codes []string
	for i, r := range a.json().list("results") {
		e, _ := r["error"].(map[string]any)
		failure := object(e)
		codes = append(codes, failure.text("code"))
		if (r["status"] == "open") != (e == nil) || (r["fence"] == 1.0) != (e == nil) {
			t.Errorf("result %d is %v", i, r)
		}
		if at := failure.list("errors"); failure.text("code") == "validation_error" &&
			(len(at) != 1 || at[0].text("location") != fmt.Sprintf("body.sessions.%d.session_id", i)) {
			t.Errorf("result %d is wrong at %v", i, at)
		}
		if e != nil && (failure.text("request_id") != a.header.Get("X-Request-ID") || failure.text("detail") == "") {
			t.Errorf("result %d has the error %v", i, e)
		}
	}
	want := []string{
		"", "session_not_found", "session_ended", "validation_error", "validation_error", "stale_fence", "",
	}
	if !slices.Equal(codes, want) {
		t.Errorf("the results are %q, want %q", codes, want)
	}
}

// A batch that is malformed as a whole is rejected, and what is at the limits is not.
func TestHeartbeatsBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	send := func(sessions string) response {
		return s.do(t, "POST /api/v1/heartbeats", `{"sessions":`+sessions+`}`)
	}
	items := func(n int, fields string) string {
		one := `{"session_id":"` + nobody + `"` + fields + `}`
		return "[" + one + strings.Repeat(","+one, n-1) + "]"
	}
	players := `,"fence":1,"players":["` + nobody + strings.Repeat(`","`+nobody, 19) + `"]`
	for n, fields := range map[int]string{1: "", 999: "", 1000: players} {
		if r := send(items(n, fields)).is(http.StatusOK).json().list("results"); len(r) != n {
			t.Errorf("%d heartbeats have %d results", n, len(r))
		}
	}
	if r := send("[]").is(http.StatusOK).json(); fmt.Sprint(r["results"]) != "[]" {
		t.Errorf("no heartbeats have the results %v", r)
	}
	send(items(1001, "")).wrong("body.sessions")
	send("{}").wrong("body.sessions")
	send("null").wrong("body.sessions")
	send(`[1,{"session_id":"`+nobody+`"},null,{"x":1},{"session_id":5}]`).wrong(
		"body.sessions.0", "body.sessions.2", "body.sessions.3.x", "body.sessions.3.session_id",
		"body.sessions.4.session_id",
	)
	s.do(t, "POST /api/v1/heartbeats", `{}`).wrong("body.sessions")
	s.do(t, "POST /api/v1/heartbeats", "").problem(http.StatusBadRequest, "malformed_json")
	send(`[{"session_id":"`+nobody+`","session_id":"`+nobody+`"}]`).problem(http.StatusBadRequest, "malformed_json")
	for _, large := range []string{
		items(1000, strings.Repeat(" ", 1<<10)), "[1" + strings.Repeat(",1", 1<<19) + "]",
		`[{"session_id":"` + strings.Repeat("x", 1<<20) + `"}]`,
	} {
		p := send(large).problem(http.StatusRequestEntityTooLarge, "payload_too_large")
		if p["max_bytes"] != 1048576.0 {
			t.Errorf("too large: %v", p)
		}
	}
}

// A session without heartbeats turns stale, which the next one ends, and then expires; the timeline says so.
func TestSessionTurnsStaleAndExpires(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	path := s.quick(t, fmt.Sprintf(`,"host_id":%q`, p[0].ID))
	session := func() object { return s.do(t, "GET "+path, "").is(http.StatusOK).json() }
	beat := func() response { return s.do(t, "POST "+path+"/heartbeat", "") }
	beat().is(http.StatusOK)
	eventually(t, "the session is stale", func() bool { return session().text("liveness") == "stale" })
	for liveness, want := range map[string]int{"stale": 1, "live": 0} {
		if page := s.do(t, "GET /api/v1/sessions?liveness="+liveness, "").is(http.StatusOK).json(); len(
			page.list("items"),
		) != want {
			t.Errorf("%s are %v", liveness, page)
		}
	}
	refused := s.do(t, "POST "+path+"/members", naming(p[1])).problem(http.StatusConflict, "session_not_joinable")
	if refused["liveness"] != "stale" || refused["session_status"] != "open" {
		t.Errorf("a stale session is not joinable for %v", refused)
	}
	v := session()
	if v["host_lost_at"] == nil || v.list("members")[0].text("status") != "disconnected" {
		t.Errorf("the host of a stale session is not disconnected: %v", v)
	}
	if l := beat().is(http.StatusOK).json(); l.text("liveness") != "live" {
		t.Errorf("a heartbeat of a stale session: %v", l)
	}
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)
	if v := session(); v["host_lost_at"] != nil || v.text("host_id") != string(p[0].ID) {
		t.Errorf("the host is not back: %v", v)
	}

	eventually(t, "the session is over", func() bool { return session().text("status") == "expired" })
	if v := session(); v.text("end_reason") != "lease_expired" {
		t.Errorf("it expired for %v", v["end_reason"])
	}
	if e := beat().problem(http.StatusGone, "session_ended"); e["end_reason"] != "lease_expired" {
		t.Errorf("a heartbeat after the end is told %v", e)
	}
	var told []string
	for _, e := range s.do(t, "GET "+path+"/timeline", "").is(http.StatusOK).json().list("items") {
		for _, c := range e.list("changes") {
			if to := c.text("to"); c.text("type") == "liveness_changed" || to == "expired" {
				told = append(told, to+" "+c.text("reason")+object(e["actor"].(map[string]any)).text("kind"))
			}
		}
	}
	slices.Reverse(told)
	if want := "stale system, live admin, stale system, expired lease_expiredsystem"; strings.Join(told, ", ") != want {
		t.Errorf("the timeline tells %q, want %q", told, want)
	}
}

// Who is not among the players of a heartbeat is disconnected, unless it came just now, and back when it is.
func TestPlayersOfHeartbeats(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	path := s.quick(t, fmt.Sprintf(`,"host_id":%q`, p[0].ID))
	before := time.Now()
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)
	s.do(t, "POST "+path+"/members", naming(p[2])).is(http.StatusCreated)
	beat := func(present ...client.Player) {
		ids := []client.PlayerID{}
		for _, p := range present {
			ids = append(ids, p.ID)
		}
		s.do(t, "POST "+path+"/heartbeat", `{"players":`+encode(t, ids)+`}`).is(http.StatusOK)
	}
	members := func() (m []object) { return s.do(t, "GET "+path, "").is(http.StatusOK).json().list("members") }
	eventually(t, "the absent one is disconnected", func() bool {
		beat(p[0], p[2])
		return members()[1].text("status") == "disconnected"
	})
	if after := time.Since(before); after < 5*time.Second {
		t.Errorf("it was disconnected %v after the request that joined it", after)
	}
	m := members()[1]
	if left := time.Until(m.instant(t, "deadline")); left < time.Minute || left > 2*time.Minute {
		t.Errorf("it has %v to return", left)
	}
	beat(p[0], p[1], p[2])
	if m := members()[1]; m.text("status") != "joined" || m["deadline"] != nil || m["reconnected_at"] == nil {
		t.Errorf("it is back as %v", m)
	}
}

// A member that sends heartbeats of its own is disconnected without them, and back with the next.
func TestHeartbeatOfMembers(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	path := s.quick(t, fmt.Sprintf(`,"host_id":%q`, p[0].ID))
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)
	beat := func(i int) response {
		return s.do(t, fmt.Sprintf("POST %s/members/%s/heartbeat", path, p[i].ID), "")
	}
	member := func() object {
		return s.do(t, fmt.Sprintf("GET %s/members/%s", path, p[1].ID), "").is(http.StatusOK).json()
	}
	l := beat(1).is(http.StatusOK).json()
	left := time.Until(l.instant(t, "next_deadline"))
	if l["version"] != 2.0 || left > 5*time.Second || left < -time.Minute {
		t.Errorf("a member's heartbeat: %v", l)
	}
	eventually(t, "the member is disconnected", func() bool { return member().text("status") == "disconnected" })
	if l := beat(1).is(http.StatusOK).json(); l["version"] != 4.0 {
		t.Errorf("the heartbeat of a disconnected member: %v", l)
	}
	if m := member(); m.text("status") != "joined" || m["reconnected_at"] == nil {
		t.Errorf("it is back as %v", m)
	}
	v := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	if v["leased"] != false || v.list("members")[0].text("status") != "joined" {
		t.Errorf("a member's heartbeats changed others: %v", v)
	}
	beat(2).problem(http.StatusNotFound, "member_not_found")
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	beat(1).problem(http.StatusGone, "session_ended")
}
