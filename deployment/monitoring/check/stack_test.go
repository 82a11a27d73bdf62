package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	patience = time.Minute // timeout of conditions
	uriEnv   = "GSM_TEST_MONGODB_URI"
)

// namespaces of the targets of each job, for the copies with Kubernetes labels.
var namespaces = map[string]string{"gsm": "games", "mongodb": "data", "prometheus": "monitoring"}

// Log lines with the addresses of programs.
var (
	gsmListens        = regexp.MustCompile(`"msg":"listening".*?"listener":"(api|ops)".*?"address":"([^"]+)"`)
	prometheusListens = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)
)

// stack holds the processes of the check, all on loopback.
type stack struct {
	prometheus string          // URL
	targets    string          // the folder with its target files
	exporters  []string        // addresses
	has        map[string]bool // what is available of the needs of absences
	http       *http.Client
	database   *line // to MongoDB; nil without one
}

// startStack starts gsm on each engine, the exporter if there is one, and Prometheus with the shipped configuration,
// and puts load on gsm until the test ends.
func startStack(t *testing.T) *stack {
	t.Helper()
	for _, name := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%v: install Debian's package prometheus", err)
		}
	}
	s := &stack{has: map[string]bool{}, http: &http.Client{Timeout: 20 * time.Second}}
	gsm := filepath.Join(t.TempDir(), "gsm")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", gsm, "./cmd/gsm")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	databases := []string{"sqlite:" + filepath.Join(t.TempDir(), "gsm.db")}
	if uri := strings.TrimSpace(os.Getenv(uriEnv)); uri != "" {
		s.has["mongodb"] = true
		through, l := newLine(t, freshDatabase(t, uri))
		databases, s.database = append(databases, through), l
		s.learn(t, uri)
		s.exporters = []string{s.exporter(t, uri)}
	} else {
		t.Logf("!!! NOT CHECKED ON MONGODB: %s names no server; make mongodb starts one", uriEnv)
	}
	var apis, ops []string
	for _, d := range databases {
		a, o := serve(t, gsm, d)
		apis, ops = append(apis, "http://"+a), append(ops, o)
	}
	s.startPrometheus(t, ops)
	s.eventually(t, s.prometheus+"/-/ready")
	s.loadUntilTheEnd(t, apis)
	return s
}

// output collects the output of a process.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// begin starts a program that is stopped when the test ends.
func begin(t *testing.T, cmd *exec.Cmd) *output {
	t.Helper()
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		if t.Failed() {
			text := out.String()
			t.Logf("%s said at the end: %s", filepath.Base(cmd.Path), text[max(0, len(text)-2000):])
		}
	})
	return out
}

// serve starts gsm and returns the addresses of its listeners.
func serve(t *testing.T, gsm, database string) (api, ops string) {
	t.Helper()
	cmd := exec.Command(
		gsm, "serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--log-format=json", "--metrics-interval=1s",
		"--database-url="+database,
	)
	cmd.Dir = t.TempDir()
	out := begin(t, cmd)
	if !within(t, func() bool {
		for _, m := range gsmListens.FindAllStringSubmatch(out.String(), -1) {
			if m[1] == "api" {
				api = m[2]
			} else {
				ops = m[2]
			}
		}
		return api != "" && ops != ""
	}) {
		t.Fatalf("gsm does not listen: %s", out)
	}
	return api, ops
}

// startPrometheus starts Prometheus with a copy of the shipped configuration that has shorter intervals. The targets
// are written when Prometheus has an address, because it is one of them.
func (s *stack) startPrometheus(t *testing.T, ops []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "prometheus"))); err != nil {
		t.Fatal(err)
	}
	edit(
		t, filepath.Join(dir, "prometheus.yml"), "scrape_interval: 15s", "scrape_interval: 2s", "scrape_timeout: 10s",
		"scrape_timeout: 2s", "evaluation_interval: 15s", "evaluation_interval: 1s",
	)
	// The exporter uses a second less than the scrape timeout, and opens a new connection for each scrape.
	edit(t, filepath.Join(dir, "prometheus.yml"),
		"- job_name: mongodb\n", "- job_name: mongodb\n    scrape_interval: 5s\n    scrape_timeout: 5s\n")
	edit(t, filepath.Join(dir, "rules/slo.yml"), "interval: 2m", "interval: 1s")
	s.targets = filepath.Join(dir, "targets")
	writeTargets(t, s.targets, "gsm", ops)
	writeTargets(t, s.targets, "mongodb", s.exporters)
	out := begin(t, exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--enable-feature=exemplar-storage"))
	var address string
	if !within(t, func() bool {
		if m := prometheusListens.FindStringSubmatch(out.String()); m != nil {
			address = m[1]
		}
		return address != ""
	}) {
		t.Fatalf("Prometheus does not listen: %s", out)
	}
	writeTargets(t, s.targets, "prometheus", []string{address})
	s.prometheus = "http://" + address
}

// writeTargets writes the targets of a job, each twice: as outside of Kubernetes, and with the labels of a pod.
func writeTargets(t *testing.T, dir, job string, addresses []string) {
	t.Helper()
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels,omitempty"`
	}
	groups := []group{}
	for i, a := range addresses {
		pod := fmt.Sprintf("%s-%d", job, i)
		groups = append(groups, group{
			Targets: []string{a},
		}, group{[]string{a}, map[string]string{"namespace": namespaces[job], "pod": pod, "instance": pod}})
	}
	text, err := json.Marshal(groups) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, job+".yml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// edit replaces pairs of text. Each must occur in the file.
func edit(t *testing.T, path string, pairs ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(text, []byte(pairs[i])) {
			t.Fatalf("%s: no %q", path, pairs[i])
		}
	}
	if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) eventually(t *testing.T, address string) {
	t.Helper()
	if !within(t, func() bool {
		res, err := s.http.Get(address)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}) {
		t.Fatalf("%s does not respond", address)
	}
}

// within polls until so returns true, and reports whether it did within patience.
func within(t *testing.T, so func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// freshDatabase returns the URL of a database that is dropped when the test ends.
func freshDatabase(t *testing.T, uri string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatalf("%s is no URL", uriEnv) // not the value, which may have a password
	}
	name := fmt.Sprintf("gsm-test-monitoring-%d", time.Now().UnixNano())
	q := u.Query()
	if u.User != nil && !q.Has("authSource") {
		q.Set("authSource", "admin")
	}
	u.Path, u.RawQuery = "/"+name, q.Encode()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c, err := mongo.Connect(options.Client().ApplyURI(u.String()))
		if err == nil {
			err = c.Database(name).Drop(ctx)
			_ = c.Disconnect(ctx)
		}
		if err != nil {
			t.Errorf("the database %s stays: %v", name, err)
		}
	})
	return u.String()
}
