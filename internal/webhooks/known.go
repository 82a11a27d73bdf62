package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"game-session-manager/internal/game"
)

const (
	// lookEvery is how often the dispatcher looks for webhooks that others have changed, created or deleted.
	lookEvery = time.Second
	// readTogether is how many webhooks are read at once.
	readTogether = 8
	// A feed in which nothing has happened for quietAfter is looked at less often, each quietEvery.
	quietAfter, quietEvery = 10 * time.Second, time.Second
)

// known is what the dispatcher knows of the webhooks and of the feeds of their projects, so that it reads only what has
// changed. A webhook that is busy belongs to its worker: what is known of it is of before.
type known struct {
	looked time.Time // zero to look at once
	all    map[game.WebhookID]game.Webhook
	// unreadable are those that cannot be read: they are tried again each time.
	unreadable map[game.WebhookID]error
	ends       map[game.ProjectID]*feedEnd
}

// feedEnd is the end of the feed of a project, as it was looked at.
type feedEnd struct {
	seq           int64
	looked, moved time.Time
}

func newKnown() known {
	return known{
		all: map[game.WebhookID]game.Webhook{}, unreadable: map[game.WebhookID]error{},
		ends: map[game.ProjectID]*feedEnd{},
	}
}

// look reads the webhooks that have changed since the last look, unless that was just now. One that cannot be read does
// not hold up the others.
func (d *Dispatcher) look(ctx context.Context) error {
	d.mu.Lock()
	due := d.known.looked.IsZero() || time.Since(d.known.looked) >= lookEvery
	busy := map[game.WebhookID]bool{} // from before the read on, so that a worker that ends meanwhile knows better
	for id := range d.busy {
		busy[id] = true
	}
	d.mu.Unlock()
	if !due {
		return nil
	}
	begin := time.Now()
	marks, err := d.Webhooks.Marks(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	changed := d.known.changed(marks, busy)
	d.known.looked = begin
	d.mu.Unlock()
	g := new(errgroup.Group)
	g.SetLimit(readTogether)
	for _, m := range changed {
		g.Go(func() error { return d.readAgain(ctx, m) })
	}
	return g.Wait() //nolint:wrapcheck // of readAgain
}

// changed forgets the webhooks that have no mark any more, and returns the marks of those that are to be read.
func (k *known) changed(marks []game.WebhookMark, busy map[game.WebhookID]bool) []game.WebhookMark {
	there := make(map[game.WebhookID]bool, len(marks))
	var changed []game.WebhookMark
	for _, m := range marks {
		there[m.ID] = true
		if w, is := k.all[m.ID]; !busy[m.ID] && (!is || w.Mark() != m) {
			changed = append(changed, m)
		}
	}
	for id := range k.all {
		if !there[id] && !busy[id] {
			delete(k.all, id)
		}
	}
	for id := range k.unreadable {
		if !there[id] {
			delete(k.unreadable, id)
		}
	}
	return changed
}

// readAgain reads a webhook. It returns an error that is not about this one.
func (d *Dispatcher) readAgain(ctx context.Context, m game.WebhookMark) error {
	w, err := d.Webhooks.Marked(ctx, m)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known.all, m.ID)
	delete(d.known.unreadable, m.ID)
	switch {
	case err == nil:
		d.known.all[m.ID] = w
	case errors.Is(err, game.ErrWebhookNotFound): // deleted meanwhile
	case errors.Is(err, game.ErrUnreadable):
		d.known.unreadable[m.ID] = err
	default:
		d.known.looked = time.Time{}
		return fmt.Errorf("webhook %s: %w", m.ID, err)
	}
	return nil
}

// learn notes a webhook as a worker left it. After an error it is to be read again.
func (k *known) learn(id game.WebhookID, w game.Webhook, err error) {
	if err == nil && w.ID == id {
		k.all[id] = w
		return
	}
	delete(k.all, id)
	k.looked = time.Time{}
}

// enabled returns the webhooks that are not disabled, and the errors of those that cannot be read.
func (k *known) enabled() (all []game.Webhook, unreadable error) {
	for _, w := range k.all {
		if !w.Disabled {
			all = append(all, w)
		}
	}
	for id, err := range k.unreadable {
		unreadable = errors.Join(unreadable, fmt.Errorf("webhook %s: %w", id, err))
	}
	return all, unreadable
}

// endOf returns the last place in the feed of a project.
func (d *Dispatcher) endOf(ctx context.Context, p game.ProjectID) (int64, error) {
	now := time.Now()
	end := d.known.ends[p]
	if end == nil {
		end = &feedEnd{moved: now}
		d.known.ends[p] = end
	}
	if now.Sub(end.moved) >= quietAfter && now.Sub(end.looked) < quietEvery {
		return end.seq, nil
	}
	last, err := d.Store.Feed(ctx, game.FeedQuery{Project: p, Newest: true, Limit: 1})
	if err != nil {
		return end.seq, err
	}
	end.looked = now
	var seq int64 // 0 if all events are past their retention
	if len(last) > 0 {
		seq = last[0].Seq
	}
	if seq != end.seq {
		end.seq, end.moved = seq, now
	}
	return end.seq, nil
}
