package game_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"game-session-manager/internal/game"
)

// busy is a process whose first write of a session waits, so that changes of the session gather behind it.
type busy struct {
	process
	room   game.Session
	gate   gate
	writes *counted
	first  chan error // of the change that waits
}

// counted counts the replacements of sessions, and lets a hook fail them.
type counted struct {
	game.Store
	mu    sync.Mutex
	n     int
	fails func(n int, ctx context.Context) error
}

func (c *counted) ReplaceSession(ctx context.Context, old, next game.Session, events ...game.Event) error {
	c.mu.Lock()
	c.n++
	n := c.n
	c.mu.Unlock()
	if c.fails != nil {
		if err := c.fails(n, ctx); err != nil {
			return err
		}
	}
	return c.Store.ReplaceSession(ctx, old, next, events...)
}

func (c *counted) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func newBusy(tb testing.TB, w world, seats int, fails func(n int, ctx context.Context) error) busy {
	tb.Helper()
	b := busy{room: w.start().open(tb, seats, ""), gate: w.gated("ReplaceSession"), first: make(chan error, 1)}
	b.writes = &counted{Store: b.gate, fails: fails}
	b.process = w.start(b.writes)
	go func() {
		_, err := b.sessions.Edit(b.ctx, b.room.ID, nil, renamed("first"))
		b.first <- err
	}()
	<-b.gate.arrived
	return b
}

func renamed(name string) func(game.SessionEdit) (game.SessionEdit, error) {
	return func(t game.SessionEdit) (game.SessionEdit, error) {
		t.Name = name
		return t, nil
	}
}

// result is the result of a change.
type result struct {
	v   game.Session
	err error
}

// wait begins a change, and returns when it waits behind those that were begun before it.
func (b busy) wait(tb testing.TB, do func() (game.Session, error)) <-chan result {
	tb.Helper()
	before := b.sessions.Waiting("p", b.room.ID)
	done := make(chan result, 1)
	go func() {
		v, err := do()
		done <- result{v, err}
	}()
	eventually(tb, "the change waits", func() bool { return b.sessions.Waiting("p", b.room.ID) == before+1 })
	return done
}

func (b busy) rename(tb testing.TB, ctx context.Context, name string) <-chan result {
	return b.wait(tb, func() (game.Session, error) { return b.sessions.Edit(ctx, b.room.ID, nil, renamed(name)) })
}

// Changes that wait together are one write. Each has its own version, condition and result, in the order in which it
// came.
func TestBatch(t *testing.T) {
	t.Parallel()
	b := newBusy(t, newWorld(t), 5, nil)
	var waiting []<-chan result
	for n := range 10 {
		who := b.register(t, b.ctx, fmt.Sprintf("player-%d", n)).ID
		waiting = append(waiting, b.wait(t, func() (game.Session, error) {
			v, seated, err := b.sessions.Join(b.ctx, b.room.ID, nil, game.JoinRequest{PlayerID: who})
			if err == nil && !seated {
				return v, errors.New("the seat is not new")
			}
			return v, err
		}))
	}
	at := func(version int64) game.Condition[game.Session] {
		return func(v game.Session) error {
			if v.Version != version {
				return game.ErrVersionMismatch
			}
			return nil
		}
	}
	atSeven := b.wait(t, func() (game.Session, error) {
		return b.sessions.Edit(b.ctx, b.room.ID, at(7), renamed("at seven"))
	})
	stale := b.wait(t, func() (game.Session, error) {
		return b.sessions.Edit(b.ctx, b.room.ID, at(7), renamed("stale"))
	})
	same := b.rename(t, b.ctx, "at seven")
	close(b.gate.open)
	ok(t, <-b.first)
	for n, w := range waiting {
		r := <-w
		if n >= 5 {
			rejected(t, r.err, game.ErrSessionFull)
			continue
		}
		ok(t, r.err)
		if r.v.Version != int64(3+n) || len(r.v.Members) != 1+n || r.v.Name != "first" {
			t.Errorf("join %d returned version %d with %d members", n, r.v.Version, len(r.v.Members))
		}
	}
	r := <-atSeven
	if ok(t, r.err); r.v.Version != 8 || r.v.Name != "at seven" {
		t.Errorf("the edit at version 7 returned version %d", r.v.Version)
	}
	rejected(t, (<-stale).err, game.ErrVersionMismatch)
	unchanged := <-same
	ok(t, unchanged.err)
	equal(t, r.v, unchanged.v)
	stored, err := b.sessions.Get(b.ctx, b.room.ID)
	ok(t, err)
	equal(t, r.v, stored)
	if n := b.writes.total(); n != 2 {
		t.Errorf("%d writes were made, want the first and one for all that waited", n)
	}
	b.quiet(t)
}

// A batch is bounded: what is beyond it is the next batch.
func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	b := newBusy(t, newWorld(t), 5, nil)
	var waiting []<-chan result
	for n := range game.MaxBatch + 1 {
		waiting = append(waiting, b.rename(t, b.ctx, fmt.Sprint(n)))
	}
	close(b.gate.open)
	for n, w := range waiting {
		r := <-w
		if ok(t, r.err); r.v.Name != fmt.Sprint(n) || r.v.Version != int64(3+n) {
			t.Errorf("change %d returned %q at version %d", n, r.v.Name, r.v.Version)
		}
	}
	if n := b.writes.total(); n != 3 {
		t.Errorf("%d writes were made, want 3", n)
	}
	b.quiet(t)
}

// Whoever gives up while it waits has changed nothing; whoever does so while the batch is written cannot know. Neither
// changes anything for the others, the first of the batch included.
func TestBatchWithoutItsCallers(t *testing.T) {
	t.Parallel()
	writing, goOn := make(chan struct{}), make(chan struct{})
	b := newBusy(t, newWorld(t), 5, func(n int, _ context.Context) error {
		if n == 2 {
			close(writing)
			<-goOn
		}
		return nil
	})
	gone, leave := context.WithCancel(b.ctx)
	withdrawn := b.rename(t, gone, "withdrawn")
	leave()
	equal(
		t, map[string]any{"outcome": game.OutcomeNone}, rejected(t, (<-withdrawn).err, game.ErrStoreUnavailable).Extras,
	)

	impatient, stop := context.WithCancel(b.ctx)
	begun := b.rename(t, impatient, "begun")
	patient := b.wait(t, func() (game.Session, error) {
		return b.sessions.Edit(b.ctx, b.room.ID, nil, func(s game.SessionEdit) (game.SessionEdit, error) {
			s.Name += " and patient"
			return s, nil
		})
	})
	close(b.gate.open)
	<-writing
	stop()
	e := rejected(t, (<-begun).err, game.ErrStoreUnavailable)
	equal(t, map[string]any{"outcome": game.OutcomeUnknown}, e.Extras)
	close(goOn)
	r := <-patient
	if ok(t, r.err); r.v.Name != "begun and patient" || r.v.Version != 4 {
		t.Errorf("the name is %q at version %d", r.v.Name, r.v.Version)
	}
	b.quiet(t)
}

// A batch is written for as long as one of its callers waits, and no longer.
func TestBatchEndsWithItsLastCaller(t *testing.T) {
	t.Parallel()
	contexts := make(chan context.Context, 1)
	b := newBusy(t, newWorld(t), 5, func(n int, ctx context.Context) error {
		if n != 2 {
			return nil
		}
		contexts <- ctx
		<-ctx.Done()
		return game.Unanswered(game.OutcomeUnknown, context.Cause(ctx))
	})
	far := time.Now().Add(time.Hour)
	short, cancelShort := context.WithDeadline(b.ctx, time.Now().Add(time.Minute))
	long, cancelLong := context.WithDeadline(b.ctx, far)
	defer cancelLong()
	one, other := b.rename(t, short, "one"), b.rename(t, long, "other")
	close(b.gate.open)
	ctx := <-contexts
	if deadline, _ := ctx.Deadline(); !deadline.Equal(far) {
		t.Errorf("the batch is written until %v, want the latest deadline, %v", deadline, far)
	}
	cancelShort()
	rejected(t, (<-one).err, game.ErrStoreUnavailable)
	if ctx.Err() != nil {
		t.Fatal("the batch ended with its first caller")
	}
	cancelLong()
	rejected(t, (<-other).err, game.ErrStoreUnavailable)
	<-ctx.Done()
	b.quiet(t)
}

// What was found out before the first change of a failed batch holds. What comes after it rests on what is not stored.
func TestBatchThatIsNotWritten(t *testing.T) {
	t.Parallel()
	b := newBusy(t, newWorld(t), 5, func(n int, _ context.Context) error {
		if n == 2 {
			return game.Unanswered(game.OutcomeUnknown, errors.New("connection reset"))
		}
		return nil
	})
	rejecting := errors.New("not like this")
	condition := func(game.Session) error { return rejecting }
	edit := func(c game.Condition[game.Session], name string) <-chan result {
		return b.wait(t, func() (game.Session, error) { return b.sessions.Edit(b.ctx, b.room.ID, c, renamed(name)) })
	}
	same, before, changed := edit(nil, "first"), edit(condition, "x"), edit(nil, "changed")
	after, sameAfter := edit(condition, "x"), edit(nil, "changed")
	close(b.gate.open)
	if r := <-same; r.err != nil || r.v.Version != 2 {
		t.Errorf("what needed no write failed: %v", r.err)
	}
	if r := <-before; !errors.Is(r.err, rejecting) {
		t.Errorf("the rejection is lost: %v", r.err)
	}
	outcome := func(r result) any { return rejected(t, r.err, game.ErrStoreUnavailable).Extras["outcome"] }
	equal(t, any(game.OutcomeUnknown), outcome(<-changed))
	equal(t, any(game.OutcomeNone), outcome(<-after))
	equal(t, any(game.OutcomeNone), outcome(<-sameAfter))
	b.quiet(t)
}

// An error that is no rejection leaves open what became of the write: the changes are not written again one by one.
func TestBatchWithAnUnnamedError(t *testing.T) {
	t.Parallel()
	odd := errors.New("odd")
	b := newBusy(t, newWorld(t), 5, func(n int, _ context.Context) error {
		if n == 2 {
			return odd
		}
		return nil
	})
	one, other := b.rename(t, b.ctx, "one"), b.rename(t, b.ctx, "other")
	close(b.gate.open)
	ok(t, <-b.first)
	for _, r := range []result{<-one, <-other} {
		if !errors.Is(r.err, odd) {
			t.Errorf("got error %v, want %v", r.err, odd)
		}
	}
	if n := b.writes.total(); n != 2 {
		t.Errorf("%d writes were made, want 2", n)
	}
	b.quiet(t)
}

// A batch that lost a race against another process is applied again to what that left.
func TestBatchIsAppliedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.start()
	var room game.SessionID
	b := newBusy(t, w, 5, func(n int, _ context.Context) error {
		if n != 2 {
			return nil
		}
		_, err := other.sessions.Edit(w.ctx, room, nil, func(s game.SessionEdit) (game.SessionEdit, error) {
			s.Name, s.Locked = "other", true
			return s, nil
		})
		return err
	})
	room = b.room.ID
	who := b.register(t, b.ctx, "ada").ID
	join := b.wait(t, func() (game.Session, error) {
		v, _, err := b.sessions.Join(b.ctx, b.room.ID, nil, game.JoinRequest{PlayerID: who})
		return v, err
	})
	add := b.wait(t, func() (game.Session, error) {
		return b.sessions.Edit(b.ctx, b.room.ID, nil, func(s game.SessionEdit) (game.SessionEdit, error) {
			s.Name += " and mine"
			return s, nil
		})
	})
	close(b.gate.open)
	rejected(t, (<-join).err, game.ErrSessionLocked)
	r := <-add
	if ok(t, r.err); r.v.Name != "other and mine" || r.v.Version != 4 {
		t.Errorf("the name is %q at version %d", r.v.Name, r.v.Version)
	}
	b.quiet(t)
}

// A name that another player has fails the change that asks for it, and not those that wait beside it.
func TestBatchWithATakenName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gated("ReplacePlayer")
	p := w.start(g)
	p.register(t, p.ctx, "taken")
	ada := p.register(t, p.ctx, "ada").ID
	edit := func(change func(*game.Profile)) error {
		_, err := p.players.Edit(p.ctx, ada, nil, func(f game.Profile) (game.Profile, error) {
			change(&f)
			return f, nil
		})
		return err
	}
	first := make(chan error, 1)
	go func() { first <- edit(func(f *game.Profile) { f.DisplayName = "first" }) }()
	<-g.arrived
	count := func(f *game.Profile) {
		n, _ := f.Attributes["n"].Any().(float64)
		f.Attributes = game.Attributes{"n": game.NumberValue(n + 1)}
	}
	errs := make(chan error, 3)
	for i, change := range []func(*game.Profile){count, func(f *game.Profile) { f.Username = "TAKEN" }, count} {
		go func() { errs <- edit(change) }()
		eventually(t, "the change waits", func() bool { return p.players.Waiting("p", ada) == i+1 })
	}
	close(g.open)
	ok(t, <-first)
	taken := 0
	for range 3 {
		if err := <-errs; err != nil {
			rejected(t, err, game.ErrUsernameTaken)
			taken++
		}
	}
	got, err := p.players.Get(p.ctx, ada)
	ok(t, err)
	if taken != 1 || got.Username != "ada" || got.Attributes["n"] != game.NumberValue(2) || got.Version != 4 {
		t.Errorf("%d were rejected; the player is %+v", taken, got)
	}
	p.quiet(t)
}

// A bug in one change is its caller's, whoever writes the batch.
func TestBatchWithAPanic(t *testing.T) {
	t.Parallel()
	b := newBusy(t, newWorld(t), 5, nil)
	before := b.rename(t, b.ctx, "before")
	panicked := b.wait(t, func() (v game.Session, err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("%v", cause)
			}
		}()
		return b.sessions.Edit(b.ctx, b.room.ID, nil, func(game.SessionEdit) (game.SessionEdit, error) { panic("bug") })
	})
	after := b.rename(t, b.ctx, "after")
	close(b.gate.open)
	ok(t, (<-before).err)
	if err := (<-panicked).err; err == nil || !strings.Contains(err.Error(), "bug") ||
		!strings.Contains(err.Error(), "TestBatchWithAPanic") {
		t.Errorf("the panic and its stack are lost: %v", err)
	}
	r := <-after
	if ok(t, r.err); r.v.Version != 4 {
		t.Errorf("the version is %d", r.v.Version)
	}
	b.quiet(t)
}

// A panic of the store reaches the callers whose changes were in the batch, and no others, whoever writes the batch.
func TestBatchWithAPanicOfTheStore(t *testing.T) {
	t.Parallel()
	b := newBusy(t, newWorld(t), 5, func(n int, _ context.Context) error {
		if n == 2 || n == 3 {
			panic("bug")
		}
		return nil
	})
	rename := func(name string) (v game.Session, err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("%v", cause)
			}
		}()
		return b.sessions.Edit(b.ctx, b.room.ID, nil, renamed(name))
	}
	wantBug := func(err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "bug") {
			t.Errorf("got error %v, want that of the store", err)
		}
	}
	one := b.wait(t, func() (game.Session, error) { return rename("one") })
	other := b.wait(t, func() (game.Session, error) { return rename("other") })
	close(b.gate.open)
	ok(t, <-b.first)
	wantBug((<-one).err)
	wantBug((<-other).err)
	b.quiet(t)
	_, err := rename("alone")
	wantBug(err)
	b.quiet(t)
	v, err := rename("after")
	if ok(t, err); v.Name != "after" || v.Version != 3 {
		t.Errorf("the name is %q at version %d", v.Name, v.Version)
	}
}

// An edit that waits behind an erasure finds no player, and does not restore it.
func TestBatchBehindAnErasure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gated("ReplacePlayer")
	p := w.start(g)
	ada := p.register(t, p.ctx, "ada").ID
	edit := func(name string) error {
		_, err := p.players.Edit(p.ctx, ada, nil, func(f game.Profile) (game.Profile, error) {
			f.Username, f.DisplayName = "ada", name
			return f, nil
		})
		return err
	}
	first := make(chan error, 1)
	go func() { first <- edit("first") }()
	<-g.arrived
	waiting := make([]chan error, 0, 3)
	for i, do := range []func() error{
		func() error { return p.players.Erase(p.ctx, ada, nil) },
		func() error { return edit("back again") },
		func() error { return p.players.Erase(p.ctx, ada, nil) },
	} {
		done := make(chan error, 1)
		go func() { done <- do() }()
		eventually(t, "the change waits", func() bool { return p.players.Waiting("p", ada) == i+1 })
		waiting = append(waiting, done)
	}
	close(g.open)
	ok(t, <-first)
	ok(t, <-waiting[0])
	rejected(t, <-waiting[1], game.ErrPlayerNotFound)
	rejected(t, <-waiting[2], game.ErrPlayerNotFound)
	stored, err := w.store.Player(p.ctx, "p", ada)
	ok(t, err)
	if stored.Username != "" || stored.DisplayName != "" || stored.ErasingSince == nil || stored.Version != 3 {
		t.Errorf("the erased player is stored as %+v", stored)
	}
	p.quiet(t)
}

// A batch has the result of its changes one after the other, in the order of arrival.
func TestBatchHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		b := newBusy(t, w, 3, nil)
		h := history{w: w, p: [2]process{b.process, b.process}, v: b.room}
		for n := range 4 {
			h.players = append(h.players, b.register(t, b.ctx, fmt.Sprintf("player-%d", n)).ID)
		}
		steps := make([]step, rapid.IntRange(1, 12).Draw(rt, "steps"))
		waiting := make([]<-chan result, len(steps))
		for i := range steps {
			steps[i] = h.draw(rt)
			waiting[i] = b.wait(t, func() (game.Session, error) { return steps[i].ask(b.process) })
		}
		close(b.gate.open)
		ok(rt, <-b.first)
		want := snapshot(b.room)
		want.Name, want.Version = "first", 2
		for i, s := range steps {
			next := snapshot(want)
			changed, err := s.rule(&next, w.clock.Now())
			r := <-waiting[i]
			if err != nil {
				if !errors.Is(r.err, err) {
					rt.Fatalf("%s: the error is %v, want %v", s.name, r.err, err)
				}
				continue
			}
			ok(rt, r.err)
			if changed {
				want = next
				want.Version++
				want.UpdatedAt = w.clock.Now()
			}
			equal(rt, want, r.v)
		}
		stored, err := b.sessions.Get(b.ctx, b.room.ID)
		ok(rt, err)
		equal(rt, want, stored)
		if n := b.writes.total(); n > 2 || n < 1 {
			rt.Fatalf("%d writes made version %d", n, stored.Version)
		}
	})
}
