// Package keeper runs the work that no request asks for, at intervals: purging what has expired, finishing what a crash
// cut short. What the work is belongs to package game.
package keeper

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
)

// Task is one piece of background work.
type Task struct {
	Name string
	// Every is the time between the end of one run and the begin of the next. The first run begins at once.
	Every time.Duration
	// Timeout bounds one run.
	Timeout time.Duration
	// Run may be cut short at any point, and must then be safe to run again.
	Run func(context.Context) error
}

// Keeper runs tasks and remembers how they went.
type Keeper struct {
	tasks []Task
	log   *slog.Logger
	now   func() time.Time
	newID func() string

	mu   sync.Mutex
	last map[string]outcome
}

type outcome struct {
	at     time.Time
	failed bool
}

// New returns a keeper of tasks. now is its clock; newID makes ids that the log lines of one run share.
func New(log *slog.Logger, now func() time.Time, newID func() string, tasks ...Task) *Keeper {
	return &Keeper{tasks: tasks, log: log, now: now, newID: newID, last: make(map[string]outcome)}
}

// Run runs the tasks until ctx ends, and returns when the last of them has. A task that fails is tried again in its turn.
func (k *Keeper) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, t := range k.tasks {
		g.Go(func() error {
			k.repeat(ctx, t)
			return nil
		})
	}
	return g.Wait() //nolint:wrapcheck // always nil
}

func (k *Keeper) repeat(ctx context.Context, t Task) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			k.run(ctx, t)
			timer.Reset(t.Every)
		}
	}
}

func (k *Keeper) run(ctx context.Context, t Task) {
	ctx, cancel := context.WithTimeout(game.WithRequestID(ctx, k.newID()), t.Timeout)
	defer cancel()
	err := t.Run(ctx)
	if err != nil && ctx.Err() != context.Canceled {
		k.log.WarnContext(ctx, "background task failed", "category", "system", "task", t.Name, "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last[t.Name] = outcome{at: k.now().UTC(), failed: err != nil}
}

// Check tells how the last run of each task went. A task that fails makes the service no less healthy for its callers.
func (k *Keeper) Check(context.Context) (game.Facts, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tasks := make(map[string]any, len(k.tasks))
	for _, t := range k.tasks {
		o, ran := k.last[t.Name]
		if !ran {
			tasks[t.Name] = map[string]any{"status": "waiting"}
			continue
		}
		status := "ok"
		if o.failed {
			status = "failing"
		}
		tasks[t.Name] = map[string]any{"status": status, "last_run": o.at.Format(time.RFC3339)}
	}
	return game.Facts{"tasks": tasks}, nil
}
