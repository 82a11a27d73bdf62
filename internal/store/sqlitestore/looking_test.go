package sqlitestore_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/store/sqlitestore"
)

// BenchmarkLooking compares writes that look at the files with writes that do not, in turns on one store, and compares
// their medians. One client is the worst case: nobody shares a look.
func BenchmarkLooking(b *testing.B) {
	s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "gsm.db"), sqlitestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	// Not each second one: what a look does to the next write (see statFile) would be told of the others.
	const round = 50
	var took [2][]time.Duration
	for n := range b.N {
		which := n / round % 2
		s.Look(which == 0)
		p := benchPlayer()
		begin := time.Now()
		if err := s.CreatePlayer(b.Context(), p); err != nil {
			b.Fatal(err)
		}
		took[which] = append(took[which], time.Since(begin))
	}
	begin := time.Now()
	const looks = 1000
	s.Look(true)
	for range looks {
		if err := s.LookOnce(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(time.Since(begin).Nanoseconds())/looks, "ns/look")
	if len(took[1]) > 0 { // not in the first, short runs
		median := func(v []time.Duration) float64 { return slices.Sorted(slices.Values(v))[len(v)/2].Seconds() }
		b.ReportMetric(median(took[0])/median(took[1]), "looking/not")
	}
}
