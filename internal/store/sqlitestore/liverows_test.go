package sqlitestore_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/storetest"
)

// waitForRows makes searches until the rows of live sessions are in memory.
func waitForRows(tb testing.TB, s *sqlitestore.Store) {
	tb.Helper()
	eventually(tb, func() bool {
		q := fullestFirst()
		q.Work = game.SearchTime
		_, err := s.SearchSessions(tb.Context(), q)
		if !errors.Is(err, game.ErrTooBroad) { // without the rows, among many sessions
			must(tb, err)
		}
		return s.LiveRows() >= 0
	}, func() string { return "the rows are not read" })
}

// fullest returns the free seats of sessions, the fullest first.
func fullest(tb testing.TB, s *sqlitestore.Store) (free []int) {
	tb.Helper()
	hits, err := s.SearchSessions(tb.Context(), fullestFirst())
	must(tb, err)
	for i := range hits.Items {
		free = append(free, hits.Items[i].FreeSeats())
	}
	return free
}

func fullestFirst() game.SearchQuery {
	return game.SearchQuery{
		Project: project, Limit: 10, Order: []game.Order{{Field: game.FieldFreeSeats}},
		Where: game.Where{game.WithObstacles()},
	}
}

func wantFullest(tb testing.TB, s *sqlitestore.Store, rows int, want ...int) {
	tb.Helper()
	if got := fullest(tb, s); fmt.Sprint(got) != fmt.Sprint(want) || s.LiveRows() != rows {
		tb.Errorf("found %v by %d rows, want %v by %d", got, s.LiveRows(), want, rows)
	}
}

// roomFor stores an open session with free seats.
func roomFor(tb testing.TB, s *sqlitestore.Store, free int) game.Session {
	tb.Helper()
	v := benchSession()
	v.MaxPlayers = free + len(v.Members)
	must(tb, s.CreateSession(tb.Context(), v))
	return v
}

func changed(tb testing.TB, s *sqlitestore.Store, v game.Session, change func(*game.Session)) game.Session {
	tb.Helper()
	next := v
	next.Version++
	change(&next)
	must(tb, s.ReplaceSession(tb.Context(), v, next))
	return next
}

// TestLiveRows checks that the rows follow what is written, by this program and by others.
func TestLiveRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	a, b, c := roomFor(t, s, 3), roomFor(t, s, 1), roomFor(t, s, 2)
	waitForRows(t, s)
	wantFullest(t, s, 3, 1, 2, 3)
	a = changed(t, s, a, func(v *game.Session) { v.MaxPlayers = 6 })
	wantFullest(t, s, 3, 1, 2, 5)
	ended := b.CreatedAt
	changed(t, s, b, func(v *game.Session) { v.Status, v.EndedAt = game.StatusEnded, &ended })
	wantFullest(t, s, 2, 2, 5)
	roomFor(t, s, 4) // takes the place of the one that ended
	wantFullest(t, s, 3, 2, 4, 5)
	must(t, s.DeleteSession(t.Context(), c))
	wantFullest(t, s, 2, 4, 5)

	execute(t, beside(t, path), fmt.Sprintf("UPDATE sessions SET free_seats = 2 WHERE id = '%s'", a.ID))
	eventually(t, func() bool { return fmt.Sprint(fullest(t, s)) == "[5 4]" },
		func() string { return fmt.Sprintf("found %v", fullest(t, s)) })
}

// TestTooManyLiveRows searches without rows.
func TestTooManyLiveRows(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	s.LimitLiveRows(2)
	roomFor(t, s, 3)
	roomFor(t, s, 1)
	waitForRows(t, s)
	wantFullest(t, s, 2, 1, 3)
	roomFor(t, s, 2)
	wantFullest(t, s, -1, 1, 2, 3)
}

// TestWritesWhileLiveRowsAreRead changes sessions while the rows are read, again and again.
func TestWritesWhileLiveRowsAreRead(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	const sessions, rounds = 200, 30
	all := make([]game.Session, sessions)
	for i := range all {
		all[i] = roomFor(t, s, 100)
	}
	for round := range rounds {
		s.DropLiveRows()
		var writing sync.WaitGroup
		writing.Go(func() {
			for i := range 5 {
				i = (round*7 + i*31) % sessions
				all[i] = changed(t, s, all[i], func(v *game.Session) { v.MaxPlayers-- })
			}
		})
		waitForRows(t, s)
		writing.Wait()
		for i := range all {
			if got, want := s.LiveFreeSeats(all[i].ID), all[i].FreeSeats(); got != want {
				t.Fatalf("round %d: the row has %d free seats, want %d", round, got, want)
			}
		}
	}
}

// TestLiveIndexes compares pages that indexes of rows give with the order of all sessions, while these change.
func TestLiveIndexes(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	s.IndexLiveRows(math.MaxInt64)
	r := rand.New(rand.NewPCG(1, 2))
	const sessions = 150
	all := make(map[game.SessionID]game.Session)
	for range sessions {
		v := storetest.BrowserSession(r)
		v.MaxPlayers = 1 + r.IntN(4)
		must(t, s.CreateSession(t.Context(), v))
		all[v.ID] = v
	}
	orders := [][]game.Order{
		{{Field: game.FieldFreeSeats}},
		{{Field: game.FieldFreeSeats, Desc: true}, {Field: "name"}},
		{{Field: game.FieldFreeSeats}, {Field: "created_at", Desc: true}, {Field: "name"}},
		{{Field: "updated_at", Desc: true}},
		{{Field: "created_at"}},
		{{Field: "name"}},
		{{Field: "mode", Desc: true}},
		{{Field: game.FieldSpread, Start: "7a0000000000"}},
		{{Field: game.FieldSpread, Start: ""}},
	}
	const indexes = 8
	query := func(by []game.Order) game.SearchQuery {
		return game.SearchQuery{Project: project, Limit: 7, Order: by, Where: game.Where{game.WithObstacles()}}
	}
	eventually(t, func() bool {
		for _, by := range orders {
			_, err := s.SearchSessions(t.Context(), query(by))
			must(t, err)
		}
		return s.LiveIndexes() == indexes
	}, func() string { return fmt.Sprintf("%d indexes, want %d", s.LiveIndexes(), indexes) })
	for _, by := range orders {
		if got, least := s.LookedAt(by, 7), 8; got > least && len(by) <= 2 {
			t.Errorf("%+v: looked at %d rows, %d suffice", by, got, least)
		}
	}
	for range 3 {
		for id, v := range all {
			switch r.IntN(6) {
			case 0:
				all[id] = changed(t, s, v, func(v *game.Session) { v.MaxPlayers, v.Name = 1+r.IntN(4), v.Mode })
			case 1:
				all[id] = changed(t, s, v, func(v *game.Session) { v.UpdatedAt = v.UpdatedAt.Add(time.Hour) })
			case 2:
				must(t, s.DeleteSession(t.Context(), v))
				delete(all, id)
				v = storetest.BrowserSession(r)
				must(t, s.CreateSession(t.Context(), v))
				all[v.ID] = v
			}
		}
		for _, by := range orders {
			wantOrder(t, s, query(by), slices.Collect(maps.Values(all)))
		}
	}
	if n := s.LiveIndexes(); n != indexes {
		t.Errorf("%d indexes, want %d", n, indexes)
	}
	other := query([]game.Order{{Field: "region"}})
	for range 1000 { // the others are in use until then
		_, err := s.SearchSessions(t.Context(), other)
		must(t, err)
	}
	if n := s.LiveIndexes(); n != indexes {
		t.Errorf("%d indexes, want %d", n, indexes)
	}
	eventually(t, func() bool {
		wantOrder(t, s, other, slices.Collect(maps.Values(all)))
		return s.LiveIndexed() && s.HasLiveIndex("region")
	}, func() string { return "an index that is needed takes no place of one that is not" })
	s.IndexLiveRows(1 << 10)
	roomFor(t, s, 1)
	if n := s.LiveIndexes(); n != 0 {
		t.Errorf("%d indexes do not fit", n)
	}
}

// wantOrder reads all pages of a query and compares them with the sessions in its order.
func wantOrder(t *testing.T, s *sqlitestore.Store, q game.SearchQuery, all []game.Session) {
	t.Helper()
	slices.SortFunc(all, func(a, b game.Session) int { return q.Compare(q.PositionOf(&a), q.PositionOf(&b)) })
	for more := true; more; {
		hits, err := s.SearchSessions(t.Context(), q)
		must(t, err)
		for i := range hits.Items {
			if len(all) == 0 || hits.Items[i].ID != all[0].ID {
				t.Fatalf("%+v: %s is not the next one of %d", q.Order, hits.Items[i].ID, len(all))
			}
			all = all[1:]
		}
		q.After, more = hits.Next, hits.More
	}
	if len(all) > 0 {
		t.Errorf("%+v: %d sessions are missing", q.Order, len(all))
	}
}
