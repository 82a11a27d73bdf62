package game

import (
	"context"
	"errors"
	"time"
)

const (
	// sessionBatch is how many sessions are purged at once: each has up to some hundred entries in indexes.
	sessionBatch = 100
	// A purge of sessions pauses after each batch, for a multiple of the time that the batch took, so that it takes at
	// most a fifth of what the database can do.
	purgePause    = 4
	minPurgePause = 10 * time.Millisecond
)

// PurgeSessions removes sessions of all projects that ended before the given time and returns how many. It is for
// background work: it pauses between batches, so that requests are not slowed down, and when the context ends it leaves
// the rest to the next run.
func PurgeSessions(ctx context.Context, store SessionStore, before time.Time) (int, error) {
	total := 0
	for {
		begin := time.Now()
		n, err := store.PurgeSessions(ctx, before, sessionBatch)
		total += n
		switch {
		case err != nil && total > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return total, nil // the run's time is up
		case err != nil || n < sessionBatch:
			return total, err
		}
		if err := Sleep(ctx, max(purgePause*time.Since(begin), minPurgePause)); err != nil {
			return total, nil //nolint:nilerr // the run's time is up
		}
	}
}
