package webhooks

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
)

// pass is one pass over what a webhook is to be sent. The events of one subject are sent one after the other, and those
// of different subjects at the same time.
type pass struct {
	*Dispatcher
	*game.Pass
	webhook game.Webhook
	end     time.Time // when no new messages are begun

	mu sync.Mutex // of Pass, and unreadable
	// unreadable is why events that wait cannot be read. They wait on, and hold up those of their subjects only.
	unreadable error
}

func newPass(ctx context.Context, d *Dispatcher, w game.Webhook) (*pass, error) {
	p, err := d.Webhooks.Begin(ctx, w)
	return &pass{Dispatcher: d, Pass: p, webhook: w, end: time.Now().Add(passTime)}, err
}

// run sends what is due and then what is new, and reports whether there may be more. After an error, what was done
// before it counts.
func (p *pass) run(ctx context.Context) (more bool, err error) {
	due := p.Progress().Due(p.Now(), dueSize)
	g := p.group()
	for _, item := range due {
		g.Go(func() error {
			err := recovered(func() error { return p.follow(ctx, item) })
			if !errors.Is(err, game.ErrUnreadable) {
				return err
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.unreadable = errors.Join(p.unreadable, err)
			p.Postpone(item, p.Now())
			return nil
		})
	}
	if err := g.Wait(); err != nil || p.over(ctx) || !p.Progress().HasRoom() {
		return len(due) == dueSize, errors.Join(err, p.unreadable)
	}
	more, err = p.takeUp(ctx)
	return more, errors.Join(err, p.unreadable)
}

func (p *pass) group() *errgroup.Group {
	g := new(errgroup.Group)
	if p.webhook.Progress.FailingSince != nil {
		g.SetLimit(togetherFailing)
	} else {
		g.SetLimit(together)
	}
	return g
}

// over reports whether no new messages are to be begun.
func (p *pass) over(ctx context.Context) bool { return ctx.Err() != nil || !time.Now().Before(p.end) }

// takeUp sends the next events of the feed, and reports whether there may be more.
func (p *pass) takeUp(ctx context.Context) (more bool, err error) {
	position := p.Progress().Position
	events, err := p.Store.Feed(ctx, game.FeedQuery{Project: p.webhook.Project, After: position, Limit: pageSize})
	if err != nil || len(events) == 0 {
		return false, err
	}
	bySubject := map[game.Subject][]game.Event{}
	var order []game.Subject // of their first events
	for _, e := range events {
		if !p.Wants(&e) || p.Progress().Waits(e.Subject) {
			continue // those of a subject that waits follow the one that waits
		}
		if bySubject[e.Subject] == nil {
			order = append(order, e.Subject)
		}
		bySubject[e.Subject] = append(bySubject[e.Subject], e)
	}
	g := p.group()
	for _, subject := range order {
		g.Go(func() error {
			return recovered(func() error { return p.sendAll(ctx, nil, bySubject[subject]) })
		})
	}
	if err := g.Wait(); err != nil {
		return false, err //nolint:wrapcheck // of sendAll
	}
	p.Reach(events[len(events)-1].Seq)
	return len(events) == pageSize, nil
}

// follow sends an event that waits, and then the ones of its subject that waited for it.
func (p *pass) follow(ctx context.Context, item game.WaitingDelivery) error {
	events, err := p.backlog(ctx, item)
	if err != nil {
		return err
	}
	if len(events) == 0 || events[0].Version != item.Version {
		gone := &game.Event{Subject: item.Subject, Version: item.Version}
		p.settle(item, gone, game.WebhookAttempt{Failure: game.FailedEventGone})
	}
	n := min(len(events), followSize)
	return p.sendAll(ctx, &item, events[:n], events[n:]...)
}

// backlog returns an event that waits, if it is still kept, and those of its subject that waited for it: at most
// followSize, and one more if there are more.
func (p *pass) backlog(ctx context.Context, item game.WaitingDelivery) (events []game.Event, err error) {
	q := game.TimelineQuery{
		Project: p.webhook.Project, Subject: item.Subject, After: item.Version - 1, Oldest: true, Limit: pageSize,
	}
	if item.Alone {
		q.Limit, q.Before = 1, item.Version+1
	}
	for {
		found, err := p.Store.Timeline(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			own := e.Version == item.Version
			switch {
			case !own && (e.Seq == 0 || e.Seq > p.webhook.Progress.Position):
				return events, nil // the feed has it later
			case own || p.Wants(&e):
				events = append(events, e)
			}
			if len(events) > followSize {
				return events, nil
			}
		}
		if item.Alone || len(found) < q.Limit {
			return events, nil
		}
		q.After = found[len(found)-1].Version
	}
}

func waitingOf(e *game.Event) game.WaitingDelivery {
	return game.WaitingDelivery{Subject: e.Subject, Version: e.Version, Seq: e.Seq}
}

// sendAll sends events of one subject, the first of which waits already if first is not nil. It stops at one that
// cannot be delivered, which then waits, as does the rest behind it. If all are delivered, rest waits.
func (p *pass) sendAll(
	ctx context.Context, first *game.WaitingDelivery, events []game.Event, rest ...game.Event,
) error {
	for i := range events {
		e := &events[i]
		item := waitingOf(e)
		if first != nil && first.Version == e.Version {
			item = *first
		}
		delivered, err := p.send(ctx, item, e)
		if err != nil || !delivered {
			return err
		}
	}
	for i := range rest {
		p.keep(waitingOf(&rest[i]), true)
	}
	return nil
}

// send sends an event and reports whether it has been dealt with, so that the next one of the subject may be sent.
func (p *pass) send(ctx context.Context, item game.WaitingDelivery, e *game.Event) (bool, error) {
	if e.Unreadable { // there is nothing to send, now or later
		return p.settle(item, e, game.WebhookAttempt{Failure: game.FailedEventGone}), nil
	}
	if !p.enter(ctx) {
		p.keep(item, item.Attempts == 0)
		return false, nil
	}
	defer func() { <-p.room }()
	a, err := p.Webhooks.SendEvent(ctx, p.Pass, e)
	switch {
	case err != nil:
		p.keep(item, item.Attempts == 0)
		return false, err
	case ctx.Err() != nil && a.Failure != "": // the process ends: it was no attempt
		p.keep(item, item.Attempts == 0)
		return false, nil
	}
	p.Observer.Attempted(a, p.Now().Sub(e.At), item.Attempts == 0)
	return p.settle(item, e, a), nil
}

// enter waits for room to send a message until the end of the pass, and reports whether it may be sent. The caller must
// give the room back.
func (p *pass) enter(ctx context.Context) bool {
	if p.over(ctx) {
		return false
	}
	select {
	case p.room <- struct{}{}:
		return true
	case <-time.After(time.Until(p.end)):
		return false
	case <-ctx.Done():
		return false
	}
}

func (p *pass) settle(item game.WaitingDelivery, e *game.Event, a game.WebhookAttempt) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Settle(item, e, a, p.Now().UTC().Truncate(time.Millisecond), p.Random())
}

// keep makes an event wait, for the next pass if it was not sent yet.
func (p *pass) keep(item game.WaitingDelivery, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.Now().UTC().Truncate(time.Millisecond); fresh {
		item.DueAt, item.LastAt = now, now
	}
	p.Keep(item)
}
