package sqlitestore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

func TestPool(t *testing.T) {
	t.Parallel()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gsm.db"), sqlitestore.Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	idle := s.Pool()
	if idle.InUse != 0 || idle.Idle < 4 || idle.Waiting != 0 {
		t.Fatalf("nothing reads, and the pool is %+v", idle)
	}
	giveBack := s.TakeReaders(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wait := list(ctx, s, 3)
	want := game.Pool{InUse: idle.Idle, Waiting: 3}
	eventually(t, func() bool { return s.Pool() == want }, func() string {
		return fmt.Sprintf("all connections are taken, and the pool is %+v, want %+v", s.Pool(), want)
	})
	cancel()
	giveBack()
	wait()
	if got := s.Pool(); got != idle {
		t.Errorf("nothing reads any more, and the pool is %+v, want %+v", got, idle)
	}
}

// The file may be a link to another disk: what counts is where it leads to.
func TestSpace(t *testing.T) {
	t.Parallel()
	there, link := filepath.Join(t.TempDir(), "there.db"), filepath.Join(t.TempDir(), "gsm.db")
	must(t, os.Symlink(there, link))
	s, err := sqlitestore.Open(t.Context(), link, sqlitestore.Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	space, err := s.Space(t.Context())
	must(t, err)
	file, err := os.Stat(there)
	must(t, err)
	log, err := os.Stat(there + "-wal")
	must(t, err)
	if space.DatabaseBytes != file.Size() || space.LogBytes != log.Size() || log.Size() == 0 {
		t.Errorf("got %+v, and the files have %d and %d bytes", space, file.Size(), log.Size())
	}
	if space.FreeBytes <= 0 || space.TotalBytes < space.FreeBytes {
		t.Errorf("the disk has %+v", space)
	}
}
