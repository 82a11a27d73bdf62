package keeper_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/keeper"
)

func TestKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var runs []string
		k := keeper.New(slog.New(slog.DiscardHandler), time.Now, func() string { return "run" }, keeper.Task{
			Name: "work", Every: time.Minute, Timeout: time.Second,
			Run: func(ctx context.Context) error {
				runs = append(runs, game.RequestIDFrom(ctx))
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

		synctest.Wait()
		if len(runs) != 1 || runs[0] != "run" || status(t, k, "work") != "failing" {
			t.Errorf("the first run does not begin at once, with an id: %v, %v", runs, status(t, k, "work"))
		}
		time.Sleep(time.Minute + time.Second) // of the bubble's clock
		synctest.Wait()
		if len(runs) != 2 || status(t, k, "work") != "ok" {
			t.Errorf("a failed task is not tried again in its turn: %v, %v", runs, status(t, k, "work"))
		}
		if status(t, k, "hanging") != "failing" {
			t.Error("a task that hangs is not cut off")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
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
