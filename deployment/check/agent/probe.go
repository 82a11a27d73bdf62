package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	patience = 30 * time.Second // how long an open connection may take
	silence  = 3 * time.Second  // how long a closed connection must stay silent
)

// probe connects to each address, and fails unless all results are as expected: open=HOST:PORT or closed=HOST:PORT.
func probe(ctx context.Context, expectations []string) error {
	var failures []error
	for _, expectation := range expectations {
		want, address, _ := strings.Cut(expectation, "=")
		var err error
		switch want {
		case "open":
			err = open(ctx, address)
		case "closed":
			err = closed(ctx, address)
		default:
			err = fmt.Errorf("%q says neither open nor closed", expectation)
		}
		if err == nil {
			fmt.Println(expectation)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

func open(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := connect(ctx, address)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not let through: %w", address, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// closed expects a timeout or a refused connection. The name must resolve, or the probe would prove nothing.
func closed(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
		return err
	}
	// A policy applies a moment after its pod has started.
	deadline := time.Now().Add(patience)
	for connect(ctx, address) == nil {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is let through", address)
		}
	}
	return nil
}

func connect(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: silence}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
