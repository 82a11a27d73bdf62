package storetest

import (
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// unreadableEvents checks that events that cannot be read keep their places and hold up neither those who read the
// others nor the removal of old ones.
func unreadableEvents(t *testing.T, s game.Store, spoil func(t *testing.T, collection, id string)) {
	t.Helper()
	const all = 9
	d := NewSubject(game.SubjectSession, "spoilt")
	wanted := d.Events(0, all)
	must(t, d.Create(t.Context(), s, wanted[0]))
	must(t, d.Replace(t.Context(), s, 1, all, wanted[1:]...))
	order(t, s)
	var spoilt []string
	for i, e := range wanted {
		if slices.Contains([]int{0, 4, 5, 8}, i) { // the first and the last, and neighbours
			spoil(t, "events", e.ID())
			spoilt = append(spoilt, e.ID())
			wanted[i] = game.UnreadableEvent(d.Project, e.ID(), 0, e.At)
		}
		wanted[i].Seq = int64(i) + 1
	}
	unreadableInFeeds(t, s, wanted)
	unreadableInTimelines(t, s, d, wanted)
	_, err := s.ExportEvents(t.Context(), "", 1000)
	wantError(t, err, game.ErrStoreUnavailable)
	wantUnreadable(t, err)
	found := findingsOfEvents(t, s)
	for _, id := range spoilt {
		if !slices.Contains(found, id) {
			t.Errorf("the inspection finds %v, want %s", found, id)
		}
	}

	for n := 1; n > 0; {
		n, err = s.PurgeEvents(t.Context(), time.Now().Add(time.Hour), 2)
		must(t, err)
	}
	want(t, len(feedOf(t, s, d.Project)), 0)
	end, err := s.FeedEnd(t.Context(), d.Project)
	must(t, err)
	want(t, end, int64(all))
	want(t, len(findingsOfEvents(t, s)), 0)
}

// findingsOfEvents returns the ids of the events that an inspection finds.
func findingsOfEvents(t *testing.T, s game.Store) (ids []string) {
	t.Helper()
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) {
		if f.Collection == "events" && f.ID != "" {
			ids = append(ids, f.ID)
		}
	}))
	return ids
}

// unreadableInFeeds reads the feed in pages of every size, in both orders and by what it is searched by.
func unreadableInFeeds(t *testing.T, s game.Store, wanted []game.Event) {
	t.Helper()
	of := wanted[0].Project
	for _, q := range []game.FeedQuery{
		{Project: of}, {Project: of, Player: "somebody"}, {Project: of, Newest: true},
	} {
		for limit := 1; limit <= len(wanted)+1; limit++ {
			q.After, q.Before, q.Limit = 0, 0, limit
			var got []game.Event
			for {
				page, err := s.Feed(t.Context(), q)
				must(t, err)
				if got = append(got, page...); len(page) < limit {
					break
				}
				if last := page[len(page)-1].Seq; q.Newest {
					q.Before = last
				} else {
					q.After = last
				}
			}
			if q.Newest {
				slices.Reverse(got)
			}
			if want(t, got, wanted); t.Failed() {
				t.Fatalf("by pages of %d, %+v", limit, q)
			}
		}
	}
}

// unreadableInTimelines reads the timeline of a session as the store has it, and as users do, who see the others.
func unreadableInTimelines(t *testing.T, s game.Store, d *Subject, wanted []game.Event) {
	t.Helper()
	want(t, timelineOf(t, s, d), wanted)
	var readable []int64
	for _, e := range slices.Backward(wanted) {
		if !e.Unreadable {
			readable = append(readable, e.Version)
		}
	}
	ctx := game.WithCaller(t.Context(), game.Caller{Project: d.Project, Scope: game.ScopeServer})
	version := func(e game.Event) int64 { return e.Version }
	wantInPages(t, readable, version, func(cursor string, limit int) (game.List[game.Event], error) {
		return game.NewSessions(deps(s)).Timeline(ctx, game.SessionID(d.ID), cursor, limit)
	})
}

// UnknownChange checks that nobody reads past an event with a change that only a newer version of the program knows.
// Engines call it with an empty store, and a function that gives the first change of a stored event an unknown type.
func UnknownChange(t *testing.T, s game.Store, spoil func(t *testing.T, id string)) {
	t.Helper()
	d := NewSubject(game.SubjectSession, project)
	must(t, d.Create(t.Context(), s, d.Event(1)))
	must(t, d.Replace(t.Context(), s, 1, 3, d.Events(1, 3)...))
	order(t, s)
	spoil(t, game.EventID(d.Subject, 2))
	_, err := s.Feed(t.Context(), game.FeedQuery{Project: project, After: 1, Limit: 9})
	wantError(t, err, game.ErrStoreUnavailable)
	wantError(t, err, game.ErrUnknownChange)
	_, err = s.Timeline(t.Context(), game.TimelineQuery{Project: project, Subject: d.Subject, Limit: 9})
	wantError(t, err, game.ErrUnknownChange)
	page, err := s.Feed(t.Context(), game.FeedQuery{Project: project, After: 2, Limit: 9})
	must(t, err)
	wantVersions(t, page, 2, 3)
	for n := 1; n > 0; {
		n, err = s.PurgeEvents(t.Context(), time.Now().Add(time.Hour), 9)
		must(t, err)
	}
	want(t, len(findingsOfEvents(t, s)), 0)
}
