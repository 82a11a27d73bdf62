package limits_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/limits"
)

// clock stands still until it is moved.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) read() time.Time         { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func callers(c *clock) *limits.Callers {
	return limits.NewCallers(map[limits.Class]limits.Rate{
		limits.Server: {PerSecond: 10, Burst: 20}, limits.Player: {PerSecond: 0.5, Burst: 2},
	}, c.read)
}

// taken is how many of n requests are let through.
func taken(c *limits.Callers, class limits.Class, name string, n int) (allowed int) {
	for range n {
		if c.Take(class, name).Allowed {
			allowed++
		}
	}
	return allowed
}

func TestCallersHaveTheirOwnRates(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := callers(clock)
	for _, step := range []struct {
		after time.Duration
		class limits.Class
		name  string
		tries int
		want  int
	}{
		{0, limits.Server, "a", 30, 20},                          // a burst
		{0, limits.Server, "b", 5, 5},                            // another caller
		{0, limits.Player, "a", 5, 2},                            // another class
		{0, "free", "a", 1000, 1000},                             // a class without a rate
		{500 * time.Millisecond, limits.Server, "a", 30, 5},      // what has come since
		{time.Second, limits.Player, "a", 5, 0},                  // half a token, and half a token
		{time.Hour, limits.Server, "a", 30, 20},                  // no more than a burst
		{-time.Minute, limits.Server, "a", 30, 0},                // a clock that went back
		{100 * time.Millisecond, limits.Server, "a", 30, 1},      // and goes on
		{500 * time.Millisecond, limits.Player, "a", 1 << 10, 2}, // an hour after
	} {
		clock.advance(step.after)
		if got := taken(c, step.class, step.name, step.tries); got != step.want {
			t.Errorf("%v later %d of %d of %s %s pass, want %d", step.after, got, step.tries, step.class, step.name, step.want)
		}
	}
}

func TestWhatCallersAreTold(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := callers(clock)
	tell := func(class limits.Class, name string) http.Header {
		h := http.Header{}
		c.Take(class, name).SetHeaders(h)
		return h
	}
	for _, want := range []map[string]string{
		{"RateLimit-Policy": `"player";q=2;w=4`, "RateLimit": `"player";r=1;t=2`, "Retry-After": ""},
		{"RateLimit-Policy": `"player";q=2;w=4`, "RateLimit": `"player";r=0;t=4`, "Retry-After": ""},
		{"RateLimit-Policy": `"player";q=2;w=4`, "RateLimit": `"player";r=0;t=2`, "Retry-After": "2"},
	} {
		h := tell(limits.Player, "p")
		for name, value := range want {
			if got := h.Get(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
	}
	clock.advance(2 * time.Second) // as long as it was told to wait
	if !c.Take(limits.Player, "p").Allowed {
		t.Error("refused after the wait that was asked for")
	}
	if h := tell("free", "p"); len(h) != 0 {
		t.Errorf("without a limit there are headers: %v", h)
	}
	taken(c, limits.Server, "s", 20)
	if got := tell(limits.Server, "s").Get("Retry-After"); got != "1" { // 100 ms
		t.Errorf("Retry-After is %q, want 1", got)
	}
}

func TestCallersAreBounded(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := callers(clock)
	for i := range 2 * limits.MaxCallers {
		c.Take(limits.Server, fmt.Sprint(i))
	}
	if n := c.Size(); n > limits.MaxCallers || n < limits.MaxCallers/2 {
		t.Errorf("%d callers are kept", n)
	}
	if got := taken(c, limits.Server, fmt.Sprint(2*limits.MaxCallers-1), 30); got != 19 {
		t.Errorf("the latest caller is forgotten: %d pass", got)
	}
}

func TestCallersAtTheSameTime(t *testing.T) {
	t.Parallel()
	c := callers(newClock())
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { allowed.Add(int64(taken(c, limits.Server, "a", 10))) })
	}
	all.Wait()
	if allowed.Load() != 20 {
		t.Errorf("%d pass, want 20", allowed.Load())
	}
}

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

// spend uses up the lookups that limited addresses have together.
func spend(t *testing.T, f *limits.Failures) {
	t.Helper()
	for range limits.AddressFailures {
		f.Note(address("192.0.2.99"), "")
	}
	for range limits.SpareLookups + 1 {
		if _, ok := f.Admit(address("192.0.2.99"), ""); !ok {
			return
		}
	}
	t.Fatal("there are more spare lookups")
}

func TestAddressesOfFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		failing, asking string
		limited         bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:1:2:3", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		f := limits.NewFailures(newClock().read)
		spend(t, f)
		for range limits.AddressFailures {
			if r, ok := f.Admit(address(test.failing), ""); !ok {
				t.Fatalf("%s is limited too early: %+v", test.failing, r)
			}
			f.Note(address(test.failing), "")
		}
		r, ok := f.Admit(address(test.asking), "")
		if ok == test.limited {
			t.Errorf("%s after %s failed: admitted is %v", test.asking, test.failing, ok)
		}
		if want := (limits.Refusal{Reason: limits.ReasonCredentials, Wait: 6 * time.Second}); test.limited && r != want {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
	if _, ok := limits.NewFailures(newClock().read).Admit(netip.Addr{}, ""); !ok {
		t.Error("no address at all is refused without a failure")
	}
}

func TestFailuresAreForgiven(t *testing.T) {
	t.Parallel()
	clock := newClock()
	f := limits.NewFailures(clock.read)
	here := address("192.0.2.1")
	for range 100 {
		f.Note(here, "")
	}
	spend(t, f)
	r, ok := f.Admit(here, "")
	if ok {
		t.Fatal("not limited")
	}
	clock.advance(r.Wait)
	if r, ok := f.Admit(here, ""); !ok {
		t.Errorf("limited after the wait that was told: %+v", r)
	}
}

// Whoever fails on purpose, from the address or with the key of a customer, does not lock the customer out.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	clock := newClock()
	f := limits.NewFailures(clock.read)
	for i := range limits.KeyFailures {
		f.Note(address(fmt.Sprintf("198.51.100.%d", i)), "customer")
	}
	for range limits.AddressFailures {
		f.Note(address("192.0.2.1"), "")
	}
	for _, ask := range []struct {
		from, key string
	}{{"203.0.113.1", "customer"}, {"192.0.2.1", "another"}, {"192.0.2.1", "customer"}} {
		if r, ok := f.Admit(address(ask.from), ask.key); !ok {
			t.Errorf("%s from %s is refused though there are spare lookups: %+v", ask.key, ask.from, r)
		}
	}
	spend(t, f)
	for _, ask := range []struct {
		from, key string
		want      limits.Refusal
		ok        bool
	}{
		{"203.0.113.1", "customer", limits.Refusal{Reason: limits.ReasonLockout, Wait: 30 * time.Second}, false},
		{"192.0.2.1", "another", limits.Refusal{Reason: limits.ReasonCredentials, Wait: 6 * time.Second}, false},
		{"192.0.2.1", "customer", limits.Refusal{Reason: limits.ReasonCredentials, Wait: 6 * time.Second}, false},
		{"203.0.113.1", "another", limits.Refusal{}, true},
	} {
		if r, ok := f.Admit(address(ask.from), ask.key); ok != ask.ok || r != ask.want {
			t.Errorf("%s from %s: got %+v, %v", ask.key, ask.from, r, ok)
		}
	}
	clock.advance(time.Second / limits.SpareLookups)
	if _, ok := f.Admit(address("203.0.113.1"), "customer"); !ok {
		t.Error("no spare lookup came back")
	}
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const wait = 100 * time.Millisecond
		l := limits.NewInFlight(2, wait)
		for range 2 {
			if !l.Enter(t.Context()) {
				t.Fatal("refused, and there is room")
			}
		}
		begin := time.Now()
		if l.Enter(t.Context()) || time.Since(begin) != wait {
			t.Errorf("let in or refused after %v, want a refusal after %v", time.Since(begin), wait)
		}

		// One that waits takes the place of one that leaves; beyond the queue there is no wait.
		let := make(chan bool, 2*limits.QueueFactor)
		for range 2 * limits.QueueFactor {
			go func() { let <- l.Enter(t.Context()) }()
		}
		synctest.Wait()
		begin = time.Now()
		if l.Enter(t.Context()) || time.Since(begin) != 0 {
			t.Errorf("with a full queue: let in or refused after %v", time.Since(begin))
		}
		l.Leave()
		if !<-let || time.Since(begin) != 0 {
			t.Error("nobody took the place of the one who left")
		}
		for range 2*limits.QueueFactor - 1 {
			if <-let {
				t.Error("let in without a place")
			}
		}

		gone, cancel := context.WithCancel(t.Context())
		cancel()
		begin = time.Now()
		if l.Enter(gone) || time.Since(begin) != 0 {
			t.Error("a caller who is gone waits")
		}
	})
}

func TestInFlightWithoutALimit(t *testing.T) {
	t.Parallel()
	l := limits.NewInFlight(0, time.Second)
	for range 1000 {
		if !l.Enter(t.Context()) {
			t.Fatal("refused")
		}
	}
	l.Leave()
}

func BenchmarkTake(b *testing.B) {
	c := limits.NewCallers(map[limits.Class]limits.Rate{limits.Server: {PerSecond: 1e9, Burst: 1e9}}, time.Now)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		h := http.Header{}
		for p.Next() {
			c.Take(limits.Server, "key:0198aaaa").SetHeaders(h)
		}
	})
}
