package game_test

import (
	"testing"
	"time"

	"game-session-manager/internal/game"
)

// A gap counts for those who keep in touch more often than that, and the machine being slow does not.
func TestHearing(t *testing.T) {
	t.Parallel()
	var h game.Hearing
	want := func(now, staleAfter, since int) {
		t.Helper()
		if got := h.Since(later(now), time.Duration(staleAfter)*time.Second); !got.Equal(later(since)) {
			t.Errorf("at %d for %d: since %s, want %s", now, staleAfter, got, later(since))
		}
	}
	heard := func(at ...int) {
		for _, second := range at {
			h.Heard(later(second))
		}
	}
	want(10, 30, 10) // nothing was heard yet
	heard(10, 11, 12, 13)
	want(14, 5, 10)
	heard(17) // after 4 seconds
	want(17, 5, 17)
	want(17, 30, 10)
	heard(18, 19, 39) // after 20 seconds
	want(40, 5, 39)
	want(40, 30, 39)
	want(40, 60, 10)
	heard(40, 45)
	want(45, 5, 45)
	want(45, 30, 39)
	want(70, 30, 70) // it lasts
	h.Failed()
	want(46, 3600, 46)
	heard(50)
	want(51, 3600, 50)
	heard(20) // the clock was set back
	want(21, 5, 20)
}
