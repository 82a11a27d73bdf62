package tests_test

import (
	"fmt"
	"net/http"
	"testing"

	"game-session-manager/client"
)

// hosted opens a session of four seats and returns its path.
func (s *server) hosted(t *testing.T, host client.Player) string {
	t.Helper()
	body := fmt.Sprintf(`{"max_players":4,"teams":{"red":1,"blue":2},"host_id":%q}`, host.ID)
	return s.do(t, "POST /api/v1/sessions", body).is(http.StatusCreated).header.Get("Location")
}

func naming(p client.Player) string { return fmt.Sprintf(`{"player_id":%q}`, p.ID) }

// wantHost reports an unexpected host. A nil want means no host.
func (s *server) wantHost(t *testing.T, path string, want *client.Player) {
	t.Helper()
	v := s.do(t, "GET "+path, "").is(http.StatusOK).json()
	if want == nil && v["host_id"] != nil || want != nil && v["host_id"] != string(want.ID) {
		t.Errorf("the host is %v, want %v", v["host_id"], want)
	}
}

// A session without a host gets a new one, whoever joins next.
func TestHostIsGotBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	leave := func(path string, i int) {
		t.Helper()
		s.do(t, fmt.Sprintf("DELETE %s/members/%s", path, p[i].ID), "").is(http.StatusNoContent)
	}

	for next := range 2 { // the host itself, or another
		path := s.hosted(t, p[0])
		leave(path, 0)
		s.wantHost(t, path, nil)
		v := s.do(t, "POST "+path+"/members", naming(p[next])).is(http.StatusCreated).has("ETag", `"3"`).json()
		if v["host_id"] != string(p[next].ID) || v["hosted"] != true {
			t.Errorf("who joined is not host: %v", v)
		}
	}

	path := s.hosted(t, p[2]) // is erased
	s.do(t, fmt.Sprintf("DELETE /api/v1/players/%s", p[2].ID), "").is(http.StatusNoContent)
	s.wantHost(t, path, nil)
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)
	s.wantHost(t, path, &p[1])

	path = s.do(t, "POST /api/v1/sessions", `{"max_players":4}`).is(http.StatusCreated).header.Get("Location")
	v := s.do(t, "POST "+path+"/members", naming(p[0])).is(http.StatusCreated).json()
	if v["host_id"] != nil || v["hosted"] != false {
		t.Errorf("a server's session got a host by itself: %v", v)
	}
	s.do(t, "PUT "+path+"/host", naming(p[0])).is(http.StatusOK)
	leave(path, 0)
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)
	s.wantHost(t, path, &p[1])
}

// Whatever the order of a host's leaving and a friend's joining, the friend ends as the host.
func TestHostLeavesWhileAFriendJoins(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	for range 20 {
		path := s.hosted(t, p[0])
		together(2, func(i int) {
			if i == 0 {
				s.do(t, fmt.Sprintf("DELETE %s/members/%s", path, p[0].ID), "")
			} else {
				s.do(t, "POST "+path+"/members", naming(p[1]))
			}
		})
		s.wantHost(t, path, &p[1])
	}
}

func TestSetHost(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 3)
	path := s.hosted(t, p[0])
	s.do(t, "POST "+path+"/members", naming(p[1])).is(http.StatusCreated)
	put := func(body string, headers ...string) response { return s.do(t, "PUT "+path+"/host", body, headers...) }

	put(naming(p[1]), "If-Match", `"1"`).problem(http.StatusPreconditionFailed, "version_mismatch")
	v := put(naming(p[1]), "If-Match", `"2"`).is(http.StatusOK).has("ETag", `"3"`).json()
	if v["host_id"] != string(p[1].ID) || len(v.list("members")) != 2 {
		t.Errorf("handed over: %v", v)
	}
	put(naming(p[1])).is(http.StatusOK).has("ETag", `"3"`)
	put(naming(p[2])).problem(http.StatusNotFound, "member_not_found")
	put(`{"player_id":"`+nobody+`"}`).problem(http.StatusNotFound, "player_not_found")
	put(`{"player_id":"x"}`).wrong("body.player_id")
	put(`{}`).problem(http.StatusUnprocessableEntity, "validation_error")
	put(`{"player_id":null}`).problem(http.StatusUnprocessableEntity, "validation_error")
	s.do(t, "PUT /api/v1/sessions/"+nobody+"/host", naming(p[1])).problem(http.StatusNotFound, "session_not_found")

	s.do(t, fmt.Sprintf("PATCH /api/v1/players/%s", p[0].ID), `{"status":"suspended"}`).is(http.StatusOK)
	put(naming(p[0])).problem(http.StatusForbidden, "player_suspended")

	s.do(t, "DELETE "+path, "").is(http.StatusNoContent)
	put(naming(p[1])).is(http.StatusOK)
	s.do(t, fmt.Sprintf("PATCH /api/v1/players/%s", p[0].ID), `{"status":"active"}`).is(http.StatusOK)
	put(naming(p[0])).problem(http.StatusGone, "session_ended")
}

func TestSetHostOfTheClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	v, p := s.lobby(t, "p", 2, client.Settings{MaxPlayers: 2, Teams: map[string]int{"red": 2}})
	got, err := s.api.Sessions.SetHost(t.Context(), v.ID, p[1].ID, client.IfVersion(2))
	if err != nil || got.HostID == nil || *got.HostID != p[1].ID || got.Version != 3 {
		t.Errorf("handed over: %+v, %v", got, err)
	}
	patch := client.Patch{"team": "red", "attributes": client.Patch{"skin": "fox"}}
	m, err := s.api.Sessions.PatchMember(t.Context(), v.ID, p[1].ID, patch)
	if err != nil || m.Team != "red" || m.Attributes["skin"] != client.String("fox") {
		t.Errorf("changed: %+v, %v", m, err)
	}
	read, err := s.api.Sessions.Member(t.Context(), v.ID, p[1].ID)
	if err != nil || read.PlayerID != p[1].ID || read.Team != "red" || read.Status != client.SeatJoined {
		t.Errorf("read: %+v, %v", read, err)
	}
}
