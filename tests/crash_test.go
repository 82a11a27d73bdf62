package tests_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"game-session-manager/client"
)

// ledger records what the server acknowledged: the last returned version of each document.
type ledger struct {
	mu       sync.Mutex
	players  map[client.PlayerID]client.Player
	sessions map[client.SessionID]client.Session
	writes   int
	enough   chan struct{} // closed when there were as many writes as wanted
	want     int
}

func newLedger(want int) *ledger {
	return &ledger{
		players: map[client.PlayerID]client.Player{}, sessions: map[client.SessionID]client.Session{},
		enough: make(chan struct{}), want: want,
	}
}

func (l *ledger) player(p client.Player) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.players[p.ID] = p
	l.count()
}

func (l *ledger) session(v client.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[v.ID] = v
	l.count()
}

func (l *ledger) count() {
	if l.writes++; l.writes == l.want {
		close(l.enough)
	}
}

// verify fails the test unless everything that was acknowledged is stored. A document may be one version ahead,
// because the response to its last change may have been lost.
func (l *ledger) verify(t *testing.T, s *server) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d writes were acknowledged, of %d players and %d sessions", l.writes, len(l.players), len(l.sessions))
	for id, want := range l.players {
		got, err := s.api.Players.Get(t.Context(), id)
		if err != nil || got.Version < want.Version || got.Version > want.Version+1 || got.Version == want.Version &&
			!reflect.DeepEqual(got, want) {
			t.Fatalf("player %s: got %+v, %v, want %+v", id, got, err, want)
		}
	}
	for id, want := range l.sessions {
		got, err := s.api.Sessions.Get(t.Context(), id)
		if err != nil || got.Version < want.Version || got.Version > want.Version+1 || got.Version == want.Version &&
			!reflect.DeepEqual(got, want) {
			t.Fatalf("session %s: got %+v, %v, want %+v", id, got, err, want)
		}
		s.wantTimeline(t, id, got.Version)
	}
}

// wantTimeline fails the test unless each version of a session has one event.
func (s *server) wantTimeline(t *testing.T, id client.SessionID, version int64) {
	t.Helper()
	page, err := s.api.Sessions.Timeline(t.Context(), id, client.TimelineFilter{Limit: 100})
	if err != nil || int64(len(page.Items)) != version {
		t.Fatalf("session %s at version %d: got %d events, %v", id, version, len(page.Items), err)
	}
	for i, e := range page.Items {
		if e.Version != version-int64(i) {
			t.Fatalf("session %s: event %d is of version %d, want %d", id, i, e.Version, version-int64(i))
		}
	}
}

// write creates players, and creates, fills and plays sessions, until a request fails.
func (l *ledger) write(ctx context.Context, c *client.Client, writer int) error {
	for turn := range 1000 {
		name := fmt.Sprintf("w%d-%d", writer, turn)
		host, err := c.Players.Create(ctx, client.Profile{Username: name + "-a"})
		if err != nil {
			return err
		}
		l.player(host)
		guest, err := c.Players.Create(ctx, client.Profile{Username: name + "-b"})
		if err != nil {
			return err
		}
		l.player(guest)
		v, err := c.Sessions.Create(
			ctx, client.SessionRequest{HostID: &host.ID, Settings: client.Settings{MaxPlayers: 2, Name: name}},
		)
		if err != nil {
			return err
		}
		l.session(v.Session)
		joined, err := c.Sessions.Join(ctx, v.ID, client.JoinRequest{PlayerID: guest.ID})
		if err != nil {
			return err
		}
		l.session(joined.Session)
		for _, status := range []client.SessionStatus{
			client.StatusStarting, client.StatusInProgress, client.StatusEnded,
		} {
			moved, err := c.Sessions.SetStatus(ctx, v.ID, client.Move{Status: status})
			if err != nil {
				return err
			}
			l.session(moved)
		}
	}
	return nil
}

// load runs writers until stop has ended the server. It calls stop after a number of acknowledged writes.
func (l *ledger) load(t *testing.T, s *server, writers int, stop func()) {
	t.Helper()
	c := s.connect(t, client.WithRetries(0))
	failures := make([]error, writers)
	over := make(chan struct{})
	go func() {
		defer close(over)
		together(writers, func(i int) { failures[i] = l.write(t.Context(), c, i) })
	}()
	select {
	case <-l.enough:
	case <-over:
		t.Error("the writers ended early")
	}
	stop()
	<-over
	for _, err := range failures {
		if refusal := (*client.Error)(nil); errors.As(err, &refusal) &&
			refusal.Status != http.StatusServiceUnavailable {
			t.Errorf("a writer was refused: %v", err)
		}
	}
}

func TestAcknowledgedWritesSurviveACrash(t *testing.T) {
	t.Parallel()
	const writers, writes = 500, 3000
	s := start(t)
	l := newLedger(writes)
	l.load(t, s, writers, s.kill)
	s = start(t, onDatabase(s.database))
	l.verify(t, s)
	s.newPlayer(t, "afterwards")
}

func TestAcknowledgedWritesSurviveShutdown(t *testing.T) {
	t.Parallel()
	const writers, writes = 100, 2000
	s := start(t)
	l := newLedger(writes)
	l.load(t, s, writers, func() {
		if code := s.terminate(t); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
	})
	s = start(t, onDatabase(s.database))
	l.verify(t, s)
}

// A request in flight when the server is told to stop is completed.
func TestRequestsInFlightFinish(t *testing.T) {
	t.Parallel()
	s := start(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	const body = `{"username":"patient"}`
	send := func(text string) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	send(fmt.Sprintf("POST /api/v1/players HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Type: "+
		"application/json\r\nContent-Length: %d\r\n\r\n", len(body)))
	r := bufio.NewReader(c)
	// the handler reads the body
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	send(body[:5])
	type ending struct {
		code int
		err  error
	}
	ended := make(chan ending, 1)
	go func() {
		code, err := s.end()
		ended <- ending{code, err}
	}()
	s.logged(t, func(l logLine) bool { return l["msg"] == "stopping" })
	send(body[5:])
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusCreated {
		t.Errorf("got %d, want 201", res.StatusCode)
	}
	if got := <-ended; got.code != 0 || got.err != nil {
		t.Errorf("exit code %d, %v, want 0", got.code, got.err)
	}
	s = start(t, onDatabase(s.database))
	if page, err := s.api.Players.List(t.Context(), client.PlayerFilter{}); err != nil || len(page.Items) != 1 {
		t.Errorf("the player is not there: %+v, %v", page, err)
	}
}

// An erasure interrupted by a crash continues at the next start.
func TestErasureSurvivesACrash(t *testing.T) {
	t.Parallel()
	const live, ended = 300, 20
	s := start(t)
	p := s.newPlayer(t, "forgotten")
	s.seats(t, p, live, ended)

	lost := make(chan error, 1)
	go func() { lost <- s.connect(t, client.WithRetries(0)).Players.Delete(t.Context(), p.ID) }()
	eventually(t, "the erasure has begun", func() bool {
		_, err := s.api.Players.Get(t.Context(), p.ID)
		return errors.Is(err, client.ErrPlayerNotFound)
	})
	s.kill()
	t.Logf("the call was answered with %v", <-lost)

	s = start(t, onDatabase(s.database))
	if _, err := s.api.Players.Get(t.Context(), p.ID); !errors.Is(err, client.ErrPlayerNotFound) {
		t.Errorf("after the crash: %v", err)
	}
	eventually(t, "no live session has the player", func() bool {
		page, err := s.api.Sessions.List(t.Context(), client.SessionFilter{
			MemberID: p.ID, Status: []client.SessionStatus{client.StatusOpen},
		})
		return err == nil && len(page.Items) == 0
	})
	eventually(t, "sessions that are over know only its id", func() bool {
		page, err := s.api.Sessions.List(
			t.Context(), client.SessionFilter{MemberID: p.ID, Members: client.MembersFull, Limit: 100},
		)
		if err != nil || len(page.Items) != ended {
			return false
		}
		for _, v := range page.Items {
			if len(v.Members[0].Attributes) != 0 {
				return false
			}
		}
		return true
	})
	s.newPlayer(t, "forgotten")
}

// seats gives the player seats in live and in ended sessions.
func (s *server) seats(t testing.TB, p client.Player, live, ended int) {
	t.Helper()
	failures := make([]error, live+ended)
	together(live+ended, func(i int) {
		failures[i] = func() error {
			v, err := s.api.Sessions.Create(
				t.Context(), client.SessionRequest{Settings: client.Settings{MaxPlayers: 2}},
			)
			if err != nil {
				return err
			}
			known := client.Attributes{"town": client.String("Ulm")}
			if _, err = s.api.Sessions.Join(t.Context(), v.ID, client.JoinRequest{
				PlayerID: p.ID, Attributes: known,
			}); err != nil || i < live {
				return err
			}
			return s.api.Sessions.Cancel(t.Context(), v.ID)
		}()
	})
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
}
