package game_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/game"
)

// ended is a store of sessions that have ended. Each call takes a while, which a fake clock measures.
type ended struct {
	game.SessionStore
	sessions int
	took     time.Duration // of a call
	fails    error         // of the call after which there would be none

	calls int
	last  time.Time // the end of the last call
	rests []time.Duration
}

func (e *ended) PurgeSessions(ctx context.Context, _ time.Time, limit int) (int, error) {
	if e.calls++; e.calls > 1 {
		e.rests = append(e.rests, time.Since(e.last))
	}
	select {
	case <-time.After(e.took):
	case <-ctx.Done():
		return 0, game.ErrStoreUnavailable.Because(ctx.Err())
	}
	e.last = time.Now()
	n := min(limit, e.sessions)
	if e.sessions -= n; e.sessions == 0 && e.fails != nil {
		return 0, e.fails
	}
	return n, nil
}

func TestPurgeSessionsPauses(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{0, 50 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			e := ended{sessions: 1050, took: took}
			n, err := game.PurgeSessions(t.Context(), &e, time.Now())
			if n != 1050 || err != nil || e.sessions != 0 {
				t.Errorf("purged %d, %v; %d are left", n, err, e.sessions)
			}
			if len(e.rests) != 10 {
				t.Errorf("%d pauses between batches, want 10", len(e.rests))
			}
			for _, rest := range e.rests {
				if rest < max(4*took, 10*time.Millisecond) {
					t.Errorf("paused for %v after a batch that took %v", rest, took)
				}
			}
		})
	}
}

// What does not fit into a run is left to the next, whether the time ends in a pause or in a batch.
func TestPurgeSessionsEndsWithItsRun(t *testing.T) {
	t.Parallel()
	for _, run := range []time.Duration{900 * time.Millisecond, 1020 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), run)
			defer cancel()
			e := ended{sessions: 1_000_000, took: 50 * time.Millisecond}
			n, err := game.PurgeSessions(ctx, &e, time.Now())
			if err != nil || n == 0 || n+e.sessions != 1_000_000 {
				t.Errorf("purged %d, %v; %d are left", n, err, e.sessions)
			}
		})
	}
}

func TestPurgeSessionsFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		e := ended{sessions: 250, fails: broken}
		if n, err := game.PurgeSessions(t.Context(), &e, time.Now()); n != 200 || !errors.Is(err, broken) {
			t.Errorf("purged %d, %v", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e = ended{sessions: 1, took: time.Minute}
		if n, err := game.PurgeSessions(ctx, &e, time.Now()); n != 0 || !errors.Is(err, game.ErrStoreUnavailable) {
			t.Errorf("purged %d of a store that hangs, %v", n, err)
		}
	})
}
