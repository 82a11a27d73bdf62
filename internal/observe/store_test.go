package observe_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/storetest"
)

func openObserved(t *testing.T, reg prometheus.Registerer) game.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), sqlitetest.Database(t), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return observe.Store(s, slog.New(slog.DiscardHandler), observe.Meter{Metrics: reg, Now: time.Now})
}

// The wrapper conforms to the contract of stores.
func TestStoreConforms(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the wrapper is generated, and takes as long as a store")
	}
	storetest.Run(t, func(t *testing.T) game.Store { return openObserved(t, prometheus.NewRegistry()) })
}

func TestStoreCountsResults(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	s := openObserved(t, reg)
	if _, err := s.Player(t.Context(), game.DefaultProject, "01a20685-fd35-752a-a43b-bc495aa93f5a"); err == nil {
		t.Fatal("found a player in an empty store")
	}
	if _, err := s.Players(t.Context(), game.PlayerQuery{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for _, m := range families[0].GetMetric() {
		key := ""
		for _, l := range m.GetLabel() {
			key += l.GetName() + "=" + l.GetValue() + " "
		}
		got[key] = m.GetHistogram().GetSampleCount()
	}
	for _, want := range []string{"operation=get_player result=not_found ", "operation=list_players result=ok "} {
		if got[want] != 1 {
			t.Errorf("%s counted %d times, want once: %v", want, got[want], got)
		}
	}
}

func TestPopulationAsksTheStoreSeldom(t *testing.T) {
	t.Parallel()
	s := openObserved(t, prometheus.NewRegistry())
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := observe.Population(s, slog.New(slog.DiscardHandler), func() time.Time { return now })
	players := func() float64 {
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(c)
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "gsm_players" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatal("no gsm_players")
		return 0
	}
	if got := players(); got != 0 {
		t.Fatalf("%v players in an empty store", got)
	}
	create(t, s)
	if got := players(); got != 0 {
		t.Errorf("asked again within seconds: %v", got)
	}
	now = now.Add(time.Minute)
	if got := players(); got != 1 {
		t.Errorf("%v players after a minute, want 1", got)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

// A hanging database does not block the other metrics, which help to find the cause.
func TestPopulationOfAStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := hanging{ping: make(chan struct{}), count: make(chan struct{})}
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(observe.Population(&s, slog.New(slog.DiscardHandler), time.Now))
		gather := func() map[string]float64 {
			t.Helper()
			begin := time.Now()
			families, err := reg.Gather()
			if took := time.Since(begin); err != nil || took > 5*time.Second {
				t.Errorf("took %v: %v", took, err)
			}
			values := make(map[string]float64)
			for _, f := range families {
				values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
			}
			return values
		}
		for range 5 {
			if got := gather(); got["gsm_store_up"] != 0 || len(got) != 1 {
				t.Errorf("a store that hangs has %v", got)
			}
			time.Sleep(15 * time.Second)
		}
		if pings, counts := s.pings.Load(), s.counts.Load(); pings != 1 || counts != 1 {
			t.Errorf("%d pings and %d counts hang, want one of each", pings, counts)
		}
		close(s.ping)
		synctest.Wait()
		if got := gather(); got["gsm_store_up"] != 1 || len(got) != 1 {
			t.Errorf("a store that cannot count has %v, want that it is up, and nothing else", got)
		}
		close(s.count)
		synctest.Wait()
		if got := gather(); got["gsm_store_up"] != 1 || got["gsm_players"] != 7 || got["gsm_counts_bounded"] != 1 {
			t.Errorf("a store that counts again has %v", got)
		}
	})
}

// hanging is a store that does not return until it is released.
type hanging struct {
	game.Store
	ping, count   chan struct{} // closed to release
	pings, counts atomic.Int64
}

func (h *hanging) Ping(context.Context) (game.Facts, error) {
	h.pings.Add(1)
	<-h.ping
	return game.Facts{}, nil
}

func (h *hanging) Stats(context.Context, int) (game.Stats, error) {
	h.counts.Add(1)
	<-h.count
	return game.Stats{Players: 7, Bounded: true}, nil
}

func create(t *testing.T, s game.Store) {
	t.Helper()
	deps := game.Deps{
		Store: s, Now: time.Now, NewID: func() string { return "01a20685-fd35-752a-a43b-bc495aa93f5a" },
		MaxRequest: time.Second,
	}
	players := game.NewPlayers(deps, game.NewSessions(deps))
	ctx := game.WithCaller(t.Context(), game.Caller{Project: game.DefaultProject, Scope: game.ScopeServer})
	if _, err := players.Create(ctx, game.Profile{Username: "alice"}, game.Idempotency{}); err != nil {
		t.Fatal(err)
	}
}
