// Package sqlitetest provides tests with databases on SQLite.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"game-session-manager/internal/store/sqlitestore"
)

// empty returns the file of an empty database, which is made once: the migrations take longer than most tests.
var empty = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "sqlitetest")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "gsm.db")
	s, err := sqlitestore.Open(context.Background(), path, sqlitestore.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	backup := path + ".backup" // one file, and whoever opens a copy of it begins an epoch of its own
	if _, err := sqlitestore.Backup(context.Background(), path, backup); err != nil {
		return nil, err
	}
	return os.ReadFile(backup) //nolint:gosec // in the directory that was just made
})

// Database returns the path of an empty database with the newest schema. It is removed after the test.
func Database(tb testing.TB) string {
	tb.Helper()
	file, err := empty()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "gsm.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
