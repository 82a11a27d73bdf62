package tests_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
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

// How followers are measured.
const (
	audienceSetting  = "GSM_TEST_FOLLOWERS" // how many there are
	audienceUsual    = 20_000
	audienceSpare    = 200 // files that a process has open besides
	audienceSessions = 1000
	audienceReaders  = 4                // processes
	audienceSettle   = 10 * time.Second // without less memory, after which what the opening needed counts as free
	audienceIdle     = 30 * time.Second // twice the time between two comments
	audienceWriters  = 4
	audiencePace     = 100 * time.Millisecond // of each writer
	audienceRound    = 15 * time.Second

	audienceMemory = 40 << 10               // bytes for each follower
	audienceOwn    = 250 * time.Millisecond // from a change to 99 % of those who follow it at the same process
	audienceOther  = 600 * time.Millisecond // at another process, by polling
)

// BenchmarkFollowers measures one process with 20,000 followers of a thousand sessions: the memory that they take, the
// CPU time while nothing happens, and the time from a change to its event. There are fewer where a process may not have
// as many files open. The followers are processes of their own, on the same machine.
func BenchmarkFollowers(b *testing.B) {
	database := freshDatabase(b)
	start := func(name string) *side {
		b.Helper()
		return gsmSide(b, gsm, database, "--max-streams=0", "--replica="+name)
	}
	s := start("followed")
	a := &audience{b: b, side: s, api: openSDK(b, s), count: audienceCount(b)}
	a.populate()
	before := a.memory()
	opened := time.Now()
	a.open()
	took := time.Since(opened)
	after := a.memory()
	each, inUse := (after.resident-before.resident)/a.count, (after.inUse-before.inUse)/a.count
	cpu := s.cpu(b)
	time.Sleep(audienceIdle)
	idle := (s.cpu(b) - cpu) / audienceIdle.Seconds()

	rows := [][]string{{"", "", "target"}, {
		"resident memory of each of " + strconv.Itoa(a.count), fmt.Sprintf("%.1f KiB", float64(each)/1024),
		fmt.Sprintf("%d KiB", audienceMemory>>10),
	}, {
		"heap and stacks, as the runtime says", fmt.Sprintf("%.1f KiB", float64(inUse)/1024), "",
	}, {"CPU while nothing happens", fmt.Sprintf("%.1f %% of a core", 100*idle), ""}}
	row := func(name string, l lags, most time.Duration) {
		p99 := l.quantile(.99)
		rows = append(rows, []string{
			name, fmt.Sprintf("p50 %v, p99 %v of %d", l.quantile(.5), p99, l.total()), "p99 " + most.String(),
		})
		if p99 >= most {
			b.Errorf("%s: 99 %% of the events come within %v, want %v", name, p99, most)
		}
	}
	row("change to event, same process", a.round(a.api), audienceOwn)
	if underTest.name == mongodb {
		row("change to event, two processes", a.round(openSDK(b, start("other"))), audienceOther)
	}
	if each <= 0 || each > audienceMemory {
		b.Errorf("a follower takes %d bytes, want at most %d", each, audienceMemory)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(float64(each), "B/follower")
	b.Logf("%s: %d followers of %d sessions, opened in %.1f s:\n%s", underTest.name, a.count, audienceSessions,
		took.Seconds(), table(b, rows))
}

// openSDK returns a client of a server that asks for no credentials.
func openSDK(b *testing.B, s *side) *client.Client {
	b.Helper()
	c, err := client.New(s.url, client.WithHTTPClient(s.http))
	must(b, err)
	return c
}

// audienceCount returns how many followers there are.
func audienceCount(b *testing.B) int {
	b.Helper()
	n := audienceUsual
	if text := os.Getenv(audienceSetting); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(b, err)
	}
	var files syscall.Rlimit
	must(b, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	if most := int(min(files.Max, 1<<30)) - audienceSpare; n > most {
		b.Logf("a process may have %d files open here, so there are %d followers instead of %d", files.Max, most, n)
		n = most
	}
	count, err := evenAudience(n)
	must(b, err)
	return count
}

// evenAudience returns as many followers as there can be with as many of each session, or an error if there is none.
func evenAudience(most int) (int, error) {
	if most < audienceSessions {
		return 0, fmt.Errorf("there can be %d followers, want one of each of %d sessions", most, audienceSessions)
	}
	return most / audienceSessions * audienceSessions, nil
}

func TestEvenAudience(t *testing.T) {
	t.Parallel()
	once(t)
	for most, want := range map[int]int{-1: 0, 0: 0, 999: 0, 1000: 1000, 2999: 2000, 20_000: 20_000} {
		if got, err := evenAudience(most); got != want || (err != nil) != (want == 0) {
			t.Errorf("of %d followers there are %d, %v, want %d", most, got, err, want)
		}
	}
}

// audience is a server and those who follow its sessions.
type audience struct {
	*side
	b       *testing.B
	api     *client.Client
	count   int
	ids     []client.SessionID
	readers []*readers
}

func (a *audience) populate() {
	a.b.Helper()
	a.ids = make([]client.SessionID, audienceSessions)
	failures := make([]error, len(a.ids))
	together(speedClients, func(k int) {
		for i := k; i < len(a.ids); i += speedClients {
			v, err := a.api.Sessions.Create(a.b.Context(), client.SessionRequest{
				Settings: client.Settings{Name: "followed", MaxPlayers: 8},
			})
			a.ids[i], failures[i] = v.ID, err
		}
	})
	for _, err := range failures {
		must(a.b, err)
	}
}

// memoryUse is the memory of a process in bytes, after its garbage was collected.
type memoryUse struct {
	// resident is all that the process takes of the machine, as the system says. It has what the runtime keeps for what
	// will be allocated, but not for long what it needed at a peak: see [audience.memory].
	resident int
	// inUse is what the runtime says that the heap and the stacks use: no other memory, and nothing kept.
	inUse int
}

// memory measures the server once it needs no less any more. The runtime gives the memory of a peak, such as the
// opening of all streams, back to the system bit by bit, so that what is resident just after it says little of what the
// streams need. The first measurement is made in the same way, so that the difference is that of the streams.
func (a *audience) memory() memoryUse {
	a.b.Helper()
	least, since := a.measured(), time.Now()
	for begin := since; time.Since(since) < audienceSettle && time.Since(begin) < 2*patience; {
		pause(a.b.Context(), time.Second)
		m := a.measured()
		if m.resident < least.resident-least.resident/100 {
			since = time.Now()
		}
		least.resident, least.inUse = min(least.resident, m.resident), min(least.inUse, m.inUse)
	}
	return least
}

func (a *audience) measured() memoryUse {
	a.b.Helper()
	a.collect()
	stat, err := a.process.Stat()
	must(a.b, err)
	res, err := a.http.Get(a.metrics)
	must(a.b, err)
	text, err := io.ReadAll(res.Body)
	must(a.b, errors.Join(err, res.Body.Close()))
	bytes := func(name string) int {
		m := regexp.MustCompile(`(?m)^go_memstats_` + name + `_inuse_bytes (.*)$`).FindSubmatch(text)
		n, err := strconv.ParseFloat(string(m[1]), 64)
		must(a.b, err)
		return int(n)
	}
	return memoryUse{stat.ResidentMemory(), bytes("heap") + bytes("stack")}
}

// collect has the server collect its garbage.
func (a *audience) collect() {
	a.b.Helper()
	for range 2 { // what the first leaves in pools, the second collects
		res, err := a.http.Get(strings.TrimSuffix(a.metrics, "/metrics") + "/debug/pprof/heap?gc=1")
		must(a.b, err)
		_, err = io.Copy(io.Discard, res.Body)
		must(a.b, err)
		must(a.b, res.Body.Close())
		if res.StatusCode != http.StatusOK {
			a.b.Fatalf("status %d", res.StatusCode)
		}
	}
}

// open starts the followers, and waits until the server has begun to respond to all.
func (a *audience) open() {
	a.b.Helper()
	for i := range audienceReaders {
		o := readersOrder{Address: strings.TrimPrefix(a.url, "http://"), From: fmt.Sprintf("127.0.0.%d", 2+i)}
		for n := i; n < a.count; n += audienceReaders {
			o.Paths = append(o.Paths, eventsOf(a.ids[n%len(a.ids)], ""))
		}
		a.readers = append(a.readers, startReaders(a.b, o))
	}
	for _, r := range a.readers {
		r.lags(a.b)
	}
}

// round changes sessions for a while, by one server, and returns after which times the events came.
func (a *audience) round(by *client.Client) (all lags) {
	a.b.Helper()
	for _, r := range a.readers {
		r.lags(a.b) // none
	}
	var changes atomic.Int64
	var writers sync.WaitGroup
	begin := time.Now()
	failures := make([]error, audienceWriters)
	for i := range audienceWriters {
		writers.Go(func() {
			pace := time.NewTicker(audiencePace)
			defer pace.Stop()
			for time.Since(begin) < audienceRound && failures[i] == nil {
				<-pace.C
				id := a.ids[rand.N(len(a.ids)/audienceWriters)*audienceWriters+i]
				_, failures[i] = by.Sessions.Patch(a.b.Context(), id, client.Patch{"name": strconv.Itoa(rand.Int())})
				changes.Add(1)
			}
		})
	}
	writers.Wait()
	for _, err := range failures {
		must(a.b, err)
	}
	want := int(changes.Load()) * a.count / audienceSessions
	eventually(a.b, "every follower has every event", func() bool {
		for _, r := range a.readers {
			all.add(r.lags(a.b))
		}
		return all.total() >= want
	})
	if all.total() != want {
		a.b.Errorf("%d events came, want %d", all.total(), want)
	}
	return all
}

// lags are how many events came after which time, in milliseconds. The last are all that came later.
type lags [5000]int

func (l *lags) add(other lags) {
	for i, n := range other {
		l[i] += n
	}
}

func (l *lags) total() (n int) {
	for _, some := range l {
		n += some
	}
	return n
}

func (l *lags) quantile(q float64) time.Duration {
	rest := int(q * float64(l.total()))
	for i, n := range l {
		if rest -= n; rest < 0 {
			return time.Duration(i) * time.Millisecond
		}
	}
	return time.Duration(len(l)) * time.Millisecond
}

// readers is a process of followers.
type readers struct {
	in  io.Writer
	out *bufio.Reader
}

func startReaders(b *testing.B, o readersOrder) *readers {
	b.Helper()
	text, err := json.Marshal(o)
	must(b, err)
	self, err := os.Executable()
	must(b, err)
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = append(os.Environ(), readersVariable+"=yes"), os.Stderr
	in, err := cmd.StdinPipe()
	must(b, err)
	out, err := cmd.StdoutPipe()
	must(b, err)
	runProcess(b, cmd)
	_, err = in.Write(append(text, '\n'))
	must(b, err)
	return &readers{in, bufio.NewReader(out)}
}

// lags returns after which times events have come since the last call. The first one waits for all streams.
func (r *readers) lags(b *testing.B) (l lags) {
	b.Helper()
	_, err := fmt.Fprintln(r.in)
	must(b, err)
	line, err := r.out.ReadBytes('\n')
	must(b, err)
	var came map[int]int
	must(b, json.Unmarshal(line, &came))
	for i, n := range came {
		l[i] = n
	}
	return l
}
