package tests_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"game-session-manager/client"
)

func TestMintToken(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "bearer")
	path := "POST /api/v1/players/" + string(p.ID) + "/tokens"
	for _, body := range []string{"{}", `{"expires_in":60}`, `{"expires_in":86400}`} {
		a := s.do(t, path, body).is(http.StatusCreated)
		a.has("Cache-Control", "no-store")
		var got map[string]any
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || len(got) != 3 || got["token_type"] != "Bearer" {
			t.Errorf("got %s, %v", a.body, err)
		}
	}
	for _, body := range []string{
		`{"expires_in":59}`, `{"expires_in":86401}`, `{"expires_in":-1}`, `{"expires_in":0}`, `{"expires_in":"60"}`,
		`{"expires_in":60.5}`, `{"player_id":"x"}`,
	} {
		if a := s.do(t, path, body); a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
	}
	s.do(t, path, "").is(http.StatusCreated)
	s.do(t, path, "null").problem(http.StatusUnprocessableEntity, "validation_error")
	s.do(t, path, "{").problem(http.StatusBadRequest, "malformed_json")
	s.do(t, "POST /api/v1/players/"+nobody+"/tokens", "{}").problem(http.StatusNotFound, "player_not_found")

	if _, err := s.api.Players.Patch(t.Context(), p.ID, client.Patch{"status": "suspended"}); err != nil {
		t.Fatal(err)
	}
	_, err := s.api.Players.MintToken(t.Context(), p.ID, client.TokenRequest{})
	if !errors.Is(err, client.ErrPlayerSuspended) {
		t.Errorf("got %v", err)
	}
}

func TestJWKSAndTickets(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.do(t, "GET /.well-known/jwks.json", "").is(http.StatusOK)
	a.has("Cache-Control", "public, max-age=600")
	keys, err := client.ParseJWKS([]byte(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{`"d"`, "sealed"} {
		if strings.Contains(a.body, private) {
			t.Errorf("%s is published: %s", private, a.body)
		}
	}
	host, guest := s.newPlayer(t, "host"), s.newPlayer(t, "guest")
	v := s.newSession(t, client.SessionRequest{HostID: &host.ID, Settings: client.Settings{MaxPlayers: 3}})
	for _, status := range []int{http.StatusCreated, http.StatusOK} {
		a := s.do(
			t, "POST /api/v1/sessions/"+string(v.ID)+"/members", `{"player_id":"`+string(guest.ID)+`"}`,
		).is(status)
		var joined client.Joined
		if err := json.Unmarshal([]byte(a.body), &joined); err != nil || joined.ID != v.ID || len(joined.Members) != 2 {
			t.Fatalf("got %s, %v", a.body, err)
		}
		got, err := client.VerifyTicket(keys, joined.Ticket, client.TicketOptions{Session: v.ID})
		if err != nil || got.Player != guest.ID || got.Seat != 1 || got.Version != joined.Version {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := client.VerifyTicket(keys, joined.Ticket, client.TicketOptions{
			Session: client.SessionID(nobody),
		}); !errors.Is(err, client.ErrTicketInvalid) {
			t.Errorf("another session's server lets it in: %v", err)
		}
	}
	if strings.Contains(s.do(t, "GET /api/v1/sessions/"+string(v.ID), "").body, "ticket") {
		t.Error("a session that is read has a ticket in it")
	}
}

// A server that acts as a player by the SDK may do what that player may, with whatever token it has at the time.
func TestSDKActsAsPlayer(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	r := newRealm(t, s, "")
	r.renew(t)
	token := r.keys["read"]
	c := s.connect(
		t, client.WithTokens(func() string { return token }), client.WithActAs(client.PlayerID(r.players["self"])),
	)
	change := func(player string) error {
		_, err := c.Players.Patch(t.Context(), client.PlayerID(player), client.Patch{"display_name": "Zed"})
		return err
	}
	if err := change(r.players["self"]); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("a key of scope read acts as a player: %v", err)
	}
	token = r.keys["server"]
	if err := change(r.players["self"]); err != nil {
		t.Error(err)
	}
	if err := change(r.players["other"]); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("as one player another is changed: %v", err)
	}
}
