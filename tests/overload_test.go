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
	overloadConns   = 4000 // over which the overload comes; what finds all of them busy is not asked
	overloadRounds  = 5
	overloadRound   = 2 * time.Second
	overloadStored  = 100 // sessions, all of which a request lists: asking must be much cheaper than answering
	overloadTarget  = 0.8 // of the peak
	overloadRequest = "/api/v1/sessions?limit=100"
)

// BenchmarkOverload compares what is answered under ten times of what can be with the peak, by turns: for the CPU time that
// the server had, because those who ask and whoever else is on the machine take theirs too.
func BenchmarkOverload(b *testing.B) {
	s := gsmSide(b, gsm, "sqlite:"+filepath.Join(b.TempDir(), "gsm.db"))
	c, err := client.New(s.url, client.WithHTTPClient(newHTTP(b)))
	must(b, err)
	for range overloadStored {
		_, err := c.Sessions.Create(b.Context(), client.SessionRequest{Settings: client.Settings{
			Name: "A session", MaxPlayers: 10, Attributes: client.Attributes{"level": client.Number(3), "note": client.String(strings.Repeat("x", 500))},
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
	ratio := (over.answered / over.cpu) / (calm.answered / calm.cpu)
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(ratio, "goodput/peak")
	slices.Sort(over.took)
	b.Logf("peak %.0f/s; offered %.1f times as much: answered %.0f/s, shed %.0f/s, took %v at the median and %v at 99 %%; answers for a second of CPU: %.0f, at the peak %.0f",
		calm.answered/calm.seconds, over.offered/over.seconds/(calm.answered/calm.seconds), over.answered/over.seconds, over.shed/over.seconds,
		over.took[len(over.took)/2], over.took[len(over.took)*99/100], over.answered/over.cpu, calm.answered/calm.cpu)
	if ratio < overloadTarget {
		b.Errorf("goodput is %.2f of the peak, want %.2f", ratio, overloadTarget)
	}
}

// offer is what was asked for in some time, and what came of it.
type offer struct {
	offered, answered, shed float64
	seconds, cpu            float64 // the server's CPU
	took                    []time.Duration
}

func (o *offer) add(p offer) {
	o.offered += p.offered
	o.answered += p.answered
	o.shed += p.shed
	o.seconds += p.seconds
	o.cpu += p.cpu
	o.took = append(o.took, p.took...)
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

// ask sends one request, which is a HEAD so that the answer costs the server alone, and returns the status.
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
	o.cpu = s.cpu(b) - cpu
	return o
}

// flood asks at a rate, whether or not answers come.
func (s *side) flood(b *testing.B, lines []line, rate float64) (o offer) {
	b.Helper()
	cpu := s.cpu(b)
	work := make(chan time.Time)
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, l := range lines {
		all.Go(func() {
			for at := range work {
				status, err := l.ask(overloadRequest)
				mu.Lock()
				switch {
				case err == nil && status == http.StatusOK:
					o.answered++
					o.took = append(o.took, time.Since(at))
				case err == nil && status == http.StatusServiceUnavailable:
					o.shed++
				default:
					b.Errorf("got %d, %v", status, err)
				}
				mu.Unlock()
			}
		})
	}
	begin, sent := time.Now(), 0.0
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for now := begin; now.Sub(begin) < overloadRound; now = <-tick.C {
		for ; sent < rate*now.Sub(begin).Seconds(); sent++ {
			select {
			case work <- now:
				o.offered++
			default: // all connections are busy
			}
		}
	}
	close(work)
	all.Wait()
	o.seconds = time.Since(begin).Seconds()
	o.cpu = s.cpu(b) - cpu
	if o.answered == 0 {
		b.Fatal("nothing was answered")
	}
	return o
}
