package tests_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"game-session-manager/client"
)

// quickPlayers is how many players join at once: 1,000 with GSM_TEST_QUICK=1000, and otherwise as many as fit into some
// seconds.
func quickPlayers(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("GSM_TEST_QUICK"))
	if err != nil {
		return 200
	}
	return n
}

// quickFleet starts processes on one database: several on MongoDB, and one on SQLite.
func quickFleet(t *testing.T, n int, options ...func(*setup)) []*server {
	t.Helper()
	all := []*server{start(t, options...)}
	for i := 1; i < n && underTest.name != sqlite; i++ {
		all = append(all, start(t, append(options,
			onDatabase(all[0].database), withArgs("--replica=process-"+strconv.Itoa(i)))...))
	}
	return all
}

// duels is a quick join of one player for a room of four.
func duels(p client.PlayerID) client.QuickJoin {
	return client.QuickJoin{
		Players: []client.JoinRequest{{PlayerID: p}},
		Where:   []client.Condition{client.Where("mode").Eq("duel"), client.Where("attributes.ranked").Eq(true)},
		Create: &client.SessionTemplate{Settings: client.Settings{
			Mode: "duel", MaxPlayers: 4, Attributes: client.Attributes{"ranked": client.Bool(true)},
		}},
	}
}

// TestQuickJoinsFillRooms checks that players who join at once, through several processes, make as many rooms as they
// fill.
func TestQuickJoinsFillRooms(t *testing.T) {
	t.Parallel()
	s := quickFleet(t, 3, withArgs("--request-timeout=30s"))
	players := s[0].newPlayers(t, "quick", quickPlayers(t))
	clients := make([]*client.Client, 3)
	for i := range clients {
		clients[i] = s[i%len(s)].connect(t)
	}
	began := time.Now()
	joined, failures := make([]client.QuickJoined, len(players)), make([]error, len(players))
	together(len(players), func(i int) {
		joined[i], failures[i] = clients[i%3].Sessions.QuickJoin(t.Context(), duels(players[i].ID))
	})
	took := time.Since(began)
	created := 0
	for i, err := range failures {
		must(t, err)
		if joined[i].Created {
			created++
		}
	}
	rooms := 0
	for v, err := range s[0].api.Sessions.All(t.Context(), client.SessionFilter{}) {
		must(t, err)
		rooms++
		if v.FreeSeats != 0 {
			t.Errorf("session %s has %d free seats", v.ID, v.FreeSeats)
		}
	}
	if want := len(players) / 4; rooms != want || created != want {
		t.Errorf("%d players have %d rooms, of which they created %d, want %d", len(players), rooms, created, want)
	}
	t.Logf("%d players filled %d rooms through %d processes in %v", len(players), rooms, len(s), took)
}
