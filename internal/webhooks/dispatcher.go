package webhooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/report"
)

const (
	// together is how many messages are sent to one receiver at once, and togetherFailing if it does not work.
	together, togetherFailing = 8, 2
	// allTogether is how many messages are sent at once.
	allTogether = 256
	// passTime is how long a pass begins new messages. Those that it does not come to are sent by the next pass.
	passTime = 5 * time.Second
	// workTime is how long one worker begins new passes, after which another process may have the task.
	workTime = 10 * time.Second
	// storeTime is how long storing what was done may take, even at the end of the process.
	storeTime = 5 * time.Second
	// pageSize is how many events of the feed are dealt with in a pass, dueSize how many subjects with events that are
	// sent again, and followSize how many events of one of these.
	pageSize, dueSize, followSize = game.MaxLimit, 50, 20
)

// Options configure a Dispatcher. All are required unless stated otherwise.
type Options struct {
	Webhooks *game.Webhooks
	Store    game.EventStore
	Now      func() time.Time
	Random   func() float64 // in [0,1); nil uses math/rand
	Observer Observer
}

// Observer is told what the dispatcher does. Its methods are safe for concurrent use.
type Observer interface {
	// Attempted is called after each attempt to send an event, with the time since the event.
	Attempted(a game.WebhookAttempt, since time.Duration, first bool)
	// Disabled is called when a webhook was disabled.
	Disabled(w game.WebhookID, reason game.WebhookReason)
	// Looked is called with the webhooks that are enabled.
	Looked(all []game.Webhook)
}

// Dispatcher sends events. One process at a time should: see [Dispatcher.Run].
type Dispatcher struct {
	Options
	ctx  context.Context // of the workers, which outlive a run
	stop context.CancelFunc
	room chan struct{}

	mu      sync.Mutex
	busy    map[game.WebhookID]bool
	known   known // its feeds are for Run alone
	failure error // of workers since the last run
	workers sync.WaitGroup
}

// New returns a dispatcher. The caller must close it.
func New(o Options) *Dispatcher {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Dispatcher{
		Options: o, ctx: ctx, stop: stop, room: make(chan struct{}, allTogether), busy: map[game.WebhookID]bool{},
		known: newKnown(),
	}
}

// Close stops the deliveries and waits until what was done is stored.
func (d *Dispatcher) Close() {
	d.stop()
	d.workers.Wait()
}

// Run starts a worker for each webhook that has something to be sent and no worker. It does not wait for them, so that
// a receiver that hangs does not hold up others, and returns the errors of workers since the last run.
//
// What others do to webhooks it finds out within about a second.
//
// It is a task under a lease, of which one run is under way at a time. A worker may outlive the lease by half a
// minute. If another process sends the same meanwhile, receivers get messages twice, but only one of both can store
// what it did.
func (d *Dispatcher) Run(ctx context.Context) error {
	failures := d.look(ctx)
	d.mu.Lock()
	all, unreadable := d.known.enabled()
	d.mu.Unlock()
	d.Observer.Looked(all)
	failures = errors.Join(failures, unreadable)
	ends := map[game.ProjectID]int64{}
	now := d.Now()
	for i := range all {
		w := &all[i]
		if _, looked := ends[w.Project]; !looked {
			end, err := d.endOf(ctx, w.Project) // an error does not hold up other projects
			failures = errors.Join(failures, err)
			ends[w.Project] = end
		}
		d.start(w.ID, ends[w.Project], now)
	}
	maps.DeleteFunc(d.known.ends, func(p game.ProjectID, _ *feedEnd) bool {
		_, looked := ends[p]
		return !looked
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	failures, d.failure = errors.Join(failures, d.failure), nil
	return failures
}

// start starts a worker for a webhook that has something to be sent, given the end of the feed, unless it has a worker.
// It judges by what is known now: a worker may have just ended.
func (d *Dispatcher) start(id game.WebhookID, end int64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w, is := d.known.all[id]
	if !is || w.Disabled || d.busy[id] || d.ctx.Err() != nil {
		return
	}
	if p := &w.Progress; (!p.HasRoom() || p.Position >= end) && len(p.Due(now, 1)) == 0 {
		return
	}
	d.busy[w.ID] = true
	d.workers.Go(func() {
		left := w
		err := recovered(func() (err error) {
			left, err = d.work(d.ctx, w)
			return err
		})
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.busy, w.ID)
		d.known.learn(w.ID, left, err)
		// Another process has delivered, or an admin has changed or deleted the webhook: the next run reads it again.
		harmless := errors.Is(err, game.ErrStale) || errors.Is(err, game.ErrWebhookNotFound) || d.ctx.Err() != nil
		if err != nil && !harmless {
			d.failure = errors.Join(d.failure, fmt.Errorf("webhook %s: %w", w.ID, err))
		}
	})
}

// recovered calls a function and returns a panic as an error, because a broken webhook must not end the service.
func recovered(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = report.Caught(cause)
		}
	}()
	return f()
}

// work makes passes over a webhook until there is nothing to do, or for a while, and returns it as it is then.
func (d *Dispatcher) work(ctx context.Context, w game.Webhook) (game.Webhook, error) {
	// By old settings, events would be passed over that an admin has just asked for.
	w, err := d.Webhooks.Marked(ctx, w.Mark())
	if err != nil || w.Disabled {
		return w, err
	}
	for begin := time.Now(); time.Since(begin) < workTime && ctx.Err() == nil; {
		p, err := newPass(ctx, d, w)
		if err != nil {
			return w, err
		}
		more, err := p.run(ctx)
		if p.Changed() {
			store, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
			next, reason, failure := d.Webhooks.Store(store, p.Pass)
			cancel()
			if reason != "" && failure == nil {
				d.Observer.Disabled(w.ID, reason)
			}
			err = errors.Join(err, failure)
			w = next
		}
		if err != nil || !more || w.Disabled {
			return w, err
		}
	}
	return w, nil
}
