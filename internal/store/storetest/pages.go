package storetest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"game-session-manager/internal/game"
)

// pageBytes is the maximum size of pages in these tests.
const pageBytes = 64 << 10

// variousSizes stores sessions of which some exceed a page, some fill one, and many share one.
func variousSizes(t *testing.T, s game.Store) []game.Session {
	t.Helper()
	var all []game.Session
	for _, members := range []int{0, 1, 40, 0, 2, 3, 100, 50, 1, 5, 8, 4, 0, 33, 32, 2} {
		v := openSession(100)
		for range members {
			m := newMember()
			m.Team, m.Attributes = "red",
				game.Attributes{"note": game.StringValue(strings.Repeat("x", 2<<10)), "n": game.NumberValue(1)}
			v.Members = append(v.Members, m)
		}
		must(t, s.CreateSession(t.Context(), v))
		all = append(all, v)
	}
	return all
}

// jsonSize returns the size of a document as JSON, in bytes.
func jsonSize(t *testing.T, document any) int {
	t.Helper()
	b, err := json.Marshal(document)
	must(t, err)
	return len(b)
}

// pagesOfBytes reads pages that are limited in bytes. Each document is returned once, no page is empty, and none
// exceeds the limit without its last document.
func pagesOfBytes(t *testing.T, s game.Store) {
	all := variousSizes(t, s)
	for _, brief := range []bool{false, true} {
		q := game.SessionQuery{Project: project, Brief: brief, Limit: 5, Bytes: pageBytes}
		got, early := []game.SessionID{}, 0
		for {
			found, err := s.Sessions(t.Context(), q)
			must(t, err)
			n := len(found.Items)
			if n == 0 || n > q.Limit {
				t.Fatalf("a page of %d", n)
			}
			if size := jsonSize(t, found.Items[:n-1]); size > pageBytes+pageBytes/4 {
				t.Errorf("a page of %d has %d bytes without its last document", n, size)
			}
			got = append(got, sessionIDs(found.Items)...)
			if !found.More {
				break
			}
			if n < q.Limit {
				early++
			}
			q.After = found.Items[n-1].ID
		}
		slices.Reverse(got)
		want(t, got, sessionIDs(all))
		if brief != (early == 0) {
			t.Errorf("brief: %t: %d pages ended early", brief, early)
		}
	}
	// A page that ends with the last document has no next page, even if it is full.
	found, err := s.Sessions(t.Context(), game.SessionQuery{Project: project, After: all[3].ID, Limit: 10, Bytes: 1})
	must(t, err)
	want(t, found, game.Found[game.Session]{Items: all[2:3], More: true})
	found, err = s.Sessions(t.Context(), game.SessionQuery{Project: project, After: all[1].ID, Limit: 10, Bytes: 1})
	must(t, err)
	want(t, found, game.Found[game.Session]{Items: all[:1]})
}

func pagesOfPlayersOfBytes(t *testing.T, s game.Store) {
	var all []game.Player
	for range 12 {
		p := activePlayer()
		p.Attributes = game.Attributes{"note": game.StringValue(strings.Repeat("x", 15<<10))}
		must(t, s.CreatePlayer(t.Context(), p))
		all = append([]game.Player{p}, all...)
	}
	got := []game.Player{}
	q := game.PlayerQuery{Project: project, Limit: 100, Bytes: pageBytes}
	for {
		found, err := s.Players(t.Context(), q)
		must(t, err)
		if n := len(found.Items); n > 5 || n < 4 && found.More { // of some 15.5 KiB each
			t.Fatalf("a page of %d", n)
		}
		got = append(got, found.Items...)
		if !found.More {
			break
		}
		q.After = found.Items[len(found.Items)-1].ID
	}
	if len(got) != len(all) {
		t.Errorf("%d players, want %d", len(got), len(all))
	}
	want(t, got, all[:len(got)])
}

// briefSessions checks that brief lists return the ids of members, in order, and all other fields of sessions but the
// wait list.
func briefSessions(t *testing.T, s game.Store) {
	all := append(variousSessions(t, s, 20), newSession())
	must(t, s.CreateSession(t.Context(), all[20]))
	brief := slices.Clone(all)
	for i, v := range brief {
		brief[i].Members = make([]game.Member, len(v.Members))
		for k, m := range v.Members {
			brief[i].Members[k].PlayerID = m.PlayerID
		}
		brief[i].WaitList = []game.Waiter{}
	}
	for _, q := range []game.SessionQuery{
		{},
		{Where: game.Where{game.Is(game.FieldMember, all[1].Members[0].PlayerID)}},
		{Where: game.Where{game.Is(game.FieldHost, *all[20].HostID)}},
		{Where: game.Where{game.Is("mode", "ranked"), game.AtLeast(game.FieldFreeSeats, 1)}},
	} {
		q.Project, q.Brief, q.Limit = project, true, 10
		found, err := s.Sessions(t.Context(), q)
		must(t, err)
		full := selectedSessions(all, q)
		for i, v := range full.Items {
			full.Items[i] = brief[slices.IndexFunc(brief, func(b game.Session) bool { return b.ID == v.ID })]
		}
		if want(t, found, full); t.Failed() {
			t.Fatalf("by %+v", q)
		}
	}
}
