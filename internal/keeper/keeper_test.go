package keeper_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
	"game-session-manager/internal/report"
)

func TestKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var runs []string
		var told []report.Run
		var mu sync.Mutex
		onRun := func(ctx context.Context, r report.Run) {
			mu.Lock()
			defer mu.Unlock()
			if game.RunIDFrom(ctx) != "run" || r.End.IsZero() {
				t.Errorf("told of %+v in the run %q", r, game.RunIDFrom(ctx))
			}
			told = append(told, r)
		}
		k := keeper.New(options(onRun), keeper.Task{
			Name: "work", Every: time.Minute, Timeout: time.Second,
			Run: func(ctx context.Context) error {
				runs = append(runs, game.RequestIDFrom(ctx)+game.RunIDFrom(ctx))
				if len(runs) == 1 {
					return errors.New("not today")
				}
				return nil
			},
		}, keeper.Task{
			Name: "hanging", Every: time.Hour, Timeout: time.Second,
			Run: func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
		})
		if got := status(t, k, "work"); got != "waiting" {
			t.Errorf("before the first run: %v", got)
		}
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()

		time.Sleep(3 * time.Second) // half of the longest phase, plus half a second: Random returns one half
		synctest.Wait()
		if len(runs) != 1 || runs[0] != "run" || status(t, k, "work") != "failing" {
			t.Errorf("the first run does not begin within seconds, with an id: %v, %v", runs, status(t, k, "work"))
		}
		time.Sleep(time.Minute + time.Second) // of the bubble's clock
		synctest.Wait()
		if len(runs) != 2 || status(t, k, "work") != "ok" {
			t.Errorf("a failed task is not tried again in its turn: %v, %v", runs, status(t, k, "work"))
		}
		if status(t, k, "hanging") != "failing" {
			t.Error("a task that hangs is not cut off")
		}
		mu.Lock()
		if i := slices.IndexFunc(told, func(r report.Run) bool { return r.Task == "hanging" }); len(told) != 3 ||
			told[i].Took != time.Second || !errors.Is(told[i].Err, context.DeadlineExceeded) {
			t.Errorf("told of %+v", told)
		}
		mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A task that panics counts as failed and is run again. A run that the end of the program cancels is not reported.
func TestKeeperOfBrokenTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan report.Run, 10)
		k := keeper.New(options(func(_ context.Context, r report.Run) { told <- r }), keeper.Task{
			Name: "broken", Every: time.Minute, Timeout: time.Second, Run: func(context.Context) error {
				panic("no map")
			},
		}, keeper.Task{
			Name: "long", Every: time.Minute, Timeout: time.Hour, Run: func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
		})
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		for range 2 {
			var p *report.Panic
			if r := <-told; r.Task != "broken" || !errors.As(r.Err, &p) || p.Value != "no map" ||
				!strings.Contains(p.Stack, "keeper_test") {
				t.Errorf("told of %+v", r)
			}
		}
		cancel()
		if err := <-done; err != nil || len(told) > 0 || status(t, k, "broken") != "failing" {
			t.Errorf("%v, and told of %d more runs", err, len(told))
		}
	})
}

// options returns options without jitter.
func options(onRun func(context.Context, report.Run)) keeper.Options {
	return keeper.Options{
		OnRun: onRun, Now: time.Now, NewID: func() string { return "run" }, Random: func() float64 { return .5 },
	}
}

func status(t *testing.T, k *keeper.Keeper, task string) any {
	t.Helper()
	facts, err := k.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tasks, _ := facts["tasks"].(map[string]any)
	outcome, _ := tasks[task].(map[string]any)
	return outcome["status"]
}
