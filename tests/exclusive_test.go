package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"game-session-manager/client"
)

// newExclusive opens an exclusive session.
func (s *server) newExclusive(t testing.TB, seats int) client.Session {
	t.Helper()
	return s.newSession(t, client.SessionRequest{
		Settings: client.Settings{MaxPlayers: seats}, Fixed: client.Fixed{Exclusive: true},
	})
}

// A player is in one exclusive session, is told in which, and gets into another once it has left.
func TestExclusiveOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayers(t, "p", 2)
	a := s.do(t, "POST /api/v1/sessions", fmt.Sprintf(`{"max_players":4,"exclusive":true,"host_id":%q}`, p[0].ID)).
		is(http.StatusCreated).json()
	if a["exclusive"] != true {
		t.Errorf("exclusive is %v", a["exclusive"])
	}
	first, second := "/api/v1/sessions/"+a.text("id"), "/api/v1/sessions/"+string(s.newExclusive(t, 4).ID)
	for _, request := range [][2]string{
		{"POST " + second + "/members", naming(p[0])},
		{"POST /api/v1/sessions", fmt.Sprintf(`{"max_players":4,"exclusive":true,"host_id":%q}`, p[0].ID)},
		{"POST " + second + "/members", `{"players":[` + naming(p[1]) + `,` + naming(p[0]) + `]}`},
	} {
		e := s.do(t, request[0], request[1]).problem(http.StatusConflict, "player_in_other_session")
		if e["session_id"] != a["id"] || e["player_id"] != string(p[0].ID) {
			t.Errorf("%s %s: %v", request[0], request[1], e)
		}
	}
	got := s.do(t, "POST "+second+"/members", `{"partial":true,"players":[`+naming(p[0])+`,`+naming(p[1])+`]}`).
		is(http.StatusCreated).json()
	if out := got.list("left_out"); len(out) != 1 || out[0].text("player_id") != string(p[0].ID) ||
		out[0].text("code") != "player_in_other_session" || len(got.list("members")) != 1 {
		t.Errorf("of a party: %v", got)
	}
	s.do(t, "POST "+first+"/members", naming(p[0])).is(http.StatusOK)
	s.do(t, "POST "+second+"/members", `{"reserve":true,"player_id":"`+string(p[0].ID)+`"}`).is(http.StatusCreated)
	s.do(t, "PATCH "+second+"/members/"+string(p[0].ID), `{"status":"joined"}`).
		problem(http.StatusConflict, "player_in_other_session")
	s.do(t, "DELETE "+first+"/members/"+string(p[0].ID), "").is(http.StatusNoContent)
	s.do(t, "PATCH "+second+"/members/"+string(p[0].ID), `{"status":"joined"}`).is(http.StatusOK)
}

func TestExclusiveIsFixed(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "/api/v1/sessions/" + string(s.newExclusive(t, 4).ID)
	for _, change := range [][2]string{
		{"PATCH ", `{"exclusive":false}`},
		{"PATCH ", `{"exclusive":null}`},
		{"PUT ", `{"status":"in_progress","exclusive":false}`},
	} {
		s.do(t, change[0]+path, change[1]).wrong("body.exclusive")
	}
	s.do(t, "PATCH "+path, `{"exclusive":true,"name":"same"}`).is(http.StatusOK)
	whole := s.do(t, "GET "+path, "").is(http.StatusOK).body
	s.do(t, "PUT "+path, whole).is(http.StatusOK)
}

// Two processes race for many players: each gets into one session, and whoever was refused was told which.
func TestExclusiveRaceOfTwoProcesses(t *testing.T) {
	t.Parallel()
	const players = 100
	s := replicas(t, withArgs("--request-timeout=30s"))
	racers := s[0].newPlayers(t, "racer", players)
	in := []client.Session{s[0].newExclusive(t, players), s[1].newExclusive(t, players)}
	clients := []*client.Client{s[0].connect(t, client.WithRetries(0)), s[1].connect(t, client.WithRetries(0))}
	results := make([]error, 4*players) // of each through both processes into both sessions
	together(len(results), func(i int) {
		who := client.JoinRequest{PlayerID: racers[i/4].ID}
		_, results[i] = clients[i%2].Sessions.Join(t.Context(), in[i/2%2].ID, who)
	})
	held := map[client.PlayerID]client.SessionID{}
	for i := range in {
		v, err := s[i].api.Sessions.Get(t.Context(), in[i].ID)
		must(t, err)
		must(t, sound(v))
		for _, m := range v.Members {
			if held[m.PlayerID] != "" {
				t.Errorf("player %s is in both sessions", m.PlayerID)
			}
			held[m.PlayerID] = v.ID
		}
	}
	for i, err := range results {
		who := racers[i/4].ID
		if held[who] == in[i/2%2].ID {
			must(t, err)
			continue
		}
		var e *client.Error
		if !errors.Is(err, client.ErrPlayerInOtherSession) || !errors.As(err, &e) ||
			e.Extras["session_id"] != string(held[who]) {
			t.Errorf("player %s, who is in %q, was refused with %v", who, held[who], err)
		}
	}
}
