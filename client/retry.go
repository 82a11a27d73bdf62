package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"game-session-manager/internal/game"
)

// send makes the call, again where that is safe and may help, and reads the answer into out unless that is nil.
func (c *Client) send(ctx context.Context, q *call, out any) error {
	if q.err != nil {
		return fmt.Errorf("client: %s %s: %w", q.method, q.path, q.err)
	}
	unknown := false // whether an earlier try may have been done
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return q.fail(ctx, err, unknown)
		}
		err := c.try(ctx, q, out)
		if err == nil || unknown && q.erases != nil && errors.Is(err, q.erases) {
			return nil
		}
		f := judge(ctx, err)
		unknown = unknown || f.unknown && q.method != http.MethodGet
		if !f.again || n >= c.retries || q.single || unknown && q.conditional || !c.pause(ctx, n, f.wait) {
			return q.fail(ctx, err, unknown)
		}
	}
}

// fate is what a failed try means for the call.
type fate struct {
	again   bool          // another try may help
	unknown bool          // the server may have done what was asked
	wait    time.Duration // what the server asks for
}

func judge(ctx context.Context, err error) fate {
	var (
		answer      *Error
		connection  *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &answer):
		return fate{
			again:   again(answer.Status),
			unknown: answer.Status >= 500 && answer.Extras["outcome"] != game.OutcomeNone,
			wait:    answer.RetryAfter,
		}
	case errors.Is(err, ErrNotModified), errors.As(err, &certificate):
		return fate{}
	case errors.As(err, &connection) && connection.Op == "dial": // nothing was sent
		return fate{again: ctx.Err() == nil}
	}
	return fate{again: ctx.Err() == nil && !errors.Is(err, errBadAnswer), unknown: true}
}

func again(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// pause waits before the next try and reports whether there shall be one. The pause is random between nothing and a
// bound that doubles ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), after
// what the server asks for.
func (c *Client) pause(ctx context.Context, n int, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); wait > c.longest || ok && time.Until(deadline) < wait {
		return false
	}
	bound := c.first
	for range n {
		bound = min(2*bound, c.longest)
	}
	t := time.NewTimer(wait + rand.N(bound)) //nolint:gosec // spreads clients, keeps no secret
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fail words the error of a call.
func (q *call) fail(ctx context.Context, err error, unknown bool) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w after: %w", ended, err)
	}
	if unknown {
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return fmt.Errorf("client: %s %s: %w", q.method, q.path, err)
}
