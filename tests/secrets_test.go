package tests_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/config"
)

// secrets are those that all tests use: what they send, what they set, and what the service makes for them. What a
// server logs, its metrics, its account of failures, its traces and its refusals have none of them, in no test: see
// [server.inspect].
var secrets = &vault{parts: make(map[string]string)} //nolint:gochecknoglobals // shared by all tests

// partSize is how many bytes of a secret are looked for, at its begin and at its end. What is shorter is no secret.
const partSize = 16

// credentials are the forms of API keys that the service makes, of tokens and tickets, and of hashes of passwords. Each
// begins with fixed text, which package regexp finds much faster than one expression for all.
var credentials = []*regexp.Regexp{ //nolint:gochecknoglobals // constant
	regexp.MustCompile(`\$argon2id\$`),
	regexp.MustCompile(`gsm_[a-z0-9]{1,32}_[A-Z2-7]{52}`),
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`),
}

type vault struct {
	mu    sync.RWMutex
	parts map[string]string // what each is of
}

// keep remembers a secret.
func (v *vault) keep(kind, secret string) {
	if strings.HasPrefix(secret, "gsm_") {
		_, secret, _ = strings.Cut(strings.TrimPrefix(secret, "gsm_"), "_") // the id is none
	} else if strings.Count(secret, ".") == 2 {
		secret = secret[strings.LastIndex(secret, ".")+1:] // the signature: the rest is much alike
	}
	if len(secret) < partSize {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.parts[secret[:partSize]], v.parts[secret[len(secret)-partSize:]] = kind, kind
}

// keepAll remembers every credential in a text.
func (v *vault) keepAll(text string) {
	for _, form := range credentials {
		for _, c := range form.FindAllString(text, -1) {
			v.keep("credential", c)
		}
	}
}

// keepSettings remembers the values of an environment that are secret.
func (v *vault) keepSettings(env []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Server]()) {
		for _, variable := range env {
			if value, ok := strings.CutPrefix(variable, f.Tag.Get("env")+"="); ok && f.Tag.Get("secret") == "value" {
				v.keep(f.Tag.Get("env"), value)
			}
		}
	}
}

// in tells which secrets are in a text, without showing them.
func (v *vault) in(text string) (found []string) {
	for _, form := range credentials {
		if at := form.FindStringIndex(text); at != nil {
			found = append(
				found, fmt.Sprintf("something of the form of a credential after %q", text[max(0, at[0]-100):at[0]]),
			)
		}
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	for i := 0; i+partSize <= len(text); i++ {
		if kind, ok := v.parts[text[i:i+partSize]]; ok {
			found = append(found, fmt.Sprintf("a part of a secret (%s) after %q", kind, text[max(0, i-100):i]))
		}
	}
	return found
}

// untold fails the test if a text has a secret in it.
func untold(t testing.TB, what, text string) {
	t.Helper()
	for _, found := range secrets.in(text) {
		t.Errorf("%s: there is %s", what, found)
	}
}

// tellsNoSecret looks through what a server says of itself.
func (s *server) tellsNoSecret(t testing.TB) {
	t.Helper()
	said := map[string]string{"the log": s.stdout.String(), "standard error": s.stderr.String()}
	select {
	case <-s.exited:
	default:
		for _, path := range opsPages() {
			if said[path] = s.glance(path); said[path] == "" {
				break // it is halted, or gone: the others would be waited for in vain
			}
		}
	}
	for what, text := range said {
		untold(t, what, text)
		if _, login, _ := strings.Cut(s.database, "://"); strings.Contains(login, "@") {
			if login, _, _ = strings.Cut(login, "@"); strings.Contains(text, login+"@") {
				t.Errorf("%s tells the database's password", what)
			}
		}
	}
}

// opsPages are what the ops listener serves as text, and the command line, which it must not serve.
func opsPages() []string {
	return []string{
		"/metrics", "/debug/errors", "/debug/log-level", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol",
		"/debug/pprof/goroutine?debug=2",
	}
}

// The command line may have secrets in it: it is where flags are.
func TestCommandLineIsNotTold(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	const key = "gsm_flag_given-on-the-command-line-0123456789"
	secrets.keep("--admin-key", key)
	s := start(t, withArgs("--auth=on", "--admin-key="+key))
	s.operate(t, "GET /debug/pprof/cmdline", "").is(http.StatusNotFound)
	for _, path := range opsPages() {
		if s.glance(path) == "" {
			t.Errorf("%s says nothing", path)
		}
	}
	s.tellsNoSecret(t)
}

// glance returns a page of the ops listener, or nothing if it does not respond: the server may be halted or not
// started.
func (s *server) glance(path string) string {
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get(s.ops + path)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(res.Body) // or a part of it
	return string(b)
}

// hashesPassword reports whether a body has what no response has, whoever asks: the hash of a session's password, or
// the field that has it.
func hashesPassword(body []byte) bool {
	return slices.ContainsFunc([]string{"$argon2", "password_hash", "passwordhash"}, func(part string) bool {
		return bytes.Contains(body, []byte(part))
	})
}

// recorded remembers the secrets of requests and responses, and fails the test if a rejection repeats one or if a
// response has the hash of a password.
type recorded struct {
	*http.Transport
	t testing.TB
}

// RoundTrip implements [http.RoundTripper].
func (r recorded) RoundTrip(req *http.Request) (*http.Response, error) {
	secrets.keep("Authorization", strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
	secrets.keep("Idempotency-Key", req.Header.Get("Idempotency-Key"))
	res, err := r.Transport.RoundTrip(req)
	if err != nil || !strings.Contains(res.Header.Get("Content-Type"), "json") {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	if hashesPassword(body) {
		r.t.Errorf("%s %s returns the hash of a password: %s", req.Method, req.URL.Path, body)
	}
	if res.StatusCode >= http.StatusBadRequest {
		untold(r.t, req.Method+" "+req.URL.Path, string(body))
	} else {
		secrets.keepAll(string(body))
	}
	return res, nil
}

// failing is a body that ends as another did.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// What looks for secrets finds them.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	r := newRealm(t, s, "")
	r.renew(t)
	ticket := r.as(
		t, "server", "POST /api/v1/sessions/"+r.session+"/members", `{"player_id":"`+r.players["other"]+`"}`,
	).is(http.StatusCreated).json().text("ticket")
	s.do(
		t, "POST /api/v1/players", `{"username":"`+speedName()+`"}`, "Authorization", "Bearer "+adminKey,
		"Idempotency-Key", "a key of twenty-two bytes",
	).is(http.StatusCreated)
	for what, secret := range map[string]string{
		"a configured key": adminKey, "the secret key": secretKey, "a key": r.keys["server"],
		"a key that is over": r.keys["revoked"], "a token": r.keys["self"],
		"a ticket": ticket, "the end of a key": r.keys["read"][20:],
		"the begin of a secret": adminKey[len("gsm_ops_"):][:20], "the end of a token": r.keys["host"][300:],
		"an idempotency key": "a key of twenty-two bytes",
	} {
		if len(secrets.in("before "+secret+" after")) == 0 {
			t.Errorf("%s is not found", what)
		}
	}
	if found := secrets.in("GET /api/v1/players 200 gsm_players 3 key:" + r.keys["read"][4:14]); found != nil {
		t.Errorf("found %q", found)
	}
}
