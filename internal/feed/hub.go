// Package feed tells followers what happens to sessions and in projects, as it happens and in order, from wherever they
// left off.
//
// A follower has no queue. It has a position, from which it reads what is newer: from memory, where the latest events
// of each followed session are kept once for all its followers, or from the store. So a slow follower costs no memory
// and holds up nobody, and one that comes back after a restart is like one that was slow.
//
// Events of this process reach the hub by [Hub.Observe]. Those of others are found by the store's notices of changes,
// or by polling, for all followers together and only while there are any.
package feed

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"game-session-manager/internal/game"
)

// Errors of followers.
var (
	// ErrGap says that events after the position are no longer kept.
	ErrGap = errors.New("the events that follow the position are no longer kept")
	// ErrGone says that the session does not exist any more, and that all its events have been read.
	ErrGone = errors.New("the session was removed")
	// ErrStopping says that the process shuts down.
	ErrStopping = errors.New("the process shuts down")
)

const (
	// DefaultPoll is how often the store is looked at for events of other processes, if it does not tell of them.
	DefaultPoll = 250 * time.Millisecond
	// SlowPoll is how often it is looked at if it does, or if there are no other processes: for what was not told, such
	// as of a write whose outcome was unknown.
	SlowPoll = 5 * time.Second
	// pollShare bounds the share of the time that polling takes, to one of so many parts.
	pollShare = 5
	// readTime bounds a read of the store.
	readTime = 10 * time.Second
	// mostReads is how many followers read from the store at the same time. The others wait.
	mostReads = 8
	// epochAge is for how long the epoch of the database is not read again.
	epochAge = 5 * time.Second
)

// Options configure a Hub.
type Options struct {
	Store game.Store
	// Poll is the pause between two looks at the store; at least as long as four looks take.
	Poll time.Duration
	// Watch calls changed with each session that changes in any process, and its version or 0 if that is not known,
	// until ctx ends or it fails. It calls ready when it will miss none. Nil if the store cannot do that.
	Watch func(ctx context.Context, ready func(), changed func(id game.SessionID, version int64)) error
	// Order is called when this process has stored events while somebody follows the feed of their project, so that
	// they soon have their positions in it. Nil if the store gives these at once.
	Order func()
	Now   func() time.Time
}

// Hub knows who follows what. It is safe for concurrent use.
type Hub struct {
	Options
	listening atomic.Int64 // followers
	reads     *semaphore.Weighted
	watching  atomic.Bool
	wake      chan struct{} // holds a token when there is something to do for Run
	stopping  chan struct{}
	stop      sync.Once

	mu sync.Mutex
	// topics are several of a subject only where somebody asks in another project. The feeds of projects have the zero
	// subject.
	topics map[game.Subject][]*topic
	// behind are those of which the store has more than memory; true where the document may not exist any more.
	behind map[*topic]bool

	epochMu sync.Mutex
	epoch   string
	epochAt time.Time
}

// NewHub returns a hub. Events of other processes are found while [Hub.Run] runs.
func NewHub(o Options) *Hub {
	return &Hub{
		Options: o, reads: semaphore.NewWeighted(mostReads), wake: make(chan struct{}, 1),
		stopping: make(chan struct{}), topics: map[game.Subject][]*topic{}, behind: map[*topic]bool{},
	}
}

// Followers returns how many there are.
func (h *Hub) Followers() int { return int(h.listening.Load()) }

// Stop ends all followers with ErrStopping, and those that come.
func (h *Hub) Stop() { h.stop.Do(func() { close(h.stopping) }) }

// Stopping is closed by Stop.
func (h *Hub) Stopping() <-chan struct{} { return h.stopping }

// Epoch returns the epoch of the database. It may be a few seconds old.
func (h *Hub) Epoch(ctx context.Context) (string, error) {
	h.epochMu.Lock()
	defer h.epochMu.Unlock()
	if now := h.Now(); h.epoch == "" || now.Sub(h.epochAt).Abs() > epochAge {
		epoch, err := h.Store.Epoch(ctx)
		if err != nil {
			return "", err
		}
		h.epoch, h.epochAt = epoch, now
	}
	return h.epoch, nil
}

// Session returns a follower of a session. Events that are stored from now on are kept for it, so the caller reads the
// session after that, and then calls [Follower.Begin]. It must call [Follower.Close].
func (h *Hub) Session(p game.ProjectID, id game.SessionID) *Follower {
	return h.follow(p, game.Subject{Kind: game.SubjectSession, ID: string(id)})
}

// Project returns a follower of the feed of a project. It is used like one of [Hub.Session], with positions in the feed
// instead of versions.
func (h *Hub) Project(p game.ProjectID) *Follower { return h.follow(p, game.Subject{}) }

func (h *Hub) follow(p game.ProjectID, of game.Subject) *Follower {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topic(p, of)
	if t == nil {
		t = newTopic(h, p, of)
		h.topics[of] = append(h.topics[of], t)
	}
	t.followers++
	if h.listening.Add(1) == 1 {
		h.signal()
	}
	return &Follower{topic: t}
}

// topic returns what is followed of a document, or nil. The caller holds h.mu.
func (h *Hub) topic(p game.ProjectID, of game.Subject) *topic {
	for _, t := range h.topics[of] {
		if t.project == p {
			return t
		}
	}
	return nil
}

// leave ends a follower of a topic.
func (h *Hub) leave(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listening.Add(-1)
	if t.followers--; t.followers > 0 {
		return
	}
	delete(h.behind, t)
	rest := slices.DeleteFunc(h.topics[t.subject], func(other *topic) bool { return other == t })
	if h.topics[t.subject] = rest; len(rest) == 0 {
		delete(h.topics, t.subject)
	}
}

// stored tells the followers of a document and of its project of its events.
func (h *Hub) stored(events []game.Event) {
	t, project := h.followed(events)
	if t != nil && !t.add(events) {
		h.fetch(t, false)
	}
	h.place(project)
}

// doubted has the store looked at for events that may have been stored.
func (h *Hub) doubted(events []game.Event) {
	t, project := h.followed(events)
	if t != nil {
		h.fetch(t, false)
	}
	h.place(project)
}

// place has the events that were stored find their way to the followers of a project, if there are any.
func (h *Hub) place(project *topic) {
	switch {
	case project == nil:
	case h.Order != nil:
		h.Order()
	default:
		h.fetch(project, false)
	}
}

// ordered has the feeds of projects looked at for events that got their positions.
func (h *Hub) ordered() {
	if h.listening.Load() > 0 {
		h.fetchFeeds()
	}
}

// followed returns what is followed of the document that has the events, and of its project, each nil for nothing.
func (h *Hub) followed(events []game.Event) (document, project *topic) {
	if len(events) == 0 || h.listening.Load() == 0 {
		return nil, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.topic(events[0].Project, events[0].Subject), h.topic(events[0].Project, game.Subject{})
}

// changed has the store looked at for events of a session, if somebody follows it and they are not known.
func (h *Hub) changed(id game.SessionID, version int64) {
	h.mu.Lock()
	topics := slices.Clone(h.topics[game.Subject{Kind: game.SubjectSession, ID: string(id)}])
	h.mu.Unlock()
	for _, t := range topics {
		if version == 0 || !t.known(version) {
			h.fetch(t, version == 0)
		}
	}
}

// fetch has Run read what the store has more of a topic, and find out whether the document exists if ends is set.
func (h *Hub) fetch(t *topic, ends bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.followers > 0 {
		h.behind[t] = h.behind[t] || ends
		h.signal()
	}
}

// fetchFeeds has Run read what the store has more of the feeds of projects.
func (h *Hub) fetchFeeds() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics[game.Subject{}] {
		h.behind[t] = false
		h.signal()
	}
}

func (h *Hub) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
