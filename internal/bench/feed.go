package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"game-session-manager/client"
)

// The operations of the feed: a change, and from when it was asked for until a follower knows it.
const (
	changeSession = "change session"
	hearChange    = "follower hears"
)

const (
	// feedTimeout is how long after the load followers may take to hear of the last change.
	feedTimeout = 15 * time.Second
	// settleTimeout is how long a change is waited for before it counts with what it took until then.
	settleTimeout = 5 * time.Second
)

// channel is a session that one client changes and some follow.
type channel struct {
	document
	mu      sync.Mutex
	sent    map[int64]time.Time // when the change that makes a version was asked for
	version int64               // as far as the one who changes it knows
	heard   []*follower
}

// follower is one who follows a channel, and what it heard.
type follower struct {
	mu     sync.Mutex
	next   int64         // the version that must come next
	news   chan struct{} // closed when something was heard
	err    error
	closed bool // nothing comes any more
}

// prepareFeed has each client change a session of its own.
func prepareFeed(ctx context.Context, b *bench) (workload, error) {
	sessions, err := b.newSessions(ctx, b.Clients, func(int) string { return b.sessionBody(usualSeats, "") })
	if err != nil {
		return workload{}, err
	}
	sdk, err := b.sdk()
	if err != nil {
		return workload{}, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	channels := make([]*channel, len(sessions))
	var all sync.WaitGroup
	for i, d := range sessions {
		c := &channel{document: d, sent: map[int64]time.Time{}, version: d.Version}
		channels[i] = c
		for range b.Followers {
			f := &follower{next: 1, news: make(chan struct{})}
			c.heard = append(c.heard, f)
			all.Go(func() { b.follow(following, sdk, c, f) })
		}
	}
	w := workload{
		visit:  func(v *visit) { v.change(channels[v.client]) },
		check:  func(ctx context.Context) { b.checkFeeds(ctx, channels) },
		settle: func(ctx context.Context) { b.settleFeeds(ctx, channels) },
		close:  func() { stop(); all.Wait() },
	}
	for _, c := range channels { // so that no connection is made during the load
		for _, f := range c.heard {
			if err := f.await(ctx, c.document.Version, feedTimeout); err != nil {
				return w, fmt.Errorf("following a session: %w", err)
			}
		}
	}
	return w, nil
}

// sdk returns the Go SDK, which opens a stream again if it ends. Its cost is small beside that of a stream.
func (b *bench) sdk() (*client.Client, error) {
	streams := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: b.Clients * b.Followers,
	}}
	options := []client.Option{client.WithRetries(0), client.WithHTTPClient(streams)}
	if b.Token != "" && b.Against != "" {
		options = append(options, client.WithToken(b.Token))
	}
	return client.New(b.api.base.String(), options...)
}

// follow hears of all versions, each once and in order.
func (b *bench) follow(ctx context.Context, sdk *client.Client, c *channel, f *follower) {
	for e, err := range sdk.Sessions.Follow(ctx, client.SessionID(c.ID), client.FirstEvent) {
		if err != nil {
			f.end(err)
			return
		}
		c.mu.Lock()
		sent, known := c.sent[e.Version]
		c.mu.Unlock()
		if known {
			b.recorded.event(hearChange, sent)
		}
		f.hear(b.found, c.ID, e.Version)
	}
	f.end(errors.New("the stream has ended, although the session lives"))
}

// hear takes note of a version.
func (f *follower) hear(found *findings, session string, version int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !found.right(version == f.next) {
		found.wrong("each version comes once and in order", fmt.Sprintf("version %d of %s", f.next, session),
			fmt.Sprintf("version %d", version))
	}
	f.next = version + 1
	close(f.news)
	f.news = make(chan struct{})
}

func (f *follower) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.closed = err, true
	close(f.news)
	f.news = make(chan struct{})
}

// await waits until the follower has heard of a version.
func (f *follower) await(ctx context.Context, version int64, atMost time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	for {
		f.mu.Lock()
		next, news, err, closed := f.next, f.news, f.err, f.closed
		f.mu.Unlock()
		switch {
		case next > version:
			return nil
		case closed:
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("version %d has not come within %v; the last was %d", version, atMost, next-1)
		}
	}
}

// change changes the session of a client, which nobody else does.
func (v *visit) change(c *channel) {
	sent := v.intended
	c.mu.Lock()
	c.sent[c.version+1] = sent
	delete(c.sent, c.version-changesKept)
	c.mu.Unlock()
	r := v.call(changeSession, patch("/sessions/"+c.ID, fmt.Sprintf(`{"attributes":{"write":%d}}`, v.n)))
	var d document
	switch {
	case r.ok() && r.into(&d) == nil:
		v.found.check(d.Version > c.version, "versions grow", fmt.Sprint("more than ", c.version),
			fmt.Sprint("version ", d.Version))
	case r.unknown: // it may have made a version
		if got, found := v.look(v.ctx, "/sessions/"+c.ID); found {
			d = got
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = max(c.version, d.Version)
}

// changesKept is how many versions a follower may be behind and still be measured.
const changesKept = 10_000

// settleFeeds waits for the followers. What they have not heard then counts as if they heard it now: to leave out what
// is late would have the latencies look better than they are.
func (b *bench) settleFeeds(ctx context.Context, channels []*channel) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	unheard := 0
	for _, c := range channels {
		for _, f := range c.heard {
			if f.await(ctx, c.version, settleTimeout) != nil {
				unheard += b.countUnheard(c, f)
			}
		}
	}
	if unheard > 0 {
		b.warn("%d times a follower had not heard of a change %v after the load: those count with the time until then",
			unheard, settleTimeout)
	}
}

// countUnheard records the changes that a follower has not heard of, and returns how many there are.
func (b *bench) countUnheard(c *channel, f *follower) (unheard int) {
	f.mu.Lock()
	next := f.next
	f.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; next <= c.version; next++ {
		if sent, known := c.sent[next]; known {
			b.recorded.event(hearChange, sent)
			unheard++
		}
	}
	return unheard
}

// checkFeeds waits until all followers have heard of all versions.
func (b *bench) checkFeeds(ctx context.Context, channels []*channel) {
	for _, c := range channels {
		for n, f := range c.heard {
			b.found.checked.Add(1)
			if err := f.await(ctx, c.version, feedTimeout); err != nil {
				b.found.wrong("each follower hears of each change",
					fmt.Sprintf("follower %d of %s hears of version %d", n, c.ID, c.version), err.Error())
			}
		}
	}
}
