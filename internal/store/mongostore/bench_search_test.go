package mongostore_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
	"game-session-manager/internal/store/storetest"
)

// browserRatio is the greatest acceptable ratio of the median of a search to that of the driver alone.
const browserRatio = 1.3

// BenchmarkBrowser measures searches beside the same filter, order and projection that the driver sends alone, with the
// hint that the search tries first, and of which it decodes nothing.
func BenchmarkBrowser(b *testing.B) {
	s, err := mongostore.Open(b.Context(), mongotest.Database(b), mongostore.Options{})
	must(b, err)
	defer func() { must(b, s.Close()) }()
	storetest.Browser{
		Store: s, Ratio: browserRatio, Sorts: s.SearchSorts,
		Fill: func(b *testing.B, n int, r *rand.Rand) {
			b.Helper()
			const batch = 1000
			for ; n > 0; n -= batch {
				var all []game.Session
				for range min(n, batch) {
					all = append(all, storetest.BrowserSession(r))
				}
				must(b, s.InsertSessions(b.Context(), all))
			}
		},
		Ready: func(b *testing.B) { b.Helper() },
		Floor: func(ctx context.Context, q game.SearchQuery, _ []game.SessionID) error { return s.FindAlone(ctx, q) },
	}.Measure(b)
}
