package tests_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/procfs"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"game-session-manager/internal/bench"
	"game-session-manager/internal/bench/floor"
)

// How gsm on MongoDB is measured.
const (
	speedClients = 16
	speedRounds  = 80 // of each server with each request, short and by turns: the machine may have other things to do
	speedRound   = 120 * time.Millisecond
	speedWarmUp  = 300 * time.Millisecond
	speedStored  = 1000 // players, and sessions, from the beginning
	speedSeats   = 10   // of each session; one is its host's
	// Commands of background work for each request, which are some tens a second, and go on while each of the other
	// servers has its turn.
	speedBackground = 0.05
	// Commands for each join that look which events of a session have been moved, as the last two of nine do, and that
	// move them.
	speedMoved = 0.6
)

// BenchmarkMongoDB compares gsm on MongoDB with bare handlers: see package floor. Both are processes of their own on
// one database, and it is the ratio in one run that counts. It fails below its targets, and where gsm sends more
// commands than the bare server does. GSM_TEST_BASELINE names another gsm, to be measured in the same run.
func BenchmarkMongoDB(b *testing.B) {
	server := os.Getenv("GSM_TEST_MONGODB_URI")
	if server == "" {
		b.Skip("GSM_TEST_MONGODB_URI is not set")
	}
	db := speedDatabase(b, server)
	names := []string{"gsm", "bare", "bare again"}
	sides := []*side{gsmSide(b, gsm, db), bareSide(b, db), bareSide(b, db)}
	stock := newStock(b, db)
	if baseline := os.Getenv("GSM_TEST_BASELINE"); baseline != "" {
		path, err := filepath.Abs(baseline)
		must(b, err)
		names, sides = append(names, "baseline"), append(sides, gsmSide(b, path, db))
	}
	b.ResetTimer()
	rows := [][]string{{"", "gsm/bare", "target"}}
	for _, name := range names {
		rows[0] = append(rows[0], name+" req/s", name+" CPU µs/req", name+" commands/req")
	}
	for _, l := range stock.loads() {
		results := measure(b, l, sides, speedRounds, speedRound)
		row := []string{l.name, fmt.Sprintf("%.2f", ratio(results[0], results[1])), fmt.Sprint(l.target)}
		for _, r := range results {
			row = append(row, fmt.Sprintf(
				"%.0f", median(r.rates),
			), fmt.Sprintf("%.0f", r.cpu/r.requests*1e6), fmt.Sprintf("%.2f", r.commands/r.requests))
		}
		rows = append(rows, row)
		l.meets(b, names[0], ratio(results[0], results[1]), ratio(results[2], results[1]))
		ours, bare := results[0].commands/results[0].requests, results[1].commands/results[1].requests
		if ours > bare+speedBackground*float64(len(sides))+l.beside {
			b.Errorf("%s: gsm sends %.2f commands and the bare server %.2f", l.name, ours, bare)
		}
	}
	stock.alike(b)
	b.ReportMetric(0, "ns/op") // says nothing here
	b.Logf(
		"%d clients, %d rounds of %v by turns; medians, and of the CPU time the mean:\n%s", speedClients, speedRounds,
		speedRound, table(b, rows),
	)
}

func table(b *testing.B, rows [][]string) string {
	b.Helper()
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		_, err := fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
		must(b, err)
	}
	must(b, w.Flush())
	return text.String()
}

// load is one kind of request.
type load struct {
	name   string
	target float64 // of gsm's rate to the bare server's
	status int     // 0 for the usual status of reads and creations
	// a POST, if it has a body; not ok when there are no more
	request func(client, n int) (target, body string, ok bool)
	refill  func()
	beside  float64 // commands that gsm sends besides those of the bare server
}

// meets fails the benchmark where a share of requests is below the load's target by more than equal servers differ,
// whose ratio is alike. A share that misses its target by less is in doubt, and the log says so. A machine with other
// things to do may be why, so that no benchmark is among what must hold before a change lands: measure again where
// nothing else runs.
func (l load) meets(b *testing.B, name string, share, alike float64) {
	b.Helper()
	switch doubt := math.Abs(1 - alike); {
	case share >= l.target:
	case share+doubt >= l.target:
		b.Logf("%s: %s handles %.3f of the requests, want %v, which is in doubt: equal servers differ by %.3f",
			l.name, name, share, l.target, doubt)
	default:
		b.Errorf("%s: %s handles %.3f of the requests, want %v", l.name, name, share, l.target)
	}
}

// result is what was measured of a server with a load.
type result struct {
	rates                   []float64 // in requests a second, by round
	requests, cpu, commands float64   // of all rounds; cpu in seconds
}

// measureKinds puts a load on servers of several kinds by turns, and returns the result of each kind, with the rate of
// all its servers together. All kinds have the same number of servers.
func measureKinds(b *testing.B, l load, kinds [][]*side) []result {
	b.Helper()
	var sides []*side
	for _, kind := range kinds {
		sides = append(sides, kind...)
	}
	measured := measure(b, l, sides, costRounds, costRound)
	results := make([]result, len(kinds))
	for i, kind := range kinds {
		results[i].rates = make([]float64, costRounds)
		for _, r := range measured[:len(kind)] {
			for round, rate := range r.rates {
				results[i].rates[round] += rate
			}
			results[i].requests += r.requests
			results[i].cpu += r.cpu
			results[i].commands += r.commands
		}
		measured = measured[len(kind):]
	}
	return results
}

// measure puts a load on each server by turns, in another order each round, so that no server comes always after the
// same one.
func measure(b *testing.B, l load, sides []*side, rounds int, during time.Duration) []result {
	b.Helper()
	results := make([]result, len(sides))
	for i, s := range sides {
		l.refill()
		s.load(b, l, speedWarmUp)
		results[i].commands -= s.sent(b)
	}
	orders := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		for _, i := range orders.Perm(len(sides)) {
			r, s := &results[i], sides[i]
			l.refill()
			cpu := s.cpu(b)
			requests, took := s.load(b, l, during)
			r.cpu += s.cpu(b) - cpu
			r.rates = append(r.rates, float64(requests)/took.Seconds())
			r.requests += float64(requests)
		}
	}
	for i, s := range sides {
		results[i].commands += s.sent(b)
	}
	return results
}

// ratio compares rates, and returns the median of the ratios of all rounds. The two of a round follow each other so
// closely that a slower machine affects both, and what else the machine does for a second affects few rounds.
func ratio(a, b result) float64 {
	ratios := make([]float64, len(a.rates))
	for i, rate := range a.rates {
		ratios[i] = rate / b.rates[i]
	}
	return median(ratios)
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// side is a server that is measured.
type side struct {
	url, metrics string
	commands     *regexp.Regexp
	http         *http.Client
	credential   string // that requests send, none if it is empty
	process      procfs.Proc
	kill         func() // ends it before the end of the test
}

// gsmSide starts a gsm, with its log in a file.
func gsmSide(b *testing.B, binary, db string, args ...string) *side {
	b.Helper()
	path := filepath.Join(b.TempDir(), "log")
	log, err := os.Create(path)
	must(b, err)
	cmd := command(
		b, "serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--database-url="+db, "--log-format=json",
		"--metrics-interval=5m",
	)
	cmd.Args = append(cmd.Args, args...)
	cmd.Path, cmd.Stdout, cmd.Stderr = binary, log, log
	running, kill := runProcess(b, cmd)
	b.Cleanup(func() {
		_ = log.Close()
		if text, err := os.ReadFile(path); b.Failed() && err == nil {
			b.Logf("the end of gsm's log: %s", text[max(0, len(text)-1000):])
		}
	})
	address := func(listener string) (found string) {
		eventually(b, "gsm listens: see "+path, func() bool {
			text, err := os.ReadFile(path)
			m := regexp.MustCompile(`"listener":"` + listener + `","address":"([^"]*)"`).FindSubmatch(text)
			if m != nil {
				found = string(m[1])
			}
			return err == nil && m != nil
		})
		return found
	}
	return &side{
		url: "http://" + address("api"), metrics: "http://" + address("ops") + "/metrics", http: newHTTP(b),
		process: running, kill: kill,
		commands: regexp.MustCompile(
			`(?m)^gsm_store_command_duration_seconds_count{command="(?:find|findAndModify|insert|update)".*} (.*)$`,
		),
	}
}

// bareSide starts the bare server.
func bareSide(b *testing.B, db string) *side {
	b.Helper()
	cmd := command(b, bench.FloorCommand)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(b, err)
	stdout, err := cmd.StdoutPipe()
	must(b, err)
	running, _ := runProcess(b, cmd)
	b.Cleanup(func() { _ = stdin.Close() })
	must(b, json.NewEncoder(stdin).Encode(floor.Config{DatabaseURL: db}))
	address, err := bufio.NewReader(stdout).ReadString('\n')
	must(b, err)
	url := "http://" + strings.TrimSpace(address)
	return &side{url: url, metrics: url + "/metrics", http: newHTTP(b), process: running, commands: regexp.MustCompile(
		`(?m)^` + floor.Commands + `{command="(?:find|findAndModify|insert|update)"} (.*)$`,
	)}
}

// runProcess starts a process, and returns what kills it, at the end of the test at the latest.
func runProcess(b *testing.B, cmd *exec.Cmd) (p procfs.Proc, kill func()) {
	b.Helper()
	must(b, cmd.Start())
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b.Cleanup(kill)
	p, err := procfs.NewProc(cmd.Process.Pid)
	must(b, err)
	return p, kill
}

// cpu returns the CPU time, in seconds, that the server has used since it started: by the system, because to ask the
// server for its metrics costs it more than many a request.
func (s *side) cpu(b *testing.B) float64 {
	b.Helper()
	stat, err := s.process.Stat()
	must(b, err)
	return stat.CPUTime()
}

// sent returns how many commands the server has sent since it started.
func (s *side) sent(b *testing.B) (total float64) {
	b.Helper()
	res, err := s.http.Get(s.metrics)
	must(b, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(b, err)
	for _, m := range s.commands.FindAllSubmatch(text, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		must(b, err)
		total += n
	}
	return total
}

// load sends requests for a while, and returns how many and how long it took.
func (s *side) load(b *testing.B, l load, during time.Duration) (requests int64, took time.Duration) {
	b.Helper()
	begin := time.Now()
	var over, failed atomic.Bool
	var count atomic.Int64
	var clients sync.WaitGroup
	for client := range speedClients {
		clients.Go(func() {
			defer over.Store(true)
			for n := 0; !over.Load() && time.Since(begin) < during; n++ {
				target, body, ok := l.request(client, n)
				if !ok {
					return
				}
				if err := s.send(b.Context(), l.status, target, body); err != nil {
					b.Errorf("%s: %v", l.name, err)
					failed.Store(true)
					return
				}
				count.Add(1)
			}
		})
	}
	clients.Wait()
	if failed.Load() { // which a target that was missed before is not
		b.FailNow()
	}
	return count.Load(), time.Since(begin)
}

// send sends a GET, or a POST if it has a body. Status 0 stands for the usual one.
func (s *side) send(ctx context.Context, status int, target, body string) error {
	method, usual := http.MethodGet, http.StatusOK
	if body != "" {
		method, usual = http.MethodPost, http.StatusCreated
	}
	return s.do(ctx, sent{method, target, body, cmp.Or(status, usual)})
}

// do sends a request.
func (s *side) do(ctx context.Context, q sent) error {
	req, err := http.NewRequestWithContext(ctx, q.method, s.url+"/api/v1"+q.target, strings.NewReader(q.body))
	if err != nil {
		return err
	}
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.credential != "" {
		req.Header.Set("Authorization", "Bearer "+s.credential)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	response, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != q.status {
		err = fmt.Errorf("%s %s: %d %s", q.method, q.target, res.StatusCode, response)
	}
	return err
}

// sent is a request with the status that its response must have.
type sent struct {
	method, target, body string
	status               int
}

// stock is what is in the database for requests to read and to join.
type stock struct {
	b                 *testing.B
	db                *mongo.Database
	players, sessions []string
	open              []string     // sessions with a host and no one else: each client has its own
	most              atomic.Int64 // sessions that a client filled in one round
}

// newStock fills a database that a gsm has prepared.
func newStock(b *testing.B, url string) *stock {
	b.Helper()
	db, err := floor.Connect(url, nil)
	must(b, err)
	b.Cleanup(func() { must(b, db.Client().Disconnect(context.Background())) })
	s := &stock{b: b, db: db}
	docs := make([]any, speedStored)
	for i := range docs {
		p := floor.Player{
			Username: speedName(), DisplayName: "A player", Attributes: bson.M{"mmr": 1200.0, "country": "nl"},
		}
		p.Prepare()
		docs[i], s.players = p, append(s.players, p.ID)
	}
	_, err = db.Collection("players").InsertMany(b.Context(), docs)
	must(b, err)
	s.sessions = s.newSessions(speedStored)
	return s
}

func (s *stock) newSessions(n int) (ids []string) {
	docs := make([]any, n)
	for i := range docs {
		v := floor.Session{
			Name: "A session", Mode: "ranked", Map: "dust", Region: "eu-west", MaxPlayers: speedSeats,
			HostID:     s.players[0],
			Attributes: bson.M{"level": 3.0, "ranked": true},
		}
		v.Prepare()
		docs[i], ids = v, append(ids, v.ID)
	}
	_, err := s.db.Collection("sessions").InsertMany(s.b.Context(), docs)
	must(s.b, err)
	return ids
}

// loads are the requests that are measured.
func (s *stock) loads() []load {
	// Clients walk through the documents, each from a place of its own.
	pick := func(ids []string, client, n int) string { return ids[(client*len(ids)/speedClients+n)%len(ids)] }
	nothing := func() {}
	return []load{
		{"read a player", 0.9, http.StatusOK, func(client, n int) (string, string, bool) {
			return "/players/" + pick(s.players, client, n), "", true
		}, nothing, 0},
		{"read a session", 0.9, http.StatusOK, func(client, n int) (string, string, bool) {
			return "/sessions/" + pick(s.sessions, client, n), "", true
		}, nothing, 0},
		{"create a player", 0.8, http.StatusCreated, func(int, int) (string, string, bool) {
			return "/players", fmt.Sprintf(
				`{"username":%q,"display_name":"A player","attributes":{"mmr":1200,"country":"nl"}}`, speedName(),
			), true
		}, nothing, 0},
		{"create a session", 0.8, http.StatusCreated, func(client, n int) (string, string, bool) {
			return "/sessions",
				fmt.Sprintf(`{"name":"A session","mode":"ranked","map":"dust","region":"eu-west","max_players":%d,`+
					`"attributes":{"level":3,"ranked":true},"host_id":%q}`,
					speedSeats, pick(s.players, client, n)), true
		}, nothing, 0},
		{"join a session", 0.8, http.StatusCreated, s.join, s.refill, speedMoved},
	}
}

// join fills a client's sessions one after the other.
func (s *stock) join(client, n int) (target, body string, ok bool) {
	filled := n / (speedSeats - 1)
	for most := s.most.Load(); int64(filled) > most &&
		!s.most.CompareAndSwap(most, int64(filled)); most = s.most.Load() {
	}
	i := filled*speedClients + client
	if i >= len(s.open) {
		return "", "", false
	}
	return "/sessions/" + s.open[i] + "/members", fmt.Sprintf(`{"player_id":%q}`, s.players[1+n%(speedSeats-1)]), true
}

// refill makes sessions for a round of joins: many more than the most so far.
func (s *stock) refill() { s.open = s.newSessions(speedClients * int(10+3*s.most.Load())) }

// alike fails the benchmark if documents of gsm have fields that those of the bare server lack, or lack some.
func (s *stock) alike(b *testing.B) {
	b.Helper()
	for collection, created := range map[string]string{"players": "player_created", "sessions": "session_created"} {
		fields := func(filter bson.D) (keys []string) {
			raw, err := s.db.Collection(collection).FindOne(b.Context(), filter).Raw()
			must(b, err)
			elements, err := raw.Elements()
			must(b, err)
			for _, e := range elements {
				keys = append(keys, e.Key())
			}
			return slices.Sorted(slices.Values(keys))
		}
		ours := fields(bson.D{{Key: "events.changes.type", Value: created}})
		ours = slices.DeleteFunc(ours, func(key string) bool { return key == "events" })
		if bare := fields(bson.D{{Key: "events", Value: nil}}); !slices.Equal(ours, bare) {
			b.Errorf("%s of gsm have the fields %s, and those of the bare server %s", collection, ours, bare)
		}
	}
}

func speedName() string { return uuid.NewString()[:28] }

// speedDatabase returns the URL of a database that is gone after the benchmark.
func speedDatabase(b *testing.B, server string) string {
	b.Helper()
	u, err := url.Parse(server)
	must(b, err)
	u.Path = "/gsm-speed-" + uuid.NewString()
	q := u.Query()
	if u.User != nil && !q.Has("authSource") {
		q.Set("authSource", "admin")
	}
	u.RawQuery = q.Encode()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		db, err := floor.Connect(u.String(), nil)
		must(b, err)
		must(b, db.Drop(ctx))
		must(b, db.Client().Disconnect(ctx))
	})
	return u.String()
}

func must(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
