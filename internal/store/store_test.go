package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/mongostore/mongotest"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for url, file := range map[string]string{
		"sqlite:relative.db":                              "relative.db",
		"sqlite:./dotted.db":                              "dotted.db",
		"sqlite:" + filepath.Join(dir, "absolute.db"):     "absolute.db",
		"sqlite://" + filepath.Join(dir, "with slash.db"): "with slash.db",
	} {
		commits := 0
		s, err := store.Open(t.Context(), url, store.Options{OnCommit: func(int, time.Duration) { commits++ }})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if _, err := s.PurgeClaims(t.Context(), time.Now(), 1); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil || commits != 1 {
			t.Errorf("%s: %v, and OnCommit was called %d times", url, err, commits)
		}
	}
}

func TestOpenMongoDB(t *testing.T) {
	t.Parallel()
	var commands atomic.Int32
	s, err := store.Open(t.Context(), mongotest.Database(t), store.Options{
		OnCommand: func(context.Context, game.Command) { commands.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	before := commands.Load()
	if _, err := s.PurgeClaims(t.Context(), time.Now(), 1); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if before == 0 || commands.Load() == before {
		t.Errorf("OnCommand was called %d times by Open, and %d times in all", before, commands.Load())
	}
}

func TestOpenRejectsMongoDBURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"mongodb:", "mongodb://user:secret@host/gsm?w=1", "mongodb+srv://user:secret@host:1/gsm",
	} {
		if s, err := store.Open(t.Context(), url, store.Options{}); s != nil || !errors.Is(err, store.ErrBadURL) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v and %v", url, s, err)
		}
	}
}

func TestOpenRejectsURLs(t *testing.T) {
	t.Parallel()
	for url, target := range map[string]error{
		"":                           store.ErrUnknownScheme,
		"gsm.db":                     store.ErrUnknownScheme,
		"/var/lib/gsm.db":            store.ErrUnknownScheme,
		"redis://user:secret@host/1": store.ErrUnknownScheme,
		"sqlite:":                    store.ErrBadURL,
		"sqlite://gsm.db":            store.ErrBadURL,
		"sqlite:///":                 store.ErrBadURL,
		"sqlite::memory:":            store.ErrBadURL,
		"sqlite:gsm.db?mode=ro":      store.ErrBadURL,
		"sqlite:///gsm.db?mode=ro":   store.ErrBadURL,
	} {
		s, err := store.Open(t.Context(), url, store.Options{})
		if !errors.Is(err, target) {
			t.Errorf("%s: got error %v, want %v", url, err, target)
			continue
		}
		if s != nil || !strings.Contains(err.Error(), "sqlite:") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", url, s, err)
		}
	}
}

// Callers compare the returned interface with nil, so it must not hold a nil pointer of an engine.
func TestOpenReturnsNil(t *testing.T) {
	t.Parallel()
	var none game.Store
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "missing", "gsm.db"), store.Options{})
	if s != none || err == nil {
		t.Errorf("got %v and %v", s, err)
	}
}
