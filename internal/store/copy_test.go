package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/mongostore/mongotest"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/storetest"
)

// engine opens new, empty stores.
type engine struct {
	name string
	open func(testing.TB) game.Store
}

// engines returns the engines that are available. Each pair of them is tested.
func engines() []engine {
	all := []engine{
		{"sqlite", func(tb testing.TB) game.Store {
			s, err := store.Open(tb.Context(), "sqlite:"+sqlitetest.Database(tb), store.Options{})
			ok(tb, err)
			tb.Cleanup(func() { ok(tb, s.Close()) })
			return s
		}},
	}
	if mongotest.There() {
		all = append(all, engine{"mongodb", func(tb testing.TB) game.Store {
			s, err := store.Open(tb.Context(), mongotest.Database(tb), store.Options{})
			ok(tb, err)
			tb.Cleanup(func() { ok(tb, s.Close()) })
			return s
		}})
	}
	return all
}

// eachToEach runs a test that copies from a store of each engine, which is filled once, to one of each engine. The
// copies from one store are made one after the other, because a copy may be the only process that writes to it.
func eachToEach(t *testing.T, players int, test func(t *testing.T, from, to game.Store)) {
	t.Helper()
	for _, from := range engines() {
		t.Run(from.name, func(t *testing.T) {
			t.Parallel()
			source := from.open(t)
			storetest.Fill(t, source, players)
			for _, to := range engines() {
				t.Run("to "+to.name, func(t *testing.T) {
					if testing.Short() && to.name == from.name && len(engines()) > 1 {
						t.Skip("the copy to the other engine is tested")
					}
					test(t, source, to.open(t))
				})
			}
		})
	}
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func player() game.Player {
	now := time.Now()
	return game.Player{ID: game.PlayerID(uuid.NewString()), Project: "p", Version: 1, CreatedAt: now, UpdatedAt: now}
}

func run(tb testing.TB, c store.Copying) ([]store.Copied, error) {
	tb.Helper()
	c.Now = time.Now()
	return c.Run(tb.Context())
}

// wantCopied checks that the target has every document of the source that has not expired, and no others, and that the
// results say so. If again is set, the target had them before.
func wantCopied(t *testing.T, copied []store.Copied, from, to game.Store, again bool) {
	t.Helper()
	if nouns := game.Nouns(time.Now()); len(copied) != len(nouns) {
		t.Fatalf("%d of %d nouns were copied", len(copied), len(nouns))
	}
	for i, n := range game.Nouns(time.Now()) {
		want, got := documents(t, n, from), documents(t, n, to)
		if len(want) == 0 {
			t.Errorf("the source has no %s: a group of storetest needs to fill them", n.Title())
		}
		want = slices.DeleteFunc(want, func(d game.Document) bool { return d.Expired })
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b game.Value) bool { return a == b })); d != "" {
			t.Errorf("%s: -want +got\n%s", n.Name(), d)
		}
		result := copied[i]
		if len(result.Checksum) != 64 {
			t.Errorf("the checksum is %q", result.Checksum)
		}
		result.Checksum = ""
		wanted := store.Copied{Noun: n.Name(), Count: len(want), Written: len(want)}
		if again && slices.Contains([]string{"players", "leases", "sessions", "api_keys", "webhooks"}, n.Name()) {
			wanted.Written = 0
		}
		if result != wanted {
			t.Errorf("got %+v, want %+v", result, wanted)
		}
	}
}

func documents(tb testing.TB, n game.Noun, s game.Store) []game.Document {
	tb.Helper()
	all, err := n.Export(tb.Context(), s, "", 10_000)
	ok(tb, err)
	return all
}

func TestCopy(t *testing.T) {
	t.Parallel()
	eachToEach(t, 1234, func(t *testing.T, from, to game.Store) { // more than a page
		var steps, wanted []string
		copied, err := run(t, store.Copying{From: from, To: to, Progress: func(step store.Step, noun string, _ int) {
			if s := string(step) + " " + noun; len(steps) == 0 || steps[len(steps)-1] != s {
				steps = append(steps, s)
			}
		}})
		ok(t, err)
		wantCopied(t, copied, from, to, false)
		for _, step := range []store.Step{store.StepCopy, store.StepVerify} {
			for _, n := range game.Nouns(time.Now()) {
				wanted = append(wanted, string(step)+" "+n.Name())
			}
		}
		if d := cmp.Diff(wanted, steps); d != "" {
			t.Error(d)
		}
		before, err := from.Stats(t.Context(), game.CountBound)
		ok(t, err)
		after, err := to.Stats(t.Context(), game.CountBound)
		ok(t, err)
		if d := cmp.Diff(before, after); d != "" {
			t.Error(d)
		}
		ok(t, to.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("found %+v", f) }))

		if _, err := run(t, store.Copying{From: from, To: to}); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("again: got error %v, want %v", err, store.ErrNotEmpty)
		}
		copied, err = run(t, store.Copying{From: from, To: to, Resume: true})
		ok(t, err)
		wantCopied(t, copied, from, to, true)
	})
}

// TestCopyResumes interrupts a copy at various operations, before and after the write is made.
func TestCopyResumes(t *testing.T) {
	t.Parallel()
	players := 600
	if testing.Short() {
		players = 320 // above where the faults are
	}
	eachToEach(t, players, func(t *testing.T, from, to game.Store) {
		lost := errors.New("lost")
		for _, fault := range []storetest.Fault{
			{Operation: "CreatePlayer", From: 100},
			{Operation: "CreatePlayer", From: 300, After: true},
			{Operation: "RenewLeases", From: 7, After: true},
			{Operation: "CreateSession", From: 77, After: true},
			{Operation: "Claim", From: 30},
			{Operation: "CreateKey", From: 11},
			{Operation: "CreateSigningKey", From: 3, After: true},
			{Operation: "CreateWebhook", From: 5, After: true},
			{Operation: "PutEvents", From: 200, After: true},
			{Operation: "ExportClaims", From: 2}, // of the verification: nothing is left to be written after it
		} {
			fault.Err = lost
			_, err := run(t, store.Copying{From: from, To: storetest.Failing(to, fault), Resume: true})
			if !errors.Is(err, lost) {
				t.Fatalf("%+v: got error %v", fault, err)
			}
		}
		copied, err := run(t, store.Copying{From: from, To: to, Resume: true})
		ok(t, err)
		wantCopied(t, copied, from, to, true)
	})
}

// TestCopyRejectsForeignData checks that a target with other data is rejected and left unchanged.
func TestCopyRejectsForeignData(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(from, to game.Store) error{
		"another's player": func(_, to game.Store) error { return to.CreatePlayer(t.Context(), player()) },
		"another version": func(from, to game.Store) error {
			found, err := from.ExportSessions(t.Context(), "", 1)
			if err != nil {
				return err
			}
			found[0].Version++
			return to.CreateSession(t.Context(), found[0])
		},
		"another key": func(from, to game.Store) error {
			found, err := from.ExportKeys(t.Context(), "", 1)
			if err != nil {
				return err
			}
			found[0].Hash = "other"
			return to.CreateKey(t.Context(), found[0])
		},
		"another signing key": func(_, to game.Store) error {
			return to.CreateSigningKey(
				t.Context(), game.SigningKey{ID: "kid-other", CreatedAt: time.Now(), ExpiresAt: time.Now()},
			)
		},
		"another claim": func(from, to game.Store) error {
			found, err := from.ExportClaims(t.Context(), "", 1000)
			if err != nil {
				return err
			}
			c := slices.MaxFunc(found, func(a, b game.Claim) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
			c.Fingerprint = "other"
			_, err = to.Claim(t.Context(), c, time.Now())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := engines()[0].open(t), engines()[0].open(t)
			storetest.Fill(t, from, 30)
			ok(t, alter(from, to))
			_, err := run(t, store.Copying{From: from, To: to, Resume: true})
			if !errors.Is(err, store.ErrForeignData) {
				t.Errorf("got error %v, want %v", err, store.ErrForeignData)
			}
			stats, err := to.Stats(t.Context(), game.CountBound)
			ok(t, err)
			if stats.Players > 1 || stats.Sessions[game.StatusOpen] > 1 {
				t.Errorf("something was written: %+v", stats)
			}
		})
	}
}

// changingSource is a source that changes while the last pages are copied.
type changingSource struct {
	game.Store
	once sync.Once
}

func (s *changingSource) ExportClaims(ctx context.Context, after string, limit int) ([]game.Claim, error) {
	var err error
	s.once.Do(func() { err = s.CreatePlayer(ctx, player()) })
	if err != nil {
		return nil, err
	}
	return s.Store.ExportClaims(ctx, after, limit)
}

func TestCopyReportsDifferences(t *testing.T) {
	t.Parallel()
	from, to := engines()[0].open(t), engines()[0].open(t)
	storetest.Fill(t, from, 20)
	if _, err := run(t, store.Copying{From: &changingSource{Store: from}, To: to}); !errors.Is(err, store.ErrDiffers) {
		t.Errorf("got error %v, want %v", err, store.ErrDiffers)
	}
}

func TestCopyStopsWhenContextEnds(t *testing.T) {
	t.Parallel()
	from, to := engines()[0].open(t), engines()[0].open(t)
	storetest.Fill(t, from, 1234) // more than a page
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(store.Step, string, int) { cancel() }
	_, err := store.Copying{From: from, To: to, Now: time.Now(), Progress: stop}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	_, err = run(t, store.Copying{From: from, To: to, Resume: true})
	ok(t, err)
}

// BenchmarkCopy copies the data of a small deployment.
func BenchmarkCopy(b *testing.B) {
	const players = 100_000
	from := engines()[0].open(b)
	storetest.Fill(b, from, players)
	b.ResetTimer()
	documents := 0
	for range b.N {
		copied, err := run(b, store.Copying{From: from, To: engines()[0].open(b)})
		ok(b, err)
		for _, n := range copied {
			documents += n.Count
		}
	}
	b.ReportMetric(float64(documents)/b.Elapsed().Seconds(), "documents/s")
}
