package game_test

import (
	"errors"
	"testing"

	"game-session-manager/internal/game"
)

func TestNumbersThatAreExact(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]float64{
		"0.1": 0.1, "-0": 0, "0e999": 0, "0.0e-999": 0, "9007199254740991": 1<<53 - 1,
		"-9007199254740991.0": -1<<53 + 1,
		"1e15":                1e15,
		"5e-324":              5e-324, "3.141592653589793238462643383279": 3.141592653589793,
	} {
		if got, err := game.ParseNumber(literal); err != nil || got != want {
			t.Errorf("%s: got %v, %v", literal, got, err)
		}
	}
	for _, literal := range []string{
		"9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740993.0", "9.007199254740993e15",
		"9007199254740993000e-3",
		"1e16", "1e400", "-1e400", "1e1000000", "1e-400", "0.1e-999999999999",
	} {
		if _, err := game.ParseNumber(literal); !errors.Is(err, game.ErrInexactNumber) {
			t.Errorf("%s: got error %v", literal, err)
		}
		var r game.Result
		if err := r.UnmarshalJSON([]byte(`{"a":[{"b":` + literal + `}]}`)); !errors.Is(err, game.ErrInexactNumber) {
			t.Errorf("%s in a result: got error %v and %s", literal, err, r)
		}
	}
}
