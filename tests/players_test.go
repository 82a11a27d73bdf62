package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"game-session-manager/client"
)

const (
	nobody = "01980000-0000-7000-8000-000000000000" // an id that nothing has

	uuidPattern = `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`
	timePattern = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$`
)

func TestCreatePlayer(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.do(t, "POST /api/v1/players", `{"username":"alice","display_name":"Alice"}`).
		is(http.StatusCreated).has("ETag", `"1"`).has("Content-Type", "application/json").has("Idempotent-Replayed", "")
	p := a.json()
	a.has("Location", "/api/v1/players/"+p.text("id"))

	for field, want := range map[string]any{
		"username": "alice", "display_name": "Alice", "status": "active", "suspended_until": nil,
		"suspension_reason": "",
		"version":           1.0, "project": "default",
	} {
		if got, ok := p[field]; !ok || got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	for field, pattern := range map[string]string{
		"id": uuidPattern, "created_at": timePattern, "updated_at": timePattern, "last_seen_at": timePattern,
	} {
		if !regexp.MustCompile(pattern).MatchString(p.text(field)) {
			t.Errorf("%s is %v", field, p[field])
		}
	}
	for _, field := range []string{"identities", "attributes"} {
		if m, ok := p[field].(map[string]any); !ok || len(m) != 0 {
			t.Errorf("%s is %v, want {}", field, p[field])
		}
	}
	if len(p) != 13 {
		t.Errorf("the player has %d fields, want 13: %v", len(p), p)
	}
	s.do(t, "GET "+a.header.Get("Location"), "").is(http.StatusOK).has("ETag", `"1"`)
}

func TestPlayerNeedsUsernameOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.do(t, "POST /api/v1/players", `{"username":"Bob_2.x-y"}`).is(http.StatusCreated).json()
	if p.text("display_name") != "Bob_2.x-y" {
		t.Errorf("the display name is %q, want the username", p.text("display_name"))
	}
	s.do(t, "POST /api/v1/players", `{"display_name":"Nobody"}`).wrong("body.username")
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do(t, "POST /api/v1/players", `{"username":"alice","identities":{"steam":"1","psn":"x"}}`).is(http.StatusCreated)
	s.do(t, "POST /api/v1/players", `{"username":"ALICE"}`).problem(http.StatusConflict, "username_taken")
	s.do(
		t, "POST /api/v1/players", `{"username":"bob","identities":{"steam":"1"}}`,
	).problem(http.StatusConflict, "identity_taken")
	bob := s.do(
		t, "POST /api/v1/players", `{"username":"bob","identities":{"psn":"1"}}`,
	).is(http.StatusCreated).header.Get("Location")
	s.do(t, "PUT "+bob, `{"username":"Alice"}`).problem(http.StatusConflict, "username_taken")
	s.do(t, "PATCH "+bob, `{"identities":{"psn":"x"}}`).problem(http.StatusConflict, "identity_taken")
	s.do(t, "PUT "+bob, `{"username":"BOB"}`).is(http.StatusOK) // one's own name in another case
}

func TestReplacePlayer(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(t, "POST /api/v1/players",
		`{"username":"alice","display_name":"Alice","identities":{"steam":"7656"},`+
			`"attributes":{"mmr":1200,"clan":"x","beta":true}}`).
		is(http.StatusCreated).header.Get("Location")

	p := s.do(
		t, "PUT "+path, `{"username":"alice","display_name":"Alice B."}`,
	).is(http.StatusOK).has("ETag", `"2"`).json()
	if p.text("display_name") != "Alice B." || len(p["attributes"].(map[string]any)) != 0 ||
		len(p["identities"].(map[string]any)) != 0 {
		t.Errorf("a full replace left %v", p)
	}
	s.do(t, "PUT "+path, `{"username":"alice","display_name":"Alice B."}`).is(http.StatusOK).has("ETag", `"2"`)
	s.do(t, "PUT "+path, `{"display_name":"A"}`).wrong("body.username")
	s.do(t, "PUT /api/v1/players/"+nobody, `{"username":"alice"}`).problem(http.StatusNotFound, "player_not_found")
}

// The body of a GET can be sent back: fields that only the server sets are ignored.
func TestPlayerSentBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(t, "POST /api/v1/players",
		`{"username":"alice","identities":{"steam":"1"},"attributes":{"mmr":1.5,"a":"","b":false},
		"status":"suspended","suspended_until":"2999-01-01T00:00:00Z","suspension_reason":"x"}`).is(http.StatusCreated).
		header.Get("Location")
	before := s.do(t, "GET "+path, "").is(http.StatusOK)
	after := s.do(t, "PUT "+path, before.body).is(http.StatusOK).has("ETag", before.header.Get("ETag"))
	if after.body != before.body {
		t.Errorf("got\n%s, want\n%s", after.body, before.body)
	}
	for field, lie := range map[string]any{"version": 99, "id": "x", "created_at": "yesterday", "project": "other"} {
		body := before.json()
		body[field] = lie
		if after = s.do(t, "PUT "+path, encode(t, body)).is(http.StatusOK); after.body != before.body {
			t.Errorf("with another %s: got %s", field, after.body)
		}
	}
}

func TestPatchPlayer(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(
		t, "POST /api/v1/players", `{"username":"alice","display_name":"Alice","attributes":{"mmr":1200,"clan":"x"}}`,
	).
		is(http.StatusCreated).header.Get("Location")

	a := s.do(
		t, "PATCH "+path, `{"display_name":null,"attributes":{"mmr":1300,"clan":null,"new":"y"}}`, "Content-Type",
		"application/merge-patch+json",
	)
	p := a.is(http.StatusOK).has("ETag", `"2"`).json()
	if p.text("username") != "alice" || p.text("display_name") != "alice" ||
		fmt.Sprint(p["attributes"]) != "map[mmr:1300 new:y]" {
		t.Errorf("the patch made %v", p)
	}
	s.do(t, "PATCH "+path, `{}`).is(http.StatusOK).has("ETag", `"2"`)
	s.do(t, "PATCH "+path, `{"attributes":null}`).is(http.StatusOK).has("ETag", `"3"`)
	s.do(t, "PATCH "+path, `{"username":null}`).wrong("body.username")
	s.do(t, "PATCH "+path, `{"nonsense":1}`).wrong("body.nonsense")
	s.do(t, "PATCH "+path, `{"version":7}`).wrong("body.version")
	for _, body := range []string{`[]`, `"x"`, `null`} {
		s.do(t, "PATCH "+path, body).is(http.StatusUnprocessableEntity)
	}
	s.do(
		t, "PATCH "+path, `{}`, "Content-Type", "text/plain",
	).problem(http.StatusUnsupportedMediaType, "unsupported_media_type")
}

func TestSuspension(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "alice")
	path := "/api/v1/players/" + string(p.ID)
	s.do(t, "PATCH "+path, `{"suspended_until":"2999-01-01T00:00:00Z"}`).wrong("body.suspended_until")
	a := s.do(
		t, "PATCH "+path, `{"status":"suspended","suspended_until":"2999-01-01T01:00:00.1239+01:00"}`,
	).is(http.StatusOK)
	if until := a.json().text("suspended_until"); until != "2999-01-01T00:00:00.123Z" {
		t.Errorf("suspended until %s, want UTC and milliseconds", until)
	}
	s.do(t, "PUT "+path, `{"username":"alice","display_name":"New"}`).is(http.StatusOK)
	if got, err := s.api.Players.Get(t.Context(), p.ID); err != nil || got.Status != client.PlayerSuspended ||
		got.SuspendedUntil == nil {
		t.Errorf("an edit of the profile lifted the suspension: %+v, %v", got, err)
	}
	got, err := s.api.Players.Patch(
		t.Context(), p.ID, client.Patch{"status": client.PlayerActive, "suspended_until": nil},
	)
	if err != nil || got.Status != client.PlayerActive || got.SuspendedUntil != nil {
		t.Errorf("lifting the suspension: %+v, %v", got, err)
	}
}

func TestErasePlayer(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, players := s.lobby(t, "member", 3, client.Settings{MaxPlayers: 4})
	path := "/api/v1/players/" + string(players[0].ID)
	a := s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	if a.body != "" {
		t.Errorf("204 with a body: %s", a.body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		s.do(t, method+" "+path, "").problem(http.StatusNotFound, "player_not_found")
	}
	s.do(t, "PUT "+path, `{"username":"alice"}`).problem(http.StatusNotFound, "player_not_found")
	s.do(t, fmt.Sprintf("POST /api/v1/sessions/%s/members", v.ID), fmt.Sprintf(`{"player_id":%q}`, players[0].ID)).
		problem(http.StatusNotFound, "player_not_found")

	eventually(t, "the host's seat is swept", func() bool {
		v, err := s.api.Sessions.Get(t.Context(), v.ID)
		return err == nil && len(v.Members) == 2 && v.HostID != nil && *v.HostID == players[1].ID
	})
	if _, err := s.api.Players.Create(t.Context(), client.Profile{Username: players[0].Username}); err != nil {
		t.Errorf("the name of an erased player is not free: %v", err)
	}
}

// A creation that is retried after its player was erased finds that player gone, whoever has its names by then.
func TestRetryAfterErasure(t *testing.T) {
	t.Parallel()
	s := start(t)
	const body = `{"username":"phoenix","identities":{"steam":"1"}}`
	create := func() response { return s.do(t, "POST /api/v1/players", body, "Idempotency-Key", "once") }
	p := create().is(http.StatusCreated).json()
	s.do(t, "DELETE /api/v1/players/"+p.text("id"), "").is(http.StatusNoContent)
	create().problem(http.StatusNotFound, "player_not_found")
	s.do(t, "POST /api/v1/players", body).is(http.StatusCreated)
	create().problem(http.StatusNotFound, "player_not_found")
}

func TestListPlayers(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, body := range []string{
		`{"username":"anna"}`, `{"username":"Anton"}`, `{"username":"an_"}`, `{"username":"bert","status":"suspended"}`,
		`{"username":"ana-2","status":"suspended"}`,
	} {
		s.do(t, "POST /api/v1/players", body).is(http.StatusCreated)
	}
	for query, want := range map[string][]string{
		"":                                     {"ana-2", "bert", "an_", "Anton", "anna"},
		"username_prefix=an":                   {"ana-2", "an_", "Anton", "anna"},
		"username_prefix=AN":                   {"ana-2", "an_", "Anton", "anna"},
		"username_prefix=an_":                  {"an_"},
		"username_prefix=ana":                  {"ana-2"},
		"username_prefix=zz":                   {},
		"status=suspended":                     {"ana-2", "bert"},
		"status=active&username_prefix=a":      {"an_", "Anton", "anna"},
		"limit=2":                              {"ana-2", "bert"},
		"status=suspended&username_prefix=ber": {"bert"},
	} {
		got := []string{}
		l := s.do(t, "GET /api/v1/players?"+query, "").is(http.StatusOK).json()
		for _, p := range l.list("items") {
			got = append(got, p.text("username"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
		if _, more := l["next_cursor"].(string); more != (query == "limit=2") {
			t.Errorf("%s: next_cursor is %v", query, l["next_cursor"])
		}
	}
	for query, at := range map[string]string{
		"status=odd": "query.status", "limit=0": "query.limit", "limit=101": "query.limit", "limit=x": "query.limit",
		"limit=-1": "query.limit",
		"cursor=x": "query.cursor", "colour=red": "query.colour", "Status=active": "query.Status",
	} {
		s.do(t, "GET /api/v1/players?"+query, "").wrong(at)
	}
	s.do(t, "GET /api/v1/players?limit=1000&status=odd", "").wrong("query.limit", "query.status")
}

func TestCursorsAreStable(t *testing.T) {
	t.Parallel()
	s := start(t)
	const n = 25
	for i := range n {
		s.newPlayer(t, fmt.Sprintf("early-%02d", i))
	}
	var got []string
	filter := client.PlayerFilter{Limit: 10}
	for page := 0; ; page++ {
		list, err := s.api.Players.List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Items {
			got = append(got, p.Username)
		}
		s.newPlayers(t, fmt.Sprintf("late-%d", page), 7)
		if filter.Cursor = list.NextCursor; filter.Cursor == "" {
			break
		}
	}
	for i := range n {
		if want := fmt.Sprintf("early-%02d", n-1-i); i >= len(got) || got[i] != want {
			t.Fatalf("item %d is not %s: %q", i, want, got)
		}
	}
	if len(got) != n {
		t.Errorf("got %d items, want %d: %q", len(got), n, got)
	}

	first, err := s.api.Players.List(t.Context(), client.PlayerFilter{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	// another size is the same list
	s.do(t, "GET /api/v1/players?limit=5&cursor="+first.NextCursor, "").is(http.StatusOK)
	s.do(t, "GET /api/v1/players?status=active&cursor="+first.NextCursor, "").wrong("query.cursor")
	s.do(t, "GET /api/v1/sessions?cursor="+first.NextCursor, "").wrong("query.cursor")
}

func TestAllPlayersAndSessions(t *testing.T) {
	t.Parallel()
	s := start(t)
	players := s.newPlayers(t, "p", 12)
	for range 12 {
		s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}, HostID: &players[0].ID})
	}
	var n int
	for _, err := range s.api.Players.All(t.Context(), client.PlayerFilter{Limit: 5}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	for _, err := range s.api.Sessions.All(t.Context(), client.SessionFilter{Limit: 5, HostID: players[0].ID}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 24 {
		t.Errorf("got %d documents, want 24", n)
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "alice")
	v, _ := s.lobby(t, "m", 2, client.Settings{MaxPlayers: 4})
	for path, body := range map[string]string{
		"/api/v1/players/" + string(p.ID):  `{"username":"alice","display_name":"B"}`,
		"/api/v1/sessions/" + string(v.ID): `{"status":"starting"}`,
	} {
		tag := s.do(t, "GET "+path, "").is(http.StatusOK).header.Get("ETag")
		a := s.do(t, "GET "+path, "", "If-None-Match", tag).is(http.StatusNotModified).has("ETag", tag)
		if a.body != "" {
			t.Errorf("304 with a body: %s", a.body)
		}
		s.do(t, "GET "+path, "", "If-None-Match", `"98", `+tag).is(http.StatusNotModified)
		s.do(t, "GET "+path, "", "If-None-Match", "W/"+tag).is(http.StatusNotModified)
		s.do(t, "GET "+path, "", "If-None-Match", `"99"`).is(http.StatusOK)
		for _, unquoted := range []string{"1", "", `"1`, `"1" "2"`} {
			s.do(t, "PUT "+path, body, "If-Match", unquoted).wrong("header.If-Match")
		}
		for _, stale := range []string{`"99"`, `""`, `W/` + tag} {
			s.do(t, "PUT "+path, body, "If-Match", stale).problem(http.StatusPreconditionFailed, "version_mismatch")
			s.do(t, "PATCH "+path, `{}`, "If-Match", stale).problem(http.StatusPreconditionFailed, "version_mismatch")
			s.do(t, "DELETE "+path, "", "If-Match", stale).problem(http.StatusPreconditionFailed, "version_mismatch")
		}
		s.do(t, "PUT "+path, body, "If-Match", tag).is(http.StatusOK)
		s.do(t, "PATCH "+path, `{}`, "If-Match", tag).problem(http.StatusPreconditionFailed, "version_mismatch")
		s.do(t, "PATCH "+path, `{}`, "If-Match", "*").is(http.StatusOK)
	}
	s.do(t, fmt.Sprintf("DELETE /api/v1/sessions/%s/members/%s", v.ID, v.Members[1].PlayerID), "", "If-Match", `"99"`).
		problem(http.StatusPreconditionFailed, "version_mismatch")

	p, err := s.api.Players.Get(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.api.Players.Get(t.Context(), p.ID, client.IfChangedSince(p.Version))
	if !errors.Is(err, client.ErrNotModified) {
		t.Errorf("IfChangedSince: %v", err)
	}
	err = s.api.Players.Delete(t.Context(), p.ID, client.IfVersion(p.Version-1))
	if !errors.Is(err, client.ErrVersionMismatch) {
		t.Errorf("IfVersion of another version: %v", err)
	}
	if err := s.api.Players.Delete(t.Context(), p.ID, client.IfVersion(p.Version)); err != nil {
		t.Errorf("IfVersion: %v", err)
	}
}

func TestTimesAreOrdered(t *testing.T) {
	t.Parallel()
	s := start(t)
	before := time.Now().UTC().Truncate(time.Millisecond)
	p := s.newPlayer(t, "alice")
	q, err := s.api.Players.Patch(t.Context(), p.ID, client.Patch{"display_name": "B"})
	if err != nil {
		t.Fatal(err)
	}
	if p.CreatedAt.Before(before) || p.UpdatedAt != p.CreatedAt || !q.CreatedAt.Equal(p.CreatedAt) ||
		q.UpdatedAt.Before(p.UpdatedAt) || q.UpdatedAt.After(time.Now()) {
		t.Errorf("created %v then %v, updated %v then %v", p.CreatedAt, q.CreatedAt, p.UpdatedAt, q.UpdatedAt)
	}
}
