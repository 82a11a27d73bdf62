package tests_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"game-session-manager/client"
)

const (
	// costTarget is the smallest acceptable share of the request rate with telemetry or authentication on.
	costTarget = 0.95
	// costServers is the number of servers of each kind. Equal servers differ by a few percent for their whole life,
	// which more rounds do not level out.
	costServers = 6
	costRounds  = 6 // of each server with each request
	// costRound is long enough for caches to be warm again: a server is idle while the others have their turns.
	costRound = 500 * time.Millisecond
	// costStored is the initial number of players and sessions, so that lists return something.
	costStored = 100
)

// The cost of gsm itself is measured on the embedded database, where the rest of a request costs least. The first
// three requests are typical of games. The last one is the cheapest, so fixed costs weigh most, and it has no target.
// Sessions are filtered by visibility, because players who do not filter see only those.
var (
	costMixed = load{name: "a lobby's mix", target: costTarget, request: func(_, n int) (string, string, bool) {
		switch n % 10 {
		case 0:
			return "/players", fmt.Sprintf(`{"username":%q}`, speedName()), true
		case 1:
			return "/sessions", `{"name":"speed","max_players":8}`, true
		case 2, 3, 4, 5:
			return "/players?limit=10", "", true
		}
		return "/sessions?visibility=public&limit=10", "", true
	}}
	costCreate = load{name: "create a player", target: costTarget, request: func(int, int) (string, string, bool) {
		return "/players", fmt.Sprintf(`{"username":%q}`, speedName()), true
	}}
	costBrowse = load{name: "list ten sessions", target: costTarget, request: func(int, int) (string, string, bool) {
		return "/sessions?visibility=public&limit=10", "", true
	}}
	costLeast = load{name: "list one player", request: func(int, int) (string, string, bool) {
		return "/players?limit=1", "", true
	}}
)

// BenchmarkTelemetry compares gsm with and without telemetry. The traced server samples one request in a hundred for a
// working collector.
func BenchmarkTelemetry(b *testing.B) {
	_, collector := collect(b)
	off := func(b *testing.B) *side { b.Helper(); return costSide(b, "--telemetry=off") }
	on := func(b *testing.B) *side { b.Helper(); return costSide(b) }
	traced := func(b *testing.B) *side {
		b.Helper()
		b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
		b.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
		b.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.01")
		defer b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
		return costSide(b)
	}
	kinds := []kind{{"off", off}, {"on", on}, {"on, traces of 1 %", traced}}
	compareCost(b, kinds, costMixed, costCreate, costBrowse, costLeast)
}

// BenchmarkAuthentication compares gsm without authentication with gsm that receives an API key or a player's token.
// The callers' rates are not reached. Players cannot create sessions for others, so they only read.
func BenchmarkAuthentication(b *testing.B) {
	off := kind{"off", func(b *testing.B) *side { b.Helper(); return costSide(b, "--auth=off") }}
	on := func(b *testing.B) (*side, *client.Client) {
		b.Helper()
		s := costSide(
			b, "--auth=on", "--secret-key="+secretKey, "--rate-server=1000000:1000000", "--rate-player=1000000:1000000",
		)
		return s, sdk(b, s)
	}
	key := kind{"key", func(b *testing.B) *side {
		b.Helper()
		s, c := on(b)
		k, err := c.Keys.Create(b.Context(), client.KeyRequest{Name: "eu", Scope: client.ScopeServer})
		must(b, err)
		s.credential = k.Token
		return s
	}}
	player := kind{"player", func(b *testing.B) *side {
		b.Helper()
		s, c := on(b)
		p, err := c.Players.Create(b.Context(), client.Profile{Username: "first"})
		must(b, err)
		t, err := c.Players.MintToken(b.Context(), p.ID, client.TokenRequest{})
		must(b, err)
		s.credential = t.Token
		return s
	}}
	b.Run("keys", func(b *testing.B) {
		compareCost(b, []kind{off, key}, costMixed, costCreate, costBrowse, costLeast)
	})
	b.Run("players", func(b *testing.B) { compareCost(b, []kind{off, player}, costBrowse, costLeast) })
}

// kind is a gsm that is started in one way.
type kind struct {
	name  string
	start func(*testing.B) *side
}

// costSide starts a gsm with something in its database.
func costSide(b *testing.B, args ...string) *side {
	b.Helper()
	args = append(args, "--admin-key="+adminKey) // see sdk
	s := gsmSide(b, gsm, "sqlite:"+filepath.Join(b.TempDir(), "gsm.db"), args...)
	c := sdk(b, s)
	for range costStored {
		_, err := c.Players.Create(b.Context(), client.Profile{Username: speedName()})
		must(b, err)
		_, err = c.Sessions.Create(
			b.Context(), client.SessionRequest{Settings: client.Settings{Name: "speed", MaxPlayers: 8}},
		)
		must(b, err)
	}
	return s
}

// sdk returns an admin's client of a server, which has adminKey: keys are checked without authentication too.
func sdk(b *testing.B, s *side) *client.Client {
	b.Helper()
	c, err := client.New(s.url, client.WithHTTPClient(newHTTP(b)), client.WithToken(adminKey))
	must(b, err)
	return c
}

// compareCost compares servers of each kind with those of the first, and fails if a kind handles less than the
// target's share of requests. More servers of the first kind show how much equal ones differ at this time. Requests are
// counted by the clients, which share the processors with the servers. The CPU time of the servers is reported too,
// because other programs affect it less.
func compareCost(b *testing.B, kinds []kind, loads ...load) {
	b.Helper()
	kinds = append(slices.Clip(kinds), kind{kinds[0].name + " again", kinds[0].start})
	servers := make([][]*side, len(kinds))
	for range costServers {
		for i, k := range kinds {
			servers[i] = append(servers[i], k.start(b))
		}
	}
	b.ResetTimer()
	rows := [][]string{{"", "", "req/s", "of " + kinds[0].name, "target", "CPU µs/req", "of " + kinds[0].name}}
	for _, l := range loads {
		l.refill = func() {}
		results := measureKinds(b, l, servers)
		again := len(results) - 1
		for i, r := range results {
			share := ratio(r, results[0])
			rows = append(rows, []string{
				l.name, kinds[i].name, fmt.Sprintf("%.0f", median(r.rates)/costServers), fmt.Sprintf("%.3f", share),
				fmt.Sprint(l.target),
				fmt.Sprintf("%.1f", r.cpu/r.requests*1e6),
				fmt.Sprintf("%.3f", r.cpu/r.requests/(results[0].cpu/results[0].requests)),
			})
			if i != again {
				l.meets(b, kinds[i].name, share, ratio(results[again], results[0]))
			}
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.Logf("%d clients, %d servers of each kind, %d rounds of %v by turns; medians, and of the CPU time the mean:\n%s",
		speedClients, costServers, costRounds, costRound, table(b, rows))
}
