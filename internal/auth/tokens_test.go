package auth_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
)

// seated is a session with two members, of whom the player is the second.
func seated() game.Session {
	return game.Session{
		ID: sessionID, Project: "arena", Version: 7,
		Members: []game.Member{{
			PlayerID: "01890000-0000-7000-8000-00000000000f",
		}, {PlayerID: playerID, MemberSettings: game.MemberSettings{Team: "red"}}},
	}
}

// header reads the header of a JWT.
func header(tb testing.TB, token string) map[string]any {
	tb.Helper()
	return part(tb, token, 0)
}

func part(tb testing.TB, token string, n int) (m map[string]any) {
	tb.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	must(tb, err)
	must(tb, json.Unmarshal(b, &m))
	return m
}

func TestMintedToken(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0.Add(123 * time.Millisecond)}
	p := newProcess(t, nil, "", c)
	got, err := p.Mint(player, 15*time.Minute)
	must(t, err)
	if got.TokenType != "Bearer" || got.ExpiresAt != t0.Add(15*time.Minute) {
		t.Errorf("got %+v", got)
	}
	if h := header(t, got.Token); h["alg"] != "EdDSA" || h["typ"] != "gsm-player+jwt" || h["kid"] != p.kids(t)[0] ||
		len(h) != 3 {
		t.Errorf("the header is %v", h)
	}
	claims := part(t, got.Token, 1)
	id, _ := claims["jti"].(string)
	delete(claims, "jti")
	want := map[string]any{
		"iss": "gsm", "aud": "gsm", "sub": string(playerID), "project": "arena", "iat": float64(t0.Unix()),
		"exp": float64(t0.Add(15 * time.Minute).Unix()),
	}
	if !maps.Equal(claims, want) || len(id) < 26 {
		t.Errorf("the claims are %v and %q", claims, id)
	}
	p.takes(t, got.Token)
	c.add(15*time.Minute - 124*time.Millisecond)
	p.takes(t, got.Token)
	c.add(time.Millisecond) // it has expired at the time that was returned
	_, err = p.Verify(t.Context(), got.Token)
	wantError(t, err, game.ErrUnauthenticated)
}

// forger writes tokens with a key of its own choice.
type forger struct {
	header, claims map[string]any
	sign           func(input []byte) []byte
}

func (f forger) token(tb testing.TB) string {
	tb.Helper()
	var parts []string
	for _, m := range []map[string]any{f.header, f.claims} {
		b, err := json.Marshal(m)
		must(tb, err)
		parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
	}
	input := strings.Join(parts, ".")
	return input + "." + base64.RawURLEncoding.EncodeToString(f.sign([]byte(input)))
}

// newForger returns a forger who has the private key, and writes what is right unless a test changes it.
func newForger(p process, private ed25519.PrivateKey, kid string, now time.Time) forger {
	return forger{
		map[string]any{"alg": "EdDSA", "typ": "gsm-player+jwt", "kid": kid},
		map[string]any{
			"iss": "gsm", "aud": "gsm", "sub": string(playerID), "project": "arena", "iat": now.Unix(),
			"exp": now.Add(time.Minute).Unix(), "jti": "x",
		},
		func(input []byte) []byte { return ed25519.Sign(private, input) },
	}
}

// withKey returns a process, and the private key by which it signs.
func withKey(tb testing.TB, c *clock) (process, ed25519.PrivateKey, string) {
	tb.Helper()
	s := openStore(tb)
	p := newProcess(tb, s, secretKey, c)
	p.refresh(tb)
	keys, err := s.SigningKeys(tb.Context())
	must(tb, err)
	private, err := auth.Unseal(secretKey, keys[0])
	must(tb, err)
	return p, private, keys[0].ID
}

func TestForger(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	p, private, kid := withKey(t, c)
	p.takes(t, newForger(p, private, kid, t0).token(t)) // or the test below shows nothing
}

func TestWrongTokens(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	p, private, kid := withKey(t, c)
	_, other, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	public := private.Public().(ed25519.PublicKey)
	withHMAC := func(f *forger) {
		f.sign = func(input []byte) []byte {
			m := hmac.New(sha256.New, public)
			m.Write(input)
			return m.Sum(nil)
		}
	}
	ticket, err := p.Ticket(seated(), playerID)
	must(t, err)
	good := p.mint(t, time.Minute)
	for name, change := range map[string]func(*forger){
		"alg none":            func(f *forger) { f.header["alg"], f.sign = "none", func([]byte) []byte { return nil } },
		"alg none, signed":    func(f *forger) { f.header["alg"] = "none" },
		"alg missing":         func(f *forger) { delete(f.header, "alg") },
		"alg ES256":           func(f *forger) { f.header["alg"] = "ES256" },
		"HS256 by public key": func(f *forger) { f.header["alg"] = "HS256"; withHMAC(f) },
		"EdDSA, signed HS256": withHMAC,
		"typ missing":         func(f *forger) { delete(f.header, "typ") },
		"typ JWT":             func(f *forger) { f.header["typ"] = "JWT" },
		"typ of a ticket":     func(f *forger) { f.header["typ"] = "gsm-ticket+jwt" },
		"typ no text":         func(f *forger) { f.header["typ"] = 1 },
		"kid missing":         func(f *forger) { delete(f.header, "kid") },
		"kid unknown":         func(f *forger) { f.header["kid"] = strings.Repeat("A", 43) },
		"kid wild":            func(f *forger) { f.header["kid"] = "../../etc/passwd" },
		"critical extension":  func(f *forger) { f.header["crit"] = []string{"x"}; f.header["x"] = 1 },
		"key in the header": func(f *forger) {
			f.header["jwk"] = jwkOf(other)
			delete(f.header, "kid")
			signBy(f, other)
		},
		"another key":          func(f *forger) { signBy(f, other) },
		"iss":                  func(f *forger) { f.claims["iss"] = "another" },
		"iss missing":          func(f *forger) { delete(f.claims, "iss") },
		"aud":                  func(f *forger) { f.claims["aud"] = "gsm-ticket" },
		"aud missing":          func(f *forger) { delete(f.claims, "aud") },
		"expired":              func(f *forger) { f.claims["exp"] = t0.Add(-31 * time.Second).Unix() },
		"exp missing":          func(f *forger) { delete(f.claims, "exp") },
		"exp a text":           func(f *forger) { f.claims["exp"] = "tomorrow" },
		"exp huge":             func(f *forger) { f.claims["exp"] = 1e300; f.claims["project"] = "" },
		"not yet valid":        func(f *forger) { f.claims["nbf"] = t0.Add(31 * time.Second).Unix() },
		"issued in the future": func(f *forger) { f.claims["iat"] = t0.Add(31 * time.Second).Unix() },
		"iat missing":          func(f *forger) { delete(f.claims, "iat") },
		"no project":           func(f *forger) { delete(f.claims, "project") },
		"project wild":         func(f *forger) { f.claims["project"] = "A b" },
		"no player":            func(f *forger) { delete(f.claims, "sub") },
		"player wild":          func(f *forger) { f.claims["sub"] = "root" },
		"oversized":            func(f *forger) { f.claims["x"] = strings.Repeat("x", 4<<10) },
	} {
		f := newForger(p, private, kid, t0)
		change(&f)
		wantRefused(t, p, name, f.token(t))
	}
	flipped := []byte(good)
	flipped[len(flipped)/2] ^= 1
	for name, token := range map[string]string{
		"ticket": ticket, "empty": "", "dots": "..", "text": "hello", "truncated": good[:len(good)-4],
		"without signature": good[:strings.LastIndex(good, ".")+1],
		"two parts":         good[:strings.LastIndex(good, ".")], "a part more": good + ".x", "a space": good + " ",
		"a line break": "\n" + good, "padded": good + "=", "a bit": string(flipped),
		"JSON": `{"payload":"","signatures":[]}`, "zeros": strings.Repeat("\x00", 100),
		"not UTF-8": "\xff\xfe.\xff.\xff",
	} {
		wantRefused(t, p, name, token)
	}
}

func signBy(f *forger, key ed25519.PrivateKey) {
	f.sign = func(input []byte) []byte { return ed25519.Sign(key, input) }
}

func jwkOf(key ed25519.PrivateKey) map[string]any {
	return map[string]any{
		"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey)),
	}
}

// wantRefused reports a token that is taken, or of which the error tells.
func wantRefused(t *testing.T, p process, name, token string) {
	t.Helper()
	got, err := p.Verify(t.Context(), token)
	if !errors.Is(err, game.ErrUnauthenticated) || got != (game.Caller{}) {
		t.Errorf("%s: got %+v, %v", name, got, err)
		return
	}
	for _, part := range strings.Split(token, ".") {
		if len(part) > 3 {
			wantNone(t, err.Error(), part)
		}
	}
	wantNone(t, err.Error(), string(playerID), "root", "passwd", "another", "tomorrow")
}

func TestTicket(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	p := newProcess(t, nil, "", c)
	ticket, err := p.Ticket(seated(), playerID)
	must(t, err)
	if h := header(t, ticket); h["typ"] != "gsm-ticket+jwt" {
		t.Errorf("the header is %v", h)
	}
	set, err := p.JWKS()
	must(t, err)
	b, err := json.Marshal(set)
	must(t, err)
	keys, err := client.ParseJWKS(b)
	must(t, err)
	got, err := client.VerifyTicket(keys, ticket, client.TicketOptions{Now: t0, Session: sessionID, Project: "arena"})
	must(t, err)
	want := client.Ticket{
		Project: "arena", Session: sessionID, Player: playerID, Seat: 1, Team: "red", Version: 7,
		ExpiresAt: t0.Add(game.TicketLife),
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, err = client.VerifyTicket(keys, p.mint(t, time.Minute), client.TicketOptions{Now: t0})
	wantError(t, err, client.ErrTicketInvalid)
	if _, err := p.Ticket(seated(), "01890000-0000-7000-8000-0000000000aa"); err == nil {
		t.Error("a player without a seat has a ticket")
	}
}

// FuzzVerify checks that only signed tokens are accepted, and that errors contain nothing of a token.
func FuzzVerify(f *testing.F) {
	c := &clock{now: t0}
	p, private, kid := withKey(f, c)
	good := p.mint(f, time.Minute)
	ticket, err := p.Ticket(seated(), playerID)
	must(f, err)
	for _, seed := range []string{
		good, ticket, newForger(p, private, kid, t0).token(f), "", "..", "a.b.c", good + ".",
	} {
		f.Add(seed)
	}
	signed := map[string]bool{normal(good): true, normal(newForger(p, private, kid, t0).token(f)): true}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := p.Verify(t.Context(), token)
		if (err == nil) != (signed[normal(token)] && !strings.ContainsAny(token, "\r\n")) {
			t.Errorf("got %+v, %v", got, err)
		}
		if err != nil && !errors.Is(err, game.ErrUnauthenticated) {
			t.Errorf("got %v", err)
		}
	})
}

// normal writes a token in the one way that a decoder cannot tell from others: base64 leaves bits of the last byte
// open.
func normal(token string) string {
	parts := strings.Split(token, ".")
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return token
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	return strings.Join(parts, ".")
}

func BenchmarkVerify(b *testing.B) {
	c := &clock{now: t0}
	p := newProcess(b, nil, "", c)
	token := p.mint(b, time.Hour)
	b.Run("signature", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		players, err := auth.NewPlayers(p.Signer, nil)
		must(b, err)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := players.Caller(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("mint", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.mint(b, time.Hour)
		}
	})
}

// A ticket for an event stream opens the stream of its session, for a minute, and of no other.
func TestEventTicketExpires(t *testing.T) {
	t.Parallel()
	c := &clock{now: t0}
	p := newProcess(t, nil, "", c)
	caller := game.Caller{Project: "arena", Scope: game.ScopePlayer, Player: playerID}
	ticket, err := p.EventTicket(caller, sessionID)
	must(t, err)
	if ticket.ExpiresAt != t0.Add(game.EventTicketLife) {
		t.Errorf("it expires at %v", ticket.ExpiresAt)
	}
	c.add(game.EventTicketLife - time.Millisecond)
	got, err := p.Follower(t.Context(), ticket.Ticket, sessionID)
	must(t, err)
	if got.Player != caller.Player || got.Project != caller.Project || got.Scope != game.ScopePlayer {
		t.Errorf("it is that of %+v", got)
	}
	_, err = p.Follower(t.Context(), ticket.Ticket, "01890000-0000-7000-8000-0000000000aa")
	wantError(t, err, game.ErrUnauthenticated)
	c.add(time.Millisecond)
	_, err = p.Follower(t.Context(), ticket.Ticket, sessionID)
	wantError(t, err, game.ErrUnauthenticated)
}
