package game_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func TestMetricsRange(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 7, 5e6, time.UTC)
	clock := func(hour, minute, second int) time.Time {
		return time.Date(2026, 3, 1, hour, minute, second, 0, time.UTC)
	}
	for _, test := range []struct {
		name string
		r    game.MetricsRange
		want game.MetricsRange
	}{
		{"nothing said", game.MetricsRange{}, game.MetricsRange{
			From: clock(11, 0, 0), To: clock(12, 0, 15), Step: 15 * time.Second,
		}},
		{"from", game.MetricsRange{
			From: clock(11, 59, 50),
		}, game.MetricsRange{From: clock(11, 59, 45), To: clock(12, 0, 15), Step: 15 * time.Second}},
		{"to", game.MetricsRange{
			To: clock(9, 30, 0),
		}, game.MetricsRange{From: clock(8, 30, 0), To: clock(9, 30, 0), Step: 15 * time.Second}},
		{"step", game.MetricsRange{Step: time.Hour}, game.MetricsRange{
			From: clock(11, 0, 0), To: clock(13, 0, 0), Step: time.Hour,
		}},
		{"three hours", game.MetricsRange{
			From: clock(9, 0, 0), To: clock(12, 0, 0),
		}, game.MetricsRange{From: clock(9, 0, 0), To: clock(12, 0, 0), Step: time.Minute}},
		{"a day", game.MetricsRange{
			From: clock(-12, 0, 1),
		}, game.MetricsRange{From: clock(-12, 0, 0), To: clock(12, 10, 0), Step: 10 * time.Minute}},
		{"a week", game.MetricsRange{
			From: now.Add(-game.MaxMetricsRange),
		}, game.MetricsRange{From: clock(12-7*24, 0, 0), To: clock(13, 0, 0), Step: time.Hour}},
		{"the most points", game.MetricsRange{
			From: clock(0, 0, 0), To: clock(0, 0, 15000), Step: 15 * time.Second,
		}, game.MetricsRange{From: clock(0, 0, 0), To: clock(0, 0, 15000), Step: 15 * time.Second}},
		{"an odd step", game.MetricsRange{
			From: clock(0, 0, 0), To: clock(0, 2, 0), Step: 48 * time.Second,
		}, game.MetricsRange{From: clock(0, 0, 0), To: clock(0, 2, 24), Step: 48 * time.Second}},
		{"another zone", game.MetricsRange{
			From: clock(11, 0, 0).In(time.FixedZone("east", 5*3600)), To: clock(12, 0, 0),
		}, game.MetricsRange{From: clock(11, 0, 0), To: clock(12, 0, 0), Step: 15 * time.Second}},
		{"time to come", game.MetricsRange{
			From: clock(12, 0, 0), To: clock(13, 0, 0),
		}, game.MetricsRange{From: clock(12, 0, 0), To: clock(13, 0, 0), Step: 15 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.r.Resolve(now)
			ok(t, err)
			equal(t, test.want, got)
		})
	}
}

func TestMetricsRangeRefuses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		r      game.MetricsRange
		fields []string
	}{
		{"from is to", game.MetricsRange{From: now}, []string{"from"}},
		{"from after to", game.MetricsRange{From: now, To: now.Add(-time.Second)}, []string{"from"}},
		{"longer than a week", game.MetricsRange{From: now.Add(-game.MaxMetricsRange - 1)}, []string{"from"}},
		{"longer than a Duration", game.MetricsRange{
			From: time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC),
		}, []string{"from"}},
		{"short steps", game.MetricsRange{Step: game.MinMetricsStep - time.Second}, []string{"step"}},
		{"long steps", game.MetricsRange{Step: game.MaxMetricsStep + time.Second}, []string{"step"}},
		{"half a second", game.MetricsRange{Step: time.Minute + time.Second/2}, []string{"step"}},
		{"backwards", game.MetricsRange{Step: -time.Minute}, []string{"step"}},
		{"too many steps", game.MetricsRange{From: now.Add(-1001 * time.Minute), Step: time.Minute}, []string{"step"}},
		{"before there was anything", game.MetricsRange{
			To: time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
		}, []string{"to"}},
		{"a year of five digits", game.MetricsRange{
			To: time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC),
		}, []string{"to"}},
		{"all at once", game.MetricsRange{From: now, To: now, Step: 1}, []string{"from", "step"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := test.r.Resolve(now)
			invalid(t, err, test.fields...)
		})
	}
}

// No page has more points than documented, whatever the request.
func TestMetricsSteps(t *testing.T) {
	t.Parallel()
	for span := time.Second; span <= game.MaxMetricsRange; span += 17 * time.Minute {
		r, err := game.MetricsRange{From: t0.Add(-span), To: t0}.Resolve(t0)
		ok(t, err)
		if n := r.To.Sub(r.From) / r.Step; n > 242 || r.Step < game.MinMetricsStep {
			t.Errorf("%v in steps of %v are %d points", span, r.Step, n)
		}
	}
}

// sample returns a sample that was taken that many seconds after t0.
func sample(replica string, second int, change func(*game.MetricsSample)) game.MetricsSample {
	m := game.MetricsSample{At: later(second), Replica: replica, Seconds: 15, Sessions: map[game.SessionStatus]int64{}}
	change(&m)
	return m
}

func TestMergeMetrics(t *testing.T) {
	t.Parallel()
	bounds := []float64{0.1, 0.2}
	first := sample("a", 0, func(m *game.MetricsSample) {
		m.Requests, m.ClientErrors, m.Errors = 4, 2, 1
		m.Latency = game.Latency{Bounds: bounds, Counts: []int64{4, 0, 0}}
		m.Members, m.Players, m.MemoryBytes, m.Goroutines = 90, 91, 92, 93
		m.Pool = &game.Pool{InUse: 9}
	})
	second := sample("a", 59, func(m *game.MetricsSample) {
		m.Seconds, m.Requests, m.ClientErrors, m.Errors = 15.0004, 16, 3, 5
		m.Latency = game.Latency{Bounds: bounds, Counts: []int64{6, 10, 0}}
		m.Sessions = map[game.SessionStatus]int64{game.StatusOpen: 2, game.StatusInProgress: 3, game.StatusEnded: 4}
		m.Members, m.Players, m.MemoryBytes, m.Goroutines = 10, 11, 12, 13
	})
	merged := game.MetricsPoint{
		At: t0, Replica: "a", Seconds: 30, Requests: 20, ClientErrors: 5, Errors: 6,
		LatencyMS:    game.MetricsQuantiles{P50: new(100.0), P95: new(190.0), P99: new(198.0)},
		LiveSessions: 5, Sessions: second.Sessions, Members: 10, Players: 11, MemoryBytes: 12, Goroutines: 13,
	}
	idle := func(replica string, at int) game.MetricsPoint {
		return game.MetricsPoint{At: later(at), Replica: replica, Seconds: 15, Sessions: map[game.SessionStatus]int64{}}
	}
	none := func(*game.MetricsSample) {}
	for _, test := range []struct {
		name    string
		samples []game.MetricsSample
		want    []game.MetricsPoint
	}{
		{"nothing", nil, nil},
		{"one step", []game.MetricsSample{first, second}, []game.MetricsPoint{merged}},
		{"the end belongs to the next", []game.MetricsSample{
			first, second, sample("a", 60, none),
		}, []game.MetricsPoint{merged, idle("a", 60)}},
		{"steps without samples are left out", []game.MetricsSample{
			sample("a", 59, none), sample("a", 180, none),
		}, []game.MetricsPoint{idle("a", 0), idle("a", 180)}},
		{
			"replicas stay apart",
			[]game.MetricsSample{first, sample("b", 1, none), second, sample("b", 61, none), sample("a", 62, none)},
			[]game.MetricsPoint{merged, idle("b", 0), idle("a", 60), idle("b", 60)},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			equal(t, test.want, game.MergeMetrics(time.Minute, test.samples...))
		})
	}
	equal(t, []int64{4, 0, 0}, first.Latency.Counts)
}

// More samples than the store returns at once are one result.
func TestSystemMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := game.NewMetrics(game.Deps{Store: w.store, Now: w.clock.Now})
	const n = 500
	for i := range n {
		for _, replica := range []string{"a", "b", "c"} {
			ok(t, w.store.AppendMetrics(w.ctx, sample(replica, -i, func(s *game.MetricsSample) {
				s.Requests = int64(i)
			})))
		}
	}
	got, err := m.System(w.ctx, game.MetricsRange{Step: 5 * time.Minute})
	ok(t, err)
	if !got.From.Equal(later(-3600)) || !got.To.Equal(t0) || got.StepSeconds != 300 {
		t.Errorf("%v to %v in %d seconds", got.From, got.To, got.StepSeconds)
	}
	requests, points := map[string]int64{}, []string{}
	for _, p := range got.Items {
		requests[p.Replica] += p.Requests
		points = append(points, fmt.Sprint(p.At.Sub(t0), p.Replica))
	}
	equal(t, map[string]int64{"a": n * (n - 1) / 2, "b": n * (n - 1) / 2, "c": n * (n - 1) / 2}, requests)
	equal(t, []string{"-10m0sa", "-10m0sb", "-10m0sc", "-5m0sa", "-5m0sb", "-5m0sc"}, points)

	w.clock.add(24 * time.Hour)
	got, err = m.System(w.ctx, game.MetricsRange{})
	ok(t, err)
	equal(t, []game.MetricsPoint{}, got.Items)

	_, err = game.NewMetrics(
		game.Deps{Store: brokenMetrics{w.store}, Now: w.clock.Now},
	).System(w.ctx, game.MetricsRange{})
	rejected(t, err, game.ErrStoreUnavailable)
	_, err = m.System(w.ctx, game.MetricsRange{Step: 1})
	invalid(t, err, "step")
}

// Of many points a page has a thousand, and those that follow have the others, each once.
func TestSystemMetricsPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := game.NewMetrics(game.Deps{Store: w.store, Now: w.clock.Now})
	const replicas, steps = 21, 120 // not a divisor of a thousand
	for i := range steps {
		for r := range replicas {
			ok(t, w.store.AppendMetrics(w.ctx, sample(fmt.Sprintf("pod-%02d", r), -30*i, func(s *game.MetricsSample) {
				s.Requests = 1
			})))
		}
	}
	r := game.MetricsRange{Step: 30 * time.Second}
	seen, sizes, last := map[string]bool{}, []int{}, ""
	for more := true; more; {
		page, err := m.System(w.ctx, r)
		ok(t, err)
		sizes = append(sizes, len(page.Items))
		for _, p := range page.Items {
			at := fmt.Sprint(p.At.UnixMilli(), p.Replica)
			if seen[at] || at <= last || p.Requests != 1 {
				t.Errorf("%s comes after %s, with %d requests", at, last, p.Requests)
			}
			seen[at], last = true, at
		}
		w.clock.add(time.Hour) // the range stays what it was
		if more = page.NextCursor != nil; more {
			r.Cursor = *page.NextCursor
		}
	}
	equal(t, []int{1000, 1000, (steps-1)*replicas - 2000}, sizes) // the last step ends the range

	_, err := m.System(w.ctx, game.MetricsRange{Step: time.Minute, Cursor: r.Cursor})
	invalid(t, err, "cursor")
	for _, text := range []string{
		"x", "1 2 3 4", "1 2 3 4 a", "0 9000000000000000 15 0 a", "0 604800000 1 0 a", "60000 120000 15 0 a",
		"0 60000 15 60000 a",
	} {
		_, err := m.System(w.ctx, game.MetricsRange{Cursor: game.EncodeTextCursor(text, game.MetricsRange{})})
		invalid(t, err, "cursor")
	}
}

// brokenMetrics is a store that does not respond.
type brokenMetrics struct{ game.Store }

func (brokenMetrics) Metrics(context.Context, game.MetricsQuery) ([]game.MetricsSample, error) {
	return nil, errDown
}
