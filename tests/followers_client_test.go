package tests_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

const (
	// retryPause is how long a follower waits before it looks for a process that is alive.
	retryPause = 10 * time.Millisecond
	// crowdNotes is how many of its last notes a follower shows.
	crowdNotes = 12
	// Every so many followers read slowly, all of the large session, and the others every so much.
	crowdSlow = 9
	slowRead  = 20 * time.Millisecond
	// crowdStall is for how long a slow follower does not read, in timeouts of messages that are not read.
	crowdStall = 3
)

// crowdFollower follows a session, or the project's feed, by streams of one form.
type crowdFollower struct {
	f    *crowd
	name string
	form string // sse, websocket, poll or sdk
	slow bool
	of   *crowdSession // or nil for the feed
	// What it has processed.
	position string
	epoch    string
	place    int64
	streams  int
	failed   atomic.Bool

	noting sync.Mutex
	notes  []string

	mu       sync.Mutex
	versions map[string]int64 // the last of each subject
}

// followers returns all followers of the crowd. They are of all forms, and some of each session.
func (f *crowd) followers() (all []*crowdFollower) {
	forms := []string{"sse", "poll", "websocket", "sdk"}
	for i := range f.scale.followers + f.scale.feeds {
		w := &crowdFollower{f: f, position: "0", versions: map[string]int64{}}
		w.form = forms[(i+i/len(forms)/2)%len(forms)] // not of the same form for a session
		if i < f.scale.followers {
			w.of = f.sessions[i%len(f.sessions)]
			w.slow = i%crowdSlow == 0
		}
		if w.slow {
			w.of, w.form = f.sessions[0], []string{"sse", "websocket"}[i/crowdSlow%2]
		}
		w.name = fmt.Sprintf("follower %d (%s, slow: %t, of a session: %t)", i, w.form, w.slow, w.of != nil)
		all = append(all, w)
	}
	return all
}

// run follows until the context ends or a promise is broken.
func (w *crowdFollower) run(ctx context.Context) {
	wait := retryPause // twice as long after each stream without an event
	for ctx.Err() == nil && !w.failed.Load() {
		before := w.place
		w.streams++
		w.note("stream %d after %s", w.streams, w.position)
		stay := rand.N(w.f.scale.stay)
		if w.slow {
			stay += 2 * crowdStall * w.f.scale.timeout
		}
		attempt, cancel := context.WithTimeout(ctx, stay)
		err := w.attempt(attempt)
		cancel()
		w.note("it ended at place %d: %v", w.place, err)
		if wait = min(2*wait, w.f.scale.stay/4); w.place > before {
			wait = retryPause
		}
		pause(ctx, rand.N(wait))
	}
}

// attempt reads one stream.
func (w *crowdFollower) attempt(ctx context.Context) error {
	switch w.form {
	case "poll":
		return w.poll(ctx)
	case "sdk":
		return w.iterate(ctx)
	}
	from := w.f.any
	if w.slow && !w.f.over.Load() {
		from = w.f.hasty
	}
	open := from.openSSE
	if w.form == "websocket" {
		open = from.openWebSocket
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st, res, err := open(ctx, w.path(""))
	if st == nil {
		return w.unopened(res, err)
	}
	defer func() {
		st.cancel()
		for range st.messages { // until it has ended
		}
	}()
	return w.read(ctx, st)
}

// read reads the messages of a stream. One that is slow does not read at all for a while.
func (w *crowdFollower) read(ctx context.Context, st *stream) error {
	stalls := 1 + rand.N(20)
	for n := 1; ; n++ {
		var m message
		var ok bool
		select {
		case m, ok = <-st.messages:
		case <-ctx.Done():
		}
		switch {
		case !ok:
			return errors.Join(errors.New("it broke"), ctx.Err())
		case m.Type == "end":
			return fmt.Errorf("told the end: %s", m.Reason)
		case m.Event == nil:
			return w.violate("unexpected message: %+v", m)
		}
		if err := w.take(*m.Event, m.Position); err != nil {
			return err
		}
		switch slow := w.slow && !w.f.over.Load(); {
		case slow && n == stalls:
			pause(ctx, crowdStall*w.f.scale.timeout)
		case slow:
			pause(ctx, rand.N(slowRead))
		}
	}
}

// poll asks for events again and again.
func (w *crowdFollower) poll(ctx context.Context) error {
	for ctx.Err() == nil {
		got, err := w.f.any.try(ctx, "GET "+w.path(fmt.Sprintf("&wait=%d&limit=%d", rand.N(20), 1+rand.N(100))), "")
		if err != nil {
			return err
		}
		if got.status != http.StatusOK {
			return w.rejected(got.status, got.body)
		}
		var p client.EventPage
		if err := json.Unmarshal([]byte(got.body), &p); err != nil {
			return w.violate("a response that cannot be read: %v: %s", err, got.body)
		}
		if err := w.takePage(p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// takePage processes the response to a poll, whose position is that of its last event, or the one that was sent if it
// has none: nothing is passed over without filters.
func (w *crowdFollower) takePage(p client.EventPage) error {
	epoch, _, _ := strings.Cut(p.Position, ".")
	for _, e := range p.Items {
		if err := w.take(e, fmt.Sprintf("%s.%d", epoch, w.place+1)); err != nil {
			return err
		}
	}
	if w.epoch == "" {
		w.epoch = epoch
	}
	if want := fmt.Sprintf("%s.%d", w.epoch, w.place); p.Position != want || epoch == "" {
		return w.violate("the position of a page of %d events is %s, want %s", len(p.Items), p.Position, want)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position = p.Position
	return nil
}

// iterate follows by the SDK, which opens streams again by itself.
func (w *crowdFollower) iterate(ctx context.Context) error {
	all := w.f.any.api.Events.Follow(ctx, w.position, client.EventFilter{})
	if w.of != nil {
		all = w.f.any.api.Sessions.Follow(ctx, w.of.id, w.position)
	}
	for e, err := range all {
		if err != nil && ctx.Err() == nil {
			return w.violate("%v", err)
		}
		if err != nil {
			return err
		}
		if err := w.take(e, e.Position); err != nil {
			return err
		}
	}
	return w.violate("the iterator has ended")
}

func (w *crowdFollower) path(more string) string {
	if w.of == nil {
		return projectFeed + "?after=" + w.position + more
	}
	return eventsOf(w.of.id, "?after="+w.position+more)
}

// unopened returns why there is no stream.
func (w *crowdFollower) unopened(res *http.Response, err error) error {
	if res == nil {
		return err
	}
	return w.rejected(res.StatusCode, "")
}

// rejected returns the error of a request for events, which no process should reject for good.
func (w *crowdFollower) rejected(status int, body string) error {
	if status < http.StatusInternalServerError {
		return w.violate("status %d: %s", status, body)
	}
	return fmt.Errorf("status %d", status)
}

// take processes an event.
func (w *crowdFollower) take(e client.Event, position string) error {
	epoch, number, _ := strings.Cut(position, ".")
	if w.epoch == "" {
		w.epoch = epoch
	}
	place, subject := e.Version, e.Subject.ID
	if w.of == nil {
		place = e.Seq
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case epoch != w.epoch:
		return w.violate("the epoch was %s, and the position is %s", w.epoch, position)
	case place != w.place+1 || number != fmt.Sprint(place):
		return w.violate("after place %d comes %d at position %s: %+v", w.place, place, position, e)
	case e.Version != w.versions[subject]+1:
		return w.violate("after version %d of %s comes %d", w.versions[subject], subject, e.Version)
	case w.of != nil && subject != string(w.of.id):
		return w.violate("the event is of %s", subject)
	}
	w.place, w.position, w.versions[subject] = place, position, e.Version
	return nil
}

// complete reports whether it has read the last versions.
func (w *crowdFollower) complete() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.f.sessions {
		if (w.of == nil || w.of == s) && w.versions[string(s.id)] < s.last {
			return false
		}
	}
	return true
}

// note keeps the latest of what has happened.
func (w *crowdFollower) note(format string, args ...any) {
	w.noting.Lock()
	defer w.noting.Unlock()
	w.notes = append(w.notes, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
	w.notes = w.notes[max(0, len(w.notes)-crowdNotes):]
}

// violate records a broken promise, and what came before.
func (w *crowdFollower) violate(format string, args ...any) error {
	w.failed.Store(true)
	err := fmt.Errorf(format, args...)
	w.noting.Lock()
	defer w.noting.Unlock()
	w.f.violate("%s of %v: %v\n\t%s", w.name, w.of.name(), err, strings.Join(w.notes, "\n\t"))
	return err
}

func (s *crowdSession) name() string {
	if s == nil {
		return "the project"
	}
	return string(s.id)
}

// A follower that polls goes on from the position of each page, also of one without events, and notices a wrong one.
func TestCrowdComparesPositions(t *testing.T) {
	t.Parallel()
	once(t)
	event := func(version int64) client.Event {
		return client.Event{Subject: client.Subject{ID: "s"}, Version: version}
	}
	page := func(position string, events ...client.Event) client.EventPage {
		return client.EventPage{Position: position, Items: events}
	}
	for name, c := range map[string]struct {
		pages []client.EventPage
		wrong bool
	}{
		"right": {
			[]client.EventPage{page("e.0"), page("e.2", event(1), event(2)), page("e.2"), page("e.3", event(3))}, false,
		},
		"ahead at the beginning":          {[]client.EventPage{page("e.1")}, true},
		"ahead without events":            {[]client.EventPage{page("e.0"), page("e.1")}, true},
		"behind without events":           {[]client.EventPage{page("e.1", event(1)), page("e.0")}, true},
		"of another epoch without events": {[]client.EventPage{page("e.0"), page("f.0")}, true},
		"ahead of its events":             {[]client.EventPage{page("e.2", event(1))}, true},
		"without an epoch":                {[]client.EventPage{page("0")}, true},
	} {
		w := &crowdFollower{
			f: new(crowd), of: &crowdSession{id: "s"}, position: "0", versions: map[string]int64{},
		}
		var err error
		for _, p := range c.pages {
			if err = w.takePage(p); err != nil {
				break
			}
			if w.position != p.Position {
				t.Errorf("%s: it goes on from %s, want %s", name, w.position, p.Position)
			}
		}
		if (err != nil) != c.wrong || w.failed.Load() != c.wrong {
			t.Errorf("%s: %v", name, err)
		}
	}
}
