package tests_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"game-session-manager/client"
)

const byIdentity = "/api/v1/players/by-identity/"

// A backend that knows an account elsewhere finds its player, or creates it, by one request.
func TestEnterByIdentity(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do(t, "GET "+byIdentity+"steam/7656", "").problem(http.StatusNotFound, "player_not_found")
	a := s.do(t, "PUT "+byIdentity+"steam/7656", `{"display_name":"Zoë","identities":{"epic":"x"}}`).
		is(http.StatusCreated).has("ETag", `"1"`)
	p := a.json()
	if a.header.Get("Location") != "/api/v1/players/"+p.text("id") || p.text("display_name") != "Zoë" ||
		p.object("identities").text("steam") != "7656" || p.object("identities").text("epic") != "x" ||
		!regexp.MustCompile(`^player-[a-z2-7]{13}$`).MatchString(p.text("username")) {
		t.Errorf("created was %s at %s", a.body, a.header.Get("Location"))
	}
	for _, body := range []string{
		"", `{}`, `{"display_name":"Another","username":"another","identities":{"psn":"1"}}`,
	} {
		if again := s.do(t, "PUT "+byIdentity+"steam/7656", body).is(http.StatusOK); again.body != a.body {
			t.Errorf("with %s: got %s, want %s", body, again.body, a.body)
		}
	}
	for _, other := range []string{"steam/7656", "epic/x"} {
		found := s.do(t, "GET "+byIdentity+other, "").is(http.StatusOK).has("ETag", `"1"`)
		if found.body != a.body {
			t.Errorf("found %s, want %s", found.body, a.body)
		}
	}
	s.do(t, "GET "+byIdentity+"steam/7656", "", "If-None-Match", `"1"`).is(http.StatusNotModified)

	// What the body asks for may be another's.
	s.do(t, "PUT "+byIdentity+"steam/1", `{"username":"`+p.text("username")+`"}`).
		problem(http.StatusConflict, "username_taken")
	s.do(t, "PUT "+byIdentity+"steam/1", `{"identities":{"epic":"x"}}`).problem(http.StatusConflict, "identity_taken")
	s.do(t, "PUT "+byIdentity+"steam/1", `{"identities":{"steam":"2"}}`).wrong("body.identities.steam")
	s.do(t, "PUT "+byIdentity+"steam/1", `{"username":"x"}`).wrong("body.username")
	s.do(t, "PUT "+byIdentity+"st%20eam/1", ``).wrong("path.provider")
	s.do(t, "PUT "+byIdentity+"steam/"+strings.Repeat("%C3%AB", 128), ``).wrong("path.subject") // 256 bytes
	s.do(t, "GET "+byIdentity+"steam/a%0Ab", ``).wrong("path.subject")

	// Erasure takes the identity from the player, for another one.
	s.do(t, "DELETE /api/v1/players/"+p.text("id"), "").is(http.StatusNoContent)
	s.do(t, "GET "+byIdentity+"steam/7656", "").problem(http.StatusNotFound, "player_not_found")
	next := s.do(t, "PUT "+byIdentity+"steam/7656", "").is(http.StatusCreated).json()
	if next.text("id") == p.text("id") {
		t.Error("the erased player has returned")
	}
}

// Subjects may have any characters, which the SDK escapes.
func TestSubjectsOfAllKinds(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, subject := range []string{
		"a/b", "..", ".", "a.b", "a b", "%2F", "ä/ö?x=1#y", "https://id.example/users/1", "steam:1", "//", "a+b;c",
	} {
		p, err := s.api.Players.Enter(t.Context(), "oidc", subject, client.Profile{})
		if err != nil {
			t.Errorf("%q: %v", subject, err)
			continue
		}
		if p.Identities["oidc"] != subject || p.Version != 1 {
			t.Errorf("%q: got %+v", subject, p)
		}
		if found, err := s.api.Players.ByIdentity(t.Context(), "oidc", subject); err != nil || found.ID != p.ID {
			t.Errorf("%q: found %s, %v, want %s", subject, found.ID, err, p.ID)
		}
	}
	if _, err := s.api.Players.ByIdentity(t.Context(), "oidc", "nobody"); !errors.Is(err, client.ErrPlayerNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := s.api.Players.Enter(t.Context(), "oidc", "", client.Profile{}); err == nil {
		t.Error("an empty subject has a player")
	}
}

// However many requests enter with one identity at once, and through whatever process, one player is made.
func TestEnterAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--request-timeout=30s"))
	enterAtOnce(t, s, s)
}

func TestEnterAtOnceByTwoProcesses(t *testing.T) {
	t.Parallel()
	s := replicas(t, withArgs("--request-timeout=30s"))
	enterAtOnce(t, s[0], s[1])
}

func enterAtOnce(t *testing.T, servers ...*server) {
	t.Helper()
	const at = 12
	for _, body := range []string{``, `{"username":"zoe"}`, `{"identities":{"epic":"z"}}`} {
		who := strings.NewReplacer(`"`, "", "{", "", "}", "", ":", "-").Replace("x" + body)
		answers, failures := make([]response, at), make([]error, at)
		together(at, func(i int) {
			answers[i], failures[i] = servers[i%len(servers)].try(t.Context(), "PUT "+byIdentity+"steam/"+who, body)
		})
		if err := errors.Join(failures...); err != nil {
			t.Fatal(err)
		}
		made, ids := 0, map[string]bool{}
		for _, a := range answers {
			a.t = t
			if a.status != http.StatusCreated {
				a.is(http.StatusOK)
			} else {
				made++
			}
			ids[a.json().text("id")] = true
		}
		if made != 1 || len(ids) != 1 {
			t.Errorf("with %s: %d were created, %d players were returned", body, made, len(ids))
		}
	}
}
