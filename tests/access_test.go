package tests_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// bearer are the headers that send a credential.
func bearer(credential string, more ...string) []string {
	return append([]string{"Authorization", "Bearer " + credential}, more...)
}

// newKey makes a key over HTTP.
func (s *server) newKey(t *testing.T, scope string) (key, id string) {
	t.Helper()
	a := s.do(t, "POST /api/v1/api-keys", `{"name":"`+scope+`","scope":"`+scope+`"}`, bearer(adminKey)...).is(http.StatusCreated).json()
	return a.text("key"), a.text("id")
}

// refusedWithin is how long a key that was revoked may still be good in another process.
const refusedWithin = 10 * time.Second

// endsSoon fails the test unless the server refuses the key in time.
func endsSoon(t *testing.T, s *server, key string, since time.Time) {
	t.Helper()
	eventually(t, "the key is refused", func() bool {
		return s.do(t, "GET /api/v1/players", "", bearer(key)...).status == http.StatusUnauthorized
	})
	if took := time.Since(since); took > refusedWithin {
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

// A key that the command line makes is good at once beside a running server, and bad soon after the command line has revoked it.
func TestKeysOfTheCommandLine(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	key := strings.TrimSpace(keysCommand(t, 0, s.database, []string{"create", "--scope=server", "--name=eu"}, "shown once"))
	s.do(t, "GET /api/v1/players", "", bearer(key)...).is(http.StatusOK)
	s.logged(t, func(l logLine) bool { return l["caller"] == "key:"+idOf(t, key+"\n") && l["status"] == 200.0 })
	eventually(t, "the use of the key is recorded", func() bool {
		return listed(t, s.database, "default")[idOf(t, key+"\n")].LastUsedAt != nil
	})
	keysCommand(t, 0, s.database, []string{"revoke", idOf(t, key+"\n")})
	endsSoon(t, s, key, time.Now())
}

// A server may act as a player, and has the player's rights then.
func TestActAsPlayer(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	key, id := s.newKey(t, "server")
	read, _ := s.newKey(t, "read")
	player := s.do(t, "POST /api/v1/players", `{"username":"alice"}`, bearer(key)...).is(http.StatusCreated).json().text("id")
	other := s.do(t, "POST /api/v1/players", `{"username":"bob"}`, bearer(key)...).is(http.StatusCreated).json().text("id")
	acting := bearer(key, "X-Act-As-Player", player)
	s.do(t, "PATCH /api/v1/players/"+player, `{"display_name":"Al"}`, acting...).is(http.StatusOK)
	s.do(t, "PATCH /api/v1/players/"+other, `{"display_name":"Bo"}`, acting...).problem(http.StatusForbidden, "forbidden")
	s.do(t, "GET /health/detailed", "", acting...).problem(http.StatusForbidden, "forbidden")
	s.do(t, "GET /api/v1/players", "", bearer(key, "X-Act-As-Player", "alice")...).problem(http.StatusUnprocessableEntity, "validation_error")
	s.do(t, "GET /api/v1/players", "", bearer(read, "X-Act-As-Player", player)...).problem(http.StatusForbidden, "forbidden")
	s.logged(t, func(l logLine) bool { return l["caller"] == "key:"+id && l["act_as"] == player })
}

// Whoever is beyond loopback needs a key, unless told otherwise, and there must be one.
func TestAuthenticationBeyondLoopback(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	database := freshDatabase(t)
	refuses(t, exitUsage, []string{"--http-addr=0.0.0.0:0", "--database-url=" + database}, "gsm keys create", "GSM_ADMIN_KEY")
	refuses(t, exitUsage, []string{"--auth=on", "--database-url=" + database}, "gsm keys create", "GSM_ADMIN_KEY")
	refuses(t, exitUsage, []string{"--http-addr=0.0.0.0:0", "--auth=off"}, "loopback", "GSM_AUTH", "GSM_ADMIN_KEY")
	refuses(t, exitUsage, []string{"--oidc-issuers=[{}]"}, "GSM_OIDC_ISSUERS", "audience is missing")

	keysCommand(t, 0, database, []string{"revoke", made(t, database, "create", "--scope=read", "--name=over")})
	refuses(t, exitUsage, []string{"--auth=on", "--database-url=" + database}, "gsm keys create", "GSM_ADMIN_KEY")
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
