package sqlitestore_test

import (
	"errors"
	"path/filepath"
	"testing"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("TestStoreWithMemory runs the same suite on a store as it is shipped")
	}
	storetest.Run(t, func(t *testing.T) game.Store { return openTest(t, sqlitetest.Database(t)) })
}

// TestSearchInSteps runs the suite's searches where few sessions are as many as a page may look at.
func TestSearchInSteps(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the same searches as in one step")
	}
	storetest.Search(t, func(t *testing.T) game.Store {
		t.Helper()
		s := openTest(t, sqlitetest.Database(t))
		s.SearchInSteps()
		return s
	})
}

func openTest(t *testing.T, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// TestFailing tests the wrapper on a store, of which its own package has none.
func TestFailing(t *testing.T) {
	t.Parallel()
	fault, lost := errors.New("fault"), errors.New("lost")
	s := storetest.Failing(openTest(t, filepath.Join(t.TempDir(), "gsm.db")),
		storetest.Fault{Operation: "CreatePlayer", From: 2, Calls: 1, Err: fault},
		storetest.Fault{Operation: "CreatePlayer", From: 3, After: true, Err: lost},
		storetest.Fault{Operation: "Player", From: 3, Err: fault})
	first, second, third := benchPlayer(), benchPlayer(), benchPlayer()
	must(t, s.CreatePlayer(t.Context(), first))
	if err := s.CreatePlayer(t.Context(), second); !errors.Is(err, fault) {
		t.Errorf("got error %v, want %v", err, fault)
	}
	wantGone(t, s, second.ID)
	if err := s.CreatePlayer(t.Context(), third); !errors.Is(err, lost) {
		t.Errorf("got error %v, want %v", err, lost)
	}
	_, err := s.Player(t.Context(), project, third.ID)
	must(t, err)
	if _, err := s.Player(t.Context(), project, third.ID); !errors.Is(err, fault) {
		t.Errorf("got error %v, want %v", err, fault)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	storetest.Unreadable(t, s, func(t *testing.T, collection, id string) {
		t.Helper()
		must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
			set := "doc = json_set(doc, '$.version', 'x')"
			switch collection {
			case "sessions":
				set += ", pulse = '{'"
			case "webhooks": // whose version is a number in any case
				set = "doc = json_set(doc, '$.name', 5)"
			case "deliveries":
				set = "doc = json_set(doc, '$.seq', 'x')"
			case "events":
				set = "doc = '{'"
			}
			return exec("UPDATE " + collection + " SET " + set + " WHERE id = '" + id + "'")
		}))
	})
}

func TestUnknownChange(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	storetest.UnknownChange(t, s, func(t *testing.T, id string) {
		t.Helper()
		must(t, s.OnWriter(t.Context(), func(exec func(string) error) error {
			return exec("UPDATE events SET doc = json_set(doc, '$.changes[0].type', 'newer') WHERE id = '" + id + "'")
		}))
	})
}
