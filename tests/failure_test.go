package tests_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/client"
	"game-session-manager/internal/store/mongostore/mongotest"
)

// Settings of the failure test. It breaks the server for everybody who uses it, and is run by make test-failure alone.
const (
	// failureSetting is short or long.
	failureSetting = "GSM_TEST_FAILURE"
	// controlSetting names the program that breaks and mends the server: PROGRAM engine kill|start|pause|resume, and
	// for a server with a gateway before its engine PROGRAM gateway kill|start. It ends with 2 for what it cannot do.
	controlSetting = "GSM_TEST_MONGODB_CTL"
)

// form says how much of it is made.
type form struct {
	rounds  int
	pause   time.Duration // of the engine, longer than a request
	request time.Duration // its timeout
}

func forms() map[string]form {
	return map[string]form{
		"short": {1, 5 * time.Second, 2 * time.Second},
		"long":  {3, 20 * time.Second, 10 * time.Second},
	}
}

const (
	failurePool  = 10               // connections of each process to the server
	failureBurst = 300              // calls at once, to fill the pool
	failureLimit = 15 * time.Minute // for all of it
	recovery     = 10 * time.Second // from a server that is back to processes that are
)

// errNotOffered says that the environment has no means for a failure.
var errNotOffered = errors.New("not offered")

// failures is the test under way.
type failures struct {
	*traffic
	t        *testing.T
	ctx      context.Context
	form     form
	database string
	control  string
	probes   int
	figures  []string
}

// TestFailures causes failures while two processes on one database serve a steady load. Nothing acknowledged is lost
// or duplicated, callers see at worst an unavailable database, and both processes recover by themselves within
// seconds.
func TestFailures(t *testing.T) {
	only(t, mongodb)
	chosen, ok := forms()[os.Getenv(failureSetting)]
	if !ok {
		t.Skip("breaks the server for everybody: see make test-failure")
	}
	ctx, cancel := context.WithTimeout(t.Context(), failureLimit)
	defer cancel()
	f := &failures{traffic: newTraffic(), t: t, ctx: ctx, form: chosen, control: os.Getenv(controlSetting)}
	f.database = withOption(t, freshDatabase(t), "maxPoolSize", fmt.Sprint(failurePool))
	t.Cleanup(f.repair) // before the database is dropped
	for i := range f.nodes {
		f.launch(i)
	}
	for i := range f.hot {
		v := f.nodes[0].Load().newSession(
			t, client.SessionRequest{Settings: client.Settings{MaxPlayers: hotSeats, Mode: "hot"}},
		)
		f.hot[i] = string(v.ID)
	}

	workers := make([]error, loadWorkers)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { workers[i] = (&worker{traffic: f.traffic, number: i}).work(ctx) })
	}
	for i := range f.nodes {
		all.Go(func() { f.watchReadiness(i) })
	}
	f.breakEverything()
	close(f.over)
	all.Wait()
	if err := errors.Join(workers...); err != nil {
		t.Error(err)
	}
	for _, v := range f.violations {
		t.Error(v)
	}
	f.verify(t)
	f.report()
}

// launch starts a process in a place.
func (f *failures) launch(place int) {
	n := &node{server: start(f.t, onDatabase(f.database), expectErrors,
		withArgs("--request-timeout="+f.form.request.String(), fmt.Sprintf("--replica=process-%d", place)))}
	f.nodes[place].Store(n)
}

// breakEverything makes each failure in its turn, and waits each time until both processes are back.
func (f *failures) breakEverything() {
	lacking := map[string]bool{}
	for round := range f.form.rounds {
		for _, x := range []struct {
			name string
			run  func() error
		}{
			{"engine killed", func() error { return f.cut("engine", "kill", "start") }},
			{"gateway killed", func() error { return f.cut("gateway", "kill", "start") }},
			{"engine paused", f.pauseEngine},
			{"pool full", f.fillPool},
			{"primary stepped down", f.stepDown},
			{"process killed", f.killProcess},
		} {
			f.settled(f.requestsNow() + 20*loadWorkers)
			before := f.refusals()
			err := x.run()
			switch {
			case errors.Is(err, errNotOffered):
				if !lacking[x.name] {
					lacking[x.name] = true
					f.figures = append(
						f.figures, fmt.Sprintf("NOT TESTED, for want of means in this environment: %s", x.name),
					)
				}
				continue
			case err != nil:
				f.t.Errorf("%s: %v", x.name, err)
				return
			}
			back := f.recover(x.name)
			f.figures = append(f.figures, fmt.Sprintf("round %d, %-21s both processes back after %4.1f s, %4d "+
				"requests refused or cut off",
				round+1, x.name+":", back.Seconds(), f.refusals()-before))
		}
	}
}

func (f *failures) requestsNow() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

// settled waits until there were so many requests.
func (f *failures) settled(requests int) {
	eventually(f.t, "the load has gone on", func() bool { return f.requestsNow() >= requests || f.ctx.Err() != nil })
}

// ctl asks the environment for a failure, or for its end.
func (f *failures) ctl(what, do string) error {
	if f.control == "" {
		return errNotOffered
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, f.control, what, do)
	// What it starts lives on with its output: that goes to files of its own, and must not keep this waiting.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) && e.ExitCode() == 2 {
		return errNotOffered
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%v: %w", cmd, err)
	}
	return nil
}

// repair leaves the server as it was.
func (f *failures) repair() {
	for _, x := range [][2]string{{"engine", "resume"}, {"engine", "start"}, {"gateway", "start"}} {
		_ = f.ctl(x[0], x[1]) // fails for what is not broken
	}
}

// cut makes a failure until callers have felt it.
func (f *failures) cut(what, make, mend string) error {
	before := f.refusals()
	if err := f.ctl(what, make); err != nil {
		return err
	}
	eventually(f.t, "callers are refused", func() bool {
		return f.refusals() >= before+loadWorkers || f.ctx.Err() != nil
	})
	return f.ctl(what, mend)
}

// pauseEngine lets the engine hang for longer than requests last.
func (f *failures) pauseEngine() error {
	if err := f.ctl("engine", "pause"); err != nil {
		return err
	}
	f.pass(f.form.pause)
	return f.ctl("engine", "resume")
}

// pass lets time go by in which something is broken.
func (f *failures) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.ctx.Done():
	}
}

// fillPool sends far more calls at once than there are connections, to a server that is slow where that can be had.
func (f *failures) fillPool() error {
	slow := f.ctl("engine", "pause")
	if slow != nil && !errors.Is(slow, errNotOffered) {
		return slow
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		together(failureBurst, func(i int) {
			n := f.nodes[i%2].Load()
			a, err := n.try(f.ctx, "GET /api/v1/sessions?status=open&limit=1", "")
			if f.note(i%2, n, "GET /api/v1/sessions", a, err) && a.status != http.StatusOK {
				f.violate("a list while the pool is full: %d %s", a.status, a.body)
			}
		})
	}()
	if slow == nil {
		f.pass(f.form.request / 2)
		if err := f.ctl("engine", "resume"); err != nil {
			return err
		}
	}
	<-over
	return nil
}

// stepDown has the primary of a replica set make room for another, or for itself where it is the only member.
func (f *failures) stepDown() error {
	if !strings.Contains(f.database, "replicaSet=") {
		return errNotOffered
	}
	c, err := mongo.Connect(options.Client().ApplyURI(mongotest.Server(f.t)))
	if err != nil {
		return err
	}
	defer func() { _ = c.Disconnect(context.WithoutCancel(f.ctx)) }()
	err = c.Database("admin").RunCommand(f.ctx, bson.D{
		{Key: "replSetStepDown", Value: 5}, {Key: "secondaryCatchUpPeriodSecs", Value: 2}, {Key: "force", Value: true},
	}).Err()
	if err != nil && !mongo.IsNetworkError(err) {
		return err
	}
	return nil
}

// killProcess ends a process as kill -9 does, and starts it again.
func (f *failures) killProcess() error {
	before := f.refusals()
	n := f.nodes[1].Load()
	n.doomed.Store(true)
	n.kill()
	eventually(f.t, "callers are cut off", func() bool {
		return f.refusals() >= before+loadWorkers || f.ctx.Err() != nil
	})
	f.launch(1)
	return nil
}

// recover waits until both processes accept writes, and returns how long that took.
func (f *failures) recover(after string) time.Duration {
	begin := time.Now()
	for i := range f.nodes {
		f.probes++
		w := &worker{traffic: f.traffic}
		name := fmt.Sprintf("probe-%d", f.probes)
		eventually(f.t, fmt.Sprintf("process %d takes writes after: %s", i, after), func() bool {
			a, err := f.nodes[i].Load().try(
				f.ctx, "POST /api/v1/players", fmt.Sprintf(`{"username":%q}`, name), "Idempotency-Key", "player-"+name,
			)
			return err == nil && a.status == http.StatusCreated
		})
		if err := w.register(f.ctx, name); err != nil { // notes it
			f.t.Error(err)
		}
	}
	took := time.Since(begin)
	if took > recovery {
		f.t.Errorf("%s: the processes took %v to be back, want at most %v", after, took, recovery)
	}
	return took
}

// watchReadiness checks that the process in a place stays ready while the database is away.
func (f *failures) watchReadiness(place int) {
	turns := time.NewTicker(2 * loadPace)
	defer turns.Stop()
	for {
		select {
		case <-f.over:
			return
		case <-turns.C:
		}
		n := f.nodes[place].Load()
		a, err := n.try(f.ctx, "GET /readyz", "")
		if !n.doomed.Load() && (err != nil || a.status != http.StatusOK) {
			f.violate("process %d, GET /readyz: %d, %v", place, a.status, err)
		}
	}
}

// report prints the figures.
func (f *failures) report() {
	for _, line := range f.figures {
		f.t.Log(line)
	}
	f.t.Logf("%d requests, %d refused with 503, %d connections of a killed process broken, %d tries repeated; the "+
		"longest call took %.1f s",
		f.requests, f.refused, f.broken, f.retries, f.worst.Seconds())
	f.t.Logf("longest time without an answered write, failures included: %.1f s through one process, %.1f s through "+
		"the other",
		f.tallies[0].gap.Seconds(), f.tallies[1].gap.Seconds())
	f.t.Logf(
		"%d players and %d sessions were acknowledged, and each was looked for", len(f.players),
		len(f.sessions)+hotSessions,
	)
}
