package observe_test

import (
	"bytes"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"game-session-manager/internal/observe"
)

// Lines of JSON are those of the standard library, byte for byte, whatever is in them.
func TestJSONLinesAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.StringMatching(`[ -~]{0,20}`), rapid.String(), rapid.SampledFrom([]string{
		"", `"`, `\`, "<&>", "\x7f", "\u2028", "\xff", "\n", "é",
	}))
	number := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.IntRange(-10, 1e7), func(n int) float64 { return float64(n) / 1000 }),
		rapid.SampledFrom([]float64{math.NaN(), math.Inf(-1), math.Copysign(0, -1), 1e-6, 9.9e-7, 1e21, 9.9e20, -1e300}))
	value := rapid.OneOf(
		rapid.Map(text, slog.StringValue), rapid.Map(number, slog.Float64Value), rapid.Map(rapid.Int64(), slog.Int64Value),
		rapid.SampledFrom([]slog.Value{
			slog.BoolValue(true), slog.DurationValue(time.Second), slog.Uint64Value(math.MaxUint64), slog.AnyValue([]string{"a"}),
			slog.GroupValue(slog.Int("in", 1)), slog.GroupValue(), slog.AnyValue(nil),
			{},
		}))
	attrs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) slog.Attr {
		return slog.Attr{Key: rapid.OneOf(rapid.StringMatching(`[a-z_]{1,9}`), text).Draw(t, "key"), Value: value.Draw(t, "value")}
	}), 0, 7)
	rapid.Check(t, func(t *rapid.T) {
		var got, want bytes.Buffer
		logs := observe.NewLogs(&got, observe.LogOptions{Format: observe.FormatJSON, Level: slog.LevelDebug, Metrics: prometheus.NewRegistry(), Now: time.Now})
		ours := logs.System.Handler()
		theirs := slog.NewJSONHandler(&want, &slog.HandlerOptions{Level: slog.LevelDebug}).WithAttrs([]slog.Attr{slog.String("category", "system")})
		for range rapid.IntRange(0, 2).Draw(t, "levels of With") {
			if with := attrs.Draw(t, "with"); rapid.Bool().Draw(t, "grouped") {
				ours, theirs = ours.WithGroup("g").WithAttrs(with), theirs.WithGroup("g").WithAttrs(slices.Clone(with))
			} else {
				ours, theirs = ours.WithAttrs(with), theirs.WithAttrs(slices.Clone(with))
			}
		}
		var at time.Time
		if !rapid.Bool().Draw(t, "no time") {
			at = time.Unix(rapid.Int64Range(-1e11, 1e12).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds"))
		}
		r := slog.NewRecord(at.UTC(), slog.Level(rapid.IntRange(-4, 9).Draw(t, "level")), text.Draw(t, "message"), 0)
		r.AddAttrs(attrs.Draw(t, "attributes")...)
		for _, h := range []slog.Handler{ours, theirs} {
			if err := h.Handle(t.Context(), r.Clone()); err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != want.String() {
			t.Errorf("is\n%swant\n%s", &got, &want)
		}
	})
}
