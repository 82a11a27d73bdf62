package gsmtest_test

import (
	"errors"
	"testing"

	"game-session-manager/client"
	"game-session-manager/internal/gsmtest"
	"game-session-manager/internal/store/mongostore/mongotest"
)

// What the client creates is in the store, and the client's errors are those of the service.
func TestStart(t *testing.T) {
	t.Parallel()
	check(t, gsmtest.Start(t))
}

func TestStartOnMongoDB(t *testing.T) {
	t.Parallel()
	check(t, gsmtest.StartOn(t, mongotest.Database(t)))
}

func check(t *testing.T, s *gsmtest.Server) {
	t.Helper()
	p, err := s.Client.Players.Create(t.Context(), client.Profile{Username: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.Store.Player(t.Context(), p.Project, p.ID)
	if err != nil || stored.Username != "alice" {
		t.Errorf("stored as %+v, %v", stored, err)
	}
	_, err = s.Client.Players.Create(t.Context(), client.Profile{Username: "ALICE"})
	if !errors.Is(err, client.ErrUsernameTaken) {
		t.Errorf("got %v, want ErrUsernameTaken", err)
	}
}

func TestStartsAreApart(t *testing.T) {
	t.Parallel()
	for range 2 {
		s := gsmtest.Start(t)
		if _, err := s.Client.Players.Create(t.Context(), client.Profile{Username: "alice"}); err != nil {
			t.Error(err)
		}
	}
}
