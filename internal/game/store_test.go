package game_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/wrap"
)

// maxRequest is how long a request may take in these tests' processes.
const maxRequest = 30 * time.Second

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is one database on the embedded engine, and what the processes on it share.
type world struct {
	store game.Store
	clock *clock
	ids   *atomic.Int64
	ctx   context.Context // of a caller of project p
}

func newWorld(tb testing.TB) world {
	tb.Helper()
	s, err := store.Open(tb.Context(), "sqlite:"+sqlitetest.Database(tb), store.Options{})
	ok(tb, err)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return world{store: limited{s, tb}, clock: &clock{now: t0}, ids: new(atomic.Int64), ctx: as(tb.Context(), "p")}
}

// limited is a store in which each search must have a limit for its work and its size. It lets the engine work for
// longer, so that a busy machine makes nothing too broad.
type limited struct {
	game.Store
	tb testing.TB
}

func (s limited) SearchSessions(ctx context.Context, q game.SearchQuery) (game.Hits, error) {
	if q.Work != game.SearchTime || q.Bytes == 0 {
		s.tb.Errorf("a search may work for %v and return %d bytes", q.Work, q.Bytes)
	}
	q.Work = time.Minute
	return s.Store.SearchSessions(ctx, q)
}

func (s limited) Sessions(ctx context.Context, q game.SessionQuery) (game.Found[game.Session], error) {
	if q.Work > 0 { // background work has no limit
		q.Work = time.Minute
	}
	return s.Store.Sessions(ctx, q)
}

// as returns the context of a caller of a project.
func as(ctx context.Context, p game.ProjectID) context.Context {
	return game.WithCaller(ctx, game.Caller{Project: p, Scope: game.ScopeAdmin, Name: "test"})
}

// process is the rules as one process has them.
type process struct {
	world
	players  *game.Players
	sessions *game.Sessions
}

// start starts a process on the world's store, or on what is put before it.
func (w world) start(before ...game.Store) process { return w.startSkewed(0, before...) }

// startSkewed starts a process whose clock may differ from others by up to skew.
func (w world) startSkewed(skew time.Duration, before ...game.Store) process {
	d := game.Deps{
		Skew:  skew,
		Store: w.store, Now: w.clock.Now, MaxRequest: maxRequest,
		NewID:    func() string { return testID(int(w.ids.Add(1))) },
		Timeouts: game.DefaultTimeouts(), Passwords: auth.NewPasswords(),
	}
	d.Timeouts.IdleTimeout = 30 * 86400 // tests of erasures let more than a day pass
	for _, s := range before {
		d.Store = s
	}
	sessions := game.NewSessions(d)
	return process{world: w, players: game.NewPlayers(d, sessions), sessions: sessions}
}

// register makes a player of the project of the context.
func (p process) register(tb testing.TB, ctx context.Context, username string) game.Player {
	tb.Helper()
	c, err := p.players.Create(ctx, game.Profile{Username: username}, game.Idempotency{})
	ok(tb, err)
	return c.Document
}

// open makes an open session of that many seats, hosted by the player if there is one.
func (p process) open(tb testing.TB, seats int, host game.PlayerID) game.Session {
	tb.Helper()
	r := game.SessionRequest{Settings: game.Settings{MaxPlayers: seats}}
	if host != "" {
		r.HostID = &host
	}
	c, err := p.sessions.Create(p.ctx, r, game.Idempotency{})
	ok(tb, err)
	return c.Document
}

// join takes a seat.
func (p process) join(tb testing.TB, id game.SessionID, who game.PlayerID) game.Session {
	tb.Helper()
	v, _, err := p.sessions.Join(p.ctx, id, nil, game.JoinRequest{PlayerID: who})
	ok(tb, err)
	return v
}

// quiet fails the test if changes of a document go on in the process.
func (p process) quiet(tb testing.TB) {
	tb.Helper()
	eventually(tb, "all changes have ended", func() bool { return p.sessions.Busy() == 0 && p.players.Busy() == 0 })
}

// eventually fails the test unless a condition holds within some seconds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			tb.Fatalf("it is not so that %s", what)
		}
	}
}

// faulty returns a store that calls a hook with the name of the method before each operation. The hook may wait; the
// operation fails with the error that it returns.
func faulty(s game.Store, before func(method string) error) game.Store {
	return wrap.Store(s, func(ctx context.Context, o wrap.Operation, do func(context.Context) error) error {
		if err := before(o.Method); err != nil {
			return err
		}
		return do(ctx)
	})
}

var errDown = game.Unanswered(game.OutcomeNone, errors.New("connection refused"))

// gate blocks calls of one operation: the first is reported on arrived, and continues when open is closed.
type gate struct {
	game.Store
	arrived chan struct{}
	open    chan struct{}
}

// gated returns the world's store with a gate before the first call of an operation.
func (w world) gated(op string) gate {
	g := gate{arrived: make(chan struct{}), open: make(chan struct{})}
	var first sync.Once
	g.Store = faulty(w.store, func(called string) error {
		if called == op {
			first.Do(func() {
				close(g.arrived)
				<-g.open
			})
		}
		return nil
	})
	return g
}

// failing returns the world's store with the errors before the first calls of an operation, one each.
func (w world) failing(op string, errs ...error) game.Store {
	var mu sync.Mutex
	return faulty(w.store, func(called string) error {
		mu.Lock()
		defer mu.Unlock()
		if called != op || len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	})
}

// together runs n functions at once and fails the test with their errors, which it does in the test's own goroutine.
func together(tb reporter, n int, do func(i int) error) {
	tb.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	wg.Wait()
	ok(tb, errors.Join(errs...))
}

// ids lists the ids of documents.
func ids[D any, I ~string](list []D, id func(D) I) []I {
	out := make([]I, 0, len(list))
	for _, d := range list {
		out = append(out, id(d))
	}
	return out
}

func playerID(p game.Player) game.PlayerID    { return p.ID }
func sessionID(s game.Session) game.SessionID { return s.ID }

// reversed returns a copy in the other order.
func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
