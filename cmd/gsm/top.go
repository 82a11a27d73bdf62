package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"game-session-manager/internal/config"
	"game-session-manager/internal/top"
)

type topCmd struct {
	OpsAddr  string        `env:"GSM_OPS_ADDR" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"The ops listener of the server."`
	Interval time.Duration `default:"2s" help:"How often to refresh, 200ms to 1m."`
	Sort     top.Sort      `default:"rate" enum:"rate,errors,p99,route" help:"The order of routes and operations: rate, errors, p99 or route."`
	Once     bool          `help:"Print the figures of one interval as plain text, and exit. This is the default without a terminal."`
}

// Help implements [kong.HelpProvider].
func (c *topCmd) Help() string {
	return `Keys: q quits, p pauses, s sorts, the arrows scroll, ? explains. Colours are the terminal's own; ` +
		noColours + `=1 turns them off.

Examples:
  gsm top
  gsm top --once --interval 10s > report.txt`
}

// noColours is the environment variable that turns off colours in many programs: https://no-color.org
const noColours = "NO_COLOR" //nolint:misspell // the variable's name

// Validate checks the flags.
func (c *topCmd) Validate() error {
	return errors.Join(config.Address("--ops-addr (GSM_OPS_ADDR)", c.OpsAddr),
		config.Within("--interval", c.Interval, 200*time.Millisecond, time.Minute))
}

// Run shows what the server does.
func (c *topCmd) Run(s streams) error {
	t := top.Top{Addr: c.OpsAddr, Interval: c.Interval, Sort: c.Sort, Palette: top.Colours, Now: time.Now}
	if os.Getenv(noColours) != "" {
		t.Palette = top.Mono
	}
	if c.Once || !isTerminal(s.out) || os.Getenv("TERM") == "dumb" {
		ctx, stop := untilSignal()
		defer stop()
		return c.unreachableError(ctx, t.Once(ctx, s.out))
	}
	return c.unreachableError(context.Background(), t.Live(context.Background(), os.Stdin, s.out))
}

// unreachableError adds to the error for a server that does not respond what to do about it.
func (c *topCmd) unreachableError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("interrupted")
	}
	return fmt.Errorf(
		"no gsm found at %s: start it with gsm serve, or set its ops listener with --ops-addr (GSM_OPS_ADDR): %w",
		c.OpsAddr, err,
	)
}
