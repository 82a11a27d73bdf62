package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/internal/api"
	"game-session-manager/internal/api/wire"
	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
)

// serve runs the API over the network, as it is configured.
func serve(t testing.TB, configure func(*api.Deps)) string {
	t.Helper()
	docs, err := store.Open(t.Context(), "sqlite:"+sqlitetest.Database(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	newID := func() string { return uuid.Must(uuid.NewV7()).String() }
	deps := game.Deps{Store: docs, Now: time.Now, NewID: newID, MaxRequest: 10 * time.Second}
	sessions := game.NewSessions(deps)
	d := api.Deps{
		Players: game.NewPlayers(deps, sessions), Sessions: sessions, Version: "test",
		RequestTimeout: 10 * time.Second, Now: time.Now, NewID: newID,
		Log:          slog.New(slog.NewTextHandler(t.Output(), nil)),
		Authenticate: anyone, Local: true,
	}
	configure(&d)
	s := httptest.NewServer(api.New(d))
	t.Cleanup(s.Close)
	return s.URL
}

// anyone has every request be one without a credential, where there is no authentication.
func anyone(context.Context, netip.Addr, http.Header) (game.Caller, error) {
	return game.Anonymous(), nil
}

// ask sends a request with headers as name, value, …, and returns the response with its body.
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s %s: %q: %v", method, url, raw, err)
		}
	}
	return res, doc
}

// as makes every request one of the caller that its X-Caller header names: a kind, and which one it is.
func as(_ context.Context, _ netip.Addr, h http.Header) (game.Caller, error) {
	kind, name, _ := strings.Cut(h.Get("X-Caller"), ":")
	c := game.Caller{Project: game.DefaultProject, Scope: game.Scope(kind), Name: "key:" + name}
	switch kind {
	case "player":
		c.Player, c.Name = game.PlayerID(name), "player"
	}
	return c, nil
}

// register makes a player and returns its id.
func register(t *testing.T, d *api.Deps, username string) string {
	t.Helper()
	ctx := game.WithCaller(t.Context(), game.Caller{Project: game.DefaultProject, Scope: game.ScopeAdmin})
	c, err := d.Players.Create(ctx, game.Profile{Username: username}, game.Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	return string(c.Document.ID)
}

func TestRates(t *testing.T) {
	t.Parallel()
	var classes []string
	now := time.Now()
	var a, b string
	url := serve(t, func(d *api.Deps) {
		a, b = "player:"+register(t, d, "alice"), "player:"+register(t, d, "bob")
		d.Authenticate, d.Local, d.ActAs, d.Now = as, false, auth.ActAs, func() time.Time { return now }
		d.Limits = api.Limits{
			Rates: map[limits.Class]limits.Rate{
				limits.Server: {PerSecond: 1, Burst: 3}, limits.Player: {PerSecond: 1, Burst: 1},
			},
			OnLimited: func(class string) { classes = append(classes, class) },
		}
	})
	for i, want := range []struct {
		caller string
		status int
		told   string
	}{
		{"server:a", 200, `"server";r=2;t=1`},
		{"server:a as nobody", 422, `"server";r=1;t=2`},
		{"read:b", 200, `"server";r=2;t=1`},
		{a, 200, `"player";r=0;t=1`},
		{"admin:a", 200, `"server";r=0;t=3`},
		{"server:a", 429, `"server";r=0;t=1`},
		{a, 429, `"player";r=0;t=1`},
		{b, 200, `"player";r=0;t=1`},
	} {
		caller, actAs, acts := strings.Cut(want.caller, " as ")
		headers := []string{"X-Caller", caller}
		if acts {
			headers = append(headers, auth.ActAsHeader, actAs)
		}
		res, doc := ask(t, http.MethodGet, url+"/api/v1/players", "", headers...)
		if res.StatusCode != want.status || res.Header.Get("RateLimit") != want.told {
			t.Errorf(
				"%d: %s got %d, RateLimit %q; want %d, %q", i, want.caller, res.StatusCode, res.Header.Get("RateLimit"),
				want.status, want.told,
			)
		}
		if want.status == http.StatusTooManyRequests && (doc["code"] != "rate_limited" ||
			res.Header.Get("Retry-After") != "1" || res.Header.Get("Content-Type") != "application/problem+json") {
			t.Errorf("%d: got %v, %v", i, res.Header, doc)
		}
	}
	if !slices.Equal(classes, []string{"server", "player"}) {
		t.Errorf("observed %q", classes)
	}
	if res, _ := ask(t, http.MethodGet, url+"/livez", ""); res.StatusCode != http.StatusOK {
		t.Errorf("a probe got %d", res.StatusCode)
	}
}

// What GET /limits tells is what is configured.
func TestLimitsAreTold(t *testing.T) {
	t.Parallel()
	configured := api.Limits{
		Rates:    map[limits.Class]limits.Rate{limits.Server: {PerSecond: 7, Burst: 9}, limits.Player: {}},
		InFlight: 11, Streams: 21, FailedCredentials: 13, HeaderBytes: 12, ReadTimeout: 1500 * time.Millisecond,
		WriteTimeout: 14 * time.Second, IdleTimeout: 15 * time.Second,
		SessionRetention: 14 * time.Second, EventRetention: 15 * time.Second,
	}
	read := func(authenticate api.Authenticate) (l wire.Limits) {
		_, doc := ask(t, http.MethodGet, serve(
			t, func(d *api.Deps) { d.Limits, d.Authenticate = configured, authenticate },
		)+"/api/v1/limits", "", "X-Caller", "read:a")
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := read(as)
	if want := (wire.TimeoutLimits{
		Request: 10, Queue: 5, Header: 1.5, Body: 1.5, Response: 14, Idle: 15,
	}); l.Timeouts != want {
		t.Errorf("got %+v, want %+v", l.Timeouts, want)
	}
	if want := (wire.RequestLimits{
		InFlight: 11, Queue: 88, Streams: 21, PlayerStreams: 10, KeyStreams: 10,
		HeaderBytes: 12, BodyBytes: 64 << 10, SessionBodyBytes: 8 << 20,
		HeartbeatsBodyBytes: 1 << 20, JoinBodyBytes: 512 << 10, HeaderLines: 100,
		PathBytes: 1 << 10, QueryBytes: 4 << 10, IdempotencyKeyBytes: 255, RequestIDBytes: 128,
		CredentialBytes: 4 << 10,
	}); l.Requests != want {
		t.Errorf("got %+v, want %+v", l.Requests, want)
	}
	if l.Tokens != (game.TokenLimits{LifeMin: 60, DefaultLife: 900, Life: 86400, TicketLife: 900}) {
		t.Errorf("lives of tokens are %+v", l.Tokens)
	}
	if l.Keys != (game.KeyLimits{Name: 64, Overlap: 2592000}) ||
		l.Metrics != (game.MetricsLimits{Range: 604800, Steps: 1000, StepMin: 15, Step: 86400}) {
		t.Errorf("the limits of keys are %+v, of metrics %+v", l.Keys, l.Metrics)
	}
	want := game.DocumentLimits()
	want.Sessions.Timeouts = map[string]game.SessionTimeout{
		"reservation_timeout": {Default: 60, Min: 5, Max: 86400}, "disconnect_grace": {Default: 120, Max: 86400},
		"host_grace": {Default: 30, Max: 3600}, "empty_timeout": {Default: 300, Max: 604800},
		"activation_timeout": {Default: 60, Max: 3600}, "max_duration": {Max: 2592000},
		"idle_timeout": {Default: 86400, Min: 60, Max: 2592000}, "stale_after": {Default: 30, Min: 5, Max: 3600},
		"expire_after": {Default: 3600, Min: 10, Max: 604800},
	}
	if l.Players != want.Players || !reflect.DeepEqual(l.Sessions, want.Sessions) || l.Lists != want.Lists {
		t.Errorf("the limits of documents are %+v", l)
	}
	if l.Retention != (game.RetentionLimits{Sessions: 14, Events: 15}) {
		t.Errorf("what has ended is kept for %+v", l.Retention)
	}
	if len(l.Rates) != 5 || l.Rates["wrong_join_code"].Burst != 10 || l.Rates["wrong_password"].Burst != 5 ||
		l.Rates["server"] != (wire.RateLimit{PerSecond: 7, Burst: 9}) ||
		l.Rates["failed_credentials"].Burst != 13 || l.Rates["failed_key"].Burst != 26 {
		t.Errorf("the rates are %v", l.Rates)
	}
	if l := read(anyone); len(l.Rates) != 0 {
		t.Errorf("a caller without a credential has rates: %v", l.Rates)
	}
}

// Web pages of the origins that are listed may call and read what they need; others may not, and none without
// authentication.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	const listed = "https://a.example"
	url := serve(t, func(d *api.Deps) {
		d.Authenticate, d.Local, d.Origins = as, false, []string{listed, "https://b.example"}
	})
	preflight := []string{
		"Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers",
		"authorization,content-type,idempotency-key,if-match,if-none-match,session-fence,x-request-id",
	}
	for origin, allowed := range map[string]bool{
		listed: true, "https://b.example": true, "https://evil.example": false, "http://a.example": false,
		"https://a.example:8443": false, "null": false, "https://a.example.evil.example": false,
	} {
		want, status := "", http.StatusForbidden
		if allowed {
			want, status = origin, http.StatusNoContent
		}
		asks := append([]string{"Origin", origin}, preflight...)
		res, doc := ask(t, http.MethodOptions, url+"/api/v1/players/x", "", asks...)
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want || res.StatusCode != status {
			t.Errorf("a preflight of %s: %d, allowed %q", origin, res.StatusCode, got)
		}
		detail, _ := doc["detail"].(string)
		if !allowed && (doc["code"] != "cross_origin" || !strings.Contains(detail, "GSM_CORS_ORIGINS")) {
			t.Errorf("a preflight of %s is told %v", origin, doc)
		}
		if got := res.Header.Get("Access-Control-Allow-Methods"); allowed && got != "PATCH" {
			t.Errorf("a preflight of %s may %q", origin, got)
		}
		res, _ = ask(t, http.MethodGet, url+"/api/v1/players", "", "Origin", origin, "X-Caller", "server:a")
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: allowed %q", origin, got)
		}
		if res.Header.Get("Access-Control-Allow-Credentials") != "" ||
			!strings.Contains(res.Header.Get("Vary"), "Origin") {
			t.Errorf("%s: %v", origin, res.Header)
		}
		for _, name := range []string{"Etag", "Location", "Retry-After", "Ratelimit", "X-Request-Id"} {
			if allowed && !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s may not read %s: %v", origin, name, res.Header)
			}
		}
	}
	res, _ := ask(t, http.MethodOptions, url+"/api/v1/players/x", "", "Origin", listed,
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "cookie")
	if res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a preflight with another header is allowed")
	}

	url = serve(t, func(d *api.Deps) { d.Origins = []string{listed} })
	res, doc := ask(t, http.MethodPost, url+"/api/v1/players", "{}", "Origin", listed)
	if res.StatusCode != http.StatusForbidden || doc["code"] != "cross_origin" ||
		res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without authentication: %d %v %v", res.StatusCode, res.Header, doc)
	}
}

// Requests beyond the limit are rejected without any work, and probes never are.
func TestShedding(t *testing.T) {
	t.Parallel()
	var shed shed
	working, done := make(chan struct{}), make(chan struct{})
	url := serve(t, func(d *api.Deps) {
		d.RequestTimeout = 4 * time.Second // and half of it is waited
		d.Limits = api.Limits{InFlight: 1}
		d.Observe = shed.observe
		holding(working, done)(d)
	})
	var first sync.WaitGroup
	first.Go(func() {
		if res, _ := ask(t, http.MethodGet, url+"/api/v1/players", "", "Hold", "yes"); res.StatusCode != http.StatusOK {
			t.Errorf("the first got %d", res.StatusCode)
		}
	})
	<-working
	res, doc := ask(t, http.MethodGet, url+"/api/v1/players", "")
	if res.StatusCode != http.StatusServiceUnavailable || doc["code"] != "overloaded" || doc["outcome"] != "none" ||
		res.Header.Get("Retry-After") == "" || doc["request_id"] != res.Header.Get("X-Request-ID") {
		t.Errorf("got %d %v %v", res.StatusCode, res.Header, doc)
	}
	for _, path := range []string{"/livez", "/readyz", "/health", "/health/detailed"} {
		if res, _ := ask(t, http.MethodGet, url+path, ""); res.StatusCode != http.StatusOK {
			t.Errorf("%s got %d", path, res.StatusCode)
		}
	}
	close(done)
	first.Wait()
	if res, _ := ask(t, http.MethodGet, url+"/api/v1/sessions", ""); res.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", res.StatusCode)
	}
	shed.expect(t, "GET /api/v1/players")
}
