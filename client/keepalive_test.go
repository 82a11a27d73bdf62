package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"game-session-manager/client"
)

// beaten is a server of one session, without a network: it answers heartbeats as it is told, and reads with the
// session.
type beaten struct {
	session client.Session
	answer  func(n int) reply // to the nth heartbeat, from 0; an empty reply accepts it
	delay   time.Duration     // of each answer
	at      []time.Duration   // when heartbeats came, since the first
	first   time.Time
	bodies  []client.Heartbeat
	reads   []string // the queries of reads
}

func (b *beaten) RoundTrip(r *http.Request) (*http.Response, error) {
	respond := func(a reply) (*http.Response, error) {
		if a.err != nil {
			return nil, a.err
		}
		return &http.Response{
			StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
		}, nil
	}
	document := func(v any) reply {
		body, _ := json.Marshal(v)
		return reply{status: http.StatusOK, body: string(body)}
	}
	if r.Method == http.MethodGet {
		b.reads = append(b.reads, r.URL.RawQuery)
		return respond(document(b.session))
	}
	if b.first.IsZero() {
		b.first = time.Now()
	}
	n := len(b.at)
	b.at = append(b.at, time.Since(b.first))
	var sent client.Heartbeat
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		return nil, err
	}
	b.bodies = append(b.bodies, sent)
	if b.delay > 0 {
		select {
		case <-time.After(b.delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if b.answer != nil {
		if a := b.answer(n); a.err != nil || a.status != 0 {
			return respond(a)
		}
	}
	return respond(document(client.HeartbeatReply{
		SessionID: b.session.ID, Status: client.StatusOpen, Version: b.session.Version, Liveness: client.Live,
		Fence: b.session.Fence,
	}))
}

func leased(staleAfter int) client.Session {
	v := client.Session{}
	v.ID, v.Version, v.Fence, v.StaleAfter, v.Status = sessionID, 3, 2, staleAfter, client.StatusOpen
	return v
}

// keep runs KeepAlive against a server for some time, and returns what it returned.
func keep(t *testing.T, b *beaten, d time.Duration, opts ...client.KeepAliveOption) error {
	t.Helper()
	c, err := client.New("http://gsm.test", client.WithHTTPClient(&http.Client{Transport: b}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return c.Sessions.KeepAlive(ctx, b.session, opts...)
}

// The heartbeats come at once, and then after a third of stale_after or a little less.
func TestKeepAliveBeats(t *testing.T) {
	t.Parallel()
	for staleAfter, want := range map[int][2]time.Duration{
		30: {8 * time.Second, 10 * time.Second}, 5: {4 * time.Second / 3, 5 * time.Second / 3},
		1: {time.Second, time.Second}, 0: {time.Second, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &beaten{session: leased(staleAfter)}
			if err := keep(t, b, 10*time.Minute); err != nil {
				t.Fatal(err)
			}
			pauses := map[time.Duration]bool{}
			for i := range b.at[1:] {
				pause := b.at[i+1] - b.at[i]
				if pauses[pause] = true; pause < want[0] || pause > want[1] {
					t.Errorf("stale after %d s: a pause of %v, want %v", staleAfter, pause, want)
				}
			}
			if b.at[0] != 0 || len(b.at) < int(10*time.Minute/want[1]) {
				t.Errorf("stale after %d s: heartbeats at %v", staleAfter, b.at)
			}
			if want[0] != want[1] && len(pauses) < len(b.at)/2 {
				t.Errorf("stale after %d s: the pauses are not random: %v", staleAfter, pauses)
			}
			if len(b.reads) > 0 || b.bodies[0].Fence == nil || *b.bodies[0].Fence != 2 || b.bodies[0].Players != nil {
				t.Errorf("it read %v, and sent %+v", b.reads, b.bodies[0])
			}
		})
	}
}

// What rejects a heartbeat for good ends the loop at once, with its reason.
func TestKeepAliveEnds(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct {
		status int
		err    error
	}{
		"session_ended":     {http.StatusGone, client.ErrSessionEnded},
		"stale_fence":       {http.StatusConflict, client.ErrStaleFence},
		"session_not_found": {http.StatusNotFound, client.ErrSessionNotFound},
		"not_host":          {http.StatusForbidden, client.ErrNotHost},
		"unauthenticated":   {http.StatusUnauthorized, client.ErrUnauthenticated},
		"validation_error":  {http.StatusUnprocessableEntity, client.ErrValidation},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &beaten{session: leased(30), answer: func(n int) reply {
				if n < 2 {
					return reply{}
				}
				return problem(want.status, code, "end_reason", "lease_expired")
			}}
			err := keep(t, b, time.Hour)
			e := (*client.Error)(nil)
			if !errors.Is(err, want.err) || !errors.As(err, &e) || e.Extras["end_reason"] != "lease_expired" ||
				len(b.at) != 3 || !strings.Contains(err.Error(), string(sessionID)) {
				t.Errorf("%s: got %v after %d heartbeats", code, err, len(b.at))
			}
		})
	}
}

// Heartbeats that fail in transit are sent again, soon enough for the session to stay live, but at most one a second.
// The loss of contact is reported once, and its end.
func TestKeepAliveRetries(t *testing.T) {
	t.Parallel()
	const away = 20 // heartbeats that fail
	for name, failure := range map[string]reply{
		"lost": lost(), "refused": refused(),
		"unavailable":     problem(http.StatusServiceUnavailable, "store_unavailable"),
		"limited":         problem(http.StatusTooManyRequests, "rate_limited"),
		"a proxy":         {status: http.StatusNotFound, body: "<html>no such host</html>"},
		"not the answer":  {status: http.StatusOK, body: "<html>welcome</html>"},
		"wait very long":  problem(http.StatusServiceUnavailable, "overloaded").after("3600"),
		"internal faults": problem(http.StatusInternalServerError, "internal"),
	} {
		for _, staleAfter := range []int{5, 30} {
			synctest.Test(t, func(t *testing.T) {
				b := &beaten{session: leased(staleAfter), answer: func(n int) reply {
					if n > 0 && n <= away {
						return failure
					}
					return reply{}
				}}
				var told []error
				at := map[int]time.Duration{}
				err := keep(t, b, time.Hour, client.OnContact(func(lost error) {
					at[len(told)] = time.Since(b.first)
					told = append(told, lost)
				}))
				if err != nil || len(told) != 2 || told[0] == nil || told[1] != nil {
					t.Fatalf("%s: got %v, and was told %v", name, err, told)
				}
				stale, third := time.Duration(staleAfter)*time.Second, time.Duration(staleAfter)*time.Second/3
				if at[0] < stale || at[0] > stale+third || at[1] != b.at[away+1] {
					t.Errorf("%s: contact lost at %v and regained at %v", name, at[0], at[1])
				}
				before := 0
				for i := range b.at[1:] {
					if pause := b.at[i+1] - b.at[i]; pause < time.Second || pause > third {
						t.Errorf("%s: a pause of %v", name, pause)
					}
					if b.at[i] > 0 && b.at[i] < stale {
						before++
					}
				}
				if want := 2; before < want {
					t.Errorf("%s: %d heartbeats before the session is stale: %v", name, before, b.at[:away])
				}
			})
		}
	}
}

// A server that does not respond does not hold the loop up.
func TestKeepAliveGivesUpSlowHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &beaten{session: leased(30), delay: time.Hour}
		if err := keep(t, b, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if len(b.at) < 4 {
			t.Errorf("heartbeats at %v", b.at)
		}
		for i := range b.at[1:] {
			if pause := b.at[i+1] - b.at[i]; pause < time.Second || pause > 10*time.Second {
				t.Errorf("heartbeats at %v", b.at)
			}
		}
	})
}

// A changed version is reported with the session, and a changed timeout obeyed.
func TestKeepAliveReportsChanges(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := &beaten{session: leased(30)}
			b.answer = func(n int) reply {
				switch n {
				case 2:
					b.session.Version = 4
				case 4:
					b.session.Version, b.session.StaleAfter = 6, 6
				}
				return reply{}
			}
			var versions []int64
			var opts []client.KeepAliveOption
			want, shown := []int64(nil), "members=none"
			if told {
				opts = append(opts, client.OnChange(func(v client.Session) { versions = append(versions, v.Version) }))
				want, shown = []int64{4, 6}, "members=full"
			}
			if err := keep(t, b, time.Minute, opts...); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(versions, want) || !reflect.DeepEqual(b.reads, []string{shown, shown}) {
				t.Errorf("told of versions %v, after reads with %v", versions, b.reads)
			}
			if pause := b.at[6] - b.at[5]; pause > 2*time.Second {
				t.Errorf("the pause of a session that turns stale after 6 s is %v", pause)
			}
		})
	}
}

func TestKeepAliveSendsPlayers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &beaten{session: leased(30)}
		n := 0
		err := keep(t, b, 15*time.Second, client.WithoutFence(), client.WithPlayers(func() []client.PlayerID {
			if n++; n == 1 {
				return []client.PlayerID{}
			}
			return []client.PlayerID{playerID}
		}))
		want := []client.Heartbeat{{Players: []client.PlayerID{}}, {Players: []client.PlayerID{playerID}}}
		if err != nil || !reflect.DeepEqual(b.bodies, want) {
			t.Errorf("sent %+v, and got %v", b.bodies, err)
		}
	})
}

// The end of the context is not an error, whenever it comes.
func TestKeepAliveStops(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := &beaten{session: leased(30), delay: delay}
			if err := keep(t, b, 2*time.Second); err != nil {
				t.Errorf("got %v", err)
			}
			if err := keep(t, b, 0); err != nil {
				t.Errorf("after its end: got %v", err)
			}
		})
	}
}

// Each heartbeat of several has its result, with the error that it would have alone.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	w := &wire{replies: []reply{{status: http.StatusOK, body: fmt.Sprintf(`{"results":[
		{"session_id":%[1]q,"status":"open","end_reason":null,"version":4,"liveness":"live","fence":2,
			"next_deadline":"2026-03-01T12:00:30Z","expires_at":"2026-03-01T13:00:00Z"},
		{"session_id":%[1]q,"error":{"title":"Conflict","status":409,"code":"stale_fence","detail":"Told.",
			"request_id":"r","fence":7}}]}`, sessionID)}}}
	c := dial(t, w)
	got, err := c.Sessions.Heartbeats(t.Context(), []client.Heartbeat{{SessionID: sessionID}, {SessionID: sessionID}})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if got[0].Err != nil || got[0].Version != 4 || got[0].Fence != 2 || got[0].NextDeadline.IsZero() {
		t.Errorf("got %+v", got[0])
	}
	e := (*client.Error)(nil)
	if !errors.Is(got[1].Err, client.ErrStaleFence) || !errors.As(got[1].Err, &e) || e.Status != http.StatusConflict ||
		e.Extras["fence"] != 7.0 || e.RequestID != "r" || got[1].SessionID != sessionID {
		t.Errorf("got %+v", got[1])
	}
	if _, err := c.Sessions.Heartbeats(t.Context(), nil); err != nil || w.bodies[1] != `{"sessions":[]}` {
		t.Errorf("without any: %v, sent %s", err, w.bodies[1])
	}
}
