package webhooks_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"game-session-manager/internal/game"
)

// spoilt is a store that cannot read an event, or the timeline of a session.
type spoilt struct {
	game.Store
	event    string // id
	timeline string // of this session
	broken   atomic.Bool
}

func (s *spoilt) spoil(events []game.Event, err error) ([]game.Event, error) {
	for i, e := range events {
		if e.ID() == s.event {
			events[i] = game.UnreadableEvent(e.Project, e.ID(), e.Seq, e.At)
		}
	}
	return events, err
}

func (s *spoilt) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	return s.spoil(s.Store.Feed(ctx, q))
}

func (s *spoilt) Timeline(ctx context.Context, q game.TimelineQuery) ([]game.Event, error) {
	if q.Subject.ID == s.timeline && s.broken.Load() {
		return nil, game.ErrStoreUnavailable.Because(game.ErrUnreadable)
	}
	return s.spoil(s.Store.Timeline(ctx, q))
}

// An event that cannot be read is a dead letter, whether it is found in the feed or behind one that waits.
func TestUnreadableEvent(t *testing.T) {
	t.Parallel()
	for _, waits := range []bool{false, true} {
		w := newWorld(t)
		var fail atomic.Bool
		r := newReceiver(t, func(session string, _ int64) int {
			if session == "a" && fail.Load() {
				return http.StatusBadGateway
			}
			return http.StatusOK
		})
		hook := w.create(t, r)
		for version := range int64(3) {
			w.happens(t, "a", version+1)
			w.happens(t, "b", version+1)
		}
		fail.Store(waits)
		bad := game.EventID(game.Subject{Kind: game.SubjectSession, ID: "a"}, 2)
		d := w.dispatcherOn(t, &spoilt{Store: w.store, event: bad})
		run := func() { must(t, d.Run(w.ctx)) }
		eventually(t, "the others came", func() bool { return r.has("b") == 3 }, run)
		fail.Store(false)
		eventually(t, "those after it came", func() bool { return r.times("a") >= 2 }, func() {
			w.now.Add(1000)
			run()
		})
		d.Close()
		r.mu.Lock()
		if got := r.accepted["a"]; !slices.Equal(got, []int64{1, 3}) {
			t.Errorf("received %v, want 1 and 3", got)
		}
		r.mu.Unlock()
		found, err := w.rules.Deliveries(w.ctx, hook.ID, game.DeliveryDead, "", 0)
		must(t, err)
		if len(found.Items) != 1 || found.Items[0].Version != 2 || found.Items[0].Failure != game.FailedEventGone {
			t.Errorf("dead letters: %+v", found.Items)
		}
	}
}

// A session whose events cannot be read holds up its own events only, and is told of.
func TestUnreadableTimeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mended atomic.Bool
	r := newReceiver(t, func(session string, _ int64) int {
		if session == "a" && !mended.Load() {
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	hook := w.create(t, r)
	s := &spoilt{Store: w.store, timeline: "a"}
	s.broken.Store(true)
	d := w.dispatcherOn(t, s)
	w.happens(t, "a", 1)
	eventually(t, "it waits", func() bool {
		got, err := w.rules.Get(w.ctx, hook.ID)
		must(t, err)
		return got.Progress.Waits(game.Subject{Kind: game.SubjectSession, ID: "a"})
	}, func() { _ = d.Run(w.ctx) })
	w.now.Add(60_000)
	w.happens(t, "b", 1)
	w.happens(t, "a", 2)
	var told error
	eventually(t, "the other came", func() bool { return r.has("b") == 1 && told != nil }, func() {
		told = errors.Join(told, d.Run(w.ctx))
	})
	if !errors.Is(told, game.ErrUnreadable) {
		t.Errorf("the runs return %v", told)
	}
	mended.Store(true)
	s.broken.Store(false)
	w.now.Add(60_000) // until when it was put off
	eventually(t, "its own came", func() bool { return r.has("a") == 2 }, func() { _ = d.Run(w.ctx) })
}

// A webhook that cannot be read is told of by each run until it can be, and the others are served.
func TestUnreadableWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := newReceiver(t, func(string, int64) int { return http.StatusOK })
	whole := newReceiver(t, func(string, int64) int { return http.StatusOK })
	bad := w.create(t, broken)
	w.create(t, whole)
	w.happens(t, "a", 1)
	s := &spoiling{Store: w.store}
	s.bad.Store(&bad.ID)
	d := w.dispatcherOn(t, s)
	told := func() {
		if err := d.Run(w.ctx); !errors.Is(err, game.ErrUnreadable) || !strings.Contains(err.Error(), string(bad.ID)) {
			t.Fatalf("a run with a webhook that cannot be read returns %v", err)
		}
	}
	eventually(t, "the other one has it", func() bool { return whole.has("a") == 1 }, told)
	s.bad.Store(nil)
	eventually(t, "the mended one has it", func() bool { return broken.has("a") == 1 }, func() { _ = d.Run(w.ctx) })
	must(t, d.Run(w.ctx))
}
