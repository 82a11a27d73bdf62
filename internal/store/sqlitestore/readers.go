package sqlitestore

import (
	"context"
	"database/sql/driver"
	"sync"
)

// readers is a pool of connections that only read. The one used last is used next, because its cache is warm.
type readers struct {
	free    chan struct{} // a token for each idle connection
	closing chan struct{}
	once    sync.Once

	mu   sync.Mutex
	idle []*conn
}

func newReaders(conns []*conn) *readers {
	r := &readers{free: make(chan struct{}, len(conns)), closing: make(chan struct{}), idle: conns}
	for range conns {
		r.free <- struct{}{}
	}
	return r
}

// take waits for a connection. Whoever takes it must give it back.
func (r *readers) take(ctx context.Context) (*conn, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	select {
	case <-r.closing:
		return nil, errClosed
	default:
	}
	select {
	case <-r.free:
	default:
		select {
		case <-r.free:
		case <-ctx.Done():
			return nil, ended(ctx)
		case <-r.closing:
			return nil, errClosed
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	c := r.idle[last]
	r.idle = r.idle[:last]
	return c, nil
}

func (r *readers) give(c *conn) {
	r.mu.Lock()
	r.idle = append(r.idle, c)
	r.mu.Unlock()
	r.free <- struct{}{}
}

// row returns the first column of the first row of a statement that ends at once.
func (r *readers) row(ctx context.Context, sql string, args ...any) (driver.Value, error) {
	c, err := r.take(ctx)
	if err != nil {
		return nil, err
	}
	defer r.give(c)
	return c.row(sql, args...)
}

// rows calls the function with every row.
func (r *readers) rows(ctx context.Context, sql string, args []any, row func([]driver.Value) error) error {
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.give(c)
	if err := c.rows(ctx, sql, args, row); err != nil {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		return err
	}
	return nil
}

// close waits for reads under way and closes the connections.
func (r *readers) close() {
	r.once.Do(func() {
		close(r.closing)
		for range cap(r.free) {
			<-r.free
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.idle {
			_ = c.close() // they have written nothing
		}
	})
}
