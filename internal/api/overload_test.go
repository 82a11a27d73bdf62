package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/api"
	"game-session-manager/internal/game"
)

// stuck is a caller that reads nothing of its response until it is released.
type stuck struct {
	*httptest.ResponseRecorder
	reached func()
	let     <-chan struct{}
}

func (s stuck) Write(b []byte) (int, error) {
	s.reached()
	<-s.let
	return s.ResponseRecorder.Write(b)
}

// late is a body of which nothing comes until it is let go.
type late struct {
	reached func()
	let     <-chan struct{}
	text    io.Reader
}

func (l late) Read(b []byte) (int, error) {
	l.reached()
	<-l.let
	return l.text.Read(b)
}

func (late) Close() error { return nil }

// one returns an API that works on one request at a time, for which others wait so long, and what it sheds.
func one(t *testing.T, wait time.Duration, configure ...func(*api.Deps)) (http.Handler, *shed) {
	t.Helper()
	var h http.Handler
	var s shed
	serve(t, func(d *api.Deps) {
		d.RequestTimeout = 2 * wait
		d.Limits = api.Limits{InFlight: 1}
		d.Observe = s.observe
		for _, c := range configure {
			c(d)
		}
		h = api.New(*d)
	})
	return h, &s
}

// shed records the patterns of the requests that an API rejected as overloaded, by its observer.
type shed struct {
	mu       sync.Mutex
	patterns []string
}

func (s *shed) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := noted{ResponseWriter: w}
		next.ServeHTTP(&n, r)
		if n.code == "overloaded" {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.patterns = append(s.patterns, r.Pattern)
		}
	})
}

func (s *shed) expect(t *testing.T, patterns ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.patterns, patterns) {
		t.Errorf("%q were shed, want %q", s.patterns, patterns)
	}
}

// noted records the code of the problem in the response.
type noted struct {
	http.ResponseWriter
	code string
}

func (n *noted) NoteProblem(code, _ string) { n.code = code }

func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// holding has requests with the header Hold keep their slots until done, and tells of each that has one.
func holding(working chan<- struct{}, done <-chan struct{}) func(*api.Deps) {
	return func(d *api.Deps) {
		d.Authenticate = func(_ context.Context, _ netip.Addr, h http.Header) (game.Caller, error) {
			if h.Get("Hold") != "" {
				working <- struct{}{}
				<-done
			}
			return game.Caller{Project: game.DefaultProject, Scope: game.ScopeAdmin, Name: "ops"}, nil
		}
	}
}

func request(t *testing.T, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, body)
	r.RemoteAddr = "127.0.0.1:1"
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func serveHTTP(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A caller that does not read its response, or does not send its body, does not keep others waiting.
func TestSlowCallersHaveNoSlot(t *testing.T) {
	t.Parallel()
	h, shed := one(t, 10*time.Second)
	let := make(chan struct{})
	var all sync.WaitGroup
	recorders := make([]*httptest.ResponseRecorder, 14)
	for i := range recorders {
		w := httptest.NewRecorder()
		recorders[i] = w
		reached := make(chan struct{})
		arrive := sync.OnceFunc(func() { close(reached) })
		if i%2 == 0 {
			r := request(t, http.MethodGet, "/api/v1/limits", nil)
			all.Go(func() { h.ServeHTTP(stuck{w, arrive, let}, r) })
			<-reached
			continue
		}
		const text = `{"username":"xxx`
		body := text + strings.Repeat("x", i) + `"}`
		r := request(t, http.MethodPost, "/api/v1/players", late{arrive, let, strings.NewReader(body)})
		r.ContentLength = int64(len(body))
		all.Go(func() { h.ServeHTTP(w, r) })
		<-reached
	}
	if w := serveHTTP(t, h, request(t, http.MethodGet, "/api/v1/players", nil)); w.Code != http.StatusOK {
		t.Errorf("another caller got %d %s", w.Code, w.Body)
	}
	close(let)
	all.Wait()
	for i, w := range recorders {
		if want := []int{http.StatusOK, http.StatusCreated}[i%2]; w.Code != want {
			t.Errorf("%d got %d %s, want %d", i, w.Code, w.Body, want)
		}
	}
	shed.expect(t)
}

// While the one slot is taken, a request with a body finds none either, pages are there, and nothing is left of it
// afterwards.
func TestSlotsOfRequestsWithBodies(t *testing.T) {
	t.Parallel()
	working, done := make(chan struct{}), make(chan struct{})
	h, shed := one(t, 2*time.Second, holding(working, done))
	serveHTTP(t, h, request(t, http.MethodGet, "/openapi.yaml", nil)) // making it takes seconds on a busy machine
	var first sync.WaitGroup
	first.Go(func() {
		r := request(t, http.MethodGet, "/api/v1/sessions", nil)
		r.Header.Set("Hold", "yes")
		if w := serveHTTP(t, h, r); w.Code != http.StatusOK {
			t.Errorf("the first got %d", w.Code)
		}
	})
	<-working
	w := serveHTTP(t, h, request(t, http.MethodPost, "/api/v1/players", strings.NewReader(`{"username":"alice"}`)))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"overloaded"`) ||
		w.Header().Get("Retry-After") == "" {
		t.Errorf("a request with a body got %d %s, %v", w.Code, w.Body, w.Header())
	}
	shed.expect(t, "POST /api/v1/players")
	for _, page := range []string{
		"/docs", "/docs/swagger-ui.css", "/redoc", "/redoc/redoc.standalone.js", "/openapi.json", "/openapi.yaml",
	} {
		if w := serveHTTP(t, h, request(t, http.MethodGet, page, nil)); w.Code != http.StatusOK {
			t.Errorf("%s got %d", page, w.Code)
		}
	}
	close(done)
	first.Wait()
	create := request(t, http.MethodPost, "/api/v1/players", strings.NewReader(`{"username":"alice"}`))
	if w := serveHTTP(t, h, create); w.Code != http.StatusCreated {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// A body that arrives after the request's deadline is a request_timeout, though nothing is overloaded.
func TestBodyBeyondTheRequestsTime(t *testing.T) {
	t.Parallel()
	const body = `{"username":"alice"}`
	let := make(chan struct{})
	h, shed := one(t, 50*time.Millisecond, func(d *api.Deps) {
		d.Authenticate = func(ctx context.Context, _ netip.Addr, _ http.Header) (game.Caller, error) {
			context.AfterFunc(ctx, func() { close(let) })
			return game.Caller{Project: game.DefaultProject, Scope: game.ScopeAdmin, Name: "ops"}, nil
		}
	})
	r := request(t, http.MethodPost, "/api/v1/players", nil)
	r.Body, r.ContentLength = late{func() {}, let, strings.NewReader(body)}, int64(len(body))
	r.Header.Set("Content-Type", "application/json")
	if w := serveHTTP(t, h, r); w.Code != http.StatusRequestTimeout ||
		!strings.Contains(w.Body.String(), `"request_timeout"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	shed.expect(t)
}
