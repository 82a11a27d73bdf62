package mongotest

import (
	"context"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Pool provides databases that earlier tests have used and that are empty again: their collections and indexes, which
// take a server most of the time that it needs for a test, are still there. Tests that change these need [Database]. It
// is safe for concurrent use.
type Pool struct {
	mu   sync.Mutex
	free []string // URLs, in the order in which they were given back
}

// Database returns the URL of a database without documents. It is given back after the test, or dropped if that failed.
func (p *Pool) Database(tb testing.TB) string {
	tb.Helper()
	at := p.take()
	used := at != ""
	if !used {
		at = newDatabase(tb)
	}
	tb.Cleanup(func() {
		if !tb.Failed() {
			p.giveBack(at)
			return
		}
		if err := with(at, drop); err != nil {
			tb.Error(err)
		}
	})
	if used {
		if err := with(at, empty); err != nil {
			tb.Fatal(err)
		}
	}
	return at
}

// take returns the database that was given back first, so that what a killed process has sent has long been done, or ""
// if there is none.
func (p *Pool) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return ""
	}
	at := p.free[0]
	p.free = p.free[1:]
	return at
}

func (p *Pool) giveBack(at string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, at)
}

// Drop drops the databases that nobody uses.
func (p *Pool) Drop() error {
	for at := p.take(); at != ""; at = p.take() {
		if err := with(at, drop); err != nil {
			return err
		}
	}
	return nil
}

// empty deletes all documents.
func empty(ctx context.Context, db *mongo.Database) error {
	names, err := db.ListCollectionNames(ctx, bson.D{})
	for _, name := range names {
		if err == nil {
			_, err = db.Collection(name).DeleteMany(ctx, bson.D{})
		}
	}
	return err
}
