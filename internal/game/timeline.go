package game

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"
)

const (
	// maxTimelineChanges is the number of changes at which a page of a timeline ends early. Each takes less than 300
	// bytes, so that even with events that change a thousand members a page has at most a few times MaxPageBytes.
	maxTimelineChanges = 2000

	eventBatch = 1000
)

// Timeline returns a page of the events of a session, newest first. The host does not see ids of requests and of API
// keys. It returns ErrSessionNotFound, ErrValidation, ErrForbidden, or ErrNotHost for players who do not host the
// session.
func (s *Sessions) Timeline(ctx context.Context, id SessionID, cursor string, limit int) (List[Event], error) {
	c := CallerFrom(ctx)
	if err := c.mayRead(); err != nil {
		return List[Event]{}, err
	}
	v, err := s.get(ctx, id)
	if err != nil {
		return List[Event]{}, err
	}
	if err := c.maySeeTimeline(&v); err != nil {
		return List[Event]{}, err
	}
	subject := v.current().subject
	l, err := list(query[Event]{
		filters: subject,
		read: func(after string, limit int) (Found[Event], error) {
			if err := TakeRoom(ctx, 2*MaxPageBytes); err != nil {
				return Found[Event]{}, err
			}
			return timelinePage(ctx, s.store, TimelineQuery{
				Project: c.Project, Subject: subject, Before: positionBefore(after), Limit: limit + 1,
			})
		},
		id:   func(e Event) string { return strconv.FormatInt(e.Version, 10) },
		text: true,
	}, cursor, limit)
	l.Items = withoutUnreadable(l.Items)
	for i := range l.Items {
		l.Items[i] = c.visibleEvent(l.Items[i])
	}
	return l, err
}

// positionBefore parses the version in a cursor, or returns 0 for the empty cursor.
func positionBefore(after string) int64 {
	version, err := strconv.ParseInt(after, 10, 64)
	if err != nil { // no cursor
		return 0
	}
	return version
}

// timelinePage reads a page. The limit of the query is one more than the size of the page, which shows whether there
// are more.
func timelinePage(ctx context.Context, store EventStore, q TimelineQuery) (Found[Event], error) {
	return timelinePageOf(func() ([]Event, error) { return store.Timeline(ctx, q) }, q.Limit)
}

// timelinePageOf is timelinePage for any function that reads at most as many events as the limit.
func timelinePageOf(read func() ([]Event, error), limit int) (Found[Event], error) {
	events, err := read()
	if err != nil {
		return Found[Event]{}, err
	}
	changes := 0
	for i, e := range events {
		changes += len(e.Changes)
		if i+1 == limit || i > 0 && changes > maxTimelineChanges {
			return Found[Event]{Items: events[:i], More: true}, nil
		}
	}
	return Found[Event]{Items: events}, nil
}

// purgeEvery is how often events are looked at that are old enough to be removed.
const purgeEvery = 10 * time.Minute

// Feeds does the background work on events: in one process at a time, because what is removed from a feed must not be
// on its way to it.
type Feeds struct {
	store     EventStore
	retention time.Duration
	purged    time.Time // when nothing was left to be removed
}

// NewFeeds returns the work on the events of a store, which are kept for the retention.
func NewFeeds(store EventStore, retention time.Duration) *Feeds {
	return &Feeds{store: store, retention: retention}
}

// Tend gives the events that have none their places in the feeds of their projects, and removes some of those that are
// too old. It must not be called concurrently.
func (f *Feeds) Tend(ctx context.Context, now time.Time) error {
	var unreadable error // of single documents, which are no reason to keep what is too old
	for n := eventBatch; n >= eventBatch; {
		var err error
		n, err = f.store.OrderEvents(ctx, now, eventBatch)
		if errors.Is(err, ErrStale) { // the previous holder of the task is at its last run
			return nil
		}
		if errors.Is(err, ErrUnreadable) {
			unreadable, err = err, nil
		}
		if err != nil {
			return err
		}
	}
	if now.Sub(f.purged) < purgeEvery {
		return unreadable
	}
	n, err := f.store.PurgeEvents(ctx, now.Add(-f.retention), purgeBatch)
	if err == nil && n < purgeBatch {
		f.purged = now
	}
	return cmp.Or(err, unreadable)
}
