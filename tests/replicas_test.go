package tests_test

import (
	"errors"
	"testing"
	"time"

	"game-session-manager/client"
)

// replicas starts two processes on one fresh database.
func replicas(t testing.TB, options ...func(*setup)) [2]*server {
	t.Helper()
	only(t, mongodb) // an embedded database has one process
	first := start(t, append(options, withArgs("--replica=first"))...)
	return [2]*server{first, start(t, append(options, onDatabase(first.database), withArgs("--replica=second"))...)}
}

// A seat is not sold twice by two processes either, and the racers do not wear each other down.
func TestSeatsAreNotSoldTwiceByTwoProcesses(t *testing.T) {
	t.Parallel()
	const players, seats = 1000, 100
	s := replicas(t, withArgs("--request-timeout=30s"))
	racers := s[0].newPlayers(t, "racer", players)
	v := s[0].newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: seats}})
	clients := []*client.Client{s[0].connect(t, client.WithRetries(0)), s[1].connect(t, client.WithRetries(0))}

	failures := make([]error, players)
	begin := time.Now()
	together(players, func(i int) {
		_, failures[i] = clients[i%2].Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: racers[i].ID})
	})
	took := time.Since(begin)
	seated := map[client.PlayerID]bool{}
	for i, err := range failures {
		if err == nil {
			seated[racers[i].ID] = true
		} else if !errors.Is(err, client.ErrSessionFull) {
			t.Errorf("racer %d: %v", i, err)
		}
	}
	for i := range s {
		v, err := s[i].api.Sessions.Get(t.Context(), v.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range v.Members {
			if !seated[m.PlayerID] {
				t.Errorf("%s was refused and holds a seat", m.PlayerID)
			}
		}
		if err := sound(v); err != nil || len(seated) != seats || len(v.Members) != seats || v.Version != seats+1 {
			t.Errorf("%d seated, %d members at version %d: %v", len(seated), len(v.Members), v.Version, err)
		}
	}
	t.Logf("%d players raced through two processes for %d seats in %v", players, seats, took.Round(time.Millisecond))
	if took > convergence {
		t.Errorf("the race took %v, want at most %v", took, convergence)
	}
}

// convergence is how long a race for seats may take. It takes a quarter of that on a slow machine; the rest is for the
// other tests that run at the same time.
const convergence = 20 * time.Second

// What one process acknowledged the other one has.
func TestChangesAreSeenThroughTheOtherProcess(t *testing.T) {
	t.Parallel()
	s := replicas(t)
	p := s[0].newPlayer(t, "alice")
	got, err := s[1].api.Players.Get(t.Context(), p.ID)
	if err != nil || got.Username != "alice" {
		t.Fatalf("got %+v, %v", got, err)
	}
	_, err = s[1].api.Players.Create(t.Context(), client.Profile{Username: "ALICE"})
	if !errors.Is(err, client.ErrUsernameTaken) {
		t.Errorf("the name a second time: %v", err)
	}
	v := s[1].newSession(t, client.SessionRequest{HostID: &p.ID, Settings: client.Settings{MaxPlayers: 2}})
	for i := range 20 {
		mode := string(rune('a' + i))
		changed, err := s[i%2].api.Sessions.Patch(
			t.Context(), v.ID, client.Patch{"mode": mode}, client.IfVersion(v.Version),
		)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = s[1-i%2].api.Sessions.Get(t.Context(), v.ID); err != nil || v.Version != changed.Version ||
			v.Mode != mode {
			t.Fatalf("got %+v, %v, want version %d with mode %s", v, err, changed.Version, mode)
		}
	}
	if err := s[0].api.Players.Delete(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s[1].api.Players.Get(t.Context(), p.ID); !errors.Is(err, client.ErrPlayerNotFound) {
		t.Errorf("an erased player: %v", err)
	}
}

// A creation that is tried again reaches any process, and at the same time several.
func TestIdempotencyAcrossProcesses(t *testing.T) {
	t.Parallel()
	s := replicas(t)
	for name, create := range map[string]func(*server, string) (string, error){
		"player": func(s *server, key string) (string, error) {
			p, err := s.api.Players.Create(t.Context(), client.Profile{Username: "bob"}, client.IdempotencyKey(key))
			return string(p.ID), err
		},
		"session": func(s *server, key string) (string, error) {
			v, err := s.api.Sessions.Create(t.Context(), client.SessionRequest{
				Settings: client.Settings{MaxPlayers: 2},
			}, client.IdempotencyKey(key))
			return string(v.ID), err
		},
	} {
		const tries = 10
		ids, failures := make([]string, tries), make([]error, tries)
		together(tries, func(i int) { ids[i], failures[i] = create(s[i%2], name) })
		for i := range tries {
			if failures[i] != nil || ids[i] != ids[0] {
				t.Errorf("%s: try %d made %s, %v, and try 0 made %s", name, i, ids[i], failures[i], ids[0])
			}
		}
	}
	_, err := s[1].api.Players.Create(t.Context(), client.Profile{Username: "carol"}, client.IdempotencyKey("player"))
	if !errors.Is(err, client.ErrIdempotencyKeyReuse) {
		t.Errorf("the key for another request: %v", err)
	}
	players, err := s[0].api.Players.List(t.Context(), client.PlayerFilter{})
	if err != nil || len(players.Items) != 1 {
		t.Errorf("%d players, %v", len(players.Items), err)
	}
	sessions, err := s[0].api.Sessions.List(t.Context(), client.SessionFilter{})
	if err != nil || len(sessions.Items) != 1 {
		t.Errorf("%d sessions, %v", len(sessions.Items), err)
	}
}
