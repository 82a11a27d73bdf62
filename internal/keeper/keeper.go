// Package keeper runs background tasks at intervals, such as purging expired documents and completing interrupted
// writes. The tasks themselves belong to package game.
package keeper

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
	"game-session-manager/internal/report"
)

// Task is a background task.
type Task struct {
	Name string
	// Every is the time from the end of one run to the start of the next, varied by up to a tenth. The first run
	// starts at a random time within Every, at most five seconds after the start of the keeper.
	Every time.Duration
	// Wake starts the next run early when something can be received from it. It may be nil.
	Wake <-chan struct{}
	// Timeout limits the duration of one run.
	Timeout time.Duration
	// Lease makes the task run in only one process at a time, of all processes on one database. See [Generation].
	Lease bool
	// Run may be cancelled at any point, and must be safe to run again afterwards.
	Run func(context.Context) error
}

// Options configure a Keeper.
type Options struct {
	// OnRun is called after each run with the run's context, except for runs that were cancelled by the end of the
	// program or by the loss of a lease.
	OnRun func(context.Context, report.Run)
	Now   func() time.Time
	// NewID returns the id of a run, which its log lines share.
	NewID func() string
	// Random returns a number in [0,1) that varies the times of runs. Nil uses math/rand.
	Random func() float64

	// Leases stores the leases of tasks.
	Leases game.TaskStore
	// Holder names this process in leases. It must be unique among all processes that ever use the database.
	Holder string
	// Sole says that no other process can open the database. Leases are then taken once, whoever holds them, are never
	// renewed, and last as long as the process.
	Sole bool
}

// Keeper runs tasks and remembers their last results.
type Keeper struct {
	Options
	tasks []Task

	mu     sync.Mutex
	states map[string]state
}

// state is the state of a task.
type state struct {
	at         time.Time // of the last run or the last attempt to take the lease; zero before the first run
	status     string
	generation int64 // of the lease, while this process holds it
}

// Statuses of tasks.
const (
	statusWaiting = "waiting" // for the first run
	statusOK      = "ok"
	statusFailing = "failing"
	statusStandby = "standby" // another process holds the lease
)

// longestPhase is the longest delay of the first run of a task. It gives infrequent tasks a chance in a process that
// is restarted often.
const longestPhase = 5 * time.Second

// New returns a keeper of tasks.
func New(o Options, tasks ...Task) *Keeper {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return &Keeper{Options: o, tasks: tasks, states: make(map[string]state)}
}

// Run runs the tasks until ctx is cancelled and all of them have returned. A failed task is retried at its next
// interval. Leases are given back at the end.
func (k *Keeper) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, t := range k.tasks {
		g.Go(func() error {
			_ = game.Sleep(ctx, k.phase(t.Every)) // what follows ends with the context
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

// phase returns the random delay of the first run, so that processes that start together do not run tasks at the same
// time.
func (k *Keeper) phase(every time.Duration) time.Duration {
	return time.Duration(k.Random() * float64(min(every, longestPhase)))
}

// jittered returns d, varied by up to a tenth.
func (k *Keeper) jittered(d time.Duration) time.Duration {
	const share = 0.1
	return time.Duration((1 - share + 2*share*k.Random()) * float64(d))
}

// repeat runs a task at its interval until the context ends.
func (k *Keeper) repeat(ctx context.Context, t Task) {
	for ctx.Err() == nil {
		k.run(ctx, t)
		k.pause(ctx, t)
	}
}

// wakeDelay is how long a run that was woken waits for more to do.
const wakeDelay = 25 * time.Millisecond

// pause waits until the next run of a task.
func (k *Keeper) pause(ctx context.Context, t Task) {
	timer := time.NewTimer(k.jittered(t.Every))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-t.Wake:
		_ = game.Sleep(ctx, min(wakeDelay, t.Every)) // the loop ends with the context
		select {
		case <-t.Wake: // the run sees what this is about
		default:
		}
	}
}

func (k *Keeper) run(ctx context.Context, t Task) {
	ctx, cancel := context.WithTimeout(game.WithRunID(ctx, k.NewID()), t.Timeout)
	defer cancel()
	begin := k.Now()
	err := runRecovered(ctx, t)
	end := k.Now()
	if err != nil && ctx.Err() == context.Canceled { // the process or its lease ended
		return
	}
	k.OnRun(ctx, report.Run{Task: t.Name, End: end, Took: end.Sub(begin), Err: err})
	s := state{at: end.UTC(), status: statusOK, generation: Generation(ctx)}
	if err != nil {
		s.status = statusFailing
	}
	k.note(t, s)
}

// runRecovered runs a task and returns a panic as an error, because a broken task must not end the service.
func runRecovered(ctx context.Context, t Task) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = report.Caught(cause)
		}
	}()
	return t.Run(ctx)
}

func (k *Keeper) note(t Task, s state) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.states[t.Name] = s
}

// Check returns the result of each task's last run. It never returns an error: a failing task does not make the
// service unhealthy for callers.
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
