package feed

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"game-session-manager/internal/game"
)

// mostFetches is how many topics Run reads at the same time.
const mostFetches = 4

// mostPages is how many pages of a topic are read before others have their turn.
const mostPages = 10

// retryWatch is the pause before changes are watched again after a failure.
const retryWatch = 5 * time.Second

// Run finds the events of other processes until the context ends. It does nothing while nobody follows anything.
func (h *Hub) Run(ctx context.Context) error {
	var watches sync.WaitGroup
	defer watches.Wait()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-h.wake:
		}
		if h.listening.Load() == 0 || ctx.Err() != nil {
			continue
		}
		watching, cancel := context.WithCancel(ctx)
		if h.Watch != nil {
			watches.Go(func() { h.watch(watching) })
		}
		h.find(ctx)
		cancel()
	}
	return nil
}

// find finds events until nobody listens.
func (h *Hub) find(ctx context.Context) {
	h.fetchBehind(ctx)
	timer := time.NewTimer(h.Poll)
	defer timer.Stop()
	var polled time.Time // the sessions
	for h.listening.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
			h.fetchBehind(ctx)
			continue
		case <-timer.C:
		}
		begin := time.Now()
		if !h.watching.Load() || begin.Sub(polled) >= SlowPoll {
			polled = begin
			h.poll(ctx)
		}
		polling := time.Since(begin)
		h.fetchFeeds() // of which no notices tell
		h.fetchBehind(ctx)
		timer.Reset(max(h.Poll-time.Since(begin), (pollShare-1)*polling))
	}
}

// watch has the store tell of changes, as long as it can. Where it cannot, they are found by polling.
func (h *Hub) watch(ctx context.Context) {
	for ctx.Err() == nil {
		_ = h.Watch(ctx, func() { h.watching.Store(true) }, h.changed)
		h.watching.Store(false)
		select {
		case <-ctx.Done():
		case <-time.After(retryWatch):
		}
	}
}

// poll finds the sessions that have events of other processes.
func (h *Hub) poll(ctx context.Context) {
	for p, all := range h.sessions() {
		for some := range slices.Chunk(all, game.MaxHeartbeats) {
			h.pollSome(ctx, p, some)
		}
	}
}

// sessions returns the topics of sessions by their projects.
func (h *Hub) sessions() map[game.ProjectID][]*topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := map[game.ProjectID][]*topic{}
	for _, all := range h.topics {
		for _, t := range all {
			if t.isFeed() {
				continue
			}
			of[t.project] = append(of[t.project], t)
		}
	}
	return of
}

func (h *Hub) pollSome(ctx context.Context, p game.ProjectID, topics []*topic) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	byID := make(map[game.SessionID]*topic, len(topics))
	ids := make([]game.SessionID, len(topics))
	for i, t := range topics {
		ids[i] = game.SessionID(t.subject.ID)
		byID[ids[i]] = t
	}
	pulses, err := h.Store.Pulses(ctx, p, ids)
	if err != nil {
		return // until the next time
	}
	for _, pulse := range pulses {
		t := byID[pulse.ID]
		delete(byID, pulse.ID)
		if t != nil && !t.known(pulse.Version) {
			h.fetch(t, false)
		}
	}
	for _, t := range byID { // removed, or unreadable
		h.fetch(t, true)
	}
}

// fetchBehind reads what the store has more than memory.
func (h *Hub) fetchBehind(ctx context.Context) {
	h.mu.Lock()
	behind := h.behind
	h.behind = map[*topic]bool{}
	h.mu.Unlock()
	var g sync.WaitGroup
	turns := make(chan struct{}, mostFetches)
	for t, ends := range behind {
		turns <- struct{}{}
		g.Go(func() {
			if t.fetch(ctx) && ends {
				t.lookForEnd(ctx)
			}
			<-turns
		})
	}
	g.Wait()
}

// fetch reads the events that follow those in memory, and reports whether it has read all. What fails is found again by
// the next poll.
func (t *topic) fetch(ctx context.Context) bool {
	for pages := 0; ctx.Err() == nil; pages++ {
		if pages == mostPages {
			t.hub.fetch(t, false)
			return false
		}
		t.mu.Lock()
		end := t.end
		t.missed = end == unknown
		t.mu.Unlock()
		if end == unknown {
			return false // nobody has begun to read
		}
		events, err := t.read(ctx, end)
		if err != nil {
			return false
		}
		if len(events) == 0 {
			t.skip()
			return true
		}
		if !t.add(events) {
			t.restart(events)
		}
	}
	return false
}

// lookForEnd finds out whether a document without further events still exists.
func (t *topic) lookForEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	_, err := t.hub.Store.Session(ctx, t.project, game.SessionID(t.subject.ID))
	if errors.Is(err, game.ErrSessionNotFound) {
		t.remove()
	}
}
