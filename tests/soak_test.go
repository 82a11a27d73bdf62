package tests_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

const (
	// soakSetting is how long the soak takes, as 10m. It is run by make soak alone.
	soakSetting = "GSM_TEST_SOAK"

	soakClients  = 8
	soakPause    = 20 * time.Millisecond // of each client between its requests: some 300 requests a second
	soakPlayers  = 20_000
	soakText     = 2000 // bytes of each document's attributes: some 60 MB in all, more than is kept in memory
	soakSessions = 200
	soakMoments  = 40
)

// moment is what a process takes at one time.
type moment struct {
	at                     time.Duration // since the load began
	resident, heap, goHeld float64       // bytes: of all; of live and dead objects; that Go has from the system
	files, goroutines      float64
	requests               int
	p99                    time.Duration // of the requests since the moment before
}

// TestSoak shows that what a process takes does not grow with time: it sends a steady, mixed load to a database whose
// size stays as it is, and fails where the last quarter took more than the second one.
func TestSoak(t *testing.T) {
	only(t, sqlite)
	if os.Getenv(soakSetting) == "" {
		t.Skipf("takes minutes: make soak sets %s", soakSetting)
	}
	during, err := time.ParseDuration(os.Getenv(soakSetting))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(o *setup) { o.env = append(o.env, "OTEL_SDK_DISABLED=true") })
	begin := s.moment(t)
	l := newSoakLoad(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var clients sync.WaitGroup
	for i := range soakClients {
		clients.Go(func() { l.run(ctx, i) })
	}
	series := l.watch(ctx, t, s, during/soakMoments)
	clients.Wait()
	rest := s.moment(t)
	rest.at = during
	t.Logf("\n%s", soakTable(append(append([]moment{begin}, series...), rest)))
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d requests failed, as with %v", n, l.failure.Load())
	}
	steady(t, series)
}

// steady fails the test if the last quarter of the series takes more than the second one. The first is for caches to
// fill.
func steady(t *testing.T, series []moment) {
	t.Helper()
	n := len(series) / 4
	if n == 0 {
		t.Fatal("it was too short to tell anything")
	}
	for name, f := range map[string]struct {
		of    func(moment) float64
		slack float64 // beside a tenth of what it was
	}{
		"resident bytes": {func(m moment) float64 { return m.resident }, 8 << 20},
		"bytes of Go":    {func(m moment) float64 { return m.goHeld }, 8 << 20},
		"open files":     {func(m moment) float64 { return m.files }, 4},
		"goroutines":     {func(m moment) float64 { return m.goroutines }, 8},
		// What else runs on the machine shows here first.
		"seconds of the 99th percentile": {func(m moment) float64 { return 0.5 * m.p99.Seconds() }, 0.1},
	} {
		before, after := middle(series[n:2*n], f.of), middle(series[len(series)-n:], f.of)
		if after > 1.1*before+f.slack {
			t.Errorf("%s grew from %.3g to %.3g", name, before, after)
		}
	}
}

func middle(series []moment, of func(moment) float64) float64 {
	values := make([]float64, len(series))
	for i, m := range series {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func soakTable(series []moment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8s %9s %9s %9s %9s %6s %10s %9s %9s\n",
		"at", "resident", "heap", "Go", "beside", "files", "goroutines", "requests", "p99")
	for _, m := range series {
		const mib = 1 << 20
		fmt.Fprintf(&b, "%8s %5.1f MiB %5.1f MiB %5.1f MiB %5.1f MiB %6.0f %10.0f %9d %9s\n",
			m.at.Round(time.Second), m.resident/mib, m.heap/mib, m.goHeld/mib, (m.resident-m.goHeld)/mib,
			m.files, m.goroutines, m.requests, m.p99.Round(100*time.Microsecond))
	}
	return b.String()
}

// moment reads what the process tells of itself.
func (s *server) moment(t *testing.T) moment {
	t.Helper()
	v := map[string]float64{}
	for line := range strings.Lines(s.metrics(t)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			v[name] = n
		}
	}
	return moment{
		resident: v["process_resident_memory_bytes"], heap: v["go_memstats_heap_alloc_bytes"],
		goHeld: v["go_memstats_sys_bytes"] - v["go_memstats_heap_released_bytes"],
		files:  v["process_open_fds"], goroutines: v["go_goroutines"],
	}
}

// soakLoad is what lobbies ask for, without anything that stays.
type soakLoad struct {
	api      *client.Client
	players  []client.PlayerID
	sessions []client.SessionID
	failed   atomic.Int64
	failure  atomic.Value // of error

	mu   sync.Mutex
	took []time.Duration
}

func newSoakLoad(t *testing.T, s *server) *soakLoad {
	t.Helper()
	l := &soakLoad{api: s.connect(t, client.WithRetries(0))}
	attributes := client.Attributes{"mmr": client.Number(1200), "about": client.String(strings.Repeat("a", soakText))}
	l.players = make([]client.PlayerID, soakPlayers)
	var failures atomic.Value
	together(soakClients, func(n int) {
		for i := n; i < soakPlayers; i += soakClients {
			f := client.Profile{Username: fmt.Sprintf("soak-%d", i), Attributes: attributes}
			p, err := l.api.Players.Create(t.Context(), f)
			if err != nil {
				failures.Store(err)
				return
			}
			l.players[i] = p.ID
		}
	})
	if err := failures.Load(); err != nil {
		t.Fatal(err)
	}
	for i := range soakSessions {
		o := client.Settings{Name: fmt.Sprintf("soak %d", i), Mode: "ranked", MaxPlayers: 100, Attributes: attributes}
		l.sessions = append(l.sessions, s.newSession(t, client.SessionRequest{Settings: o}).ID)
	}
	return l
}

// run sends one client's requests until the context ends. Each client has its own players, so that nothing is
// rejected.
func (l *soakLoad) run(ctx context.Context, number int) {
	const each = soakPlayers / soakClients
	for n := 0; ctx.Err() == nil; n++ {
		player, session := l.players[number*each+n/10%each], l.sessions[(number+n/10*7)%soakSessions]
		begin := time.Now()
		err := l.request(ctx, n, player, session)
		took := time.Since(begin)
		if err != nil && ctx.Err() == nil {
			l.failed.Add(1)
			l.failure.Store(err)
		}
		l.mu.Lock()
		l.took = append(l.took, took)
		l.mu.Unlock()
		pause(ctx, soakPause)
	}
}

func (l *soakLoad) request(ctx context.Context, n int, player client.PlayerID, session client.SessionID) error {
	var err error
	switch n % 10 {
	case 0:
		_, err = l.api.Sessions.Join(ctx, session, client.JoinRequest{PlayerID: player})
	case 1:
		_, err = l.api.Players.Patch(ctx, player, client.Patch{"display_name": fmt.Sprintf("turn %d", n)})
	case 2:
		_, err = l.api.Sessions.Patch(ctx, session, client.Patch{"map": fmt.Sprintf("map-%d", n/10%20)})
	case 3:
		_, err = l.api.Sessions.List(ctx, client.SessionFilter{Mode: "ranked", Limit: 20})
	case 4:
		_, err = l.api.Players.List(
			ctx, client.PlayerFilter{UsernamePrefix: fmt.Sprintf("soak-%d", n/10%2000), Limit: 20},
		)
	case 5, 6:
		_, err = l.api.Players.Get(ctx, player)
	case 7, 8:
		_, err = l.api.Sessions.Get(ctx, session)
	case 9:
		err = l.api.Sessions.Leave(ctx, session, player)
	}
	return err
}

// watch returns what the process takes at each interval.
func (l *soakLoad) watch(ctx context.Context, t *testing.T, s *server, every time.Duration) (series []moment) {
	t.Helper()
	begin := time.Now()
	for pause(ctx, every) {
		m := s.moment(t)
		m.at = time.Since(begin)
		l.mu.Lock()
		took := l.took
		l.took = nil
		l.mu.Unlock()
		slices.Sort(took)
		if m.requests = len(took); m.requests > 0 {
			m.p99 = took[m.requests*99/100]
		}
		series = append(series, m)
	}
	return series
}

// pause reports whether the context lasted for so long.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
