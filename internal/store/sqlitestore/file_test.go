package sqlitestore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// TestSeveralNames opens a file by another name than that by which it is served.
func TestSeveralNames(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the system does not tell")
	}
	dir := t.TempDir()
	path, other := filepath.Join(dir, "gsm.db"), filepath.Join(dir, "other.db")
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	must(t, err)
	must(t, os.Link(path, other))
	for _, name := range []string{path, other} {
		wantRefusal(t, name, sqlitestore.ErrSeveralNames, name, "2 names", "gsm db backup")
	}
	_, err = sqlitestore.Open(t.Context(), other, sqlitestore.Options{Beside: true})
	if !errors.Is(err, sqlitestore.ErrSeveralNames) {
		t.Errorf("beside the server: got error %v, want %v", err, sqlitestore.ErrSeveralNames)
	}
	_, err = sqlitestore.Backup(t.Context(), other, filepath.Join(dir, "backup.db"))
	if !errors.Is(err, sqlitestore.ErrSeveralNames) {
		t.Errorf("a backup: got error %v, want %v", err, sqlitestore.ErrSeveralNames)
	}
	must(t, os.Remove(path)) // one name, and another than the one that is served
	wantRefusal(t, other, sqlitestore.ErrLocked, "another gsm", other)
	wantOutcome(t, s.CreatePlayer(t.Context(), benchPlayer()), game.OutcomeNone)
	wantClosedLost(t, s)
}

// wantClosedLost closes a store whose files are lost.
func wantClosedLost(t *testing.T, s *sqlitestore.Store) {
	t.Helper()
	if err := s.Close(); !errors.Is(err, sqlitestore.ErrLost) {
		t.Errorf("closing: got error %v, want %v", err, sqlitestore.ErrLost)
	}
}

// TestMountedFile opens a file that is mounted by itself, as into a container.
func TestMountedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, mounted := filepath.Join(dir, "gsm.db"), filepath.Join(dir, "mounted.db")
	must(t, openTest(t, path).Close())
	must(t, os.WriteFile(mounted, nil, 0o600))
	if err := exec.CommandContext(t.Context(), "mount", "--bind", path, mounted).Run(); err != nil {
		t.Skip("needs to be root, to mount a file")
	}
	defer func() { _ = exec.Command("umount", "-l", mounted).Run() }()
	wantRefusal(t, mounted, sqlitestore.ErrSeveralNames, mounted, "mount the directory")
	openTest(t, path)
}

// lostFiles are ways to lose files of a database that is served.
func lostFiles() map[string]func(path string) error {
	remove := func(suffix string) func(string) error {
		return func(path string) error { return os.Remove(path + suffix) }
	}
	replace := func(suffix string) func(string) error {
		return func(path string) error {
			b, err := os.ReadFile(path + suffix)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(path+".copy", b, 0o600), os.Rename(path+".copy", path+suffix))
		}
	}
	cut := func(suffix string, size int64) func(string) error {
		return func(path string) error { return os.Truncate(path+suffix, size) }
	}
	return map[string]func(string) error{
		"the file removed":   remove(""),
		"the log removed":    remove("-wal"),
		"the index removed":  remove("-shm"),
		"the file replaced":  replace(""),
		"the log replaced":   replace("-wal"),
		"the index replaced": replace("-shm"),
		"the file emptied":   cut("", 0),
		"the file cut off":   cut("", 8192),
		"the log emptied":    cut("-wal", 0),
		"the log cut off":    cut("-wal", 5000),
		"the directory moved away": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+"-moved")
		},
	}
}

// TestLostFiles loses files of an open store: whoever asks hears of it, and no write is acknowledged.
func TestLostFiles(t *testing.T) {
	t.Parallel()
	for name, lose := range lostFiles() {
		for _, first := range []string{"write", "ping"} {
			t.Run(name+", "+first, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "data")
				must(t, os.Mkdir(dir, 0o700))
				path := filepath.Join(dir, "gsm.db")
				s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
				must(t, err)
				for range 100 {
					must(t, s.CreatePlayer(t.Context(), benchPlayer()))
				}
				must(t, s.Checkpoint(t.Context())) // both the file and the log have what the other has not
				p := benchPlayer()
				must(t, s.CreatePlayer(t.Context(), p))
				must(t, lose(path))
				if first == "ping" {
					wantLost(t, s)
				}
				for range 2 {
					wantOutcome(t, s.CreatePlayer(t.Context(), benchPlayer()), game.OutcomeNone)
					wantLost(t, s)
				}
				wantClosedLost(t, s)
			})
		}
	}
}

// wantLost pings a store whose files are lost.
func wantLost(t *testing.T, s *sqlitestore.Store) {
	t.Helper()
	facts, err := s.Ping(t.Context())
	if !errors.Is(err, sqlitestore.ErrLost) || facts["problem"] == nil {
		t.Errorf("got facts %v and error %v, want %v", facts, err, sqlitestore.ErrLost)
	}
}

// TestLostWhileCommitting loses the file after a write has looked at it: nobody knows what becomes of the write.
func TestLostWhileCommitting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	must(t, err)
	err = s.OnWriter(t.Context(), func(func(string) error) error { return os.Remove(path) })
	wantOutcome(t, err, game.OutcomeUnknown)
	wantOutcome(t, s.CreatePlayer(t.Context(), benchPlayer()), game.OutcomeNone)
	wantClosedLost(t, s)
}

// TestLogEmptiedWhileCommitting empties the log after a write has looked at it. The commit makes it as large as it was.
func TestLogEmptiedWhileCommitting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	must(t, err)
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	err = s.OnWriter(t.Context(), func(exec func(string) error) error {
		must(t, exec("CREATE TABLE more AS SELECT randomblob(4000)"))
		return os.Truncate(path+"-wal", 0)
	})
	wantOutcome(t, err, game.OutcomeUnknown)
	wantOutcome(t, s.CreatePlayer(t.Context(), benchPlayer()), game.OutcomeNone)
	wantLost(t, s)
	wantClosedLost(t, s)
}

// TestClosingSavesALostLog closes a store whose log has no name any more: what was acknowledged goes into the file.
func TestClosingSavesALostLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	must(t, err)
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, os.Remove(path+"-wal"))
	wantOutcome(t, s.CreatePlayer(t.Context(), benchPlayer()), game.OutcomeNone)
	wantClosedLost(t, s)
	_, err = openTest(t, path).Player(t.Context(), project, p.ID)
	must(t, err)
}

// TestOthersMayShrink has another program make the file and its log smaller, as it may.
func TestOthersMayShrink(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	players := make([]game.Player, 200)
	for i := range players {
		players[i] = benchPlayer()
		must(t, s.CreatePlayer(t.Context(), players[i]))
	}
	db := beside(t, path)
	var largest int64
	const truncate = "PRAGMA wal_checkpoint(TRUNCATE)"
	remove := "DELETE FROM players WHERE id <> '" + string(players[0].ID) + "'"
	for _, statement := range []string{truncate, remove, "VACUUM", truncate} {
		execute(t, db, statement)
		if info, err := os.Stat(path); err == nil {
			largest = max(largest, info.Size())
		}
		before := fmt.Sprint(statement, ": ")
		if _, err := s.Ping(t.Context()); err != nil {
			t.Error(before, err)
		}
		if err := s.CreatePlayer(t.Context(), benchPlayer()); err != nil {
			t.Error(before, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() >= largest {
		t.Errorf("the file was not made smaller: %v, %v", info, err)
	}
	_, err := s.Player(t.Context(), project, players[0].ID)
	must(t, err)
}

// TestShrunkAmidAWrite has another program make the file smaller after a write has begun that makes it larger: what is
// new is in the log alone.
func TestShrunkAmidAWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	for range 200 {
		must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	}
	must(t, s.Checkpoint(t.Context()))
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	db := beside(t, path)
	execute(t, db, "DELETE FROM players")
	execute(t, db, "PRAGMA wal_autocheckpoint = 0")
	execute(t, db, "VACUUM")
	err := s.OnWriter(t.Context(), func(exec func(string) error) error {
		execute(t, db, "PRAGMA wal_checkpoint(PASSIVE)")
		return exec("CREATE TABLE growth AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100)" +
			" SELECT randomblob(4000) FROM n")
	})
	must(t, err)
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
}
