package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/client"
)

const (
	playerID  = client.PlayerID("01980000-0000-7000-8000-000000000001")
	sessionID = client.SessionID("01980000-0000-7000-8000-000000000002")
)

// reply is what happens to one try: an error on the way, or a response.
type reply struct {
	err    error
	status int
	header http.Header
	body   string
}

var (
	errLost    = errors.New("connection reset by peer")
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
)

func lost() reply    { return reply{err: errLost} }
func refused() reply { return reply{err: errRefused} }
func ok() reply {
	return reply{status: http.StatusOK, body: `{"id":"01980000-0000-7000-8000-000000000001","version":7}`}
}

func problem(status int, code string, extras ...string) reply {
	b := `{"status":` + strconv.Itoa(status) + `,"code":"` + code + `","detail":"Told."`
	for i := 0; i < len(extras); i += 2 {
		b += `,"` + extras[i] + `":"` + extras[i+1] + `"`
	}
	return reply{status: status, body: b + "}"}
}

func (a reply) after(wait string) reply {
	a.header = http.Header{"Retry-After": {wait}}
	return a
}

// wire is a transport that plays replies in turn, the last one repeatedly, and records the requests.
type wire struct {
	replies  []reply
	requests []*http.Request
	bodies   []string
	times    []time.Time
	open     int // bodies that were not closed
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a := w.replies[min(len(w.requests), len(w.replies)-1)]
	w.requests, w.bodies, w.times = append(w.requests, r), append(w.bodies, string(sent)), append(w.times, time.Now())
	if a.err != nil {
		return nil, a.err
	}
	w.open++
	h := a.header
	if h == nil {
		h = http.Header{}
	}
	body := &closing{Reader: bytes.NewReader([]byte(a.body)), closed: func() { w.open-- }}
	return &http.Response{StatusCode: a.status, Header: h, Body: body, Request: r}, nil
}

type closing struct {
	io.Reader
	closed func()
}

func (c *closing) Close() error {
	c.closed()
	return nil
}

func dial(t *testing.T, w *wire, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(
		"http://gsm.test", append([]client.Option{client.WithHTTPClient(&http.Client{Transport: w})}, opts...)...,
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.open != 0 {
			t.Errorf("%d replies were not closed", w.open)
		}
	})
	return c
}

// calls are one of each kind that is safe to repeat.
func calls() map[string]func(context.Context, *client.Client) error {
	return map[string]func(context.Context, *client.Client) error{
		"create player": func(ctx context.Context, c *client.Client) error {
			_, err := c.Players.Create(ctx, client.Profile{Username: "alice"})
			return err
		},
		"create session": func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.Create(ctx, client.SessionRequest{Settings: client.Settings{MaxPlayers: 4}})
			return err
		},
		"get": func(ctx context.Context, c *client.Client) error {
			_, err := c.Players.Get(ctx, playerID)
			return err
		},
		"list": func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.List(ctx, client.SessionFilter{})
			return err
		},
		"update": func(ctx context.Context, c *client.Client) error {
			_, err := c.Players.Update(ctx, playerID, client.Profile{Username: "alice"})
			return err
		},
		"set status": func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.SetStatus(ctx, sessionID, client.Move{Status: client.StatusStarting})
			return err
		},
		"patch": func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.Patch(ctx, sessionID, client.Patch{"locked": true})
			return err
		},
		"join": func(ctx context.Context, c *client.Client) error {
			_, err := c.Sessions.Join(ctx, sessionID, client.JoinRequest{PlayerID: playerID})
			return err
		},
		"leave": func(ctx context.Context, c *client.Client) error {
			return c.Sessions.Leave(ctx, sessionID, playerID)
		},
		"cancel": func(ctx context.Context, c *client.Client) error { return c.Sessions.Cancel(ctx, sessionID) },
		"delete": func(ctx context.Context, c *client.Client) error { return c.Players.Delete(ctx, playerID) },
	}
}

func TestEveryCallIsTriedAgain(t *testing.T) {
	t.Parallel()
	failures := map[string]reply{
		"lost": lost(), "refused": refused(), "429": problem(429, "rate_limited"), "502": {status: 502, body: "<html>"},
		"503": problem(503, "store_unavailable", "outcome", "unknown"), "504": {status: 504},
	}
	for name, call := range calls() {
		for failure, a := range failures {
			t.Run(name+" "+failure, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := &wire{replies: []reply{a, a, ok()}}
					if err := call(t.Context(), dial(t, w)); err != nil {
						t.Fatal(err)
					}
					if len(w.requests) != 3 {
						t.Fatalf("%d tries, want 3", len(w.requests))
					}
					for i, r := range w.requests {
						if w.bodies[i] != w.bodies[0] ||
							r.Header.Get("Idempotency-Key") != w.requests[0].Header.Get("Idempotency-Key") {
							t.Errorf("try %d is another request than the first", i+1)
						}
					}
				})
			})
		}
	}
}

func TestRefusalsAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, a := range []reply{
		problem(404, "player_not_found"), problem(409, "session_full"), problem(422, "validation_error"),
		problem(500, "internal"),
		{status: 501},
		{status: 400, body: "what?"},
	} {
		w := &wire{replies: []reply{a}}
		var e *client.Error
		if _, err := dial(t, w).Players.Get(t.Context(), playerID); !errors.As(err, &e) || e.Status != a.status {
			t.Errorf("%d: got %v", a.status, err)
		}
		if len(w.requests) != 1 {
			t.Errorf("%d: %d tries, want 1", a.status, len(w.requests))
		}
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	w := &wire{replies: []reply{ok()}}
	c := dial(t, w)
	for range 2 {
		if _, err := c.Players.Create(t.Context(), client.Profile{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Players.Create(t.Context(), client.Profile{}, client.IdempotencyKey("mine")); err != nil {
		t.Fatal(err)
	}
	keys := make([]string, 0, 3)
	for _, r := range w.requests {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
	}
	if len(keys[0]) < 16 || keys[0] == keys[1] || keys[2] != "mine" {
		t.Errorf("keys are %q: want two fresh ones and the caller's", keys)
	}
	for _, bad := range []string{"", "two\nlines", "schlüssel", string(make([]byte, 256))} {
		if _, err := c.Players.Create(t.Context(), client.Profile{}, client.IdempotencyKey(bad)); err == nil ||
			len(w.requests) != 3 {
			t.Errorf("key %q was sent", bad)
		}
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{replies: []reply{refused()}}
		c := dial(t, w, client.WithRetries(6), client.WithBackoff(time.Second, 8*time.Second))
		if _, err := c.Players.Get(t.Context(), playerID); !errors.Is(err, errRefused) {
			t.Fatalf("got %v", err)
		}
		if len(w.times) != 7 {
			t.Fatalf("%d tries, want 7", len(w.times))
		}
		for i, bound := range []time.Duration{1, 2, 4, 8, 8, 8} {
			if d := w.times[i+1].Sub(w.times[i]); d < 0 || d >= bound*time.Second {
				t.Errorf("pause %d is %v, want less than %ds", i+1, d, bound)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	busy := problem(503, "store_unavailable", "outcome", "none")
	synctest.Test(t, func(t *testing.T) {
		for _, wait := range []string{"3", "a date"} {
			start := time.Now()
			if wait == "a date" {
				wait = start.Add(3 * time.Second).UTC().Format(http.TimeFormat)
			}
			w := &wire{replies: []reply{busy.after(wait), ok()}}
			if _, err := dial(t, w).Players.Get(t.Context(), playerID); err != nil {
				t.Fatal(err)
			}
			if d := w.times[1].Sub(start); d < 2*time.Second || d > 4*time.Second {
				t.Errorf("Retry-After %s: tried again after %v", wait, d)
			}
		}
	})
}

func TestRetryAfterThatIsTooLong(t *testing.T) {
	t.Parallel()
	busy := problem(503, "store_unavailable", "outcome", "none")
	synctest.Test(t, func(t *testing.T) {
		soon, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		for wait, ctx := range map[string]context.Context{"60": t.Context(), "3": soon} {
			start, w := time.Now(), &wire{replies: []reply{busy.after(wait)}}
			_, err := dial(t, w).Players.Get(ctx, playerID)
			var e *client.Error
			if !errors.As(err, &e) || e.RetryAfter < 3*time.Second || len(w.requests) != 1 || time.Since(start) != 0 {
				t.Errorf("Retry-After %s: %d tries in %v: %v", wait, len(w.requests), time.Since(start), err)
			}
		}
	})
}

func TestContextEndsTheTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := &wire{replies: []reply{lost()}}
		c := dial(t, w, client.WithRetries(1_000_000))
		err := c.Players.Delete(ctx, playerID)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errLost) ||
			!errors.Is(err, client.ErrOutcomeUnknown) {
			t.Errorf("got %v", err)
		}
		tries := len(w.requests)
		if err := c.Players.Delete(ctx, playerID); !errors.Is(err, context.DeadlineExceeded) ||
			errors.Is(err, client.ErrOutcomeUnknown) {
			t.Errorf("with a context that has ended: got %v", err)
		}
		if len(w.requests) != tries {
			t.Error("a call with a context that has ended was sent")
		}
	})
}

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	none, unknown := problem(503, "store_unavailable", "outcome", "none"),
		problem(503, "store_unavailable", "outcome", "unknown")
	for name, c := range map[string]struct {
		replies []reply
		tries   int
		want    error
		unknown bool
	}{
		"certainly not done": {[]reply{none, refused(), problem(429, "rate_limited"), ok()}, 4, nil, false},
		"lost":               {[]reply{lost(), problem(412, "version_mismatch")}, 1, errLost, true},
		"perhaps done": {
			[]reply{unknown, problem(412, "version_mismatch")}, 1, client.ErrStoreUnavailable, true,
		},
		"a proxy in the way":   {[]reply{{status: 502}, problem(412, "version_mismatch")}, 1, nil, true},
		"another version":      {[]reply{problem(412, "version_mismatch")}, 1, client.ErrVersionMismatch, false},
		"not done, then other": {[]reply{none, problem(412, "version_mismatch")}, 2, client.ErrVersionMismatch, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{replies: c.replies}
				_, err := dial(t, w).Players.Patch(
					t.Context(), playerID, client.Patch{"display_name": nil}, client.IfVersion(7),
				)
				if c.want != nil && !errors.Is(err, c.want) || errors.Is(err, client.ErrOutcomeUnknown) != c.unknown {
					t.Errorf("got %v", err)
				}
				if len(w.requests) != c.tries || w.requests[0].Header.Get("If-Match") != `"7"` {
					t.Errorf(
						"%d tries, want %d, with If-Match %s", len(w.requests), c.tries,
						w.requests[0].Header.Get("If-Match"),
					)
				}
			})
		})
	}
}

func TestErasingWhatALostTryErased(t *testing.T) {
	t.Parallel()
	gone, none := problem(404, "player_not_found"), problem(503, "store_unavailable", "outcome", "none")
	for name, c := range map[string]struct {
		replies []reply
		want    error
	}{
		"by the lost try":   {[]reply{lost(), gone}, nil},
		"by another caller": {[]reply{gone}, client.ErrPlayerNotFound},
		"not by this call":  {[]reply{none, refused(), gone}, client.ErrPlayerNotFound},
		"at a wrong server": {[]reply{lost(), problem(404, "not_found")}, client.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := dial(t, &wire{replies: c.replies}).Players.Delete(t.Context(), playerID)
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			})
		})
	}
}

func TestUnknownOutcomesAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{
			replies: []reply{lost(), problem(409, "invalid_state_transition", "from", "ended", "to", "starting")},
		}
		_, err := dial(t, w).Sessions.SetStatus(t.Context(), sessionID, client.Move{Status: client.StatusStarting})
		if !errors.Is(err, client.ErrInvalidTransition) || !errors.Is(err, client.ErrOutcomeUnknown) {
			t.Errorf("a lost write that is rejected later: %v", err)
		}
		w = &wire{replies: []reply{lost()}}
		if _, err = dial(t, w).Players.Get(t.Context(), playerID); !errors.Is(err, errLost) ||
			errors.Is(err, client.ErrOutcomeUnknown) {
			t.Errorf("a lost read: %v", err)
		}
		w = &wire{replies: []reply{refused()}}
		if err = dial(t, w).Players.Delete(t.Context(), playerID); !errors.Is(err, errRefused) ||
			errors.Is(err, client.ErrOutcomeUnknown) {
			t.Errorf("a write that was not sent: %v", err)
		}
	})
}
