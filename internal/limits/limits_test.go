package limits_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/internal/limits"
)

// clock stands still until it is advanced.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) read() time.Time         { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func callers(c *clock) *limits.Callers {
	return limits.NewCallers(map[limits.Class]limits.Rate{
		limits.Server: {PerSecond: 10, Burst: 20}, limits.Player: {PerSecond: 0.5, Burst: 2},
	}, c.read)
}

// taken returns how many of n requests are accepted.
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
		{500 * time.Millisecond, limits.Server, "a", 30, 5},      // tokens since the last request
		{time.Second, limits.Player, "a", 5, 0},                  // half a token, and half a token
		{time.Hour, limits.Server, "a", 30, 20},                  // no more than a burst
		{-time.Minute, limits.Server, "a", 30, 0},                // a clock that went back
		{100 * time.Millisecond, limits.Server, "a", 30, 1},      // and goes on
		{500 * time.Millisecond, limits.Player, "a", 1 << 10, 2}, // after an hour
	} {
		clock.advance(step.after)
		if got := taken(c, step.class, step.name, step.tries); got != step.want {
			t.Errorf(
				"%v later %d of %d of %s %s pass, want %d", step.after, got, step.tries, step.class, step.name,
				step.want,
			)
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
	clock.advance(2 * time.Second) // the Retry-After
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

// failures is the burst of wrong keys of one address.
const failures = 10

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

// spend uses up the spare lookups.
func spend(t *testing.T, f *limits.Failures) {
	t.Helper()
	for i := range failures + limits.SpareLookups + 1 {
		err := look(t, f, "192.0.2.99", fmt.Sprint("spent", i), true)
		if err != nil && look(t, f, "192.0.2.99", "", false) != nil {
			return
		}
	}
	t.Fatal("there are more spare lookups")
}

// look looks up a key, which is a guess or not.
func look(t *testing.T, f *limits.Failures, from, key string, guess bool) error {
	t.Helper()
	lookup, err := f.Admit(t.Context(), address(from), key)
	if err != nil {
		return err
	}
	return lookup.End(guess)
}

// refusal is the class and the wait of a rejected credential; zero if it was not rejected.
type refusal struct {
	class limits.Class
	wait  time.Duration
}

func refusalOf(t *testing.T, err error) refusal {
	t.Helper()
	if err == nil {
		return refusal{}
	}
	var refused *limits.RefusedError
	if !errors.As(err, &refused) || refused.Allowed || refused.Reset != refused.RetryAfter {
		t.Fatalf("got %+v", err)
	}
	return refusal{refused.Class(), refused.RetryAfter}
}

// Without a limit nothing is rejected, whatever the number of failures.
func TestFailuresWithoutALimit(t *testing.T) {
	t.Parallel()
	f := limits.NewFailures(0, newClock().read)
	for range 1000 {
		if err := errors.Join(look(t, f, "192.0.2.1", "key", true), f.Again("key")); err != nil {
			t.Fatal(err)
		}
	}
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
		f := limits.NewFailures(failures, newClock().read)
		spend(t, f)
		for i := range failures {
			err := errors.Join(look(t, f, test.failing, "", false), look(t, f, test.failing, fmt.Sprint(i), true))
			if err != nil {
				t.Fatalf("%s is limited too early: %v", test.failing, err)
			}
		}
		var want refusal
		if test.limited {
			want = refusal{limits.FailedCredentials, 6 * time.Second}
		}
		if got := refusalOf(t, look(t, f, test.asking, "", false)); got != want {
			t.Errorf("%s after %s failed: got %+v, want %+v", test.asking, test.failing, got, want)
		}
	}
	f := limits.NewFailures(failures, newClock().read)
	if lookup, err := f.Admit(t.Context(), netip.Addr{}, ""); err != nil || lookup.End(false) != nil {
		t.Error("no address at all is refused without a failure")
	}
}

func TestFailuresAreForgiven(t *testing.T) {
	t.Parallel()
	clock := newClock()
	f := limits.NewFailures(failures, clock.read)
	for range 100 {
		_ = look(t, f, "192.0.2.1", "", true)
	}
	spend(t, f)
	refused := refusalOf(t, look(t, f, "192.0.2.1", "another", false))
	if refused.wait == 0 {
		t.Fatal("not limited")
	}
	clock.advance(refused.wait)
	if err := look(t, f, "192.0.2.1", "another", false); err != nil {
		t.Errorf("limited after the wait that was told: %v", err)
	}
}

// An attacker with the address or the key id of a customer cannot lock the customer out.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	clock := newClock()
	f := limits.NewFailures(failures, clock.read)
	for i := range 2 * failures {
		if err := look(t, f, fmt.Sprintf("198.51.100.%d", i), "customer", true); err != nil {
			t.Fatalf("the key is locked too early: %v", err)
		}
	}
	for range failures {
		_ = look(t, f, "192.0.2.1", "", true)
	}
	want := refusal{limits.FailedCredentials, 6 * time.Second}
	if got := refusalOf(t, look(t, f, "192.0.2.1", "", true)); got != want {
		t.Errorf("whoever guesses is told %+v, want %+v", got, want)
	}
	for _, checkBucket := range []struct {
		from, key string
	}{{"203.0.113.1", "customer"}, {"192.0.2.1", "another"}, {"192.0.2.1", "customer"}} {
		if err := look(t, f, checkBucket.from, checkBucket.key, false); err != nil {
			t.Errorf("%s from %s is refused though there are spare lookups: %v", checkBucket.key, checkBucket.from, err)
		}
	}
	spend(t, f)
	for _, checkBucket := range []struct {
		from, key string
		want      refusal
	}{
		{"203.0.113.1", "customer", refusal{limits.FailedKey, 30 * time.Second}},
		{"192.0.2.1", "another", refusal{limits.FailedCredentials, 6 * time.Second}},
		{"192.0.2.1", "customer", refusal{limits.FailedCredentials, 6 * time.Second}},
		{"203.0.113.1", "another", refusal{}},
	} {
		if got := refusalOf(t, look(t, f, checkBucket.from, checkBucket.key, false)); got != checkBucket.want {
			t.Errorf("%s from %s: got %+v, want %+v", checkBucket.key, checkBucket.from, got, checkBucket.want)
		}
	}
	clock.advance(time.Second / limits.SpareLookups)
	if look(t, f, "203.0.113.1", "customer", false) != nil {
		t.Error("no spare lookup came back")
	}
}

// A key that is known to be wrong limits its id, but no address.
func TestTheSameWrongKeyAgain(t *testing.T) {
	t.Parallel()
	f := limits.NewFailures(failures, newClock().read)
	for range 2 * failures {
		if err := f.Again("mistyped"); err != nil {
			t.Fatalf("told to wait too early: %v", err)
		}
	}
	if got, want := refusalOf(t, f.Again("mistyped")), (refusal{limits.FailedKey, 30 * time.Second}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := errors.Join(f.Again("another"), look(t, f, "192.0.2.1", "mistyped", false)); err != nil {
		t.Error(err)
	}
}

// Lookups wait for their turn until their context ends.
func TestLookupsTakeTurns(t *testing.T) {
	t.Parallel()
	f := limits.NewFailures(failures, newClock().read)
	under := make([]limits.Lookup, 0, 8)
	for range cap(under) {
		lookup, err := f.Admit(t.Context(), address("192.0.2.1"), "")
		if err != nil {
			t.Fatal(err)
		}
		under = append(under, lookup)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Admit(over, address("192.0.2.1"), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done := make(chan error)
	go func() { done <- look(t, f, "192.0.2.1", "", false) }()
	for _, lookup := range under {
		_ = lookup.End(true)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const wait = 100 * time.Millisecond
		l := limits.NewConcurrency(2, wait)
		for range 2 {
			if !l.Enter(t.Context()) {
				t.Fatal("refused, and there is room")
			}
		}
		begin := time.Now()
		if l.Enter(t.Context()) || time.Since(begin) != wait {
			t.Errorf("let in or refused after %v, want a refusal after %v", time.Since(begin), wait)
		}

		// A waiting request takes the place of one that leaves; a request beyond the queue is rejected at once.
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
				t.Error("let in above the limit")
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

// Requests that never block wait for a processor, unseen by the limit. Those that have waited too long are rejected;
// afterwards requests are admitted again.
//
//nolint:paralleltest // it has the one processor to itself
func TestConcurrencyOnABusyProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const requests = 2000
	l := limits.NewConcurrency(64, 100*time.Millisecond)
	var rejected, full atomic.Int64
	var all sync.WaitGroup
	for range requests {
		all.Go(func() {
			if !l.Enter(t.Context()) {
				rejected.Add(1)
				if l.Full() {
					full.Add(1)
				}
				return
			}
			defer l.Leave()
			for begin := time.Now(); time.Since(begin) < time.Millisecond; {
				continue
			}
		})
	}
	all.Wait()
	if n := rejected.Load(); n < requests/4 || full.Load() == 0 {
		t.Errorf("%d of %d were rejected, and the limit was full for %d of them", n, requests, full.Load())
	}
	if _, queued := l.Load(); queued != 0 || l.Full() {
		t.Errorf("%d are queued, and the limit is full: %t", queued, l.Full())
	}
	for range 64 {
		if !l.Enter(t.Context()) {
			t.Fatal("rejected on a processor that is free again")
		}
	}
}

// A request whose deadline has passed when it is admitted is rejected.
func TestConcurrencyForTooLate(t *testing.T) {
	t.Parallel()
	l := limits.NewConcurrency(1, time.Second)
	over, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if l.Enter(over) {
		t.Error("let in without time")
	}
	if !l.Enter(t.Context()) {
		t.Error("the one before is still there")
	}
}

func TestConcurrencyWithoutALimit(t *testing.T) {
	t.Parallel()
	l := limits.NewConcurrency(0, time.Second)
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
