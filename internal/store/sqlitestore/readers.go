package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"game-session-manager/internal/game"
)

// readers is a pool of connections for reads. The connection used last is used next, because its cache is warm.
type readers struct {
	free    chan struct{} // a token for each idle connection
	closing chan struct{}
	waiting atomic.Int64 // calls that wait for a connection
	read    atomic.Int64 // successful reads

	mu     sync.Mutex
	idle   []*conn
	paused bool
	kept   chan struct{} // the tokens that come back while paused
}

func newReaders(conns []*conn) *readers {
	r := &readers{
		free: make(chan struct{}, len(conns)), kept: make(chan struct{}, len(conns)), closing: make(chan struct{}),
		idle: conns,
	}
	for range conns {
		r.free <- struct{}{}
	}
	return r
}

// take waits for a connection. The caller must return it with give.
func (r *readers) take(ctx context.Context) (*conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case <-r.closing:
		return nil, errClosed
	default:
	}
	select {
	case <-r.free:
	default:
		if err := r.wait(ctx); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	c := r.idle[last]
	r.idle = r.idle[:last]
	return c, nil
}

// wait waits for the token of a connection. If the context ends first although other reads have succeeded meanwhile,
// the server is overloaded and the file is fine.
func (r *readers) wait(ctx context.Context) error {
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	before := r.read.Load()
	select {
	case <-r.free:
		return nil
	case <-ctx.Done():
		if r.read.Load() > before {
			return game.Overloaded(context.Cause(ctx))
		}
		return context.Cause(ctx)
	case <-r.closing:
		return errClosed
	}
}

// pool counts the connections.
func (r *readers) pool() game.Pool {
	r.mu.Lock()
	idle := int64(len(r.idle))
	r.mu.Unlock()
	return game.Pool{InUse: int64(cap(r.free)) - idle, Idle: idle, Waiting: r.waiting.Load()}
}

func (r *readers) give(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
	if r.paused {
		r.kept <- struct{}{}
	} else {
		r.free <- struct{}{}
	}
}

// pause keeps further reads from starting and reports whether the running ones ended in time. The caller must call
// release and must not be in a read itself. A pause does not queue behind waiting readers, so it takes as long as one
// read.
func (r *readers) pause(wait time.Duration) (quiet bool, release func()) {
	n := 0
	r.mu.Lock()
	r.paused = true
	for more := true; more; {
		select {
		case <-r.free:
			n++
		default:
			more = false
		}
	}
	r.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for quiet = true; quiet && n < cap(r.kept); {
		select {
		case <-r.kept:
			n++
		case <-timer.C:
			quiet = false
		}
	}
	return quiet, func() { r.resume(n) }
}

// resume gives the tokens back, n of them and those that have come back since.
func (r *readers) resume(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = false
	for ; len(r.kept) > 0; n++ {
		<-r.kept
	}
	for range n {
		r.free <- struct{}{}
	}
}

// row returns the first column of the first row of a statement that ends at once.
func (r *readers) row(ctx context.Context, sql string, args ...any) (driver.Value, error) {
	c, err := r.take(ctx)
	if err != nil {
		return nil, err
	}
	defer r.give(c)
	v, err := c.row(sql, args...)
	if err == nil {
		r.read.Add(1)
	}
	return v, err
}

// rows calls the function with every row.
func (r *readers) rows(ctx context.Context, sql string, args []any, row func([]driver.Value) error) error {
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.give(c)
	ctx, cancel := startWork(ctx)
	defer cancel()
	if err := c.rows(ctx, sql, args, row); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	r.read.Add(1)
	return nil
}

// errWorkTime says that a statement worked longer than it may.
var errWorkTime = errors.New("the statement takes too long")

type workTimeKey struct{}

// withWorkTime limits the time that each statement may work, without the time that it waits for a connection. 0 means
// no limit. A statement can be interrupted only until its first row.
func withWorkTime(ctx context.Context, limit time.Duration) context.Context {
	if limit == 0 {
		return ctx
	}
	return context.WithValue(ctx, workTimeKey{}, limit)
}

func startWork(ctx context.Context) (context.Context, context.CancelFunc) {
	if limit, ok := ctx.Value(workTimeKey{}).(time.Duration); ok {
		return context.WithTimeoutCause(ctx, limit, errWorkTime)
	}
	return ctx, func() {}
}

// stop rejects further reads and waits for the running ones.
func (r *readers) stop() {
	close(r.closing)
	for range cap(r.free) {
		<-r.free
	}
}

// close stops and closes the connections.
func (r *readers) close() {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.idle {
		_ = c.close() // they have written nothing
	}
}
