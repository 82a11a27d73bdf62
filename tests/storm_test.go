package tests_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
)

// How a storm of joins is measured.
const (
	stormPlayers = 10_000 // who ask for a seat, once each
	stormClients = 256    // who ask for them
	stormOthers  = 32     // clients who read players, and join and leave sessions of their own, meanwhile
	stormRounds  = 3
	stormTarget  = 2.0 // times that others may wait longer than beside joins of as many sessions as there are clients
)

// BenchmarkStorm lets 10,000 players race for the seats of one session, and measures what others notice of it: their
// latency beside joins that are spread over a session for each client, and beside those of one session, by turns.
// Exactly the seats must be sold.
func BenchmarkStorm(b *testing.B) {
	for _, seats := range []int{100, 1000} {
		b.Run(fmt.Sprintf("seats=%d", seats), func(b *testing.B) { benchmarkStorm(b, seats) })
	}
}

func benchmarkStorm(b *testing.B, seats int) {
	b.Helper()
	s := newStorm(b)
	var spread, storm passage
	for range stormRounds {
		spread.add(s.pass(b, stormClients, seats))
		storm.add(s.pass(b, 1, seats))
	}
	ratio := float64(quantile(storm.others, .99)) / float64(quantile(spread.others, .99))
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(storm.joins/storm.seconds, "joins/s")
	b.ReportMetric(ratio, "others-p99/spread")
	b.Logf("%s: %d seats: %.0f joins/s in %.1f s; spread over %d sessions %.0f joins/s; "+
		"others waited at half %v and at 99 %% %v, beside those spread %v and %v: %.2f times",
		underTest.name, seats, storm.joins/storm.seconds, storm.seconds/stormRounds, stormClients,
		spread.joins/spread.seconds,
		quantile(storm.others, .5), quantile(storm.others, .99),
		quantile(spread.others, .5), quantile(spread.others, .99), ratio)
	if ratio > stormTarget {
		b.Errorf(
			"others wait %.2f times as long as beside joins of many sessions, want at most %.1f", ratio, stormTarget,
		)
	}
}

// storm is a server with players.
type storm struct {
	*side
	sdk     *client.Client
	players []client.PlayerID
}

func newStorm(b *testing.B) *storm {
	b.Helper()
	s := &storm{side: gsmSide(b, gsm, freshDatabase(b)), players: make([]client.PlayerID, stormPlayers)}
	c, err := client.New(s.url, client.WithHTTPClient(s.http))
	must(b, err)
	s.sdk = c
	s.together(b, stormOthers, stormPlayers, func(i int) error {
		p, err := c.Players.Create(b.Context(), client.Profile{Username: fmt.Sprintf("player-%d", i)})
		s.players[i] = p.ID
		return err
	})
	return s
}

// together does something so many times, shared by clients.
func (s *storm) together(b *testing.B, clients, times int, do func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(times) && !b.Failed(); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// passage is what was measured while all players asked for a seat.
type passage struct {
	joins, seconds float64
	others         []time.Duration
}

func (p *passage) add(q passage) {
	p.joins += q.joins
	p.seconds += q.seconds
	p.others = append(p.others, q.others...)
}

// pass lets every player ask for a seat in one of so many new sessions, and measures what others notice.
func (s *storm) pass(b *testing.B, sessions, seats int) passage {
	b.Helper()
	open := make([]client.SessionID, sessions)
	for i := range open {
		v, err := s.sdk.Sessions.Create(
			b.Context(), client.SessionRequest{Settings: client.Settings{MaxPlayers: seats}},
		)
		must(b, err)
		open[i] = v.ID
	}
	ctx, stop := context.WithCancel(b.Context())
	others := s.others(ctx, b)
	begin := time.Now()
	var seated atomic.Int64
	s.together(b, stormClients, stormPlayers, func(i int) error {
		status, err := s.ask(b.Context(), http.MethodPost, "/sessions/"+string(open[i%sessions])+"/members",
			fmt.Sprintf(`{"player_id":%q}`, s.players[i]))
		switch {
		case err != nil:
			return err
		case status == http.StatusCreated:
			seated.Add(1)
		case status != http.StatusConflict: // full
			return fmt.Errorf("a join returned %d", status)
		}
		return nil
	})
	p := passage{joins: stormPlayers, seconds: time.Since(begin).Seconds()}
	stop()
	p.others = others()
	want := min(sessions*seats, stormPlayers)
	held := 0
	for _, id := range open {
		v, err := s.sdk.Sessions.Get(b.Context(), id)
		must(b, err)
		held += len(v.Members)
	}
	if int(seated.Load()) != want || held != want {
		b.Fatalf("%d were given a seat and %d hold one, want %d", seated.Load(), held, want)
	}
	return p
}

// others has other clients read players, and join and leave sessions of their own, until ctx ends. It returns what
// collects how long each request took.
func (s *storm) others(ctx context.Context, b *testing.B) func() []time.Duration {
	b.Helper()
	var all sync.WaitGroup
	took := make([][]time.Duration, stormOthers)
	for i := range stormOthers {
		v, err := s.sdk.Sessions.Create(b.Context(), client.SessionRequest{Settings: client.Settings{MaxPlayers: 10}})
		must(b, err)
		me := string(s.players[i])
		members := "/sessions/" + string(v.ID) + "/members"
		requests := []func() (int, error){
			func() (int, error) { return s.ask(ctx, http.MethodGet, "/players/"+me, "") },
			func() (int, error) { return s.ask(ctx, http.MethodPost, members, fmt.Sprintf(`{"player_id":%q}`, me)) },
			func() (int, error) { return s.ask(ctx, http.MethodDelete, members+"/"+me, "") },
		}
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				begin := time.Now()
				status, err := requests[n%len(requests)]()
				switch {
				case ctx.Err() != nil:
				case err != nil || status >= http.StatusBadRequest:
					b.Errorf("another client: %d, %v", status, err)
					return
				default:
					took[i] = append(took[i], time.Since(begin))
				}
			}
		})
	}
	return func() (times []time.Duration) {
		all.Wait()
		for _, t := range took {
			times = append(times, t...)
		}
		return times
	}
}

// ask sends one request and returns its status.
func (s *storm) ask(ctx context.Context, method, path, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+"/api/v1"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
