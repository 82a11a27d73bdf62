package tests_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// bearer returns the headers that send a credential.
func bearer(credential string, more ...string) []string {
	return append([]string{"Authorization", "Bearer " + credential}, more...)
}

// newKey creates a key over HTTP.
func (s *server) newKey(t *testing.T, scope string) (key, id string) {
	t.Helper()
	a := s.do(
		t, "POST /api/v1/api-keys", `{"name":"`+scope+`","scope":"`+scope+`"}`, bearer(adminKey)...,
	).is(http.StatusCreated).json()
	return a.text("key"), a.text("id")
}

// soon is the time within which a change takes effect in every process: a second, plus slack for a busy machine.
const soon = 2 * time.Second

// within fails the test if the condition does not become true in time.
func within(t *testing.T, d time.Duration, what string, condition func() bool) {
	t.Helper()
	begin := time.Now()
	eventually(t, what, condition)
	if took := time.Since(begin); took > d {
		t.Errorf("it took %v until %s", took.Round(time.Millisecond), what)
	}
}

// endsSoon fails the test unless the server rejects the key in time.
func endsSoon(t *testing.T, s *server, key string, since time.Time) {
	t.Helper()
	eventually(t, "the key is refused", func() bool {
		return s.do(t, "GET /api/v1/players", "", bearer(key)...).status == http.StatusUnauthorized
	})
	if took := time.Since(since); took > soon {
		t.Errorf("a revoked key was good for %v", took)
	}
}

func TestRevocationIsKnownToAnotherProcess(t *testing.T) {
	t.Parallel()
	s := replicas(t, authenticated)
	key, id := s[0].newKey(t, "server")
	for i := range s {
		s[i].do(t, "GET /api/v1/players", "", bearer(key)...).is(http.StatusOK)
	}
	s[0].do(t, "DELETE /api/v1/api-keys/"+id, "", bearer(adminKey)...).is(http.StatusNoContent)
	since := time.Now()
	endsSoon(t, s[1], key, since)
	endsSoon(t, s[0], key, since)
}

// A key created by the command line works at once with a running server, and stops working soon after the command line
// has revoked it.
func TestKeysOfTheCommandLine(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	key := strings.TrimSpace(
		keysCommand(t, 0, s.database, []string{"create", "--scope=server", "--name=eu"}, "shown once"),
	)
	s.do(t, "GET /api/v1/players", "", bearer(key)...).is(http.StatusOK)
	s.logged(t, func(l logLine) bool { return l["caller"] == "key:"+idOf(t, key+"\n") && l["status"] == 200.0 })
	eventually(t, "the use of the key is recorded", func() bool {
		return listed(t, s.database, "default")[idOf(t, key+"\n")].LastUsedAt != nil
	})
	keysCommand(t, 0, s.database, []string{"revoke", idOf(t, key+"\n")})
	endsSoon(t, s, key, time.Now())
}

// A server key may act as a player, and then has that player's rights.
func TestActAsPlayer(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	key, id := s.newKey(t, "server")
	read, _ := s.newKey(t, "read")
	player := s.do(
		t, "POST /api/v1/players", `{"username":"alice"}`, bearer(key)...,
	).is(http.StatusCreated).json().text("id")
	other := s.do(
		t, "POST /api/v1/players", `{"username":"bob"}`, bearer(key)...,
	).is(http.StatusCreated).json().text("id")
	acting := bearer(key, "X-Act-As-Player", player)
	s.do(t, "PATCH /api/v1/players/"+player, `{"display_name":"Al"}`, acting...).is(http.StatusOK)
	s.do(
		t, "PATCH /api/v1/players/"+other, `{"display_name":"Bo"}`, acting...,
	).problem(http.StatusForbidden, "forbidden")
	s.do(t, "GET /health/detailed", "", acting...).problem(http.StatusForbidden, "forbidden")
	s.do(
		t, "GET /api/v1/players", "", bearer(key, "X-Act-As-Player", "alice")...,
	).problem(http.StatusUnprocessableEntity, "validation_error")
	s.do(
		t, "GET /api/v1/players", "", bearer(read, "X-Act-As-Player", player)...,
	).problem(http.StatusForbidden, "forbidden")
	s.logged(t, func(l logLine) bool { return l["caller"] == "key:"+id && l["act_as"] == player })
}

// A server that is reachable beyond loopback needs authentication, and at least one key.
func TestAuthenticationBeyondLoopback(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	database := freshDatabase(t)
	startFails(t, exitUsage, []string{
		"--http-addr=0.0.0.0:0", "--database-url=" + database,
	}, "gsm keys create", "GSM_ADMIN_KEY")
	startFails(t, exitUsage, []string{"--auth=on", "--database-url=" + database}, "gsm keys create", "GSM_ADMIN_KEY")
	startFails(t, exitUsage, []string{"--http-addr=0.0.0.0:0", "--auth=off"}, "loopback", "GSM_AUTH", "GSM_ADMIN_KEY")
	startFails(t, exitUsage, []string{"--oidc-issuers=[{}]"}, "GSM_OIDC_ISSUERS", "audience is missing")

	keysCommand(t, 0, database, []string{"revoke", made(t, database, "create", "--scope=read", "--name=over")})
	startFails(t, exitUsage, []string{"--auth=on", "--database-url=" + database}, "gsm keys create", "GSM_ADMIN_KEY")
	key := strings.TrimSpace(keysCommand(t, 0, database, []string{"create", "--scope=admin", "--name=first"}))
	s := start(t, onDatabase(database), withArgs("--http-addr=0.0.0.0:0"))
	s.do(t, "GET /health", "").is(http.StatusOK)
	nobody := s.do(t, "GET /api/v1/players", "")
	nobody.problem(http.StatusUnauthorized, "unauthenticated")
	nobody.has("WWW-Authenticate", `Bearer realm="gsm"`)
	s.do(t, "GET /health/detailed", "").is(http.StatusUnauthorized)
	s.do(t, "GET /api/v1/players", "", bearer(key)...).is(http.StatusOK)
	s.do(t, "GET /.well-known/jwks.json", "").problem(http.StatusConflict, "tokens_disabled")
}

// Ended keys are shown as such in reads and lists from the moment they end.
func TestKeysThatAreOver(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated, withArgs("--failed-credentials=0"))
	admin := func(request, body string) response { return s.do(t, request, body, bearer(adminKey)...) }
	newKey := func(end string) object {
		return admin("POST /api/v1/api-keys", `{"name":"k","scope":"read"`+end+`}`).is(http.StatusCreated).json()
	}
	until := time.Now().Add(1200 * time.Millisecond).Truncate(time.Millisecond) // as it is kept
	short := newKey(`,"expires_at":"` + until.Format(time.RFC3339Nano) + `"`)
	revoked, rotated, lasting := newKey(""), newKey(""), newKey("")
	for _, k := range []object{short, revoked, rotated, lasting} {
		if k.text("status") != "active" {
			t.Errorf("a new key is %v", k)
		}
	}
	admin("DELETE /api/v1/api-keys/"+revoked.text("id"), "").is(http.StatusNoContent)
	admin("POST /api/v1/api-keys/"+rotated.text("id")+"/rotate", `{"overlap_seconds":0}`).is(http.StatusCreated)
	read := func(k object) string {
		return admin("GET /api/v1/api-keys/"+k.text("id"), "").is(http.StatusOK).json().text("status")
	}
	lets := func(k object) bool {
		return s.do(t, "GET /api/v1/players", "", bearer(k.text("key"))...).status == http.StatusOK
	}
	eventually(t, "the short key is over", func() bool { return read(short) == "expired" })
	if late := time.Since(until); late < 0 || late > soon || lets(short) {
		t.Errorf("it is shown as over %v after its end, and lets in: %t", late, lets(short))
	}
	want := map[string]string{
		short.text("id"): "expired", revoked.text("id"): "revoked", rotated.text("id"): "expired",
		lasting.text("id"): "active",
	}
	for _, k := range admin("GET /api/v1/api-keys?limit=100", "").is(http.StatusOK).json().list("items") {
		if status, ours := want[k.text("id")]; ours && k.text("status") != status {
			t.Errorf("%v is to be %s", k, status)
		}
	}
	for _, k := range []object{revoked, rotated} {
		within(t, soon, "a key that is over lets nobody in", func() bool { return !lets(k) })
	}
	if read(lasting) != "active" || !lets(lasting) {
		t.Error("a key that goes on does not")
	}
}
