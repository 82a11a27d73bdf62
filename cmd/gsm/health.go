package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"game-session-manager/internal/config"
)

type healthCmd struct {
	HTTPAddr string        `env:"GSM_HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"The address of the API. For a wildcard address the loopback address is used."`
	TLSCert  string        `env:"GSM_TLS_CERT" placeholder:"FILE" help:"The certificate of serve: if set, the check uses TLS."`
	Timeout  time.Duration `default:"3s" help:"How long the check may take, 100ms to 1m."`
}

// Help implements [kong.HelpProvider].
func (c *healthCmd) Help() string {
	return `Requests /readyz on this machine, which needs no credential. Exit code 0 means that the server accepts
requests, 1 that it does not. Containers use it as their health check, because the image has no shell.

Examples:
  gsm health
  gsm health --http-addr :8080 --timeout 1s`
}

// Validate checks the flags.
func (c *healthCmd) Validate() error {
	err := config.Address("--http-addr (GSM_HTTP_ADDR)", c.HTTPAddr)
	if strings.HasSuffix(c.HTTPAddr, ":0") {
		err = fmt.Errorf("--http-addr (GSM_HTTP_ADDR): %q has port 0, at which nothing listens", c.HTTPAddr)
	}
	return errors.Join(err, config.Within("--timeout", c.Timeout, 100*time.Millisecond, time.Minute))
}

// Run asks the server whether it accepts requests.
func (c *healthCmd) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	status, err := c.ask(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no response from %s within %s", c.address(), c.Timeout)
	case err != nil:
		return fmt.Errorf("cannot reach gsm: %w", err)
	case status != http.StatusOK:
		return fmt.Errorf("%s does not accept requests: %d %s", c.address(), status, http.StatusText(status))
	}
	_, err = fmt.Fprintln(s.out, "ok")
	return err
}

// ask returns the status code of the probe's response.
func (c *healthCmd) ask(ctx context.Context) (int, error) {
	transport := &http.Transport{} // not the default transport, which may use a proxy
	defer transport.CloseIdleConnections()
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
		// The certificate names the public host, not loopback, and nothing secret is sent or received.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+c.address()+"/readyz", http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// address returns an address at which a listener on HTTPAddr can be reached from this machine.
func (c *healthCmd) address() string {
	host, port, err := net.SplitHostPort(c.HTTPAddr)
	if err != nil {
		return c.HTTPAddr // Validate has rejected it
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
