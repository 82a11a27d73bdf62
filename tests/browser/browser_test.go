// Package browser_test tests the pages of the guides in a real browser: Debian's Chromium, or the one that
// GSM_TEST_BROWSER names. It is a module of its own, so that nothing else depends on what drives the browser.
package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	adminKey = "gsm_ops_0123456789abcdef0123456789abcdef"
	patience = 30 * time.Second
)

// lobby is a gsm behind a proxy, with a session.
type lobby struct {
	t       *testing.T
	binary  string
	env     []string
	url     string // of the proxy
	target  atomic.Pointer[url.URL]
	refuse  atomic.Bool // streams, until there is a new ticket
	tickets atomic.Int64
	kill    func()

	session, alice, bob, token string
}

// TestLiveLobby shows a session in a browser, through joins, kicks, a kill of the server, a ticket that has ended, and
// the end of the session.
func TestLiveLobby(t *testing.T) {
	browser := findBrowser(t)
	page := httptest.NewServer(http.FileServer(http.Dir("../../docs/guides")))
	t.Cleanup(page.Close)
	l := newLobby(t, page.URL)
	tab := open(t, browser, page.URL+"/live-lobby.html#"+url.Values{
		"api": {l.url}, "session": {l.session}, "token": {l.token},
	}.Encode())

	tab.shows(t, "open", "alice, host")
	l.join(l.bob)
	tab.shows(t, "open", "alice, host", "bob")
	l.call("DELETE", "/sessions/"+l.session+"/members/"+l.bob, "")
	tab.shows(t, "open", "alice, host")

	l.kill()
	l.start()
	l.join(l.bob)
	tab.shows(t, "open", "alice, host", "bob")

	before := l.tickets.Load()
	l.refuse.Store(true)
	l.kill() // cuts the stream
	l.start()
	l.call("DELETE", "/sessions/"+l.session+"/members/"+l.bob, "")
	tab.shows(t, "open", "alice, host")
	if l.tickets.Load() == before {
		t.Error("the page asked for no new ticket")
	}

	l.call("PUT", "/sessions/"+l.session, `{"status":"cancelled"}`)
	tab.shows(t, "cancelled", "alice, host")
	tab.text(t, "connection", "session_ended")
}

// findBrowser returns the path of the browser, or skips the test if there is none.
func findBrowser(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("GSM_TEST_BROWSER"); named != "" {
		return named
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	return path
}

func newLobby(t *testing.T, origin string) *lobby {
	t.Helper()
	l := &lobby{t: t, binary: filepath.Join(t.TempDir(), "gsm")}
	build := exec.Command("go", "build", "-o", l.binary, "./cmd/gsm")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	proxy := httptest.NewServer(l.proxy())
	t.Cleanup(proxy.Close)
	l.url = proxy.URL
	l.env = append(os.Environ(), "GSM_HTTP_ADDR=127.0.0.1:0", "GSM_OPS_ADDR=127.0.0.1:0", "GSM_AUTH=on",
		"GSM_ADMIN_KEY="+adminKey, "GSM_SECRET_KEY="+strings.Repeat("0123456789abcdef", 4),
		"GSM_CORS_ORIGINS="+origin, "GSM_DATABASE_URL=sqlite:"+filepath.Join(t.TempDir(), "gsm.db"))
	l.start()
	l.alice = l.call("POST", "/players", `{"username":"alice"}`)["id"].(string)
	l.bob = l.call("POST", "/players", `{"username":"bob"}`)["id"].(string)
	l.token = l.call("POST", "/players/"+l.alice+"/tokens", "")["token"].(string)
	l.session = l.call("POST", "/sessions", fmt.Sprintf(`{"max_players":4,"host_id":%q}`, l.alice))["id"].(string)
	return l
}

// proxy passes requests on to the server. A stream that is refused gets the response to a ticket that has ended.
func (l *lobby) proxy() http.Handler {
	forward := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(l.target.Load()) },
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // of streams that were cut
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler) // as if it were away
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/events/ticket"):
			l.tickets.Add(1)
			l.refuse.Store(false)
		case strings.HasSuffix(r.URL.Path, "/events") && l.refuse.Load():
			http.Error(w, "the ticket has ended", http.StatusUnauthorized)
			return
		}
		forward.ServeHTTP(w, r)
	})
}

// start starts a server on the database.
func (l *lobby) start() {
	l.t.Helper()
	cmd := exec.Command(l.binary, "serve", "--log-format=json")
	cmd.Env = l.env
	stdout, err := cmd.StdoutPipe()
	must(l.t, err)
	must(l.t, cmd.Start())
	address := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		var printed bytes.Buffer
		form := regexp.MustCompile(`"listener":"api","address":"([^"]*)"`)
		buffer := make([]byte, 1<<16)
		for found := false; ; {
			n, err := stdout.Read(buffer)
			if printed.Write(buffer[:n]); !found {
				if m := form.FindSubmatch(printed.Bytes()); m != nil {
					found = true
					address <- string(m[1])
				}
			}
			if err != nil {
				return
			}
		}
	})
	l.kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait()
	})
	l.t.Cleanup(l.kill)
	select {
	case a := <-address:
		l.target.Store(&url.URL{Scheme: "http", Host: a})
	case <-time.After(patience):
		l.t.Fatal("gsm does not listen")
	}
}

func (l *lobby) join(player string) {
	l.t.Helper()
	l.call("POST", "/sessions/"+l.session+"/members", fmt.Sprintf(`{"player_id":%q}`, player))
}

// call sends a request of an admin and returns the document of the response.
func (l *lobby) call(method, path, body string) (doc map[string]any) {
	l.t.Helper()
	req, err := http.NewRequest(method, l.url+"/api/v1"+path, strings.NewReader(body))
	must(l.t, err)
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	must(l.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(l.t, err)
	if res.StatusCode >= http.StatusBadRequest {
		l.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if len(text) > 0 {
		must(l.t, json.Unmarshal(text, &doc))
	}
	return doc
}

// tab is a page in the browser.
type tab struct{ ctx context.Context } //nolint:containedctx // chromedp keeps the page in it

func open(t *testing.T, browser, address string) tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	must(t, chromedp.Do(ctx, chromedp.Navigate(address)))
	return tab{ctx}
}

// shows waits until the page shows a status and members, in this order.
func (p tab) shows(t *testing.T, status string, members ...string) {
	t.Helper()
	want := status + ": " + strings.Join(members, "; ")
	p.becomes(t, want, `document.getElementById('status').textContent + ': ' +
		[...document.querySelectorAll('#members li')].map(li => li.textContent).join('; ')`)
}

// text waits until an element has a text.
func (p tab) text(t *testing.T, id, want string) {
	t.Helper()
	p.becomes(t, want, `document.getElementById('`+id+`').textContent`)
}

// becomes waits until an expression of the page has a value.
func (p tab) becomes(t *testing.T, want, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	met := fmt.Sprintf("(%s) === %q", expression, want)
	err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void](met, chromedp.WithPollingInterval(50*time.Millisecond)))
	if err != nil {
		got, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
		t.Fatalf("the page shows %q, want %q: %v", got, want, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
