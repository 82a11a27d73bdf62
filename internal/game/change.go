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

// Pauses before a change is tried again that lost a race against another process. They grow and are random, so that the
// competing processes spread out. A fixed number of quick retries would fail under contention.
const (
	firstPause = 2 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// maxBatch is how many changes of one document are written at once. It bounds how long the first of them waits for the
// last, and how much is repeated after a lost race.
const maxBatch = 256

// Condition checks a document before a change. If it returns an error, the change fails with that error. A nil
// Condition always holds.
type Condition[D any] func(D) error

// collection reads and replaces the documents of one type.
type collection[D any] struct {
	read    func(ctx context.Context, id string) (D, error) // in the project of the context's caller
	clone   func(D) D
	next    func(d *D, now time.Time) versioned // makes a new version of the document
	replace func(ctx context.Context, old, next D, events ...Event) error
	now     func() time.Time
	// elapse applies what time has done to the document, before any other change. It may be nil.
	elapse func(d *D, now time.Time) []Change
	// elapsing names, in events, who applies it.
	elapsing string
	// follow applies what follows from a change, in the same version, and returns what that changed. It may be nil.
	follow func(d *D, now time.Time) []Change
	// fleeting reports whether a document gives up, in its change from before to after, something that no two documents
	// have and that old does not have yet. It may be nil.
	fleeting func(old, before, after *D) bool
	// weigh returns about how many bytes of memory a document takes, or 0 for one that is to be read before the next
	// change. It is nil if all are.
	weigh func(*D) int
	// blame returns the error of a change from before to after if that change is why the store rejected a batch with
	// err, and nil otherwise. It may be nil.
	blame func(err error, before, after *D) error
}

// changes applies changes to the documents of a collection. It is the only place that retries lost races.
//
// Concurrent changes of one document form a batch: they are applied in the order of arrival, each with its own
// condition, version, event and result, by one read and one write. So the writes of one process to a document never
// compete, and a busy document costs one write for each batch rather than one for each change.
//
// A change begins with the document as this process last saw it, if it has. A change that does not come to be is not
// judged by such a document, which may be old, but by the one that is stored.
type changes[D any] struct {
	collection[D]
	recent *recent[D]
	mu     sync.Mutex
	queues map[documentKey]*queue[D]
}

// documentKey identifies a document of a collection.
type documentKey struct {
	project ProjectID
	id      string
}

// queue holds the changes of a document that wait while a batch of it is written. It exists only while one is.
type queue[D any] struct {
	waiting []*change[D]
	served  int // batches that the store has completed
}

// change is one change of a document with its result.
type change[D any] struct {
	ctx       context.Context
	condition Condition[D]
	apply     rule[D]

	state  atomic.Int32
	before int         // served when this change began to wait
	room   *sharedRoom // of the batch, released by each of its changes; nil for none

	done     chan struct{} // closed when the fields below are final
	result   D
	err      error
	changed  bool
	event    Event // of the change, if changed
	panicked error
}

// rule applies a rule to a document and returns what it changed, which is nothing if it left the document as it was.
type rule[D any] func(d *D, now time.Time) ([]Change, error)

// States of a change. Whoever moves it out of changeOpen wins: the writer of the batch, or the caller that gives up.
const (
	changeOpen int32 = iota
	changeBegun
	changeGivenUp
)

func newChanges[D any](n collection[D]) *changes[D] {
	return &changes[D]{collection: n, recent: newRecent(n), queues: make(map[documentKey]*queue[D])}
}

// make applies a change and returns the document as the change left it. It returns when the change is written, fails or
// has nothing to do, or when ctx ends: with OutcomeNone if the change was not begun by then, otherwise with
// OutcomeUnknown.
func (c *changes[D]) make(ctx context.Context, id string, condition Condition[D], apply rule[D]) (D, error) {
	// The writer of a batch may wait for room, so whoever waits for a batch must not hold any.
	KeepRoom(ctx, 0)
	key := documentKey{CallerFrom(ctx).Project, id}
	ch := &change[D]{ctx: ctx, condition: condition, apply: apply, done: make(chan struct{})}
	c.mu.Lock()
	if q := c.queues[key]; q != nil {
		ch.before = q.served
		q.waiting = append(q.waiting, ch)
		c.mu.Unlock()
		return c.await(q, ch)
	}
	q := new(queue[D])
	c.queues[key] = q
	c.mu.Unlock()

	// Without others, the change is written here, under its own context.
	c.write(ctx, key, q, []*change[D]{ch})
	if next := c.next(key, q); next != nil {
		go c.drain(key, q, next)
	}
	return ch.outcome()
}

// await waits for a change that another goroutine writes.
func (c *changes[D]) await(q *queue[D], ch *change[D]) (D, error) {
	select {
	case <-ch.done:
		ch.room.leaveWith(ch.ctx)
		return ch.outcome()
	case <-ch.ctx.Done():
	}
	var none D
	others := c.withdraw(q, ch)
	ch.room.leaveWith(ch.ctx)
	if ch.state.CompareAndSwap(changeOpen, changeGivenUp) {
		if others {
			return none, Overloaded(context.Cause(ch.ctx)) // the store works, but too many changes came before this one
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

// withdraw removes a change from its queue if it is still there. It reports whether the store has completed other
// batches since the change began to wait.
func (c *changes[D]) withdraw(q *queue[D], ch *change[D]) (others bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(q.waiting, ch); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	return q.served > ch.before
}

// next removes the next batch from a queue. It deletes the queue and returns nil if there is none.
func (c *changes[D]) next(key documentKey, q *queue[D]) []*change[D] {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(q.waiting), maxBatch)
	if n == 0 {
		delete(c.queues, key)
		return nil
	}
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	if room := newSharedRoom(batch[0].ctx, n+1); room != nil { // one more for the writer of the batch
		for _, ch := range batch {
			ch.room = room
		}
	}
	return batch
}

// drain writes batches until the queue is empty.
func (c *changes[D]) drain(key documentKey, q *queue[D], batch []*change[D]) {
	for ; batch != nil; batch = c.next(key, q) {
		ctx, cancel := together(batch)
		room := batch[0].room
		c.write(room.withRoom(ctx), key, q, batch)
		room.leave()
		cancel()
	}
}

// together returns the context of a batch. It ends when all of the changes' contexts have ended. Its values, for logs
// and traces, are those of the first.
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
	timed, release := context.WithDeadline(ctx, latest) // engines pass the deadline on to their servers
	return timed, func() { release(); stop() }
}

// write writes a batch and completes its changes.
func (c *changes[D]) write(ctx context.Context, key documentKey, q *queue[D], batch []*change[D]) {
	// If one of the changes conflicts with another document, only that one fails where they are written one by one.
	for _, ch := range c.tryWrite(ctx, key, batch) {
		c.tryWrite(ctx, key, []*change[D]{ch})
	}
	if !slices.ContainsFunc(batch, func(ch *change[D]) bool { return errors.Is(ch.err, ErrStoreUnavailable) }) {
		c.mu.Lock()
		q.served++
		c.mu.Unlock()
	}
	for _, ch := range batch {
		close(ch.done)
	}
}

// tryWrite writes a batch and sets the results of its changes. If the store rejects several changes for a conflict with
// what it stores, and it is not known which of them conflict, it returns those that are left, of which nothing is
// written: those that are known to fail, and the others are written without them. A panic of the store is passed to
// every caller of what is left, so that the queue goes on.
func (c *changes[D]) tryWrite(ctx context.Context, key documentKey, batch []*change[D]) (left []*change[D]) {
	defer func() {
		if cause := recover(); cause != nil {
			failure := panicked(cause)
			left = nil
			for _, ch := range batch {
				ch.panicked = failure
			}
		}
	}()
	for pause := firstPause; len(batch) > 0; pause = min(2*pause, maxPause) {
		old, remembered := c.recent.last(key)
		if !remembered {
			var err error
			if old, err = c.read(ctx, key.id); err != nil {
				failAll(batch, beforeWrite(err))
				return nil
			}
		}
		next, events, n := c.apply(old, batch)
		if remembered && slices.ContainsFunc(batch[:n], func(ch *change[D]) bool { return !ch.changed }) {
			c.recent.forget(key)
			continue
		}
		var err error
		if len(events) > 0 {
			err = c.replace(ctx, old, next, events...)
		}
		switch {
		case err == nil:
			c.recent.saw(key, next)
			batch, pause = batch[n:], firstPause
			continue
		case errors.Is(err, ErrStale):
			c.recent.changedElsewhere(key)
			if remembered {
				continue
			}
		case n > 1 && (KindOf(err) == Conflict || KindOf(err) == NotFound || errors.Is(err, ErrJoinCodeTaken)):
			rest := c.failBlamed(old, batch[:n], err)
			if len(rest) == n {
				return batch
			}
			batch = append(rest, batch[n:]...)
			continue
		default:
			c.recent.forget(key)
			failFrom(batch[:n], err, len(events))
			batch = batch[n:]
			continue
		}
		if err := Sleep(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // a random pause is no secret
			failAll(batch, Overloaded(err)) // the store works, but too many others change this document
			return nil
		}
	}
	return nil
}

// failBlamed sets the errors of the changes because of which the store rejected a batch, and returns the others.
func (c *changes[D]) failBlamed(old D, batch []*change[D], err error) (rest []*change[D]) {
	if c.blame == nil {
		return batch
	}
	before := &old
	for _, ch := range batch {
		var blamed error
		if ch.changed {
			blamed = c.blame(err, before, &ch.result)
			before = &ch.result
		}
		if blamed == nil {
			rest = append(rest, ch)
			continue
		}
		ch.err, ch.changed = blamed, false
	}
	return rest
}

// apply applies a batch to a document. It returns the new document and one event for each new version. The result of
// each change is the document as that change left it. What time has done comes first, with a version of its own, so
// that conditions and rules see the document as it is now.
//
// The store sees only what a batch leaves. What no two documents may have and one change takes, another must therefore
// not give up in the same batch: its caller would be told that it had what was another's. So apply ends before such a
// change, and returns how many it has applied.
func (c *changes[D]) apply(old D, batch []*change[D]) (next D, events []Event, applied int) {
	next = old
	scratch := c.clone(old) // equal to next, but shares nothing that a rule changes in place
	if c.elapse != nil {
		now := c.now()
		if done := c.elapse(&scratch, now); len(done) > 0 {
			of := c.collection.next(&scratch, now)
			byTime := WithCaller(batch[0].ctx, Caller{Project: of.project, Name: c.elapsing})
			next, events = scratch, append(events, newEvent(byTime, of, done))
			scratch = c.clone(next)
		}
	}
	for i, ch := range batch {
		if ch.err = ch.begin(); ch.err != nil { // its caller has given up
			ch.changed = false
			continue
		}
		ch.try(&scratch, c.collection)
		switch {
		case ch.panicked != nil:
			scratch = c.clone(next) // the rule may have left it half changed
		case ch.changed && i > 0 && c.fleeting != nil && c.fleeting(&old, &next, &scratch):
			ch.changed = false
			return next, events, i
		case ch.changed:
			next, events = scratch, append(events, ch.event)
			scratch = c.clone(next)
		}
		ch.result = next
	}
	return next, events, len(batch)
}

// begin marks the change as begun. It returns an error if the change's context has ended or its caller has given up.
func (ch *change[D]) begin() error {
	if ch.ctx.Err() == nil && (ch.state.CompareAndSwap(changeOpen, changeBegun) || ch.state.Load() == changeBegun) {
		return nil
	}
	return Overloaded(context.Cause(ch.ctx)) // the document was read
}

// try applies the change to d. A panic is kept for the caller of the change, because other changes of the batch go on.
func (ch *change[D]) try(d *D, n collection[D]) {
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
		if n.follow != nil {
			done = append(done, n.follow(d, now)...)
		}
		ch.changed, ch.event = true, newEvent(ch.ctx, n.next(d, now), done)
	}
}

// panicked returns an error for a recovered panic with the stack. Call it in the deferred function.
func panicked(cause any) error { return fmt.Errorf("%v\n\n%s", cause, debug.Stack()) }

// failAll fails every change of a batch of which nothing was written.
func failAll[D any](batch []*change[D], err error) {
	for _, ch := range batch {
		ch.err = err
	}
}

// failFrom fails a batch whose write of the given number of versions failed. Changes before the first version keep
// their results. The rest fail, because they build on a document that may not be stored; those that changed nothing
// fail with OutcomeNone.
func failFrom[D any](batch []*change[D], err error, versions int) {
	changed := func(ch *change[D]) bool { return ch.changed }
	first := slices.IndexFunc(batch, changed)
	for _, ch := range batch {
		if changed(ch) {
			versions--
		}
	}
	if versions > 0 { // the first one is that of time
		first = 0
	}
	for _, ch := range batch[first:] {
		ch.err = err
		if !ch.changed {
			ch.err = beforeWrite(err)
		}
	}
}

// outcome returns the result of the change. It panics if the change panicked.
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

// beforeWrite returns the error of a read before a write: nothing has been written, so the outcome is OutcomeNone.
func beforeWrite(err error) error {
	if errors.Is(err, ErrStoreUnavailable) {
		return Unanswered(OutcomeNone, err)
	}
	return err
}

// Sleep waits for d. It returns the cause, at once, if the context ends before.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
