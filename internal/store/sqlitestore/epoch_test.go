package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"game-session-manager/internal/store/sqlitestore"
)

// An epoch lasts as long as the file, and a backup begins its own when a server opens it first.
func TestEpochOfABackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "gsm.db"), filepath.Join(dir, "backup.db")
	epochOf := func(path string, o sqlitestore.Options) string {
		t.Helper()
		s, err := sqlitestore.Open(t.Context(), path, o)
		must(t, err)
		e, err := s.Epoch(t.Context())
		must(t, err)
		must(t, s.Close())
		return e
	}
	first := epochOf(path, sqlitestore.Options{})
	if again := epochOf(path, sqlitestore.Options{}); again != first {
		t.Errorf("the epoch was %s and is %s", first, again)
	}
	_, err := sqlitestore.Backup(t.Context(), path, backup)
	must(t, err)
	if looked := epochOf(backup, sqlitestore.Options{Beside: true, ReadOnly: true}); looked != first {
		t.Errorf("a tool sees epoch %s, want %s", looked, first)
	}
	restored := epochOf(backup, sqlitestore.Options{})
	if again := epochOf(backup, sqlitestore.Options{}); restored == first || again != restored {
		t.Errorf("the epoch was %s, of the backup %s and then %s", first, restored, again)
	}
	if again := epochOf(path, sqlitestore.Options{}); again != first {
		t.Errorf("after a backup, the epoch was %s and is %s", first, again)
	}
}
