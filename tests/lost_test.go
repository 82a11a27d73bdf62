package tests_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"game-session-manager/client"
)

// onFile starts a server on a file of its own, in a directory of its own, and returns the file's path.
func onFile(t *testing.T, options ...func(*setup)) (*server, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "gsm.db")
	return start(t, append(options, onDatabase("sqlite:"+path))...), path
}

// TestLostFiles loses files of a server under load. Nothing is acknowledged from then on, and health and the end of
// the process tell of it.
func TestLostFiles(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	for name, lose := range map[string]func(path string) error{
		"file removed":  func(path string) error { return os.Remove(path) },
		"file replaced": func(path string) error { return copyOver(path) },
		"file emptied":  func(path string) error { return os.Truncate(path, 0) },
		"file cut off":  halve,
		"log removed":   func(path string) error { return os.Remove(path + "-wal") },
		"log replaced":  func(path string) error { return copyOver(path + "-wal") },
		"log emptied":   func(path string) error { return os.Truncate(path+"-wal", 0) },
		"index removed": func(path string) error { return os.Remove(path + "-shm") },
		"directory moved": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+"-moved")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, path := onFile(t, expectErrors)
			l := newLedger(300)
			l.load(t, s, 4, func() {
				if err := lose(path); err != nil {
					t.Error(err)
				}
			})
			late := s.do(t, "POST /api/v1/players", `{"username":"late"}`)
			p := late.problem(http.StatusServiceUnavailable, "store_unavailable")
			if p.text("outcome") != "none" {
				t.Errorf("a write after it: %v", p)
			}
			s.problem(t, "database", "while in use")
			if code := s.terminate(t); code != exitDatabase {
				t.Errorf("exit code %d, want %d", code, exitDatabase)
			}
		})
	}
}

// problem reports a component of the server that is not down, or not because of what the words say.
func (s *server) problem(t testing.TB, component, words string) {
	t.Helper()
	h := s.do(t, "GET /health/detailed", "").is(http.StatusServiceUnavailable).json()
	components, _ := h["components"].(map[string]any)
	facts, _ := components[component].(map[string]any)
	if problem, _ := facts["problem"].(string); facts["status"] != "down" || !strings.Contains(problem, words) {
		t.Errorf("%s is %v, want the problem that %s", component, facts, words)
	}
}

// halve cuts off the second half of a file.
func halve(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()/2)
}

// copyOver puts a copy of a file in its place.
func copyOver(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	to, err := os.Create(path + ".copy")
	if err != nil {
		return errors.Join(err, from.Close())
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, from.Close(), to.Close(), os.Rename(path+".copy", path))
}

// TestLostAndFound takes the directory away and brings it back: a new start finds everything that was acknowledged.
func TestLostAndFound(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s, path := onFile(t, expectErrors)
	l := newLedger(300)
	away := filepath.Dir(path) + "-away"
	l.load(t, s, 4, func() {
		if err := os.Rename(filepath.Dir(path), away); err != nil {
			t.Error(err)
		}
	})
	s.kill()
	if err := os.Rename(away, filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	l.verify(t, start(t, onDatabase("sqlite:"+path)))
}

// TestOneFileTwoNames starts a second server on the file of a first one, by another name.
func TestOneFileTwoNames(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s, path := onFile(t, expectErrors)
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.Link(path, other); err != nil {
		t.Skip(err)
	}
	second := []string{"--database-url=sqlite:" + other}
	startFails(t, exitDatabase, second, "2 names", other)
	if _, err := s.api.Players.Create(t.Context(), client.Profile{Username: "first"}); err != nil {
		t.Errorf("the first server: %v", err)
	}
	if err := os.Remove(path); err != nil { // one name, and another than the first server's
		t.Fatal(err)
	}
	startFails(t, exitLocked, second, "in use", other)
}
