package tests_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"game-session-manager/client"
)

// opsAddr is the address of the ops listener.
func (s *server) opsAddr() string { return strings.TrimPrefix(s.ops, "http://") }

// reported returns the fields after a name that a line begins with, or a panel has.
func reported(t testing.TB, text, name string) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)(?:^|    )` + regexp.QuoteMeta(name) + `  +(.*)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %q in\n%s", name, text)
	}
	return strings.Fields(m[1])
}

// What is printed is what was done.
func TestTopOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.newPlayers(t, "someone", 7)
	s.lobby(t, "else", 2, client.Settings{MaxPlayers: 4})
	for range 3 {
		s.do(t, "GET /api/v1/players/"+nobody, "").is(http.StatusNotFound)
	}
	s.do(t, "GET /nowhere", "").is(http.StatusNotFound)
	for range 2 {
		s.do(t, "GET /health", "").is(http.StatusOK)
	}
	code, text, stderr := runToEnd(t, []string{"GSM_OPS_ADDR=" + s.opsAddr()}, "top", "--once", "--interval=200ms")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for name, want := range map[string]string{ // the last column is the total since the start
		"POST /api/v1/players":                       "9",
		"POST /api/v1/sessions":                      "1",
		"GET  /api/v1/players/{player_id}":           "3",
		"GET  unmatched":                             "1",
		"GET  /health":                               "2",
		"create_player":                              "9",
		"POST /api/v1/sessions/{session_id}/members": "1",
	} {
		if got := reported(t, text, name); got[len(got)-1] != want || got[0] != "0" {
			t.Errorf("%s: %v, want 0 a second and %s in all", name, got, want)
		}
	}
	if got := reported(t, text, "players")[0]; len(got) != 1 || got > "9" { // what was counted may be ten seconds old
		t.Errorf("%s players", got)
	}
	for _, never := range []string{"someone", "else", nobody, "\x1b"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is in\n%s", never, text)
		}
	}
}

// Rates and latencies are those of the requests of the interval.
func TestTopRates(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := "GET /api/v1/players/" + string(s.newPlayer(t, "busy").ID)
	stop, sent := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				sent <- n
				return
			default:
				if _, err := s.try(t.Context(), path, ""); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	code, text, stderr := runToEnd(t, nil, "top", "--once", "--interval=1s", "--ops-addr="+s.opsAddr())
	close(stop)
	all := <-sent
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	got := reported(t, text, "GET  /api/v1/players/{player_id}")
	rate, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSuffix(got[0], "/s"), ",", ""), 64)
	if strings.HasSuffix(got[0], "k/s") {
		rate, err = strconv.ParseFloat(strings.TrimSuffix(got[0], "k/s"), 64)
		rate *= 1000
	}
	var over float64
	if _, e := fmt.Sscanf(text[strings.Index(text, "over "):], "over %f s", &over); e != nil || err != nil {
		t.Fatal(err, e)
	}
	const rounding = .9 // of both figures
	if rate <= 0 || rate*over*rounding > float64(all) || got[3] == "–" || reported(t, text, "p99")[0] == "–" {
		t.Errorf("%v: %v a second in %v s, of %d requests in all\n%s", got, rate, over, all, text)
	}
}

func TestTopRefuses(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	const unseen = "no gsm found at "
	api := strings.TrimPrefix(s.url, "http://")
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"--ops-addr=" + api: {
			1, unseen + api + ": start it with gsm serve, or set its ops listener with --ops-addr (GSM_OPS_ADDR)",
		},
		"--ops-addr=127.0.0.1:1":    {1, unseen + "127.0.0.1:1"},
		"--ops-addr=8081":           {exitUsage, "HOST:PORT"},
		"--interval=1ms":            {exitUsage, "--interval"},
		"--interval=1h":             {exitUsage, "--interval"},
		"--sort=names":              {exitUsage, "--sort"},
		"--once --interval=2s once": {exitUsage, "once"},
	} {
		code, stdout, stderr := runToEnd(t, nil, append([]string{"top"}, strings.Fields(args)...)...)
		if code != want.code || !strings.Contains(stderr, want.says) || strings.Count(stderr, "\n") != 1 ||
			stdout != "" {
			t.Errorf("gsm top %s: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// terminal is gsm top in a pseudo terminal.
type terminal struct {
	user, program *os.File // the two ends
	before        string   // the state of the terminal
	cmd           *exec.Cmd
	drawn         *journal
	exited        chan struct{}
}

// onTerminal runs gsm top on a terminal of 80 by 24, and waits until it has drawn.
func onTerminal(t *testing.T, addr string, env ...string) *terminal {
	t.Helper()
	w := &terminal{cmd: command(
		t, "top", "--interval=200ms", "--ops-addr="+addr,
	), drawn: newJournal(), exited: make(chan struct{})}
	var err error
	if w.user, w.program, err = pty.Open(); err != nil {
		t.Fatal(err)
	}
	w.resize(t, 80, 24)
	w.before = w.state(t)
	w.cmd.Env = append(w.cmd.Env, "TERM=xterm-256color", "NO_COLOR=") //nolint:misspell // a convention's spelling
	w.cmd.Env = append(w.cmd.Env, env...)
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = w.program, w.program, w.program
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(w.drawn, w.user) // until both have closed the other end
		close(copied)
	}()
	go func() {
		_ = w.cmd.Wait() // how it ended is in ProcessState
		close(w.exited)
	}()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill() // fails if it has ended already
		<-w.exited
		_ = w.program.Close()
		<-copied
		_ = w.user.Close()
	})
	w.shows(t, 0, "REQUESTS", "PROCESS", "live", "sort: rate", "/readyz", "0/s")
	return w
}

func (w *terminal) resize(t testing.TB, columns, lines uint16) {
	t.Helper()
	if err := pty.Setsize(w.user, &pty.Winsize{Rows: lines, Cols: columns}); err != nil {
		t.Fatal(err)
	}
}

// state is how the terminal treats what is typed and written.
func (w *terminal) state(t testing.TB) string {
	t.Helper()
	state, err := term.GetState(int(w.program.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v", state)
}

// shows waits until all of the texts have been drawn after so many bytes.
func (w *terminal) shows(t testing.TB, after int, texts ...string) {
	t.Helper()
	for _, text := range texts {
		eventually(t, fmt.Sprintf("%q is drawn", text), func() bool {
			select {
			case <-w.exited:
				t.Fatalf("gsm top ended: %v\n%s", w.cmd.ProcessState, w.drawn)
			default:
			}
			return strings.Contains(w.drawn.String()[after:], text)
		})
	}
}

// showsWhole waits until all of the texts are on the terminal. Words of which a part was there before are not drawn
// whole, except when the terminal changes its size.
func (w *terminal) showsWhole(t testing.TB, texts ...string) {
	t.Helper()
	after, columns := len(w.drawn.String()), uint16(60)
	eventually(t, fmt.Sprintf("%q are drawn", texts), func() bool {
		columns = 121 - columns // 61 and 60
		w.resize(t, columns, 15)
		drawn := w.drawn.String()[after:]
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(drawn, text) })
	})
}

// press types keys and waits until they show.
func (w *terminal) press(t testing.TB, keys string, texts ...string) {
	t.Helper()
	after := len(w.drawn.String())
	if _, err := w.user.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	w.shows(t, after, texts...)
}

// restored fails the test unless the program ends well and leaves the terminal as it was.
func (w *terminal) restored(t testing.TB) {
	t.Helper()
	select {
	case <-w.exited:
	case <-time.After(patience):
		t.Fatal("gsm top does not end")
	}
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if after := w.state(t); after != w.before {
		t.Errorf("the terminal was %s and is %s", w.before, after)
	}
	// another screen, no cursor, pastes marked
	for on, off := range map[string]string{
		"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?2004h": "\x1b[?2004l",
	} {
		eventually(t, fmt.Sprintf("%q is taken back", on), func() bool {
			drawn := w.drawn.String()
			return strings.Contains(drawn, on) && strings.LastIndex(drawn, off) > strings.LastIndex(drawn, on)
		})
	}
}

func TestTopOnATerminal(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := onTerminal(t, s.opsAddr())
	if w.state(t) == w.before {
		t.Error("keys are not read as they are pressed")
	}
	after := len(w.drawn.String())
	s.newPlayer(t, "someone")
	w.shows(t, after, "/players")
	w.press(t, "s", "errors")
	w.press(t, "?", "ctrl+c")
	w.press(t, "?p", "paused")
	w.press(t, "p", "live")
	after = len(w.drawn.String())
	w.resize(t, 60, 15)
	w.shows(t, after, "\x1b[2J", "GAME")
	w.press(t, "\x1b[F") // the end key: there is no room for it above
	w.showsWhole(t, "PROCESS", "goroutines")
	w.press(t, "q")
	w.restored(t)
	if strings.Contains(w.drawn.String(), "someone") || !strings.Contains(w.drawn.String(), "\x1b[36;1m") {
		t.Errorf("a name, or no colour: %q", w.drawn)
	}
}

func TestTopEnds(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	s := start(t)
	for name, end := range map[string]func(*terminal) error{
		"ctrl+c":  func(w *terminal) error { _, err := w.user.WriteString("\x03"); return err },
		"SIGTERM": func(w *terminal) error { return w.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":  func(w *terminal) error { return w.cmd.Process.Signal(os.Interrupt) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onTerminal(t, s.opsAddr(), "NO_COLOR=yes") //nolint:misspell // a convention's spelling
			if err := end(w); err != nil {
				t.Fatal(err)
			}
			w.restored(t)
			if coloured := regexp.MustCompile(`\x1b\[[0-9;]*3[0-7][;m]`).FindString(w.drawn.String()); coloured != "" {
				t.Errorf("colours though they are turned off: %q", coloured)
			}
		})
	}
}

// While a server is away the last figures stay, and another one at its address is taken up.
func TestTopGoesOn(t *testing.T) {
	t.Parallel()
	only(t, sqlite)
	first := start(t)
	front, aim := proxyTo(t, first.ops)
	w := onTerminal(t, strings.TrimPrefix(front, "http://"))
	first.kill()
	w.shows(t, 0, "No response for ", "away")
	after := len(w.drawn.String())
	second := start(t)
	aim(second.ops)
	w.shows(t, after, "live")
	after = len(w.drawn.String())
	second.newPlayer(t, "next")
	w.shows(t, after, "/players")
	w.press(t, "q")
	w.restored(t)
}
