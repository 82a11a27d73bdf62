package tests_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"game-session-manager/client"
)

// seatless reports whether the player holds no seat in a live session.
func (s *server) seatless(t *testing.T, id client.PlayerID) bool {
	t.Helper()
	page, err := s.api.Sessions.List(t.Context(), client.SessionFilter{MemberID: id, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(page.Items, func(v client.Session) bool { return !v.Status.Terminal() })
}

// A suspended player may only read itself, with whatever credential, from the response to the suspension on.
func TestSuspendedPlayerIsBarred(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	r := newRealm(t, s, "")
	r.renew(t)
	host, self := r.players["host"], r.players["self"]
	r.players["host as"] = host
	for _, kind := range []string{"host", "as host"} {
		r.keys["as host"] = r.keys["server"]
		r.as(t, kind, "PATCH /api/v1/sessions/"+r.session, `{"name":"mine"}`).is(http.StatusOK)
	}
	spam := `{"status":"suspended","suspension_reason":"spam"}`
	r.as(t, "server", "PATCH /api/v1/players/"+host, spam).is(http.StatusOK)

	// It holds no seat any more, and no office.
	v := r.as(t, "server", "GET /api/v1/sessions/"+r.session, "").is(http.StatusOK).json()
	if members := v.list("members"); len(members) != 1 || v.text("host_id") != self {
		t.Errorf("the session has the host %s and the members %v", v.text("host_id"), members)
	}
	for _, kind := range []string{"host", "as host"} {
		for request, body := range map[string]string{
			"PATCH /api/v1/sessions/" + r.session:                       `{"name":"mine"}`,
			"PUT /api/v1/sessions/" + r.session:                         `{"status":"starting"}`,
			"DELETE /api/v1/sessions/" + r.session:                      "",
			"DELETE /api/v1/sessions/" + r.session + "/members/" + self: "",
			"DELETE /api/v1/sessions/" + r.session + "/members/" + host: "",
			"PATCH /api/v1/players/" + host:                             `{"display_name":"x"}`,
			"DELETE /api/v1/players/" + host:                            "",
			"GET /api/v1/players":                                       "",
			"GET /api/v1/players/" + self:                               "",
			"GET /api/v1/sessions":                                      "",
			"GET /api/v1/sessions?member_id=" + host:                    "",
			"GET /api/v1/limits":                                        "",
			"GET /api/v1/nothing":                                       "",
			"POST /api/v1/sessions":                                     `{"what":"ever"}`,
			"POST /api/v1/sessions/" + r.session + "/members":           `{"player_id":"` + host + `"}`,
			"GET /api/v1/players/" + host + "?fields=all":               "",
			"POST /api/v1/players/" + host + "/tokens":                  "",
		} {
			a := r.as(t, kind, request, body)
			if request == "GET /api/v1/players/"+host+"?fields=all" {
				a.is(http.StatusUnprocessableEntity) // accepted, and then rejected for its content
				continue
			}
			a.problem(http.StatusForbidden, "player_suspended")
		}
		own := r.as(t, kind, "GET /api/v1/players/"+host, "").is(http.StatusOK).json()
		if own.text("status") != "suspended" || own.text("suspension_reason") != "spam" || own["sweep_since"] != nil {
			t.Errorf("%s reads %v", kind, own)
		}
	}
	r.as(t, "server", "PATCH /api/v1/players/"+host, `{"status":"active"}`).is(http.StatusOK)
	for _, kind := range []string{"host", "as host"} {
		r.as(t, kind, "PATCH /api/v1/players/"+host, `{"display_name":"x"}`).is(http.StatusOK)
		r.as(t, kind, "PATCH /api/v1/sessions/"+r.session, `{"name":"mine"}`).problem(http.StatusForbidden, "not_host")
	}
	r.as(t, "host", "POST /api/v1/sessions/"+r.session+"/members", `{"player_id":"`+host+`"}`).is(http.StatusCreated)
}

// What one process has acknowledged takes effect in another within a second.
func TestSuspensionIsKnownToAnotherProcess(t *testing.T) {
	t.Parallel()
	s := replicas(t, authenticated)
	r := newRealm(t, s[0], "")
	r.renew(t)
	there := realm{server: s[1], keys: r.keys, players: r.players}
	there.as(t, "self", "GET /api/v1/sessions", "").is(http.StatusOK)
	r.as(t, "server", "PATCH /api/v1/players/"+r.players["self"], `{"status":"suspended"}`).is(http.StatusOK)
	barred := func(kind, code string) func() bool {
		return func() bool {
			a := there.as(t, kind, "GET /api/v1/sessions", "")
			return a.status == http.StatusForbidden && a.json().text("code") == code
		}
	}
	within(t, soon, "the suspended player is barred", barred("self", "player_suspended"))
	r.as(t, "server", "PATCH /api/v1/players/"+r.players["self"], `{"status":"active"}`).is(http.StatusOK)
	there.as(t, "self", "GET /api/v1/sessions", "").is(http.StatusOK) // at once
	r.as(t, "server", "DELETE /api/v1/players/"+r.players["other"], "").is(http.StatusNoContent)
	within(t, soon, "the erased player is barred", barred("other", "player_unknown"))
}

// Players that are suspended or erased while they join hold no seats a moment later, and host nothing.
func TestSeatsAreFreedAmidJoins(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *server, client.PlayerID) error{
		"erased": func(t *testing.T, s *server, id client.PlayerID) error {
			t.Helper()
			return s.api.Players.Delete(t.Context(), id)
		},
		"suspended": func(t *testing.T, s *server, id client.PlayerID) error {
			t.Helper()
			_, err := s.api.Players.Patch(t.Context(), id, client.Patch{"status": client.PlayerSuspended})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			const rounds, rooms = 6, 12
			two := client.Settings{MaxPlayers: 2}
			for round := range rounds {
				p := s.newPlayer(t, fmt.Sprintf("p-%d", round))
				var open []client.SessionID
				for range rooms {
					open = append(open, s.newSession(t, client.SessionRequest{Settings: two}).ID)
				}
				failures := make([]error, rooms+1)
				together(rooms+1, func(i int) {
					switch {
					case i == rooms/2:
						failures[i] = end(t, s, p.ID)
					case i%4 == 3:
						_, failures[i] = s.api.Sessions.Create(
							t.Context(), client.SessionRequest{Settings: two, HostID: &p.ID},
						)
					default:
						j := client.JoinRequest{PlayerID: p.ID}
						_, failures[i] = s.api.Sessions.Join(t.Context(), open[i%rooms], j)
					}
				})
				for i, err := range failures {
					late := errors.Is(err, client.ErrPlayerNotFound) || errors.Is(err, client.ErrPlayerSuspended)
					if err != nil && (i == rooms/2 || !late) {
						t.Fatal(err)
					}
				}
				within(t, 2*soon, "the seats are free", func() bool { return s.seatless(t, p.ID) })
				hosted, err := s.api.Sessions.List(t.Context(), client.SessionFilter{HostID: p.ID})
				if err != nil || len(hosted.Items) > 0 {
					t.Fatalf("it hosts %v, %v", hosted.Items, err)
				}
			}
		})
	}
}

// A suspension interrupted by a crash continues at the next start.
func TestSuspensionSurvivesACrash(t *testing.T) {
	t.Parallel()
	const live = 300
	s := start(t)
	p := s.newPlayer(t, "barred")
	s.seats(t, p, live, 0)
	lost := make(chan error, 1)
	go func() {
		once := s.connect(t, client.WithRetries(0))
		_, err := once.Players.Patch(t.Context(), p.ID, client.Patch{"status": client.PlayerSuspended})
		lost <- err
	}()
	eventually(t, "the suspension has begun", func() bool {
		got, err := s.api.Players.Get(t.Context(), p.ID)
		return err == nil && got.Status == client.PlayerSuspended
	})
	s.kill()
	t.Logf("the call was answered with %v", <-lost)

	s = start(t, onDatabase(s.database))
	eventually(t, "no live session has the player", func() bool { return s.seatless(t, p.ID) })
}

// A suspension ends by itself: reads, lists and the rule agree within a second, by a version of its own.
func TestSuspensionEnds(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "barred")
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	until := time.Now().Add(1500 * time.Millisecond)
	suspension := client.Patch{"status": client.PlayerSuspended, "suspended_until": until, "suspension_reason": "spam"}
	p, err := s.api.Players.Patch(t.Context(), p.ID, suspension)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID})
	if !errors.Is(err, client.ErrPlayerSuspended) {
		t.Errorf("a suspended player joins: %v", err)
	}
	status := func() client.PlayerStatus {
		got, err := s.api.Players.Get(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.Status
	}
	eventually(t, "the suspension is lifted", func() bool { return status() == client.PlayerActive })
	if late := time.Since(until); late < 0 || late > soon {
		t.Errorf("it was lifted %v after its end", late)
	}
	got, err := s.api.Players.Get(t.Context(), p.ID)
	cleared := got.SuspendedUntil == nil && got.SuspensionReason == ""
	if err != nil || got.Version != p.Version+1 || !cleared || got.UpdatedAt.Before(*p.SuspendedUntil) {
		t.Errorf("got %+v, %v", got, err)
	}
	page, err := s.api.Players.List(t.Context(), client.PlayerFilter{Status: client.PlayerSuspended})
	if err != nil || len(page.Items) > 0 {
		t.Errorf("suspended are %v, %v", page.Items, err)
	}
	if _, err := s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID}); err != nil {
		t.Errorf("after the end: %v", err)
	}

	// A suspension whose end is in the past is over at once, and the response says so.
	got, err = s.api.Players.Patch(t.Context(), p.ID, suspension)
	if err != nil || got.Status != client.PlayerActive || got.SuspendedUntil != nil || got.Version != p.Version+1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if s.seatless(t, p.ID) {
		t.Error("it cost the player its seat")
	}
}
