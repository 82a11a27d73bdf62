package sqlitestore_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// searchShapes are the searches of a browser: each finds some of the sessions that benchSearchable makes.
func searchShapes() map[string]game.SearchQuery {
	near := 1200.0
	mode, rare := game.Is("mode", "ranked"), game.Is("mode", "mode-77")
	public := game.Is(game.FieldVisibility, game.VisibilityPublic)
	mmr := game.Clause{
		Field: "attributes.mmr", Op: game.OpBetween,
		Values: []game.Value{game.NumberValue(1000), game.NumberValue(1400)},
	}
	test := game.Prefix("map", "map-1")
	fullest := []game.Order{{Field: game.FieldFreeSeats}, {Field: "created_at"}}
	free := game.AtLeast(game.FieldFreeSeats, 2)
	either := game.Clause{Any: []game.Clause{
		game.In("region", "eu", "us"), {Not: &test},
	}}
	nobody := game.Clause{Field: "name", Op: game.OpPrefix, Values: []game.Value{game.StringValue("nobody")}}
	distance := game.Order{Field: "attributes.mmr", Near: &near}
	return map[string]game.SearchQuery{
		"newest":                     {},
		"by mode":                    {Where: game.Where{mode, public, free}},
		"by a rare mode":             {Where: game.Where{rare}},
		"by a range of an attribute": {Where: game.Where{mmr, mode}},
		"by any and not":             {Where: game.Where{either, mode, free}},
		"nearest":                    {Order: []game.Order{distance}},
		"nearest in a mode": {
			Where: game.Where{mode, mmr}, Order: []game.Order{distance, {Field: "created_at", Desc: true}},
		},
		"by an attribute": {
			Where: game.Where{public}, Order: []game.Order{{Field: "attributes.mmr", Desc: true}},
		},
		"the fullest first":        {Where: game.Where{mode}, Order: fullest},
		"the fullest first of all": {Order: fullest},
		"changed last":             {Order: []game.Order{{Field: "updated_at", Desc: true}}},
		"by name":                  {Order: []game.Order{{Field: "name"}}},
		"a name that nobody has":   {Where: game.Where{nobody}},
		"a mode, counted":          {Where: game.Where{mode, public}, Count: game.MaxCount},
	}
}

// benchSearchable stores open sessions of mixed modes and attributes, always the same.
func benchSearchable(b *testing.B, s *sqlitestore.Store, n int) {
	b.Helper()
	const writers = 128
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w))) // always the same
			for i := w; i < n; i += writers {
				v := benchSession()
				v.Members, v.HostID, v.Status = []game.Member{}, nil, game.StatusOpen
				v.Locked, v.Liveness, v.Visibility = false, game.Live, game.VisibilityPublic
				v.Name, v.MaxPlayers = fmt.Sprint("room ", r.IntN(1e6)), 2+r.IntN(14)
				v.Mode = []string{"ranked", "duel", "coop", fmt.Sprint("mode-", r.IntN(1000))}[r.IntN(4)]
				v.Map, v.Region = fmt.Sprint("map-", r.IntN(20)), []string{"eu", "us", "asia", "sa"}[r.IntN(4)]
				v.UpdatedAt = v.CreatedAt.Add(time.Duration(r.IntN(1e6)) * time.Millisecond)
				v.Attributes = game.Attributes{
					"mmr": game.NumberValue(float64(r.IntN(3000))), "voice": game.BoolValue(r.IntN(2) == 0),
					"lang": game.StringValue([]string{"en", "de", "fr"}[r.IntN(3)]),
				}
				if err := s.CreateSession(b.Context(), v); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkBrowser reports the 50th and the 99th percentile of each search among GSM_TEST_SESSIONS (100,000) sessions.
func BenchmarkBrowser(b *testing.B) {
	n := 100_000
	if text := os.Getenv("GSM_TEST_SESSIONS"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			b.Fatal(err)
		}
	}
	s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "gsm.db"), sqlitestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	benchSearchable(b, s, n)
	shapes := searchShapes()
	names := []string{}
	for name := range shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			q := shapes[name]
			q.Project, q.Limit, q.Bytes = project, game.DefaultLimit, game.MaxPageBytes
			q.Where = append(q.Where, game.WithObstacles())
			var took []time.Duration
			found := 0
			for b.Loop() {
				begin := time.Now()
				hits, err := s.SearchSessions(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				took, found = append(took, time.Since(begin)), len(hits.Items)
			}
			slices.Sort(took)
			ms := func(part float64) float64 {
				return float64(took[int(part*float64(len(took)-1))]) / float64(time.Millisecond)
			}
			b.ReportMetric(ms(0.5), "p50-ms")
			b.ReportMetric(ms(0.99), "p99-ms")
			b.ReportMetric(float64(found), "found")
			b.ReportMetric(0, "ns/op")
		})
	}
}
