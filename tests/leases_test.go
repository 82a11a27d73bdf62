package tests_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"game-session-manager/client"
)

const (
	// leasesSetting is for how long processes are killed and paused, such as 10m. make test-leases sets it.
	leasesSetting = "GSM_TEST_LEASES"
	leasesUsual   = 12 * time.Second

	fleetSessions = 2000
	fleetDying    = 5                       // every so many stop their heartbeats
	fleetHosted   = 3                       // every so many are hosted by a player
	fleetVisited  = 40                      // every so many have players who come and go
	fleetBatch    = 100                     // sessions in a request
	fleetBeat     = 1500 * time.Millisecond // between two heartbeats of a session
	fleetTimeout  = 3 * time.Second         // of a request, after which another process is tried
	fleetRetry    = 100 * time.Millisecond
	fleetStale    = 5 * time.Second  // stale_after, its minimum
	fleetExpire   = 10 * time.Second // expire_after, its minimum

	// A pause that is longer than a process may be deaf, with the interval of its background work, is one that it must
	// notice.
	longPause    = 4500 * time.Millisecond
	longestPause = 8 * time.Second
	shortPause   = time.Second
	// calm is long enough for a single process to judge leases between two disturbances.
	calm      = 7 * time.Second
	fleetWait = 3 * time.Minute // for sessions to expire once there are no more disturbances
)

// TestLeasesUnderCrashes kills and pauses the processes that serve a fleet of sessions, of which some stop their
// heartbeats. Exactly those turn stale and expire.
//
// Each time at which a session turned stale or expired is compared with the heartbeats that were acknowledged, and with
// the times at which the processes were at work, so that a slow machine makes the test slower and not fail.
func TestLeasesUnderCrashes(t *testing.T) {
	t.Parallel()
	during := leasesUsual
	if text := os.Getenv(leasesSetting); text != "" {
		var err error
		during, err = time.ParseDuration(text)
		must(t, err)
	}
	f := newFleet(t)
	f.populate(during)
	// fleetWait is the test's patience: the disturbances have their own end.
	ctx, cancel := context.WithTimeout(t.Context(), during+fleetWait)
	defer cancel()
	f.ctx = ctx
	begin := time.Now()
	var clients sync.WaitGroup
	for i := 0; i < len(f.sessions); i += fleetBatch {
		clients.Go(func() { f.beat(f.sessions[i:min(i+fleetBatch, len(f.sessions))]) })
	}
	visits := f.visits(8)
	for i := range visits {
		clients.Go(func() { f.visit(visits[i]) })
	}
	f.disturb(begin.Add(during))
	f.settle()
	close(f.over)
	clients.Wait()
	f.verify()
	f.report(begin)
}

// fleet is many leased sessions, the processes that serve them, and what is known of both.
type fleet struct {
	t         *testing.T
	ctx       context.Context
	database  string
	processes []*fleetProcess
	sessions  []*fleetSession
	players   []client.Player
	over      chan struct{} // closed when the clients shall end

	kills, pauses, pausesOfAll int // pauses that are long
	requests, retries          atomic.Int64
	mu                         sync.Mutex
	violations                 []string
	figures                    fleetFigures
}

// fleetProcess is a place for a process, which is started again after it was killed.
type fleetProcess struct {
	current atomic.Pointer[fleetServer]
	up      []uptime // when it was at work; the last one is open as long as its end is zero
}

type fleetServer struct {
	*server
	beats *client.Client // without retries
}

// uptime is a time at work, of which both ends may be a little too far out.
type uptime struct{ from, to time.Time }

// fleetSession is a session and what its client knows.
type fleetSession struct {
	client.Session
	dies  time.Time // when its heartbeats stop; zero for never
	beats []acked   // in order
	over  bool      // a heartbeat returned that it has ended
}

// acked is a heartbeat that was acknowledged.
type acked struct{ sent, at time.Time }

// newFleet starts one process on an embedded database, or three.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, ctx: t.Context(), database: freshDatabase(t), over: make(chan struct{})}
	n := 1
	if underTest.name == mongodb {
		n = 3
	}
	t.Cleanup(func() { // a paused process does not end
		for _, p := range f.processes {
			if s := p.current.Load(); s != nil {
				_ = s.cmd.Process.Signal(syscall.SIGCONT)
			}
		}
	})
	for i := range n {
		f.processes = append(f.processes, &fleetProcess{})
		f.launch(i)
	}
	return f
}

// launch starts a process in a place.
func (f *fleet) launch(place int) {
	f.t.Helper()
	p := f.processes[place]
	p.up = append(p.up, uptime{from: time.Now()})
	s := start(f.t, onDatabase(f.database), expectErrors, withArgs(
		"--stale-after="+fleetStale.String(), "--expire-after="+fleetExpire.String(),
		fmt.Sprintf("--replica=process-%d", place),
	), func(o *setup) { o.env = append(o.env, "OTEL_SDK_DISABLED=true") })
	p.current.Store(&fleetServer{s, s.connect(f.t, client.WithRetries(0))})
}

// populate creates the sessions. Those that die do so in the course of the disturbances, and the last early enough for
// some of the expiries to fall into these.
func (f *fleet) populate(during time.Duration) {
	f.t.Helper()
	f.players = f.processes[0].current.Load().newPlayers(f.t, "p", 40)
	f.sessions = make([]*fleetSession, fleetSessions)
	begin := time.Now()
	failures := make([]error, fleetSessions)
	const creators = 32
	together(creators, func(creator int) {
		for i := creator; i < fleetSessions; i += creators {
			r := client.SessionRequest{Settings: client.Settings{MaxPlayers: 3}}
			if i%fleetHosted == 0 {
				r.HostID = &f.players[i%len(f.players)].ID
			}
			v, err := f.processes[i%len(f.processes)].current.Load().api.Sessions.Create(f.ctx, r)
			f.sessions[i], failures[i] = &fleetSession{Session: v.Session}, err
		}
	})
	for _, err := range failures {
		must(f.t, err)
	}
	f.figures.created = time.Since(begin)
	begin = time.Now()
	for i, s := range f.sessions {
		if i%fleetDying == 0 {
			s.dies = begin.Add(rand.N(max(during-fleetExpire, during/3)))
		}
	}
}

// violate records a broken promise.
func (f *fleet) violate(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.violations) < enoughToSay {
		f.violations = append(f.violations, fmt.Sprintf(format, args...))
	}
}

// disturb kills and pauses random processes until a time.
func (f *fleet) disturb(until time.Time) {
	for round := 0; round < 3 || time.Now().Before(until); round++ { // each kind at least once
		most := len(f.processes)
		if round == 0 {
			most = max(1, most-1) // one hears all that is said in the beginning
		}
		victims := rand.Perm(len(f.processes))[:1+rand.IntN(most)]
		quiet := rand.N(time.Second)
		switch round % 3 {
		case 0:
			f.kill(victims)
		case 1:
			f.pause(victims, rand.N(shortPause))
			quiet = calm
		case 2:
			f.pause(victims, longPause+rand.N(longestPause-longPause))
		}
		if !pause(f.ctx, quiet) {
			return
		}
	}
	f.figures.disturbed = time.Now()
}

// pause stops processes for a while.
func (f *fleet) pause(victims []int, d time.Duration) {
	for _, i := range victims {
		f.signal(i, syscall.SIGSTOP)
	}
	if d >= longPause {
		f.pauses++
	}
	if d >= longPause && len(victims) == len(f.processes) {
		f.pausesOfAll++
	}
	pause(f.ctx, d)
	for _, i := range victims {
		p := f.processes[i]
		if d >= longPause {
			p.up[len(p.up)-1].to = time.Now().Add(-d)
			p.up = append(p.up, uptime{from: time.Now()})
		}
		f.signal(i, syscall.SIGCONT)
	}
}

func (f *fleet) signal(place int, s syscall.Signal) {
	if err := f.processes[place].current.Load().cmd.Process.Signal(s); err != nil {
		f.t.Errorf("process %d: %v: %v", place, s, err)
	}
}

// kill ends processes as kill -9 does, and starts them again.
func (f *fleet) kill(victims []int) {
	for _, i := range victims {
		p := f.processes[i]
		p.current.Load().kill()
		p.up[len(p.up)-1].to = time.Now()
		f.kills++
	}
	for _, i := range victims {
		f.launch(i)
	}
}

// settle waits until all sessions without heartbeats are over, and all others had one after the last disturbance.
func (f *fleet) settle() {
	f.t.Helper()
	p := f.processes[0].current.Load()
	for _, s := range f.sessions {
		if s.dies.IsZero() {
			continue
		}
		for {
			v, err := p.api.Sessions.Get(f.ctx, s.ID)
			if err == nil && v.Status.Terminal() {
				break
			}
			if f.ctx.Err() != nil {
				f.t.Fatalf("session %s had its last heartbeat at %v, and is %+v, %v", s.ID, s.dies, v, err)
			}
			pause(f.ctx, fleetRetry)
		}
	}
	f.figures.settled = time.Now()
	rounds := f.requests.Load() + 2*int64(fleetSessions/fleetBatch)
	eventually(f.t, "all have had a heartbeat", func() bool { return f.requests.Load() > rounds })
}
