package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"time"

	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
)

const (
	// idleEvery is how often something is sent on a stream without events, so that proxies keep it open and a client
	// that is gone is noticed. The credential is checked as often.
	idleEvery = 15 * time.Second
	// A client that lost its stream waits for a random time in this range before it connects again, so that not all
	// come at the same moment.
	minRetry, maxRetry = 500 * time.Millisecond, 3 * time.Second
	// awaitEvery is how often it is looked whether all streams have ended.
	awaitEvery = 5 * time.Millisecond
	// defaultStreamTimeout bounds how long a message may take to be written if there is no timeout for responses.
	defaultStreamTimeout = 30 * time.Second
)

// StreamObserver is told of event streams. It is called concurrently.
type StreamObserver interface {
	// Opened and Closed are called with the form of a stream, sse, websocket or poll, and the reason of its end.
	Opened(form string)
	Closed(form, reason string)
	// Delivered is called with the time from a change to the moment when its event was written to a client that waited
	// for it.
	Delivered(lag time.Duration)
}

// messenger writes the messages of a stream. Its methods return when the message is written, or
// [os.ErrDeadlineExceeded] or [context.DeadlineExceeded] if the client does not read.
type messenger interface {
	form() streamForm
	// context returns the context of the connection.
	context() context.Context
	// begin tells after how long to connect again if the stream breaks.
	begin(retry time.Duration) error
	send(m *streamMessage) error
	// idle sends something without a meaning.
	idle() error
	// end closes the stream, after its last message if m is not nil.
	end(m *streamMessage)
}

// later is what is still done for a request when its handler and what checks it have returned. A stream waits there,
// because their frames would keep its stack at twice the size.
type later struct{ do func() }

type laterKey struct{}

func withLater(ctx context.Context) context.Context {
	return context.WithValue(ctx, laterKey{}, new(later))
}

// laterFrom returns what withLater has added, or nil.
func laterFrom(ctx context.Context) *later {
	l, _ := ctx.Value(laterKey{}).(*later)
	return l
}

// AwaitStreams waits until all streams have ended, or the context has. The HTTP server does not wait for WebSockets.
func (a *API) AwaitStreams(ctx context.Context) {
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for a.streams.Open() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *API) streamTimeout() time.Duration {
	if a.Limits.WriteTimeout > 0 {
		return a.Limits.WriteTimeout
	}
	return defaultStreamTimeout
}

// stream sends a subscription until it ends.
func (a *API) stream(r *http.Request, s *subscription, to messenger) {
	why := a.counted(r, s, to)
	switch why {
	case endLeft, endSlow:
		to.end(nil)
	default:
		m := &streamMessage{Type: "end", Position: s.position(s.sent), Reason: why}
		if why != endReason(game.FollowSessionEnded) && why != endReason(game.FollowRemoved) {
			m.Retry = retryTime().Milliseconds()
		}
		to.end(m)
	}
}

// counted sends messages and returns why there are no more, and tells the observer.
func (a *API) counted(r *http.Request, s *subscription, to messenger) (why endReason) {
	a.opened(to.form())
	why = endFailed // if it does not return
	defer func() { a.closed(to.form(), why) }()
	return a.streamUntil(r, s, to)
}

func retryTime() time.Duration {
	return minRetry + rand.N(maxRetry-minRetry) //nolint:gosec // spreading load needs no secure randomness
}

// streamUntil sends messages and returns why there are no more.
func (a *API) streamUntil(r *http.Request, s *subscription, to messenger) endReason {
	if why := a.sendFirst(s, to); why != "" {
		return why
	}
	ctx := to.context()
	tick := time.NewTicker(idleEvery)
	defer tick.Stop()
	checked, live := a.Now(), false
	events := s.first
	for s.first = nil; ; {
		for i := range events {
			if why := a.sendEvent(s, to, events[i], live); why != "" {
				return why
			}
		}
		if a.Now().Sub(checked).Abs() >= idleEvery {
			if checked = a.Now(); !a.stillKnows(r) {
				return endUnauthenticated
			}
		}
		var err error
		if events, err = s.Ready(ctx); err != nil {
			return ended(err)
		}
		if len(events) > 0 {
			continue
		}
		if why := s.view.Ended(); why != "" {
			return endReason(why)
		}
		live = true
		if events, err = s.Next(ctx, tick.C); err != nil {
			return ended(err)
		}
		if len(events) > 0 {
			continue
		}
		if why := s.idle(to); why != "" {
			return why
		}
	}
}

// idle sends something, where there was nothing to send for a while.
func (s *subscription) idle(to messenger) endReason {
	if s.sent != s.told {
		return s.sendPosition(to)
	}
	if err := to.idle(); err != nil {
		return unwritten(err)
	}
	return ""
}

// sendFirst sends what is before the events: how long to wait before connecting again, and the session.
func (a *API) sendFirst(s *subscription, to messenger) endReason {
	err := to.begin(retryTime())
	if err == nil && s.shown != nil {
		err = to.send(&streamMessage{Type: "snapshot", Position: s.position(s.sent), Session: s.shown})
		s.shown = nil // which may be large
	}
	game.KeepRoom(to.context(), 0)
	if err != nil {
		return unwritten(err)
	}
	return ""
}

// sendEvent sends an event as the caller may see it, if the caller asked for it. It returns why it was the last one, or
// "". live says that the client waited for it.
func (a *API) sendEvent(s *subscription, to messenger, e game.Event, live bool) endReason {
	place := s.Place(&e)
	if !s.view.Wants(&e) {
		s.sent = place
		if s.sent-s.told >= mostUnwanted {
			return s.sendPosition(to)
		}
		return ""
	}
	shown, end := s.view.Show(e)
	err := to.send(&streamMessage{Type: messageEvent, Position: s.position(place), Event: &shown})
	if err != nil {
		return unwritten(err)
	}
	s.sent, s.told = place, place
	if live && a.Streams != nil {
		a.Streams.Delivered(max(a.Now().Sub(e.At), 0))
	}
	return endReason(end)
}

// sendPosition tells the client that it need not look at the events up to here again. Otherwise it would begin at its
// last event when it resumes.
func (s *subscription) sendPosition(to messenger) endReason {
	if err := to.send(&streamMessage{Type: messagePosition, Position: s.position(s.sent)}); err != nil {
		return unwritten(err)
	}
	s.told = s.sent
	return ""
}

// stillKnows reports whether the credential of a request is still valid. One that cannot be checked is. A ticket only
// opens a stream: its player is followed by the events of the session. It counts only without another credential.
func (a *API) stillKnows(r *http.Request) bool {
	if r.Header.Get("Authorization") == "" && r.URL.Query().Has(ticketParameter) {
		return true
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // zero if it is not an address
	_, err := a.Authenticate(r.Context(), from.Addr(), r.Header)
	return game.KindOf(err) != game.Unauthenticated
}

func unwritten(err error) endReason {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return endSlow
	}
	return endLeft
}

func ended(err error) endReason {
	switch {
	case errors.Is(err, feed.ErrStopping):
		return endShutdown
	case errors.Is(err, feed.ErrGone):
		return endReason(game.FollowSessionEnded)
	case errors.Is(err, feed.ErrGap):
		return endGap
	case game.KindOf(err) == game.Unavailable:
		return endUnavailable
	}
	return endLeft
}
