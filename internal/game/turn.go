package game

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Times of turns that processes take. They are measured by the clock of each process alone, so that clocks need not
// agree.
const (
	// turnTerm is how long a process has a turn. What it does with the turn must end by then.
	turnTerm = 3 * time.Second
	// turnTenure is for how long a process passes a turn on among its own requests, before it lets others have it.
	turnTenure = time.Second
	// turnLost is how long a turn must stay as it is until others take it from a process that seems to be gone.
	turnLost = 4 * time.Second
	// turnPoll is the maximum pause between two looks at the turn of another process.
	turnPoll = 50 * time.Millisecond
)

// errTurnOver is the cause of the end of a context whose turn is over.
var errTurnOver = errors.New("the turn of this process is over")

// turns let requests do one after the other what they must not do at the same time. Requests of one process queue in
// memory. For what several processes must not do at the same time, the process of the queue's first request also takes
// a lease in the store, which it keeps for the next in the queue.
type turns struct {
	rules rules

	mu     sync.Mutex
	queues map[string]*turnQueue
}

// turnQueue are the requests for one turn. It exists while one of them has it.
type turnQueue struct {
	waiting []*turn
	busy    int // requests that have the turn, or that were offered a session by the one that has it

	// These are for the request that has the turn.
	lease TaskLease // of this process; without a holder if it has none
	since time.Time // when the lease was taken

	seen      TaskLease // of another process
	seenSince time.Time // when it was first seen
}

// turn is a request in a queue.
type turn struct {
	of    *turns
	name  string
	queue *turnQueue
	// Sessions are offered to requests with the same key, if they have as many free seats.
	key   string
	seats int
	// ready gets "" when the request has the turn, or a session that whoever has the turn offers.
	ready chan SessionID
	has   bool // the turn, or an offer
}

func newTurns(r rules) *turns { return &turns{rules: r, queues: make(map[string]*turnQueue)} }

// take waits for the turn of a name, or for the offer of a session. It returns ErrOverloaded if ctx ends before.
// Otherwise the caller calls leave when it is done.
func (t *turns) take(ctx context.Context, name, key string, seats int) (*turn, SessionID, error) {
	mine := &turn{of: t, name: name, key: key, seats: seats, ready: make(chan SessionID, 1)}
	t.mu.Lock()
	if mine.queue = t.queues[name]; mine.queue == nil {
		mine.queue, mine.has = &turnQueue{busy: 1}, true
		t.queues[name] = mine.queue
		t.mu.Unlock()
		return mine, "", nil
	}
	mine.queue.waiting = append(mine.queue.waiting, mine)
	t.mu.Unlock()
	offer, err := mine.await(ctx)
	return mine, offer, err
}

// again waits for the turn, before all others that wait, after an offer that was of no use.
func (m *turn) again(ctx context.Context) error {
	m.of.mu.Lock()
	m.queue.waiting = slices.Insert(m.queue.waiting, 0, m)
	m.of.mu.Unlock()
	m.leave(ctx)
	for {
		offer, err := m.await(ctx)
		if err != nil || offer == "" {
			return err
		}
		// Another offer: what it is about will be found with the turn, too.
		m.of.mu.Lock()
		m.queue.waiting = slices.Insert(m.queue.waiting, 0, m)
		m.of.mu.Unlock()
		m.leave(ctx)
	}
}

func (m *turn) await(ctx context.Context) (SessionID, error) {
	select {
	case offer := <-m.ready:
		m.has = true
		return offer, nil
	case <-ctx.Done():
	}
	m.of.mu.Lock()
	i := slices.Index(m.queue.waiting, m)
	if i >= 0 {
		m.queue.waiting = slices.Delete(m.queue.waiting, i, i+1)
	}
	m.of.mu.Unlock()
	if i < 0 { // it got its turn at the same moment
		m.has = true
		m.leave(ctx)
	}
	return "", Overloaded(context.Cause(ctx))
}

// offer lets others who wait with the same key take seats of a session before the turn goes on, as many as there are.
func (m *turn) offer(id SessionID, seats int) {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	m.queue.waiting = slices.DeleteFunc(m.queue.waiting, func(other *turn) bool {
		if other.key != m.key || other.seats > seats {
			return false
		}
		seats -= other.seats
		m.queue.busy++
		other.ready <- id
		return true
	})
}

// leave ends the turn or the use of an offer, if the request has one. The last who leaves passes the turn on, or gives
// back the lease.
func (m *turn) leave(ctx context.Context) {
	if !m.has {
		return
	}
	m.has = false
	t, q := m.of, m.queue
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.busy--; q.busy > 0 {
		return
	}
	q.busy = 1 // the next, or this one while it gives back the lease
	if len(q.waiting) == 0 && q.lease.Holder != "" {
		t.mu.Unlock()
		q.giveBack(ctx, t)
		t.mu.Lock()
	}
	if len(q.waiting) == 0 {
		delete(t.queues, m.name)
		return
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	next.ready <- ""
}

// alone waits until no other process has the turn that the request has in this one. It returns a context that ends when
// the turn may be taken from this process, or ErrOverloaded if ctx ends before.
func (m *turn) alone(ctx context.Context) (context.Context, context.CancelFunc, error) {
	t, q := m.of, m.queue
	pause := firstPause
	if q.lease.Holder != "" && t.rules.clock().Sub(q.since) >= turnTenure {
		q.giveBack(ctx, t)
		pause = 2 * turnPoll // others who wait look at least once before this process does again
		if err := Sleep(ctx, pause); err != nil {
			return nil, nil, Overloaded(err)
		}
	}
	for q.lease.Holder == "" {
		taken, err := q.tryTake(ctx, t, m.name)
		if err != nil {
			return nil, nil, err
		}
		if taken {
			break
		}
		if err := Sleep(ctx, pause/2+rand.N(pause/2)); err != nil { //nolint:gosec // a random pause is no secret
			return nil, nil, Overloaded(err)
		}
		pause = min(2*pause, turnPoll)
	}
	left := turnTerm - t.rules.clock().Sub(q.since)
	limited, cancel := context.WithTimeoutCause(ctx, left, errTurnOver)
	return limited, cancel, nil
}

// tryTake takes the lease if it is free or lost, and reports whether this process has it now.
func (q *turnQueue) tryTake(ctx context.Context, t *turns, name string) (bool, error) {
	began := t.rules.clock()
	stored, err := t.rules.store.TaskLease(ctx, name)
	if err != nil {
		return false, beforeWrite(err)
	}
	if stored.Holder != "" {
		if stored != q.seen {
			q.seen, q.seenSince = stored, t.rules.clock()
		}
		if t.rules.clock().Sub(q.seenSince) < turnLost {
			return false, nil
		}
	}
	next := TaskLease{
		Name: name, Holder: t.rules.newID(), Generation: stored.Generation + 1, Until: t.rules.now().Add(turnTerm),
	}
	switch err := t.rules.store.PutTaskLease(ctx, stored, next); {
	case errors.Is(err, ErrStale):
		return false, nil
	case err != nil:
		return false, beforeWrite(err)
	}
	q.lease, q.since = next, began
	return true, nil
}

// giveBack lets other processes have the turn at once. Without it they wait until it is lost.
func (q *turnQueue) giveBack(ctx context.Context, t *turns) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), turnTerm)
	defer cancel()
	// If it fails, the lease is lost.
	_ = t.rules.store.PutTaskLease(ctx, q.lease, q.lease.GiveBack(t.rules.now()))
	q.lease = TaskLease{}
}
