package tests_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"game-session-manager/client"
)

const (
	// feedSetting is for how long processes are killed, such as 10m, with many more followers than otherwise. make
	// test-feed sets it.
	feedSetting = "GSM_TEST_FEED"

	crowdPlayers = 64 // of a party, which is as large as it may be
	// largePace is the pause between the changes of the large session, of which slow followers read some 16 a second.
	largePace = 40 * time.Millisecond
)

// crowdScale is how much is going on.
type crowdScale struct {
	during    time.Duration
	sessions  int
	followers int // of sessions
	feeds     int // followers of the project's feed
	writers   int
	pace      time.Duration // the longest pause of a writer between two changes
	calm      time.Duration // the longest time without a disturbance
	stay      time.Duration // the longest time for which a follower keeps a stream
	timeout   time.Duration // of requests, and of messages that a follower does not read
}

func newCrowdScale(t *testing.T) crowdScale {
	t.Helper()
	text := os.Getenv(feedSetting)
	if text == "" {
		return crowdScale{
			during: 5 * time.Second, sessions: 12, followers: 54, feeds: 6, writers: 4, pace: 40 * time.Millisecond,
			calm: 1500 * time.Millisecond, stay: 3 * time.Second, timeout: 2 * time.Second,
		}
	}
	during, err := time.ParseDuration(text)
	must(t, err)
	return crowdScale{
		during: during, sessions: 250, followers: 1000, feeds: 12, writers: 12, pace: 100 * time.Millisecond,
		calm: 10 * time.Second, stay: time.Minute, timeout: 5 * time.Second,
	}
}

// TestFollowersThroughCrashes kills the processes that serve followers of sessions and of the project's feed, which
// also leave by themselves, read slowly, and come back to whichever process. Each follower of a session gets every
// version once and in order, and each of the feed every event.
func TestFollowersThroughCrashes(t *testing.T) {
	t.Parallel()
	f := newCrowd(t)
	ctx, cancel := context.WithCancel(t.Context())
	var writers, followers sync.WaitGroup
	defer func() {
		cancel()
		followers.Wait()
	}()
	begin := time.Now()
	all := f.followers()
	for _, w := range all {
		followers.Go(func() { w.run(ctx) })
	}
	writing, stop := context.WithCancel(ctx)
	for range f.scale.writers {
		writers.Go(func() { f.write(writing) })
	}
	writers.Go(func() { f.writeLarge(writing) })
	f.disturb(begin.Add(f.scale.during))
	stop()
	writers.Wait()
	f.over.Store(true)
	disturbed := time.Now()
	f.settle(all)
	settled := time.Now()
	f.countSlow(0)
	cancel()
	followers.Wait()
	f.verify(all)
	f.report(all, disturbed.Sub(begin), settled.Sub(disturbed))
}

// crowd is the processes of one database, which are killed and started again, and what is followed.
type crowd struct {
	t        *testing.T
	scale    crowdScale
	database string
	servers  []atomic.Pointer[server]
	any      *server // whichever of them a request finds
	hasty    *server // the same, with buffers so small that the process notices who does not read
	sessions []*crowdSession
	players  []client.Player

	made            atomic.Int64 // versions
	over            atomic.Bool  // nobody is slow any more
	kills, restarts int
	slow            int // streams that were ended because nobody read them
	mu              sync.Mutex
	violations      []string
}

// crowdSession is a session and the last of its versions that a writer knows.
type crowdSession struct {
	id    client.SessionID
	acked atomic.Int64
	last  int64 // in the end
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	f := &crowd{t: t, scale: newCrowdScale(t), database: freshDatabase(t), servers: make([]atomic.Pointer[server], 1)}
	if underTest.name == mongodb {
		f.servers = make([]atomic.Pointer[server], 3)
	}
	for i := range f.servers {
		f.launch(i)
	}
	f.any = f.through(net.Dialer{})
	f.hasty = f.through(net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			// The process's buffer grows with the segments, which are of 64 KiB on a loopback address.
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)
		})
	}})
	f.players = f.any.newPlayers(t, "crowd", crowdPlayers)
	for range f.scale.sessions {
		v := f.any.newSession(t, client.SessionRequest{Settings: client.Settings{MaxPlayers: crowdPlayers}})
		s := &crowdSession{id: v.ID}
		s.acked.Store(v.Version)
		f.sessions = append(f.sessions, s)
	}
	f.awaitFeed(len(f.players) + len(f.sessions))
	return f
}

// awaitFeed waits until so many events are in the feed: those of a process that dies before it tells of them have their
// places later.
func (f *crowd) awaitFeed(events int) {
	f.t.Helper()
	position, found := "0", 0
	eventually(f.t, "what was created is in the feed", func() bool {
		p, err := f.any.api.Events.Page(f.t.Context(), client.EventRead{After: position}, client.EventFilter{})
		if err != nil {
			f.t.Fatal(err)
		}
		position, found = p.Position, found+len(p.Items)
		return found >= events
	})
}

// launch starts a process in a place.
func (f *crowd) launch(place int) {
	f.t.Helper()
	f.servers[place].Store(start(f.t, onDatabase(f.database), expectErrors, withArgs(
		"--request-timeout="+f.scale.timeout.String(), "--write-timeout="+f.scale.timeout.String(),
		"--shutdown-delay=0s", fmt.Sprintf("--replica=process-%d", place),
	), func(o *setup) { o.env = append(o.env, "OTEL_SDK_DISABLED=true") }))
}

// through returns what stands for all processes.
func (f *crowd) through(d net.Dialer) *server {
	f.t.Helper()
	way := &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 100}
	f.t.Cleanup(way.CloseIdleConnections)
	s := &server{url: "http://any", http: &http.Client{Transport: toAny{f, way}, Timeout: patience}}
	api, err := client.New(s.url, client.WithHTTPClient(s.http))
	must(f.t, err)
	s.api = api
	return s
}

// toAny sends each request to one of the processes, like a balancer that does not know which are dead.
type toAny struct {
	f *crowd
	*http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (a toAny) RoundTrip(req *http.Request) (*http.Response, error) {
	to := a.f.servers[rand.N(len(a.f.servers))].Load()
	req = req.Clone(req.Context())
	req.URL.Host, req.Host = strings.TrimPrefix(to.url, "http://"), ""
	return a.Transport.RoundTrip(req)
}

// write changes random sessions until the context ends.
func (f *crowd) write(ctx context.Context) {
	for pause(ctx, rand.N(f.scale.pace)) {
		s := f.sessions[1+rand.N(len(f.sessions)-1)]
		f.change(ctx, s, func(ctx context.Context) (int64, error) {
			v, err := f.any.api.Sessions.Patch(ctx, s.id, client.Patch{"name": fmt.Sprint(f.made.Load())})
			return v.Version, err
		})
	}
}

// writeLarge has a large party join the first session, and its players leave it one by one, until the context ends.
// Who follows that and does not read is soon noticed. Its pace is the same on any engine, so that slow followers can
// read it all in the end.
func (f *crowd) writeLarge(ctx context.Context) {
	var party client.Party
	for _, p := range f.players {
		party.Players = append(party.Players, client.JoinRequest{PlayerID: p.ID})
	}
	s := f.sessions[0]
	for pause(ctx, retryPause) {
		f.change(ctx, s, func(ctx context.Context) (int64, error) {
			v, err := f.any.api.Sessions.JoinParty(ctx, s.id, party)
			return v.Version, err
		})
		for _, p := range f.players {
			pause(ctx, largePace)
			f.change(ctx, s, func(ctx context.Context) (int64, error) {
				return 0, f.any.api.Sessions.Leave(ctx, s.id, p.ID)
			})
		}
	}
}

// change makes a version of a session, or not if processes die.
func (f *crowd) change(ctx context.Context, s *crowdSession, make func(context.Context) (int64, error)) {
	ctx, cancel := context.WithTimeout(ctx, 2*f.scale.timeout)
	defer cancel()
	version, err := make(ctx)
	if e := (*client.Error)(nil); errors.As(err, &e) && e.Status < http.StatusInternalServerError &&
		!errors.Is(err, client.ErrMemberNotFound) {
		f.violate("a change: %v", err)
	}
	if err != nil {
		return
	}
	f.made.Add(1)
	for acked := s.acked.Load(); version > acked && !s.acked.CompareAndSwap(acked, version); {
		acked = s.acked.Load()
	}
}

// disturb kills and restarts random processes until a time, and each at least once.
func (f *crowd) disturb(until time.Time) {
	for round := 0; round < 2 || time.Now().Before(until); round++ {
		if !pause(f.t.Context(), rand.N(f.scale.calm)) {
			return
		}
		victims := rand.Perm(len(f.servers))[:1+rand.N(len(f.servers))]
		var ending sync.WaitGroup
		for _, i := range victims {
			f.countSlow(i)
			if s := f.servers[i].Load(); round%2 == 0 {
				f.kills++
				s.kill()
			} else {
				f.restarts++
				ending.Go(func() {
					if code, err := s.end(); code != 0 || err != nil {
						f.violate("a process that should end did so with %d, %v", code, err)
					}
				})
			}
		}
		ending.Wait()
		for _, i := range victims {
			f.launch(i)
		}
	}
}

// slowEnds finds how many streams a process has ended because nobody read them.
var slowEnds = regexp.MustCompile(`gsm_streams_ended_total\{reason="slow".*\} (\d+)`)

// countSlow counts what a process, before it ends, has ended because nobody read it.
func (f *crowd) countSlow(place int) {
	f.t.Helper()
	if m := slowEnds.FindStringSubmatch(f.servers[place].Load().scrape(f.t, "")); m != nil {
		n, err := strconv.Atoi(m[1])
		must(f.t, err)
		f.slow += n
	}
}

// violate records a broken promise.
func (f *crowd) violate(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.violations) < enoughToSay {
		f.violations = append(f.violations, fmt.Sprintf(format, args...))
	}
}

// settle waits until all followers have read what was written. A last change of each session brings what a process that
// died could tell nobody of to its place in the feed, if nobody has found it before.
func (f *crowd) settle(all []*crowdFollower) {
	f.t.Helper()
	for _, s := range f.sessions {
		eventually(f.t, "a session can be changed", func() bool {
			v, err := f.any.api.Sessions.Patch(f.t.Context(), s.id, client.Patch{"name": "the last"})
			s.last = v.Version
			return err == nil
		})
		if acked := s.acked.Load(); s.last < acked {
			f.violate("session %s is at version %d, and %d was acknowledged", s.id, s.last, acked)
		}
	}
	deadline := time.Now().Add(patience)
	for _, w := range all {
		for !w.complete() && !w.failed.Load() && time.Now().Before(deadline) {
			pause(f.t.Context(), retryPause)
		}
		if !w.complete() && !w.failed.Load() {
			_ = w.violate("it has not read everything after %v", patience)
		}
	}
}

// verify compares what followers have read with what there is in the end.
func (f *crowd) verify(all []*crowdFollower) {
	f.t.Helper()
	for _, v := range f.violations {
		f.t.Error(v)
	}
	if len(f.violations) > 0 {
		return
	}
	versions := 0
	for _, s := range f.sessions {
		versions += int(s.last)
	}
	for _, w := range all {
		if w.of == nil && w.place != int64(versions+len(f.players)) {
			f.t.Errorf("%s has read %d events, and there are %d", w.name, w.place, versions+len(f.players))
		}
		if w.of != nil && w.place != w.of.last {
			f.t.Errorf("%s has read %d versions, and there are %d", w.name, w.place, w.of.last)
		}
	}
	if f.scale.during >= time.Minute && f.slow == 0 {
		f.t.Error("no stream was ended because nobody read it")
	}
	db(f.t, 0, []string{"check", "--database-url", f.database}, "0 findings")
}

// report prints the figures.
func (f *crowd) report(all []*crowdFollower, disturbed, settled time.Duration) {
	f.t.Helper()
	came, read := map[string]int{}, int64(0)
	for _, w := range all {
		came[w.form] += w.streams
		read += w.place
	}
	tenth := func(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
	f.t.Logf("%s: %d processes, %d kills and %d restarts in %v; %d followers of %d sessions and %d of the feed",
		underTest.name, len(f.servers), f.kills, f.restarts, tenth(disturbed), f.scale.followers, len(f.sessions),
		f.scale.feeds)
	f.t.Logf("%d changes were acknowledged, %d events read, the last %v after the last change; streams were opened %v "+
		"times, and at least %d ended because they were not read", f.made.Load(), read, tenth(settled), came, f.slow)
}
