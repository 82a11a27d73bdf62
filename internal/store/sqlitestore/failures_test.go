package sqlitestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// TestPingTellsOfWrites fills the file. Ping fails as long as writes would, and recovers by itself.
func TestPingTellsOfWrites(t *testing.T) {
	t.Parallel()
	var commits atomic.Int64
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gsm.db"),
		sqlitestore.Options{OnCommit: func(int, time.Duration) { commits.Add(1) }})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	must(t, s.LimitPages(t.Context(), 1))
	_, err = s.Ping(t.Context())
	must(t, err) // no write has failed yet
	p := benchPlayer()
	p.DisplayName = strings.Repeat("x", 10_000)
	for err == nil { // until the pages that migrations have left free are used too
		err = s.CreatePlayer(t.Context(), benchPlayer())
	}
	wantOutcome(t, err, game.OutcomeNone)
	wantOutcome(t, s.CreatePlayer(t.Context(), p), game.OutcomeNone)
	for range 2 {
		// A batch that is made and changes nothing is no sign that writes are made.
		_, err := s.PurgeClaims(t.Context(), time.Now(), 1)
		must(t, err)
		facts, err := s.Ping(t.Context())
		if !errors.Is(err, game.ErrStoreUnavailable) || !strings.Contains(fmt.Sprint(err), "full") ||
			facts["engine"] != "sqlite" {
			t.Errorf(
				"got facts %v and error %v, want %v because the disk is full", facts, err, game.ErrStoreUnavailable,
			)
		}
	}

	must(t, s.LimitPages(t.Context(), 1_000_000))
	before := commits.Load()
	for range 3 {
		_, err = s.Ping(t.Context())
		must(t, err)
	}
	if n := commits.Load() - before; n != 1 {
		t.Errorf("%d writes were made to find out that writes are made, want 1", n)
	}
	must(t, s.CreatePlayer(t.Context(), p))
	if n, err := s.PurgeClaims(t.Context(), time.Now(), 10); n != 0 || err != nil {
		t.Errorf("Ping left %d claims: %v", n, err)
	}
}

// TestBusyKeepsTheConnection waits too long for another program's lock.
func TestBusyKeepsTheConnection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
		return errors.Join(exec("CREATE TEMP TABLE mark (id INTEGER)"), exec("PRAGMA busy_timeout = 10"))
	}))
	db := beside(t, path)
	execute(t, db, "BEGIN IMMEDIATE")
	results := make(chan error, 20)
	for range cap(results) {
		go func() { results <- s.CreatePlayer(t.Context(), benchPlayer()) }()
	}
	for range cap(results) {
		wantOutcome(t, <-results, game.OutcomeNone)
	}
	execute(t, db, "COMMIT")
	must(t, s.OnWriter(t.Context(), func(exec func(string) error) error { return exec("SELECT * FROM mark") }))
}

// TestNothingIsLeft erases players in each way, and looks for them in the files.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	const marker = "unforgettable"
	for i := range 200 {
		other := benchPlayer()
		must(t, s.CreatePlayer(t.Context(), other))
		p := benchPlayer()
		p.Username = fmt.Sprintf("%s-%d", marker, i)
		p.Identities = map[string]string{"steam": p.Username}
		p.DisplayName = strings.Repeat(marker, 1+i*i/8)
		must(t, s.CreatePlayer(t.Context(), p))
		if i%2 == 0 {
			must(t, s.DeletePlayer(t.Context(), p))
			continue
		}
		mark := p
		mark.Version, mark.Profile = 2, game.Profile{Status: game.PlayerActive}
		must(t, s.ReplacePlayer(t.Context(), p, mark))
	}
	must(t, s.Close())
	for _, name := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		if n := bytes.Count(b, []byte(marker)); n > 0 {
			t.Errorf("%s holds what was erased, %d times", filepath.Base(name), n)
		}
	}
}

// TestReadErrorIsAnAnswer cuts the file off behind the back of the store. In memory that maps the file, a failed read
// would end the process.
func TestReadErrorIsAnAnswer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	players := make([]game.Player, 100)
	for i := range players {
		players[i] = benchPlayer()
		must(t, s.CreatePlayer(t.Context(), players[i]))
	}
	must(t, s.Close())
	s = openTest(t, path)
	_, err := s.Player(t.Context(), project, players[0].ID)
	must(t, err)
	must(t, os.Truncate(path, 16<<10))
	failed := 0
	for _, p := range players {
		if _, err := s.Player(t.Context(), project, p.ID); errors.Is(err, game.ErrStoreUnavailable) {
			failed++
		}
	}
	if failed == 0 {
		t.Error("what is not in the file was read")
	}
	if n, err := s.Mapped(t.Context()); err != nil || n != int64(0) {
		t.Errorf("readers map %v bytes of the file: %v", n, err)
	}
}

// TestRowsOfAnotherProgram has another program make the side rows that a write is about to make.
func TestRowsOfAnotherProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	p, v := benchPlayer(), benchSession()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.CreateSession(t.Context(), v))
	joined := member(p.ID, p.CreatedAt)
	execute(t, beside(t, path),
		fmt.Sprintf("INSERT INTO members (player_id, live, session_id) VALUES ('%s', 1, '%s')", p.ID, v.ID),
		fmt.Sprintf(
			"INSERT INTO attributes (project, key, value, live, session_id) VALUES ('%s', 'a', 'b', 1, '%s')", project,
			v.ID,
		),
		fmt.Sprintf(
			"INSERT INTO identities (project, provider, subject, player_id) VALUES ('%s', 'steam', '1', '%s')", project,
			p.ID,
		))
	next := v
	next.Version, next.Members, next.Attributes = 2, append(v.Members[:1:1], joined),
		game.Attributes{"a": game.StringValue("b")}
	must(t, s.ReplaceSession(t.Context(), v, next))
	named := p
	named.Version, named.Identities = 2, map[string]string{"steam": "1"}
	must(t, s.ReplacePlayer(t.Context(), p, named))
}
