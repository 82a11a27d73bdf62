package feed_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/wrap"
)

// patience is how long the tests wait for what must happen.
const patience = time.Minute

// world is a store with a hub, and sessions by which two processes change it: the hub's own and another.
type world struct {
	hub        *feed.Hub
	engine     game.Store
	own, other *game.Sessions
	calls      sync.Map // of *atomic.Int64 by the method of the store, those of the hub's process
}

func (w *world) count(method string) int64 {
	n, _ := w.calls.LoadOrStore(method, new(atomic.Int64))
	return n.(*atomic.Int64).Load()
}

func newWorld(t *testing.T, change func(*feed.Options)) *world {
	t.Helper()
	engine, err := store.Open(t.Context(), "sqlite:"+sqlitetest.Database(t), store.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, engine.Close()) })
	w := &world{engine: engine}
	counted := wrap.Store(engine, func(
		ctx context.Context, o wrap.Operation, do func(context.Context) error,
	) error {
		n, _ := w.calls.LoadOrStore(o.Method, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		return do(ctx)
	})
	o := feed.Options{Store: counted, Poll: time.Millisecond, Now: time.Now}
	if change != nil {
		change(&o)
	}
	w.hub = feed.NewHub(o)
	deps := game.Deps{
		Store: w.hub.Observe(counted), Now: time.Now, MaxRequest: time.Minute,
		NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
	}
	w.own = game.NewSessions(deps)
	deps.Store = engine
	w.other = game.NewSessions(deps)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.hub.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// admin returns a context of an admin.
func admin(t *testing.T) context.Context { return game.WithCaller(t.Context(), game.Anonymous()) }

func (w *world) create(t *testing.T) game.Session {
	t.Helper()
	v, err := w.own.Create(admin(t), game.SessionRequest{
		Settings: game.Settings{MaxPlayers: 4, Visibility: game.VisibilityPublic},
	}, game.Idempotency{})
	must(t, err)
	return v.Document
}

// edit makes versions of a session.
func edit(t *testing.T, by *game.Sessions, id game.SessionID, versions int) {
	t.Helper()
	for range versions {
		_, err := by.Edit(admin(t), id, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
			e.Locked = !e.Locked
			return e, nil
		})
		must(t, err)
	}
}

// follow returns a follower that has read up to a version of a session.
func (w *world) follow(t *testing.T, v game.Session, at int64) *feed.Follower {
	t.Helper()
	f := w.hub.Session(v.Project, v.ID)
	t.Cleanup(f.Close)
	f.Begin(at, v.Version)
	return f
}

// wantVersions reads events and reports those that are not of the versions after one, up to another.
func wantVersions(t *testing.T, f *feed.Follower, after, to int64) {
	t.Helper()
	wantInOrder(t, f, after, to, func(e *game.Event) int64 { return e.Version })
}

// wantPlaces is wantVersions for the places of a project's feed.
func wantPlaces(t *testing.T, f *feed.Follower, after, to int64) {
	t.Helper()
	wantInOrder(t, f, after, to, func(e *game.Event) int64 { return e.Seq })
}

func wantInOrder(t *testing.T, f *feed.Follower, after, to int64, place func(*game.Event) int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for after < to {
		events, err := f.Next(ctx, nil)
		if err != nil {
			t.Fatalf("after %d: %v", after, err)
		}
		for _, e := range events {
			if after++; place(&e) != after || f.Place(&e) != after {
				t.Fatalf("%d came, want %d", place(&e), after)
			}
		}
	}
	if f.At() != to || after != to {
		t.Fatalf("read up to %d, want %d", f.At(), to)
	}
}

func wantError(t *testing.T, f *feed.Follower, want error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, err := f.Next(ctx, nil); err != nil {
			if !errors.Is(err, want) {
				t.Fatalf("got error %v, want %v", err, want)
			}
			return
		}
	}
}

// Each follower gets every version once and in order, from wherever it begins, whichever process made it.
func TestFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	v := w.create(t)
	edit(t, w.other, v.ID, 300) // more than a page
	var g sync.WaitGroup
	for i := range 20 {
		f := w.follow(t, v, int64(i*10))
		g.Go(func() { wantVersions(t, f, int64(i*10), 601) })
	}
	g.Go(func() { edit(t, w.own, v.ID, 150) })
	edit(t, w.other, v.ID, 150)
	g.Wait()
	late := w.follow(t, v, 600)
	wantVersions(t, late, 600, 601)
}

// What the process changes itself needs no read of the store, however many follow.
func TestOwnChangesAreNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *feed.Options) { o.Poll = time.Hour })
	v := w.create(t)
	var all []*feed.Follower
	for range 50 {
		all = append(all, w.follow(t, v, 1))
	}
	edit(t, w.own, v.ID, 20)
	for _, f := range all {
		wantVersions(t, f, 1, 21)
	}
	if n := w.count("Timeline"); n != 0 {
		t.Errorf("the store was read %d times", n)
	}
	// Changes of others are found with the next one of this process, by one read for all.
	edit(t, w.other, v.ID, 5)
	edit(t, w.own, v.ID, 1)
	for _, f := range all {
		wantVersions(t, f, 21, 27)
	}
	if n := w.count("Timeline"); n > 2 { // one page, and none
		t.Errorf("the store was read %d times", n)
	}
}

// Nobody follows, so nothing is read and nothing is kept.
func TestNobodyFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	v := w.create(t)
	f := w.follow(t, v, 1)
	edit(t, w.other, v.ID, 1)
	wantVersions(t, f, 1, 2)
	f.Close()
	f.Close()
	if n := w.hub.Followers(); n != 0 {
		t.Fatalf("%d followers", n)
	}
	polls, reads := w.count("Pulses"), w.count("Timeline")
	edit(t, w.own, v.ID, 100)
	// One poll may have been under way, and what it leads to: a page, and none.
	if n := w.count("Pulses") - polls; n > 1 {
		t.Errorf("%d polls while nobody followed", n)
	}
	if n := w.count("Timeline") - reads; n > 2 {
		t.Errorf("the store was read %d times while nobody followed", n)
	}
}

// The store tells of changes, and then it is not polled for them.
func TestWatch(t *testing.T) {
	t.Parallel()
	watched := make(chan func(game.SessionID, int64), 1)
	w := newWorld(t, func(o *feed.Options) {
		o.Poll = time.Hour
		o.Watch = func(ctx context.Context, ready func(), changed func(game.SessionID, int64)) error {
			ready()
			watched <- changed
			<-ctx.Done()
			return ctx.Err()
		}
	})
	v := w.create(t)
	f := w.follow(t, v, 1)
	tell := <-watched
	edit(t, w.other, v.ID, 3)
	tell(v.ID, 4)
	wantVersions(t, f, 1, 4)
	reads := w.count("Timeline")
	tell(v.ID, 4) // known
	edit(t, w.other, v.ID, 1)
	tell(v.ID, 0) // whichever version
	wantVersions(t, f, 4, 5)
	if n := w.count("Timeline") - reads; n > 5 { // some may be those of the changes before
		t.Errorf("the store was read %d times for one change", n)
	}
}

// A position whose events were removed is a gap, also where it was good when the follower began.
func TestGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	v := w.create(t)
	edit(t, w.other, v.ID, 400) // more than memory keeps
	paused := w.follow(t, v, 1) // whose process has not seen them
	v.Version += 400
	f := w.follow(t, v, 10)
	for range 5 {
		_, err := w.engine.PurgeEvents(t.Context(), time.Now().Add(time.Hour), 1000)
		must(t, err)
	}
	wantError(t, f, feed.ErrGap)
	wantError(t, paused, feed.ErrGap)
	edit(t, w.own, v.ID, 1)
	fresh := w.follow(t, v, 401)
	wantVersions(t, fresh, 401, 402)
	wantError(t, w.follow(t, v, 3), feed.ErrGap)
}

// A session that was removed has no more events, after its last one.
func TestRemovedSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	v := w.create(t)
	f := w.follow(t, v, 1)
	must(t, w.other.Purge(admin(t), v.ID, nil))
	wantVersions(t, f, 1, 2)
	wantError(t, f, feed.ErrGone)
}

// A process that shuts down ends its followers after they have read what there is.
func TestStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	v := w.create(t)
	f := w.follow(t, v, 1)
	edit(t, w.own, v.ID, 3)
	w.hub.Stop()
	w.hub.Stop()
	wantVersions(t, f, 1, 4)
	wantError(t, f, feed.ErrStopping)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	idle := make(chan time.Time)
	close(idle)
	w = newWorld(t, nil)
	f = w.follow(t, w.create(t), 1)
	if _, err := f.Next(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if events, err := f.Next(t.Context(), idle); err != nil || len(events) > 0 {
		t.Errorf("got %v, %v", events, err)
	}
}

// The answer to a write is lost, and its events are found all the same.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *feed.Options) { o.Poll = time.Hour })
	v := w.create(t)
	f := w.follow(t, v, 1)
	lost := w.hub.Observe(losing{w.engine})
	next := v
	next.Version++
	err := lost.ReplaceSession(t.Context(), v, next, game.Event{
		Project: v.Project, Subject: game.Subject{Kind: game.SubjectSession, ID: string(v.ID)}, Version: 2,
		At: v.UpdatedAt, Actor: game.Actor{Kind: game.ActorSystem, ID: "test"},
		Changes: game.Changes{game.LeaseStarted{}},
	})
	if !errors.Is(err, game.ErrStoreUnavailable) {
		t.Fatal(err)
	}
	wantVersions(t, f, 1, 2)
}

// losing loses the answers to writes of sessions.
type losing struct{ game.Store }

func (s losing) ReplaceSession(ctx context.Context, old, next game.Session, events ...game.Event) error {
	if err := s.Store.ReplaceSession(ctx, old, next, events...); err != nil {
		return err
	}
	return game.Unanswered(game.OutcomeUnknown, errors.New("lost"))
}
