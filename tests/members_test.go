package tests_test

import (
	"fmt"
	"net/http"
	"testing"
)

// A member changes its team and its attributes, and keeps its seat, its place in the order and the host.
func TestPatchMember(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	path := s.hosted(t, p[0])
	member := func(i int) string { return fmt.Sprintf("%s/members/%s", path, p[i].ID) }
	fox := fmt.Sprintf(`{"player_id":%q,"team":"red","attributes":{"skin":"fox"}}`, p[1].ID)
	location := s.do(t, "POST "+path+"/members", fox).is(http.StatusCreated).header.Get("Location")
	if location != member(1) {
		t.Errorf("the seat is at %s", location)
	}
	before := s.do(t, "GET "+location, "").is(http.StatusOK).has("ETag", `"2"`)
	s.do(t, "GET "+location, "", "If-None-Match", `"2"`).is(http.StatusNotModified)
	if m := before.json(); m.text("player_id") != string(p[1].ID) || m.text("team") != "red" {
		t.Errorf("the member is %s", before.body)
	}
	s.do(t, "GET "+member(2), "").problem(http.StatusNotFound, "member_not_found")
	s.do(t, "GET /api/v1/sessions/"+nobody+"/members/"+nobody, "").problem(http.StatusNotFound, "session_not_found")

	patch := func(i int, body string, headers ...string) response {
		return s.do(t, "PATCH "+member(i), body, headers...)
	}
	full := patch(0, `{"team":"red"}`).problem(http.StatusConflict, "team_full")
	if full["team"] != "red" || full["capacity"] != 1.0 {
		t.Errorf("a full team without the facts: %v", full)
	}
	patch(0, `{"team":"blue"}`, "If-Match", `"1"`).problem(http.StatusPreconditionFailed, "version_mismatch")
	m := patch(0, `{"team":"blue","attributes":{"skin":"owl","n":1}}`, "If-Match", `"2"`).
		is(http.StatusOK).has("ETag", `"3"`).json()
	if m.text("team") != "blue" || fmt.Sprint(m["attributes"]) != "map[n:1 skin:owl]" {
		t.Errorf("the member is %v", m)
	}
	patch(0, `{"team":"blue"}`).is(http.StatusOK).has("ETag", `"3"`)
	m = patch(0, `{"attributes":{"n":null}}`).is(http.StatusOK).json()
	if fmt.Sprint(m["attributes"]) != "map[skin:owl]" {
		t.Errorf("the member is %v", m)
	}
	for i, none := range []string{`{"team":null}`, `{"team":""}`} {
		if m = patch(i, none).is(http.StatusOK).json(); m["team"] != "" {
			t.Errorf("%s: the member is %v", none, m)
		}
	}
	patch(1, `{"attributes":null}`).is(http.StatusOK)
	patch(1, `{"team":"green"}`).wrong("body.team")
	patch(1, `{"team":"a b","attributes":{"a.b":1}}`).wrong("body.team", "body.attributes")
	patch(1, `{"joined_at":null}`).wrong("body.joined_at")
	patch(2, `{"team":"blue"}`).problem(http.StatusNotFound, "member_not_found")
	s.do(t, "PATCH /api/v1/sessions/"+nobody+"/members/"+nobody, `{}`).problem(http.StatusNotFound, "session_not_found")

	v := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	for i, m := range v.list("members") {
		if m.text("player_id") != string(p[i].ID) || m["team"] != "" {
			t.Errorf("member %d is %v", i, m)
		}
	}
	if v["host_id"] != string(p[0].ID) {
		t.Errorf("the host is %v", v["host_id"])
	}
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	patch(1, `{"team":"red"}`).problem(http.StatusGone, "session_ended")
	patch(1, `{}`).is(http.StatusOK)
}

// What a member that joins again asks for is never dropped without a word.
func TestJoinAgainWithOtherSettings(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	path := s.hosted(t, p[0])
	join := func(rest string) response {
		return s.do(t, "POST "+path+"/members", fmt.Sprintf(`{"player_id":%q%s}`, p[1].ID, rest))
	}
	join(`,"team":"red","attributes":{"skin":"fox"}`).is(http.StatusCreated)
	for _, same := range []string{
		``, `,"team":""`, `,"team":"red"`, `,"attributes":{"skin":"fox"}`, `,"team":"red","attributes":{"skin":"fox"}`,
	} {
		join(same).is(http.StatusOK).has("ETag", `"2"`)
	}
	for other, field := range map[string]string{
		`,"team":"blue"`: "team", `,"attributes":{"skin":"owl"}`: "attributes", `,"attributes":{}`: "attributes",
		`,"team":"red","attributes":{"skin":"fox","hat":1}`: "attributes",
	} {
		if p := join(other).problem(http.StatusConflict, "already_member"); p["field"] != field {
			t.Errorf("%s: refused with %v", other, p)
		}
	}
	s.do(t, "POST "+path+"/members", fmt.Sprintf(`{"player_id":%q,"team":"blue"}`, p[0].ID)).
		problem(http.StatusConflict, "already_member")
}

// A host has a team and attributes from the start, and its ticket.
func TestCreateSessionWithHost(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	r := realm{server: s, keys: map[string]string{"admin": adminKey}}
	id := r.as(t, "admin", "POST /api/v1/players", `{"username":"ada"}`).is(http.StatusCreated).json().text("id")
	create := func(rest string, headers ...string) response {
		headers = append(headers, "Authorization", "Bearer "+adminKey)
		return s.do(t, "POST /api/v1/sessions", `{"max_players":4,"teams":{"red":2},`+rest+`}`, headers...)
	}
	host := `"host":{"player_id":"` + id + `","team":"red","attributes":{"skin":"fox"}}`
	for _, body := range []string{host, host + `,"host_id":"` + id + `"`} {
		v := create(body).is(http.StatusCreated).json()
		m := v.list("members")
		if v["host_id"] != id || len(m) != 1 ||
			fmt.Sprintln(m[0]["team"], m[0]["attributes"]) != "red map[skin:fox]\n" {
			t.Errorf("the host is %v of %v", v["host_id"], m)
		}
		if v.text("ticket") == "" {
			t.Errorf("the host has no ticket: %v", v)
		}
	}
	if v := create(`"host_id":"` + id + `"`).is(http.StatusCreated).json(); v.text("ticket") == "" {
		t.Errorf("the host has no ticket: %v", v)
	}
	if v := create(`"mode":"x"`).is(http.StatusCreated).json(); v["ticket"] != nil {
		t.Errorf("a server's session has a ticket: %v", v)
	}
	create(`"host":{"player_id":"` + id + `","team":"blue"}`).wrong("body.host.team")
	create(`"host":{"player_id":"` + id + `"},"host_id":"` + nobody + `"`).wrong("body.host_id")
	create(`"host":{"team":"red"}`).problem(http.StatusUnprocessableEntity, "validation_error")
	create(`"host":{"player_id":"`+nobody+`"}`).problem(http.StatusNotFound, "player_not_found")
	create(`"host":null`).is(http.StatusCreated)

	// A retry has a ticket for as long as the host has its seat.
	first := create(host, "Idempotency-Key", "k").is(http.StatusCreated)
	again := create(host, "Idempotency-Key", "k").is(http.StatusCreated).has("Idempotent-Replayed", "true")
	if again.json().text("ticket") == "" {
		t.Errorf("a retry has no ticket: %s", again.body)
	}
	r.as(t, "admin", "DELETE "+first.header.Get("Location")+"/members/"+id, "").is(http.StatusNoContent)
	if again := create(host, "Idempotency-Key", "k").is(http.StatusCreated); again.json()["ticket"] != nil {
		t.Errorf("a host who left has a ticket: %s", again.body)
	}
}
