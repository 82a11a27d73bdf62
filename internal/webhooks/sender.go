// Package webhooks sends the events of projects to the receivers that admins chose. What is sent, and again, are rules
// of package game.
package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"game-session-manager/internal/game"
)

const (
	// sendTimeout is how long one attempt may take, to the end of the response.
	sendTimeout = 15 * time.Second
	// margin is how long before the end of a request that waits for an attempt the attempt ends.
	margin = time.Second
	// maxResponse is how much of a response is read, in bytes.
	maxResponse = 4 << 10
	// maxHeader is how large the header of a response may be, in bytes.
	maxHeader = 64 << 10
	// Receivers keep connections; those of one that is gone are closed.
	idleTimeout, maxIdle = time.Minute, 4
)

// Sender implements [game.WebhookSender] by HTTP. It is safe for concurrent use.
type Sender struct {
	client    *http.Client
	private   bool
	userAgent string
}

// NewSender returns a sender. Unless private is true, it sends by https, and to public addresses only: what is compared
// is the address that is dialled, after the name was resolved, so that a name that leads elsewhere the next time does
// not help. It follows no redirects and uses no proxy, which would connect in its place.
func NewSender(private bool, version string) *Sender {
	dialer := &net.Dialer{Timeout: sendTimeout}
	if !private {
		dialer.Control = ssrf.New(ssrf.WithAnyPort()).Safe
	}
	return &Sender{
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: sendTimeout,
				MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: maxHeader,
				DisableCompression: true, // or a small response could become a large one
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		private: private, userAgent: "gsm/" + version,
	}
}

// Send implements [game.WebhookSender]. The signatures are those of Standard Webhooks, one for each secret.
func (s *Sender) Send(ctx context.Context, m game.WebhookMessage) game.WebhookAttempt {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if end, ok := ctx.Deadline(); ok && time.Until(end) < sendTimeout-margin {
		ctx, cancel = context.WithDeadline(ctx, end.Add(-margin))
		defer cancel()
	}
	a, err := s.send(ctx, m)
	if err != nil {
		a.Failure = failureOf(ctx, err)
	}
	a.Took = time.Since(begin)
	return a
}

func (s *Sender) send(ctx context.Context, m game.WebhookMessage) (a game.WebhookAttempt, err error) {
	if !s.private && !strings.HasPrefix(m.URL, "https:") { // it was allowed when the webhook was created
		return game.WebhookAttempt{Failure: game.FailedAddress}, nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return a, err
	}
	signatures := make([]string, 0, len(m.Secrets))
	for _, secret := range m.Secrets {
		by, err := standard.NewWebhook(secret)
		if err != nil {
			return a, err
		}
		one, err := by.Sign(m.ID, m.At, m.Body)
		if err != nil {
			return a, err
		}
		signatures = append(signatures, one)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", s.userAgent)
	r.Header.Set(standard.HeaderWebhookID, m.ID)
	r.Header.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(m.At.Unix(), 10))
	r.Header.Set(standard.HeaderWebhookSignature, strings.Join(signatures, " "))
	// The address is that of an admin, and the dialer checks where it leads.
	response, err := s.client.Do(r)
	if err != nil {
		return a, err
	}
	defer func() { _ = response.Body.Close() }() // was only read
	a.Status = response.StatusCode
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	switch {
	case a.Status >= 300 && a.Status < 400:
		a.Failure = game.FailedRedirect
	case a.Status < 200 || a.Status >= 300:
		a.Failure, a.Excerpt = game.FailedStatus, string(body)
	case err != nil && ctx.Err() != nil: // it has accepted the message, but does not end the response
		return a, nil
	}
	return a, nil
}

// failureOf returns the reason of an error. Its text is not kept: it may have what a server sent.
func failureOf(ctx context.Context, err error) game.WebhookFailure {
	timeout := (*url.Error)(nil)
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork),
		errors.Is(err, ssrf.ErrInvalidHostPort):
		return game.FailedAddress
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return game.FailedTimeout
	case errors.As(err, new(*tls.CertificateVerificationError)), errors.As(err, new(tls.RecordHeaderError)),
		errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.HostnameError)),
		errors.As(err, new(tls.AlertError)):
		return game.FailedTLS
	}
	return game.FailedUnreachable
}
