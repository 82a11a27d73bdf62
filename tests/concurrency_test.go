package tests_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"game-session-manager/client"
)

func TestSeatsAreNotSoldTwice(t *testing.T) {
	t.Parallel()
	const players, seats = 200, 10
	s := start(t)
	racers := s.newPlayers(t, "racer", players)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: seats}})
	clients := []*client.Client{s.connect(t, client.WithRetries(0)), s.connect(t, client.WithRetries(0))}

	failures := make([]error, players)
	together(players, func(i int) {
		_, failures[i] = clients[i%2].Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: racers[i].ID})
	})
	seated := map[client.PlayerID]bool{}
	full := 0
	for i, err := range failures {
		switch {
		case err == nil:
			seated[racers[i].ID] = true
		case errors.Is(err, client.ErrSessionFull):
			full++
		default:
			t.Errorf("racer %d: %v", i, err)
		}
	}
	v, err := s.api.Sessions.Get(t.Context(), v.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range v.Members {
		if !seated[m.PlayerID] {
			t.Errorf("%s was refused and holds a seat", m.PlayerID)
		}
	}
	if len(seated) != seats || full != players-seats || len(v.Members) != seats || v.Version != seats+1 {
		t.Errorf("%d seated, %d refused, %d members at version %d", len(seated), full, len(v.Members), v.Version)
	}
}

// sound returns an error if a session violates an invariant.
func sound(v client.Session) error {
	seen := map[client.PlayerID]bool{}
	for _, m := range v.Members {
		if seen[m.PlayerID] {
			return fmt.Errorf("%s holds two seats", m.PlayerID)
		}
		seen[m.PlayerID] = true
	}
	switch {
	case len(v.Members) > v.MaxPlayers:
		return fmt.Errorf("%d members of %d", len(v.Members), v.MaxPlayers)
	case v.HostID != nil && !seen[*v.HostID]:
		return fmt.Errorf("the host %s is no member", *v.HostID)
	}
	return nil
}

func TestStormOfJoinsAndLeaves(t *testing.T) {
	t.Parallel()
	const players, turns, seats = 20, 15, 5
	s := start(t)
	p := s.newPlayers(t, "p", players)
	v := s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: seats}, HostID: &p[0].ID})

	over, watched := make(chan struct{}), make(chan error, 1)
	go func() { watched <- watch(t.Context(), s.api, v.ID, over) }()
	failures := make([]error, players)
	together(players, func(i int) { failures[i] = comeAndGo(t.Context(), s.api, v.ID, p[i].ID, turns) })
	close(over)
	if err := errors.Join(append(failures, <-watched)...); err != nil {
		t.Fatal(err)
	}
	v, err := s.api.Sessions.Get(t.Context(), v.ID)
	if err != nil || len(v.Members) != 0 || v.HostID != nil || v.Status != client.StatusOpen {
		t.Errorf("after everybody left: %+v, %v", v, err)
	}
}

// comeAndGo joins and leaves a number of times. A full session is not an error.
func comeAndGo(ctx context.Context, c *client.Client, id client.SessionID, p client.PlayerID, turns int) error {
	for range turns {
		v, err := c.Sessions.Join(ctx, id, client.JoinRequest{PlayerID: p})
		if err != nil && !errors.Is(err, client.ErrSessionFull) {
			return err
		}
		if err == nil {
			if !slices.ContainsFunc(v.Members, func(m client.Member) bool { return m.PlayerID == p }) {
				return fmt.Errorf("%s joined and is no member", p)
			}
			if err := sound(v.Session); err != nil {
				return err
			}
		}
		if err := c.Sessions.Leave(ctx, id, p); err != nil {
			return err
		}
	}
	return nil
}

// watch reads the session until over is closed, and at least once.
func watch(ctx context.Context, c *client.Client, id client.SessionID, over <-chan struct{}) error {
	for version := int64(0); ; {
		v, err := c.Sessions.Get(ctx, id)
		if err != nil {
			return err
		}
		if v.Version < version {
			return fmt.Errorf("version %d after version %d", v.Version, version)
		}
		version = v.Version
		if err := sound(v); err != nil {
			return err
		}
		select {
		case <-over:
			return nil
		default:
		}
	}
}

func TestNoChangeIsLostUnderConditions(t *testing.T) {
	t.Parallel()
	const writers, turns, tries = 8, 5, 1000
	s := start(t)
	v := s.newSession(t, client.SessionRequest{
		Settings: client.Settings{MaxPlayers: 2, Attributes: client.Attributes{"n": client.Number(0)}},
	})
	failures := make([]error, writers)
	increment := func() error {
		for range tries {
			v, err := s.api.Sessions.Get(t.Context(), v.ID)
			if err != nil {
				return err
			}
			n, _ := v.Attributes["n"].Any().(float64)
			_, err = s.api.Sessions.Patch(
				t.Context(), v.ID, client.Patch{"attributes": client.Patch{"n": n + 1}}, client.IfVersion(v.Version),
			)
			if !errors.Is(err, client.ErrVersionMismatch) {
				return err
			}
		}
		return errors.New("never got through")
	}
	together(writers, func(i int) {
		for range turns {
			failures[i] = errors.Join(failures[i], increment())
		}
	})
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	v, err := s.api.Sessions.Get(t.Context(), v.ID)
	if err != nil || v.Attributes["n"] != client.Number(writers*turns) || v.Version != writers*turns+1 {
		t.Errorf("got %v at version %d, want %d: %v", v.Attributes["n"], v.Version, writers*turns, err)
	}
}

func TestOneNameAtTheSameTime(t *testing.T) {
	t.Parallel()
	const n = 50
	s := start(t)
	var won, taken atomic.Int32
	failures := make([]error, n)
	together(n, func(i int) {
		name := []string{"Alice", "ALICE", "alice"}[i%3]
		switch a, err := s.try(t.Context(), "POST /api/v1/players", fmt.Sprintf(`{"username":%q}`, name)); {
		case err != nil:
			failures[i] = err
		case a.status == http.StatusCreated:
			won.Add(1)
		case a.status == http.StatusConflict:
			taken.Add(1)
		}
	})
	if err := errors.Join(failures...); err != nil || won.Load() != 1 || taken.Load() != n-1 {
		t.Errorf("%d got the name, %d did not: %v", won.Load(), taken.Load(), err)
	}
}

// A player that is erased while it joins sessions ends up in no live session, whichever is faster.
func TestErasureWhileJoining(t *testing.T) {
	t.Parallel()
	const sessions = 30
	s := start(t, withArgs("--request-timeout=1s"))
	p := s.newPlayer(t, "hasty")
	rooms := make([]client.Session, sessions)
	for i := range rooms {
		rooms[i] = s.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}})
	}
	failures := make([]error, sessions+1)
	together(sessions+1, func(i int) {
		if i == sessions {
			failures[i] = s.api.Players.Delete(t.Context(), p.ID)
			return
		}
		_, err := s.api.Sessions.Join(t.Context(), rooms[i].ID, client.JoinRequest{PlayerID: p.ID})
		if err != nil && !errors.Is(err, client.ErrPlayerNotFound) {
			failures[i] = err
		}
	})
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.Players.Get(t.Context(), p.ID); !errors.Is(err, client.ErrPlayerNotFound) {
		t.Errorf("an erased player: %v", err)
	}
	eventually(t, "the player has left every session", func() bool {
		page, err := s.api.Sessions.List(t.Context(), client.SessionFilter{MemberID: p.ID})
		return err == nil && len(page.Items) == 0
	})
}
