package api_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
)

// What is written by hand are the bytes that the JSON package would write, of every field that there is, and nothing of
// what the package refuses. What is not UTF-8 is left to the package, which replaces it in some places and refuses it in others.
func TestWritten(t *testing.T) {
	t.Parallel()
	player, session, cursor := anything[game.Player](), anything[game.Session](), rapid.Ptr(rapid.String(), true)
	rapid.Check(t, func(t *rapid.T) {
		for name, v := range map[string]any{
			"a player":   player.Draw(t, "player"),
			"a session":  session.Draw(t, "session"),
			"players":    api.PageOf(rapid.SliceOfN(player, 0, 2).Draw(t, "players"), cursor.Draw(t, "cursor")),
			"sessions":   api.PageOf(rapid.SliceOfN(session, 0, 2).Draw(t, "sessions"), nil),
			"no players": api.PageOf[game.Player](nil, nil),
		} {
			want, err := jsonv2.Marshal(v, jsonv2.Deterministic(true))
			got, ok := api.Written(v)
			replaced := bytes.ContainsRune(want, utf8.RuneError)
			if ok && (err != nil || string(got) != string(want)) || !ok && err == nil && !replaced {
				t.Fatalf("%s: wrote %q, %t; the package %q, %v", name, got, ok, want, err)
			}
		}
	})
}

// anything generates values with every field filled, some with what documents never have.
func anything[D any]() *rapid.Generator[D] {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9 _-]{0,40}`), rapid.SampledFrom([]string{"\xff", "<&>", "a\"b\\c\x00\x1f\x7f", "\u2028é😀"}))
	number := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Int64(), func(n int64) float64 { return float64(n) }),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e15, -1e15, 999999999999999, 1e21, 1e-7, .5, math.MaxFloat64, math.Inf(1), math.NaN()}))
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		at := time.UnixMilli(rapid.Int64Range(-1<<47, 1<<48).Draw(t, "ms")).UTC()
		if rapid.Bool().Draw(t, "elsewhere") {
			return at.In(time.FixedZone("", rapid.IntRange(-25*3600, 25*3600).Draw(t, "offset")))
		}
		return at
	})
	result := rapid.Custom(func(t *rapid.T) game.Result {
		b, err := json.Marshal(rapid.MapOf(text, text).Draw(t, "result"))
		if err != nil || rapid.Bool().Draw(t, "none") {
			return ""
		}
		return game.Result(b)
	})
	return rapid.MakeCustom[D](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[game.Value](): rapid.OneOf(
				rapid.Map(text, game.StringValue), rapid.Map(rapid.Bool(), game.BoolValue), rapid.Map(number, game.NumberValue)).AsAny(),
			reflect.TypeFor[time.Time]():   moment.AsAny(),
			reflect.TypeFor[game.Result](): result.AsAny(),
		},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: text.AsAny()},
	})
}
