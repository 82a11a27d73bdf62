package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func metrics() []check {
	return []check{
		{"kept whole", sampleKept},
		{"none is empty", emptySample},
		{"nothing is shared", sampleNotShared},
		{"first append counts", firstAppendCounts},
		{"by time and replica", samplesInOrder},
		{"pages", pagesOfSamples},
		{"pages while others append", pagesWhileAppending},
		{"purge", purgeMetrics},
		{"many append at once", manyAppend},
	}
}

// newSample returns a sample with every field set, which does not expire during the tests.
func newSample() game.MetricsSample {
	at := now()
	m := game.MetricsSample{
		At: at, Replica: "replica-" + newID(), ExpiresAt: at.Add(1000 * time.Hour),
		Seconds: 15.003, Requests: 12, ClientErrors: 3, Errors: 2,
		Latency:  game.Latency{Bounds: []float64{0.0005, 0.25, 10}, Counts: []int64{5, 4, 2, 1}},
		Sessions: map[game.SessionStatus]int64{}, Members: 7, Players: 1<<53 - 1, MemoryBytes: 64 << 20, Goroutines: 33,
		Pool: &game.Pool{InUse: 4, Idle: 6, Waiting: 1},
	}
	for i, status := range game.SessionStatuses() {
		m.Sessions[status] = int64(i + 1)
	}
	return filled(m)
}

// sampleAt returns a sample of a replica, ms milliseconds after begin.
func sampleAt(begin time.Time, ms int, replica string) game.MetricsSample {
	m := newSample()
	m.At, m.Replica, m.Requests = begin.Add(time.Duration(ms)*time.Millisecond), replica, int64(ms)
	return m
}

func fillSamples(ctx context.Context, s game.Store, i int) error {
	if i >= 30 {
		return nil
	}
	m := newSample()
	if i%3 == 0 {
		m.ExpiresAt = now().Add(time.Minute)
	}
	return s.AppendMetrics(ctx, m)
}

func appendAll(t *testing.T, s game.Store, samples ...game.MetricsSample) {
	t.Helper()
	for _, m := range samples {
		must(t, s.AppendMetrics(t.Context(), m))
	}
}

// wantSamples checks the samples of an interval and their order.
func wantSamples(t *testing.T, s game.Store, from, to time.Time, wanted ...game.MetricsSample) {
	t.Helper()
	got, err := s.Metrics(t.Context(), game.MetricsQuery{From: from, To: to, Limit: 1000})
	must(t, err)
	if wanted == nil {
		wanted = []game.MetricsSample{}
	}
	want(t, got, wanted)
}

// wantSample checks a stored sample. No other sample may have its time.
func wantSample(t *testing.T, s game.Store, wanted game.MetricsSample) {
	t.Helper()
	wantSamples(t, s, wanted.At, wanted.At.Add(time.Millisecond), wanted)
}

func sampleKept(t *testing.T, s game.Store) {
	m := newSample()
	appendAll(t, s, m)
	wantSample(t, s, m)

	for i, replica := range texts() {
		odd := sampleAt(m.At, i+1, replica)
		appendAll(t, s, odd)
		wantSample(t, s, odd)
	}

	// Times with more precision than is stored, and in other zones.
	m.At = m.At.Add(time.Minute)
	exact := m
	exact.At = m.At.Add(999 * time.Microsecond).In(time.FixedZone("east", 5*3600+1800))
	exact.ExpiresAt = m.ExpiresAt.Add(999 * time.Microsecond).Local()
	appendAll(t, s, exact)
	wantSample(t, s, m)
	got, err := s.Metrics(t.Context(), game.MetricsQuery{From: m.At, To: m.At.Add(time.Second), Limit: 1})
	must(t, err)
	if len(got) != 1 || got[0].At.Location() != time.UTC || got[0].ExpiresAt.Location() != time.UTC {
		t.Errorf("the times of %v are not in UTC", got)
	}
}

func emptySample(t *testing.T, s game.Store) {
	m := game.MetricsSample{At: now(), Replica: "idle", ExpiresAt: *later(now())}
	appendAll(t, s, m)
	m.Latency = game.Latency{Bounds: []float64{}, Counts: []int64{}}
	m.Sessions = map[game.SessionStatus]int64{}
	wantSample(t, s, m)
}

func sampleNotShared(t *testing.T, s game.Store) {
	m := newSample()
	appendAll(t, s, m)
	modify := func(m game.MetricsSample) {
		m.Latency.Bounds[0], m.Latency.Counts[0], m.Sessions[game.StatusOpen], m.Pool.Idle = -1, -1, -1, -1
	}
	q := game.MetricsQuery{From: m.At, To: *later(m.At), Limit: 1}
	first, err := s.Metrics(t.Context(), q)
	must(t, err)
	again, err := s.Metrics(t.Context(), q)
	must(t, err)
	modify(m)
	modify(again[0])
	wantSample(t, s, first[0])
}

func firstAppendCounts(t *testing.T, s game.Store) {
	first := newSample()
	appendAll(t, s, first, first)
	wantSample(t, s, first)
	second := first
	second.Requests, second.ExpiresAt = 99, *later(first.ExpiresAt)
	appendAll(t, s, second)
	wantSample(t, s, first)

	neighbour, next := first, first
	neighbour.Replica += "-2"
	next.At = first.At.Add(time.Millisecond)
	appendAll(t, s, next, neighbour)
	wantSamples(t, s, first.At, *later(first.At), first, neighbour, next)
}

func samplesInOrder(t *testing.T, s game.Store) {
	begin := now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	wantSamples(t, s, at(0), at(100))
	all := []game.MetricsSample{
		sampleAt(begin, 1, "b"), sampleAt(begin, 2, ""), sampleAt(begin, 2, "B"), sampleAt(begin, 2, "a"),
		sampleAt(begin, 2, "a-2"), sampleAt(begin, 2, "a2"), sampleAt(begin, 2, "ä"), sampleAt(begin, 3, "a"),
		sampleAt(begin, 10, "a"),
	}
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	appendAll(t, s, backwards...)
	wantSamples(t, s, at(-1000), at(1000), all...)
	wantSamples(t, s, at(1), at(2), all[0])
	wantSamples(t, s, at(2), at(10), all[1:8]...)
	wantSamples(t, s, at(4), at(10))
	wantSamples(t, s, at(2), at(2))
	wantSamples(t, s, at(10), at(2))
}

// listSamples reads an interval in pages, calls between after each of them, and checks their sizes.
func listSamples(t *testing.T, s game.Store, q game.MetricsQuery, between func()) []game.MetricsSample {
	t.Helper()
	all := []game.MetricsSample{}
	for {
		page, err := s.Metrics(t.Context(), q)
		must(t, err)
		all = append(all, page...)
		if len(page) > q.Limit {
			t.Fatalf("%d samples in a page of %d", len(page), q.Limit)
		}
		if len(page) < q.Limit {
			return all
		}
		q.After = page[len(page)-1].Position()
		between()
	}
}

func pagesOfSamples(t *testing.T, s game.Store) {
	begin := now()
	var all []game.MetricsSample
	for i := range 8 {
		for replica := range 5 {
			all = append(all, sampleAt(begin, i*7, fmt.Sprint("r", replica)))
		}
	}
	appendAll(t, s, all...)
	for _, limit := range []int{1, 2, 3, 5, 7, 39, 40, 41} {
		q := game.MetricsQuery{From: begin, To: *later(begin), Limit: limit}
		want(t, listSamples(t, s, q, func() {}), all)
		q.From, q.To = begin.Add(7*time.Millisecond), begin.Add(14*time.Millisecond)
		want(t, listSamples(t, s, q, func() {}), all[5:10])
	}
	// A position before the interval has no effect. After one behind it there are no samples.
	q := game.MetricsQuery{
		From: begin.Add(7 * time.Millisecond), To: begin.Add(14 * time.Millisecond), Limit: 100,
		After: all[0].Position(),
	}
	want(t, listSamples(t, s, q, func() {}), all[5:10])
	q.After = all[30].Position()
	want(t, listSamples(t, s, q, func() {}), []game.MetricsSample{})
}

func pagesWhileAppending(t *testing.T, s game.Store) {
	begin := now()
	var all []game.MetricsSample
	for i := range 10 {
		all = append(all, sampleAt(begin, 100+i, "a"))
	}
	appendAll(t, s, all...)
	n := 0
	got := listSamples(t, s, game.MetricsQuery{From: begin, To: begin.Add(time.Hour), Limit: 3}, func() {
		n++
		appendAll(t, s, sampleAt(begin, n, "before"), sampleAt(begin, 1000+n, "behind"))
	})
	for i, m := range got {
		if i < len(all) {
			want(t, m, all[i])
		} else if m.Replica != "behind" {
			t.Errorf("the sample of %s at %v was listed out of order", m.Replica, m.At)
		}
	}
}

// purgeMetrics uses a time in the future, because the server may have removed samples that have already expired.
func purgeMetrics(t *testing.T, s game.Store) {
	at := now().Add(100 * time.Hour)
	var fresh []game.MetricsSample
	for i := range 10 {
		m := sampleAt(now(), 1000*i, fmt.Sprint("r", i))
		// Seven have expired at that time, the last of them exactly then.
		m.ExpiresAt = at.Add(time.Duration(i-6) * time.Millisecond)
		appendAll(t, s, m)
		if m.ExpiresAt.After(at) {
			fresh = append(fresh, m)
		}
	}
	for _, wanted := range []int{5, 2, 0} {
		n, err := s.PurgeMetrics(t.Context(), at, 5)
		must(t, err)
		if n != wanted {
			t.Errorf("purged %d samples, want %d", n, wanted)
		}
	}
	wantSamples(t, s, now().Add(-time.Hour), now().Add(time.Hour), fresh...)
	total, err := game.PurgeMetrics(t.Context(), s, at.Add(time.Hour))
	must(t, err)
	if total != 3 {
		t.Errorf("purged %d samples, want 3", total)
	}
}

func manyAppend(t *testing.T, s game.Store) {
	const replicas, tries = 20, 5
	begin := now()
	samples := make([]game.MetricsSample, replicas)
	for i := range samples {
		samples[i] = sampleAt(begin, 0, fmt.Sprintf("r%02d", i))
	}
	for _, err := range together(replicas*tries, func(i int) error {
		return s.AppendMetrics(t.Context(), samples[i%replicas])
	}) {
		must(t, err)
	}
	wantSamples(t, s, begin, begin.Add(time.Second), samples...)
}
