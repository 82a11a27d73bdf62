package sqlitestore_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// blocker is a write that the writer has begun and does not end before release is closed.
type blocker struct {
	release chan struct{}
	done    chan error
}

func block(t *testing.T, s *sqlitestore.Store) blocker {
	t.Helper()
	b, entered := queueBlocker(t, s)
	<-entered
	return b
}

func queueBlocker(t *testing.T, s *sqlitestore.Store) (b blocker, entered chan struct{}) {
	b = blocker{make(chan struct{}), make(chan error, 1)}
	entered = make(chan struct{})
	go func() {
		b.done <- s.OnWriter(t.Context(), func(func(string) error) error {
			close(entered)
			<-b.release
			return nil
		})
	}()
	return b, entered
}

func (b blocker) end(t *testing.T) {
	t.Helper()
	close(b.release)
	must(t, <-b.done)
}

// eventually waits until a condition is met. unmet says what is wrong if it is not within a minute.
func eventually(tb testing.TB, condition func() bool, unmet func() string) {
	tb.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatal(unmet())
		}
	}
}

// waitQueued returns when n writes wait.
func waitQueued(t *testing.T, s *sqlitestore.Store, n int) {
	t.Helper()
	for s.Queued() != n {
		if t.Context().Err() != nil {
			t.Fatal("the queue did not fill")
		}
		runtime.Gosched()
	}
}

func wantOutcome(t *testing.T, err error, outcome string) {
	t.Helper()
	var e *game.Error
	if !errors.As(err, &e) || !errors.Is(err, game.ErrStoreUnavailable) || e.Extras["outcome"] != outcome {
		t.Errorf("got error %v, want %v with outcome %s", err, game.ErrStoreUnavailable, outcome)
	}
}

func wantGone(t *testing.T, s game.Store, id game.PlayerID) {
	t.Helper()
	if _, err := s.Player(t.Context(), project, id); !errors.Is(err, game.ErrPlayerNotFound) {
		t.Errorf("got error %v, want %v", err, game.ErrPlayerNotFound)
	}
}

func TestWithdrawnWritesNeverHappen(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	b := block(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	players := make([]game.Player, 20)
	results := make(chan error, len(players))
	for i := range players {
		players[i] = benchPlayer()
		go func() { results <- s.CreatePlayer(ctx, players[i]) }()
	}
	waitQueued(t, s, len(players))
	cancel()
	for range players {
		wantOutcome(t, <-results, game.OutcomeNone)
	}
	kept := benchPlayer()
	done := make(chan error, 1)
	go func() { done <- s.CreatePlayer(t.Context(), kept) }()
	waitQueued(t, s, len(players)+1)
	b.end(t)
	must(t, <-done) // the writer has passed the others
	for _, p := range players {
		wantGone(t, s, p.ID)
	}
}

func TestTakenWritesGoOn(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	first := block(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	p := benchPlayer()
	done := make(chan error, 1)
	go func() { done <- s.CreatePlayer(ctx, p) }()
	waitQueued(t, s, 1)
	second, entered := queueBlocker(t, s)
	waitQueued(t, s, 2)
	first.end(t)
	<-entered // in the same batch, behind the player
	cancel()
	wantOutcome(t, <-done, game.OutcomeUnknown)
	wantGone(t, s, p.ID)
	second.end(t)
	_, err := s.Player(t.Context(), project, p.ID)
	must(t, err)
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	var commits, writes atomic.Int64
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gsm.db"), sqlitestore.Options{
		OnCommit: func(size int, d time.Duration) {
			commits.Add(1)
			writes.Add(int64(size))
			if d <= 0 {
				t.Errorf("a commit took %v", d)
			}
		},
	})
	must(t, err)
	b := block(t, s)
	results := make(chan error, 100)
	for range cap(results) {
		go func() { results <- s.CreatePlayer(t.Context(), benchPlayer()) }()
	}
	waitQueued(t, s, cap(results))
	b.end(t)
	for range cap(results) {
		must(t, <-results)
	}
	must(t, s.Close())
	if commits.Load() != 2 || writes.Load() != 101 {
		t.Errorf("%d writes in %d commits, want 101 in 2", writes.Load(), commits.Load())
	}
}

// TestDiskFull lets a batch fail as a whole by SQLite's own limit of pages, which it answers as it answers a full disk.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	before := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), before))
	for range 2 {
		must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
			return exec("PRAGMA max_page_count = 1")
		}))
		b := block(t, s)
		players := make([]game.Player, 20)
		results := make(chan error, len(players))
		for i := range players {
			players[i] = benchPlayer()
			players[i].DisplayName = strings.Repeat("x", 10_000)
			go func() { results <- s.CreatePlayer(t.Context(), players[i]) }()
		}
		waitQueued(t, s, len(players))
		b.end(t)
		for range players {
			err := <-results
			wantOutcome(t, err, game.OutcomeNone)
			if err != nil && !strings.Contains(err.Error(), "SQLITE_FULL") && !strings.Contains(err.Error(), "full") {
				t.Errorf("the error %q does not say that the disk is full", err)
			}
		}
		_, err := s.Player(t.Context(), project, before.ID)
		must(t, err)

		must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
			return exec("PRAGMA max_page_count = 1000000")
		}))
		for _, p := range players {
			wantGone(t, s, p.ID)
			must(t, s.CreatePlayer(t.Context(), p))
		}
	}
}

// TestBrokenBatch fails in the middle of a batch: nobody's write is made, and the next batch is none the worse.
func TestBrokenBatch(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	// SQLite ends the transaction itself after some failures, and leaves it to the engine after others.
	for _, statement := range []string{"SELECT nothing FROM nowhere", "ROLLBACK"} {
		b := block(t, s)
		players := []game.Player{benchPlayer(), benchPlayer()}
		results := make(chan error, 3)
		go func() { results <- s.CreatePlayer(t.Context(), players[0]) }()
		waitQueued(t, s, 1)
		go func() {
			results <- s.OnWriter(t.Context(), func(exec func(string) error) error {
				return errors.Join(errors.New("no disk"), exec(statement))
			})
		}()
		waitQueued(t, s, 2)
		go func() { results <- s.CreatePlayer(t.Context(), players[1]) }()
		waitQueued(t, s, 3)
		b.end(t)
		for range 3 {
			wantOutcome(t, <-results, game.OutcomeNone)
		}
		for _, p := range players {
			wantGone(t, s, p.ID)
			must(t, s.CreatePlayer(t.Context(), p))
		}
	}
}

func TestCloseWaitsForWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	b := block(t, s)
	p := benchPlayer()
	done, closed := make(chan error, 1), make(chan error, 1)
	go func() { done <- s.CreatePlayer(t.Context(), p) }()
	waitQueued(t, s, 1)
	go func() { closed <- s.Close() }()
	for !isClosed(t, s) {
		runtime.Gosched()
	}
	b.end(t)
	must(t, <-done)
	must(t, <-closed)
	_, err := openTest(t, path).Player(t.Context(), project, p.ID)
	must(t, err)
}

// isClosed reports whether the store lets no more writes in.
func isClosed(t *testing.T, s *sqlitestore.Store) bool {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := s.CreatePlayer(ctx, benchPlayer())
	return err != nil && strings.Contains(err.Error(), "closed")
}

// TestListIsInterrupted ends the context of a list that never ends.
func TestListIsInterrupted(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.ListForever(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
	}
	// the connection is as good as before
	_, err := s.Sessions(t.Context(), game.SessionQuery{Project: project, Limit: 1})
	must(t, err)
}

// TestReadersAreWaitedFor ends the context of a read while all connections are taken.
func TestReadersAreWaitedFor(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	giveBack := s.TakeReaders(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Player(ctx, project, "x"); !errors.Is(err, game.ErrStoreUnavailable) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v because of the deadline", err, game.ErrStoreUnavailable)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	if _, err := s.Player(t.Context(), project, "x"); !errors.Is(err, game.ErrStoreUnavailable) {
		t.Errorf("got error %v, want %v", err, game.ErrStoreUnavailable)
	}
	giveBack()
	must(t, <-closed)
}
