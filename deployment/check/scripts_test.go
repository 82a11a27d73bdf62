// Package check_test tests the scripts that diagnose a deployment.
package check_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// run runs a script with standard input and returns its output and exit code.
func run(t *testing.T, stdin string, env []string, name string, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Logf("%s: %s", name, stderr.String())
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// crash kills a real process with a signal, and returns its exit code as a container engine reports it.
func crash(t *testing.T, signal string) string {
	t.Helper()
	_, code := run(t, "", nil, "bash", "-c", "bash -c 'kill -"+signal+" $$'; exit $?")
	return strconv.Itoa(code)
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	const refusal = `{"s":"F","c":"CONTROL","id":12257600,"ctx":"main","msg":"MongoDB cannot start: ` +
		`Linux kernel versions 6.19 and newer has a known incompatibility with this version of MongoDB. ` +
		`See https://jira.mongodb.org/browse/SERVER-121912 for more information."}`
	for name, c := range map[string]struct{ code, reason, log, advice string }{
		"a crash without a word": {crash(t, "SEGV"), "", "", "SERVER-121912"},
		"a crash, another tag":   {crash(t, "SEGV"), "", "", "MongoDB 7.0"},
		"a crash, FerretDB":      {crash(t, "SEGV"), "", "", "--overlay ferretdb"},
		"a refusal":              {"1", "", refusal, "refuses to start"},
		"no AVX":                 {crash(t, "ILL"), "", "", "AVX"},
		"no AVX, by the log": {
			"1", "", "docker-entrypoint.sh: line 416: Illegal instruction (core dumped)", "FerretDB",
		},
		"memory":          {"137", "OOMKilled", "", "memory"},
		"data of another": {"62", "", `{"s":"F","msg":"Wrong mongod version"}`, "mongodump"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := run(t, c.log, nil, "../diagnose", c.code, c.reason)
			if code != 0 || !strings.Contains(out, c.advice) {
				t.Errorf("of exit code %s it says %q, and ends with %d", c.code, out, code)
			}
		})
	}
	if out, code := run(t, "all is well", nil, "../diagnose", "0"); code != 1 || out != "" {
		t.Errorf("of a good end it says %q, and ends with %d", out, code)
	}
}

// A script plays Docker. The test shows which commands compose-why runs, and that it passes on how a container ended.
func TestComposeWhy(t *testing.T) {
	t.Parallel()
	const docker = `#!/usr/bin/env bash
case "$1 $2" in
  "compose ps") printf 'api\nmongo\ninit\n' ;;
  "logs --tail") echo "the log of $4" ;;
  "events --filter") [[ $* != *--since* ]] || [ -z "$PAST" ] || echo "$PAST"; [[ $* == *--since* ]] || echo 139 ;;
  inspect*)
    case "$3 $4" in
      "{{.State.Running}} mongo") [ -n "$RUNS" ] && echo true || echo false ;;
      "{{.State.ExitCode}} mongo") echo 139 ;;
      *" api") echo "gsm running healthy 0 0 false" ;;
      *" init") echo "mongodb-init exited none 0 0 false" ;;
      *" mongo") echo "$MONGO" ;;
    esac ;;
esac
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(docker), 0o700); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + dir + ":" + os.Getenv("PATH")
	for name, c := range map[string]struct {
		env  []string
		said string // empty if all is well
	}{
		"all is well":    {[]string{"MONGO=mongodb running healthy 0 0 false"}, ""},
		"it has crashed": {[]string{"MONGO=mongodb exited unhealthy 0 139 false"}, "SERVER-121912"},
		"it runs again": {
			[]string{"MONGO=mongodb running starting 3 0 false", "RUNS=1", "PAST=139"},
			"restarted 3 times, and ended with exit code 139",
		},
		"it is about to crash": {
			[]string{"MONGO=mongodb running starting 3 0 false", "RUNS=1", "PAST="}, "SERVER-121912",
		},
		"it took too much": {[]string{"MONGO=mongodb exited unhealthy 0 137 true"}, "OOMKilled"},
		"it is only slow":  {[]string{"MONGO=mongodb running starting 0 0 false"}, "the log of mongo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := run(t, "", append(c.env, path), "../docker/compose-why")
			if well := c.said == ""; well != (code == 0) || well != (out == "") || !strings.Contains(out, c.said) {
				t.Errorf("it ends with %d and says %s", code, out)
			}
			if strings.Contains(out, "log of api") || strings.Contains(out, "log of init") {
				t.Errorf("it complains of what is well: %s", out)
			}
		})
	}
}

// The exit code of up decides whether the API is rolled back: 3 means that only the monitoring is not ready.
func TestDeploy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("../github-actions/deploy")
	if err != nil {
		t.Fatal(err)
	}
	write("deployment/github-actions/deploy", string(script))
	const up = "#!/bin/sh\n[ \"$*\" = '--overlay production --context there' ] || exit 9\nexit $CODE\n"
	write("deployment/kubernetes/up", up)
	write("bin/kubectl", "#!/bin/sh\necho there\n")
	path := "PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")
	for end, want := range map[string]int{"0": 0, "1": 1, "3": 0} {
		env := []string{path, "OVERLAY=production", "CODE=" + end}
		out, code := run(t, "", env, filepath.Join(dir, "deployment/github-actions/deploy"))
		if code != want || strings.Contains(out, "::warning::") != (end == "3") {
			t.Errorf("where up ends with %s it ends with %d and says %q", end, code, out)
		}
	}
}

func TestLogErrors(t *testing.T) {
	t.Parallel()
	for line, wrong := range map[string]bool{
		`gsm-1  | {"time":"t","level":"INFO","msg":"level=error"}`:                                false,
		`gsm-1  | {"time":"t","level":"ERROR","msg":"unexpected"}`:                                true,
		`[pod/gsm-1/gsm] {"time":"t","level":"WARN","msg":"the database is away"}`:                false,
		`mongodb-1  | {"t":{"$date":"t"},"s":"I",  "c":"REPL", "msg":"replSetInitiate"}`:          false,
		`mongodb-1  | {"t":{"$date":"t"},"s":"E",  "c":"WT", "msg":"WiredTiger error message"}`:   true,
		`prometheus-1  | time=t level=WARN source=x msg="no samples"`:                             false,
		`prometheus-1  | time=t level=ERROR source=x msg="Error loading config"`:                  true,
		`grafana-1  | logger=plugin.backgroundinstaller t=t level=error msg="Failed to install"`:  true,
		`grafana-1  | logger=settings t=t level=info msg="Config overridden" var="errors"`:        false,
		`exporter-1  | time=t level=ERROR source=x collector=replset_status error="x"`:            true,
		`[pod/postgres-0/postgres] 2026-01-01 UTC [7] ERROR:  duplicate key value`:                false,
		`[pod/postgres-0/postgres] 2026-01-01 UTC [7] FATAL:  the database system is starting up`: false,
		`[pod/postgres-0/postgres] 2026-01-01 UTC [7] FATAL:  password authentication failed`:     true,
		`gsm-1  | panic: runtime error: index out of range`:                                       true,
		``: false,
	} {
		out, code := run(t, line+"\n", nil, "./log-errors")
		if want := map[bool]int{true: 1}[wrong]; code != want || wrong != strings.Contains(out, line) && line != "" {
			t.Errorf("%s: it ends with %d and says %q", line, code, out)
		}
	}
}
