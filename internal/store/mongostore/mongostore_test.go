package mongostore_test

import (
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
	"game-session-manager/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	mongotest.Server(t) // skip once, rather than in every subtest
	storetest.Run(t, func(t *testing.T) game.Store { return openTest(t, mongotest.Database(t), mongostore.Options{}) })
}

func openTest(t testing.TB, url string, o mongostore.Options) *mongostore.Store {
	t.Helper()
	s, err := mongostore.Open(t.Context(), url, o)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
