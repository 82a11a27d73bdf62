package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// happened stores a document at a version, with events of all versions that happened at the times.
func happened(t *testing.T, s game.Store, p game.ProjectID, at ...time.Time) *Subject {
	t.Helper()
	d := NewSubject(game.SubjectSession, p)
	events := d.Events(0, int64(len(at)))
	for i := range events {
		events[i].At = at[i]
	}
	must(t, d.Create(t.Context(), s, events[0]))
	if len(at) > 1 {
		must(t, d.Replace(t.Context(), s, 1, int64(len(at)), events[1:]...))
	}
	return d
}

// purgeEvents removes what is old, some at a time, in all projects. Places go on from where they were.
func purgeEvents(t *testing.T, s game.Store) {
	n, err := s.PurgeEvents(t.Context(), now(), 10)
	must(t, err)
	want(t, n, 0)
	old, young := now().Add(-time.Hour), now()
	a := happened(t, s, "one", old, old, old, young)
	b := happened(t, s, "two", old, old)
	order(t, s)
	purge := func(before time.Time, limit, wanted int) {
		t.Helper()
		n, err := s.PurgeEvents(t.Context(), before, limit)
		must(t, err)
		want(t, n, wanted)
	}
	purge(old, 10, 0) // those at the time are not before it
	purge(young, 2, 2)
	wantVersions(t, timelineOf(t, s, a), 2, 4)
	purge(young, 2, 2)
	wantVersions(t, timelineOf(t, s, a), 3, 4)
	wantVersions(t, timelineOf(t, s, b), 1, 2)
	purge(young, 2, 1)
	purge(young, 2, 0)
	wantVersions(t, timelineOf(t, s, a), 3, 4)
	if got := feedOf(t, s, "one"); len(got) != 1 || got[0].Seq != 4 {
		t.Errorf("left is %s", subjectsOf(got))
	}
	purge(young.Add(time.Millisecond), 100, 1)
	for _, p := range []game.ProjectID{"one", "two"} {
		want(t, feedOf(t, s, p), []game.Event{})
		end, err := s.FeedEnd(t.Context(), p)
		must(t, err)
		want(t, end, map[game.ProjectID]int64{"one": 4, "two": 2}[p])
		got, err := s.Feed(t.Context(), game.FeedQuery{Project: p, Player: "somebody", Limit: 10})
		must(t, err)
		want(t, got, []game.Event{})
	}
	want(t, exported(t, 10, idOfEvent, s.ExportEvents), []game.Event{})
	for i, d := range []*Subject{a, b} {
		v := []int64{4, 2}[i]
		must(t, d.Replace(t.Context(), s, v, v+1, d.Event(v+1)))
		order(t, s)
		if got := feedOf(t, s, d.Project); len(got) != 1 || got[0].Seq != v+1 || got[0].Version != v+1 {
			t.Errorf("after all were removed comes %s, want place %d", subjectsOf(got), v+1)
		}
	}
	wantSound(t, s)
}

// purgeInOrder has clocks that differ: what is removed is the beginning of the feed.
func purgeInOrder(t *testing.T, s game.Store) {
	old, young := now().Add(-time.Hour), now()
	happened(t, s, project, old, young, old, old)
	order(t, s)
	for range 2 {
		_, err := s.PurgeEvents(t.Context(), young, 1000)
		must(t, err)
		got := feedOf(t, s, project)
		if len(got) != 3 || got[0].Seq != 2 || got[2].Seq != 4 {
			t.Errorf("left is %s, want places 2 to 4", subjectsOf(got))
		}
	}
	n, err := s.PurgeEvents(t.Context(), young.Add(time.Millisecond), 1000)
	must(t, err)
	want(t, n, 3)
}

// purgedStayAway changes documents whose first events have been removed.
func purgedStayAway(t *testing.T, s game.Store) {
	old := now().Add(-time.Hour)
	for _, versions := range []int{1, 3, 30} {
		at := make([]time.Time, versions)
		for i := range at {
			at[i] = old
		}
		p := game.ProjectID(fmt.Sprint("project-", versions))
		d, v := happened(t, s, p, at...), int64(versions)
		order(t, s)
		n, err := s.PurgeEvents(t.Context(), old.Add(time.Millisecond), 1000)
		must(t, err)
		want(t, n, versions)
		want(t, timelineOf(t, s, d), []game.Event{})
		for range 20 {
			_, err := d.Version(t.Context(), s)
			must(t, err)
			must(t, d.Replace(t.Context(), s, v, v+1, d.Event(v+1)))
			v++
			order(t, s)
			wantVersions(t, timelineOf(t, s, d), int64(versions), v)
		}
		feed := feedOf(t, s, p)
		if len(feed) != 20 || feed[0].Seq != int64(versions+1) || feed[19].Seq != int64(versions+20) {
			t.Errorf("the feed is %s", subjectsOf(feed))
		}
	}
	wantSound(t, s)
}

func putEvents(t *testing.T, s game.Store) {
	d := NewSubject(game.SubjectPlayer, project)
	all := d.Events(0, 20)
	for i := range all {
		all[i].Seq = int64(i + 100)
	}
	must(t, s.PutEvents(t.Context(), all[5:15]))
	must(t, s.PutEvents(t.Context(), all))
	must(t, s.PutEvents(t.Context(), all))
	changed := d.Events(0, 20)
	for i := range changed {
		changed[i].Seq, changed[i].RequestID = int64(i+500), "another"
	}
	must(t, s.PutEvents(t.Context(), changed))
	want(t, feedOf(t, s, project), all)
	want(t, timelineOf(t, s, d), all)
	wantExported(t, all, idOfEvent, s.ExportEvents)

	stranger := NewSubject(game.SubjectPlayer, project)
	e := stranger.Event(1)
	e.Seq = 105
	wantError(t, s.PutEvents(t.Context(), []game.Event{e}), game.ErrExists)
	want(t, timelineOf(t, s, stranger), []game.Event{})

	next := NewSubject(game.SubjectSession, project)
	must(t, next.Create(t.Context(), s, next.Event(1)))
	order(t, s)
	if got := timelineOf(t, s, next); len(got) != 1 || got[0].Seq != 120 {
		t.Errorf("after place 119 comes %s", subjectsOf(got))
	}
	n, err := s.PurgeEvents(t.Context(), all[10].At, 1000)
	must(t, err)
	want(t, n, 10)
	wantSound(t, s)
}

// EventsAmongWrites writes to many documents and to one that all change, in batches of all sizes, while events are
// given places, through each of several stores on one database. Nothing is lost, told twice or out of order, and
// whoever reads a timeline meanwhile finds no gap.
func EventsAmongWrites(t *testing.T, stores ...game.Store) {
	const writers, largest = 8, 256
	ownVersions, hotVersions := int64(150), int64(3000)
	if testing.Short() {
		ownVersions, hotVersions = 50, 1000
	}
	projects := []game.ProjectID{"one", "two"}
	hot := NewSubject(game.SubjectSession, "one")
	must(t, hot.Create(t.Context(), stores[0], hot.Event(1)))
	var acknowledged atomic.Int64
	acknowledged.Store(1)
	stop := make(chan struct{})
	var beside sync.WaitGroup
	for _, s := range stores {
		beside.Go(func() { keepOrdering(t, s, stop) })
		beside.Go(func() { keepReading(t, s, hot, &acknowledged, stop) })
	}
	own := make([]*Subject, writers)
	versions := make([]int64, writers)
	results := together(2*writers, func(i int) error {
		s := stores[i%len(stores)]
		if i >= writers {
			return changeHot(t.Context(), s, hot, hotVersions, largest, &acknowledged)
		}
		own[i] = NewSubject(game.SubjectKinds()[i%3], projects[i%2])
		if err := own[i].Create(t.Context(), s, own[i].Event(1)); err != nil {
			return err
		}
		for versions[i] = 1; versions[i] < ownVersions; {
			next := versions[i] + rand.Int64N(20) + 1
			events := own[i].Events(versions[i], next)
			if err := own[i].Replace(t.Context(), s, versions[i], next, events...); err != nil {
				return err
			}
			versions[i] = next
		}
		return nil
	})
	close(stop)
	beside.Wait()
	for _, err := range results {
		must(t, err)
	}
	total := map[game.ProjectID]int{"one": int(acknowledged.Load())}
	wantVersions(t, timelineOf(t, stores[0], hot), 0, acknowledged.Load())
	for i, d := range own {
		wantVersions(t, timelineOf(t, stores[0], d), 0, versions[i])
		total[d.Project] += int(versions[i])
	}
	// Each may know of some, and may be about to tell the others of them.
	placed := func(p game.ProjectID) bool { return len(feedOf(t, stores[0], p)) == total[p] }
	for start := time.Now(); time.Since(start) < prompt; {
		for _, s := range stores {
			order(t, s)
		}
		if placed(projects[0]) && placed(projects[1]) {
			break
		}
	}
	for _, p := range projects {
		wantFeed(t, feedOf(t, stores[len(stores)-1], p), total[p])
	}
	wantSound(t, stores[0])
}

// changeHot races with others to bring a document to a version.
func changeHot(
	ctx context.Context, s game.Store, hot *Subject, until, largest int64, acknowledged *atomic.Int64,
) error {
	for {
		v, err := hot.Version(ctx, s)
		if err != nil || v >= until {
			return err
		}
		next := v + 1 + rand.Int64N(largest)
		switch err := hot.Replace(ctx, s, v, next, hot.Events(v, next)...); {
		case err == nil:
			for old := acknowledged.Load(); old < next &&
				!acknowledged.CompareAndSwap(old, next); old = acknowledged.Load() {
			}
		case !errors.Is(err, game.ErrStale):
			return err
		}
	}
}

// keepOrdering gives places until stop is closed. Another process may do the same.
func keepOrdering(t *testing.T, s game.Store, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if _, err := s.OrderEvents(t.Context(), now(), 50); err != nil && !errors.Is(err, game.ErrStale) {
			t.Error(err)
			return
		}
	}
}

// keepReading reads the newest events of a document until stop is closed: more than may be on their way into the feed
// at once, and none is missing.
func keepReading(t *testing.T, s game.Store, d *Subject, acknowledged *atomic.Int64, stop <-chan struct{}) {
	const page = 600
	for {
		select {
		case <-stop:
			return
		default:
		}
		before := acknowledged.Load()
		got, err := s.Timeline(t.Context(), game.TimelineQuery{Project: d.Project, Subject: d.Subject, Limit: page})
		if err != nil {
			t.Error(err)
			return
		}
		if len(got) == 0 || got[0].Version < before || int64(len(got)) != min(page, got[0].Version) {
			t.Errorf("of %d versions that were acknowledged %d events are read", before, len(got))
			return
		}
		for i, e := range got {
			if e.Version != got[0].Version-int64(i) {
				t.Errorf("event %d of %d is of version %d, not %d", i, len(got), e.Version, got[0].Version-int64(i))
				return
			}
		}
	}
}
