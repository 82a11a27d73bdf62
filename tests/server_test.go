package tests_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"game-session-manager/client"
)

// patience is how long the tests wait for what must happen. It is longer than the half minute after which background
// work comes round again.
const patience = time.Minute

// server is a running gsm.
type server struct {
	url      string // of the API's listener
	ops      string // URL of the internal listener
	database string
	api      *client.Client

	http   *http.Client
	cmd    *exec.Cmd
	stdout *journal
	stderr *journal
	traced bool // to the collector of all
	exited chan struct{}

	described   sync.Mutex
	description contract // once it is requested
}

// setup is what a server is started with.
type setup struct {
	database string
	args     []string
	env      []string
	errors   bool
}

func onDatabase(url string) func(*setup) { return func(s *setup) { s.database = url } }
func withArgs(args ...string) func(*setup) {
	return func(s *setup) { s.args = append(s.args, args...) }
}

// expectErrors says that the server may log lines of level ERROR.
func expectErrors(s *setup) { s.errors = true }

// start runs `gsm serve` on free ports and a fresh database, and waits until it is ready. The server is killed at the
// end of the test, which fails if the server logged an error.
func start(t testing.TB, options ...func(*setup)) *server {
	t.Helper()
	var o setup
	for _, f := range options {
		f(&o)
	}
	if o.database == "" {
		o.database = freshDatabase(t)
	}
	s := launch(t, o)
	s.settle(t)
	return s
}

// settle waits until a server that was launched is ready.
func (s *server) settle(t testing.TB) {
	t.Helper()
	s.url = "http://" + s.listening(t, "api")
	s.ops = "http://" + s.listening(t, "ops")
	s.http = newHTTP(t)
	s.api = s.connect(t)
	eventually(t, "the server is ready", func() bool {
		res, err := s.http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

// launch starts the process and does not wait for it to listen.
func launch(t testing.TB, o setup) *server {
	t.Helper()
	args := append([]string{
		"serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--database-url=" + o.database,
		"--log-format=json",
	}, o.args...)
	s := &server{database: o.database, stdout: newJournal(), stderr: newJournal(), exited: make(chan struct{})}
	s.cmd = command(t, args...)
	if _, measured := t.(*testing.B); !measured && !o.tracesItself() {
		s.cmd.Env = append(s.cmd.Env, allTraces.settings()...)
		s.traced = true
	}
	s.cmd.Env = append(s.cmd.Env, o.env...)
	secrets.keepSettings(o.env)
	s.cmd.Stdout, s.cmd.Stderr = s.stdout, s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in ProcessState
		close(s.exited)
	}()
	t.Cleanup(func() {
		if s.traced {
			s.flushed()
		}
		s.tellsNoSecret(t)
		s.kill()
		s.inspect(t, o.errors)
	})
	return s
}

// command returns gsm with the arguments, in an empty directory and without the settings, of traces too, of whoever
// runs the tests.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	lookAtSources(t)
	cmd := exec.Command(gsm, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GSM_") || strings.HasPrefix(v, "OTEL_")
	})
	return cmd
}

// listening waits until the server listens and returns the listener's address.
func (s *server) listening(t testing.TB, listener string) string {
	t.Helper()
	line := s.logged(t, func(l logLine) bool { return l["msg"] == "listening" && l["listener"] == listener })
	address, _ := line["address"].(string)
	return address
}

// logged waits for a line in the log.
func (s *server) logged(t testing.TB, match func(logLine) bool) logLine {
	t.Helper()
	timeout := time.After(patience)
	for {
		changed := s.stdout.changed()
		lines := s.stdout.logLines()
		if i := slices.IndexFunc(lines, match); i >= 0 {
			return lines[i]
		}
		select {
		case <-changed:
		case <-s.exited:
			t.Fatalf("the server ended: %v\n%s%s", s.cmd.ProcessState, s.stdout, s.stderr)
		case <-timeout:
			t.Fatalf("no such line in the log:\n%s", s.stdout)
		}
	}
}

// connect returns an SDK with connections of its own.
func (s *server) connect(t testing.TB, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(s.url, append([]client.Option{client.WithHTTPClient(newHTTP(t))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newHTTP returns an HTTP client with connections of its own.
func newHTTP(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	var way http.RoundTripper = transport
	if _, measured := t.(*testing.B); !measured {
		way = recorded{transport, t}
	}
	return &http.Client{Transport: way, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// metrics returns what the server tells Prometheus, and reports families that are not in it.
func (s *server) metrics(t testing.TB, families ...string) string {
	t.Helper()
	metrics := s.scrape(t, "")
	for _, family := range families {
		if !strings.Contains(metrics, family) {
			t.Errorf("/metrics has no %s", family)
		}
	}
	return metrics
}

// scrape returns /metrics in the form that the header Accept asks for.
func (s *server) scrape(t testing.TB, accept string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.ops+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	metrics, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: %d, %v", res.StatusCode, err)
	}
	return string(metrics)
}

// kill ends the process at once, as kill -9 does, and waits until it is gone.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // fails if it has ended already
	<-s.exited
}

// terminate asks the process to end, as an operator does, and returns its exit code.
func (s *server) terminate(t testing.TB) int {
	t.Helper()
	code, err := s.end()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// end is terminate for any goroutine, of which only that of the test may end the test.
func (s *server) end() (code int, err error) {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	return s.code()
}

// wait returns the exit code of a process that ends by itself.
func (s *server) wait(t testing.TB) int {
	t.Helper()
	code, err := s.code()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// code waits until the process has ended and returns its exit code.
func (s *server) code() (int, error) {
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		return 0, errors.New("the process does not end")
	}
}

// inspect fails the test for what the process logged and must not have, and shows the logs of a failed test.
func (s *server) inspect(t testing.TB, errorsExpected bool) {
	t.Helper()
	for _, l := range s.stdout.logLines() {
		if l["level"] == "ERROR" && !errorsExpected {
			t.Errorf("the server logged an error: %v", l)
		}
		if category, _ := l["category"].(string); !slices.Contains(categories(), category) {
			t.Errorf("a line without a category: %v", l)
		}
	}
	for line := range strings.Lines(s.stdout.String()) {
		if n := strings.Count(line, `"category":`); n != 1 {
			t.Errorf("a line with %d categories: %s", n, line)
		}
	}
	if strings.Contains(s.stderr.String(), "DATA RACE") || strings.Contains(s.stderr.String(), "panic:") {
		t.Errorf("the server failed:\n%s", s.stderr)
	}
	if t.Failed() {
		t.Logf("the end of the server's log:\n%s%s", s.stdout.tail(40), s.stderr.tail(40))
		s.keepLog(t)
	}
}

// keepLog writes the whole log to a file that outlives the test if it is asked to: see [testing.T.ArtifactDir].
func (s *server) keepLog(t testing.TB) {
	t.Helper()
	f, err := os.CreateTemp(t.ArtifactDir(), "gsm-*.log")
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(s.stdout.String() + s.stderr.String()); err != nil {
		t.Error(err)
	}
	t.Logf("the whole log is in %s", f.Name())
}

// logLine is one line of the server's log.
type logLine map[string]any

// journal keeps what a process writes.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{} // closed at the next write
}

func newJournal() *journal { return &journal{news: make(chan struct{})} }

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.news)
	j.news = make(chan struct{})
	return j.text.Write(b)
}

func (j *journal) changed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.news
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) tail(lines int) string {
	all := strings.SplitAfter(j.String(), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// logLines returns the lines that are whole and JSON.
func (j *journal) logLines() []logLine {
	var lines []logLine
	for line := range strings.Lines(j.String()) {
		var l logLine
		if json.Unmarshal([]byte(line), &l) == nil {
			lines = append(lines, l)
		}
	}
	return lines
}

// eventually waits until the condition is true, and fails the test if that takes too long.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}
