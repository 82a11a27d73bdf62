package top

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// listener starts an ops listener whose counters grow with each request.
func listener(t testing.TB, pages map[string]string) *Source {
	t.Helper()
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(busy(int(asked.Add(1)), noon().Add(-time.Hour))))
	})
	for path, body := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return NewSource(server.Listener.Addr().String(), noon)
}

func TestLook(t *testing.T) {
	t.Parallel()
	const groups = `{"errors":[{"fingerprint":"x","code":"internal","route":"/api/v1/players","count":7,` +
		`"last_seen":"2026-03-01T11:59:00Z","sample":{"message":"bad\u001b[2J\nnews","error_id":"e"}},` +
		`{"code":"background","task":"purge_metrics","count":1}]}`
	for name, c := range map[string]struct {
		pages map[string]string
		want  []Group
	}{
		"an older server": {nil, nil},
		"no errors":       {map[string]string{"/debug/errors": `{"errors":[]}`}, []Group{}},
		"another form":    {map[string]string{"/debug/errors": `[]`}, nil},
		"errors": {map[string]string{"/debug/errors": groups}, []Group{
			{"internal", "/api/v1/players", "bad [2J news", 7, noon().Add(-time.Minute)},
			{Code: "background", Where: "purge_metrics", Count: 1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := listener(t, c.pages).Look(t.Context())
			if err != nil || !slices.Equal(l.Groups, c.want) || (l.Groups == nil) != (c.want == nil) {
				t.Errorf("got %+v and %v, want %+v", l.Groups, err, c.want)
			}
			if v, ok := l.Moment.value(players); !ok || v != 12345 {
				t.Errorf("%v players", v)
			}
		})
	}
}

func TestLookRefuses(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
		"a page": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			defer server.Close()
			_, err := NewSource(server.Listener.Addr().String(), noon).Look(t.Context())
			if !errors.Is(err, ErrNotGSM) {
				t.Errorf("got %v", err)
			}
		})
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := NewSource(server.Listener.Addr().String(), noon).Look(t.Context()); err == nil ||
		errors.Is(err, ErrNotGSM) {
		t.Errorf("where nothing listens: %v", err)
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	top := Top{Addr: listener(t, nil).addr, Interval: time.Millisecond, Sort: ByRate, Now: func() time.Time {
		return noon().Add(time.Duration(asked.Add(1)) * time.Second)
	}}
	var out bytes.Buffer
	if err := top.Once(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "1,283/s") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("got\n%s", &out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	top.Interval = time.Hour
	if err := top.Once(ctx, &out); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// press sends messages or keys to a view.
func press(v view, msgs ...any) view {
	for _, m := range msgs {
		if name, ok := m.(string); ok {
			key := tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
			if name == "down" {
				key = tea.KeyPressMsg{Code: tea.KeyDown}
			}
			m = key
		}
		next, _ := v.Update(m)
		v = next.(view)
	}
	return v
}

func TestView(t *testing.T) {
	t.Parallel()
	a, b := looks(t)
	at := noon()
	s := Top{Addr: "127.0.0.1:8081", Interval: time.Second, Sort: ByRate}.screen(Look{Moment: a})
	start := view{
		screen: s, last: Look{Moment: a}, now: func() time.Time { return at }, look: func() tea.Msg { return nil },
	}
	if got := start.View().Content; got != "" {
		t.Errorf("before the size is known: %s", got)
	}
	v := press(
		start, tea.WindowSizeMsg{Width: 80, Height: 24}, tick{}, looked{Look: Look{Moment: b, Groups: []Group{}}},
	)
	shows := func(v view, want bool, text string) {
		t.Helper()
		if got := v.View().Content; strings.Contains(got, text) != want {
			t.Errorf("%q is there: %v\n%s", text, !want, got)
		}
	}
	shows(v, true, "1,283/s")
	shows(v, true, "live")
	if !v.View().AltScreen {
		t.Error("it draws over what is on the terminal")
	}
	shows(press(v, "s"), true, "sort: errors")
	shows(press(v, "?"), true, "ctrl+c")
	shows(press(v, "?", "?"), false, "ctrl+c")
	shows(press(v, tea.WindowSizeMsg{Width: 60, Height: 15}, "down"), false, "/players/{id}")

	at = noon().Add(5 * time.Second)
	away := press(v, tick{}, looked{err: errors.New("connection refused")})
	shows(away, true, "No response for 5s: connection refused")
	shows(away, true, "1,283/s")
	back := moment(t, busy(14, noon().Add(-3*time.Hour-12*time.Minute)), noon().Add(10*time.Second))
	shows(press(away, looked{Look: Look{Moment: back}}), true, "257/s") // 2566 in the 10 seconds

	held := press(v, "p", looked{Look: Look{Moment: back}})
	shows(held, true, "1,283/s")
	shows(held, true, "paused")
	shows(press(held, "s"), true, "sort: errors")
	shows(press(held, "p"), true, "257/s")
}

// While a request is running, no other is started.
func TestOneLookAtATime(t *testing.T) {
	t.Parallel()
	asked := 0
	v := view{now: noon, look: func() tea.Msg { asked++; return nil }}
	for range 3 {
		next, cmd := v.Update(tick{})
		v = next.(view)
		if batch, ok := cmd().(tea.BatchMsg); ok {
			batch[0]()
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if v = press(v, looked{err: errors.New("x")}); v.looking {
		t.Error("it is still waiting")
	}
}
