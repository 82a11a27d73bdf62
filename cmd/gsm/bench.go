package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"game-session-manager/internal/bench"
	"game-session-manager/internal/bench/floor"
)

type benchCmd struct {
	Scenario    string        `arg:"" placeholder:"SCENARIO" help:"What to do, of the list above."`
	Against     string        `placeholder:"URL" help:"Measure a running server. It gets players and sessions, which are removed afterwards if the key may do so: not for a server in use. Without this, gsm bench starts one."`
	Token       string        `env:"GSM_TOKEN,GSM_ADMIN_KEY" placeholder:"KEY" help:"With --against: an API key of scope admin, or server. Set it by the environment: other users of the machine can see flags."`
	DatabaseURL string        `env:"GSM_BENCH_DATABASE_URL" placeholder:"URL" help:"The database of the server that gsm bench starts, as for gsm serve; its other settings are those of the environment, but it asks for no API key: meanwhile every user of this machine can use the database through it. Without this, it is an embedded one in the folder for temporary files (TMPDIR), and is gone afterwards."`
	Clients     int           `placeholder:"N" help:"How many clients send requests, each as soon as it has its response (32); with --rate, how many visits may be under way at once (256)."`
	Rate        float64       `placeholder:"N" help:"Begin N visits a second, whatever the server does, and measure from when each should have begun (open model). Of a ramp, the first rate."`
	Duration    time.Duration `default:"10s" help:"How long to measure; of a ramp, each rate. Up to 1h."`
	WarmUp      time.Duration `default:"1s" help:"How long to send requests before that."`
	Floor       bool          `help:"Compare with a bare net/http server that returns as many bytes and, on MongoDB, with one that makes the driver's calls that gsm cannot do without; by turns. For read, create, put, join and heartbeat."`
	JSON        bool          `name:"json" help:"Print one JSON object, whose fields are described in docs/benchmarks.md."`
	Stock       int           `default:"1000" help:"How many players, and sessions, are there beforehand."`
	Seats       int           `default:"10" help:"The seats of a session that is filled."`
	Batch       int           `default:"100" help:"Heartbeats in one request."`
	Followers   int           `default:"4" help:"Followers of each session of a feed."`
	Think       time.Duration `default:"100ms" help:"How long players of a lobby think between requests, on average."`
	Of          string        `default:"read" placeholder:"SCENARIO" help:"The scenario that a ramp repeats (read)."`
	P99         time.Duration `name:"p99" default:"100ms" help:"A ramp ends when the 99th percentile is above this."`
}

// Help implements [kong.HelpProvider].
func (c *benchCmd) Help() string {
	var text strings.Builder
	text.WriteString("Scenarios:\n")
	for _, s := range bench.Scenarios() {
		fmt.Fprintf(&text, "  %-10s  %s\n", s[0], s[1])
	}
	text.WriteString(`
While it loads, it checks what the server returns: seats, duplicates, lost writes. A wrong response fails the run (exit
code 1). Ctrl-C ends it with what it has. Everything that it creates is named bench-….

Examples:
  gsm bench join
  gsm bench read --rate 2000 --duration 30s
  gsm bench join-storm --stock 10000 --seats 100 --clients 256
  gsm bench create --floor --json
  GSM_TOKEN=… gsm bench lobby --against https://gsm.example --clients 200 --think 2s`)
	return text.String()
}

// Clients unless they are set.
const (
	closedClients = 32
	openClients   = 256
)

func (c *benchCmd) options() bench.Options {
	clients := c.Clients
	if clients == 0 {
		clients = closedClients
		if c.Rate > 0 || c.Scenario == "ramp" {
			clients = openClients
		}
	}
	return bench.Options{
		Scenario: c.Scenario, DatabaseURL: c.DatabaseURL, Against: c.Against, Token: c.Token, Clients: clients,
		Rate: c.Rate, Duration: c.Duration, WarmUp: c.WarmUp, Stock: c.Stock, Seats: c.Seats, Batch: c.Batch,
		Followers: c.Followers, Think: c.Think, Of: c.Of, P99: c.P99, Floor: c.Floor,
	}
}

// Validate checks the flags.
func (c *benchCmd) Validate() error {
	o := c.options()
	return o.Validate()
}

// Run measures and prints the report.
func (c *benchCmd) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program, to start a server: %w", err)
	}
	o := c.options()
	o.Program = program
	progress := newMeter(s)
	o.Progress = progress.line
	r, err := bench.Run(ctx, o)
	progress.line("")
	switch {
	case ctx.Err() != nil && r.Requests == 0:
		return withLeft(errors.New("interrupted before anything was measured"), r.Left)
	case err != nil:
		return withLeft(err, r.Left)
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(r)
	} else {
		err = r.WriteText(s.out)
	}
	return errors.Join(err, r.Err())
}

// withLeft returns an error that says what the run left behind.
func withLeft(err error, left *bench.Left) error {
	if text := left.Text(); text != "" {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return err
}

// benchServeCmd is the server that gsm bench starts: it ends with its standard input, so that it never outlives the
// process that started it.
type benchServeCmd struct{ serveCmd }

// Run serves.
func (c *benchServeCmd) Run(s streams) error {
	ctx, stop := untilSignal()
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return c.serve(ctx, s)
}

// benchFloorCmd is a server that gsm is compared with. It ends with its standard input.
type benchFloorCmd struct{}

// Run serves.
func (c *benchFloorCmd) Run(s streams) error { return floor.Serve(os.Stdin, s.out) }
