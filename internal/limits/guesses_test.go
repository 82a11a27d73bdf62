package limits_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/limits"
)

// The arithmetic of [limits.JoinCodeRate]: what one caller can guess in a day at ten processes, from full buckets on,
// finds one of 10,000 codes with less than 1 %.
func TestJoinCodesCannotBeGuessed(t *testing.T) {
	t.Parallel()
	const processes, live, codes = 10, 10_000, 1 << 30
	now := time.Unix(1_700_000_000, 0)
	g := limits.NewGuesses(limits.WrongJoinCode, limits.JoinCodeRate(), func() time.Time { return now })
	guesses := 0
	for end := now.Add(24 * time.Hour); now.Before(end); now = now.Add(10 * time.Second) {
		for g.Begin("eve") == nil {
			guesses++
		}
	}
	if p := float64(guesses*processes) * live / codes; p >= 0.01 || guesses < 100 {
		t.Errorf("%d guesses a day find a code with probability %g", guesses, p)
	}
}

func TestGuesses(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	g := limits.NewGuesses(limits.WrongJoinCode, limits.Rate{PerSecond: 0.1, Burst: 3}, func() time.Time { return now })
	for range 50 { // right ones
		if err := g.Begin("ada"); err != nil {
			t.Fatal(err)
		}
		g.Forgive("ada")
	}
	for range 3 {
		if err := g.Begin("ada"); err != nil {
			t.Fatal(err)
		}
	}
	refused := (*limits.RefusedError)(nil)
	if err := g.Begin("ada"); !errors.As(err, &refused) || refused.RetryAfter != 10*time.Second ||
		refused.Class() != limits.WrongJoinCode {
		t.Errorf("the fourth wrong guess: %v", err)
	}
	if err := g.Begin("eve"); err != nil {
		t.Errorf("another caller: %v", err)
	}
	if now = now.Add(10 * time.Second); g.Begin("ada") != nil || g.Begin("ada") == nil {
		t.Error("one guess is not forgiven after 10 s")
	}
}

// Guesses at the same time do not exceed the limit.
func TestGuessesAtTheSameTime(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	g := limits.NewGuesses(limits.WrongJoinCode, limits.Rate{PerSecond: 0.1, Burst: 5}, func() time.Time { return now })
	var wg sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 100 {
		wg.Go(func() {
			if g.Begin("eve") == nil {
				mu.Lock()
				defer mu.Unlock()
				n++
			}
		})
	}
	wg.Wait()
	if n != 5 {
		t.Errorf("%d guesses were checked at the same time", n)
	}
}
