package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// provider is an OpenID Connect issuer with discovery and keys of its own.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	keys  []jose.JSONWebKey // private ones; the last signs
	down  func(http.ResponseWriter, *http.Request)
	asked map[string]int
	iss   string // in its discovery document, if not its URL
}

func newProvider(tb testing.TB) *provider {
	tb.Helper()
	p := &provider{asked: make(map[string]int)}
	p.Server = httptest.NewServer(p)
	tb.Cleanup(p.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(tb, err)
	p.rotate("first", key)
	return p
}

// rotate adds a key, by which it signs from now on.
func (p *provider) rotate(kid string, key crypto.Signer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, jose.JSONWebKey{Key: key, KeyID: kid, Use: "sig"})
}

// fails has every request handled by another handler, until that is nil.
func (p *provider) fails(how func(http.ResponseWriter, *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = how
}

func (p *provider) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[r.URL.Path]++
	if p.down != nil {
		p.down(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		iss := p.iss
		if iss == "" {
			iss = p.URL
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": iss, "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"},
		})
	case "/keys":
		var set jose.JSONWebKeySet
		for _, k := range p.keys {
			set.Keys = append(set.Keys, k.Public())
		}
		_ = json.NewEncoder(w).Encode(set)
	default:
		http.NotFound(w, r)
	}
}

// token signs claims by the newest key, as those that are good where a test does not change them.
func (p *provider) token(tb testing.TB, now time.Time, change func(claims map[string]any)) string {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	claims := map[string]any{
		"iss": p.URL, "aud": []string{"other", "my-game"}, "sub": "user-1", "iat": now.Unix(),
		"exp": now.Add(time.Hour).Unix(),
	}
	if change != nil {
		change(claims)
	}
	key := p.keys[len(p.keys)-1]
	alg := jose.RS256
	switch key.Key.(type) {
	case *ecdsa.PrivateKey:
		alg = jose.ES256
	case ed25519.PrivateKey:
		alg = jose.EdDSA
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	must(tb, err)
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	must(tb, err)
	return text
}

// world is a service that takes the tokens of a provider, with one player registered.
type world struct {
	*auth.Players
	clock   *clock
	games   *game.Players
	player  game.Player
	signer  process
	lookups *counted
}

// counted counts what is asked of the players.
type counted struct {
	*game.Players
	mu sync.Mutex
	n  int
}

func (c *counted) ByIdentity(ctx context.Context, project game.ProjectID, i game.Identity) (game.Player, error) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	return c.Players.ByIdentity(ctx, project, i)
}

func newWorld(t *testing.T, list ...auth.Issuer) world {
	t.Helper()
	w := world{clock: &clock{now: t0}}
	deps := game.Deps{
		Store: openStore(t), Now: w.clock.Now, NewID: func() string { return string(playerID) },
		MaxRequest: time.Second,
	}
	w.games = game.NewPlayers(deps, game.NewSessions(deps))
	created, err := w.games.Create(server(t.Context()), game.Profile{
		Username: "alice", Identities: map[string]string{"idp": "user-1"},
	}, game.Idempotency{})
	must(t, err)
	w.player, w.lookups = created.Document, &counted{Players: w.games}
	w.signer = newProcess(t, nil, "", w.clock)
	w.Players, err = auth.NewPlayers(w.signer.Signer, auth.NewIssuers(list, w.lookups, w.clock.Now))
	must(t, err)
	return w
}

func server(ctx context.Context) context.Context {
	return game.WithCaller(ctx, game.Caller{Project: "arena", Scope: game.ScopeServer, Name: "test"})
}

func (w world) takes(t *testing.T, token string) {
	t.Helper()
	got, err := w.Caller(t.Context(), token)
	must(t, err)
	if want := (game.Caller{Project: "arena", Scope: game.ScopePlayer, Player: playerID, Name: "player"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func (w world) rejects(t *testing.T, token string, target error) {
	t.Helper()
	got, err := w.Caller(t.Context(), token)
	if !errors.Is(err, target) || got != (game.Caller{}) {
		t.Errorf("got %+v, %v, want %v", got, err, target)
		return
	}
	for _, part := range strings.Split(token, ".") {
		if len(part) > 3 {
			wantNone(t, err.Error(), part)
		}
	}
	wantNone(t, err.Error(), "user-1", "stranger")
}

// settles waits until a token returns an error, or none. For a moment after go-oidc has fetched keys, a token
// that needs keys still gets the result of that fetch, though it has ended.
func (w world) settles(t *testing.T, token string, target error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := w.Caller(ctx, token); errors.Is(err, target) {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("never returned %v", target)
}

func issuerOf(p *provider) auth.Issuer {
	return auth.Issuer{URL: p.URL, Audience: "my-game", Claim: "sub", Provider: "idp", Project: "arena"}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, issuerOf(p))
	w.takes(t, w.signer.mint(t, time.Minute))
	if p.count("/.well-known/openid-configuration") != 0 {
		t.Error("the issuer was asked before a token of its came")
	}
	token := p.token(t, t0, nil)
	w.takes(t, token)
	for range 10 {
		w.takes(t, token)
	}
	if w.lookups.n != 1 {
		t.Errorf("the player was looked up %d times", w.lookups.n)
	}
	w.clock.add(5 * time.Second)
	w.takes(t, token)
	if w.lookups.n != 2 {
		t.Errorf("after a while the player was looked up %d times", w.lookups.n)
	}
	if n := p.count("/keys"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	w.clock.add(time.Hour)
	w.rejects(t, token, game.ErrUnauthenticated)
}

func TestIssuerWrongTokens(t *testing.T) {
	t.Parallel()
	p, other := newProvider(t), newProvider(t)
	w := newWorld(t, issuerOf(p))
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	for name, c := range map[string]struct {
		token  string
		target error
	}{
		"audience":          {p.token(t, t0, set("aud", "other")), game.ErrUnauthenticated},
		"no audience":       {p.token(t, t0, func(c map[string]any) { delete(c, "aud") }), game.ErrUnauthenticated},
		"expired":           {p.token(t, t0, set("exp", t0.Add(-time.Second).Unix())), game.ErrUnauthenticated},
		"no expiry":         {p.token(t, t0, func(c map[string]any) { delete(c, "exp") }), game.ErrUnauthenticated},
		"not yet valid":     {p.token(t, t0, set("nbf", t0.Add(time.Hour).Unix())), game.ErrUnauthenticated},
		"unknown issuer":    {other.token(t, t0, nil), game.ErrUnauthenticated},
		"another's key":     {other.token(t, t0, set("iss", p.URL)), game.ErrUnauthenticated},
		"no subject":        {p.token(t, t0, func(c map[string]any) { delete(c, "sub") }), game.ErrUnauthenticated},
		"subject no text":   {p.token(t, t0, set("sub", 7)), game.ErrUnauthenticated},
		"subject empty":     {p.token(t, t0, set("sub", "")), game.ErrUnauthenticated},
		"subject too long":  {p.token(t, t0, set("sub", strings.Repeat("x", 256))), game.ErrUnauthenticated},
		"subject wild":      {p.token(t, t0, set("sub", "user-1\n")), game.ErrUnauthenticated},
		"unknown identity":  {p.token(t, t0, set("sub", "stranger")), game.ErrPlayerUnknown},
		"oversized":         {p.token(t, t0, set("roles", strings.Repeat("x", 4<<10))), game.ErrUnauthenticated},
		"aud of another":    {p.token(t, t0, set("aud", []string{"my-gamer", "my"})), game.ErrUnauthenticated},
		"iss with a slash":  {p.token(t, t0, set("iss", p.URL+"/")), game.ErrUnauthenticated},
		"iss of two issuer": {p.token(t, t0, set("iss", []string{p.URL})), game.ErrUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.rejects(t, c.token, c.target)
		})
	}
	hs, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("k", 32))}, nil)
	must(t, err)
	text, err := jwt.Signed(hs).Claims(
		map[string]any{"iss": p.URL, "aud": "my-game", "sub": "user-1", "exp": t0.Add(time.Hour).Unix()},
	).Serialize()
	must(t, err)
	w.rejects(t, text, game.ErrUnauthenticated)
	good := p.token(t, t0, nil)
	w.rejects(t, good[:len(good)-6], game.ErrUnauthenticated)
}

// A token says who its player is, and not whether that player may play: that is asked for every request, of
// game.Players.
func TestIssuerSuspendedPlayer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, issuerOf(p))
	token := p.token(t, t0, nil)
	w.takes(t, token)
	_, err := w.games.Edit(server(t.Context()), playerID, nil, func(f game.Profile) (game.Profile, error) {
		f.Status = game.PlayerSuspended
		return f, nil
	})
	must(t, err)
	w.clock.add(5 * time.Second)
	for range 3 {
		w.takes(t, token)
	}
	must(t, w.games.Erase(server(t.Context()), playerID, nil))
	if w.lookups.n != 2 {
		t.Errorf("the suspended player was looked up %d times", w.lookups.n-1)
	}
	w.clock.add(5 * time.Second)
	w.rejects(t, token, game.ErrPlayerUnknown)
}

func TestIssuerRotates(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, issuerOf(p))
	old := p.token(t, t0, nil)
	w.takes(t, old)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	for kid, key := range map[string]crypto.Signer{"ec": ec, "ed": ed} {
		p.rotate(kid, key)
		w.clock.add(5 * time.Second)
		fresh := p.token(t, t0, nil)
		w.settles(t, fresh, nil)
		w.takes(t, fresh)
		w.takes(t, old)
	}
	forged := newProvider(t)
	forged.rotate("nobody has it", ec)
	before := p.count("/keys")
	w.clock.add(5 * time.Second)
	for range 20 {
		w.rejects(t, forged.token(t, t0, func(c map[string]any) { c["iss"] = p.URL }), game.ErrUnauthenticated)
	}
	if n := p.count("/keys") - before; n != 1 {
		t.Errorf("forged tokens had the keys fetched %d times", n)
	}
}

func TestIssuerDown(t *testing.T) {
	t.Parallel()
	ways := map[string]func(http.ResponseWriter, *http.Request){
		"error": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "secret", http.StatusInternalServerError)
		},
		"page":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>secret</html>")) },
		"other JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`["secret"]`)) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`"` + strings.Repeat("x", 300<<10) + `"`))
		},
		"breaks off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		},
		"to a file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		},
		"to metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			w := newWorld(t, issuerOf(p))
			token := p.token(t, t0, nil)
			p.fails(way)
			for range 3 { // before it was ever asked
				w.rejects(t, token, game.ErrIssuerUnavailable)
			}
			if n := p.count("/.well-known/openid-configuration"); n != 1 && name != "redirects" {
				t.Errorf("it was asked %d times", n)
			}
			w.clock.add(5 * time.Second)
			p.fails(nil)
			w.takes(t, token)

			p.fails(way)
			w.clock.add(5 * time.Second)
			w.takes(t, token) // by a key that is known
			ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			must(t, err)
			p.rotate("new", ec)
			fresh := p.token(t, t0, nil)
			w.settles(t, fresh, game.ErrIssuerUnavailable)
			p.fails(nil)
			w.clock.add(5 * time.Second)
			w.settles(t, fresh, nil)
			w.takes(t, fresh)
			_, err = w.Caller(t.Context(), token)
			must(t, err)
		})
	}
}

func TestIssuerOfAnotherName(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.iss = "https://somebody.example"
	w := newWorld(t, issuerOf(p))
	w.rejects(t, p.token(t, t0, nil), game.ErrIssuerUnavailable)

	i := issuerOf(p)
	i.JWKSURL, i.Claim = p.URL+"/keys", "account" // nothing is discovered
	w = newWorld(t, i)
	w.takes(t, p.token(t, t0, func(c map[string]any) { c["account"], c["sub"] = "user-1", "something else" }))
}

// TestIssuerTogether sends many requests with tokens of an issuer whose keys are not known yet.
func TestIssuerTogether(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, issuerOf(p))
	tokens := make([]string, 20)
	for i := range tokens {
		tokens[i] = p.token(t, t0, func(c map[string]any) { c["n"] = i })
	}
	var wg sync.WaitGroup
	for _, token := range tokens {
		wg.Go(func() {
			if _, err := w.Caller(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, m := p.count("/.well-known/openid-configuration"), p.count("/keys"); n != 1 || m != 1 {
		t.Errorf("it was asked %d and %d times", n, m)
	}
}

// Unregistered and suspended players get their own errors, however often they call, and keep nobody at
// their address out: neither a player who was never seen nor a key.
func TestPlayersWhoAreNotLetIn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, issuerOf(p))
	k := newStoredKey(t)
	guard := auth.Guard{
		Tokens: w.Players, Failures: limits.NewFailures(3, w.clock.Now),
		Keys: auth.NewKeys(k.docs, k.rules, nil, k.now.Now),
	}
	ask := func(credential string) error {
		_, err := guard.Caller(t.Context(), netip.MustParseAddr("192.0.2.1"), sends(credential))
		return err
	}
	stranger := p.token(t, t0, func(c map[string]any) { c["sub"] = "stranger" })
	for range 100 {
		wantError(t, ask(stranger), game.ErrPlayerUnknown)
	}
	if w.lookups.n != 1 {
		t.Errorf("the same stranger was looked up %d times", w.lookups.n)
	}
	for i := range 100 {
		wantError(
			t, ask(p.token(t, t0, func(c map[string]any) { c["sub"], c["n"] = "stranger", i })), game.ErrPlayerUnknown,
		)
	}
	must(t, ask(p.token(t, t0, nil)))
	must(t, ask(k.secret.Reveal()))
}

// A response of an issuer is cached from when it arrived, and callers need not wait for it.
func TestIssuerSlow(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, issuerOf(p))
	token := p.token(t, t0, nil)
	p.fails(func(w2 http.ResponseWriter, _ *http.Request) {
		w.clock.add(5 * time.Second)
		http.Error(w2, "no", http.StatusInternalServerError)
	})
	for range 3 {
		w.rejects(t, token, game.ErrIssuerUnavailable)
	}
	if n := p.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	let, there := make(chan struct{}), make(chan struct{})
	p.fails(func(http.ResponseWriter, *http.Request) {
		close(there)
		<-let
	})
	w.clock.add(5 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	var waiters sync.WaitGroup
	for range 3 {
		waiters.Go(func() {
			_, err := w.Caller(ctx, token)
			wantError(t, err, game.ErrIssuerUnavailable)
		})
	}
	<-there
	cancel()
	waiters.Wait()
	close(let)
}

func TestParseIssuers(t *testing.T) {
	t.Parallel()
	got, err := auth.ParseIssuers(`[{"issuer":"https://id.example","audience":"a","provider":"idp"},
		{"issuer":"http://127.0.0.1:1","audience":"a","claim":"oid","provider":"x","project":"arena",
			"jwks_url":"http://[::1]/keys"}]`)
	must(t, err)
	want := []auth.Issuer{
		{URL: "https://id.example", Audience: "a", Claim: "sub", Provider: "idp", Project: "default"},
		{
			URL: "http://127.0.0.1:1", Audience: "a", Claim: "oid", Provider: "x", Project: "arena",
			JWKSURL: "http://[::1]/keys",
		},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if got, err := auth.ParseIssuers(" "); err != nil || len(got) != 0 {
		t.Errorf("an empty list: %v, %v", got, err)
	}
	for text, word := range map[string]string{
		`{}`: "JSON list", `[{"isuer":"x"}]`: "isuer", `[] []`: "after the list", `nonsense`: "JSON list",
		`[{"issuer":"http://id.example","audience":"a","provider":"p"}]`:                       "https://",
		`[{"issuer":"https://u:p@id.example","audience":"a","provider":"p"}]`:                  "https://",
		`[{"issuer":"https://id.example","provider":"p"}]`:                                     "audience",
		`[{"issuer":"https://id.example","audience":"a"}]`:                                     "provider",
		`[{"issuer":"https://id.example","audience":"a","provider":"p","project":"A"}]`:        "project",
		`[{"issuer":"https://id.example","audience":"a","provider":"p","jwks_url":"ftp://x"}]`: "jwks_url",
		`[{"issuer":"https://i.example","audience":"a","provider":"p"},` +
			`{"issuer":"https://i.example","audience":"a","provider":"q"}]`: "duplicate",
	} {
		if _, err := auth.ParseIssuers(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v, want %q in it", text, err, word)
		}
	}
}

// TestRemembered holds that a token is not taken for longer than it is valid, nor after its key is gone.
func TestRemembered(t *testing.T) {
	t.Parallel()
	c, s := &clock{now: t0}, openStore(t)
	p := newProcess(t, s, secretKey, c)
	p.refresh(t)
	players, err := auth.NewPlayers(p.Signer, nil)
	must(t, err)
	short, long := p.mint(t, time.Minute), p.mint(t, 2*time.Hour)
	for range 2 {
		for _, token := range []string{short, long} {
			_, err = players.Caller(t.Context(), token)
			must(t, err)
		}
	}
	c.add(time.Minute + 31*time.Second)
	_, err = players.Caller(t.Context(), short)
	wantError(t, err, game.ErrUnauthenticated)
	must(t, s.DeleteSigningKey(t.Context(), p.kid(t)))
	p.refresh(t)
	_, err = players.Caller(t.Context(), long)
	wantError(t, err, game.ErrUnauthenticated)
	_, err = players.Caller(t.Context(), strings.Repeat("x", 5<<10))
	wantError(t, err, game.ErrUnauthenticated)
}
