package feed_test

import (
	"context"
	"errors"
	"testing"

	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
)

// spoilt is a store that cannot read the event of a version.
type spoilt struct {
	game.Store
	version int64
}

func (s spoilt) spoil(events []game.Event, err error) ([]game.Event, error) {
	for i, e := range events {
		if e.Version == s.version {
			events[i] = game.UnreadableEvent(e.Project, e.ID(), e.Seq, e.At)
		}
	}
	return events, err
}

func (s spoilt) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	return s.spoil(s.Store.Feed(ctx, q))
}

func (s spoilt) Timeline(ctx context.Context, q game.TimelineQuery) ([]game.Event, error) {
	return s.spoil(s.Store.Timeline(ctx, q))
}

// An event that cannot be read keeps its place in the feed of a project, and is a gap in that of its session. Nobody
// waits for it.
func TestUnreadableEvent(t *testing.T) {
	t.Parallel()
	const bad = 5
	w := newWorld(t, func(o *feed.Options) { o.Store = spoilt{o.Store, bad} })
	v := w.create(t)
	live, liveProject := w.follow(t, v, 1), w.followProject(t, 1)
	edit(t, w.other, v.ID, bad-2)
	wantVersions(t, live, 1, bad-1)
	wantPlaces(t, liveProject, 1, bad-1)
	edit(t, w.other, v.ID, 1)
	wantPlaces(t, liveProject, bad-1, bad)
	edit(t, w.other, v.ID, 5)
	wantError(t, live, feed.ErrGap)
	wantPlaces(t, liveProject, bad, bad+5)
	for at := range int64(bad + 5) {
		wantPlaces(t, w.followProject(t, at), at, bad+5)
		f := w.follow(t, v, at)
		switch {
		case at >= bad:
			wantVersions(t, f, at, bad+5)
			continue
		case at < bad-1:
			wantVersions(t, f, at, bad-1)
		}
		if events, err := f.Ready(t.Context()); !errors.Is(err, feed.ErrGap) {
			t.Errorf("from %d come %v, %v", at, events, err)
		}
	}
}
