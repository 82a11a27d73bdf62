package tests_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

// How overload is measured.
const (
	overloadFactor  = 10   // how many times of what can be answered is asked for
	overloadClients = 16   // who ask one request after the other, for the peak
	overloadConns   = 8000 // over which the overload comes
	overloadRounds  = 3
	overloadRamp    = 4 * time.Second // of a flood, in which the queue fills; then it is measured
	overloadRound   = 4 * time.Second
	overloadStored  = 100 // sessions, all of which a request lists: asking must be much cheaper than answering
	overloadTarget  = 0.8 // of the peak
	overloadRequest = "/api/v1/sessions?limit=100"
)

// BenchmarkOverload compares the rate of successful responses at ten times the server's capacity with its peak, by
// turns. Requests come at a fixed rate, whether or not others have completed. The server has one processor, so that
// the clients can send ten times its capacity. A request costs about a hundred times as much as a rejection, because
// rejecting nine takes part of the time of one: see docs/decisions/0018-limits.md. Responses are counted per second of
// the server's CPU time, because clients and other programs use CPU time too.
func BenchmarkOverload(b *testing.B) {
	b.Setenv("GOMAXPROCS", "1") // of the server
	s := gsmSide(b, gsm, "sqlite:"+filepath.Join(b.TempDir(), "gsm.db"))
	c, err := client.New(s.url, client.WithHTTPClient(newHTTP(b)))
	must(b, err)
	for range overloadStored {
		_, err := c.Sessions.Create(b.Context(), client.SessionRequest{Settings: client.Settings{
			Name: "A session", MaxPlayers: 10,
			Attributes: client.Attributes{"level": client.Number(3), "note": client.String(strings.Repeat("x", 8000))},
		}})
		must(b, err)
	}
	few, many := s.lines(b, overloadClients), s.lines(b, overloadConns)
	b.ResetTimer()
	s.peak(b, few) // to warm up
	var calm, over offer
	for range overloadRounds {
		peak := s.peak(b, few)
		calm.add(peak)
		over.add(s.flood(b, many, overloadFactor*peak.answered/peak.seconds))
	}
	factor := over.offered / over.seconds / (calm.answered / calm.seconds)
	ratio := (over.answered / over.cpu) / (calm.answered / calm.cpu)
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(factor, "offered/peak")
	b.ReportMetric(ratio, "goodput/peak")
	b.Logf("half of the answers came within %v and 99 %% within %v; refusals %v and %v",
		quantile(over.answers, .5), quantile(over.answers, .99),
		quantile(over.refusals, .5), quantile(over.refusals, .99))
	b.Logf("peak %.0f/s, of %.2f ms CPU each; offered %.1f times as many: answered %.0f/s, shed %.0f/s; of the peak "+
		"that is %.2f by the clock, and %.2f for a second of CPU",
		calm.answered/calm.seconds, calm.cpu/calm.answered*1000, factor, over.answered/over.seconds,
		over.shed/over.seconds,
		over.answered/over.seconds/(calm.answered/calm.seconds), ratio)
	if ratio < overloadTarget {
		b.Errorf("goodput is %.2f of the peak, want %.2f", ratio, overloadTarget)
	}
	if factor < 0.95*overloadFactor {
		b.Errorf("only %.1f times of the peak was offered, want %d", factor, overloadFactor)
	}
}

// offer is what was asked for in some time, and what came of it.
type offer struct {
	offered, answered, shed float64
	seconds, cpu            float64 // the server's CPU
	answers, refusals       []time.Duration
}

func (o *offer) add(p offer) {
	o.offered += p.offered
	o.answered += p.answered
	o.shed += p.shed
	o.seconds += p.seconds
	o.cpu += p.cpu
	o.answers = append(o.answers, p.answers...)
	o.refusals = append(o.refusals, p.refusals...)
}

// quantile returns how long the fastest of that part took at most.
func quantile(times []time.Duration, part float64) time.Duration {
	slices.Sort(times)
	return times[int(part*float64(len(times)-1))].Round(100 * time.Microsecond)
}

// line is a connection to a server, for one request after the other. It costs much less than [http.Client] does.
type line struct {
	net.Conn
	answers *bufio.Reader
}

// lines opens connections, and waits until the server has taken each.
func (s *side) lines(b *testing.B, n int) []line {
	b.Helper()
	all := make([]line, n)
	for i := range all {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		must(b, err)
		b.Cleanup(func() { _ = c.Close() })
		all[i] = line{c, bufio.NewReader(c)}
		if status, err := all[i].ask("/livez"); err != nil || status != http.StatusOK {
			b.Fatalf("got %d, %v", status, err)
		}
	}
	return all
}

// ask sends a HEAD request, so that only the server pays for the response body, and returns the status.
func (l line) ask(target string) (int, error) {
	if err := l.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(l, "HEAD "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(l.answers, &http.Request{Method: http.MethodHead})
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// peak asks over each connection for one thing after the other.
func (s *side) peak(b *testing.B, lines []line) (o offer) {
	b.Helper()
	cpu := s.cpu(b)
	var answered atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for _, l := range lines {
		all.Go(func() {
			for time.Since(begin) < overloadRound {
				if status, err := l.ask(overloadRequest); err != nil || status != http.StatusOK {
					b.Errorf("got %d, %v", status, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	all.Wait()
	o.seconds, o.answered = time.Since(begin).Seconds(), float64(answered.Load())
	o.offered, o.cpu = o.answered, s.cpu(b)-cpu
	return o
}

// flood sends requests at a fixed rate, and returns the results from the time when the queue was full.
func (s *side) flood(b *testing.B, lines []line, rate float64) offer {
	b.Helper()
	var offered atomic.Int64
	var mu sync.Mutex
	var answers, refusals []time.Duration
	work := make(chan struct{})
	var all sync.WaitGroup
	for _, l := range lines {
		all.Go(func() {
			for range work {
				begin := time.Now()
				status, err := l.ask(overloadRequest)
				took := time.Since(begin)
				mu.Lock()
				switch {
				case err == nil && status == http.StatusOK:
					answers = append(answers, took)
				case err == nil && status == http.StatusServiceUnavailable:
					refusals = append(refusals, took)
				default:
					b.Errorf("got %d, %v", status, err)
				}
				mu.Unlock()
			}
		})
	}
	now := func(at time.Duration) offer {
		mu.Lock()
		defer mu.Unlock()
		return offer{
			float64(offered.Load()), float64(len(answers)), float64(len(refusals)), at.Seconds(), s.cpu(b), answers,
			refusals,
		}
	}
	var ramp offer
	begin, sent := time.Now(), 0.0
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for at := time.Duration(0); at < overloadRamp+overloadRound; at = time.Since(begin) {
		if at >= overloadRamp && ramp.seconds == 0 {
			ramp = now(at)
		}
		for busy := false; !busy && sent < rate*at.Seconds(); {
			select {
			case work <- struct{}{}:
				sent++
				offered.Add(1)
			default: // all connections are: the next tick makes up for it, if it can
				busy = true
			}
		}
		<-tick.C
	}
	end := now(time.Since(begin))
	close(work)
	all.Wait()
	o := offer{
		end.offered - ramp.offered, end.answered - ramp.answered, end.shed - ramp.shed, end.seconds - ramp.seconds,
		end.cpu - ramp.cpu,
		end.answers[len(ramp.answers):], end.refusals[len(ramp.refusals):],
	}
	if o.answered == 0 || o.shed == 0 {
		b.Fatalf("%.0f were answered and %.0f shed", o.answered, o.shed)
	}
	return o
}
