package game_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	// Bounds and results from the manual of Prometheus's histogram_quantile: linear within a bucket, the last bound
	// beyond it.
	bounds := []float64{0.1, 0.2, 0.4, 1}
	for _, test := range []struct {
		name   string
		counts []int64
		q      float64
		want   float64
	}{
		{"the middle of the first bucket", []int64{10, 0, 0, 0, 0}, 0.5, 0.05},
		{"the end of the first bucket", []int64{10, 0, 0, 0, 0}, 1, 0.1},
		{"the end of a bucket", []int64{5, 5, 0, 0, 0}, 0.5, 0.1},
		{"inside the second bucket", []int64{5, 5, 0, 0, 0}, 0.75, 0.15},
		{"over empty buckets", []int64{1, 0, 0, 3, 0}, 0.5, 0.6},
		{"in a wide bucket", []int64{50, 45, 4, 1, 0}, 0.99, 0.4},
		{"beyond the last bound", []int64{1, 0, 0, 0, 9}, 0.95, 1},
		{"all beyond the last bound", []int64{0, 0, 0, 0, 2}, 0.01, 1},
		{"the smallest", []int64{0, 4, 0, 0, 0}, 0, 0.1},
		{"one request", []int64{0, 0, 1, 0, 0}, 0.95, 0.39},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, ok := game.Latency{Bounds: bounds, Counts: test.counts}.Quantile(test.q)
			if !ok || math.Abs(got-test.want) > 1e-12 {
				t.Errorf("got %v, %t; want %v", got, ok, test.want)
			}
		})
	}
	for _, none := range []game.Latency{{}, {Bounds: bounds, Counts: make([]int64, 5)}} {
		if got, ok := none.Quantile(0.5); ok || got != 0 {
			t.Errorf("of no requests: %v, %t", got, ok)
		}
	}
	if got, ok := (game.Latency{Counts: []int64{3}}).Quantile(0.5); !ok || got != 0 {
		t.Errorf("without bounds: %v, %t", got, ok)
	}
}

func TestLatencyPlus(t *testing.T) {
	t.Parallel()
	a := game.Latency{Bounds: []float64{1, 2, 3}, Counts: []int64{1, 2, 3, 4}}
	for _, test := range []struct {
		name string
		with game.Latency
		want game.Latency
	}{
		{"the same bounds", game.Latency{
			Bounds: []float64{1, 2, 3}, Counts: []int64{10, 20, 30, 40},
		}, game.Latency{Bounds: []float64{1, 2, 3}, Counts: []int64{11, 22, 33, 44}}},
		{"nothing", game.Latency{}, a},
		{"no requests, other bounds", game.Latency{Bounds: []float64{7}, Counts: []int64{0, 0}}, a},
		{"fewer bounds", game.Latency{
			Bounds: []float64{2}, Counts: []int64{10, 20},
		}, game.Latency{Bounds: []float64{2}, Counts: []int64{13, 27}}},
		{"more bounds", game.Latency{
			Bounds: []float64{0.5, 1, 1.5, 3, 9}, Counts: []int64{1, 1, 1, 1, 1, 1},
		}, game.Latency{Bounds: []float64{1, 3}, Counts: []int64{3, 7, 6}}},
		{"no bound in common", game.Latency{
			Bounds: []float64{7}, Counts: []int64{10, 20},
		}, game.Latency{Bounds: []float64{}, Counts: []int64{40}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			equal(t, test.want, a.Plus(test.with))
			equal(t, test.want, test.with.Plus(a))
		})
	}
	equal(t, game.Latency{Bounds: []float64{1, 2, 3}, Counts: []int64{1, 2, 3, 4}}, a)
}

// However samples are cut and put together, no request is lost or moved beyond a bound that all of them have.
func TestLatencyPlusKeepsRequests(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const common = 0.25
		latency := rapid.Custom(func(t *rapid.T) game.Latency {
			bounds := rapid.SliceOfDistinct(
				rapid.SampledFrom([]float64{0.001, 0.01, 0.1, 0.5, 1, 10}), rapid.ID[float64],
			).Draw(t, "bounds")
			bounds = append(bounds, common)
			slices.Sort(bounds)
			return game.Latency{Bounds: bounds, Counts: rapid.SliceOfN(
				rapid.Int64Range(0, 1000), len(bounds)+1, len(bounds)+1,
			).Draw(t, "counts")}
		})
		within := func(l game.Latency) (n int64) {
			for i, b := range l.Bounds {
				if b <= common {
					n += l.Counts[i]
				}
			}
			return n
		}
		var sum game.Latency
		var total, quick int64
		for _, l := range rapid.SliceOfN(latency, 1, 5).Draw(t, "samples") {
			sum = sum.Plus(l)
			total, quick = total+l.Total(), quick+within(l)
		}
		if sum.Total() != total || within(sum) != quick {
			t.Fatalf(
				"%v has %d requests of %d, and %d of %d within %v", sum, sum.Total(), total, within(sum), quick, common,
			)
		}
		last := 0.0
		for q := 0.0; q <= 1; q += 0.05 {
			got, ok := sum.Quantile(q)
			if ok != (total > 0) || got < last {
				t.Fatalf("quantile %v of %v is %v after %v, %t", q, sum, got, last, ok)
			}
			last = got
		}
	})
}
