// Package bench puts load on a gsm server and measures how it responds: gsm bench. It knows the server from the outside
// only, by its API.
//
// It owns the scenarios ([Scenarios]), the models of arrival, the report, and the checks: while it loads, it compares
// what the server returns with what the server must return, since a fast wrong response is worth nothing. The servers
// that gsm is compared with are in package floor. Tests of the service's promises are elsewhere, in tests.
package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what is measured. Validate sets what is zero to its default.
type Options struct {
	Scenario string
	// Program is the gsm that serves, in a process of its own, unless Against names a server.
	Program     string
	DatabaseURL string // of that gsm; empty for an embedded database that is gone afterwards
	Against     string // the URL of a running server
	Token       string // an API key of scope server or admin, for Against

	Clients  int           // who send requests: always, or with a Rate at most at once
	Rate     float64       // visits a second, whatever the server does; 0 for clients who wait for their responses
	Duration time.Duration // of the load, and of a step of a ramp
	WarmUp   time.Duration // before what is measured

	Stock     int           // players, and sessions, that are there beforehand
	Seats     int           // of a session that is filled
	Batch     int           // heartbeats of one request
	Followers int           // of a session
	Think     time.Duration // between the requests of a player of a lobby, on average
	Of        string        // the scenario that a ramp repeats
	P99       time.Duration // the bound of a ramp

	Floor bool // compare with the floor, instead of measuring latencies

	Progress func(line string) // shows what is going on; nil for nobody
}

// Limits of what one run does.
const (
	MaxClients   = 10_000
	MaxRate      = 1_000_000
	MaxDuration  = time.Hour
	MaxStock     = 100_000
	MaxSeats     = 1000
	MaxBatch     = 1000
	MaxFollowers = 1000
	MaxFollowing = 10_000 // followers of all sessions of a feed
	MaxThink     = time.Minute
)

// Validate returns all problems, joined, by the names of the command's flags.
func (o *Options) Validate() error {
	s, known := scenarioOf(o.Scenario)
	base, baseKnown := scenarioOf(o.Of)
	var all problems
	all.check(known, "SCENARIO: there is no scenario %q: choose one of %s", o.Scenario, strings.Join(names(), ", "))
	all.check(o.Clients >= 1 && o.Clients <= MaxClients,
		"--clients: %d must be between 1 and %d", o.Clients, MaxClients)
	all.check(o.Rate >= 0 && o.Rate <= MaxRate, "--rate: %v must be between 0 and %d", o.Rate, MaxRate)
	all.check(o.Duration >= 100*time.Millisecond && o.Duration <= MaxDuration,
		"--duration: %v must be between 100ms and %v", o.Duration, MaxDuration)
	all.check(o.WarmUp >= 0 && o.WarmUp <= MaxDuration, "--warm-up: %v must be between 0 and %v", o.WarmUp, MaxDuration)
	all.check(o.Stock >= 10 && o.Stock <= MaxStock, "--stock: %d must be between 10 and %d", o.Stock, MaxStock)
	all.check(o.Seats >= 2 && o.Seats <= MaxSeats, "--seats: %d must be between 2 and %d", o.Seats, MaxSeats)
	all.check(o.Batch >= 1 && o.Batch <= MaxBatch, "--batch: %d must be between 1 and %d", o.Batch, MaxBatch)
	all.check(o.Followers >= 1 && o.Followers <= MaxFollowers,
		"--followers: %d must be between 1 and %d", o.Followers, MaxFollowers)
	feeds := o.Scenario == feedName || o.Scenario == rampName && o.Of == feedName
	all.check(!feeds || o.Clients*o.Followers <= MaxFollowing,
		"--followers: %d of each of the %d --clients are more than %d", o.Followers, o.Clients, MaxFollowing)
	all.check(o.Think >= 0 && o.Think <= MaxThink, "--think: %v must be between 0 and %v", o.Think, MaxThink)
	all.check(o.P99 > 0, "--p99: %v must be above 0", o.P99)
	all.check(o.Against == "" || o.DatabaseURL == "", "--against and --database-url exclude each other")
	all.check(!o.Floor || o.Against == "", "--floor needs a server of its own: leave out --against")
	all.check(!o.Floor || o.Rate == 0, "--floor has clients wait for their responses: leave out --rate")
	all.check(!o.Floor || !known || len(s.floor) > 0, "--floor: %s cannot be compared with a bare server; %s can",
		o.Scenario, strings.Join(withFloor(), ", "))
	all.check(o.Scenario != rampName || baseKnown && base.prepare != nil,
		"--of: a ramp cannot repeat %q", o.Of)
	return all.err()
}

// problems collects errors.
type problems []string

func (p *problems) check(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Sprintf(format, args...))
	}
}

func (p *problems) err() error {
	if len(*p) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(*p, "\n"))
}

// bench is one run.
type bench struct {
	Options
	api      *api
	run      string // part of the names of everything that the run creates
	recorded *recorder
	found    *findings
	left     *leftovers
	named    atomic.Int64 // players
	visits   atomic.Int64
	mu       sync.Mutex
	warnings []string
}

// Run measures, until it is done or ctx ends: then it returns what it has. It returns an error if it could not measure,
// with a report that says what was left. The report has what was wrong.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := o.Validate(); err != nil {
		return Report{}, err
	}
	target, err := connect(ctx, o)
	if err != nil {
		return Report{}, err
	}
	defer target.close()
	b := newBench(o, target.api)
	r := b.header(target)
	err = b.measure(ctx, target, &r)
	r.Interrupted = ctx.Err() != nil
	r.Checks = b.found.report()
	r.Warnings = append(r.Warnings, b.warnings...)
	if !target.disposable() {
		b.say("cleaning up")
		r.Left = b.left.clean(context.WithoutCancel(ctx), b.api)
		r.Left.Prefix = b.name("")
	}
	return r, err
}

func newBench(o Options, a *api) *bench {
	b := &bench{
		Options: o, api: a, run: strings.ToLower(rand.Text()[:8]), recorded: newRecorder(), found: newFindings(),
		left: new(leftovers),
	}
	if b.Progress == nil {
		b.Progress = func(string) {}
	}
	return b
}

// measure does what the options ask for.
func (b *bench) measure(ctx context.Context, t *target, r *Report) error {
	s, _ := scenarioOf(b.Scenario)
	switch {
	case b.Floor:
		return b.compare(ctx, s, t, r)
	case s.name == rampName:
		return b.ramp(ctx, t, r)
	}
	w, err := b.prepare(ctx, s)
	defer w.end()
	if err != nil || ctx.Err() != nil {
		return err
	}
	l := b.load(ctx, w, t)
	r.add(l)
	if w.figures != nil {
		r.Figures = w.figures(l)
	}
	b.finish(ctx, w)
	b.advise(l)
	return nil
}

// prepare makes what a scenario needs before its load.
func (b *bench) prepare(ctx context.Context, s scenario) (workload, error) {
	b.say("preparing")
	w, err := s.prepare(ctx, b)
	if err != nil && ctx.Err() == nil {
		return w, fmt.Errorf("preparing %s: %w", s.name, err)
	}
	return w, nil
}

// end ends what the preparation began, such as the followers of a feed.
func (w workload) end() {
	if w.close != nil {
		w.close()
	}
}

// finish compares what is stored at the end with what was acknowledged.
func (b *bench) finish(ctx context.Context, w workload) {
	if w.check == nil {
		return
	}
	b.say("checking")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	w.check(ctx)
	if ctx.Err() != nil {
		b.warn("the checks were not finished within %v", checkTimeout)
	}
}

// checkTimeout bounds the checks after the load.
const checkTimeout = time.Minute

func (b *bench) say(format string, args ...any) {
	b.Progress(b.Scenario + ": " + fmt.Sprintf(format, args...))
}

// warn adds a warning to the report, once.
func (b *bench) warn(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(b.warnings) < mostWarnings && !slices.Contains(b.warnings, text) {
		b.warnings = append(b.warnings, text)
	}
}

const mostWarnings = 20

// name returns a name of the run's own.
func (b *bench) name(rest string) string { return "bench-" + b.run + "-" + rest }
