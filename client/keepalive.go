package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"game-session-manager/internal/game"
)

// KeepAliveOption configures [Sessions.KeepAlive].
type KeepAliveOption func(*keepAlive)

// WithPlayers sends with each heartbeat which members are connected. The function is called before each heartbeat.
// Other members become disconnected, except those who joined less than StaleAfter ago. Nil leaves all as they are.
func WithPlayers(connected func() []PlayerID) KeepAliveOption {
	return func(k *keepAlive) { k.players = connected }
}

// WithoutFence sends heartbeats whoever has authority over the session, such as those of a back end for a session whose
// players host it in turn. Without this option [Sessions.KeepAlive] ends when another host or server takes over.
func WithoutFence() KeepAliveOption { return func(k *keepAlive) { k.fence = nil } }

// OnChange calls a function with the session whenever its version has changed, as far as heartbeats notice: between two
// of them there may be several versions. No heartbeat is sent until the function returns.
func OnChange(changed func(Session)) KeepAliveOption {
	return func(k *keepAlive) { k.changed = changed }
}

// OnContact calls a function with the last error when no heartbeat has succeeded for the session's StaleAfter, so that
// the session is stale or its server cannot be reached, and with nil when one succeeds again. No heartbeat is sent
// until the function returns.
func OnContact(contact func(lost error)) KeepAliveOption {
	return func(k *keepAlive) { k.contact = contact }
}

// minBeat is the minimum time from one heartbeat to the next.
const minBeat = time.Second

// KeepAlive sends heartbeats for a session until ctx ends, and then returns nil. It sends one at once, and then one
// after about a third of the session's StaleAfter, but at most one in a second. Heartbeats that fail in transit are
// retried after growing random pauses, for as long as ctx lasts: see [OnContact]. It sends the session's fence.
//
// It ends early when a heartbeat is rejected, with the error that tells why: [ErrSessionEnded] with the session_status
// and the end_reason among the Extras of its [*Error], [ErrSessionNotFound], [ErrStaleFence] if another host or server
// has taken over, [ErrNotHost] if the caller is a player who no longer hosts the session, or the error of an invalid
// credential.
func (s *Sessions) KeepAlive(ctx context.Context, v Session, opts ...KeepAliveOption) error {
	k := &keepAlive{
		sessions: s, session: v.ID, fence: &v.Fence, version: v.Version,
		staleAfter: time.Duration(v.StaleAfter) * time.Second,
	}
	for _, o := range opts {
		o(k)
	}
	if err := k.run(ctx); err != nil {
		return fmt.Errorf("client: the heartbeats of session %s: %w", v.ID, err)
	}
	return nil
}

// keepAlive is a loop of heartbeats.
type keepAlive struct {
	sessions *Sessions
	session  SessionID
	fence    *int64 // nil to send none
	players  func() []PlayerID
	changed  func(Session)
	contact  func(error)

	version    int64 // of the session that the caller knows
	staleAfter time.Duration
	heard      time.Time // when the last heartbeat that succeeded was sent
	failures   int       // since then
	lost       bool      // contact was called with an error
}

// period returns the time between two heartbeats.
func (k *keepAlive) period() time.Duration { return max(k.staleAfter/3, minBeat) }

func (k *keepAlive) run(ctx context.Context) error {
	for k.heard = time.Now(); ctx.Err() == nil; {
		began := time.Now()
		l, err := k.beat(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // its end is no failure, whatever it interrupted
		case rejected(err):
			return err
		case err != nil:
			k.failed(err)
		default:
			k.succeeded(ctx, began, l)
		}
		_ = game.Sleep(ctx, time.Until(began.Add(max(k.pause(err), minBeat)))) // the loop ends with the context
	}
	return nil
}

// beat sends one heartbeat. It gives up early enough for others to be sent before the session turns stale.
func (k *keepAlive) beat(ctx context.Context) (HeartbeatReply, error) {
	ctx, cancel := context.WithTimeout(ctx, max(k.period()/2, minBeat))
	defer cancel()
	b := Heartbeat{SessionID: k.session, Fence: k.fence}
	if k.players != nil {
		b.Players = k.players()
	}
	q := heartbeat(b)
	q.single = true
	return fetch[HeartbeatReply](ctx, k.sessions.c, q)
}

// rejected reports whether the server itself has rejected a heartbeat, so that another would be rejected too.
func rejected(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Code != "" && e.Status/100 == 4 &&
		e.Status != http.StatusTooManyRequests && e.Status != http.StatusRequestTimeout
}

// failed notes a heartbeat that failed in transit.
func (k *keepAlive) failed(err error) {
	k.failures++
	if k.lost || time.Since(k.heard) < k.staleAfter {
		return
	}
	k.lost = true
	if k.contact != nil {
		k.contact(err)
	}
}

// succeeded notes a heartbeat that was sent at a time, and reads the session if its version is new.
func (k *keepAlive) succeeded(ctx context.Context, sent time.Time, l HeartbeatReply) {
	if k.heard, k.failures = sent, 0; k.lost {
		k.lost = false
		if k.contact != nil {
			k.contact(nil)
		}
	}
	if l.Version == k.version {
		return
	}
	shown := MembersNone
	if k.changed != nil {
		shown = MembersFull
	}
	ctx, cancel := context.WithTimeout(ctx, k.period()/2)
	defer cancel()
	v, err := k.sessions.Get(ctx, k.session, ShowMembers(shown))
	if err != nil {
		return // the next heartbeat finds the version new again
	}
	k.version, k.staleAfter = v.Version, time.Duration(v.StaleAfter)*time.Second
	if k.changed != nil {
		k.changed(v)
	}
}

// pause returns the time from one heartbeat to the next, given the error of the first. It is random, so that the
// heartbeats of many sessions spread out.
func (k *keepAlive) pause(err error) time.Duration {
	period := k.period()
	if err == nil {
		return period - rand.N(period/5) //nolint:gosec // jitter need not be unpredictable
	}
	bound := minBeat
	for range k.failures {
		bound = min(2*bound, period)
	}
	asked := time.Duration(0)
	if e := (*Error)(nil); errors.As(err, &e) {
		asked = e.RetryAfter
	}
	return min(max(bound/2+rand.N(bound/2+1), asked), period) //nolint:gosec // as above
}
