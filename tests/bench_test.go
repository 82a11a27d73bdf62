package tests_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"game-session-manager/client"
	"game-session-manager/internal/bench"
)

// shortly are the flags of a run that is over soon.
func shortly(scenario string, more ...string) []string {
	return append([]string{
		"bench", scenario, "--duration=200ms", "--warm-up=0s", "--stock=30", "--clients=4", "--seats=4", "--batch=5",
		"--followers=2", "--think=1ms",
	}, more...)
}

// gsmBench runs `gsm bench` and returns what it printed. The folder for temporary files must be empty afterwards.
func gsmBench(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	got, stdout, stderr := runToEnd(t, []string{"TMPDIR=" + dir}, args...)
	if got != code {
		t.Errorf("gsm %s: exit code %d, want %d:\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("gsm %s leaves %v: %v", strings.Join(args, " "), left, err)
	}
	return stdout, stderr
}

// benchReport is what `gsm bench --json` prints, by the names that programs read.
type benchReport struct {
	Scenario   string           `json:"scenario"`
	Model      string           `json:"model"`
	Requests   int64            `json:"requests"`
	PerSecond  float64          `json:"per_second"`
	Errors     map[string]int64 `json:"errors"`
	Operations []struct {
		Name     string             `json:"name"`
		Requests int64              `json:"requests"`
		Latency  map[string]float64 `json:"latency_us"`
	} `json:"operations"`
	Server struct {
		Version  string `json:"version"`
		Database string `json:"database"`
		Own      bool   `json:"own"`
	} `json:"server"`
	Floor []struct {
		Operation string `json:"operation"`
		Sides     []struct {
			Name     string  `json:"name"`
			Requests int64   `json:"requests"`
			Rate     float64 `json:"rate_ratio"`
			CPU      float64 `json:"cpu_ratio"`
		} `json:"sides"`
	} `json:"floor"`
	Ramp struct {
		Steps []struct {
			Rate float64 `json:"rate"`
		} `json:"steps"`
	} `json:"ramp"`
	Checks struct {
		Made  int64 `json:"made"`
		Wrong []any `json:"wrong"`
	} `json:"checks"`
	Left *struct {
		Players  int `json:"players"`
		Sessions int `json:"sessions"`
	} `json:"left_behind"`
}

func readBench(t *testing.T, stdout string) (r benchReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("not one JSON object in one line: %v\n%s", err, stdout)
	}
	return r
}

// Each scenario loads a server of its own, whose responses are right, and stops by itself.
func TestBench(t *testing.T) {
	t.Parallel()
	for _, s := range bench.Scenarios() {
		t.Run(s[0], func(t *testing.T) {
			t.Parallel()
			args := shortly(s[0], "--json", "--database-url="+freshDatabase(t))
			if s[0] == "ramp" { // whose second rate is too high for four clients
				args = append(args, "--rate=50", "--p99=20s")
			}
			stdout, stderr := gsmBench(t, 0, args...)
			r := readBench(t, stdout)
			if r.Scenario != s[0] || r.Requests == 0 || len(r.Operations) == 0 || len(r.Errors) > 0 || stderr != "" ||
				r.Checks.Made == 0 || len(r.Checks.Wrong) > 0 || !r.Server.Own ||
				!strings.HasPrefix(r.Server.Database, underTest.name) {
				t.Errorf("%s%s", stdout, stderr)
			}
			if l := r.Operations[0].Latency; l["p50"] == 0 || l["p99_9"] < l["p50"] || l["max"] < l["p99_9"] {
				t.Errorf("latencies: %v", l)
			}
			if r.Left == nil || r.Left.Players+r.Left.Sessions > 0 {
				t.Errorf("left behind: %+v", r.Left)
			}
			if s[0] == "ramp" && len(r.Ramp.Steps) == 0 {
				t.Errorf("no steps: %s", stdout)
			}
		})
	}
}

// The floor is measured by turns, with each of its servers.
func TestBenchFloor(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"join", "heartbeat"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			stdout, _ := gsmBench(t, 0, shortly(scenario, "--floor", "--json", "--seats=40", // so that few are filled
				"--database-url="+freshDatabase(t))...)
			r := readBench(t, stdout)
			want := []string{"gsm", "net/http"}
			if underTest.name == mongodb && scenario != "heartbeat" {
				want = append(want, "driver")
			}
			for _, c := range r.Floor {
				for i, s := range c.Sides {
					if len(c.Sides) != len(want) || s.Name != want[i] || s.Requests == 0 || i > 0 && s.Rate <= 0 {
						t.Errorf("%s: %+v, want %v", c.Operation, c.Sides, want)
					}
				}
			}
			if len(r.Floor) == 0 {
				t.Error(stdout)
			}
		})
	}
}

// What a comparison creates is removed from a database that is not its own.
func TestBenchFloorCleansUp(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	database := freshDatabase(t)
	stdout, _ := gsmBench(t, 0, shortly("create", "--floor", "--json", "--database-url="+database)...)
	if r := readBench(t, stdout); r.Requests == 0 || r.Left == nil || r.Left.Players+r.Left.Sessions > 0 {
		t.Errorf("left behind: %+v", r.Left)
	}
	s := start(t, func(o *setup) { o.database = database })
	players, err := s.api.Players.List(t.Context(), client.PlayerFilter{})
	must(t, err)
	sessions, err := s.api.Sessions.List(t.Context(), client.SessionFilter{})
	must(t, err)
	if len(players.Items)+len(sessions.Items) > 0 {
		t.Errorf("%d players and %d sessions are left", len(players.Items), len(sessions.Items))
	}
}

// Ctrl-C ends a comparison with what it has.
func TestBenchFloorInterrupted(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	ctx, interrupt := context.WithCancel(t.Context())
	r, err := bench.Run(ctx, bench.Options{
		Program: command(t).Path, Scenario: "join", Floor: true, Clients: 2, Duration: time.Hour, Stock: 10, Seats: 40,
		Batch: 1, Followers: 1, P99: time.Second, Progress: func(line string) {
			if strings.Contains(line, "round 3 of") {
				interrupt()
			}
		},
	})
	if err != nil || !r.Interrupted || r.Requests == 0 || len(r.Floor) != 1 || r.Err() != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// Against a running server the table names what was measured.
func TestBenchAgainst(t *testing.T) {
	t.Parallel()
	s := start(t)
	stdout, _ := gsmBench(t, 0, shortly("join", "--rate=100", "--against="+s.url)...)
	for _, want := range []string{
		"join, open model, 100 visits a second", s.url, "P99.9", "join session", " 0 failed",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

// A key that may not write is an error that says so.
func TestBenchWithAKeyThatReads(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	_, key, _ := runToEnd(t, nil, "keys", "create", "--scope=read", "--name=r", "--database-url="+s.database)
	_, stderr := gsmBench(t, 1, shortly("join", "--against="+s.url, "--token="+strings.TrimSpace(key))...)
	if !strings.Contains(stderr, "scope server or admin") {
		t.Errorf("with a key of scope read: %s", stderr)
	}
}

// What cannot be measured is an error before anything is started.
func TestBenchUsage(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	for says, args := range map[string][]string{
		`there is no scenario "x": choose one of read, create`: {"bench", "x"},
		"--floor: search cannot be compared with a bare":       {"bench", "search", "--floor"},
		"--against and --database-url exclude each other": {
			"bench", "read", "--against=http://x", "--database-url=sqlite:y",
		},
		"--duration: 2h0m0s must be between 100ms and 1h0m0s": {"bench", "read", "--duration=2h"},
		"--followers: 101 of each of the 100 --clients are more than 10000": {
			"bench", "feed", "--clients=100", "--followers=101",
		},
		`--of: a ramp cannot repeat "ramp"`: {"bench", "ramp", "--of=ramp"},
	} {
		if _, stderr := gsmBench(t, exitUsage, args...); !strings.Contains(stderr, says) {
			t.Errorf("%v: %s, want %q", args, stderr, says)
		}
	}
	if _, stderr := gsmBench(t, 1, "bench", "read", "--database-url=sqlite:/nowhere/gsm.db"); !strings.Contains(stderr,
		"the server does not start: ") {
		t.Errorf("without a database: %s", stderr)
	}
}

// A server that a run has started ends with it, even if the run is killed.
func TestBenchServerEndsWithIt(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	dir := t.TempDir()
	cmd := command(t, "bench", "read", "--duration=1h", "--stock=10")
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := ""
	eventually(t, "the server has started", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "gsm-bench-*", "log"))
		if len(found) == 0 {
			return false
		}
		log = found[0]
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), `"msg":"started"`)
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the server has stopped", func() bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), `"msg":"stopped"`)
	})
}

// Ctrl-C ends a run with what it has.
func TestBenchInterrupted(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	cmd := command(t, "bench", "create", "--against="+s.url, "--duration=1h", "--warm-up=0s", "--stock=10")
	var stdout strings.Builder
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	players := func() int {
		page, err := s.api.Players.List(t.Context(), client.PlayerFilter{})
		must(t, err)
		return len(page.Items)
	}
	eventually(t, "it creates more than it prepares", func() bool { return players() > 20 })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), "interrupted: ") {
		t.Errorf("%v: %s", err, stdout.String())
	}
	if n := players(); n > 0 {
		t.Errorf("%d players are left", n)
	}
}

// Ctrl-C before there is a figure says what is left.
func TestBenchInterruptedEarly(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	_, key, _ := runToEnd(t, nil, "keys", "create", "--scope=server", "--name=s", "--database-url="+s.database)
	cmd := command(t, "bench", "search", "--against="+s.url, "--stock=100000")
	cmd.Env = append(cmd.Env, "GSM_TOKEN="+strings.TrimSpace(key))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it creates sessions", func() bool {
		page, err := s.api.Sessions.List(t.Context(), client.SessionFilter{})
		must(t, err)
		return len(page.Items) > 0
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	for _, want := range []string{"gsm: interrupted before anything was measured\n", "gsm: left behind: "} {
		if err == nil || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: no %q in %s", err, want, stderr.String())
		}
	}
}
