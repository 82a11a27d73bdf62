package mongostore_test

import (
	"errors"
	"testing"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/mongostore/mongotest"
)

// TestLaterBatchesTakeTooLong has the server end a list by a condition that no index serves, in its second batch:
// MongoDB counts the time of all batches.
func TestLaterBatchesTakeTooLong(t *testing.T) {
	t.Parallel()
	p := newProxy(t, mongotest.Database(t))
	s := openTest(t, p.url, mongostore.Options{})
	for range 9 {
		must(t, s.CreateSession(t.Context(), newSession()))
	}
	q := game.SessionQuery{
		Project: project, Where: game.Where{game.Flag("locked", false)}, Limit: 5, Bytes: 1 << 20, Work: time.Minute,
	}
	if found, err := s.Sessions(t.Context(), q); err != nil || len(found.Items) != 5 {
		t.Fatalf("found %d, %v", len(found.Items), err)
	}
	p.faults("getMore", "", nil, exceedTime)
	if _, err := s.Sessions(t.Context(), q); !errors.Is(err, game.ErrTooBroad) {
		t.Errorf("got %v, want ErrTooBroad", err)
	}
}
