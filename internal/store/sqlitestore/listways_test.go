package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"game-session-manager/internal/game"
)

// TestFrequentNames holds a list that has to read sessions to the cheaper index: of the name if that is rare among the
// newest live sessions, and of the statuses if it is frequent.
func TestFrequentNames(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	s.SearchInSteps()
	create := func(mode string, n int) (last game.SessionID) {
		for range n {
			v := benchSession()
			v.Mode, last = mode, v.ID
			must(t, s.CreateSession(t.Context(), v))
		}
		return last
	}
	create("rare", 1)
	create("was rare", 2)
	early := create("usual", 2)
	create("usual", 30)
	create("rare", 1)
	create("one", 1)
	create("usual", 30)
	open, free := game.Is(game.FieldStatus, game.StatusOpen), game.AtLeast(game.FieldFreeSeats, 1)
	live := game.In(game.FieldStatus, game.LiveStatuses()...)
	for _, c := range []struct {
		frequent bool
		after    game.SessionID
		where    game.Where
	}{
		{true, "", game.Where{game.Is("mode", "usual"), open, free}},
		{true, "", game.Where{game.Is("mode", "usual"), live, free}},
		{true, early, game.Where{game.Is("mode", "was rare"), open, free}},
		{false, "", game.Where{game.Is("mode", "was rare"), open, free}},
		{false, "", game.Where{game.Is("mode", "rare"), open, free}},
		{false, "", game.Where{game.Is("mode", "rare"), game.Is("map", "dust"), live, free}},
		{false, "", game.Where{game.Is("mode", "one"), open, free}},
		{false, "", game.Where{game.Is("mode", "none"), open, free}},
		// The index of the name tells all of these.
		{false, "", game.Where{game.Is("mode", "usual"), open}},
		{false, "", game.Where{game.Is("mode", "usual"), open, game.Is("region", "eu-west")}},
		// What has ended is too much to be walked through.
		{false, "", game.Where{game.Is("mode", "usual"), free}},
		{false, "", game.Where{game.Is("mode", "usual"), game.Is(game.FieldStatus, game.StatusEnded), free}},
		// These have indexes of few sessions.
		{false, "", game.Where{game.Is("mode", "usual"), open, free, game.Is(game.FieldHost, "x")}},
		{false, "", game.Where{game.Is("mode", "usual"), open, free, game.Is(game.FieldMember, "x")}},
	} {
		q := game.SessionQuery{Project: project, Where: c.where, After: c.after, Limit: 10}
		frequent, err := s.IsFrequent(t.Context(), q)
		must(t, err)
		if frequent != c.frequent {
			t.Errorf("%+v: frequent is %t", q, frequent)
		}
	}
}
