package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/mongostore/mongotest"
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
			s, err := store.Open(tb.Context(), "sqlite:"+filepath.Join(tb.TempDir(), "gsm.db"), store.Options{})
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
func eachToEach(t *testing.T, players, sessions int, test func(t *testing.T, from, to game.Store)) {
	t.Helper()
	for _, from := range engines() {
		t.Run(from.name, func(t *testing.T) {
			t.Parallel()
			source := from.open(t)
			fill(t, source, players, sessions)
			for _, to := range engines() {
				t.Run("to "+to.name, func(t *testing.T) { test(t, source, to.open(t)) })
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

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 7e6, time.UTC)

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func newPlayer(i int) game.Player {
	p := game.Player{
		ID: game.PlayerID(newID()), Project: game.ProjectID(fmt.Sprint("p", i%3)), Version: int64(1 + i), CreatedAt: t0,
		UpdatedAt: t0,
		Profile: game.Profile{
			Username: fmt.Sprint("Player-", i), DisplayName: "Zoë", Status: game.PlayerActive,
			Identities: map[string]string{"steam": fmt.Sprint(i)},
			Attributes: game.Attributes{
				"mmr": game.NumberValue(1200.5 + float64(i)), "pro": game.BoolValue(i%2 == 0),
				"country": game.StringValue("<nl>"),
			},
		},
	}
	if i%10 == 9 {
		p.Profile = game.Profile{Identities: map[string]string{}, Attributes: game.Attributes{}}
		p.ErasingSince = new(t0.Add(time.Second))
		if i%20 == 9 {
			p.SweepSince = p.ErasingSince
		}
	}
	return p
}

func newSession(i int, members ...game.PlayerID) game.Session {
	v := game.Session{
		ID: game.SessionID(newID()), Project: game.ProjectID(fmt.Sprint("p", i%3)), Version: int64(1 + i),
		CreatedAt: t0, UpdatedAt: t0,
		Settings: game.Settings{
			Name: "A session", Mode: "ranked", Visibility: game.VisibilityPublic, MaxPlayers: 10,
			Teams:      map[string]int{"red": 5},
			Attributes: game.Attributes{"level": game.NumberValue(float64(i % 50))},
		},
		Status: game.StatusOpen, Members: []game.Member{},
	}
	for _, id := range members {
		v.Members = append(v.Members, game.Member{
			PlayerID: id, Status: game.SeatJoined, JoinedAt: t0,
			MemberSettings: game.MemberSettings{Attributes: game.Attributes{}},
		})
		v.HostID, v.Hosted = &v.Members[0].PlayerID, true
	}
	if i%4 == 3 {
		v.Status, v.EndReason, v.EndedAt, v.Result = game.StatusEnded, game.ReasonCompleted, &t0,
			`{"a":[1,"<"],"b":2.5}`
	}
	return v
}

func newKey(i int) game.Key {
	k := game.Key{
		ID: game.KeyID(fmt.Sprint("k", i)), Project: game.ProjectID(fmt.Sprint("p", i%3)), Name: "Größe",
		Scope: game.ScopeServer, Hash: "hash", Version: int64(1 + i), CreatedAt: t0,
	}
	if i%2 == 0 {
		k.ExpiresAt, k.RevokedAt, k.LastUsedAt = new(t0.Add(time.Hour)), &t0, new(t0.Add(-time.Minute))
	}
	return k
}

// fill stores documents of every kind; some of the claims and samples have expired.
func fill(tb testing.TB, s game.Store, players, sessions int) {
	tb.Helper()
	made := make([]game.Player, players)
	concurrently(tb, players, func(i int) error {
		made[i] = newPlayer(i)
		return s.CreatePlayer(tb.Context(), made[i], game.Event{
			Project: made[i].Project, Subject: game.Subject{Kind: game.SubjectPlayer, ID: string(made[i].ID)},
			Version: made[i].Version, At: t0, Actor: game.Actor{Kind: game.ActorAdmin, ID: "anonymous"},
			Changes: game.Changes{game.PlayerCreated{}},
		})
	})
	concurrently(tb, sessions, func(i int) error {
		v := newSession(i, made[i%players].ID, made[(i+1)%players].ID)
		if err := s.CreateSession(tb.Context(), v); err != nil {
			return err
		}
		c := game.Claim{Key: fmt.Sprint("key", i), Fingerprint: "print", DocumentID: string(v.ID), ExpiresAt: t0.Add(
			time.Duration(i-10) * time.Minute,
		)}
		_, err := s.Claim(tb.Context(), c, t0.Add(-time.Hour))
		return err
	})
	concurrently(tb, leases.Count, func(i int) error {
		_, err := s.RenewLeases(tb.Context(), []game.Lease{{
			Project: game.DefaultProject, Session: game.SessionID(fmt.Sprint("session", i/2)),
			Player: game.PlayerID([]string{"", "player"}[i%2]), State: game.LeaseStates()[i%3], Fence: int64(i),
			BeatAt: t0, DueAt: t0.Add(time.Duration(i) * time.Second),
		}})
		return err
	})
	concurrently(tb, keys.Count, func(i int) error { return s.CreateKey(tb.Context(), newKey(i)) })
	concurrently(tb, signing.Count, func(i int) error {
		return s.CreateSigningKey(tb.Context(), game.SigningKey{
			ID: fmt.Sprint("kid-", i), PublicKey: "x", Sealed: "y", CreatedAt: t0, ExpiresAt: t0,
		})
	})
	concurrently(tb, 30, func(i int) error {
		return s.AppendMetrics(tb.Context(), game.MetricsSample{
			At: t0.Add(time.Duration(i/2) * time.Second), Replica: []string{"a b", "c"}[i%2],
			ExpiresAt: t0.AddDate(100*(i-10), 0, 0), Requests: int64(i),
			Sessions: map[game.SessionStatus]int64{game.StatusOpen: 3},
		})
	})
}

func concurrently(tb testing.TB, n int, do func(i int) error) {
	tb.Helper()
	const workers = 64
	failures := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && failures[w] == nil; i += workers {
				failures[w] = do(i)
			}
		})
	}
	wg.Wait()
	ok(tb, errors.Join(failures...))
}

func run(tb testing.TB, c store.Copying) ([]store.Copied, error) {
	tb.Helper()
	c.Now = t0
	return c.Run(tb.Context())
}

func wantCopied(t *testing.T, got []store.Copied, want ...store.Copied) {
	t.Helper()
	for i := range got {
		if len(got[i].Checksum) != 64 {
			t.Errorf("the checksum is %q", got[i].Checksum)
		}
		got[i].Checksum = ""
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	// Signing keys and metrics are read by their ordinary lists.
	if n := reflect.TypeFor[game.ExportStore]().NumMethod() + 2; len(got) != n {
		t.Errorf("%d of %d nouns were copied", len(got), n)
	}
}

// The leases and keys that fill stores.
var (
	leases  = store.Copied{Noun: "leases", Count: 33, Written: 33}
	keys    = store.Copied{Noun: "api_keys", Count: 25, Written: 25}
	signing = store.Copied{Noun: "signing_keys", Count: 5, Written: 5}
)

// playerEvents is the result for the events of the players that fill stores.
func playerEvents(players, written int) store.Copied {
	return store.Copied{Noun: "events", Count: players, Written: written}
}

// samples is the result for the samples that fill stores and that have not expired.
var samples = store.Copied{Noun: "metrics", Count: 19, Written: 19}

func TestCopy(t *testing.T) {
	t.Parallel()
	eachToEach(t, 1234, 321, func(t *testing.T, from, to game.Store) {
		var steps []string
		copied, err := run(t, store.Copying{From: from, To: to, Progress: func(step store.Step, noun string, _ int) {
			if s := string(step) + " " + noun; len(steps) == 0 || steps[len(steps)-1] != s {
				steps = append(steps, s)
			}
		}})
		ok(t, err)
		wantCopied(
			t, copied, store.Copied{Noun: "players", Count: 1234, Written: 1234},
			store.Copied{Noun: "sessions", Count: 321, Written: 321},
			store.Copied{Noun: "idempotency", Count: 310, Written: 310}, leases, keys, signing,
			playerEvents(1234, 1234), samples,
		)
		if d := cmp.Diff([]string{
			"copy players", "copy sessions", "copy idempotency", "copy leases", "copy api_keys", "copy signing_keys",
			"copy events", "copy metrics", "verify players", "verify sessions", "verify idempotency", "verify leases",
			"verify api_keys", "verify signing_keys", "verify events", "verify metrics",
		}, steps); d != "" {
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
		wantCopied(
			t, copied, store.Copied{Noun: "players", Count: 1234}, store.Copied{Noun: "sessions", Count: 321},
			store.Copied{Noun: "idempotency", Count: 310, Written: 310},
			store.Copied{Noun: "leases", Count: leases.Count}, store.Copied{Noun: "api_keys", Count: keys.Count},
			signing, playerEvents(1234, 1234), samples,
		)
	})
}

// TestCopyResumes interrupts a copy at various operations, before and after the write is made.
func TestCopyResumes(t *testing.T) {
	t.Parallel()
	eachToEach(t, 500, 200, func(t *testing.T, from, to game.Store) {
		lost := errors.New("lost")
		for _, fault := range []storetest.Fault{
			{Operation: "CreatePlayer", From: 100},
			{Operation: "CreatePlayer", From: 300, After: true},
			{Operation: "CreateSession", From: 77, After: true},
			{Operation: "Claim", From: 50},
			{Operation: "RenewLeases", From: 7, After: true},
			{Operation: "ExportClaims", From: 2},
			{Operation: "CreateKey", From: 11},
			{Operation: "CreateSigningKey", From: 3, After: true},
			{Operation: "PutEvents", From: 200, After: true},
		} {
			fault.Err = lost
			_, err := run(t, store.Copying{From: from, To: storetest.Failing(to, fault), Resume: true})
			if !errors.Is(err, lost) {
				t.Fatalf("%+v: got error %v", fault, err)
			}
		}
		copied, err := run(t, store.Copying{From: from, To: to, Resume: true})
		ok(t, err)
		wantCopied(
			t, copied, store.Copied{Noun: "players", Count: 500}, store.Copied{Noun: "sessions", Count: 200},
			store.Copied{Noun: "idempotency", Count: 189, Written: 189},
			store.Copied{Noun: "leases", Count: leases.Count}, store.Copied{Noun: "api_keys", Count: keys.Count},
			signing, playerEvents(500, 500), samples,
		)
	})
}

// TestCopyRejectsForeignData checks that a target with other data is rejected and left unchanged.
func TestCopyRejectsForeignData(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(from, to game.Store) error{
		"another's player": func(_, to game.Store) error { return to.CreatePlayer(t.Context(), newPlayer(1)) },
		"another version": func(from, to game.Store) error {
			found, err := from.ExportSessions(t.Context(), "", 1)
			if err != nil {
				return err
			}
			found[0].Version++
			return to.CreateSession(t.Context(), found[0])
		},
		"another key": func(_, to game.Store) error {
			k := newKey(3)
			k.Hash = "other"
			return to.CreateKey(t.Context(), k)
		},
		"another signing key": func(_, to game.Store) error {
			return to.CreateSigningKey(t.Context(), game.SigningKey{ID: "kid-other", CreatedAt: t0, ExpiresAt: t0})
		},
		"another claim": func(_, to game.Store) error {
			_, err := to.Claim(t.Context(), game.Claim{
				Key: "key20", Fingerprint: "other", DocumentID: "x", ExpiresAt: t0.Add(time.Hour),
			}, t0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := engines()[0].open(t), engines()[0].open(t)
			fill(t, from, 30, 30)
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
	s.once.Do(func() { err = s.CreatePlayer(ctx, newPlayer(9999)) })
	if err != nil {
		return nil, err
	}
	return s.Store.ExportClaims(ctx, after, limit)
}

func TestCopyReportsDifferences(t *testing.T) {
	t.Parallel()
	from, to := engines()[0].open(t), engines()[0].open(t)
	fill(t, from, 20, 20)
	if _, err := run(t, store.Copying{From: &changingSource{Store: from}, To: to}); !errors.Is(err, store.ErrDiffers) {
		t.Errorf("got error %v, want %v", err, store.ErrDiffers)
	}
}

func TestCopyStopsWhenContextEnds(t *testing.T) {
	t.Parallel()
	from, to := engines()[0].open(t), engines()[0].open(t)
	fill(t, from, 3000, 10)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := store.Copying{From: from, To: to, Now: t0, Progress: func(store.Step, string, int) { cancel() }}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	_, err = run(t, store.Copying{From: from, To: to, Resume: true})
	ok(t, err)
}

// BenchmarkCopy copies the data of a small deployment.
func BenchmarkCopy(b *testing.B) {
	const players, sessions = 100_000, 20_000
	from := engines()[0].open(b)
	fill(b, from, players, sessions)
	b.ResetTimer()
	for range b.N {
		_, err := run(b, store.Copying{From: from, To: engines()[0].open(b)})
		ok(b, err)
	}
	b.ReportMetric(float64(b.N*(players+2*sessions))/b.Elapsed().Seconds(), "documents/s")
}
