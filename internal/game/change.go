package game

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pauses between tries of a change that lost a race against another process. They grow and are random, so that the
// racers spread out; a fixed number of quick tries gives wrong answers under contention.
const (
	firstPause = 2 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// maxBatch is how many changes of one document are made by one write. It bounds how long the first of them waits for
// the last, and how much is done again after a lost race.
const maxBatch = 256

// Condition is what must be true of a document for a change to be made. A change whose condition returns an error fails
// with it. Nil is no condition.
type Condition[D any] func(D) error

// noun is how the documents of one noun are read and replaced.
type noun[D any] struct {
	read    func(ctx context.Context, id string) (D, error) // in the project of the context's caller
	clone   func(D) D
	next    func(d *D, now time.Time) versioned // makes a new version of the document
	replace func(ctx context.Context, old, next D, events ...Event) error
	now     func() time.Time
}

// changes changes the documents of one noun. It holds the one retry loop of the program.
//
// Changes of one document that wait together are one batch: they are applied in the order in which they came, each with
// its own conditions, version, event and result, by one read and one write. Inside a process no two writes of one
// document compete, and a busy document costs a write for each batch, not for each change.
type changes[D any] struct {
	noun[D]
	mu    sync.Mutex
	lines map[documentKey]*line[D]
}

// documentKey names a document of one noun.
type documentKey struct {
	project ProjectID
	id      string
}

// line is the changes that wait for the batch that is being made of a document. It exists as long as one is.
type line[D any] struct {
	waiting []*change[D]
	served  int // batches that the store answered
}

// change is one change of a document, and what it came to.
type change[D any] struct {
	ctx       context.Context
	condition Condition[D]
	apply     rule[D]

	state  atomic.Int32
	before int     // batches that the store had answered when this change began to wait
	room   *lodger // of the batch, which each of its changes leaves; nil for none

	done     chan struct{} // closed when the fields below are set for good
	result   D
	err      error
	changed  bool
	event    Event // of the change, if changed
	panicked error
}

// rule does something to a document and returns what it changed: nothing where it leaves the document as it is.
type rule[D any] func(d *D, now time.Time) ([]Change, error)

// States of a change. Whoever moves it out of open decides: who makes the batch, or the caller who gives up.
const (
	changeOpen int32 = iota
	changeBegun
	changeGivenUp
)

func newChanges[D any](n noun[D]) *changes[D] {
	return &changes[D]{noun: n, lines: make(map[documentKey]*line[D])}
}

// make makes a change and returns the document as the change left it. It returns when the change is made, is refused,
// has nothing to do, or when ctx ends: with OutcomeNone if the change was not begun by then, else with OutcomeUnknown.
func (c *changes[D]) make(ctx context.Context, id string, condition Condition[D], apply rule[D]) (D, error) {
	KeepRoom(ctx, 0) // who makes a batch may wait for room, so that nobody may have room and wait for a batch
	key := documentKey{CallerFrom(ctx).Project, id}
	ch := &change[D]{ctx: ctx, condition: condition, apply: apply, done: make(chan struct{})}
	c.mu.Lock()
	if l := c.lines[key]; l != nil {
		ch.before = l.served
		l.waiting = append(l.waiting, ch)
		c.mu.Unlock()
		return c.await(l, ch)
	}
	l := new(line[D])
	c.lines[key] = l
	c.mu.Unlock()

	// Alone, a change is made here, and under its own context.
	c.write(ctx, id, l, []*change[D]{ch})
	if next := c.next(key, l); next != nil {
		go c.drain(key, l, next)
	}
	return ch.outcome()
}

// await waits for a change that others make.
func (c *changes[D]) await(l *line[D], ch *change[D]) (D, error) {
	select {
	case <-ch.done:
		ch.room.adoptedBy(ch.ctx)
		return ch.outcome()
	case <-ch.ctx.Done():
	}
	var none D
	others := c.withdraw(l, ch)
	ch.room.adoptedBy(ch.ctx)
	if ch.state.CompareAndSwap(changeOpen, changeGivenUp) {
		if others {
			return none, Overloaded(context.Cause(ch.ctx)) // the store is well: too many others were before this one
		}
		return none, Unanswered(OutcomeNone, context.Cause(ch.ctx))
	}
	select {
	case <-ch.done:
		return ch.outcome()
	default:
		return none, Unanswered(OutcomeUnknown, context.Cause(ch.ctx))
	}
}

// withdraw takes a change out of its line if it is still there, and reports whether the store has answered others since
// it began to wait.
func (c *changes[D]) withdraw(l *line[D], ch *change[D]) (others bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(l.waiting, ch); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	return l.served > ch.before
}

// next takes the next batch out of a line. A line with none is over.
func (c *changes[D]) next(key documentKey, l *line[D]) []*change[D] {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(l.waiting), maxBatch)
	if n == 0 {
		delete(c.lines, key)
		return nil
	}
	batch := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	if room := newLodger(batch[0].ctx, n+1); room != nil { // for each of them, and for who makes the batch
		for _, ch := range batch {
			ch.room = room
		}
	}
	return batch
}

// drain makes the batches of a line until nothing waits in it.
func (c *changes[D]) drain(key documentKey, l *line[D], batch []*change[D]) {
	for ; batch != nil; batch = c.next(key, l) {
		ctx, cancel := together(batch)
		room := batch[0].room
		c.write(room.within(ctx), key.id, l, batch)
		room.leave()
		cancel()
	}
}

// together returns a context for a batch. It ends with the last of the changes' contexts. What it carries for logs and
// traces is the first one's.
func together[D any](batch []*change[D]) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(batch[0].ctx))
	var latest time.Time
	bounded := true
	left := new(atomic.Int64)
	left.Store(int64(len(batch)))
	stops := make([]func() bool, 0, len(batch))
	for _, ch := range batch {
		deadline, ok := ch.ctx.Deadline()
		bounded = bounded && ok
		if deadline.After(latest) {
			latest = deadline
		}
		stops = append(stops, context.AfterFunc(ch.ctx, func() {
			if left.Add(-1) == 0 {
				cancel(context.Cause(ch.ctx))
			}
		}))
	}
	stop := func() {
		for _, s := range stops {
			s()
		}
		cancel(nil)
	}
	if !bounded {
		return ctx, stop
	}
	timed, release := context.WithDeadline(ctx, latest) // engines tell their servers how long they may take
	return timed, func() { release(); stop() }
}

// write makes a batch, whatever it takes, and tells each change what it came to.
func (c *changes[D]) write(ctx context.Context, id string, l *line[D], batch []*change[D]) {
	if !c.tryWrite(ctx, id, batch) {
		// One of them asks for what another document has. Alone, only that one is refused.
		for _, ch := range batch {
			c.tryWrite(ctx, id, []*change[D]{ch})
		}
	}
	if !slices.ContainsFunc(batch, func(ch *change[D]) bool { return errors.Is(ch.err, ErrStoreUnavailable) }) {
		c.mu.Lock()
		l.served++
		c.mu.Unlock()
	}
	for _, ch := range batch {
		close(ch.done)
	}
}

// tryWrite makes a batch, and sets what each change came to. It reports false, with nothing done and nothing set for
// good, where the store refuses a write of several changes for what it holds. A panic of the store is that of every
// caller: the line goes on, and so does the program.
func (c *changes[D]) tryWrite(ctx context.Context, id string, batch []*change[D]) (made bool) {
	defer func() {
		if cause := recover(); cause != nil {
			failure := panicked(cause)
			made = true
			for _, ch := range batch {
				ch.panicked = failure
			}
		}
	}()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		old, err := c.read(ctx, id)
		if err != nil {
			return failAll(batch, beforeWrite(err))
		}
		next, events := c.apply(old, batch)
		if len(events) == 0 {
			return true
		}
		switch err = c.replace(ctx, old, next, events...); {
		case err == nil:
			return true
		case errors.Is(err, ErrStale):
		case (KindOf(err) == Conflict || KindOf(err) == NotFound) && len(batch) > 1:
			return false
		default:
			failFrom(batch, err)
			return true
		}
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // spreads racers, keeps no secret
			return failAll(batch, Overloaded(err)) // the store is well: too many others change this document
		}
	}
}

// apply applies a batch to a document and returns what comes of it, with an event for each version. The result of a
// change is the document as it left it.
func (c *changes[D]) apply(old D, batch []*change[D]) (next D, events []Event) {
	next = old
	scratch := c.clone(old) // equal to next, and shares nothing that a rule changes in place
	for _, ch := range batch {
		if ch.err = ch.begin(); ch.err != nil { // its caller is gone
			ch.changed = false
			continue
		}
		ch.try(&scratch, c.noun)
		switch {
		case ch.panicked != nil:
			scratch = c.clone(next) // whatever it left
		case ch.changed:
			next, events = scratch, append(events, ch.event)
			scratch = c.clone(next)
		}
		ch.result = next
	}
	return next, events
}

// begin returns the error of a change whose context has ended, or whose caller has given up, before it was made.
func (ch *change[D]) begin() error {
	if ch.ctx.Err() == nil && (ch.state.CompareAndSwap(changeOpen, changeBegun) || ch.state.Load() == changeBegun) {
		return nil
	}
	return Overloaded(context.Cause(ch.ctx)) // the document was read
}

// try applies the change. A panic is its caller's, not that of whoever makes the batch.
func (ch *change[D]) try(d *D, n noun[D]) {
	ch.changed, ch.panicked = false, nil
	defer func() {
		if cause := recover(); cause != nil {
			ch.changed, ch.panicked = false, panicked(cause)
		}
	}()
	if ch.condition != nil {
		if ch.err = ch.condition(*d); ch.err != nil {
			return
		}
	}
	now := n.now()
	var done []Change
	if done, ch.err = ch.apply(d, now); len(done) > 0 && ch.err == nil {
		ch.changed, ch.event = true, newEvent(ch.ctx, n.next(d, now), done)
	}
}

// panicked returns what a panic was about, with the stack of the function that calls it while it recovers.
func panicked(cause any) error { return fmt.Errorf("%v\n\n%s", cause, debug.Stack()) }

// failAll fails every change of a batch of which nothing was written.
func failAll[D any](batch []*change[D], err error) bool {
	for _, ch := range batch {
		ch.err = err
	}
	return true
}

// failFrom fails a batch whose write failed, from the first change on: what was found out before it holds, what comes
// after it rests on what is not stored, or may not be. A change that wanted to write nothing surely has not.
func failFrom[D any](batch []*change[D], err error) {
	first := slices.IndexFunc(batch, func(ch *change[D]) bool { return ch.changed })
	for _, ch := range batch[first:] {
		ch.err = err
		if !ch.changed {
			ch.err = beforeWrite(err)
		}
	}
}

// outcome returns what the change came to.
func (ch *change[D]) outcome() (D, error) {
	if ch.panicked != nil {
		panic(ch.panicked)
	}
	if ch.err != nil {
		var none D
		return none, ch.err
	}
	return ch.result, nil
}

// beforeWrite is the error of a read that comes before a write: nothing has happened.
func beforeWrite(err error) error {
	if errors.Is(err, ErrStoreUnavailable) {
		return Unanswered(OutcomeNone, err)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
