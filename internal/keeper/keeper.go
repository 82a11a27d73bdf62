// Package keeper runs the work that no request asks for, at intervals: purging what has expired, finishing what a crash
// cut short. What the work is belongs to package game.
package keeper

import (
	"context"
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
	onRun func(context.Context, game.Run)
	now   func() time.Time
	newID func() string

	mu   sync.Mutex
	last map[string]outcome
}

type outcome struct {
	at     time.Time
	failed bool
}

// New returns a keeper of tasks. now is its clock; newID makes the ids of runs, which the log lines of one run share. onRun
// hears of each run in the run's context, except of those that the end of the program cut short.
func New(onRun func(context.Context, game.Run), now func() time.Time, newID func() string, tasks ...Task) *Keeper {
	return &Keeper{tasks: tasks, onRun: onRun, now: now, newID: newID, last: make(map[string]outcome)}
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
	ctx, cancel := context.WithTimeout(game.WithRunID(ctx, k.newID()), t.Timeout)
	defer cancel()
	begin := k.now()
	err := caught(ctx, t)
	end := k.now()
	if err == nil || ctx.Err() != context.Canceled {
		k.onRun(ctx, game.Run{Task: t.Name, End: end, Took: end.Sub(begin), Err: err})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last[t.Name] = outcome{at: end.UTC(), failed: err != nil}
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
