package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/report"
	"game-session-manager/internal/store/sqlitestore"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
	"game-session-manager/internal/store/storetest"
)

// Processes with different random numbers run tasks at different times, within the documented bounds.
func TestJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		var at []time.Duration
		numbers := []float64{.2, 0, .5, .999}
		o := options(func(context.Context, report.Run) {})
		o.Random = func() float64 {
			n := numbers[0]
			if len(numbers) > 1 {
				numbers = numbers[1:]
			}
			return n
		}
		run := func(context.Context) error {
			at = append(at, time.Since(begin).Round(time.Second))
			return nil
		}
		k := keeper.New(o, keeper.Task{Name: "work", Every: 10 * time.Minute, Timeout: time.Second, Run: run})
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		// A fifth of five seconds, which limit the first delay; then 9, 10 and nearly 11 minutes.
		const first = time.Second
		want := []time.Duration{first, first + 9*time.Minute, first + 19*time.Minute, first + 30*time.Minute}
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("ran at %v, want %v", at, want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// cluster is a group of processes that share a database and run one task under a lease.
type cluster struct {
	t     *testing.T
	store game.Store
	lasts time.Duration // how long a run does, unless its context ends

	mu        sync.Mutex
	under     map[string]int64 // the generation that each running process holds
	succeeded []int64          // the generations of all runs, in order
	cut       []error          // the causes of cancelled runs
	told      map[string]report.Run
}

// member is a process of a cluster.
type member struct {
	*keeper.Keeper
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	ahead time.Duration // offset of its clock
}

func (m *member) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.ahead)
}

func (m *member) set(ahead time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead = ahead
}

func newCluster(t *testing.T) *cluster {
	s, err := sqlitestore.Open(t.Context(), sqlitetest.Database(t), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &cluster{t: t, store: s, lasts: 3 * time.Second, under: map[string]int64{}, told: map[string]report.Run{}}
}

// start starts a process.
func (c *cluster) start(name string, with func(*keeper.Options, *member)) *member {
	m := &member{done: make(chan error, 1)}
	ctx, stop := context.WithCancel(c.t.Context())
	m.stop = stop
	o := options(func(_ context.Context, r report.Run) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.told[name] = r
	})
	o.Now, o.Leases, o.Holder = m.now, c.store, name
	if with != nil {
		with(&o, m)
	}
	run := func(ctx context.Context) error {
		c.begin(name, keeper.Generation(ctx))
		defer c.end(name)
		timer := time.NewTimer(c.lasts)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			c.cut = append(c.cut, context.Cause(ctx))
			return ctx.Err()
		}
	}
	m.Keeper = keeper.New(o, keeper.Task{Name: "work", Every: time.Second, Timeout: time.Minute, Lease: true, Run: run})
	go func() { m.done <- m.Run(ctx) }()
	return m
}

func (c *cluster) begin(name string, generation int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.under) > 0 {
		c.t.Errorf("%s works under generation %d while others do: %v", name, generation, c.under)
	}
	if n := len(c.succeeded); n > 0 && (generation < c.succeeded[n-1] || generation > c.succeeded[n-1]+2) {
		c.t.Errorf("generation %d follows %d", generation, c.succeeded[n-1])
	}
	c.under[name] = generation
	c.succeeded = append(c.succeeded, generation)
}

func (c *cluster) end(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.under, name)
}

// until waits until a process runs under a generation, and fails the test after the given time.
func (c *cluster) until(name string, generation int64, within time.Duration) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%s works under generation %d", name, generation), within, func() bool {
		return c.under[name] == generation
	})
}

// eventually waits on the clock of the bubble until a condition is true, and fails the test after the given time. The
// condition may look at the cluster.
func (c *cluster) eventually(what string, within time.Duration, condition func() bool) {
	c.t.Helper()
	done := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return condition()
	}
	for begin := time.Now(); time.Since(begin) < within; time.Sleep(100 * time.Millisecond) {
		if synctest.Wait(); done() {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Fatalf("waited %v in vain until %s: %v", within, what, c.under)
}

func (c *cluster) stop(members ...*member) {
	c.t.Helper()
	for _, m := range members {
		m.stop()
		if err := <-m.done; err != nil {
			c.t.Error(err)
		}
	}
}

func (c *cluster) lease() game.TaskLease {
	c.t.Helper()
	l, err := c.store.TaskLease(c.t.Context(), "work")
	if err != nil {
		c.t.Fatal(err)
	}
	return l
}

// One of two processes runs the task as long as it renews the lease. The other takes over at once when the first one
// ends normally.
func TestLeaseIsRenewedAndGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		a := c.start("a", nil)
		c.until("a", 1, 5*time.Second)
		b := c.start("b", nil)
		time.Sleep(5 * time.Minute)
		c.until("a", 1, 5*time.Second)
		if got := status(t, b.Keeper, "work"); got != "standby" {
			t.Errorf("the other is %v", got)
		}
		if r := c.told["b"]; !r.Elsewhere || r.Err != nil || time.Since(r.End) > 3*time.Second {
			t.Errorf("of the other is told %+v", r)
		}
		c.stop(a)
		if l := c.lease(); l.Holder != "" && l.Holder != "b" {
			t.Errorf("the lease was not given back: %+v", l)
		}
		c.until("b", 2, 5*time.Second)
		if status(t, b.Keeper, "work") == "standby" {
			t.Error("who works is on standby")
		}
		c.stop(b)
		if l := c.lease(); l.Holder != "" || l.Generation != 2 {
			t.Errorf("the lease was not given back: %+v", l)
		}
	})
}

// A process whose clock jumps past the end of its lease, as after a pause, cancels its run and tries to take the lease
// again.
func TestLeaseOfAProcessThatWasPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		a := c.start("a", nil)
		c.until("a", 1, 5*time.Second)
		a.set(time.Hour)
		c.until("a", 2, 5*time.Second)
		c.wantLost(1)
		c.stop(a)
	})
}

// A process that wakes up after another has taken its lease notices at the next renewal.
func TestLeaseThatWasTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.lasts = 50 * time.Second
		a := c.start("a", nil)
		c.until("a", 1, 5*time.Second)
		l := c.lease()
		taken, may := l.Take("b", time.Now(), game.TaskLeaseLost)
		if !may {
			t.Fatal("b may not take the lease")
		}
		if err := c.store.PutTaskLease(t.Context(), l, taken); err != nil {
			t.Fatal(err)
		}
		c.eventually("a loses the lease", game.TaskLeaseTerm/3+3*time.Second, func() bool { return len(c.cut) > 0 })
		c.wantLost(1)
		c.eventually("a is on standby", 5*time.Second, func() bool { return status(t, a.Keeper, "work") == "standby" })
		c.until("a", 3, time.Minute) // b does not renew it
		c.stop(a)
	})
}

// wantLost checks how many runs were cancelled for a lost lease.
func (c *cluster) wantLost(times int) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cut) != times || !errors.Is(errors.Join(c.cut...), keeper.ErrLeaseLost) {
		c.t.Errorf("runs were cut short by %v, want the lost lease, %d times", c.cut, times)
	}
}

// A process that cannot reach the store runs until its lease expires, and runs again later. Another has taken over
// within 15 seconds of the last renewal, whatever the clocks say.
func TestLeaseOfAProcessThatIsCutOff(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"clocks agree": 0, "ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				away := game.ErrStoreUnavailable.Because(errors.New("cut off"))
				a := c.start("a", func(o *keeper.Options, m *member) {
					m.ahead = ahead
					o.Leases = storetest.Failing(c.store, // the lease is taken, and renewed twice
						storetest.Fault{Operation: "TaskLease", From: 2, Calls: 60, Err: away},
						storetest.Fault{Operation: "PutTaskLease", From: 3, Calls: 1, After: true, Err: away})
				})
				c.until("a", 1, 5*time.Second)
				b := c.start("b", nil)
				last, renewed := c.lease(), time.Now()
				c.eventually("b takes over", time.Minute, func() bool { // begin would have failed if both ran at once
					if l := c.lease(); l.Holder == "a" && l != last {
						last, renewed = l, time.Now()
					}
					return c.under["b"] == 2
				})
				if took := time.Since(renewed); took > 15*time.Second {
					t.Errorf("b took over %v after the last renewal", took)
				}
				if status(t, a.Keeper, "work") != "failing" {
					t.Error("who cannot ask for the lease does not fail")
				}
				c.stop(b)
				c.until("a", 3, 5*time.Minute)
				c.stop(a)
			})
		})
	}
}

// A renewal that waits for the store holds the run of a lost lease up no longer than the lease lasts.
func TestLeaseWhoseRenewalHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.lasts = 50 * time.Second
		begin := time.Now()
		a := c.start("a", func(o *keeper.Options, _ *member) {
			o.Leases = &hanging{TaskStore: c.store, from: begin.Add(game.TaskLeaseTerm / 2)}
		})
		c.until("a", 1, 5*time.Second)
		last, renewed := c.lease(), time.Now()
		c.eventually("the run ends", time.Minute, func() bool {
			if l := c.lease(); l != last {
				last, renewed = l, time.Now()
			}
			return len(c.cut) > 0
		})
		if took := time.Since(renewed); took > game.TaskLeaseTerm+100*time.Millisecond {
			t.Errorf("the run ended %v after the last renewal", took)
		}
		c.wantLost(1)
		c.stop(a)
	})
}

// hanging is a store that does not respond from a time on.
type hanging struct {
	game.TaskStore
	from time.Time
}

func (h *hanging) TaskLease(ctx context.Context, name string) (game.TaskLease, error) {
	if time.Now().After(h.from) {
		<-ctx.Done()
		return game.TaskLease{}, game.ErrStoreUnavailable.Because(ctx.Err())
	}
	return h.TaskStore.TaskLease(ctx, name)
}

func (h *hanging) PutTaskLease(ctx context.Context, old, next game.TaskLease) error {
	if time.Now().After(h.from) {
		<-ctx.Done()
		return game.ErrStoreUnavailable.Because(ctx.Err())
	}
	return h.TaskStore.PutTaskLease(ctx, old, next)
}

// A renewal that hangs may be stored at any time later, or lose to whoever has taken the lease meanwhile. Who runs
// under a generation is the only one who ever held it, also where a process takes its own lost lease again.
func TestLeaseAfterARenewalThatHung(t *testing.T) {
	t.Parallel()
	again, others := 0, 0
	for late := time.Duration(0); late <= 14*time.Second; late += 250 * time.Millisecond {
		away := game.TaskLeaseTerm * 2 / 3 // so that it is back before the other may take the lease
		if late%(500*time.Millisecond) != 0 {
			away = 2 * game.TaskLeaseLost
		}
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			c.lasts = 50 * time.Second
			history := &chain{TaskStore: c.store}
			begin := time.Now()
			a := c.start("a", func(o *keeper.Options, _ *member) {
				o.Leases = &lagging{TaskStore: history, from: begin.Add(game.TaskLeaseTerm), late: late, away: away}
			})
			c.until("a", 1, 5*time.Second)
			b := c.start("b", func(o *keeper.Options, _ *member) { o.Leases = history })
			c.eventually("the run ends", time.Minute, func() bool { return len(c.cut) > 0 })
			c.wantLost(1)
			c.eventually("one of them works", time.Minute, func() bool { return len(c.under) > 0 })
			c.mu.Lock()
			if generation, is := c.under["a"]; is && generation == 1 {
				again++
			} else if !is {
				others++
			}
			c.mu.Unlock()
			time.Sleep(time.Minute)
			c.stop(a, b)
			history.check(t)
		})
	}
	if again == 0 || others == 0 {
		t.Errorf("%d times the lease was taken again under its generation, and %d times by another", again, others)
	}
}

// lagging is a store in whose first write after a time the caller waits in vain, and which stores it late. It cannot be
// read for a while.
type lagging struct {
	game.TaskStore
	from       time.Time
	late, away time.Duration

	mu  sync.Mutex
	lag time.Time // when the write began
}

func (l *lagging) TaskLease(ctx context.Context, name string) (game.TaskLease, error) {
	l.mu.Lock()
	away := !l.lag.IsZero() && time.Since(l.lag) < l.away
	l.mu.Unlock()
	if away {
		return game.TaskLease{}, game.ErrStoreUnavailable.Because(errors.New("cut off"))
	}
	return l.TaskStore.TaskLease(ctx, name)
}

func (l *lagging) PutTaskLease(ctx context.Context, old, next game.TaskLease) error {
	l.mu.Lock()
	lags := l.lag.IsZero() && time.Now().After(l.from)
	if lags {
		l.lag = time.Now()
	}
	l.mu.Unlock()
	if !lags {
		return l.TaskStore.PutTaskLease(ctx, old, next)
	}
	time.AfterFunc(l.late, func() { _ = l.TaskStore.PutTaskLease(context.WithoutCancel(ctx), old, next) })
	<-ctx.Done()
	return game.ErrStoreUnavailable.Because(ctx.Err())
}

// chain is a store that remembers the leases that were stored.
type chain struct {
	game.TaskStore
	mu     sync.Mutex
	leases []game.TaskLease
}

func (h *chain) PutTaskLease(ctx context.Context, old, next game.TaskLease) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.TaskStore.PutTaskLease(ctx, old, next)
	if err == nil {
		h.leases = append(h.leases, next)
	}
	return err
}

// check checks that each generation follows the one before and has one holder, until it is given back.
func (h *chain) check(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 1; i < len(h.leases); i++ {
		before, l := h.leases[i-1], h.leases[i]
		same := l.Generation == before.Generation && (l.Holder == before.Holder || l.Holder == "")
		if !same && (l.Generation != before.Generation+1 || l.Holder == "") {
			t.Errorf("%+v follows %+v", l, before)
		}
	}
}

// The only process of a database takes the lease of a killed process at once, and never renews it.
func TestSoleProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		killed := game.TaskLease{Name: "work", Holder: "killed", Generation: 7, Until: time.Now().Add(time.Hour).UTC()}
		if err := c.store.PutTaskLease(t.Context(), game.TaskLease{Name: "work"}, killed); err != nil {
			t.Fatal(err)
		}
		c.succeeded = append(c.succeeded, 7)
		a := c.start("a", func(o *keeper.Options, _ *member) { o.Sole = true })
		c.until("a", 8, 5*time.Second)
		taken := c.lease()
		time.Sleep(time.Hour)
		c.until("a", 8, 5*time.Second)
		if l := c.lease(); l != taken {
			t.Errorf("the lease was written again: %+v, then %+v", taken, l)
		}
		c.stop(a)
	})
}
