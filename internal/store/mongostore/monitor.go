package mongostore

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"game-session-manager/internal/game"
)

// pool counts connections by the events of the driver.
type pool struct {
	limit   uint64 // connections for each server
	inUse   atomic.Int64
	waiting atomic.Int64

	mu    sync.Mutex
	ready map[connectionID]struct{}
}

type connectionID struct {
	address string
	id      int64
}

func newPool() *pool { return &pool{ready: make(map[connectionID]struct{})} }

func (p *pool) monitor() *event.PoolMonitor {
	return &event.PoolMonitor{Event: func(e *event.PoolEvent) {
		switch e.Type {
		case event.ConnectionReady:
			p.mu.Lock()
			p.ready[connectionID{e.Address, e.ConnectionID}] = struct{}{}
			p.mu.Unlock()
		case event.ConnectionClosed: // also for connections that never became ready
			p.mu.Lock()
			delete(p.ready, connectionID{e.Address, e.ConnectionID})
			p.mu.Unlock()
		case event.ConnectionCheckOutStarted:
			p.waiting.Add(1)
		case event.ConnectionCheckOutFailed:
			p.waiting.Add(-1)
		case event.ConnectionCheckedOut:
			p.waiting.Add(-1)
			p.inUse.Add(1)
		case event.ConnectionCheckedIn:
			p.inUse.Add(-1)
		}
	}}
}

// Pool returns the state of the connection pool.
func (s *Store) Pool() game.Pool {
	s.pool.mu.Lock()
	open := int64(len(s.pool.ready))
	s.pool.mu.Unlock()
	inUse := s.pool.inUse.Load()
	return game.Pool{InUse: inUse, Idle: max(0, open-inUse), Waiting: s.pool.waiting.Load()}
}

// commandMonitor records in the context's call that a command was sent, and calls onCommand when it has ended.
func commandMonitor(onCommand func(context.Context, game.Command)) *event.CommandMonitor {
	if onCommand == nil {
		return &event.CommandMonitor{
			Started: func(ctx context.Context, _ *event.CommandStartedEvent) { callOf(ctx).sent = true },
		}
	}
	ended := func(ctx context.Context, e event.CommandFinishedEvent, failure string) {
		onCommand(ctx, game.Command{
			Name: e.CommandName, Collection: callOf(ctx).collection, Took: e.Duration, Failure: failure,
		})
	}
	return &event.CommandMonitor{
		Started: func(ctx context.Context, e *event.CommandStartedEvent) {
			c := callOf(ctx)
			c.sent, c.collection = true, collectionOf(e)
		},
		Succeeded: func(ctx context.Context, e *event.CommandSucceededEvent) { ended(ctx, e.CommandFinishedEvent, "") },
		Failed: func(ctx context.Context, e *event.CommandFailedEvent) {
			ended(ctx, e.CommandFinishedEvent, failureLabel(e.Failure))
		},
	}
}

// call is what the monitor records of the last command of a call. A call sends one command at a time.
type call struct {
	sent       bool
	collection string
}

// callKey is the context key of a call.
type callKey struct{}

func withCall(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, new(call))
}

// callOf returns the call of the context, or a new one for commands that the driver sends by itself.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return new(call)
}

// collectionOf returns the collection that a command is about, or "".
func collectionOf(e *event.CommandStartedEvent) string {
	for _, field := range []string{e.CommandName, "collection"} { // getMore has the name in another field
		if name, ok := e.Command.Lookup(field).StringValueOK(); ok {
			return name
		}
	}
	return ""
}

// failureLabel returns a label, from a bounded set, for the failure of a command: the code of the server's error,
// timeout, network or other.
func failureLabel(err error) string {
	replied := driver.Error{} // the monitor gets the driver's internal errors
	switch errors.As(err, &replied); {
	case mongo.IsTimeout(err), errors.Is(err, context.Canceled), replied.Code == codeTimeLimit:
		return "timeout"
	case replied.Code != 0:
		return strconv.Itoa(int(replied.Code))
	case replied.NetworkError(), mongo.IsNetworkError(err):
		return "network"
	}
	return "other"
}
