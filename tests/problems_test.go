package tests_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"game-session-manager/client"
)

func TestUnknownRoutesAndMethods(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{
		"/", "/nowhere", "/api", "/api/v1", "/api/v2/players", "/api/v1/players/" + nobody + "/x", "/API/v1/players",
	} {
		s.do(t, "GET "+path, "").problem(http.StatusNotFound, "not_found")
		s.do(t, "POST "+path, "{}").problem(http.StatusNotFound, "not_found")
	}
	for path, allowed := range map[string]string{
		"/health": "GET, HEAD", "/api/v1/players": "GET, HEAD, POST", "/api/v1/sessions": "GET, HEAD, POST",
		"/api/v1/players/" + nobody:               "DELETE, GET, HEAD, PATCH, PUT",
		"/api/v1/sessions/" + nobody:              "DELETE, GET, HEAD, PATCH, PUT",
		"/api/v1/sessions/" + nobody + "/members": "POST", "/api/v1/sessions/" + nobody + "/host": "PUT",
		"/api/v1/sessions/" + nobody + "/members/" + nobody: "DELETE, GET, HEAD, PATCH",
	} {
		for _, method := range []string{"TRACE", "PROPFIND", "OPTIONS"} {
			a := s.do(t, method+" "+path, "")
			a.problem(http.StatusMethodNotAllowed, "method_not_allowed")
			a.has("Allow", allowed)
		}
	}
	if a := s.do(t, "HEAD /api/v1/players", "").is(http.StatusOK); a.body != "" {
		t.Errorf("HEAD with a body: %s", a.body)
	}
}

func TestBodiesThatAreNotRead(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "target")
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	routes := []string{
		"POST /api/v1/players", "PUT /api/v1/players/" + string(p.ID), "PATCH /api/v1/players/" + string(p.ID),
		"POST /api/v1/sessions", "PUT /api/v1/sessions/" + string(v.ID), "PATCH /api/v1/sessions/" + string(v.ID),
		"POST /api/v1/sessions/" + string(v.ID) + "/members",
	}
	bodies := map[string]string{
		"no JSON": "hello", "half of it": `{"username":"alice"`, "two documents": `{"username":"alice"}{}`,
		"invalid UTF-8":    "{\"username\":\"al\xffice\"}",
		"a lone surrogate": `{"username":"al\ud800ice"}`, "a key twice": `{"username":"alice","username":"bob"}`,
		"a key twice below": `{"attributes":{"a":1,"a":2}}`, "a comment": `{/**/"username":"alice"}`,
		"a comma too many": `{"username":"alice",}`,
		"not a number":     `{"max_players":NaN}`, "a byte order mark": "\ufeff{\"username\":\"alice\"}",
	}
	for _, route := range routes {
		for what, body := range bodies {
			a := s.do(t, route, body)
			if a.status != http.StatusBadRequest {
				t.Errorf("%s: %s: got %d %s", route, what, a.status, a.body)
				continue
			}
			a.problem(http.StatusBadRequest, "malformed_json")
		}
		s.do(t, route, "").problem(http.StatusBadRequest, "malformed_json")
		s.do(
			t, route, `{"name":"`+strings.Repeat("x", 8<<20)+`"}`,
		).problem(http.StatusRequestEntityTooLarge, "payload_too_large")
		s.do(
			t, route, `{"a":1}`, "Content-Type", "text/plain",
		).problem(http.StatusUnsupportedMediaType, "unsupported_media_type")
		s.do(
			t, route, `a=1`, "Content-Type", "application/x-www-form-urlencoded",
		).problem(http.StatusUnsupportedMediaType, "unsupported_media_type")
		s.do(t, route, `[]`).is(http.StatusUnprocessableEntity)
	}
	if got, err := s.api.Players.Get(t.Context(), p.ID); err != nil || got.Version != 1 {
		t.Errorf("the player changed: %+v, %v", got, err)
	}
}

func TestTruncatedBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "POST /api/v1/players HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
		"application/json\r\nContent-Length: 100\r\n\r\n"+`{"username":"alice"}`)
	if err != nil {
		t.Fatal(err)
	}
	if err = c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil { // to close the connection without a word is fine too
		defer func() { _ = res.Body.Close() }()
		b, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(b), `"malformed_json"`) {
			t.Errorf("got %d %s", res.StatusCode, b)
		}
	}
	if l := s.do(t, "GET /api/v1/players", "").is(http.StatusOK).json(); len(l.list("items")) != 0 {
		t.Errorf("half a body made a player: %v", l)
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	players, sessions := "POST /api/v1/players", "POST /api/v1/sessions"
	for _, c := range []struct {
		what, body string
		wrong      []string
	}{
		{players, `{}`, []string{"body.username"}},
		{players, `{"Username":"alice"}`, []string{"body.Username", "body.username"}},
		{players, `{"username":"alice","displayName":"x","colour":1}`, []string{"body.colour", "body.displayName"}},
		{
			players,
			`{"username":"a!","display_name":"` + strings.Repeat("x", 65) + `","status":"odd",` +
				`"suspension_reason":"` + strings.Repeat("x", 257) + `"}`,
			[]string{"body.display_name", "body.status", "body.suspension_reason", "body.username"},
		},
		{
			players,
			`{"username":7,"display_name":[],"identities":"x","attributes":{"a":{},"b":[1],"c":null},` +
				`"status":false,"suspended_until":"soon"}`,
			[]string{
				"body.attributes.a", "body.attributes.b", "body.attributes.c", "body.display_name", "body.identities",
				"body.status", "body.suspended_until", "body.username",
			},
		},
		{players, `{"username":"a b","suspension_reason":"without a suspension"}`, []string{
			"body.suspension_reason", "body.username",
		}},
		{players, `{"username":"alice","identities":{"":"x"},"attributes":{"a b":1}}`, []string{
			"body.attributes", "body.identities",
		}},
		{players, `{"username":"alice","display_name":"two\nlines"}`, []string{"body.display_name"}},
		{players, `{"username":"alice","suspended_until":"yesterday"}`, []string{"body.suspended_until"}},
		{players, `{"username":"alice","display_name":"a\u0000b"}`, []string{"body.display_name"}},
		{players, `{"username":"alice","attributes":{"n":9007199254740993}}`, []string{"body.attributes.n"}},
		{players, `{"username":"alice","attributes":{"n":1e400}}`, []string{"body.attributes.n"}},
		{
			sessions,
			`{"max_players":0,"visibility":"x","min_players":-1,"mode":"` + strings.Repeat("ü", 65) + `",` +
				`"locked":"yes","status":"ended","host_id":"me"}`,
			[]string{
				"body.host_id", "body.locked", "body.max_players", "body.min_players", "body.mode", "body.status",
				"body.visibility",
			},
		},
		{sessions, `{"max_players":4,"min_players":5,"visibility":"x"}`, []string{
			"body.min_players", "body.visibility",
		}},
		{sessions, `{"max_players":1.5}`, []string{"body.max_players"}},
		{sessions, `{"max_players":4,"teams":{"red":0,"blue":1001}}`, []string{"body.teams.blue", "body.teams.red"}},
		{
			sessions, `{"max_players":4,"connection":{"address":"x y","port":70000,"protocol":"?"}}`,
			[]string{"body.connection.address", "body.connection.port", "body.connection.protocol"},
		},
		{sessions, `{"max_players":4,"connection":{"address":"10.0.0.1","port":1,"path":"/"}}`, []string{
			"body.connection.path",
		}},
		{sessions, `{"max_players":4,"members":[]}`, []string{"body.members"}},
	} {
		t.Run(c.body[:min(60, len(c.body))], func(t *testing.T) {
			t.Parallel()
			s.do(t, c.what, c.body).wrong(c.wrong...)
		})
	}
}

func TestBadIDsAndTargets(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, id := range []string{"1", nobody + "0", "-", "%20", "..%2f", "%00"} {
		s.do(t, "GET /api/v1/players/"+id, "").wrong("path.player_id")
		s.do(t, "DELETE /api/v1/sessions/"+id, "").wrong("path.session_id")
		s.do(t, "PUT /api/v1/sessions/"+id, `{"status":"open"}`).wrong("path.session_id")
		s.do(t, "POST /api/v1/sessions/"+id+"/members", `{"player_id":"x"}`).wrong("body.player_id", "path.session_id")
		s.do(t, "DELETE /api/v1/sessions/"+nobody+"/members/"+id, "").wrong("path.player_id")
	}
	for _, target := range []string{
		"/api/v1/players/%ff", "/api/v1/players?username_prefix=%ff", "/api/v1/players?%ff=1",
		"/api/v1/sessions?attributes[%ff]=1", "/api/v1/sessions?mode=%c3%28", "/%ff",
	} {
		a := s.do(t, "GET "+target, "")
		if a.status/100 != 4 || a.status == http.StatusNotFound {
			t.Errorf("GET %s: got %d %s", target, a.status, a.body)
			continue
		}
		a.problem(a.status, a.json().text("code"))
	}
}

// A value may be a secret in the wrong field. No response and no log line repeats it.
func TestValuesAreNeverEchoed(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-SECRET"
	s := start(t, withArgs("--log-level=debug"))
	p := s.newPlayer(t, "alice")
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	player, session := "/api/v1/players/"+string(p.ID), "/api/v1/sessions/"+string(v.ID)
	tooLong := strings.Repeat(secret, 100)
	requests := map[string][]string{
		"POST /api/v1/players": {
			`{"username":"` + secret + `!"}`, `{"username":"` + tooLong + `"}`,
			`{"username":"alice","password":"` + secret + `"}`,
			`{"username":"bob","display_name":"` + secret + `\n"}`,
			`{"username":"bob","identities":{"x":"` + tooLong + `"}}`,
			`{"username":"bob","identities":{"x":["` + secret + `"]}}`,
			`{"username":"bob","identities":"` + secret + `"}`,
			`{"username":"bob","attributes":{"x":["` + secret + `"]}}`,
			`{"username":"bob","attributes":{"x":{"y":"` + secret + `"}}}`,
			`{"username":"bob","attributes":"` + secret + `"}`, `{"username":"bob","status":"` + secret + `"}`,
			`{"username":"bob","suspended_until":"` + secret + `"}`,
			`{"username":"bob","suspension_reason":"` + tooLong + `"}`,
			`{"username":"` + secret, `{"username":"` + secret + "\xff" + `"}`, `{"username":` + secret + `}`, secret,
			`{"username":"` + secret + `","username":"` + secret + `2"}`, `"` + secret + `"`, `["` + secret + `"]`,
		},
		"PUT " + player: {`{"username":"` + secret + `!"}`, `{"username":"alice","status":"` + secret + `"}`},
		"PATCH " + player: {
			`{"username":"` + secret + `!"}`, `{"attributes":{"x":["` + secret + `"]}}`, `{"token":"` + secret + `"}`,
		},
		"POST /api/v1/sessions": {
			`{"max_players":"` + secret + `"}`, `{"max_players":2,"visibility":"` + secret + `"}`,
			`{"max_players":2,"mode":"` + tooLong + `"}`,
			`{"max_players":2,"host_id":"` + secret + `"}`, `{"max_players":2,"teams":{"x":"` + secret + `"}}`,
			`{"max_players":2,"status":"` + secret + `"}`,
			`{"max_players":2,"connection":{"address":"` + secret + ` ","port":1,"protocol":"x"}}`,
			`{"max_players":2,"locked":"` + secret + `"}`, `{"max_players":2,"password":"` + tooLong + `"}`,
		},
		"PUT " + session: {
			`{"status":"` + secret + `"}`, `{"status":"open","end_reason":"` + secret + `"}`,
			`{"status":"ended","result":"` + secret + `"}`,
			`{"status":"in_progress","result":{"x":"` + secret + `"}}`,
		},
		"PATCH " + session: {
			`{"visibility":"` + secret + `"}`, `{"token":"` + secret + `"}`, `{"password":"` + tooLong + `"}`,
			`{"password":["` + secret + `"]}`,
		},
		"POST " + session + "/members": {
			`{"player_id":"` + secret + `"}`, `{"player_id":"` + string(p.ID) + `","team":"` + secret + ` "}`,
			`{"player_id":"` + string(p.ID) + `","password":"` + tooLong + `"}`,
		},
	}
	for route, bodies := range requests {
		for _, body := range bodies {
			a := s.do(t, route, body)
			a.problem(a.status, a.json().text("code"))
			if a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest ||
				strings.Contains(a.body, "hunter2") {
				t.Errorf("%s %.80s: got %d %s", route, body, a.status, a.body)
			}
		}
	}
	for _, target := range []string{
		"/api/v1/players/" + secret, "/api/v1/players?status=" + secret, "/api/v1/players?limit=" + secret,
		"/api/v1/players?cursor=" + secret,
		"/api/v1/players?token=" + secret, "/api/v1/sessions?host_id=" + secret,
		"/api/v1/sessions?free_seats=" + secret, "/" + secret, "/api/v1/players/%ff" + secret,
	} {
		if a := s.do(t, "GET "+target, ""); a.status/100 != 4 || strings.Contains(a.body, "hunter2") {
			t.Errorf("GET %s: got %d %s", target, a.status, a.body)
		}
	}
	s.do(t, "GET /api/v1/players", "", "X-Request-ID", "the-last").is(http.StatusOK)
	s.logged(t, func(l logLine) bool { return l["request_id"] == "the-last" && l["msg"] == "request" })
	if strings.Contains(s.stdout.String()+s.stderr.String(), "hunter2") {
		t.Error("the log tells the secret")
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	for route, bodies := range map[string][2]string{
		"/api/v1/players":  {`{"username":"alice","display_name":"A"}`, `{"username":"alice","display_name":"B"}`},
		"/api/v1/sessions": {`{"max_players":4,"mode":"a"}`, `{"max_players":5,"mode":"a"}`},
	} {
		post := func(body, key string) response { return s.do(t, "POST "+route, body, "Idempotency-Key", key) }
		first := post(bodies[0], "k-1").is(http.StatusCreated).has("Idempotent-Replayed", "")
		again := post(bodies[0], "k-1").is(http.StatusCreated).has("Idempotent-Replayed", "true").
			has("Location", first.header.Get("Location")).has("ETag", first.header.Get("ETag"))
		if again.body != first.body {
			t.Errorf("%s: the replay is %s, want %s", route, again.body, first.body)
		}
		post(bodies[1], "k-1").problem(http.StatusUnprocessableEntity, "idempotency_key_reuse")
		post(strings.ReplaceAll(bodies[0], ",", " , "), "k-1").is(http.StatusCreated).has("Idempotent-Replayed", "true")
		post(bodies[1], strings.Repeat("k", 256)).wrong("header.Idempotency-Key")
		if route == "/api/v1/players" {
			post(bodies[0], "k-2").problem(http.StatusConflict, "username_taken")
			s.do(t, "DELETE "+first.header.Get("Location"), "").is(http.StatusNoContent)
		} else {
			post(bodies[0], "k-2").is(http.StatusCreated).has("Idempotent-Replayed", "")
		}
	}
}

func TestOneKeyAtTheSameTime(t *testing.T) {
	t.Parallel()
	s := start(t)
	const n = 50
	for round, route := range []string{"/api/v1/players", "/api/v1/sessions", "/api/v1/players", "/api/v1/sessions"} {
		body := fmt.Sprintf(`{"username":"alice-%d"}`, round)
		if route == "/api/v1/sessions" {
			body = `{"max_players":4}`
		}
		answers, failures := make([]response, n), make([]error, n)
		together(n, func(i int) {
			answers[i], failures[i] = s.try(
				t.Context(), "POST "+route, body, "Idempotency-Key", fmt.Sprint("the same ", round),
			)
		})
		fresh, documents := 0, map[string]bool{}
		for i, a := range answers {
			if failures[i] != nil || a.status != http.StatusCreated {
				t.Fatalf("%s: got %d %s, %v", route, a.status, a.body, failures[i])
			}
			documents[a.body] = true
			if a.header.Get("Idempotent-Replayed") == "" {
				fresh++
			}
		}
		if len(documents) != 1 || fresh != 1 {
			t.Errorf("%s: %d documents, and %d answers were no replay, want 1 and 1", route, len(documents), fresh)
		}
	}
	if l := s.do(t, "GET /api/v1/sessions", "").is(http.StatusOK).json(); len(l.list("items")) != 2 {
		t.Errorf("%d sessions, want 2", len(l.list("items")))
	}
}
