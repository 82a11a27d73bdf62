package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
)

func TestCreateSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := s.newPlayer(t, "alice")
	a := s.do(t, "POST /api/v1/sessions", fmt.Sprintf(
		`{"max_players":4,"mode":"ranked","host_id":%q,"attributes":{"mmr":1200}}`, alice.ID,
	)).
		is(http.StatusCreated).has("ETag", `"1"`).has("Content-Type", "application/json")
	v := a.json()
	a.has("Location", "/api/v1/sessions/"+v.text("id"))
	fields := map[string]any{
		"name": "", "mode": "ranked", "map": "", "region": "", "visibility": "public", "locked": false,
		"join_in_progress": false,
		"allow_rematch":    false, "max_players": 4.0, "min_players": 0.0, "status": "open", "end_reason": nil,
		"host_id": string(alice.ID), "hosted": true, "seats_held": 1.0, "free_seats": 3.0,
		"connection": nil, "result": nil, "version": 1.0, "project": "default", "started_at": nil, "ended_at": nil,
		"reservation_timeout": 60.0, "disconnect_grace": 120.0, "host_grace": 30.0, "empty_timeout": 300.0,
		"activation_timeout": 60.0, "max_duration": 0.0, "idle_timeout": 86400.0, "stale_after": 30.0,
		"expire_after": 3600.0, "fence": 1.0, "liveness": "live", "leased": false, "host_lost_at": nil,
		"empty_since": nil, "server_since": nil, "auto_start": false, "auto_started": false,
		"exclusive": false, "join_code": nil, "has_password": false,
	}
	others := []string{
		"id", "created_at", "updated_at", "attributes", "teams", "members", "bans", "wait_list", "ticket",
	}
	for field := range v {
		if _, ok := fields[field]; !ok && !slices.Contains(others, field) {
			t.Errorf("%s is not checked: add it here", field)
		}
	}
	for field, want := range fields {
		if got, ok := v[field]; !ok || got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	for field, pattern := range map[string]string{
		"id": uuidPattern, "created_at": timePattern, "updated_at": timePattern,
	} {
		if !regexp.MustCompile(pattern).MatchString(v.text(field)) {
			t.Errorf("%s is %v", field, v[field])
		}
	}
	if got := fmt.Sprint(v["attributes"], v["teams"], v["bans"], v["wait_list"]); got != "map[mmr:1200] map[] [] []" {
		t.Errorf("attributes, teams, bans and wait list are %s", got)
	}
	members := v.list("members")
	if len(members) != 1 || members[0].text("player_id") != string(alice.ID) || members[0].text("status") != "joined" ||
		members[0].text("joined_at") == "" {
		t.Errorf("the host is not the first member: %v", members)
	}
	s.do(t, "GET "+a.header.Get("Location"), "").is(http.StatusOK).has("ETag", `"1"`)
}

func TestSessionNeedsMaxPlayersOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	v := s.do(t, "POST /api/v1/sessions", `{"max_players":2}`).is(http.StatusCreated).json()
	if v["host_id"] != nil || len(v.list("members")) != 0 || v.text("status") != "open" {
		t.Errorf("a server's session is %v", v)
	}
	s.do(t, "POST /api/v1/sessions", `{"mode":"ranked"}`).wrong("body.max_players")
	s.do(
		t, "POST /api/v1/sessions", `{"max_players":2,"host_id":"`+nobody+`"}`,
	).problem(http.StatusNotFound, "player_not_found")
	v = s.do(t, "POST /api/v1/sessions", `{"max_players":2,"status":"pending"}`).is(http.StatusCreated).json()
	if v.text("status") != "pending" {
		t.Errorf("asked for pending, got %v", v)
	}
	s.do(t, "POST /api/v1/sessions", `{"max_players":2,"status":"ended"}`).wrong("body.status")
}

func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	s := start(t)
	players := s.newPlayers(t, "p", 3)
	path := s.do(
		t, "POST /api/v1/sessions", fmt.Sprintf(`{"max_players":2,"host_id":%q}`, players[0].ID),
	).is(http.StatusCreated).header.Get("Location")
	join := func(i int) response {
		return s.do(t, "POST "+path+"/members", fmt.Sprintf(`{"player_id":%q}`, players[i].ID))
	}
	leave := func(i int) response { return s.do(t, fmt.Sprintf("DELETE %s/members/%s", path, players[i].ID), "") }

	seated := join(1).is(http.StatusCreated).has("ETag", `"2"`)
	if v := seated.json(); len(v.list("members")) != 2 ||
		v.list("members")[1].text("player_id") != string(players[1].ID) {
		t.Errorf("the answer is not the session with its new member: %s", seated.body)
	}
	if again := join(1).is(http.StatusOK).has("ETag", `"2"`); again.body != seated.body {
		t.Errorf("joining again changed the session: %s", again.body)
	}
	if p := join(2).problem(http.StatusConflict, "session_full"); p["max_players"] != 2.0 {
		t.Errorf("full without max_players: %v", p)
	}
	leave(1).is(http.StatusNoContent)
	leave(1).is(http.StatusNoContent)
	join(2).is(http.StatusCreated)
	leave(2).is(http.StatusNoContent)
	leave(0).is(http.StatusNoContent)
	v := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	if v.text("status") != "open" || v["host_id"] != nil || len(v.list("members")) != 0 {
		t.Errorf("after the last member left: %v", v)
	}
	s.do(t, "POST "+path+"/members", `{"player_id":"`+nobody+`"}`).problem(http.StatusNotFound, "player_not_found")
	s.do(
		t, "POST /api/v1/sessions/"+nobody+"/members", fmt.Sprintf(`{"player_id":%q}`, players[0].ID),
	).problem(http.StatusNotFound, "session_not_found")
	s.do(t, "DELETE /api/v1/sessions/"+nobody+"/members/"+nobody, "").problem(http.StatusNotFound, "session_not_found")
	s.do(t, "DELETE "+path+"/members/"+nobody, "").is(http.StatusNoContent)
}

func TestHostHandover(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, players := s.lobby(t, "p", 3, client.Settings{MaxPlayers: 3})
	for _, next := range players[1:] {
		if err := s.api.Sessions.Leave(t.Context(), v.ID, *v.HostID); err != nil {
			t.Fatal(err)
		}
		var err error
		if v, err = s.api.Sessions.Get(t.Context(), v.ID); err != nil || v.HostID == nil || *v.HostID != next.ID {
			t.Fatalf("the host is not the one who joined first of those left: %+v, %v", v, err)
		}
	}
}

func TestWhoMayNotJoin(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 4)
	create := func(settings client.Settings) client.SessionID {
		return s.newSession(t, client.SessionRequest{Settings: settings, HostID: &p[0].ID}).ID
	}
	join := func(id client.SessionID, i int, team string) error {
		_, err := s.api.Sessions.Join(t.Context(), id, client.JoinRequest{PlayerID: p[i].ID, Team: team})
		return err
	}
	want := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	locked := create(client.Settings{MaxPlayers: 4, Locked: true})
	want("locked", join(locked, 1, ""), client.ErrSessionLocked)
	want("locked, a member again", join(locked, 0, ""), nil)

	teams := create(client.Settings{MaxPlayers: 4, Teams: map[string]int{"red": 1, "blue": 2}})
	want("a team", join(teams, 1, "red"), nil)
	want("a full team", join(teams, 2, "red"), client.ErrTeamFull)
	want("no such team", join(teams, 2, "green"), client.ErrValidation)
	want("another team", join(teams, 1, "blue"), client.ErrAlreadyMember)

	playing := create(client.Settings{MaxPlayers: 4})
	midway := create(client.Settings{MaxPlayers: 4, JoinInProgress: true})
	for _, id := range []client.SessionID{playing, midway} {
		if _, err := s.api.Sessions.SetStatus(t.Context(), id, client.Move{
			Status: client.StatusInProgress,
		}); err != nil {
			t.Fatal(err)
		}
	}
	want("in progress", join(playing, 1, ""), client.ErrSessionNotJoinable)
	want("in progress with join_in_progress", join(midway, 1, ""), nil)

	over := create(client.Settings{MaxPlayers: 4})
	want("cancel", s.api.Sessions.Cancel(t.Context(), over), nil)
	want("over", join(over, 1, ""), client.ErrSessionEnded)
	want("leaving what is over", s.api.Sessions.Leave(t.Context(), over, p[0].ID), client.ErrSessionEnded)

	if _, err := s.api.Players.Patch(t.Context(), p[3].ID, client.Patch{"status": client.PlayerSuspended}); err != nil {
		t.Fatal(err)
	}
	want("suspended", join(teams, 3, ""), client.ErrPlayerSuspended)
	_, err := s.api.Sessions.Create(
		t.Context(), client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}, HostID: &p[3].ID},
	)
	want("a suspended host", err, client.ErrPlayerSuspended)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(t, "POST /api/v1/sessions", `{"max_players":4}`).is(http.StatusCreated).header.Get("Location")
	put := func(body string) response { return s.do(t, "PUT "+path, body) }

	v := put(`{"status":"in_progress"}`).is(http.StatusOK).has("ETag", `"2"`).json()
	if v.text("status") != "in_progress" || v.text("started_at") == "" {
		t.Errorf("in progress: %v", v)
	}
	put(`{"status":"in_progress"}`).is(http.StatusOK).has("ETag", `"2"`)
	p := put(`{"status":"open"}`).problem(http.StatusConflict, "invalid_state_transition")
	if p["from"] != "in_progress" || p["to"] != "open" || fmt.Sprint(p["allowed"]) != "[ended failed]" {
		t.Errorf("from %v to %v, allowed %v", p["from"], p["to"], p["allowed"])
	}
	put(`{"status":"cancelled"}`).problem(http.StatusConflict, "invalid_state_transition")
	put(`{"status":"odd"}`).wrong("body.status")
	put(`{}`).wrong("body.status")
	put(`{"status":"in_progress","result":{}}`).wrong("body.result")

	v = put(
		`{"status":"ended","result":{"winner":"red","score":[3,1],"deep":{"a":null}}}`,
	).is(http.StatusOK).has("ETag", `"3"`).json()
	if v.text("end_reason") != "completed" ||
		fmt.Sprint(v["result"]) != "map[deep:map[a:<nil>] score:[3 1] winner:red]" || v.text("ended_at") == "" {
		t.Errorf("ended: %v", v)
	}
	before := s.do(t, "GET "+path, "").is(http.StatusOK)
	for _, status := range []string{"open", "starting", "in_progress", "cancelled", "failed", "expired", "pending"} {
		p = put(`{"status":"`+status+`"}`).problem(http.StatusConflict, "invalid_state_transition")
		if allowed, ok := p["allowed"].([]any); !ok || len(allowed) != 0 {
			t.Errorf("allowed from a terminal state: %v", p["allowed"])
		}
	}
	put(`{"status":"ended"}`).is(http.StatusOK).has("ETag", `"3"`)
	put(`{"status":"ended","result":{"winner":"blue"}}`).problem(http.StatusGone, "session_ended")
	s.do(t, "PATCH "+path, `{"mode":"x"}`).problem(http.StatusGone, "session_ended")
	s.do(t, "DELETE "+path, "").problem(http.StatusConflict, "invalid_state_transition")
	if after := s.do(t, "GET "+path, "").is(http.StatusOK); after.body != before.body {
		t.Errorf("a session that is over changed: %s", after.body)
	}
	s.do(t, "PUT /api/v1/sessions/"+nobody, `{"status":"open"}`).problem(http.StatusNotFound, "session_not_found")
}

func TestMovesWithReasonsAndConnections(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(
		t, "POST /api/v1/sessions", `{"max_players":4,"status":"pending","min_players":1}`,
	).is(http.StatusCreated).header.Get("Location")
	put := func(body string) response { return s.do(t, "PUT "+path, body) }

	v := put(
		`{"status":"open","connection":{"address":"10.0.0.1","port":7777,"protocol":"udp"}}`,
	).is(http.StatusOK).json()
	if fmt.Sprint(v["connection"]) != "map[address:10.0.0.1 port:7777 protocol:udp]" {
		t.Errorf("the connection is %v", v["connection"])
	}
	put(
		`{"status":"open","connection":{"address":"not a host","port":0}}`,
	).wrong("body.connection.address", "body.connection.port")
	put(`{"status":"open","end_reason":"completed"}`).wrong("body.end_reason")
	put(
		`{"status":"open","connection":{"address":"10.0.0.1","port":7777,"protocol":"udp"}}`,
	).is(http.StatusOK).has("ETag", `"2"`)
	put(`{"status":"open","connection":null,"end_reason":null,"result":null}`).is(http.StatusOK).has("ETag", `"2"`)
	put(`{"status":"open","end_reason":""}`).wrong("body.end_reason")
	// The status that a session has changes nothing, and says so where another connection would be dropped.
	put(`{"status":"open","connection":{"address":"10.0.0.2","port":7777}}`).wrong("body.connection")
	p := put(`{"status":"starting"}`).problem(http.StatusConflict, "not_enough_players")
	if p["min_players"] != 1.0 || p["members"] != 0.0 {
		t.Errorf("not enough players without the numbers: %v", p)
	}
	put(`{"status":"ended"}`).problem(http.StatusConflict, "invalid_state_transition")
	v = put(`{"status":"ended","end_reason":"force_terminated"}`).is(http.StatusOK).json()
	if v.text("end_reason") != "force_terminated" {
		t.Errorf("ended by force: %v", v)
	}
}

func TestCancelSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(t, "POST /api/v1/sessions", `{"max_players":4}`).is(http.StatusCreated).header.Get("Location")
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	v := s.do(t, "GET "+path, "").is(http.StatusOK).has("ETag", `"2"`).json()
	if v.text("status") != "cancelled" || v.text("end_reason") == "" || v.text("ended_at") == "" {
		t.Errorf("cancelled: %v", v)
	}
	s.do(t, "DELETE /api/v1/sessions/"+nobody, "").problem(http.StatusNotFound, "session_not_found")
}

func TestPatchSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, _ := s.lobby(t, "p", 3, client.Settings{
		MaxPlayers: 4, Mode: "ranked", Teams: map[string]int{"red": 2},
		Attributes: client.Attributes{"mmr": client.Number(1), "x": client.Bool(true)},
	})
	path := "/api/v1/sessions/" + string(v.ID)
	patched := s.do(t, "PATCH "+path,
		`{"locked":true,"mode":null,"attributes":{"x":null,"y":"z"},"teams":{"red":null,"blue":1}}`,
		"Content-Type", "application/merge-patch+json").is(http.StatusOK).has("ETag", `"4"`).json()
	if patched["locked"] != true || patched["mode"] != "" ||
		fmt.Sprint(patched["attributes"], patched["teams"]) != "map[mmr:1 y:z] map[blue:1]" {
		t.Errorf("the patch made %v", patched)
	}
	p := s.do(t, "PATCH "+path, `{"max_players":2}`).problem(http.StatusConflict, "seats_taken")
	if p["field"] != "max_players" || p["held"] != 3.0 {
		t.Errorf("seats taken without the facts: %v", p)
	}
	s.do(t, "PATCH "+path, `{"max_players":0}`).wrong("body.max_players")
	s.do(t, "PATCH "+path, `{"max_players":null}`).wrong("body.max_players")
	s.do(t, "PATCH "+path, `{"min_players":5}`).wrong("body.min_players")
	s.do(t, "PATCH "+path, `{"status":"ended"}`).wrong("body.status")
	s.do(t, "PATCH "+path, `{"max_players":3}`).is(http.StatusOK)
	s.do(t, "PATCH /api/v1/sessions/"+nobody, `{}`).problem(http.StatusNotFound, "session_not_found")
}

func TestPatchConnection(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.do(t, "POST /api/v1/sessions", `{"max_players":4}`).is(http.StatusCreated).header.Get("Location")
	for _, step := range []struct{ patch, want, tag string }{
		{`{"connection":null}`, "<nil>", `"1"`},
		{
			`{"connection":{"address":"10.0.0.1","port":7777,"protocol":"udp"}}`,
			"map[address:10.0.0.1 port:7777 protocol:udp]", `"2"`,
		},
		{`{"connection":{"port":7778}}`, "map[address:10.0.0.1 port:7778 protocol:udp]", `"3"`},
		{`{"connection":{"protocol":null},"mode":"x"}`, "map[address:10.0.0.1 port:7778 protocol:]", `"4"`},
		{`{"mode":"x"}`, "map[address:10.0.0.1 port:7778 protocol:]", `"4"`},
		{`{"connection":null}`, "<nil>", `"5"`},
	} {
		v := s.do(t, "PATCH "+path, step.patch).is(http.StatusOK).has("ETag", step.tag).json()
		if got := fmt.Sprint(v["connection"]); got != step.want {
			t.Errorf("%s: the connection is %s, want %s", step.patch, got, step.want)
		}
	}
	s.do(t, "PATCH "+path, `{"connection":{"port":7777}}`).wrong("body.connection.address")
	s.do(
		t, "PATCH "+path, `{"connection":{"address":"not a host","port":0}}`,
	).wrong("body.connection.address", "body.connection.port")
	s.do(t, "PATCH "+path, `{"connection":{"colour":"red"}}`).wrong("body.connection.colour")
	s.do(t, "PATCH "+path, `{"connection":"10.0.0.1"}`).wrong("body.connection")
	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	s.do(t, "PATCH "+path, `{"connection":{"address":"::1","port":1}}`).problem(http.StatusGone, "session_ended")
}

// The body of a GET can be sent back in every state: the current status is accepted and changes nothing.
func TestSessionSentBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, _ := s.lobby(t, "p", 2, client.Settings{
		MaxPlayers: 4, Attributes: client.Attributes{"mmr": client.Number(1.25)}, Teams: map[string]int{"red": 2},
	})
	path := "/api/v1/sessions/" + string(v.ID)
	for _, next := range []string{
		`{"status":"starting","connection":{"address":"10.0.0.1","port":7777}}`, `{"status":"in_progress"}`,
		`{"status":"ended","result":{"b":1e3,"a":"é"}}`, "",
	} {
		before := s.do(t, "GET "+path, "").is(http.StatusOK)
		after := s.do(t, "PUT "+path, before.body).is(http.StatusOK).has("ETag", before.header.Get("ETag"))
		if after.body != before.body {
			t.Errorf("got\n%s, want\n%s", after.body, before.body)
		}
		if next != "" {
			s.do(t, "PUT "+path, next).is(http.StatusOK)
		}
	}
}

func TestLargeSessionSentBack(t *testing.T) {
	t.Parallel()
	const members = 200
	s := start(t)
	players := s.newPlayers(t, "p", members)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: members}})
	failures := make([]error, members)
	together(members, func(i int) {
		attributes := client.Attributes{"role": client.String(strings.Repeat("x", 400))}
		_, failures[i] = s.api.Sessions.Join(
			t.Context(), v.ID, client.JoinRequest{PlayerID: players[i].ID, Attributes: attributes},
		)
	})
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	before := s.do(t, "GET /api/v1/sessions/"+string(v.ID), "").is(http.StatusOK)
	after := s.do(t, "PUT /api/v1/sessions/"+string(v.ID), before.body).is(http.StatusOK)
	if after.body != before.body {
		t.Error("a session that was sent back changed")
	}
}

func TestListSessions(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	begin := url.QueryEscape(p[2].CreatedAt.In(time.FixedZone("", 7200)).Format(time.RFC3339Nano))
	for _, r := range []client.SessionRequest{
		{HostID: &p[0].ID, Settings: client.Settings{
			Name: "a", MaxPlayers: 2, Mode: "ranked", Map: "dust", Region: "eu",
			Attributes: client.Attributes{
				"mmr": client.Number(1200), "beta": client.Bool(true), "tag": client.String("1200"),
			},
		}},
		{HostID: &p[0].ID, Settings: client.Settings{
			Name: "b", MaxPlayers: 1, Mode: "ranked", Map: "ice", Visibility: client.VisibilityPrivate,
			Attributes: client.Attributes{
				"mmr": client.String("1200"), "beta": client.Bool(false), "tag": client.String("x y&z"),
			},
		}},
		{Settings: client.Settings{
			Name: "c", MaxPlayers: 8, Mode: "Ranked", Region: "us",
		}, Status: client.StatusPending},
		{HostID: &p[1].ID, Settings: client.Settings{
			Name: "d", MaxPlayers: 3, Mode: "casual", Attributes: client.Attributes{"mmr": client.Number(1200.5)},
		}},
	} {
		v := s.newSession(t, r)
		if v.Name == "d" {
			if _, err := s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p[2].ID}); err != nil {
				t.Fatal(err)
			}
		}
	}
	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string]string{
		"": "dcba", "status=open": "dba", "status=pending": "c", "status=ended": "", "mode=ranked": "ba",
		"mode=Ranked": "c", "mode=rank": "",
		"map=dust": "a", "region=us": "c", "visibility=private": "b", "visibility=public": "dca",
		"host_id=" + string(p[0].ID): "ba", "host_id=" + string(p[2].ID): "", "member_id=" + string(p[2].ID): "d",
		"member_id=" + string(p[0].ID): "ba",
		"free_seats=1":                 "dca", "free_seats=2": "c", "free_seats=8": "c", "free_seats=9": "",
		"attributes[mmr]=1200": "ba", "attributes[mmr]==1200": "a", "attributes[mmr]=1.2e3": "a",
		`attributes[mmr]="1200"`: "b", "attributes[mmr]=1200.5": "d",
		"attributes[beta]=true": "a", "attributes[beta]=false": "b", `attributes[beta]="true"`: "",
		"attributes[tag]=x y%26z": "b", `attributes[tag]="1200"`: "a",
		"attributes[none]=1": "", "attributes[mmr]=1200&attributes[beta]=true": "a",
		"attributes[mmr]==1200&attributes[beta]=false":                              "",
		"status=open&mode=ranked&limit=50":                                          "ba",
		"mode=ranked&map=dust&region=eu&visibility=public&free_seats=1&status=open": "a",
		"status=open,pending":                                                       "dcba",
		"status=ended,pending":                                                      "c", "status=ended,failed": "",
		"name_prefix=a": "a", "name_prefix=A": "", "locked=false": "dcba", "locked=true": "",
		"joinable=true": "da", "joinable=false": "cb",
		"joinable=false&status=open": "b", "joinable=true&mode=casual": "d",
		"created_after=" + begin:                                    "dcba",
		"created_before=" + begin:                                   "",
		"updated_before=" + end:                                     "dcba",
		"updated_after=" + end:                                      "",
		"created_after=" + begin + "&created_before=" + end:         "dcba",
		"ended_before=" + end:                                       "",
		"ended_after=0001-01-01T00:00:00Z":                          "",
		"created_before=0001-01-01T00:00:00Z":                       "",
		"created_after=" + begin + "&status=pending&joinable=false": "c",
		"attributes[mmr]=1200&joinable=true&updated_after=" + begin: "a",
	} {
		l := s.do(
			t, "GET /api/v1/sessions?"+regexp.MustCompile(`[" ]`).ReplaceAllStringFunc(query, url.PathEscape), "",
		).is(http.StatusOK).json()
		if got := names(l.list("items")); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
		if cursor, ok := l["next_cursor"]; !ok || cursor != nil {
			t.Errorf("%s: next_cursor is %v, want null", query, cursor)
		}
	}
	for query, at := range map[string]string{
		"status=odd": "query.status[0]", "visibility=odd": "query.visibility", "host_id=x": "query.host_id",
		"member_id=x":   "query.member_id",
		"free_seats=-1": "query.free_seats", "free_seats=x": "query.free_seats", "free_seats=1001": "query.free_seats",
		"limit=101":       "query.limit",
		"status=open,odd": "query.status[1]", "locked=1x": "query.locked", "created_after=today": "query.created_after",
		"colour=red": "query.colour", "Mode=ranked": "query.Mode", "mode=a&mode=b": "query.mode",
	} {
		s.do(t, "GET /api/v1/sessions?"+query, "").wrong(at)
	}
	for _, query := range []string{
		"attributes=1", "attributes[]=1", "attributes[a%20b]=1", "attributes[a][b]=1",
		"attributes[a=1", `attributes[a]="b`, "attributes[a]==1e999", "attributes[a]==b",
	} {
		s.do(t, "GET /api/v1/sessions?"+query, "").problem(http.StatusUnprocessableEntity, "validation_error")
	}
}

func names(items []object) string {
	var all string
	for _, v := range items {
		all += v.text("name")
	}
	return all
}

func TestFiltersOfTheClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	host := s.newPlayer(t, "host")
	settings := client.Settings{
		Name: "n & m", MaxPlayers: 4, Mode: "a&b", Map: "ä", Region: "=", Visibility: client.VisibilityPrivate,
		Attributes: client.Attributes{
			"n": client.Number(-1.5e-300), "s": client.String(`"true" [x]&`), "t": client.String("true"),
			"b": client.Bool(true),
		},
	}
	want := s.newSession(t, client.SessionRequest{Settings: settings, HostID: &host.ID})
	s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 4}})
	all := client.SessionFilter{
		Status: []client.SessionStatus{client.StatusOpen, client.StatusEnded}, NamePrefix: "n & ", Mode: settings.Mode,
		Map: settings.Map, Region: settings.Region, Visibility: settings.Visibility,
		CreatedAfter: want.CreatedAt, CreatedBefore: want.CreatedAt.Add(time.Nanosecond),
		UpdatedAfter: want.UpdatedAt, UpdatedBefore: want.UpdatedAt.Add(time.Nanosecond),
		Locked: new(false), Joinable: new(false),
		HostID: host.ID, MemberID: host.ID, FreeSeats: 3, Attributes: settings.Attributes, Limit: 1,
	}
	page, err := s.api.Sessions.List(t.Context(), all)
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != want.ID || page.NextCursor != "" {
		t.Errorf("got %+v, %v", page, err)
	}
	all.Attributes = client.Attributes{"t": client.Bool(true)}
	if page, err = s.api.Sessions.List(t.Context(), all); err != nil || len(page.Items) != 0 {
		t.Errorf("the string true is the boolean: %+v, %v", page, err)
	}
}
