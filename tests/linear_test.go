package tests_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"game-session-manager/tests/linear"
)

const (
	// linearSetting is how many operations there are on each engine. make test-linear sets it.
	linearSetting = "GSM_TEST_LINEAR"
	linearUsual   = 3000
	// linearSeed repeats the operations of a run, though not their timing.
	linearSeed = "GSM_TEST_LINEAR_SEED"

	linearLanes   = 6
	linearClients = 5 // of each session
	linearSession = 120
	linearPlayers = 10
	linearSeats   = 8
	linearAfter   = 10 // operations on a session that is over

	linearTimeout = 10 * time.Second // of a request
	linearCheck   = time.Minute      // of the check of a session, which takes milliseconds
	linearRetry   = 20 * time.Millisecond
	linearLongest = time.Hour // longer reservations do not expire within a test
	// linearPace is the least number of operations in a second, on a machine that has other things to do.
	linearPace = 50
)

// plan is how a run goes.
type plan struct {
	operations int
	session    int           // operations on each session
	lanes      int           // sessions at once
	confirm    time.Duration // the time to confirm a reservation
	pace       time.Duration // between two operations of a client; 0 for none
	rejoins    float64       // the share of joins by a player who is in, which also confirms its reservation
	reserves   float64       // the share of joins that reserve
	weights    []weight
}

// linearRun is the sessions of a run, the processes that serve them, and what clients saw.
type linearRun struct {
	plan
	t         *testing.T
	ctx       context.Context
	begin     time.Time
	seed      uint64
	database  string
	processes []*atomic.Pointer[server]

	kills    int
	left     atomic.Int64 // operations to come
	sessions atomic.Int64
	done     atomic.Int64 // operations with a response
	unknown  atomic.Int64
	cut      atomic.Int64 // requests that were rejected or not sent, without an effect
	changes  atomic.Int64 // versions, each with its event
	expiries atomic.Int64 // reservations that expired
	promoted atomic.Int64 // players who waited and got a seat
	checking atomic.Int64 // nanoseconds
	longest  atomic.Int64 // nanoseconds of a check

	mu      sync.Mutex
	results map[string]int // how often each result was returned
}

// TestSessionsAreLinearizable sends random requests of many clients to sessions with few seats, while the processes are
// killed. What each client saw of a session is compared with a specification of sessions that serves one request at a
// time, and each version of a session with its event.
//
// TestFaults of package linear shows which responses it refuses to explain. Each of these faults of the service made it
// fail within seconds: an update on MongoDB without the condition of the version; one seat too many in the rule; a
// party that is refused and yet keeps the seats that it had got by then; the last who waits gets the seat; seats go to
// those who wait one change late; who is banned goes on waiting; a use of a join code counts twice, or is one too many;
// an exclusive session keeps its players after its end; a reservation by another takes a player's place, or one of its
// own does not. These took some ten thousand operations: a join whose player leaves in the same batch is not checked
// against the other session; a member changes its team to the last seat for which another waits.
func TestSessionsAreLinearizable(t *testing.T) {
	t.Parallel()
	operations := linearUsual
	if text := os.Getenv(linearSetting); text != "" {
		var err error
		operations, err = strconv.Atoi(text)
		must(t, err)
	}
	r := newLinearRun(t, plan{
		operations: operations, session: linearSession, lanes: linearLanes, confirm: 24 * linearLongest,
		rejoins: 0.3, reserves: 0.3,
		weights: []weight{
			{linear.Read, 10},
			{linear.Join, 40},
			{linear.Leave, 14},
			{linear.Ban, 3},
			{linear.Unban, 5},
			{linear.Edit, 22},
			{linear.Move, 8},
			{linear.Settings, 8},
			{linear.Host, 3},
			{linear.Invite, 4},
			{linear.Rotate, 2},
			{linear.Uncode, 1},
		},
	})
	r.run()
	if r.promoted.Load() == 0 {
		t.Error("nobody who waited got a seat")
	}
}

func newLinearRun(t *testing.T, p plan) *linearRun {
	t.Helper()
	r := &linearRun{
		plan: p, t: t, begin: time.Now(), seed: rand.Uint64(), database: freshDatabase(t),
		results: map[string]int{},
	}
	if text := os.Getenv(linearSeed); text != "" {
		var err error
		r.seed, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	r.left.Store(int64(p.operations))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience+time.Duration(p.operations/linearPace)*time.Second)
	t.Cleanup(cancel)
	r.ctx = ctx
	n := 1
	if underTest.name == mongodb {
		n = 3
	}
	for place := range n {
		r.processes = append(r.processes, &atomic.Pointer[server]{})
		r.launch(place)
	}
	return r
}

// launch starts a process in a place.
func (r *linearRun) launch(place int) {
	r.t.Helper()
	s := start(r.t, onDatabase(r.database), expectErrors,
		withArgs("--telemetry=off", fmt.Sprintf("--replica=process-%d", place)),
		func(o *setup) { o.env = append(o.env, "OTEL_SDK_DISABLED=true") })
	r.processes[place].Store(s)
}

// run kills processes until all sessions are over, and prints the figures.
func (r *linearRun) run() {
	begin := time.Now()
	over := make(chan struct{})
	var lanes sync.WaitGroup
	for range r.lanes {
		lanes.Go(r.lane)
	}
	go func() {
		lanes.Wait()
		close(over)
	}()
	r.disturb(over)
	if r.ctx.Err() != nil {
		r.t.Errorf("%d operations were not made in time", r.left.Load())
	}
	tenth := func(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
	r.t.Logf("%s, seed %d: %d operations on %d sessions by %d processes in %v, %d kills, %d outcomes unknown, "+
		"%d requests without effect repeated", underTest.name, r.seed, r.done.Load(), r.sessions.Load(),
		len(r.processes), tenth(time.Since(begin)), r.kills, r.unknown.Load(), r.cut.Load())
	r.t.Logf("%d versions with an event each, %d reservations expired, %d waiting players got seats; "+
		"the checks took %v, the longest %v", r.changes.Load(), r.expiries.Load(), r.promoted.Load(),
		tenth(time.Duration(r.checking.Load())), time.Duration(r.longest.Load()).Round(time.Millisecond))
	r.t.Logf("results: %v", r.results)
}

// count counts the results of a session.
func (r *linearRun) count(h linear.History) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range h.Operations {
		result := o.Output.(linear.Result)
		told := cmp.Or(result.Code, strconv.Itoa(result.Status))
		r.results[fmt.Sprintf("%s %s", o.Input.(linear.Operation).Kind, told)]++
	}
}

// disturb kills random processes and starts them again.
func (r *linearRun) disturb(over <-chan struct{}) {
	random := rand.New(rand.NewPCG(r.seed, 0))
	for {
		quiet := time.Second + time.Duration(random.Int64N(int64(2*time.Second)))
		select {
		case <-over:
			return
		case <-r.ctx.Done():
			<-over
			return
		case <-time.After(quiet):
		}
		place := random.IntN(len(r.processes))
		r.processes[place].Load().kill()
		r.kills++
		r.launch(place)
	}
}

// lane makes one session after the other.
func (r *linearRun) lane() {
	for each := int64(r.session); r.ctx.Err() == nil && !r.t.Failed() && r.left.Add(-each) > -each; {
		number := r.sessions.Add(1)
		s, err := r.open(uint64(number))
		if err != nil {
			r.t.Errorf("session %d: %v", number, err)
			return
		}
		var clients sync.WaitGroup
		for i := range linearClients {
			clients.Go(func() { s.client(i) })
		}
		clients.Wait()
		s.verify()
		if unused := s.session - int(s.next.Load()); unused > 0 { // because it was over
			r.left.Add(int64(unused))
		}
	}
}

// verify checks what was seen of a session.
func (s *lineage) verify() {
	r := s.linearRun
	s.finish()
	r.count(s.history)
	if err := s.told(); err != nil {
		if r.ctx.Err() == nil {
			r.t.Errorf("sessions %v, seed %d: %v", s.ids, r.seed, err)
		}
		return
	}
	s.addExpiries()
	begin := time.Now()
	result := s.history.Check(linearCheck)
	took := time.Since(begin)
	r.checking.Add(int64(took))
	for old := r.longest.Load(); int64(took) > old && !r.longest.CompareAndSwap(old, int64(took)); {
		old = r.longest.Load()
	}
	switch result {
	case porcupine.Illegal:
		s.report()
	case porcupine.Unknown:
		r.t.Errorf("sessions %v: whether they are linearizable was not found out in %v", s.ids, linearCheck)
	case porcupine.Ok:
	}
}

// report prints the smallest part of a history that cannot be explained, and keeps it with a page that shows it.
func (s *lineage) report() {
	r := s.linearRun
	least := s.history.Minimal(linearCheck)
	text := fmt.Sprintf("sessions %v, seed %d, on %s are not linearizable:\n%v", s.ids, r.seed, underTest.name, least)
	name := filepath.Join(r.t.ArtifactDir(), "session-"+string(s.ids[0]))
	err := cmp.Or(
		os.WriteFile(name+".txt", []byte(text+"\nall of it:\n"+s.history.String()), 0o600),
		least.WritePage(name+".html", linearCheck),
	)
	r.t.Errorf("%s\nin %s.txt and .html (%v), which make test-linear keeps", text, name, err)
}
