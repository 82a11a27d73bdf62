package tests_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// scaleVariable lists how many players the database has when it is measured, as 10000,100000.
	scaleVariable = "GSM_TEST_SCALE"

	scaleClients = 8
	scaleFilling = 128 // clients that fill the database: most of their time they wait for the disk
	scaleSpan    = 2 * time.Second
	scaleSeats   = 16
	scaleLeased  = 200 // sessions for heartbeats: without more of these they turn stale
)

// BenchmarkScale measures an embedded database as it grows: what requests cost, and what operators wait for. There are
// half as many sessions as players, and half of them are over.
func BenchmarkScale(b *testing.B) {
	sizes := os.Getenv(scaleVariable)
	if sizes == "" {
		b.Skipf("takes minutes: make bench-scale sets %s", scaleVariable)
	}
	path := filepath.Join(b.TempDir(), "gsm.db")
	data := &scaleData{path: path}
	costs, operations := [][]string{{"p50 / p99 in ms, and the server's CPU in µs"}}, [][]string{{""}}
	for i, text := range strings.Split(sizes, ",") {
		players, err := strconv.Atoi(text)
		must(b, err)
		begin := time.Now()
		data.grow(b, players)
		b.Logf("%d players and %d sessions after %.0f s", players, players/2, time.Since(begin).Seconds())
		costs[0], operations[0] = append(costs[0], text), append(operations[0], text)
		for j, c := range append(data.costs(b), data.operations(b)...) {
			rows := &costs
			if c.operation {
				rows, j = &operations, j-len(data.requests())
			}
			if i == 0 {
				*rows = append(*rows, []string{c.name})
			}
			(*rows)[j+1] = append((*rows)[j+1], c.text)
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	reportTable(b, "scale-requests", "Requests, by players stored, embedded database", costs)
	reportTable(b, "scale-operations", "Operations, by players stored, embedded database", operations)
}

// scaleCell is one thing that was measured.
type scaleCell struct {
	name, text string
	operation  bool // not a request
}

// scaleData is a database that grows.
type scaleData struct {
	path          string
	players       []string
	open, over    []string // sessions
	leased        []string
	joined, heard atomic.Int64
}

func (d *scaleData) serve(b *testing.B) *side {
	b.Helper()
	return gsmSide(b, gsm, "sqlite:"+d.path, "--session-retention=0")
}

// grow fills the database up to a number of players.
func (d *scaleData) grow(b *testing.B, players int) {
	b.Helper()
	s := d.serve(b)
	defer s.kill()
	transport := &http.Transport{MaxIdleConnsPerHost: scaleFilling}
	defer transport.CloseIdleConnections()
	s.http = &http.Client{Transport: transport, Timeout: patience}
	d.players = append(d.players, fill(b, players-len(d.players), func(ctx context.Context, _ int) (string, error) {
		return s.created(ctx, "/players", newScalePlayer())
	})...)
	newSession := func(ctx context.Context, i int) (string, error) {
		return s.created(ctx, "/sessions", newScaleSession(i))
	}
	if d.leased == nil {
		d.leased = fill(b, scaleLeased, newSession)
	}
	have := len(d.open) + len(d.over)
	made := fill(b, players/2-have, func(ctx context.Context, i int) (string, error) {
		id, err := newSession(ctx, i)
		if err == nil && i%2 == 1 {
			err = s.do(ctx, sent{http.MethodDelete, "/sessions/" + id, "", http.StatusNoContent})
		}
		return id, err
	})
	for i, id := range made {
		if i%2 == 1 {
			d.over = append(d.over, id)
		} else {
			d.open = append(d.open, id)
		}
	}
}

func newScalePlayer() string {
	return fmt.Sprintf(
		`{"username":%q,"display_name":"A player","attributes":{"mmr":1200,"country":"nl"}}`, speedName(),
	)
}

func newScaleSession(i int) string {
	return fmt.Sprintf(`{"name":"A session","mode":"mode-%d","map":"dust","region":"eu","max_players":%d,`+
		`"attributes":{"level":%d}}`, i%100, scaleSeats, i%50)
}

// fill calls make n times, by many clients, and returns what it made.
func fill(b *testing.B, n int, make func(ctx context.Context, i int) (string, error)) []string {
	b.Helper()
	made := slices.Repeat([]string{""}, n)
	failures := slices.Repeat([]error{nil}, scaleFilling)
	together(scaleFilling, func(k int) {
		for i := k; i < n && failures[k] == nil; i += scaleFilling {
			made[i], failures[k] = make(b.Context(), i)
		}
	})
	must(b, errors.Join(failures...))
	return made
}

// scaleRequest is a kind of request; n counts those of a client.
type scaleRequest struct {
	name    string
	request func(client, n int) sent
}

// reads returns the kind of request that reads what target returns.
func reads(name string, target func(client, n int) string) scaleRequest {
	return scaleRequest{name, func(client, n int) sent {
		return sent{http.MethodGet, target(client, n), "", http.StatusOK}
	}}
}

// creates returns the kind of request that sends the body that body returns.
func creates(name, target string, body func(n int) string) scaleRequest {
	return scaleRequest{name, func(_, n int) sent {
		return sent{http.MethodPost, target, body(n), http.StatusCreated}
	}}
}

func (d *scaleData) requests() []scaleRequest {
	// Documents from everywhere, so that they are not in memory already.
	pick := func(ids []string, client, n int) string { return ids[(client*len(ids)/scaleClients+n*7919)%len(ids)] }
	return []scaleRequest{
		reads("read a player", func(client, n int) string { return "/players/" + pick(d.players, client, n) }),
		reads("read a session", func(client, n int) string { return "/sessions/" + pick(d.open, client, n) }),
		reads("read a session that is over", func(client, n int) string {
			return "/sessions/" + pick(d.over, client, n)
		}),
		reads("list 50 open sessions of a mode", func(_, n int) string {
			return fmt.Sprintf("/sessions?status=open&mode=mode-%d&limit=50", n%100)
		}),
		reads("list 50 players by a prefix", func(_, n int) string {
			return fmt.Sprintf("/players?username_prefix=%x&limit=50", 256+n%3840)
		}),
		creates("create a player", "/players", func(int) string { return newScalePlayer() }),
		creates("create a session", "/sessions", newScaleSession),
		{"join a session", func(int, int) sent {
			i := int(d.joined.Add(1))
			player := d.players[(i+i/len(d.open))%len(d.players)] // another one for each seat of a session
			target := "/sessions/" + d.open[i%len(d.open)] + "/members"
			return sent{http.MethodPost, target, fmt.Sprintf(`{"player_id":%q}`, player), http.StatusCreated}
		}},
		{"heartbeat", func(int, int) sent {
			target := "/sessions/" + d.leased[int(d.heard.Add(1))%len(d.leased)] + "/heartbeat"
			return sent{http.MethodPost, target, `{}`, http.StatusOK}
		}},
	}
}

// costs measures requests.
func (d *scaleData) costs(b *testing.B) (cells []scaleCell) {
	b.Helper()
	s := d.serve(b)
	defer s.kill()
	for _, r := range d.requests() {
		cells = append(cells, scaleCell{name: r.name, text: costOf(b, s, r)})
	}
	resident, err := s.process.Stat()
	must(b, err)
	return append(cells, scaleCell{
		"memory after these", fmt.Sprintf("%.0f MB", float64(resident.ResidentMemory())/1e6), true,
	})
}

// costOf measures one kind of request.
func costOf(b *testing.B, s *side, r scaleRequest) string {
	b.Helper()
	cpu := s.cpu(b)
	took := latencies(b, []*side{s}, scaleClients, r)
	cpu = s.cpu(b) - cpu
	ms := func(share int) float64 { return took[len(took)*share/100].Seconds() * 1000 }
	return fmt.Sprintf("%.2f / %.1f, %.0f", ms(50), ms(99), cpu/float64(len(took))*1e6)
}

// latencies sends requests to servers for a while and returns how long they took, in ascending order.
func latencies(b *testing.B, servers []*side, clients int, r scaleRequest) []time.Duration {
	b.Helper()
	all := slices.Repeat([][]time.Duration{nil}, clients)
	failures := slices.Repeat([]error{nil}, clients)
	end := time.Now().Add(scaleSpan)
	together(clients, func(k int) {
		for n := 0; time.Now().Before(end) && failures[k] == nil; n++ {
			q := r.request(k, n)
			if q == (sent{}) {
				break
			}
			begin := time.Now()
			failures[k] = servers[k%len(servers)].do(b.Context(), q)
			all[k] = append(all[k], time.Since(begin))
		}
	})
	must(b, errors.Join(failures...))
	return slices.Sorted(slices.Values(slices.Concat(all...)))
}

// operations measures what operators wait for.
func (d *scaleData) operations(b *testing.B) []scaleCell {
	b.Helper()
	begin := time.Now()
	s := d.serve(b)
	started := time.Since(begin)
	stat, err := s.process.Stat()
	must(b, err)
	s.kill()
	run := func(args ...string) string {
		begin := time.Now()
		out, err := command(b, append([]string{"db"}, args...)...).CombinedOutput()
		if err != nil {
			b.Fatalf("gsm db %v: %v: %.500s", args, err, out)
		}
		return fmt.Sprintf("%.1f s", time.Since(begin).Seconds())
	}
	backup := filepath.Join(b.TempDir(), "backup.db")
	cells := []scaleCell{
		{"start, to the first log of a listener", fmt.Sprintf("%.0f ms", started.Seconds()*1000), true},
		{"memory after the start", fmt.Sprintf("%.0f MB", float64(stat.ResidentMemory())/1e6), true},
		{"backup", run("backup", "--database-url", "sqlite:"+d.path, backup), true},
		{"check", run("check", "--database-url", "sqlite:"+d.path), true},
	}
	size, err := os.Stat(backup)
	must(b, err)
	must(b, os.Remove(backup))
	return append(cells, scaleCell{"size of a backup", fmt.Sprintf("%.0f MB", float64(size.Size())/1e6), true})
}
