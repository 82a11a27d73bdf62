package feed

import (
	"context"
	"slices"
	"sync"
	"time"

	"game-session-manager/internal/game"
)

const (
	// keptEvents is how many of the latest events of a topic are kept in memory at least. Twice as many are the most,
	// or those of one write if they are more.
	keptEvents = 64
	// page is how many events are read at once.
	page = 100
	// PageChanges is the number of changes at which a page ends early. Each takes some hundred bytes.
	PageChanges = 2000
	// keptChanges bounds how many changes the events that are kept have. A heartbeat of a large session makes one event
	// of a thousand.
	keptChanges = 20_000
	// keptOfFeed is like keptEvents for the feed of a project, which has many more events.
	keptOfFeed = 512
	// unknown stands for the last event of a topic of which memory knows none.
	unknown = -1
)

// topic is a document that somebody follows, or the feed of a project. An event has a place in it, from 1 without gaps:
// its version, or its position in the feed.
type topic struct {
	hub       *Hub
	project   game.ProjectID
	subject   game.Subject
	followers int // guarded by the hub

	mu sync.Mutex
	// recent are the latest events, without gaps, up to end. An element is never changed, because followers read them.
	recent []game.Event
	end    int64         // the last place of which memory knows, or unknown
	seen   int64         // the latest version at which the document was seen, or the last place in the feed
	missed bool          // there were news while end was unknown
	gone   bool          // the document was removed, and end is its last version
	news   chan struct{} // closed when one of these changes
}

func newTopic(h *Hub, p game.ProjectID, of game.Subject) *topic {
	return &topic{hub: h, project: p, subject: of, end: unknown, news: make(chan struct{})}
}

// isFeed reports whether the topic is the feed of its project.
func (t *topic) isFeed() bool { return t.subject == game.Subject{} }

// place returns the place of an event in the topic.
func (t *topic) place(e *game.Event) int64 {
	if t.isFeed() {
		return e.Seq
	}
	return e.Version
}

// kept returns how many events are kept in memory at least.
func (t *topic) kept() int {
	if t.isFeed() {
		return keptOfFeed
	}
	return keptEvents
}

// add adds events that follow each other. It reports false if some are missing between them and those that are known.
func (t *topic) add(events []game.Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(events) > 0 && t.place(&events[0]) <= t.end {
		events = events[1:]
	}
	switch {
	case len(events) == 0:
		return true
	case t.end != unknown && t.place(&events[0]) != t.end+1:
		return false
	}
	t.recent = append(t.recent, events...)
	if keep := max(t.kept(), len(events)); len(t.recent) > 2*keep {
		t.recent = slices.Clone(t.recent[len(t.recent)-keep:])
	}
	if few := withFewChanges(t.recent); few < len(t.recent) {
		t.recent = slices.Clone(t.recent[len(t.recent)-few:])
	}
	t.end = t.place(&events[len(events)-1])
	t.tell()
	return true
}

// withFewChanges returns how many of the last events have at most keptChanges together; at least the last one.
func withFewChanges(events []game.Event) int {
	changes := 0
	for n := range events {
		if changes += len(events[len(events)-1-n].Changes); n > 0 && changes > keptChanges {
			return n
		}
	}
	return len(events)
}

// restart begins anew with events that do not follow those that are known, because the ones between are not kept any
// more.
func (t *topic) restart(events []game.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recent, t.end = slices.Clone(events), t.place(&events[len(events)-1])
	t.tell()
}

// known says that the topic was seen to have an event at a place. It reports false if there are events that memory does
// not have.
func (t *topic) known(place int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end == unknown {
		t.end = place
	}
	t.seen = max(t.seen, place)
	missed := t.missed
	t.missed = false
	return place <= t.end && !missed
}

// skip goes on from the place up to which the topic was seen, if there are no events before it any more. Followers
// that have not read them will find a gap.
func (t *topic) skip() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen > t.end {
		t.recent, t.end = nil, t.seen
		t.tell()
	}
}

// remove says that the document does not exist any more.
func (t *topic) remove() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = true
	t.tell()
}

// tell wakes the followers. The caller holds t.mu.
func (t *topic) tell() {
	close(t.news)
	t.news = make(chan struct{})
}

// view is what memory has for a follower.
type view struct {
	events []game.Event
	behind bool // events after the position are not in memory
	gone   bool
	news   <-chan struct{}
}

// after returns what memory has after a place.
func (t *topic) after(place int64) view {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := view{news: t.news, gone: t.gone}
	if place >= t.end {
		v.behind = place < t.seen
		return v
	}
	first := t.end - int64(len(t.recent)) + 1
	if place+1 < first {
		v.behind = true
		return v
	}
	v.events = t.recent[place+1-first:]
	return v
}

// read reads a page of events after a place from the store.
func (t *topic) read(ctx context.Context, place int64) ([]game.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	events, err := t.readPage(ctx, place)
	if err != nil {
		return nil, err
	}
	changes := 0
	for i := range events {
		if changes += len(events[i].Changes); i > 0 && changes > PageChanges ||
			i > 0 && t.place(&events[i]) != t.place(&events[i-1])+1 {
			return events[:i], nil
		}
	}
	return events, nil
}

func (t *topic) readPage(ctx context.Context, place int64) ([]game.Event, error) {
	if t.isFeed() {
		return t.hub.Store.Feed(ctx, game.FeedQuery{Project: t.project, After: place, Limit: page})
	}
	events, err := t.hub.Store.Timeline(ctx, game.TimelineQuery{
		Project: t.project, Subject: t.subject, After: place, Oldest: true, Limit: page,
	})
	for i := range events {
		events[i].Seq = 0 // which those of this process have not yet either
	}
	// What cannot be read is a gap: a follower must read the document anew, which may have let it go meanwhile. In the
	// feed of a project it only keeps its place.
	return slices.DeleteFunc(events, func(e game.Event) bool { return e.Unreadable }), err
}

// Follower reads the events of a topic. It must not be used concurrently.
type Follower struct {
	topic *topic
	at    int64 // the place of the last event that was read
	left  bool
}

// Place returns where an event that was read is in what is followed: its version, or its position in the feed.
func (f *Follower) Place(e *game.Event) int64 { return f.topic.place(e) }

// Begin sets the place after which the follower reads. There are events up to the place known, or a later one.
func (f *Follower) Begin(at, known int64) {
	f.at = at
	if !f.topic.known(known) {
		f.topic.hub.fetch(f.topic, false)
	}
}

// At returns the place of the last event that was read.
func (f *Follower) At() int64 { return f.at }

// Close ends the follower. It may be called twice.
func (f *Follower) Close() {
	if !f.left {
		f.left = true
		f.topic.hub.leave(f.topic)
	}
}

// Ready returns the next events, in order and without gaps, or none if there are none yet. It returns ErrGap, ErrGone
// and errors of the store. The caller must not change the events.
func (f *Follower) Ready(ctx context.Context) ([]game.Event, error) {
	events, _, err := f.look(ctx)
	return events, err
}

// Next waits for the next events, and returns them as Ready does, or none once it can receive from idle. It returns
// ErrStopping when the process shuts down, and the cause of the end of the context.
func (f *Follower) Next(ctx context.Context, idle <-chan time.Time) ([]game.Event, error) {
	for {
		events, news, err := f.look(ctx)
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-news:
		case <-idle:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-f.topic.hub.stopping:
			return nil, ErrStopping
		}
	}
}

func (f *Follower) look(ctx context.Context) (events []game.Event, news <-chan struct{}, err error) {
	v := f.topic.after(f.at)
	if events = v.events; v.behind {
		if events, err = f.read(ctx); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case len(events) > 0:
		f.at = f.topic.place(&events[len(events)-1])
	case v.gone:
		return nil, nil, ErrGone
	}
	return events, v.news, nil
}

// read reads what is not in memory any more, or never was.
func (f *Follower) read(ctx context.Context) ([]game.Event, error) {
	reads := f.topic.hub.reads
	if err := reads.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	defer reads.Release(1)
	events, err := f.topic.read(ctx, f.at)
	switch {
	case err != nil:
		return nil, err
	case len(events) == 0, f.topic.place(&events[0]) != f.at+1:
		return nil, ErrGap
	}
	return events, nil
}
