package tests_test

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"game-session-manager/client"
)

// watching is a running `gsm watch`.
type watching struct {
	cmd   *exec.Cmd
	lines chan string // closed at its end
}

func gsmWatch(t *testing.T, url string, args ...string) *watching {
	t.Helper()
	w := &watching{cmd: command(t, append([]string{"watch"}, args...)...), lines: make(chan string, 100)}
	w.cmd.Env = append(w.cmd.Env, "GSM_URL="+url)
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill() })
	go func() {
		defer close(w.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			w.lines <- s.Text()
		}
	}()
	return w
}

// line returns the next line, and false at the end.
func (w *watching) line(t *testing.T) (string, bool) {
	t.Helper()
	select {
	case l, ok := <-w.lines:
		return l, ok
	case <-time.After(patience):
		t.Fatal("no line comes")
	}
	return "", false
}

func (w *watching) says(t *testing.T, parts ...string) {
	t.Helper()
	l, ok := w.line(t)
	for _, p := range parts {
		if !ok || !strings.Contains(l, p) {
			t.Fatalf("the line is %q, want %q", l, parts)
		}
	}
}

func (w *watching) ends(t *testing.T) {
	t.Helper()
	if l, ok := w.line(t); ok {
		t.Errorf("after the end comes %q", l)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A session is watched through the restart of its server until it ends, and a project until Ctrl-C.
func TestWatch(t *testing.T) {
	t.Parallel()
	first := start(t)
	front, aim := proxyTo(t, first.url)
	v, players := first.lobby(t, "watched", 2, client.Settings{MaxPlayers: 3})
	one := gsmWatch(t, front, string(v.ID), "--after=0")
	all := gsmWatch(t, front, "--all", "--json", "--after=0", "--type=session_created,member_removed")
	one.says(t, "v1  ", "session_created status=open;", "admin anonymous")
	created, _ := all.line(t)
	var e client.Event
	if err := json.Unmarshal([]byte(created), &e); err != nil || e.Seq == 0 || e.Position == "" ||
		e.Subject.ID != string(v.ID) || e.Changes[0].Type != "session_created" || strings.Contains(created, "0001-01") {
		t.Errorf("%s: %v", created, err)
	}
	one.says(t, "v2  ", "member_joined player_id="+string(players[1].ID))

	first.kill()
	second := start(t, onDatabase(first.database))
	aim(second.url)
	kick := "DELETE /api/v1/sessions/" + string(v.ID) + "/members/" + string(players[1].ID) + "?reason=afk"
	second.do(t, kick, "", "X-Act-As-Player", string(players[0].ID)).is(204)
	if err := second.api.Sessions.Cancel(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	one.says(t, "v3  ", "member_removed player_id="+string(players[1].ID)+" reason=kicked why=afk")
	one.says(t, "v4  ", "status_changed from=open reason=")
	one.ends(t)
	all.says(t, `"member_removed"`)
	if err := all.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	all.ends(t)
}

// What cannot be watched is an error at once.
func TestWatchFails(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, tt := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, "name the SESSION to watch, or use --all", nil},
		{exitUsage, "exclude each other", []string{nobody, "--all"}},
		{exitUsage, `"x" is not the id of a session`, []string{"x"}},
		{exitUsage, "--type and --player need --all", []string{nobody, "--type=member_left"}},
		{exitUsage, `no type "nothing"`, []string{"--all", "--type=nothing"}},
		{exitUsage, `--player: "x"`, []string{"--all", "--player=x"}},
		{exitUsage, "--url (GSM_URL)", []string{"--all", "--url=localhost"}},
		{1, "session_not_found", []string{nobody}},
		{1, "continue without --after", []string{"--all", "--after=0123456789abcdef.1"}},
		{1, "connection refused", []string{"--all", "--url=http://127.0.0.1:1"}},
	} {
		code, out, stderr := runToEnd(t, []string{"GSM_URL=" + s.url}, append([]string{"watch"}, tt.args...)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.says) {
			t.Errorf("gsm watch %q: exit code %d, %s%s, want %d and %q", tt.args, code, out, stderr, tt.code, tt.says)
		}
	}
}
