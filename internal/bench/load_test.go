package bench

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// In the open model a server that stands still makes all visits wait that come meanwhile, and what is measured is from
// when each should have begun.
func TestOpenModelMeasuresFromTheIntendedStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		recorded := newRecorder()
		begin := time.Now()
		const hangs = time.Second // from 500 ms on, for the one client that there is
		unsent := arrivals{clients: 1, rate: 100}.run(ctx, func(_ int, intended time.Time) {
			if intended.Equal(begin.Add(500 * time.Millisecond)) {
				time.Sleep(hangs)
			}
			recorded.record("visit", intended, reply{}, false)
		})
		if unsent != 0 {
			t.Errorf("%d visits did not begin", unsent)
		}
		all := recorded.operations(2 * time.Second)
		if len(all) != 1 || all[0].Requests < 199 || all[0].Requests > 201 {
			t.Fatalf("%+v, want 200 visits", all)
		}
		// A hundred visits came while the server stood still: half of all, whose waits go down from 1 s to nothing. A
		// load that waits with the server would have measured one.
		l := all[0].Latency
		for what, one := range map[string]struct{ got, want int64 }{
			"max": {l.Max, 1_000_000}, "p99": {l.P99, 980_000}, "p90": {l.P90, 800_000},
			"mean": {int64(l.Mean), 252_500},
		} {
			if off := one.got - one.want; off < -12_000 || off > 12_000 {
				t.Errorf("%s is %d µs, want about %d", what, one.got, one.want)
			}
		}
	})
}

// Visits that are due at the end and did not begin are counted.
func TestOpenModelCountsWhatDidNotBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 950*time.Millisecond)
		defer cancel()
		visits := 0
		unsent := arrivals{clients: 1, rate: 100}.run(ctx, func(int, time.Time) {
			visits++
			time.Sleep(100 * time.Millisecond)
		})
		if visits != 10 || unsent != 85 {
			t.Errorf("%d visits and %d that did not begin, want 10 and 85", visits, unsent)
		}
	})
}

// In the closed model a client begins when it is done.
func TestClosedModelWaitsForTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		recorded := newRecorder()
		unsent := arrivals{clients: 3}.run(ctx, func(_ int, intended time.Time) {
			time.Sleep(150 * time.Millisecond)
			recorded.record("visit", intended, reply{}, false)
		})
		all := recorded.operations(time.Second)
		if unsent != 0 || len(all) != 1 || all[0].Requests != 3*7 || all[0].Latency.Max/1000 != 150 {
			t.Errorf("%d unsent, %+v, want 21 visits of 150 ms", unsent, all)
		}
	})
}

// What began before the end of the warm-up or after the load is not measured, and errors are not among the latencies.
func TestRecorder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		begin := time.Now()
		time.Sleep(time.Second)
		r.begin(begin.Add(time.Millisecond), begin.Add(time.Hour))
		r.end(time.Now())
		r.record("visit", begin, reply{}, false)
		r.record("visit", begin.Add(time.Millisecond), reply{code: "session_full"}, true)
		r.record("visit", time.Now(), reply{code: "overloaded"}, false)
		r.record("visit", time.Now().Add(time.Millisecond), reply{}, false)
		requests, failed := r.so()
		all := r.operations(time.Second)
		if requests != 2 || failed != 1 || len(all) != 1 || all[0].Latency.Count != 1 ||
			all[0].Rejected["session_full"] != 1 || all[0].Errors["overloaded"] != 1 {
			t.Errorf("%d requests, %d failed, %+v", requests, failed, all)
		}
	})
}

// A step of a ramp is good unless one of the reasons against it is there.
func TestRampJudges(t *testing.T) {
	t.Parallel()
	b := newBench(Options{Rate: 100, Duration: time.Second, P99: 100 * time.Millisecond, Clients: 5}, nil)
	good := func() loaded {
		return loaded{
			operations: []Operation{{Latency: Latency{P99: 20_000}}, {Latency: Latency{P99: 99_000}}},
			took:       time.Second, requests: 100,
		}
	}
	for name, spoil := range map[string]func(*loaded){
		"":       func(*loaded) {},
		"errors": func(l *loaded) { l.errors = map[string]int64{"overloaded": 1} },
		"p99":    func(l *loaded) { l.operations[0].Latency.P99 = 101_000 },
		"unsent": func(l *loaded) { l.unsent = 3 },
	} {
		l := good()
		spoil(&l)
		if s := b.step(l); s.Good != (name == "") || s.Good != (s.Why == "") {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// What followers have not heard by the end is among the latencies, and a warning.
func TestUnheardChangesCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(Options{}, nil)
		c := &channel{version: 4, sent: map[int64]time.Time{}}
		for version := int64(2); version <= c.version; version++ {
			c.sent[version] = time.Now()
		}
		late := &follower{next: 3, news: make(chan struct{})}
		c.heard = []*follower{{next: 5, news: make(chan struct{})}, late}
		b.settleFeeds(t.Context(), []*channel{c})
		all := b.recorded.operations(time.Second)
		if len(all) != 1 || all[0].Requests != 2 || all[0].Latency.P50 < settleTimeout.Microseconds()*99/100 {
			t.Errorf("%+v, want two changes of %v", all, settleTimeout)
		}
		if len(b.warnings) != 1 {
			t.Errorf("warnings: %q", b.warnings)
		}
	})
}

// What is read back is spread over all that was created, with the last.
func TestSampleIsSpread(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, mostReadBack, 4*mostReadBack + 3} {
		c := &created{ids: map[string]bool{}}
		for i := range n {
			c.add(newFindings(), document{ID: strconv.Itoa(i), Version: int64(i)})
		}
		some := c.sample()
		distinct, first := map[string]bool{}, int64(n)
		for _, d := range some {
			distinct[d.ID] = true
			first = min(first, d.Version)
		}
		if k := min(n, mostReadBack); len(distinct) != k || len(some) != k {
			t.Errorf("%d of %d: %d, of which %d differ", k, n, len(some), len(distinct))
		}
		if n > 0 && (some[0].Version != int64(n-1) || first > int64(n/mostReadBack+1)) {
			t.Errorf("of %d: from %d to %d", n, first, some[0].Version)
		}
	}
}

// A write whose outcome is unknown leaves a gap, and the versions after it are not remembered one by one.
func TestWrittenForgetsWhatIsKnown(t *testing.T) {
	t.Parallel()
	f := newFindings()
	w := newWritten("/players/", document{ID: "a", Version: 1})
	const last = 10 * mostAhead
	for version := int64(2); version <= last; version++ {
		if version != 5 && version != 7 {
			w.acknowledged(f, version, version)
		}
	}
	if len(w.ahead) > mostAhead {
		t.Errorf("%d versions are remembered", len(w.ahead))
	}
	w.acknowledged(f, 5, 5) // late
	w.unknown = 1
	d := document{Version: last}
	d.Attributes.Write = last
	if w.check(f, d); f.report().WrongTotal > 0 {
		t.Errorf("%+v", f.report())
	}
	w.acknowledged(f, 5, 5)
	w.acknowledged(f, 6, 6)
	if n := f.report().WrongTotal; n != 2 {
		t.Errorf("%d wrong responses, want those of two versions that were there", n)
	}
	w.unknown = 0
	if w.check(f, d); f.report().WrongTotal != 3 {
		t.Errorf("a version of nobody is not found: %+v", f.report())
	}
}
