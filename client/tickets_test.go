package client_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
	"game-session-manager/internal/gsmtest"
)

var issued = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// issuer signs tickets as a server does.
type issuer struct {
	kid string
	key ed25519.PrivateKey
}

func newIssuer(kid string) issuer {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, kid)
	return issuer{kid, ed25519.NewKeyFromSeed(seed)}
}

func (i issuer) jwk() map[string]any {
	public, _ := i.key.Public().(ed25519.PublicKey)
	return map[string]any{
		"kty": "OKP", "crv": "Ed25519", "kid": i.kid, "x": base64.RawURLEncoding.EncodeToString(public),
	}
}

func jwks(keys ...map[string]any) []byte {
	b, _ := json.Marshal(map[string]any{"keys": keys})
	return b
}

// ticket signs a good ticket, or what the function makes of one.
func (i issuer) ticket(change func(header, claims map[string]any)) string {
	header := map[string]any{"alg": "EdDSA", "typ": "gsm-ticket+jwt", "kid": i.kid}
	claims := map[string]any{
		"iss": "gsm", "aud": "gsm-ticket", "sub": playerID, "session": sessionID, "seat": 1, "team": "red",
		"version": 7,
		"project": "arena", "iat": issued.Unix(), "exp": issued.Add(15 * time.Minute).Unix(),
	}
	if change != nil {
		change(header, claims)
	}
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(i.key, []byte(input)))
}

func parse(tb testing.TB, b []byte) *client.JWKS {
	tb.Helper()
	k, err := client.ParseJWKS(b)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestVerifyTicket(t *testing.T) {
	t.Parallel()
	i := newIssuer("one")
	k := parse(t, jwks(map[string]any{"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}, i.jwk()))
	at := client.TicketOptions{Now: issued, Session: sessionID, Project: "arena"}
	want := client.Ticket{
		Project: "arena", Session: sessionID, Player: playerID, Seat: 1, Team: "red", Version: 7,
		ExpiresAt: issued.Add(15 * time.Minute),
	}
	inList := func(_, c map[string]any) { c["aud"] = []string{"x", "gsm-ticket"} }
	for _, good := range []string{i.ticket(nil), i.ticket(inList)} {
		if got, err := client.VerifyTicket(k, good, at); err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	named := client.TicketOptions{Now: issued.Add(15*time.Minute + 29*time.Second), Issuer: "mine"}
	if _, err := client.VerifyTicket(k, i.ticket(func(_, c map[string]any) { c["iss"] = "mine" }), named); err != nil {
		t.Error(err)
	}

	set := func(name string, value any) string {
		return i.ticket(func(h, c map[string]any) {
			if _, ok := h[name]; ok || name == "crit" {
				h[name] = value
			} else {
				c[name] = value
			}
		})
	}
	good := i.ticket(nil)
	for name, c := range map[string]struct {
		ticket string
		want   error
	}{
		"alg none":       {set("alg", "none"), client.ErrTicketInvalid},
		"alg HS256":      {set("alg", "HS256"), client.ErrTicketInvalid},
		"typ of a token": {set("typ", "gsm-player+jwt"), client.ErrTicketInvalid},
		"critical":       {set("crit", []string{"x"}), client.ErrTicketInvalid},
		"kid":            {set("kid", "two"), client.ErrTicketKey}, "aud": {set("aud", "gsm"), client.ErrTicketInvalid},
		"no aud":          {set("aud", nil), client.ErrTicketInvalid},
		"iss":             {set("iss", "x"), client.ErrTicketInvalid},
		"another session": {set("session", playerID), client.ErrTicketInvalid},
		"another project": {set("project", "x"), client.ErrTicketInvalid},
		"no player":       {set("sub", ""), client.ErrTicketInvalid},
		"no exp":          {set("exp", 0), client.ErrTicketInvalid},
		"expired":         {set("exp", issued.Add(-31*time.Second).Unix()), client.ErrTicketExpired},
		"not yet":         {set("iat", issued.Add(31*time.Second).Unix()), client.ErrTicketInvalid},
		"a negative seat": {set("seat", -1), client.ErrTicketInvalid},
		"seat a text":     {set("seat", "1"), client.ErrTicketInvalid},
		"another key":     {issuer{"one", newIssuer("two").key}.ticket(nil), client.ErrTicketInvalid},
		"empty":           {"", client.ErrTicketInvalid}, "dots": {"..", client.ErrTicketInvalid},
		"truncated":    {good[:len(good)-5], client.ErrTicketInvalid},
		"no signature": {good[:strings.LastIndex(good, ".")+1], client.ErrTicketInvalid},
		"oversized":    {set("team", strings.Repeat("x", 4<<10)), client.ErrTicketInvalid},
		"changed":      {strings.Replace(good, ".e", ".f", 1), client.ErrTicketInvalid},
	} {
		if got, err := client.VerifyTicket(k, c.ticket, at); !errors.Is(err, c.want) || got != (client.Ticket{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestParseJWKS(t *testing.T) {
	t.Parallel()
	short := newIssuer("one").jwk()
	short["x"] = "AAAA"
	for _, wrong := range [][]byte{
		nil, []byte("{}"), []byte("[]"), jwks(), jwks(short), jwks(map[string]any{"kty": "EC", "kid": "x"}),
	} {
		if _, err := client.ParseJWKS(wrong); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}

// TestJWKSRefreshes meets a key that was made after the keys were fetched.
func TestJWKSRefreshes(t *testing.T) {
	t.Parallel()
	one, two := newIssuer("one"), newIssuer("two")
	var body atomic.Value
	var asked atomic.Int64
	body.Store(jwks(one.jwk()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		b, _ := body.Load().([]byte)
		_, _ = w.Write(b)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := client.TicketOptions{Now: issued}
	body.Store(jwks(one.jwk(), two.jwk()))
	for range 10 { // not so soon
		if _, err := k.VerifyTicket(t.Context(), two.ticket(nil), at); !errors.Is(err, client.ErrTicketKey) {
			t.Errorf("got %v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	k.Forget()
	for range 10 {
		if _, err := k.VerifyTicket(t.Context(), two.ticket(nil), at); err != nil {
			t.Error(err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}

	k.Forget()
	body.Store([]byte("{}"))
	if _, err := k.VerifyTicket(t.Context(), newIssuer("three").ticket(nil), at); !errors.Is(err, client.ErrTicketKey) {
		t.Errorf("got %v", err)
	}
	server.Close()
	if err := k.Refresh(within(t, 50*time.Millisecond)); err == nil {
		t.Error("keys came from nowhere")
	}
	if _, err := k.VerifyTicket(t.Context(), one.ticket(nil), at); err != nil { // the server is not needed
		t.Error(err)
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestTokensAndTickets creates and verifies tokens and tickets with a real server.
func TestTokensAndTickets(t *testing.T) {
	t.Parallel()
	s := gsmtest.Start(t)
	alice, err := s.Client.Players.Create(t.Context(), client.Profile{Username: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Client.Players.MintToken(t.Context(), alice.ID, client.TokenRequest{ExpiresIn: 60})
	if left := time.Until(token.ExpiresAt); err != nil || strings.Count(token.Token, ".") != 2 ||
		token.TokenType != "Bearer" || left > time.Minute || left < 30*time.Second {
		t.Errorf("got %+v, %v", token, err)
	}
	v, err := s.Client.Sessions.Create(
		t.Context(), client.SessionRequest{Settings: client.Settings{MaxPlayers: 2, Teams: map[string]int{"red": 1}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.Client.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a seat, and the same again
		joined, err := s.Client.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: alice.ID, Team: "red"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.VerifyTicket(k, joined.Ticket, client.TicketOptions{Session: v.ID, Project: "default"})
		want := client.Ticket{
			Project: "default", Session: v.ID, Player: alice.ID, Team: "red", Version: joined.Version,
			ExpiresAt: got.ExpiresAt,
		}
		if left := time.Until(got.ExpiresAt); err != nil || got != want || left < 10*time.Minute {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func FuzzVerifyTicket(f *testing.F) {
	i := newIssuer("one")
	k := parse(f, jwks(i.jwk()))
	good := i.ticket(nil)
	for _, seed := range []string{
		good, "", "..", "a.b.c", good + ".", i.ticket(func(h, _ map[string]any) { h["alg"] = "none" }),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ticket string) {
		got, err := client.VerifyTicket(k, ticket, client.TicketOptions{Now: issued})
		// Base64 passes over line breaks, which are in no part that is signed.
		if err == nil && strings.NewReplacer("\r", "", "\n", "").Replace(ticket) != good {
			t.Errorf("got %+v", got)
		}
	})
}

func BenchmarkVerifyTicket(b *testing.B) {
	i := newIssuer("one")
	k := parse(b, jwks(i.jwk()))
	ticket := i.ticket(nil)
	for b.Loop() {
		if _, err := client.VerifyTicket(k, ticket, client.TicketOptions{Now: issued}); err != nil {
			b.Fatal(err)
		}
	}
}
