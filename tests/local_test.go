package tests_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"game-session-manager/client"
)

// Without authentication a web page must not reach the service, neither by its address nor by a host name that
// resolves to it.
func TestWebPagesAreKeptOut(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, host := range []string{"evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1"} {
		for _, url := range []string{s.url + "/api/v1/players", s.ops + "/metrics"} {
			if got := s.status(t, http.MethodGet, url, host); got != http.StatusForbidden {
				t.Errorf("%s under the name %q: got %d", url, host, got)
			}
		}
	}
	for _, host := range []string{"localhost", "LOCALHOST:8080", "127.0.0.1", "127.1.2.3:99", "[::1]:8080"} {
		if got := s.status(t, http.MethodGet, s.url+"/api/v1/players", host); got != http.StatusOK {
			t.Errorf("under the name %q: got %d", host, got)
		}
	}
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		s.do(
			t, "POST /api/v1/players", `{"username":"alice"}`, header, value,
		).problem(http.StatusForbidden, "cross_origin")
	}
	s.do(t, "POST /api/v1/players", `{"username":"alice"}`, "Sec-Fetch-Site", "same-origin").is(http.StatusCreated)

	// What a page embeds is not read to it, and is no work either; a link that a person follows is.
	embeds := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}
	s.do(t, "GET /api/v1/players", "", embeds...).problem(http.StatusForbidden, "cross_origin")
	s.do(
		t, "GET /docs", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
	).is(http.StatusOK)
}

// Empty conditions and keys are rejected, because they would be ignored otherwise.
func TestHeadersThatMislead(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "/api/v1/players/" + string(s.newPlayer(t, "alice").ID)
	for _, key := range []string{"", strings.Repeat("k", 256)} {
		s.do(t, "POST /api/v1/players", `{"username":"bob"}`, "Idempotency-Key", key).wrong("header.Idempotency-Key")
	}
	s.do(
		t, "PATCH "+path, `{"display_name":"A"}`, "If-Match", `"a,*,b"`,
	).problem(http.StatusPreconditionFailed, "version_mismatch")
	s.do(t, "GET "+path, "", "If-None-Match", `"z,*,q"`).is(http.StatusOK)
	s.do(t, "GET "+path, "", "If-None-Match", `"z,q", "1"`).is(http.StatusNotModified)
	s.do(
		t, "PATCH "+path, `{}`, "Content-Encoding", "gzip",
	).problem(http.StatusUnsupportedMediaType, "unsupported_media_type")

	// An unknown route is reported as such, whatever else is wrong.
	s.do(t, "GET /nothing?x=", "").problem(http.StatusNotFound, "not_found")
	s.do(
		t, "POST "+path, `a=1`, "Content-Type", "text/plain",
	).problem(http.StatusMethodNotAllowed, "method_not_allowed")
}

// A PUT that changes the status rejects changed settings, including missing ones.
func TestMoveChangesNoSettings(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{
		MaxPlayers: 2, Teams: map[string]int{"red": 2},
		Attributes: client.Attributes{"mmr": client.Number(1200), "x": client.String("y")},
	}})
	path := "PUT /api/v1/sessions/" + string(v.ID)
	s.do(t, path, `{"status":"open","teams":{}}`).wrong("body.teams")
	s.do(t, path, `{"status":"open","attributes":{"mmr":1200}}`).wrong("body.attributes")
	s.do(t, path, `{"status":"open","max_players":3,"name":"x"}`).wrong("body.max_players", "body.name")
	s.do(
		t, path, `{"status":"open","attributes":{"x":"y","mmr":1200},"teams":{"red":2},"max_players":2}`,
	).is(http.StatusOK).has("ETag", `"1"`)
}

// status returns the status of a request with another Host header.
func (s *server) status(t *testing.T, method, url, host string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	res, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "alice")
	post, patch := "POST /api/v1/players", "PATCH /api/v1/players/"+string(p.ID)
	for i, good := range []string{
		"application/json", "APPLICATION/JSON", "application/json; charset=utf-8", `application/json;charset="UTF-8"`,
	} {
		s.do(t, post, fmt.Sprintf(`{"username":"user-%d"}`, i), "Content-Type", good).is(http.StatusCreated)
		s.do(t, patch, `{}`, "Content-Type", good).is(http.StatusOK)
	}
	s.do(t, patch, `{}`, "Content-Type", "application/merge-patch+json").is(http.StatusOK)
	for _, bad := range []string{
		"application/merge-patch+json", "application/vnd.foo+json", "application/json; charset=utf-16", "text/json",
		"x", ";",
	} {
		s.do(
			t, post, `{"username":"carol"}`, "Content-Type", bad,
		).problem(http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	a := s.do(t, patch, `[]`, "Content-Type", "application/json-patch+json")
	a.problem(http.StatusUnsupportedMediaType, "unsupported_media_type")
	a.has("Accept-Patch", "application/merge-patch+json, application/json")
}

// Query parameters that a list would misread are rejected, all in one response.
func TestQueriesThatMislead(t *testing.T) {
	t.Parallel()
	s := start(t)
	for query, wrong := range map[string][]string{
		"member_id=":                   {"query.member_id"},
		"status=&mode=":                {"query.mode", "query.status"},
		"status=open&status=ended":     {"query.status"},
		"attributes[a][b]=1&region=":   {"query.attributes[a][b]", "query.region"},
		`attributes[a]="x&limit=0`:     {"query.attributes[a]", "query.limit"},
		"stauts=open":                  {"query.stauts"},
		"free_seats=-1&host_id=nobody": {"query.free_seats", "query.host_id"},
	} {
		s.do(t, "GET /api/v1/sessions?"+query, "").wrong(wrong...)
	}
	s.do(t, "GET /api/v1/sessions?cursor=&attributes[a]=", "").is(http.StatusOK)
}

// A session is sent back with all its members, however many they are, at the price of one without.
func TestSessionSentBackWhole(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 1000}})
	path := "/api/v1/sessions/" + string(v.ID)
	members := strings.Repeat(`{"player_id":"x","attributes":{"note":"`+strings.Repeat("n", 4000)+`"}},`, 999)
	s.do(
		t, "PUT "+path, `{"status":"open","members":[`+strings.TrimSuffix(members, ",")+`]}`,
	).is(http.StatusOK).has("ETag", `"1"`)
	s.do(t, "PUT "+path, `{"status":"open","members":[{"a":1,"a":2}]}`).is(http.StatusOK)
	s.do(t, "PUT "+path, `{"status":"open","members":[],"members":[]}`).problem(http.StatusBadRequest, "malformed_json")
	s.do(t, "PUT "+path, `{"status":"ended","result":{"a":1,"a":2}}`).problem(http.StatusBadRequest, "malformed_json")
	s.do(t, "PUT "+path, `{"members":[],"status":"ended","x":1}`).wrong("body.x")
	s.do(t, "PUT "+path, `{"members":[]}{}`).problem(http.StatusBadRequest, "malformed_json")
}
