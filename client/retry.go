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

// send makes the call, with retries where they are safe and may help, and decodes the response into out, unless that is
// nil.
func (c *Client) send(ctx context.Context, q *call, out any) error {
	if q.err != nil {
		return fmt.Errorf("client: %s %s: %w", q.method, q.path, q.err)
	}
	unknown := false // whether an earlier try may have had its effect
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return q.fail(ctx, err, unknown)
		}
		err := c.try(ctx, q, out)
		if err == nil || unknown && q.doneIf != nil && errors.Is(err, q.doneIf) {
			return nil
		}
		f := classify(ctx, err)
		unknown = unknown || f.unknown && q.method != http.MethodGet && !q.reads
		if !f.retry || n >= c.retries || q.single || unknown && q.conditional || !c.pause(ctx, n, f.wait) {
			return q.fail(ctx, err, unknown)
		}
	}
}

// failure says what a failed try means for the call.
type failure struct {
	retry   bool          // another try may succeed
	unknown bool          // the request may have had its effect
	wait    time.Duration // how long the server asks to wait
}

func classify(ctx context.Context, err error) failure {
	var (
		response    *Error
		connection  *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &response):
		return failure{
			retry:   retryable(response.Status),
			unknown: response.Status >= 500 && response.Extras["outcome"] != game.OutcomeNone,
			wait:    response.RetryAfter,
		}
	case errors.Is(err, ErrNotModified), errors.As(err, &certificate):
		return failure{}
	case errors.As(err, &connection) && connection.Op == "dial": // nothing was sent
		return failure{retry: ctx.Err() == nil}
	}
	return failure{retry: ctx.Err() == nil && !errors.Is(err, errBadResponse), unknown: true}
}

func retryable(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// pause waits before the next try and reports whether to make it. It waits as long as the server asks for, and a random
// time between zero and a bound that doubles with each try ("full jitter",
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
func (c *Client) pause(ctx context.Context, n int, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); wait > c.maxPause || ok && time.Until(deadline) < wait {
		return false
	}
	bound := c.firstPause
	for range n {
		bound = min(2*bound, c.maxPause)
	}
	return game.Sleep(ctx, wait+rand.N(bound)) == nil //nolint:gosec // jitter need not be unpredictable
}

// fail returns the error of a call after its last try.
func (q *call) fail(ctx context.Context, err error, unknown bool) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w after: %w", ended, err)
	}
	if unknown {
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return fmt.Errorf("client: %s %s: %w", q.method, q.path, err)
}
