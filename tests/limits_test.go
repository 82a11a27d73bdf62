package tests_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"game-session-manager/client"
)

// dial opens a connection to the API and sends something.
func (s *server) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

const halfABody = "POST /api/v1/players HTTP/1.1\r\nHost: localhost\r\nContent-Type: " +
	"application/json\r\nContent-Length: 20\r\n\r\n" + `{"username"`

// A caller that stops sending is cut off: without a response within a header, with one within a body.
func TestSlowCallersAreCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--read-timeout=200ms"))
	for what, text := range map[string]string{
		"nothing": "", "half a line": "GET /api/v1/pl",
		"half a header": "GET /api/v1/players HTTP/1.1\r\nHost: localhost\r\n",
	} {
		got, err := io.ReadAll(s.dial(t, text))
		if err != nil || len(got) > 0 && !strings.HasPrefix(string(got), "HTTP/1.1 4") {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(s.dial(t, halfABody)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusRequestTimeout ||
		!strings.Contains(string(body), `"request_timeout"`) || !res.Close {
		t.Errorf("half a body: %d %s, %v, closed: %v", res.StatusCode, body, err, res.Close)
	}
}

// A caller that does not read the response is cut off. The response is larger than the buffers of a connection.
func TestSlowReadersAreCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--request-timeout=1s", "--write-timeout=1s"))
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{
		MaxPlayers: 2, Attributes: client.Attributes{"x": client.String(strings.Repeat("x", 16000))},
	}})
	c := s.dial(t, "")
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	get := fmt.Sprintf("GET /api/v1/sessions/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", v.ID)
	for err := error(nil); err == nil; _, err = io.WriteString(c, get) { // until the server has hung up
		if d := time.Now().Add(patience); c.SetWriteDeadline(d) != nil {
			t.Fatal("cannot set a deadline")
		}
	}
	s.do(t, "GET /livez", "").is(http.StatusOK)
	eventually(t, "the request has ended", func() bool {
		return strings.Contains(s.metrics(t), "\ngsm_http_requests_in_flight 0\n")
	})
}

// Excess requests are rejected at once while probes succeed, and afterwards the server works normally. A caller that
// sends slowly delays nobody.
func TestOverload(t *testing.T) {
	t.Parallel()
	only(t, sqlite) // whose writes can be held up from outside; nothing in it is an engine's
	s := start(t, withArgs("--max-in-flight=1", "--request-timeout=1m", "--write-timeout=1m"))
	slow := s.dial(t, halfABody)
	eventually(t, "the slow request is there", func() bool {
		return strings.Contains(s.metrics(t), "\ngsm_http_requests_in_flight 1\n")
	})
	s.do(t, "GET /api/v1/players", "").is(http.StatusOK)

	db, err := sql.Open(
		"sqlite", strings.TrimPrefix(s.database, "sqlite:")+"?_pragma=busy_timeout(60000)&_txlock=immediate",
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	lock, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Rollback() })
	const body = `{"username":"bob"}`
	holder := s.dial(t, fmt.Sprintf("POST /api/v1/players HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
		"application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	eventually(t, "the holder is there", func() bool {
		return strings.Contains(s.metrics(t), "\ngsm_http_requests_in_flight 2\n")
	})
	answers := make(chan int, 20)
	for range cap(answers) {
		c := s.dial(t, "GET /api/v1/players HTTP/1.1\r\nHost: localhost\r\n\r\n")
		go func() {
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				answers <- 0
				return
			}
			_ = res.Body.Close()
			answers <- res.StatusCode
		}()
	}
	const waiting = 8
	for range cap(answers) - waiting { // all that find no room to wait
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Fatalf("got %d", status)
		}
	}
	a := s.do(t, "GET /api/v1/players", "")
	p := a.problem(http.StatusServiceUnavailable, "overloaded")
	if p.text("outcome") != "none" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %s, %v", a.body, a.header)
	}
	for _, path := range []string{
		"/livez", "/readyz", "/health", "/health/detailed", "/docs", "/redoc/redoc.standalone.js",
	} {
		s.do(t, "GET "+path, "").is(http.StatusOK)
	}
	m := s.metrics(t)
	for _, line := range []string{
		fmt.Sprintf(`gsm_http_problems_total{code="overloaded",route="/api/v1/players"} %d`, cap(answers)-waiting+1),
		fmt.Sprintf(
			`gsm_http_request_duration_seconds_count{method="GET",route="/api/v1/players",status="503"} %d`,
			cap(answers)-waiting+1,
		),
		"gsm_http_concurrency_limit 1", fmt.Sprint("gsm_http_requests_queued ", waiting),
	} {
		if !strings.Contains(m, "\n"+line+"\n") {
			t.Errorf("no %q is told", line)
		}
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(holder), nil)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("the request that was let in: %v, %v", res, err)
	}
	for range waiting {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("one that waited got %d", status)
		}
	}
	_ = slow.Close()
	s.do(t, "GET /api/v1/players", "").is(http.StatusOK)
}

func TestTargetsAndHeadersThatAreTooLong(t *testing.T) {
	t.Parallel()
	s := start(t)
	x := func(n int) string { return strings.Repeat("x", n) }
	s.do(t, "GET /"+x(1023), "").problem(http.StatusNotFound, "not_found")
	s.do(t, "GET /"+x(1024), "").problem(http.StatusRequestURITooLong, "uri_too_long")
	s.do(t, "GET /"+strings.Repeat("%41", 400), "").problem(http.StatusRequestURITooLong, "uri_too_long")
	s.do(t, "GET /api/v1/sessions?mode="+x(4091), "").problem(http.StatusUnprocessableEntity, "validation_error")
	s.do(t, "GET /api/v1/sessions?mode="+x(4092), "").problem(http.StatusRequestURITooLong, "uri_too_long")
	many := make([]string, 0, 300)
	for i := range 101 {
		many = append(many, fmt.Sprint("X-", i), "x")
	}
	s.do(t, "GET /api/v1/players", "", many...).problem(http.StatusRequestHeaderFieldsTooLarge, "too_many_headers")
	s.do(t, "GET /api/v1/players", "", many[:180]...).is(http.StatusOK)
	s.do(t, "GET /api/v1/players", "", "X-Long", x(12<<10)).is(http.StatusOK)
	s.do(t, "GET /api/v1/players", "", "X-Long", x(24<<10)).is(http.StatusRequestHeaderFieldsTooLarge) // by net/http
}

// The limits resource shows the configured limits.
func TestLimitsAreTold(t *testing.T) {
	t.Parallel()
	s := start(t, withArgs("--max-in-flight=7", "--read-timeout=3s", "--write-timeout=40s", "--request-timeout=20s"))
	l, err := s.api.Limits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if l.Requests.InFlight != 7 || l.Requests.Queue != 56 || l.Requests.RequestIDBytes != 128 ||
		l.Requests.CredentialBytes != 4<<10 || l.Keys.Name != 64 || l.Requests.HeaderBytes != 16<<10 ||
		l.Requests.BodyBytes != 64<<10 || l.Players.Username != 32 || l.Lists.Items != 100 {
		t.Errorf("got %+v", l)
	}
	if want := (client.TimeoutLimits{
		Request: 20, Queue: 10, Header: 3, Body: 3, Response: 40, Idle: 120,
	}); l.Timeouts != want {
		t.Errorf("got %+v, want %+v", l.Timeouts, want)
	}
	if len(l.Rates) != 0 {
		t.Errorf("without authentication there are rates: %v", l.Rates)
	}
}

// always sends the same credential.
func always(credential string) func(int) string { return func(int) string { return credential } }

// guess is a key that nobody has. Its begin and end are in no text but what tells it: see secrets_test.go.
func guess(i int) string { return fmt.Sprintf("gsm_guess_nobody-has-this-key-%d-as-nobody-guesses", i) }

// refused sends requests, each with the next credential, until one is rejected with 429.
func (r *realm) refused(t *testing.T, credential func(int) string, code, class string) {
	t.Helper()
	for i := range 200 {
		a := r.do(t, "GET /api/v1/players?limit=1", "", "Authorization", "Bearer "+credential(i))
		if a.status != http.StatusTooManyRequests {
			continue
		}
		a.problem(http.StatusTooManyRequests, code)
		wait, err := strconv.Atoi(a.header.Get("Retry-After"))
		if err != nil || wait < 1 || !strings.HasPrefix(a.header.Get("RateLimit"), `"`+class+`";r=0;t=`) ||
			!strings.HasPrefix(a.header.Get("RateLimit-Policy"), `"`+class+`";q=`) {
			t.Errorf("told %v", a.header)
		}
		counted := `gsm_limited_requests_total{class="` + class + `"} `
		if strings.Contains(r.metrics(t, counted), counted+"0\n") {
			t.Errorf("not counted as %s", class)
		}
		return
	}
	t.Fatalf("never refused as %s", code)
}

// Each caller has its own rate, and requests that need no credential are not limited.
func TestCallersAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated, withArgs("--rate-server=1:20", "--rate-player=1:3"))
	r := newRealm(t, s, "")
	r.renew(t)
	r.as(t, "self", "GET /api/v1/players?limit=1", "").is(http.StatusOK).has("RateLimit-Policy", `"player";q=3;w=3`)
	r.refused(t, always(r.keys["self"]), "rate_limited", "player")
	r.as(t, "other", "GET /api/v1/players?limit=1", "").is(http.StatusOK)
	r.refused(t, always(r.keys["server"]), "rate_limited", "server")
	r.as(t, "read", "GET /api/v1/players?limit=1", "").is(http.StatusOK).has("RateLimit-Policy", `"server";q=20;w=20`)
	for _, open := range []string{"GET /health", "GET /readyz", "GET /.well-known/jwks.json"} {
		r.as(t, "server", open, "").is(http.StatusOK).has("RateLimit", "")
	}
}

// A caller that guesses keys is rate limited. Valid credentials are accepted, from the same address too.
func TestFailedCredentialsAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated, withArgs("--failed-credentials=3"))
	r := newRealm(t, s, "")
	r.renew(t)
	for i := range 3 {
		s.do(t, "GET /api/v1/players", "", bearer(guess(-1-i))...).problem(http.StatusUnauthorized, "unauthenticated")
	}
	r.refused(t, guess, "too_many_failures", "failed_credentials")
	for _, kind := range []string{"admin", "server", "read", "self", "host"} { // read and host were never seen
		r.as(t, kind, "GET /api/v1/players?limit=1", "").is(http.StatusOK)
	}
	r.as(t, "none", "GET /api/v1/players", "").problem(http.StatusUnauthorized, "unauthenticated").text("detail")
	l, err := s.connect(t, client.WithToken(adminKey)).Limits(t.Context())
	if err != nil || l.Rates["failed_credentials"].Burst != 3 || l.Rates["failed_key"].Burst != 6 ||
		l.Tokens.Life != 86400 {
		t.Errorf("told %+v, %v", l, err)
	}
}

// Everyday mistakes behind a shared address lock nobody out, and repeated mistakes get the same response each time.
// Each distinct key costs one lookup.
func TestNeighboursAreLetIn(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated, withArgs("--failed-credentials=3"))
	r := newRealm(t, s, "")
	r.renew(t)
	before, began := s.keyLookups(t), time.Now()
	if before == 0 {
		t.Fatal("lookups are not counted")
	}
	forged := r.keys["self"][:len(r.keys["self"])-6] + "AAAAAA"
	for range 100 {
		for _, wrong := range []string{
			"Bearer " + r.keys["revoked"], "Bearer " + r.keys["expired"], "Bearer " + forged, "Bearer undefined",
			"Basic dTpw", "Bearer",
		} {
			a := s.do(t, "GET /api/v1/players?limit=1", "", "Authorization", wrong)
			a.problem(http.StatusUnauthorized, "unauthenticated")
		}
	}
	r.refused(t, always(r.keys["server"]+"x"), "too_many_failures", "failed_key") // its own only
	if n, most := s.keyLookups(t)-before, 3*(1+time.Since(began).Minutes()); n > most {
		t.Errorf("three keys that are wrong were looked up %v times, want %v at most", n, most)
	}
	for range 30 {
		r.renew(t)
		r.as(t, "self", "GET /api/v1/players?limit=1", "").is(http.StatusOK)
	}
	r.as(t, "read", "GET /api/v1/players?limit=1", "").is(http.StatusOK)

	before, began = s.keyLookups(t), time.Now()
	for i := range 500 {
		got := s.do(t, "GET /api/v1/players?limit=1", "", bearer(guess(i))...).status
		if got != http.StatusTooManyRequests && got != http.StatusUnauthorized {
			t.Fatalf("a guess got %d", got)
		}
	}
	lookups := s.keyLookups(t) - before
	if most := 3 + 20*(2+time.Since(began).Seconds()); lookups > most {
		t.Errorf("guesses cost %v lookups, want %v at most", lookups, most)
	}
	r.renew(t)
	r.as(t, "self", "GET /api/v1/players?limit=1", "").is(http.StatusOK)
}

// keyLookups is how often keys were read by their ids.
func (s *server) keyLookups(t *testing.T) (n float64) {
	t.Helper()
	for _, m := range s.families(t)["gsm_store_operation_duration_seconds"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "operation" && l.GetValue() == "get_key" {
				n += float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return n
}

// A key whose secret is guessed from many addresses is locked for guesses, but still accepted from its owner.
func TestKeysAreLockedOut(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address")
	}
	s := start(t, authenticated, withArgs("--failed-credentials=3"))
	r := newRealm(t, s, "")
	r.as(t, "server", "GET /api/v1/players", "").is(http.StatusOK)
	for from := 2; from <= 4; from++ {
		s.http = newHTTP(t)
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(from))}}
		s.http.Transport.(recorded).DialContext = dialer.DialContext
		for range 2 {
			r.as(t, "wrong secret", "GET /api/v1/players", "").problem(http.StatusUnauthorized, "unauthenticated")
		}
	}
	r.refused(t, always(r.keys["wrong secret"]), "too_many_failures", "failed_key")
	r.as(t, "server", "GET /api/v1/players", "").is(http.StatusOK)
}

// Every response has headers that keep browsers from interpreting it as another type, and does not name the server
// software.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, what := range []string{
		"GET /api/v1/players", "POST /api/v1/players", "GET /nowhere", "GET /health", "GET /docs", "GET /redoc",
		"GET /openapi.json", "GET /docs/nothing.js", "GET /docs/swagger-ui.css", "TRACE /health",
	} {
		a := s.do(t, what, "").has("X-Content-Type-Options", "nosniff").has("Referrer-Policy", "no-referrer").
			has(
				"Cross-Origin-Resource-Policy", "same-origin",
			).has("Strict-Transport-Security", "").has("Server", "").has("X-Powered-By", "")
		policy := a.header.Get("Content-Security-Policy")
		want := "default-src 'none'; "
		if a.status == http.StatusOK && (strings.Contains(what, "/docs") || strings.Contains(what, "/redoc")) {
			want = "default-src 'self'; "
		}
		if !strings.Contains(policy, "frame-ancestors 'none'") || !strings.HasPrefix(policy, want) {
			t.Errorf("%s: the policy of %s is %q", what, a.header.Get("Content-Type"), policy)
		}
		if strings.Contains(what, "/api/") {
			a.has("Cache-Control", "no-store")
		}
	}
	s.do(t, "GET /docs/nothing.js", "").problem(http.StatusNotFound, "not_found")
	s.do(t, "GET /docs/../..//etc/passwd", "").problem(http.StatusNotFound, "not_found")
	for _, path := range []string{"//api/v1/players", "/api/v1//players", "/api/v1/./players", "/api/../health"} {
		s.do(t, "GET "+path, "").has("Location", "").problem(http.StatusNotFound, "not_found")
	}
}
