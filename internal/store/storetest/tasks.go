package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"game-session-manager/internal/game"
)

func tasks() []check {
	return []check{
		{"a lease is kept", leaseKept},
		{"a lease that has changed is stale", leaseStale},
		{"one of many takes a lease", oneTakesLease},
		{"a former holder cannot renew", formerHolderCannotRenew},
		{"generations follow each other", generationsFollow},
		{"leases whose writes fail", leasesThroughFailures},
	}
}

func taskCalls(s game.Store) []call {
	return []call{
		{"TaskLease", false, func(ctx context.Context) error { _, err := s.TaskLease(ctx, "work"); return err }},
		{"PutTaskLease", true, func(ctx context.Context) error {
			l := newLease()
			return s.PutTaskLease(ctx, game.TaskLease{Name: l.Name}, l)
		}},
	}
}

// newLease returns the first lease of a new task, with every field set.
func newLease() game.TaskLease {
	return game.TaskLease{Name: "task-" + newID(), Holder: "holder-" + newID(), Generation: 1, Until: *later(now())}
}

// noLease returns what is read of the task before its lease is first taken.
func noLease(l game.TaskLease) game.TaskLease { return game.TaskLease{Name: l.Name} }

func wantLease(t *testing.T, s game.Store, wanted game.TaskLease) {
	t.Helper()
	got, err := s.TaskLease(t.Context(), wanted.Name)
	must(t, err)
	want(t, got, wanted)
}

func leaseKept(t *testing.T, s game.Store) {
	l := newLease()
	wantLease(t, s, noLease(l))
	must(t, s.PutTaskLease(t.Context(), noLease(l), l))
	wantLease(t, s, l)
	other := newLease()
	must(t, s.PutTaskLease(t.Context(), noLease(other), other))
	wantLease(t, s, l)
	wantLease(t, s, other)

	for i, text := range texts() {
		odd := game.TaskLease{
			Name: fmt.Sprint(i, text), Holder: text + "x", Generation: 1<<53 - 1, Until: *later(now()),
		}
		must(t, s.PutTaskLease(t.Context(), noLease(odd), odd))
		wantLease(t, s, odd)
		back := odd.GiveBack(now())
		must(t, s.PutTaskLease(t.Context(), odd, back))
		wantLease(t, s, back)
	}

	exact := l // with more precision than is stored, in another zone
	exact.Until = l.Until.Add(time.Minute + 999*time.Microsecond).In(time.FixedZone("east", 5*3600+1800))
	must(t, s.PutTaskLease(t.Context(), l, exact))
	kept := l
	kept.Until = l.Until.Add(time.Minute)
	wantLease(t, s, kept)
	must(t, s.PutTaskLease(t.Context(), exact, l)) // the condition is truncated in the same way
	wantLease(t, s, l)
}

// leaseStale changes one field of the condition at a time.
func leaseStale(t *testing.T, s game.Store) {
	l := newLease()
	next := l
	next.Generation = 2
	wantError(t, s.PutTaskLease(t.Context(), l, next), game.ErrStale) // no lease is stored
	wantLease(t, s, noLease(l))
	must(t, s.PutTaskLease(t.Context(), noLease(l), l))
	for _, change := range []func(*game.TaskLease){
		func(old *game.TaskLease) { old.Holder, old.Generation, old.Until = "", 0, time.Time{} },
		func(old *game.TaskLease) { old.Holder = "another" },
		func(old *game.TaskLease) { old.Holder = "" },
		func(old *game.TaskLease) { old.Generation++ },
		func(old *game.TaskLease) { old.Until = old.Until.Add(time.Millisecond) },
	} {
		old := l
		change(&old)
		wantError(t, s.PutTaskLease(t.Context(), old, next), game.ErrStale)
		wantLease(t, s, l)
	}
	must(t, s.PutTaskLease(t.Context(), l, next))
	wantLease(t, s, next)
}

// take takes a lease as processes do: it reads it, applies the rule and writes it. The lease may be taken from another
// holder if it has ended long ago.
func take(t *testing.T, s game.Store, name, holder string, at time.Time) (game.TaskLease, error) {
	l, err := s.TaskLease(t.Context(), name)
	if err != nil {
		return l, err
	}
	next, may := l.Take(holder, at, at.Sub(l.Until))
	if !may {
		return l, errHeld
	}
	return next, s.PutTaskLease(t.Context(), l, next)
}

var errHeld = errors.New("another holder has the lease")

func oneTakesLease(t *testing.T, s game.Store) {
	const rivals = 20
	at, name := now(), newLease().Name
	for generation := range int64(3) {
		taken := make([]game.TaskLease, rivals)
		wins := 0
		for i, err := range together(rivals, func(i int) (err error) {
			taken[i], err = take(t, s, name, fmt.Sprint("holder-", i), at)
			return err
		}) {
			if err == nil {
				wins++
				want(t, taken[i].Generation, generation+1)
				wantLease(t, s, taken[i])
			} else if !errors.Is(err, errHeld) {
				wantError(t, err, game.ErrStale)
			}
		}
		want(t, wins, 1)
		at = at.Add(game.TaskLeaseTerm + game.TaskLeaseLost) // nobody renews it
	}
}

func formerHolderCannotRenew(t *testing.T, s game.Store) {
	begin := now()
	first, err := take(t, s, "work", "first", begin)
	must(t, err)
	// The first holder is paused and another takes the lease.
	second, err := take(t, s, "work", "second", first.Until.Add(game.TaskLeaseLost))
	must(t, err)
	want(t, second.Generation, int64(2))
	renewed, may := first.Take("first", begin.Add(time.Second), 0) // by its own clock, which was paused too
	want(t, may, true)
	wantError(t, s.PutTaskLease(t.Context(), first, renewed), game.ErrStale)
	wantError(t, s.PutTaskLease(t.Context(), first, first.GiveBack(begin)), game.ErrStale)
	wantLease(t, s, second)
	_, err = take(t, s, "work", "first", second.Until.Add(-time.Second))
	wantError(t, err, errHeld)
}

// generationsFollow lets processes take and give back a lease. Each generation must have one holder.
func generationsFollow(t *testing.T, s game.Store) {
	const holders, rounds = 4, 5
	at := now()
	generations := make([][]int64, holders)
	for _, err := range together(holders, func(i int) error {
		for len(generations[i]) < rounds {
			l, err := take(t, s, "work", fmt.Sprint("holder-", i), at)
			switch {
			case errors.Is(err, errHeld) || errors.Is(err, game.ErrStale):
				continue
			case err != nil:
				return err
			}
			generations[i] = append(generations[i], l.Generation)
			renewed, _ := l.Take(l.Holder, at.Add(time.Second), 0)
			if err := s.PutTaskLease(t.Context(), l, renewed); err != nil {
				return err
			}
			if err := s.PutTaskLease(t.Context(), renewed, renewed.GiveBack(at)); err != nil {
				return err
			}
		}
		return nil
	}) {
		must(t, err)
	}
	had := make(map[int64]bool)
	for _, list := range generations {
		for _, g := range list {
			if had[g] || g < 1 || g > holders*rounds {
				t.Errorf("generation %d is wrong or had two holders", g)
			}
			had[g] = true
		}
	}
}

// leasesThroughFailures makes writes fail before and after they are executed. Reading again must tell whether the
// holder has the lease.
func leasesThroughFailures(t *testing.T, s game.Store) {
	unknown := game.Unanswered(game.OutcomeUnknown, errors.New("the reply was lost"))
	at, name := now(), newLease().Name
	for generation, fault := range []Fault{
		{Operation: "PutTaskLease", Calls: 1, Err: game.Unanswered(game.OutcomeNone, errors.New("refused"))},
		{Operation: "PutTaskLease", Calls: 1, Err: unknown},
		{Operation: "PutTaskLease", Calls: 1, After: true, Err: unknown},
		{Operation: "TaskLease", Calls: 1, Err: game.ErrStoreUnavailable.Because(errors.New("unreachable"))},
	} {
		broken := Failing(s, fault)
		holder := fmt.Sprint("holder-", generation)
		_, err := take(t, broken, name, holder, at)
		wantError(t, err, game.ErrStoreUnavailable)
		l, err := take(t, broken, name, holder, at.Add(time.Second))
		must(t, err)
		want(t, l.Holder, holder)
		want(t, l.Generation, int64(generation+1))
		wantLease(t, s, l)
		at = l.Until.Add(game.TaskLeaseLost)
	}
}
