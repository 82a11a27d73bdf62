package game

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Pauses between tries of a change that lost a race against another process. They grow and are random, so that the
// racers spread out; a fixed number of quick tries gives wrong answers under contention.
const (
	firstPause = 2 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// Condition is what must be true of a document for a change to be made; its error is the answer if it is not. Nil asks
// for nothing.
type Condition[D any] func(D) error

// mutation is how one document is read, changed and replaced.
type mutation[D any] struct {
	read    func(context.Context) (D, error)
	clone   func(D) D
	apply   func(*D) (changed bool, err error) // on a clone; also sets the version and the time
	replace func(ctx context.Context, old, next D) error
}

// change applies a mutation and answers the document as the mutation left it. It is the one retry loop of the program:
// it ends when the change is made, is refused, has nothing to do, or when ctx ends.
func change[D any](ctx context.Context, t *turns, key string, m mutation[D]) (D, error) {
	var none D
	release, err := t.take(ctx, key)
	if err != nil {
		return none, Unanswered(OutcomeNone, err)
	}
	defer release()

	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		old, err := m.read(ctx)
		if err != nil {
			return none, beforeWrite(err)
		}
		next := m.clone(old)
		changed, err := m.apply(&next)
		if err != nil {
			return none, err
		}
		if !changed {
			return old, nil
		}
		if err = m.replace(ctx, old, next); err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrStale) {
			return none, err
		}
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // spreads racers, keeps no secret
			return none, Unanswered(OutcomeNone, err)
		}
	}
}

// beforeWrite is the error of a read that comes before a write: nothing has happened.
func beforeWrite(err error) error {
	if KindOf(err) == Unavailable {
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

// turns lets changes of one document follow each other inside a process, so that conflicts arise between processes only.
type turns struct {
	mu    sync.Mutex
	queue map[string]*turn
}

type turn struct {
	token   chan struct{} // holds one token while nobody has the turn
	waiting int           // how many have or want the turn
}

func newTurns() *turns { return &turns{queue: make(map[string]*turn)} }

// take waits for the key's turn and returns what ends it.
func (t *turns) take(ctx context.Context, key string) (release func(), err error) {
	t.mu.Lock()
	q := t.queue[key]
	if q == nil {
		q = &turn{token: make(chan struct{}, 1)}
		q.token <- struct{}{}
		t.queue[key] = q
	}
	q.waiting++
	t.mu.Unlock()

	select {
	case <-q.token:
		return func() {
			q.token <- struct{}{}
			t.forget(key, q)
		}, nil
	case <-ctx.Done():
		t.forget(key, q)
		return nil, context.Cause(ctx)
	}
}

func (t *turns) forget(key string, q *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.waiting--; q.waiting == 0 {
		delete(t.queue, key)
	}
}
