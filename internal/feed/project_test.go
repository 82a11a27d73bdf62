package feed_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
)

// followProject returns a follower that has read up to a place in the feed of the project.
func (w *world) followProject(t *testing.T, at int64) *feed.Follower {
	t.Helper()
	f := w.hub.Project(game.DefaultProject)
	t.Cleanup(f.Close)
	end, err := w.engine.FeedEnd(t.Context(), game.DefaultProject)
	must(t, err)
	f.Begin(at, end)
	return f
}

// Each follower of a project gets all events of all its documents once and in order, from wherever it begins, beginning
// before there are any.
func TestFollowProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.followProject(t, 0)
	a := w.create(t)
	wantPlaces(t, first, 0, 1)
	b := w.create(t)
	edit(t, w.other, b.ID, 250) // more than a page
	var g sync.WaitGroup
	for i := range 20 {
		f := w.followProject(t, int64(i*10))
		g.Go(func() { wantPlaces(t, f, int64(i*10), 1252) })
	}
	g.Go(func() { wantPlaces(t, first, 1, 1252) })
	g.Go(func() { edit(t, w.own, a.ID, 500) })
	edit(t, w.other, b.ID, 500)
	g.Wait()
}

// Events of this process reach the followers of the project without a look at the store for others.
func TestOwnEventsOfProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *feed.Options) { o.Poll = time.Hour })
	v := w.create(t)
	f := w.hub.Project(game.DefaultProject)
	t.Cleanup(f.Close)
	edit(t, w.own, v.ID, 1) // between the look at the end of the feed and the beginning
	f.Begin(1, 1)
	wantPlaces(t, f, 1, 2)
	for place := int64(2); place < 20; place++ {
		edit(t, w.own, v.ID, 1)
		wantPlaces(t, f, place, place+1)
	}
	polls := w.count("Pulses")
	if n := w.count("Feed"); n > 60 || polls > 0 {
		t.Errorf("the store was read %d times, and polled %d times", n, polls)
	}
}

// ordering gives the events that are stored their places only when it is told to.
type ordering struct {
	game.Store
	placed int
}

func (s *ordering) OrderEvents(context.Context, time.Time, int) (int, error) { return s.placed, nil }

// Where places are given later, the process is told to give them, and tells its followers then.
func TestOrder(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	w := newWorld(t, func(o *feed.Options) {
		o.Poll = time.Hour
		o.Order = func() { asked <- struct{}{} }
	})
	v := w.create(t)
	edit(t, w.own, v.ID, 1)
	f := w.followProject(t, 2)
	edit(t, w.own, v.ID, 3)
	if n := len(asked); n != 3 {
		t.Errorf("asked %d times for places, want 3: for each event, while somebody follows", n)
	}
	engine := &ordering{Store: w.engine}
	mover := w.hub.Observe(engine)
	reads := w.count("Feed")
	for _, engine.placed = range []int{0, 3} {
		if _, err := mover.OrderEvents(t.Context(), time.Now(), 10); err != nil {
			t.Fatal(err)
		}
		if n := w.count("Feed"); engine.placed == 0 && n != reads {
			t.Errorf("the store was read %d times although nothing had got its place", n-reads)
		}
	}
	wantPlaces(t, f, 2, 5)
}

// What was removed is a gap for those who have not read it, and nothing for the others.
func TestGapOfProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	v := w.create(t)
	edit(t, w.other, v.ID, 9)
	_, err := w.engine.PurgeEvents(t.Context(), time.Now().Add(time.Hour), 1000)
	must(t, err)
	wantError(t, w.followProject(t, 3), feed.ErrGap)
	if events, err := w.followProject(t, 3).Ready(t.Context()); !errors.Is(err, feed.ErrGap) {
		t.Errorf("got %v, %v", events, err)
	}
	current := w.followProject(t, 10)
	edit(t, w.other, v.ID, 1)
	wantPlaces(t, current, 10, 11)
}
