package sqlitestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

// list reads lists until the context ends. There is nearly always a reader in the log.
func list(ctx context.Context, s game.Store, readers int) (wait func()) {
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := s.Players(ctx, game.PlayerQuery{Project: project, Limit: 5})
				if err != nil && !strings.Contains(err.Error(), "closed") && ctx.Err() == nil {
					panic(err)
				}
			}
		})
	}
	return wg.Wait
}

// TestLogIsDrained writes many times what the log may hold, while others read.
func TestLogIsDrained(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	const bound, written = 1 << 20, 16 * 100 * 20_000
	must(t, s.DrainAt(t.Context(), bound, 16))
	ctx, cancel := context.WithCancel(t.Context())
	wait := list(ctx, s, 16)
	var longest atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 100 {
				p := benchPlayer()
				p.SuspensionReason = strings.Repeat("x", 20_000) // which no index has
				if err := s.CreatePlayer(t.Context(), p); err != nil {
					t.Error(err)
				}
				if n := fileSize(t, path+"-wal"); n > longest.Load() {
					longest.Store(n)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	wait()
	if n := longest.Load(); n > written/2 { // a busy machine may keep readers from ending in time, again and again
		t.Errorf("the log grew to %d of %d bytes, want about %d", n, written, bound)
	}
}

// TestDrainGivesUp has a reader that does not end: writes go on, and reads stop for it only now and then.
func TestDrainGivesUp(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	must(t, s.DrainAt(t.Context(), 1, 1))
	giveBack := s.TakeReaders(t)
	start := time.Now()
	for range 30 {
		must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("30 writes took %v", d)
	}
	giveBack()
	_, err := s.Players(t.Context(), game.PlayerQuery{Project: project, Limit: 5})
	must(t, err)
}

// TestDrainBesideOthers has another program read for long, and then write.
func TestDrainBesideOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	must(t, s.DrainAt(t.Context(), 1, 1))
	db := beside(t, path)
	execute(t, db, "BEGIN", "SELECT count(*) FROM players")
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	start := time.Now()
	must(t, s.CreatePlayer(t.Context(), benchPlayer())) // comes after the drain
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("a drain waited %v for another program", d)
	}
	execute(t, db, "COMMIT")
	for deadline := time.Now().Add(10 * time.Second); fileSize(t, path+"-wal") > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the log was not drained after the other program had ended its read")
		}
		must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	}

	// A drain has not left the writer unwilling to wait.
	if ms := s.WriterPragma(t, "busy_timeout"); ms < 1000 {
		t.Errorf("after a drain the writer waits %d ms for other programs", ms)
	}
	execute(t, db, "BEGIN IMMEDIATE")
	waits := make(chan error, 1)
	go func() { waits <- s.CreatePlayer(t.Context(), benchPlayer()) }()
	execute(t, db, "COMMIT")
	must(t, <-waits)
}

// TestCloseWhileDraining closes a store that drains its log after every write.
func TestCloseWhileDraining(t *testing.T) {
	t.Parallel()
	for range 5 {
		s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
		must(t, s.DrainAt(t.Context(), 1, 1))
		ctx, cancel := context.WithCancel(t.Context())
		wait := list(ctx, s, 16)
		var wg sync.WaitGroup
		enough := make(chan struct{})
		var written atomic.Int32
		for range 8 {
			wg.Go(func() {
				for {
					if written.Add(1) == 50 {
						close(enough)
					}
					if err := s.CreatePlayer(ctx, benchPlayer()); err != nil {
						if !errors.Is(err, game.ErrStoreUnavailable) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		<-enough
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		select {
		case err := <-closed:
			must(t, err)
		case <-time.After(10 * time.Second):
			t.Error("Close waits for ever")
		}
		cancel()
		wait()
		wg.Wait()
	}
}

func TestDefaultBound(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	if limit := s.WriterPragma(t, "journal_size_limit"); limit != sqlitestore.LogBound {
		t.Errorf("SQLite keeps %d bytes of log, and it is drained beyond %d", limit, sqlitestore.LogBound)
	}
}
