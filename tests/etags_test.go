package tests_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"game-session-manager/client"
)

// Every list has an entity tag that stays while its response does, and changes with all that the response shows.
func TestEntityTagsOfLists(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, players := s.lobby(t, "tagged", 2, client.Settings{MaxPlayers: 4})
	other := s.newPlayer(t, "other")
	session, player := "/api/v1/sessions/"+string(v.ID), "/api/v1/players/"+string(players[1].ID)
	request := func(method, path, body string) func() {
		return func() {
			if a := s.do(t, method+" "+path, body); a.status >= http.StatusMultipleChoices {
				t.Fatalf("%s: %d %s", a.what, a.status, a.body)
			}
		}
	}
	for list, changes := range map[string][]func(){
		"/api/v1/sessions": {
			request("PATCH", session, `{"name":"another"}`),
			request("POST", session+"/members", fmt.Sprintf(`{"player_id":%q}`, other.ID)),
			request("POST", "/api/v1/sessions", `{"max_players":2}`),
			request("DELETE", session+"/members/"+string(other.ID), ""),
		},
		"/api/v1/sessions?limit=1":            {request("POST", "/api/v1/sessions", `{"max_players":2}`)},
		player + "/sessions":                  {request("PATCH", session, `{"map":"dust"}`)},
		session + "/timeline":                 {request("PATCH", session, `{"region":"eu"}`)},
		"/api/v1/players?username_prefix=zoe": {request("POST", "/api/v1/players", `{"username":"zoe"}`)},
		"/api/v1/api-keys":                    {request("POST", "/api/v1/api-keys", `{"name":"eu","scope":"read"}`)},
	} {
		get := func(header ...string) response { return s.do(t, "GET "+list, "", header...) }
		for i, change := range changes {
			a := get().is(http.StatusOK)
			tag := a.header.Get("ETag")
			if !strings.HasPrefix(tag, `"`) || len(tag) < 10 {
				t.Fatalf("%s has the entity tag %s", list, tag)
			}
			same := get("If-None-Match", `"z", W/`+tag).is(http.StatusNotModified).has("ETag", tag)
			if same.body != "" {
				t.Errorf("%s: 304 has a body: %s", list, same.body)
			}
			change()
			b := get("If-None-Match", tag).is(http.StatusOK)
			if b.body == a.body || b.header.Get("ETag") == tag {
				t.Errorf("%s is as before change %d: %s", list, i, b.body)
			}
		}
	}
}
