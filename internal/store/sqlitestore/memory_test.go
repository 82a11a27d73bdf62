package sqlitestore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/storetest"
)

const testMemory = 8 << 20

// openCompared opens a store with a memory of documents, each of which is compared with the file when it is read.
func openCompared(t *testing.T, path string, bytes int64) *sqlitestore.Store {
	t.Helper()
	return openReporting(t, path, bytes, func(what string) { t.Error(what) })
}

// openReporting opens such a store, which reports what differs.
func openReporting(t *testing.T, path string, bytes int64, differs func(what string)) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Documents: bytes})
	must(t, err)
	s.CompareMemory(differs)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// TestStoreWithMemory runs the suite with memory.
func TestStoreWithMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) game.Store {
		return openCompared(t, sqlitetest.Database(t), testMemory)
	})
}

// TestMemoryLearnsOfEveryStatement changes documents by statements that no method has, and by some that it does not
// learn of, which the comparison must find.
func TestMemoryLearnsOfEveryStatement(t *testing.T) {
	t.Parallel()
	const set = "UPDATE players SET version = 7, doc = json_set(doc, '$.version', 7)"
	for name, sql := range map[string]string{
		"update": set + " WHERE id = '%s'",
		"all":    set,
		"from":   set + " FROM (SELECT '%s' AS wanted) w WHERE players.id = w.wanted",
		"upsert": "INSERT INTO players SELECT * FROM players WHERE id = '%s' ON CONFLICT (id) DO " +
			strings.Replace(set, " players", "", 1),
		"replace": "REPLACE INTO players SELECT * FROM players WHERE id = '%s'",
		"delete":  "DELETE FROM players WHERE id = '%s'",
		"empty":   "DELETE FROM players",
		"move":    "UPDATE players SET id = 'x', doc = json_set(doc, '$.id', 'x') WHERE id = '%s'",
		"trigger": "CREATE TRIGGER t AFTER INSERT ON claims BEGIN " + set + "; END; INSERT INTO claims (key, " +
			"fingerprint, document_id, expires_at) VALUES ('k', '', '', 0)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			differences := 0
			s, p := withPlayer(t, func(string) { differences++ })
			change := func() { must(t, s.Script(t.Context(), fmt.Sprintf(sql+"/* %[1]s */", p.ID))) }

			change()
			got, err := s.Player(t.Context(), project, p.ID)
			stored, e := s.ExportPlayers(t.Context(), "", 1)
			must(t, e)
			switch {
			case len(stored) == 0 || stored[0].ID != p.ID:
				wantError(t, err, game.ErrPlayerNotFound)
			case got.Version != stored[0].Version:
				t.Errorf("read version %d, want %d", got.Version, stored[0].Version)
			}
			if differences > 0 {
				t.Errorf("%d times memory differed from the file", differences)
			}
		})
	}
}

// TestMemoryIsCompared has the comparison find a write that memory did not learn of.
func TestMemoryIsCompared(t *testing.T) {
	t.Parallel()
	differences := 0
	s, p := withPlayer(t, func(string) { differences++ })
	if differences > 0 {
		t.Fatal("memory differs from the file")
	}
	s.HideFromMemory(t, func() { must(t, s.DeletePlayer(t.Context(), p)) })
	eventually(t, func() bool {
		_, err := s.Player(t.Context(), project, p.ID)
		must(t, err)
		return differences > 0
	}, func() string { return "no difference was found" })
}

// withPlayer returns a store that has a player in memory, and reports what differs from the file.
func withPlayer(t *testing.T, differs func(what string)) (*sqlitestore.Store, game.Player) {
	t.Helper()
	s := openReporting(t, filepath.Join(t.TempDir(), "gsm.db"), testMemory, differs)
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	untilDecoded(t, s, p.ID)
	return s, p
}

// untilDecoded reads a player until it is read from memory.
func untilDecoded(t *testing.T, s *sqlitestore.Store, id game.PlayerID) {
	t.Helper()
	before := s.Recalled().Hits
	eventually(t, func() bool {
		_, err := s.Player(t.Context(), project, id)
		must(t, err)
		_, decoded := s.Remembers("players", string(id))
		return decoded && s.Recalled().Hits > before
	}, func() string { return "the player is not in memory" })
}

func wantError(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got error %v, want %v", err, target)
	}
}

// TestLateReads ends reads of the file after the document has changed: what they have found is not kept.
func TestLateReads(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *sqlitestore.Store, game.Player){
		"replaced": func(t *testing.T, s *sqlitestore.Store, p game.Player) {
			t.Helper()
			next := p
			next.Version++
			must(t, s.ReplacePlayer(t.Context(), p, next))
		},
		"deleted": func(t *testing.T, s *sqlitestore.Store, p game.Player) {
			t.Helper()
			must(t, s.DeletePlayer(t.Context(), p))
		},
		"failed": func(t *testing.T, s *sqlitestore.Store, _ game.Player) {
			t.Helper()
			err := s.OnWriter(t.Context(), func(func(string) error) error { return errors.New("no disk") })
			wantOutcome(t, err, game.OutcomeNone)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openCompared(t, filepath.Join(t.TempDir(), "gsm.db"), testMemory)
			p := benchPlayer()
			must(t, s.CreatePlayer(t.Context(), p))
			s.ForgetMemory()
			var keep func() bool
			eventually(t, func() bool {
				keep = s.BeginRead(p)
				return keep != nil
			}, func() string { return "no read may be kept" })
			if s.BeginRead(p) != nil {
				t.Error("two reads at once may be kept")
			}
			change(t, s, p)
			if keep() {
				t.Error("what was read before is in memory")
			}
		})
	}
}

// TestReadsDuringACommit reads what a transaction has changed whose commit has not ended: nothing of that is kept.
func TestReadsDuringACommit(t *testing.T) {
	t.Parallel()
	s := openCompared(t, filepath.Join(t.TempDir(), "gsm.db"), testMemory)
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	untilDecoded(t, s, p.ID)
	end := s.BeginCommit(p)
	for range 2 {
		_, err := s.Player(t.Context(), project, p.ID)
		must(t, err)
		if there, _ := s.Remembers("players", string(p.ID)); there {
			t.Error("a player is in memory while it is being changed")
		}
	}
	end()
	untilDecoded(t, s, p.ID)
}

// TestMemoryBesideAnotherProgram has another program write, too: its changes are seen within the time for which memory
// is trusted, whoever reads, and changes from what was read before are rejected.
func TestMemoryBesideAnotherProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Documents: testMemory})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	other, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Beside: true, Documents: testMemory})
	must(t, err)
	defer func() { must(t, other.Close()) }()
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	for round := range 20 {
		untilDecoded(t, s, p.ID)
		next := p
		next.Version++
		must(t, other.ReplacePlayer(t.Context(), p, next))
		if round%4 == 0 { // our writer sees it first
			wantError(t, s.ReplacePlayer(t.Context(), p, next), game.ErrStale)
			wantVersion(t, s, next)
		}
		written := time.Now()
		for {
			late := time.Since(written) > sqlitestore.TrustFor
			got, err := s.Player(t.Context(), project, p.ID)
			must(t, err)
			if got.Version == next.Version {
				break
			}
			if late {
				t.Fatalf("round %d: version %d is read %v after %d was written", round, got.Version,
					time.Since(written), next.Version)
			}
		}
		p = next
		p.Version++
		must(t, s.ReplacePlayer(t.Context(), next, p)) // and ours is read there at once
		wantVersion(t, other, p)
		wantVersion(t, s, p)
	}
	if other.Recalled().Documents != 0 {
		t.Error("what runs beside a server has documents in memory")
	}
}

func wantVersion(t *testing.T, s game.Store, p game.Player) {
	t.Helper()
	got, err := s.Player(t.Context(), project, p.ID)
	must(t, err)
	if got.Version != p.Version {
		t.Errorf("read version %d, want %d", got.Version, p.Version)
	}
}

// TestMemoryAfterANewConnection breaks the writer's connection and has another program write before it has a new one.
func TestMemoryAfterANewConnection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Documents: testMemory})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	for range 5 {
		err := s.OnWriter(t.Context(), func(exec func(string) error) error {
			return errors.Join(errors.New("no disk"), exec("ROLLBACK"))
		})
		wantOutcome(t, err, game.OutcomeNone)
		untilDecoded(t, s, p.ID) // which takes a new connection
		execute(t, beside(t, path),
			"UPDATE players SET version = version + 1, doc = json_set(doc, '$.version', version + 1)")
		p.Version++
		eventually(t, func() bool {
			got, err := s.Player(t.Context(), project, p.ID)
			must(t, err)
			return got.Version == p.Version
		}, func() string { return "what another program wrote is not read" })
	}
}

// history is what was seen of a document: readers must never see less.
type history struct {
	id      string
	version atomic.Int64 // the highest that a write or a read has returned
	gone    atomic.Bool
}

func (h *history) saw(version int64) {
	for {
		old := h.version.Load()
		if old >= version || h.version.CompareAndSwap(old, version) {
			return
		}
	}
}

// TestMemoryNeverGoesBack reads and writes few documents by many goroutines, by id and by lists, among transactions
// that fail and with little memory: no version is read after a later one was, and no document after its deletion.
func TestMemoryNeverGoesBack(t *testing.T) {
	t.Parallel()
	s := openCompared(t, filepath.Join(t.TempDir(), "gsm.db"), 2<<10)
	const documents, clients, rounds = 6, 8, 150
	all := make([]atomic.Pointer[history], documents)
	create := func(i int) {
		p := benchPlayer()
		h := &history{id: string(p.ID)}
		for s.CreatePlayer(t.Context(), p) != nil && t.Context().Err() == nil { // it was among those that failed
		}
		h.saw(1)
		all[i].Store(h)
	}
	for i := range all {
		create(i)
	}
	read := func(h *history) (game.Player, bool) {
		gone, least := h.gone.Load(), h.version.Load()
		p, err := s.Player(t.Context(), project, game.PlayerID(h.id))
		switch {
		case err == nil && gone:
			t.Errorf("%s is read at version %d after its deletion", h.id, p.Version)
		case err == nil && p.Version < least:
			t.Errorf("%s is read at version %d after version %d", h.id, p.Version, least)
		case err == nil:
			h.saw(p.Version)
		case errors.Is(err, game.ErrPlayerNotFound):
			h.gone.Store(true)
		default:
			t.Error(err)
		}
		return p, err == nil
	}
	var wg sync.WaitGroup
	for client := range clients {
		r := rand.New(rand.NewPCG(1, uint64(client)))
		wg.Go(func() {
			for range rounds {
				i := r.IntN(documents)
				h := all[i].Load()
				switch r.IntN(12) {
				case 0:
					_ = s.OnWriter(t.Context(), func(func(string) error) error { return errors.New("no disk") })
				case 1:
					if p, ok := read(h); ok && s.DeletePlayer(t.Context(), p) == nil {
						h.gone.Store(true)
						create(i)
					}
				case 2, 3, 4:
					p, ok := read(h)
					next := p
					next.Version++
					if ok && s.ReplacePlayer(t.Context(), p, next) == nil {
						h.saw(next.Version)
					}
				case 5:
					found, err := s.Players(t.Context(), game.PlayerQuery{Project: project, Limit: 2 * documents})
					must(t, err)
					for _, p := range found.Items {
						for k := range all {
							if h := all[k].Load(); h.id == string(p.ID) {
								h.saw(p.Version)
							}
						}
					}
				default:
					read(h)
				}
			}
		})
	}
	wg.Wait()
	if d := s.Recalled(); d.Hits == 0 || d.Evicted == 0 || d.Bytes > d.Limit || s.MemoryBytes() != d.Bytes {
		t.Errorf("memory is %+v, and its entries take %d bytes", d, s.MemoryBytes())
	}
}

// TestMemoryIsEstimated compares the estimate of what is in memory with what the heap grows by.
func TestMemoryIsEstimated(t *testing.T) { //nolint:paralleltest // measures the heap
	if testing.Short() {
		t.Skip("compares what documents weigh, which is the same with the race detector")
	}
	const documents = 1500
	attributes := func(n int) game.Attributes {
		a := game.Attributes{}
		for i := range n {
			a[fmt.Sprint("attribute", i)] = game.StringValue(newID())
		}
		return a
	}
	for name, shape := range map[string]struct{ attributes, members, theirs int }{
		"player": {2, 0, 0}, "bare player": {0, 0, 0}, "long player": {30, 0, 0},
		"session": {2, 1, 0}, "ten members": {2, 10, 0}, "with attributes": {10, 10, 3},
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // likewise
			s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gsm.db"),
				sqlitestore.Options{Documents: 256 << 20})
			must(t, err)
			defer func() { must(t, s.Close()) }()
			ids := make([]string, documents)
			for i := range ids {
				p, v := benchPlayer(), benchSession()
				p.Attributes, v.Attributes = attributes(shape.attributes), attributes(shape.attributes)
				if shape.members == 0 {
					ids[i] = string(p.ID)
					must(t, s.CreatePlayer(t.Context(), p))
					continue
				}
				ids[i], v.Members = string(v.ID), nil
				for range shape.members {
					m := member(game.PlayerID(newID()), v.CreatedAt)
					m.Attributes = attributes(shape.theirs)
					v.Members = append(v.Members, m)
				}
				must(t, s.CreateSession(t.Context(), v))
			}
			s.ForgetMemory()
			before := heap()
			for range 3 { // at first memory may not be trusted
				for _, id := range ids {
					if shape.members == 0 {
						_, err = s.Player(t.Context(), project, game.PlayerID(id))
					} else {
						_, err = s.Session(t.Context(), project, game.SessionID(id))
					}
					must(t, err)
				}
			}
			grown, d := heap()-before, s.Recalled()
			ratio := float64(d.Bytes) / float64(grown)
			t.Logf("%d documents: %d bytes each, estimated as %d (%.2f)", d.Documents, grown/d.Documents,
				d.Bytes/d.Documents, ratio)
			if d.Documents != documents || ratio < .9 || ratio > 1.5 {
				t.Errorf("%d documents are estimated as %.2f of what they take", d.Documents, ratio)
			}
			runtime.KeepAlive(s)
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
