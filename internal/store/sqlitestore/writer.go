package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"game-session-manager/internal/game"
)

// maxBatch limits the writes of a transaction, so that the first does not wait long for the last.
const maxBatch = 1024

// dataVersion changes when another connection has changed the file.
const dataVersion = "PRAGMA data_version"

// probeSize is more than two pages, so that a row of this size needs new pages.
const probeSize = 8192

// write is one mutation.
type write struct {
	// run executes the statements. It either rejects the write before it has changed anything, or makes all changes. No
	// write needs a savepoint, because only the writer uses the transaction: what run reads remains true until it
	// writes. An error fails the whole batch, a refusal only this write.
	run func(*conn) (refusal, error)

	state    atomic.Int32
	answered chan error
}

// refusal is the named error of a rejected write, which changed nothing; nil for a write that was made.
type refusal error

// States of a write. The writer moves it from waiting to taken, or a caller who gives up from waiting to withdrawn.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// writer executes all mutations on its own connection. It commits those that are waiting in one transaction (group
// commit). It never uses a request's context, because the driver would interrupt the other writes of the batch too.
type writer struct {
	file     *file
	dial     func() (*conn, error)
	conn     *conn // nil after a failure that left it in doubt
	log      *drainer
	rows     *liveRows
	memory   *memory
	others   int64       // the data_version of the connection, which changes when another program has changed the file
	asked    atomic.Bool // whether it has
	onCommit func(size int, d time.Duration)
	commits  atomic.Int64 // committed batches
	// failure is the error of the last batch that failed; nil again once check has found that writes succeed.
	failure atomic.Pointer[error]

	mu     sync.Mutex
	queue  []*write
	closed bool
	wake   chan struct{} // holds a token when the queue has grown or closed is set
	done   chan struct{} // closed when run has returned
}

func newWriter(c *conn, f *file, dial func() (*conn, error)) *writer {
	return &writer{conn: c, file: f, dial: dial, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// do queues a write and waits for its result.
func (w *writer) do(ctx context.Context, run func(*conn) (refusal, error)) error {
	if ctx.Err() != nil {
		return game.Unanswered(game.OutcomeNone, context.Cause(ctx))
	}
	op := &write{run: run, answered: make(chan error, 1)}
	before := w.commits.Load()
	if !w.push(op) {
		return game.Unanswered(game.OutcomeNone, errClosed)
	}
	select {
	case err := <-op.answered:
		return err
	case <-ctx.Done():
	}
	if op.state.CompareAndSwap(waiting, withdrawn) {
		if w.commits.Load() > before { // the writer works, but the queue was too long
			return game.Overloaded(context.Cause(ctx))
		}
		return game.Unanswered(game.OutcomeNone, context.Cause(ctx))
	}
	select {
	case err := <-op.answered: // both were ready
		return err
	default:
		return game.Unanswered(game.OutcomeUnknown, context.Cause(ctx))
	}
}

func (w *writer) push(op *write) bool {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false
	}
	w.queue = append(w.queue, op)
	w.mu.Unlock()
	w.signal()
	return true
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close rejects further writes and waits until those in the queue have their results.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.done
}

// ended reports whether close has been called.
func (w *writer) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

func (w *writer) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// check returns nil if the files exist and either no write has failed or a small one succeeds now. A batch that
// succeeded is no evidence: it may have changed nothing, or have used the last space.
func (w *writer) check(ctx context.Context) error {
	if err := w.file.look(); errors.Is(err, errShrunk) {
		err = w.do(ctx, func(*conn) (refusal, error) { return nil, nil }) // so that the writer judges
		if err != nil {
			return errors.Unwrap(err)
		}
	} else if err != nil {
		return err
	}
	failure := w.failure.Load()
	if failure == nil {
		return nil
	}
	if err := w.do(ctx, probe); err != nil {
		return fmt.Errorf("a write failed: %w; another one now: %w", *failure, errors.Unwrap(err))
	}
	w.failure.CompareAndSwap(failure, nil) // not one that came after the probe
	return nil
}

// probe makes a write that needs new pages, so that it fails if other writes would, and then undoes it.
func probe(c *conn) (refusal, error) {
	const key = "" // no claim has it
	if _, err := c.exec(putClaim, key, strings.Repeat("x", probeSize), "", int64(0), int64(0)); err != nil {
		return nil, err
	}
	_, err := c.exec(deleteClaim, key)
	return nil, err
}

// run is the writer's goroutine. It returns after close, when the queue is empty.
func (w *writer) run() {
	defer close(w.done)
	var batch []*write
	for {
		var closed bool
		if batch, closed = w.pull(batch); len(batch) > 0 {
			w.commit(batch)
			continue
		}
		if closed {
			break
		}
		if w.asked.Swap(false) && (w.conn != nil || w.look() == nil && w.connect() == nil) {
			_ = w.noticeOthers() // the next write tells the error
		}
		<-w.wake
	}
	if w.conn != nil && !w.file.cutLog() {
		_ = w.conn.close() // nothing is left to be lost
	}
}

// pull moves the next writes from the queue to the batch, and reports whether the writer is closed.
func (w *writer) pull(batch []*write) (_ []*write, closed bool) {
	clear(batch)
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), maxBatch)
	batch = append(batch[:0], w.queue[:n]...)
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	return batch, w.closed
}

// commit executes the batch in one transaction and sends the results of its writes.
func (w *writer) commit(batch []*write) {
	start := time.Now()
	if err := w.begin(); err != nil {
		w.fail(batch, err)
		return
	}
	members := make([]*write, 0, len(batch))
	refusals := make([]refusal, 0, len(batch))
	var failure error
	for _, op := range batch {
		if !op.state.CompareAndSwap(waiting, taken) {
			continue
		}
		members = append(members, op)
		refused, err := op.run(w.conn)
		refusals = append(refusals, refused)
		if err != nil {
			failure = game.Unanswered(game.OutcomeNone, err)
			break
		}
	}
	if failure == nil {
		if err := w.conn.storeEvents(); err != nil {
			failure = game.Unanswered(game.OutcomeNone, err)
		}
	}
	if failure == nil {
		w.memory.begin(w.conn.changed) // before anybody can read what it changes
		failure = w.end()
	}
	if failure != nil {
		w.rollback()
		// The writes after the one that failed were not tried. They fail too, as those before it.
		w.fail(batch, errors.Unwrap(failure))
	} else {
		w.remember()
		if len(members) > 0 {
			w.committed(len(members), time.Since(start)) // before the results, so that callers find their batch counted
		}
	}
	for i, op := range members {
		switch {
		case failure != nil:
			op.answered <- failure
		case refusals[i] != nil:
			op.answered <- refusals[i]
		default:
			op.answered <- nil
		}
	}
	if failure == nil && len(members) > 0 {
		w.log.wrote(w.conn, len(members))
	}
}

// remember keeps in memory what a transaction has stored.
func (w *writer) remember() {
	w.rows.committed(w.conn.sessions)
	w.memory.end(w.conn.changed)
	w.conn.sessions = nil
	clear(w.conn.changed)
}

// committed counts a batch.
func (w *writer) committed(size int, took time.Duration) {
	w.commits.Add(1)
	if w.onCommit != nil {
		w.onCommit(size, took)
	}
}

// fail records the cause and fails the writes whose callers are still waiting. None of them was made.
func (w *writer) fail(batch []*write, cause error) {
	w.failure.Store(&cause)
	for _, op := range batch {
		if op.state.CompareAndSwap(waiting, taken) {
			op.answered <- game.Unanswered(game.OutcomeNone, cause)
		}
	}
}

func (w *writer) begin() error {
	if err := w.look(); err != nil {
		return err
	}
	if err := w.connect(); err != nil {
		return err
	}
	_, err := w.conn.exec("BEGIN IMMEDIATE")
	if err == nil {
		err = w.noticeOthers()
	} else if primary(err) == sqlite3.SQLITE_BUSY { // of a lock that another has, nothing was begun
		return err
	}
	if err != nil {
		w.rollback()
	}
	return err
}

// askOthers has the writer look whether another program has changed the file, which it does itself before each write.
func (w *writer) askOthers() {
	if !w.asked.Swap(true) {
		w.signal()
	}
}

// noticeOthers forgets what was read of the file if another program has changed it.
func (w *writer) noticeOthers() error {
	if !w.rows.wanted.Load() && !w.memory.on() {
		return nil
	}
	now := w.memory.since()
	n, err := w.conn.integer(dataVersion)
	if err != nil {
		return err
	}
	if n != w.others {
		w.others = n
		w.rows.drop()
		w.memory.forgetAll()
	}
	w.memory.checked.Store(now)
	return nil
}

// connect opens a connection unless there is one. A new one does not know what other programs have changed before.
func (w *writer) connect() error {
	if w.conn != nil {
		return nil
	}
	c, err := w.dial()
	if err != nil {
		return err
	}
	n, err := c.integer(dataVersion)
	if err != nil {
		return errors.Join(err, c.close())
	}
	w.conn, w.others = c, n
	w.rows.drop()
	w.memory.forgetAll()
	return nil
}

// end commits the transaction. If the commit fails because of a lock or because the disk is full, nothing was written.
// After another failure, such as that of a flush, the transaction may still be in the log after a crash.
func (w *writer) end() error {
	_, err := w.conn.exec("COMMIT")
	if err == nil {
		if err := w.lookAfter(); err != nil {
			return game.Unanswered(game.OutcomeUnknown, err) // the files that were written may have been replaced
		}
		return nil
	}
	switch primary(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL:
		return game.Unanswered(game.OutcomeNone, err)
	}
	return game.Unanswered(game.OutcomeUnknown, err)
}

// rollback ends the transaction. After some failures SQLite has already ended it and returns an error. The connection
// is then closed, because a broken connection cannot be told from that.
func (w *writer) rollback() {
	w.conn.forgetEvents()
	w.conn.sessions = nil
	w.rows.drop() // which of the batch is in the file is not known
	_, err := w.conn.exec("ROLLBACK")
	w.memory.fail()
	clear(w.conn.changed)
	if err == nil || w.file.gone() != nil {
		return
	}
	_ = w.conn.close() // its errors repeat the failure that led here
	w.conn = nil
}
