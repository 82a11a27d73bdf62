package tests_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"game-session-manager/client"
	"game-session-manager/internal/store/mongostore/mongotest"
)

func parsed(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// edited returns a URL after a change.
func edited(t testing.TB, raw string, edit func(*url.URL)) string {
	t.Helper()
	u := parsed(t, raw)
	edit(u)
	return u.String()
}

// withOption returns a URL with one more option.
func withOption(t testing.TB, raw, name, value string) string {
	t.Helper()
	return edited(t, raw, func(u *url.URL) {
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
	})
}

// closedAddress returns an address on which nothing listens.
func closedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// A database that cannot be used is told in one line, with an exit code of its own and without the password.
func TestMongoDBRefusals(t *testing.T) {
	t.Parallel()
	only(t, mongodb)
	const secret = "hunter2"
	database := freshDatabase(t)
	known := parsed(t, database)
	closed := closedAddress(t)
	for name, c := range map[string]struct {
		url  string
		code int
		says []string
	}{
		"unreachable": {
			"mongodb://gsm:" + secret + "@" + closed + "/gsm?serverSelectionTimeoutMS=200", exitDatabase,
			[]string{closed, "does not respond", "--database-wait"},
		},
		"no such port": {"mongodb://gsm:" + secret + "@127.0.0.1:http/gsm", exitUsage, []string{
			"mongodb://user:password@host:27017/gsm",
		}},
		"bad escape": {"mongodb://gsm:" + secret + "%zz@127.0.0.1/gsm", exitUsage, []string{
			"mongodb://user:password@host:27017/gsm",
		}},
		"too weak": {
			"mongodb://gsm:" + secret + "@" + closed + "/gsm?w=1", exitUsage, []string{"majority", "leave them out"},
		},
		"wrong password": {
			edited(t, database, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) }),
			exitDatabase,
			[]string{known.Host, "password", "authSource"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "wrong password" && known.User == nil {
				t.Skip("the server has no users")
			}
			code, stdout, stderr := runToEnd(
				t, nil, "serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--database-url="+c.url,
			)
			if code != c.code || strings.Count(stderr, "\n") != 1 ||
				!strings.HasPrefix(stderr, "gsm: --database-url (GSM_DATABASE_URL): ") {
				t.Errorf("exit code %d, want %d and one line: %s", code, c.code, stderr)
			}
			for _, s := range c.says {
				if !strings.Contains(stderr, s) {
					t.Errorf("does not say %q: %s", s, stderr)
				}
			}
			if strings.Contains(stdout+stderr, secret) {
				t.Errorf("the password is told: %s%s", stdout, stderr)
			}
		})
	}
}

// A server of the database may come up after gsm, if gsm is told to wait.
func TestDatabaseWait(t *testing.T) {
	t.Parallel()
	only(t, mongodb)
	database := freshDatabase(t)
	if strings.Contains(database, "replicaSet=") {
		// The driver would go to the addresses that the members tell of.
		database = withOption(t, strings.Replace(database, "replicaSet=", "x-was=", 1), "directConnection", "true")
	}
	target, address := "", closedAddress(t)
	waiting := edited(t, withOption(t, database, "serverSelectionTimeoutMS", "200"), func(u *url.URL) {
		target, u.Host = u.Host, address
	})
	s := launch(t, setup{database: waiting, args: []string{"--database-wait=1m"}})
	s.logged(t, func(l logLine) bool {
		return l["msg"] == "waiting for the database" && l["level"] == "WARN" &&
			strings.Contains(fmt.Sprint(l["error"]), address)
	})
	forward(t, address, target)
	s.settle(t)
	s.newPlayer(t, "patient")
	opened := 0
	for _, l := range s.stdout.logLines() {
		if l["msg"] == "database opened" {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("%d lines say that the database was opened", opened)
	}
	if password, ok := parsed(t, database).User.Password(); ok &&
		strings.Contains(s.stdout.String(), ":"+password+"@") {
		t.Errorf("the log tells the password:\n%s", s.stdout)
	}
}

// The user may be made after gsm has started, as on the first start of all: the process waits, and says for what.
func TestDatabaseUserComesLater(t *testing.T) {
	t.Parallel()
	only(t, mongodb)
	url, create := mongotest.LaterUser(t)
	s := launch(t, setup{database: url, args: []string{"--database-wait=1m"}})
	s.logged(t, func(l logLine) bool {
		why := fmt.Sprint(l["error"])
		return l["msg"] == "waiting for the database" && strings.Contains(why, "the user may not have been created yet")
	})
	if err := create(); err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	s.newPlayer(t, "patient")
}

// forward listens at an address and passes on to another until the test ends.
func forward(t testing.TB, address, target string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // closed
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
				go func() {
					// ends with either side: with the process that is killed at the end of the test
					_, _ = io.Copy(to, from)
					_, _ = near.Close(), far.Close()
				}()
			}
		}
	}()
}

// What operators look at names the server of the database, and tells of the connections to it.
func TestMongoDBIsShown(t *testing.T) {
	t.Parallel()
	only(t, mongodb)
	s := start(t)
	s.newPlayer(t, "seen")
	opened := s.logged(t, func(l logLine) bool { return l["msg"] == "database opened" })
	report, err := s.api.HealthDetailed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for where, facts := range map[string]any{
		"log": opened["facts"], "health report": report.Components["database"].Facts,
	} {
		facts, _ := facts.(map[string]any)
		server, _ := facts["server"].(map[string]any)
		pool, _ := facts["pool"].(map[string]any)
		ping, _ := facts["ping_ms"].(float64)
		limit, _ := pool["limit"].(float64)
		if product, _ := server["product"].(string); product != "mongodb" && product != "ferretdb" ||
			server["version"] == "" || ping <= 0 || limit != 100 || facts["without"] == nil {
			t.Errorf("the %s has %v", where, facts)
		}
	}

	s.metrics(t,
		`gsm_store_pool_connections{state="in_use"}`, `gsm_store_pool_connections{state="idle"}`,
		`gsm_store_pool_connections{state="waiting"}`,
		`gsm_store_command_duration_seconds_count{command="insert",result="ok"}`,
	)
	if page, err := s.api.Players.List(t.Context(), client.PlayerFilter{}); err != nil || len(page.Items) != 1 {
		t.Errorf("got %+v, %v", page, err)
	}
}
