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

// pool counts connections by what the driver tells of them.
type pool struct {
	limit   uint64 // for each server
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
		case event.ConnectionClosed: // also of those that never became ready
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

// Pool returns how many connections there are.
func (s *Store) Pool() game.Pool {
	s.pool.mu.Lock()
	open := int64(len(s.pool.ready))
	s.pool.mu.Unlock()
	inUse := s.pool.inUse.Load()
	return game.Pool{InUse: inUse, Idle: max(0, open-inUse), Waiting: s.pool.waiting.Load()}
}

// commandMonitor tells the sender of a command that it was sent, and the function of how it ended.
func commandMonitor(onCommand func(context.Context, game.Command)) *event.CommandMonitor {
	if onCommand == nil {
		return &event.CommandMonitor{Started: func(ctx context.Context, _ *event.CommandStartedEvent) { markSent(ctx) }}
	}
	var collections sync.Map // by request, from its start to its end
	ended := func(ctx context.Context, e event.CommandFinishedEvent, failure string) {
		name, _ := collections.LoadAndDelete(e.RequestID)
		collection, _ := name.(string)
		onCommand(ctx, game.Command{Name: e.CommandName, Collection: collection, Took: e.Duration, Failure: failure})
	}
	return &event.CommandMonitor{
		Started: func(ctx context.Context, e *event.CommandStartedEvent) {
			markSent(ctx)
			collections.Store(e.RequestID, collectionOf(e))
		},
		Succeeded: func(ctx context.Context, e *event.CommandSucceededEvent) { ended(ctx, e.CommandFinishedEvent, "") },
		Failed: func(ctx context.Context, e *event.CommandFailedEvent) {
			ended(ctx, e.CommandFinishedEvent, failureLabel(e.Failure))
		},
	}
}

func markSent(ctx context.Context) {
	if sent, ok := ctx.Value(sentKey{}).(*bool); ok {
		*sent = true
	}
}

// collectionOf returns the collection that a command is about.
func collectionOf(e *event.CommandStartedEvent) string {
	for _, field := range []string{e.CommandName, "collection"} { // the command's first field, unless it is getMore
		if name, ok := e.Command.Lookup(field).StringValueOK(); ok {
			return name
		}
	}
	return ""
}

// failureLabel names how a command failed, from a short list: by the server's code, or by what kept its answer away.
func failureLabel(err error) string {
	answered := driver.Error{} // the monitor sees it before the driver makes its public errors of it
	switch errors.As(err, &answered); {
	case mongo.IsTimeout(err), errors.Is(err, context.Canceled), answered.Code == codeTimeLimit:
		return "timeout"
	case answered.Code != 0:
		return strconv.Itoa(int(answered.Code))
	case answered.NetworkError(), mongo.IsNetworkError(err):
		return "network"
	}
	return "other"
}
