package tests_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to make databases that are not gsm's

	"game-session-manager/client"
)

// Exit codes, which scripts and supervisors act on.
const (
	exitUsage    = 2
	exitAddress  = 3
	exitLocked   = 4
	exitDatabase = 5
)

// runToEnd runs gsm and returns its exit code and what it wrote.
func runToEnd(t testing.TB, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, env...)
	secrets.keepSettings(env)
	cmd.Stdout, cmd.Stderr = &out, &err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	secrets.keepAll(out.String()) // which is where a new key is shown
	untold(t, "standard error of gsm "+strings.Join(args, " "), err.String())
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// startFails fails the test unless `gsm serve` ends with the code and says everything that is wanted on stderr.
func startFails(t *testing.T, code int, args []string, says ...string) {
	t.Helper()
	full := append([]string{"serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}, args...)
	got, _, stderr := runToEnd(t, nil, full...)
	if got != code {
		t.Errorf("gsm serve %q: exit code %d, want %d: %s", args, got, code, stderr)
	}
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "gsm: ") {
			t.Errorf("gsm serve %q: a line without gsm: %s", args, line)
		}
	}
	for _, s := range says {
		if !strings.Contains(stderr, s) {
			t.Errorf("gsm serve %q: does not say %q: %s", args, s, stderr)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	startFails(t, exitUsage, []string{"--colour=red"}, "--colour", "see gsm serve --help")
	startFails(t, exitUsage, []string{"--log-level=loud"}, "--log-level", "debug")
	startFails(t, exitUsage, []string{
		"--http-addr=0.0.0.0:0", "--auth=off",
	}, "--http-addr", "GSM_HTTP_ADDR", "loopback", "127.0.0.1")
	startFails(t, exitUsage, []string{"--http-addr=:0", "--auth=off"}, "--http-addr", "loopback")
	startFails(t, exitUsage, []string{
		"--ops-addr=192.0.2.1:0", "--http-addr=example.com:80", "--auth=off",
	}, "--ops-addr", "--http-addr")
	startFails(t, exitUsage, []string{"--http-addr=8080"}, "--http-addr", "HOST:PORT")
	startFails(t, exitUsage, []string{"--database-url=redis://user:hunter2@host/db"}, "sqlite:")
	startFails(t, exitUsage, []string{"--database-url="}, "sqlite:")
	for _, args := range [][]string{{}, {"dance"}, {"serve", "now"}} {
		if code, _, stderr := runToEnd(t, nil, args...); code != exitUsage || !strings.HasPrefix(stderr, "gsm: ") {
			t.Errorf("gsm %q: exit code %d: %s", args, code, stderr)
		}
	}
	_, _, stderr := runToEnd(t, []string{
		"GSM_DATABASE_URL=redis://user:hunter2@host/db",
	}, "serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	if strings.Contains(stderr, "hunter2") {
		t.Errorf("the password is told: %s", stderr)
	}
}

func TestAddressTaken(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	database := filepath.Join(t.TempDir(), "gsm.db")
	taken := l.Addr().String()
	startFails(t, exitAddress, []string{
		"--http-addr=" + taken, "--database-url=sqlite:" + database,
	}, taken, "--http-addr", "GSM_HTTP_ADDR")
	startFails(t, exitAddress, []string{
		"--ops-addr=" + taken, "--database-url=sqlite:" + database,
	}, taken, "--ops-addr", "GSM_OPS_ADDR")
	if _, err := os.Stat(database); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a server that could not listen left a database: %v", err)
	}
}

func TestDatabaseInUse(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := start(t, onDatabase("sqlite:"+path))
	startFails(t, exitLocked, []string{"--database-url=sqlite:" + path}, path)
	s.newPlayer(t, "undisturbed")
	if code := s.terminate(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	start(t, onDatabase("sqlite:"+path)).newPlayer(t, "next")
}

func TestDatabasesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	newer := filepath.Join(t.TempDir(), "newer.db")
	start(t, onDatabase("sqlite:"+newer)).kill()
	execute(t, newer, "PRAGMA user_version = 9999")
	startFails(t, exitDatabase, []string{"--database-url=sqlite:" + newer}, newer, "newer")

	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no database\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	startFails(t, exitDatabase, []string{"--database-url=sqlite:" + garbage}, garbage)

	foreign := filepath.Join(t.TempDir(), "foreign.db")
	execute(t, foreign, "CREATE TABLE recipes (name TEXT)", "PRAGMA user_version = 1")
	before, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	startFails(t, exitDatabase, []string{"--database-url=sqlite:" + foreign}, foreign)
	if after, err := os.ReadFile(foreign); err != nil || !bytes.Equal(before, after) {
		t.Errorf("somebody else's database was changed: %v", err)
	}

	startFails(t, exitDatabase, []string{"--database-url=sqlite:" + t.TempDir()})
	startFails(t, exitDatabase, []string{
		"--database-url=sqlite:" + filepath.Join(t.TempDir(), "missing", "gsm.db"),
	}, "missing")
}

// execute runs statements on a SQLite file.
func execute(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(60000)") // a server may be writing to it
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A full disk is reported to callers and in the health report, reads continue, and writes work again when there is
// space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	dir := t.TempDir()
	err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", dir).Run()
	if err != nil {
		t.Skip("needs to be root, to mount a small disk")
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	s := start(t, onDatabase("sqlite:"+filepath.Join(dir, "gsm.db")), expectErrors)
	before := s.newPlayer(t, "before")

	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	c := s.connect(t, client.WithRetries(0))
	var refusal *client.Error
	for i := 0; i < 1000 && refusal == nil; i++ { // what SQLite has allocated takes some more
		_, err := c.Players.Create(t.Context(), client.Profile{
			Username:   fmt.Sprintf("filler-%d", i),
			Attributes: client.Attributes{"x": client.String(strings.Repeat("x", 16000))},
		})
		if err != nil && !errors.As(err, &refusal) {
			t.Fatal(err)
		}
	}
	if !errors.Is(refusal, client.ErrStoreUnavailable) || refusal.RetryAfter == 0 {
		t.Fatalf("a write on a full disk: %v", refusal)
	}
	if _, err := c.Players.Get(t.Context(), before.ID); err != nil {
		t.Errorf("a read on a full disk: %v", err)
	}
	s.problem(t, "database", "the disk is full")
	s.problem(t, "disk", "bytes are free")
	s.do(t, "GET /readyz", "").is(http.StatusOK)
	s.logged(t, func(l logLine) bool { return strings.Contains(fmt.Sprint(l["error"]), "full") })

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "writes go on", func() bool {
		_, err := c.Players.Create(t.Context(), client.Profile{Username: "after"})
		return err == nil || errors.Is(err, client.ErrUsernameTaken)
	})
	s.do(t, "GET /health/detailed", "").is(http.StatusOK)
}

// tell fails the test unless each command line ends well and tells everything that is wanted.
func tell(t *testing.T, all map[string][]string) {
	t.Helper()
	for args, wants := range all {
		code, stdout, stderr := runToEnd(t, nil, strings.Fields(args)...)
		if code != 0 || stderr != "" {
			t.Errorf("gsm %s: exit code %d, and on stderr %q", args, code, stderr)
		}
		for _, want := range wants {
			if !strings.Contains(stdout, want) {
				t.Errorf("gsm %s does not tell %s:\n%s", args, want, stdout)
			}
		}
	}
}

func TestManual(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	tell(t, map[string][]string{
		"--help": {"serve", "config", "version", "Exit codes"},
		"serve --help": {
			"--http-addr", "GSM_HTTP_ADDR", "127.0.0.1:8080", "--ops-addr", "127.0.0.1:8081", "--database-url",
			"sqlite:gsm.db", "--log-level", "--log-format",
		},
		"version": {"gsm "},
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	env := []string{
		"GSM_DATABASE_URL=mongodb://gsm:hunter2@db.example/gsm?x=1", "GSM_HTTP_ADDR=127.0.0.1:9090",
		"GSM_LOG_LEVEL=debug",
	}
	code, stdout, stderr := runToEnd(t, env, "config", "--log-level=warn")
	if code != 0 || stderr != "" || strings.Contains(stdout, "hunter2") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	for _, line := range []string{
		"GSM_HTTP_ADDR=127.0.0.1:9090\n", "GSM_OPS_ADDR=127.0.0.1:8081\n", "GSM_LOG_LEVEL=warn\n",
		"GSM_DATABASE_URL=mongodb://gsm:xxxxx@db.example/gsm?x=1\n",
	} {
		if !strings.Contains(stdout, line) {
			t.Errorf("no line %q in\n%s", line, stdout)
		}
	}
	for _, broken := range []string{
		"mongodb://gsm:hunter2%zz@host", "mongodb://gsm:hunter2@a,b:c/d", "mongodb:// gsm:hunter2@host",
	} {
		code, stdout, stderr = runToEnd(t, nil, "config", "--database-url="+broken)
		if strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("%s: exit code %d, the password is told: %s%s", broken, code, stdout, stderr)
		}
	}
}

// A second signal ends the process at once.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := start(t)
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if code := s.wait(t); code != 0 {
			t.Errorf("%v: exit code %d, want 0", signal, code)
		}
	}
	s := start(t, withArgs("--shutdown-delay=60s"))
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "readiness is false", func() bool {
		a, err := s.try(t.Context(), "GET /readyz", "")
		return err == nil && a.status == http.StatusServiceUnavailable
	})
	s.newPlayer(t, "late") // the server still responds
	if code := s.terminate(t); code == 0 {
		t.Errorf("exit code 0 after a second signal, which cuts requests off")
	}
}
