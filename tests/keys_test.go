package tests_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// keysCommand runs `gsm keys` on a database, fails the test unless it ends with the code and says everything that is
// wanted on standard error, and returns what it said on standard output.
func keysCommand(t testing.TB, code int, database string, args []string, says ...string) string {
	t.Helper()
	got, stdout, stderr := runToEnd(t, []string{"GSM_DATABASE_URL=" + database}, append([]string{"keys"}, args...)...)
	if got != code {
		t.Errorf("gsm keys %q: exit code %d, want %d: %s", args, got, code, stderr)
	}
	if code != 0 && stdout != "" {
		t.Errorf("gsm keys %q: says on standard output %q", args, stdout)
	}
	for _, s := range says {
		if !strings.Contains(stderr, s) {
			t.Errorf("gsm keys %q: does not say %q: %s", args, s, stderr)
		}
	}
	if secret.MatchString(stderr) {
		t.Errorf("gsm keys %q: tells a key on standard error: %s", args, stderr)
	}
	return stdout
}

// secret is what must be nowhere but on the standard output of who makes a key.
var secret = regexp.MustCompile(`gsm_[a-z0-9]+_\w{32}`)

// wholeKey is all of what making a key says on standard output.
var wholeKey = regexp.MustCompile(`^gsm_([a-z0-9]{10})_[A-Z2-7]{52}\n$`)

// made makes a key and returns its id.
func made(t testing.TB, database string, args ...string) (id string) {
	t.Helper()
	return idOf(t, keysCommand(t, 0, database, args, "shown once"))
}

func idOf(t testing.TB, stdout string) string {
	t.Helper()
	m := wholeKey.FindStringSubmatch(stdout)
	if m == nil {
		t.Fatalf("%q is no key alone", stdout)
	}
	return m[1]
}

// listedKey is a key as `gsm keys list --json` shows it.
type listedKey struct {
	ID         string     `json:"id"`
	Project    string     `json:"project"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	RetiresAt  *time.Time `json:"retires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	Status     string     `json:"status"`
}

func listed(t testing.TB, database, project string) map[string]listedKey {
	t.Helper()
	stdout := keysCommand(t, 0, database, []string{"list", "--json", "--project", project})
	if strings.Contains(stdout, "hash") {
		t.Errorf("the list has hashes: %s", stdout)
	}
	var all []listedKey
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	byID := make(map[string]listedKey)
	for _, k := range all {
		byID[k.ID] = k
	}
	return byID
}

// The first key is made before any server has run, and the others beside one.
func TestKeys(t *testing.T) {
	t.Parallel()
	database := freshDatabase(t)
	first := made(t, database, "create", "--scope", "admin", "--name", "ops")
	s := start(t, onDatabase(database))
	day := made(t, database, "create", "--scope", "server", "--name", "a day", "--expires", "24h")
	until := made(
		t, database, "create", "--scope", "read", "--name", "until", "--expires-at", "2999-01-31T12:00:00+02:00",
	)
	other := made(t, database, "create", "--scope", "server", "--name", "tanks", "--project", "tanks-2")

	all := listed(t, database, "default")
	if len(all) != 3 {
		t.Fatalf("%d keys in the project, want 3: %v", len(all), all)
	}
	if k := all[first]; k.Name != "ops" || k.Scope != "admin" || k.Project != "default" || k.Status != "active" ||
		k.ExpiresAt != nil || k.LastUsedAt != nil {
		t.Errorf("the first key is listed as %+v", k)
	}
	if k := all[day]; k.ExpiresAt == nil || k.ExpiresAt.Sub(k.CreatedAt).Round(time.Minute) != 24*time.Hour {
		t.Errorf("the key of a day is listed as %+v", k)
	}
	if k := all[until]; k.ExpiresAt == nil || !k.ExpiresAt.Equal(time.Date(2999, 1, 31, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("the key until a time is listed as %+v", k)
	}
	if all := listed(t, database, "tanks-2"); len(all) != 1 || all[other].Project != "tanks-2" {
		t.Errorf("the other project's keys are %v", all)
	}
	if all := listed(t, database, "nobody"); len(all) != 0 {
		t.Errorf("a project without keys has %v", all)
	}

	keysCommand(t, 1, database, []string{"revoke", other}, "API key "+other+" does not exist")
	keysCommand(t, 1, database, []string{"rotate", other}, "API key "+other+" does not exist")
	for range 2 {
		said := keysCommand(t, 0, database, []string{"revoke", first})
		if said != "key "+first+" of project default is revoked\n" {
			t.Errorf("revoke says %q", said)
		}
	}
	keysCommand(t, 1, database, []string{"rotate", first}, "revoked or has expired")
	fresh := made(t, database, "rotate", other, "--project", "tanks-2", "--overlap", "30m")
	keysCommand(t, exitUsage, database, []string{
		"rotate", fresh, "--project", "tanks-2", "--overlap", "721h",
	}, "--overlap must be 0 to 720 hours")
	now := made(t, database, "rotate", fresh, "--project", "tanks-2", "--overlap", "0s")

	tanks := listed(t, database, "tanks-2")
	if k := tanks[other]; k.Status != "active" || k.ExpiresAt != nil || k.RetiresAt == nil ||
		time.Until(*k.RetiresAt) > 30*time.Minute {
		t.Errorf("the key that was rotated is %+v", k)
	}
	if tanks[fresh].Status != "expired" || tanks[now].Status != "active" || tanks[now].Name != "tanks" ||
		tanks[now].Scope != "server" {
		t.Errorf("after the rotation: %+v", tanks)
	}
	if k := listed(t, database, "default")[first]; k.Status != "revoked" || k.RevokedAt == nil {
		t.Errorf("the revoked key is %+v", k)
	}
	lines := strings.Split(keysCommand(t, 0, database, []string{"list"}), "\n")
	if !regexp.MustCompile(`^ID +NAME +SCOPE +CREATED +ENDS +LAST USED +STATUS$`).MatchString(lines[0]) ||
		len(lines) != 5 ||
		!slices.ContainsFunc(
			lines, regexp.MustCompile(`^`+first+` +ops +admin +\S+Z +never +never +revoked$`).MatchString,
		) {
		t.Errorf("the table is\n%s", strings.Join(lines, "\n"))
	}

	db(t, 0, []string{"check", "--database-url", database}, "0 idempotency keys, 6 API keys, 0 signing keys, ")
	s.newPlayer(t, "alice")
}

// More keys than a page of the list are listed.
func TestKeysAreListedInPages(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	path := filepath.Join(t.TempDir(), "gsm.db")
	id := made(t, "sqlite:"+path, "create", "--scope", "read", "--name", "reader")
	execute(t, path, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 249)
		INSERT INTO api_keys (id, doc) SELECT 'copy' || i, json_set(doc, '$.id', 'copy' || i) FROM api_keys, n`)
	all := listed(t, "sqlite:"+path, "default")
	if len(all) != 250 || all[id].Name != "reader" {
		t.Errorf("%d keys are listed, want 250", len(all))
	}
}

func TestKeysRefuse(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	path := filepath.Join(t.TempDir(), "missing.db")
	missing := "sqlite:" + path
	create := func(more ...string) []string {
		return append([]string{"create", "--scope", "read", "--name", "a"}, more...)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"create", "--name", "a"}, "--scope"},
		{[]string{"create", "--scope", "read"}, "--name"},
		{[]string{"create", "--scope", "player", "--name", "a"}, "--scope must be one of"},
		{[]string{"create", "--scope", "read", "--name", ""}, "--name must have 1 to 64 characters"},
		{create("--expires", "0s"), "--expires must be positive"},
		{create("--expires=-1h"), "--expires must be positive"},
		{create("--expires-at", "2020-01-01T00:00:00Z"), "--expires-at must be in the future"},
		{create("--expires-at", "tomorrow"), "--expires-at"},
		{create("--expires", "1h", "--expires-at", "2999-01-01T00:00:00Z"), "together"},
		{create("--project", "Größe"), "--project"},
		{create("--database-wait", "99h"), "--database-wait"},
		{[]string{"list", "--project", ""}, "--project"},
		{[]string{"revoke"}, "id"},
		{[]string{"revoke", "gsm_abc_" + strings.Repeat("x", 40)}, "not the id of a key"},
		{[]string{"rotate", "ABC"}, "not the id of a key"},
	} {
		keysCommand(t, exitUsage, missing, test.args, test.says)
	}
	for _, args := range [][]string{{"list"}, {"revoke", "abc"}, {"rotate", "abc"}} {
		keysCommand(t, exitDatabase, missing, args, "there is no database", "gsm db init")
	}
	keysCommand(t, exitUsage, "redis://host", create(), "sqlite:")
	keysCommand(t, exitDatabase, "mongodb://127.0.0.1:1/gsm?serverSelectionTimeoutMS=50", create(), "does not respond")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("%s was made: %v", path, err)
	}
	tell(t, map[string][]string{
		"keys --help":        {"create", "list", "revoke", "rotate"},
		"keys create --help": {"Examples:", "--scope", "--expires-at", "GSM_DATABASE_URL"},
		"keys rotate --help": {"Examples:", "--overlap"},
	})
}

// A copy has the keys.
func TestKeysAreCopied(t *testing.T) {
	t.Parallel()
	once(t)
	eachCopy(t, func(t *testing.T, source, target string) {
		t.Helper()
		id := made(t, source, "create", "--scope", "admin", "--name", "ops")
		db(t, 0, []string{
			"copy", "--from", source, "--to", target,
		}, "api_keys: 1 on both sides", "signing_keys: 0 on both sides")
		if all := listed(t, target, "default"); all[id].Name != "ops" {
			t.Errorf("the copy has %v", all)
		}
	})
}

// A backup has the keys.
func TestKeysAreBackedUp(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	source, file := freshDatabase(t), filepath.Join(t.TempDir(), "backup.db")
	id := made(t, source, "create", "--scope", "admin", "--name", "ops")
	start(t, onDatabase(source))
	db(t, 0, []string{"backup", "--database-url", source, file})
	if all := listed(t, "sqlite:"+file, "default"); all[id].Name != "ops" {
		t.Errorf("the backup has %v", all)
	}
}

// After a leak one command ends all that the signing keys signed, while the server runs.
func TestRetireSigning(t *testing.T) {
	t.Parallel()
	s := start(t, authenticated)
	r := newRealm(t, s, "")
	r.renew(t)
	published := s.do(t, "GET /.well-known/jwks.json", "").is(http.StatusOK).body
	r.as(t, "self", "GET /api/v1/players?limit=1", "").is(http.StatusOK)
	if out := keysCommand(t, 0, s.database, []string{"retire-signing"}); out != "signing keys retired: 1\n" {
		t.Errorf("says %q", out)
	}
	eventually(t, "the token is refused", func() bool {
		return r.as(t, "self", "GET /api/v1/players?limit=1", "").status == http.StatusUnauthorized
	})
	eventually(t, "another key signs", func() bool {
		return r.as(t, "server", "POST /api/v1/players/"+r.players["self"]+"/tokens", "").status == http.StatusCreated
	})
	r.renew(t)
	r.as(t, "self", "GET /api/v1/players?limit=1", "").is(http.StatusOK)
	if now := s.do(t, "GET /.well-known/jwks.json", "").is(http.StatusOK).body; now == published {
		t.Errorf("the same keys are published: %s", now)
	}
	keysCommand(t, exitDatabase, "sqlite:"+filepath.Join(t.TempDir(), "none.db"), []string{"retire-signing"})
}
