// Package keeper runs the work that no request asks for, at intervals: purging what has expired, finishing what a crash
// cut short. What the work is belongs to package game.
package keeper

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
)

// Task is one piece of background work.
type Task struct {
	Name string
	// Every is the time between the end of one run and the begin of the next, give or take a tenth. The first run
	// begins at a random moment within that time, and within five seconds.
	Every time.Duration
	// Timeout bounds one run.
	Timeout time.Duration
	// Lease has the task run only in the process that holds the task's lease: of all processes on one database, in one
	// at a time. See [Generation].
	Lease bool
	// Run may be cut short at any point, and must then be safe to run again.
	Run func(context.Context) error
}

// Options are what a Keeper works with.
type Options struct {
	// OnRun is called after each run in the run's context, except after those that the end of the program or of a lease
	// cut short.
	OnRun func(context.Context, game.Run)
	Now   func() time.Time
	// NewID makes the ids of runs, which the log lines of one run share.
	NewID func() string
	// Random returns a number from 0 up to but not including 1, for the moments of runs. Nil is a random one.
	Random func() float64

	// Leases keeps the leases of tasks that have one.
	Leases game.TaskStore
	// Holder names this process in them. No other process on the database may have the same name, not even an earlier
	// one.
	Holder string
	// Sole says that no other process can have the database open. Leases are then taken once, from whoever had them,
	// never renewed, and last as long as the process.
	Sole bool
}

// Keeper runs tasks and remembers how they went.
type Keeper struct {
	Options
	tasks []Task

	mu     sync.Mutex
	states map[string]state
}

// state is how a task stands.
type state struct {
	at         time.Time // of the last run, or of the last look at the lease; zero before the first run
	status     string
	generation int64 // of the lease, while this process has it
}

// Statuses of tasks.
const (
	statusWaiting = "waiting" // for the first run
	statusOK      = "ok"
	statusFailing = "failing"
	statusStandby = "standby" // another process runs it
)

// longestPhase bounds how long after the start the first run of a task begins, so that a process that is restarted
// often gets to its rare tasks too.
const longestPhase = 5 * time.Second

// New returns a keeper of tasks.
func New(o Options, tasks ...Task) *Keeper {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return &Keeper{Options: o, tasks: tasks, states: make(map[string]state)}
}

// Run runs the tasks until ctx ends, and returns when the last of them has. A task that fails is tried again in its
// turn. Leases are given back at the end.
func (k *Keeper) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, t := range k.tasks {
		g.Go(func() error {
			if !k.sleep(ctx, k.phase(t.Every)) {
				return nil
			}
			if t.Lease {
				k.underLease(ctx, t)
			} else {
				k.repeat(ctx, t)
			}
			return nil
		})
	}
	return g.Wait() //nolint:wrapcheck // always nil
}

// phase returns how long the first run waits: processes that start together do not work at the same moments.
func (k *Keeper) phase(every time.Duration) time.Duration {
	return time.Duration(k.Random() * float64(min(every, longestPhase)))
}

// jittered returns a duration that is within a tenth of the given one.
func (k *Keeper) jittered(d time.Duration) time.Duration {
	const share = 0.1
	return time.Duration((1 - share + 2*share*k.Random()) * float64(d))
}

// sleep reports whether the context lasted for so long.
func (k *Keeper) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// repeat runs a task again and again until the context ends.
func (k *Keeper) repeat(ctx context.Context, t Task) {
	for ctx.Err() == nil {
		k.run(ctx, t)
		if !k.sleep(ctx, k.jittered(t.Every)) {
			return
		}
	}
}

func (k *Keeper) run(ctx context.Context, t Task) {
	ctx, cancel := context.WithTimeout(game.WithRunID(ctx, k.NewID()), t.Timeout)
	defer cancel()
	begin := k.Now()
	err := caught(ctx, t)
	end := k.Now()
	if err == nil || ctx.Err() != context.Canceled {
		k.OnRun(ctx, game.Run{Task: t.Name, End: end, Took: end.Sub(begin), Err: err})
	}
	s := state{at: end.UTC(), status: statusOK, generation: Generation(ctx)}
	if err != nil {
		s.status = statusFailing
	}
	k.note(t, s)
}

// caught runs a task and returns its panic as an error: one task that is broken must not end the service.
func caught(ctx context.Context, t Task) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = game.Caught(cause)
		}
	}()
	return t.Run(ctx)
}

func (k *Keeper) note(t Task, s state) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.states[t.Name] = s
}

// Check tells how the last run of each task went. A task that fails makes the service no less healthy for its callers.
func (k *Keeper) Check(context.Context) (game.Facts, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tasks := make(map[string]any, len(k.tasks))
	for _, t := range k.tasks {
		s, ran := k.states[t.Name]
		if !ran {
			tasks[t.Name] = map[string]any{"status": statusWaiting}
			continue
		}
		facts := map[string]any{"status": s.status}
		if !s.at.IsZero() && s.status != statusStandby {
			facts["last_run"] = s.at.Format(time.RFC3339)
		}
		if s.generation > 0 {
			facts["lease_generation"] = s.generation
		}
		tasks[t.Name] = facts
	}
	return game.Facts{"tasks": tasks}, nil
}
