package sqlitestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/storetest"
)

func TestBeside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	open := func(o sqlitestore.Options) (*sqlitestore.Store, error) { return sqlitestore.Open(t.Context(), path, o) }
	for _, o := range []sqlitestore.Options{{MustExist: true}, {Beside: true}, {Beside: true, ReadOnly: true}} {
		if _, err := open(o); !errors.Is(err, sqlitestore.ErrMissing) {
			t.Errorf("%+v: got error %v, want %v", o, err, sqlitestore.ErrMissing)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
		t.Errorf("files were made: %v, %v", entries, err)
	}
	s := openTest(t, path)
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))

	reader, err := open(sqlitestore.Options{Beside: true, ReadOnly: true})
	must(t, err)
	_, err = reader.Player(t.Context(), project, p.ID)
	must(t, err)
	if err := reader.DeletePlayer(t.Context(), p); !errors.Is(err, game.ErrStoreUnavailable) {
		t.Errorf("a write to what is read only: %v", err)
	}
	must(t, reader.Close())
	if _, err := open(sqlitestore.Options{MustExist: true}); !errors.Is(err, sqlitestore.ErrLocked) {
		t.Errorf("got error %v, want %v", err, sqlitestore.ErrLocked)
	}

	writer, err := open(sqlitestore.Options{Beside: true})
	must(t, err)
	must(t, writer.DeletePlayer(t.Context(), p))
	must(t, writer.Close())
	wantGone(t, s, p.ID)
	must(t, s.CreatePlayer(t.Context(), p))
}

func TestBesideAnOlderSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	must(t, os.WriteFile(path, nil, 0o600))
	_, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Beside: true})
	if !errors.Is(err, sqlitestore.ErrOlderSchema) {
		t.Errorf("got error %v, want %v", err, sqlitestore.ErrOlderSchema)
	}
	if _, err := sqlitestore.Backup(t.Context(), path, path+".bak"); !errors.Is(err, sqlitestore.ErrForeignFile) {
		t.Errorf("got error %v, want %v", err, sqlitestore.ErrForeignFile)
	}
}

// A backup among writes is what was stored at one moment: of players who were written one after the other, the first.
func TestBackupAmongWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, file := filepath.Join(dir, "gsm.db"), filepath.Join(dir, "it's a backup.db")
	s := openTest(t, path)
	const before = 500
	var written []game.PlayerID
	write := func() {
		p := benchPlayer()
		p.Identities = map[string]string{"steam": string(p.ID)}
		if err := s.CreatePlayer(t.Context(), p); err != nil {
			t.Error(err)
		}
		written = append(written, p.ID)
	}
	for range before {
		write()
	}
	var wg sync.WaitGroup
	over := make(chan struct{})
	wg.Go(func() {
		for {
			write()
			select {
			case <-over:
				return
			default:
			}
		}
	})
	size, err := sqlitestore.Backup(t.Context(), path, file)
	close(over)
	wg.Wait()
	must(t, err)
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 || info.Size() != size {
		t.Errorf("mode %v, %d bytes, of which %d were told", info.Mode(), info.Size(), size)
	}

	copied := openTest(t, file)
	page, err := copied.ExportPlayers(t.Context(), "", len(written)+1)
	must(t, err)
	if len(page) < before || len(page) > len(written) {
		t.Fatalf("%d players in the backup, of %d", len(page), len(written))
	}
	for i, p := range page {
		if p.ID != written[i] {
			t.Fatalf("player %d is %s, want %s", i, p.ID, written[i])
		}
	}
	if lines := storetest.Found(t, copied, false); len(lines) > 0 {
		t.Errorf("found %q", lines)
	}
	must(t, copied.CreatePlayer(t.Context(), benchPlayer()))
	if mode := copied.WriterPragma(t, "synchronous"); mode != 2 {
		t.Errorf("synchronous is %d", mode)
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, file := filepath.Join(dir, "gsm.db"), filepath.Join(dir, "backup.db")
	if _, err := sqlitestore.Backup(t.Context(), path, file); !errors.Is(err, sqlitestore.ErrMissing) {
		t.Errorf("got error %v, want %v", err, sqlitestore.ErrMissing)
	}
	s := openTest(t, path)
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	must(t, os.WriteFile(file, []byte("precious"), 0o600))
	for _, taken := range []string{file, path} {
		if _, err := sqlitestore.Backup(t.Context(), path, taken); !errors.Is(err, sqlitestore.ErrFileExists) {
			t.Errorf("got error %v, want %v", err, sqlitestore.ErrFileExists)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := sqlitestore.Backup(t.Context(), path, filepath.Join(dir, "missing", "backup.db")); err == nil ||
		!strings.Contains(err.Error(), "missing") {
		t.Errorf("got error %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlitestore.Backup(ended, path, filepath.Join(dir, "other.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if partial, err := filepath.Glob(filepath.Join(dir, "*partial*")); err != nil || len(partial) > 0 {
		t.Errorf("left behind: %v", partial)
	}
}

// TestReadABackup reads a backup as it is: it has no log, and gets none.
func TestReadABackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "gsm.db"), filepath.Join(dir, "backup.db")
	p := benchPlayer()
	must(t, openTest(t, path).CreatePlayer(t.Context(), p))
	_, err := sqlitestore.Backup(t.Context(), path, backup)
	must(t, err)
	s, err := sqlitestore.Open(t.Context(), backup, sqlitestore.Options{Beside: true, ReadOnly: true})
	must(t, err)
	_, err = s.Player(t.Context(), project, p.ID)
	must(t, err)
	_, err = s.Ping(t.Context())
	must(t, err)
	must(t, s.Close())
}
