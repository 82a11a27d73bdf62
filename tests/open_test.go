package tests_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"game-session-manager/client"
)

// Without authentication a credential that is sent is judged as with it, so that what works in development works in
// production. Whoever sends none may do everything.
func TestCredentialsWithoutAuthentication(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *setup) { s.env = append(s.env, "GSM_ADMIN_KEY="+adminKey) })
	alice, bob := string(s.newPlayer(t, "alice").ID), string(s.newPlayer(t, "bob").ID)
	token := s.do(t, "POST /api/v1/players/"+alice+"/tokens", "").is(http.StatusCreated).json().text("token")
	read := s.do(t, "POST /api/v1/api-keys", `{"name":"read","scope":"read"}`).is(http.StatusCreated).json()
	over := s.do(t, "POST /api/v1/api-keys", `{"name":"over","scope":"server"}`).is(http.StatusCreated).json()
	s.do(t, "DELETE /api/v1/api-keys/"+over.text("id"), "").is(http.StatusNoContent)

	rename := func(player string) string { return "PATCH /api/v1/players/" + player }
	const body = `{"display_name":"Zed"}`
	for who, headers := range map[string][]string{
		"a player": bearer(token), "whoever acts as one": {"X-Act-As-Player", alice},
		"an admin who does": bearer(adminKey, "X-Act-As-Player", alice),
	} {
		if a := s.do(t, rename(alice), body, headers...); a.status != http.StatusOK {
			t.Errorf("%s: itself: %d %s", who, a.status, a.body)
		}
		if a := s.do(t, rename(bob), body, headers...); a.status != http.StatusForbidden {
			t.Errorf("%s: another: %d %s", who, a.status, a.body)
		}
	}
	s.do(t, rename(bob), body, bearer(read.text("key"))...).problem(http.StatusForbidden, "forbidden")
	s.do(t, rename(bob), body, "X-Act-As-Player", "bob").problem(http.StatusUnprocessableEntity, "validation_error")
	for _, wrong := range []string{
		"Bearer " + token + "x", "Bearer " + over.text("key"), "Bearer " + guess(1), "Bearer undefined", "Basic dTpw",
		"Bearer", "",
	} {
		a := s.do(t, rename(bob), body, "Authorization", wrong)
		a.problem(http.StatusUnauthorized, "unauthenticated")
		a.has("WWW-Authenticate", `Bearer realm="gsm"`)
		s.do(t, "GET /health", "", "Authorization", wrong).is(http.StatusOK)
	}
	s.do(t, rename(bob), body, bearer(adminKey)...).is(http.StatusOK).has("RateLimit-Policy", `"server";q=2000;w=2`)
	s.do(t, rename(alice), body, bearer(token)...).is(http.StatusOK).has("RateLimit-Policy", `"player";q=100;w=2`)
	s.do(t, rename(bob), body).is(http.StatusOK).has("RateLimit-Policy", "")
	l := s.do(t, "GET /api/v1/limits", "", bearer(token)...).is(http.StatusOK)
	if !strings.Contains(l.body, `"failed_key"`) {
		t.Errorf("a player is told %s", l.body)
	}
}

// Tokens and tickets are there, both, with a secret key and without authentication, and otherwise neither is.
func TestWhereTokensAre(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]bool{
		"": true, "--auth=off --secret-key": true, "--auth=on --secret-key": true, "--auth=on": false,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(s *setup) {
				s.env = append(s.env, "GSM_ADMIN_KEY="+adminKey)
				for arg := range strings.FieldsSeq(what) {
					if arg == "--secret-key" {
						s.env = append(s.env, "GSM_SECRET_KEY="+secretKey)
					} else {
						s.args = append(s.args, arg)
					}
				}
			})
			host := s.do(
				t, "POST /api/v1/players", `{"username":"host"}`, bearer(adminKey)...,
			).is(http.StatusCreated).json().text("id")
			body := `{"max_players":2,"host_id":"` + host + `"}`
			opened := s.do(t, "POST /api/v1/sessions", body, bearer(adminKey)...).is(http.StatusCreated)
			if got := opened.json().text("ticket") != ""; got != want {
				t.Errorf("a ticket: %t", got)
			}
			minted := s.do(t, "POST /api/v1/players/"+host+"/tokens", "", bearer(adminKey)...)
			keys := s.do(t, "GET /.well-known/jwks.json", "")
			warned := slices.ContainsFunc(s.stdout.logLines(), func(l logLine) bool {
				text, _ := l["msg"].(string)
				remedy, _ := l["remedy"].(string)
				return l["level"] == "WARN" && strings.Contains(text, "tokens and join tickets are disabled") &&
					strings.Contains(remedy, "GSM_SECRET_KEY")
			})
			if warned == want {
				t.Errorf("the start warns: %t", warned)
			}
			if !want {
				minted.problem(http.StatusConflict, "tokens_disabled")
				keys.problem(http.StatusConflict, "tokens_disabled")
				s.do(
					t, "GET /api/v1/players", "", bearer("a.b.c")...,
				).problem(http.StatusUnauthorized, "unauthenticated")
				return
			}
			keys.is(http.StatusOK)
			token := minted.is(http.StatusCreated).json().text("token")
			s.do(t, "GET /api/v1/players", "", bearer(token)...).is(http.StatusOK)
		})
	}
}

// Without authentication a secret key keeps tokens and tickets good over a restart; without one they end with the
// process.
func TestTokensOverARestartWithoutAuthentication(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]int{"": http.StatusUnauthorized, secretKey: http.StatusOK} {
		o := setup{database: freshDatabase(t)}
		if secret != "" {
			o.env = []string{"GSM_SECRET_KEY=" + secret}
		}
		s := launch(t, o)
		s.settle(t)
		alice := string(s.newPlayer(t, "alice").ID)
		token := s.do(t, "POST /api/v1/players/"+alice+"/tokens", "").is(http.StatusCreated).json().text("token")
		if code := s.terminate(t); code != 0 {
			t.Fatalf("the end was %d", code)
		}
		s = launch(t, o)
		s.settle(t)
		s.do(t, "GET /api/v1/players", "", bearer(token)...).is(want)
		s.do(t, "GET /api/v1/players", "").is(http.StatusOK)
	}
}

// A player whose token a server without authentication made is let in by the SDK.
func TestSDKWithoutAuthentication(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.newPlayer(t, "alice")
	token, err := s.api.Players.MintToken(t.Context(), p.ID, client.TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var seen map[string]any
	raw := s.do(t, "GET /api/v1/players/"+string(p.ID), "", bearer(token.Token)...).is(http.StatusOK).body
	if err := json.Unmarshal([]byte(raw), &seen); err != nil || seen["attributes"] == nil {
		t.Errorf("it reads of itself %s", raw)
	}
	c := s.connect(t, client.WithToken(token.Token))
	if _, err := c.Players.Create(t.Context(), client.Profile{Username: "bob"}); err == nil {
		t.Error("a player registers others")
	}
}
