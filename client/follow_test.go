package client_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"game-session-manager/client"
	"game-session-manager/internal/gsmtest"
)

// flaky is a server behind a proxy that breaks connections, and a client that goes through it.
type flaky struct {
	*gsmtest.Server
	proxy   *httptest.Server
	c       *client.Client
	streams atomic.Pointer[func(*http.Request)] // called with requests for streams
}

func startFlaky(t *testing.T) *flaky {
	t.Helper()
	s := gsmtest.Start(t)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	through := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	f := &flaky{Server: s}
	f.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if of := f.streams.Load(); of != nil && r.Header.Get("Accept") == "text/event-stream" {
			(*of)(r)
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(f.proxy.Close)
	t.Cleanup(f.proxy.CloseClientConnections)
	f.c, err = client.New(f.proxy.URL, client.WithBackoff(time.Millisecond, 10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *flaky) session(t *testing.T) client.Session {
	t.Helper()
	v, err := f.Client.Sessions.Create(t.Context(), client.SessionRequest{Settings: client.Settings{MaxPlayers: 4}})
	if err != nil {
		t.Fatal(err)
	}
	return v.Session
}

// toggle makes a version.
func (f *flaky) toggle(t *testing.T, id client.SessionID) {
	t.Helper()
	v, err := f.Client.Sessions.Get(t.Context(), id)
	if err == nil {
		_, err = f.Client.Sessions.Patch(t.Context(), id, client.Patch{"locked": !v.Locked})
	}
	if err != nil {
		t.Error(err)
	}
}

// Every version comes once and in order, however often the connection breaks, and the end of the session is the end.
func TestFollow(t *testing.T) {
	t.Parallel()
	const versions = 60
	f := startFlaky(t)
	v := f.session(t)
	var writing sync.WaitGroup
	writing.Go(func() {
		for range versions - 2 {
			f.toggle(t, v.ID)
		}
		if err := f.Client.Sessions.Cancel(t.Context(), v.ID); err != nil {
			t.Error(err)
		}
	})
	next, last := int64(1), ""
	for e, err := range f.c.Sessions.Follow(t.Context(), v.ID, client.FirstEvent) {
		if err != nil || e.Version != next || e.Subject.ID != string(v.ID) {
			t.Fatalf("instead of version %d: %+v, %v", next, e, err)
		}
		if next++; next%10 == 0 {
			f.proxy.CloseClientConnections()
		}
		last = e.Position
	}
	writing.Wait()
	if next != versions+1 {
		t.Errorf("the last version is %d, want %d", next-1, versions)
	}
	for e, err := range f.c.Sessions.Follow(t.Context(), v.ID, last) {
		t.Errorf("after the end comes %+v, %v", e, err)
	}
	p, err := f.c.Sessions.Events(t.Context(), v.ID, client.EventRead{After: client.FirstEvent, Limit: 2})
	if err != nil || len(p.Items) != 2 || p.End != "" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = f.c.Sessions.Events(t.Context(), v.ID, client.EventRead{After: last, Wait: 20 * time.Second})
	if err != nil || len(p.Items) != 0 || p.End != "session_ended" || p.Position != last {
		t.Errorf("%+v, %v", p, err)
	}
}

// From now on means from when the iteration begins, even if the first connection breaks before anything has come.
func TestFollowFromNowOn(t *testing.T) {
	t.Parallel()
	f := startFlaky(t)
	v := f.session(t)
	f.toggle(t, v.ID)
	var once sync.Once
	breaks := func(*http.Request) {
		once.Do(func() {
			f.toggle(t, v.ID)
			panic(http.ErrAbortHandler)
		})
	}
	f.streams.Store(&breaks)
	for e, err := range f.c.Sessions.Follow(t.Context(), v.ID, "") {
		if err != nil || e.Version != 3 {
			t.Errorf("got %+v, %v", e, err)
		}
		break
	}
}

// Whoever follows is told why it cannot go on.
func TestFollowEnds(t *testing.T) {
	t.Parallel()
	f := startFlaky(t)
	v := f.session(t)
	player, err := f.Client.Players.Create(t.Context(), client.Profile{Username: "leaver"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Client.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: player.ID}); err != nil {
		t.Fatal(err)
	}
	follow := func(ctx context.Context, c *client.Client, id client.SessionID, position string) (err error) {
		for _, err = range c.Sessions.Follow(ctx, id, position) {
			if err == nil && c != f.c {
				if err := f.Client.Sessions.Leave(t.Context(), v.ID, player.ID); err != nil {
					t.Error(err)
				}
			}
		}
		return err
	}
	err = follow(t.Context(), f.c, v.ID, "0123456789abcdef.1")
	if e := (*client.Error)(nil); !errors.Is(err, client.ErrFeedGap) || !errors.As(err, &e) ||
		e.Extras["current_version"] != 2.0 {
		t.Errorf("a position of another epoch is %v", err)
	}
	for _, position := range []string{"", client.FirstEvent} {
		err := follow(t.Context(), f.c, "00000000-0000-7000-8000-000000000000", position)
		if !errors.Is(err, client.ErrSessionNotFound) {
			t.Errorf("without the session it is %v", err)
		}
	}
	if err := follow(t.Context(), f.c.ActAs(player.ID), v.ID, client.FirstEvent); !errors.Is(err, client.ErrRemoved) {
		t.Errorf("a player who leaves gets %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := follow(ctx, f.c, v.ID, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context is %v", err)
	}
	if err := follow(ctx, f.c, v.ID, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended is %v", err)
	}
}

// The project's events come in the order of their places, also where few of them match.
func TestFollowProject(t *testing.T) {
	t.Parallel()
	f := startFlaky(t)
	a, b := f.session(t), f.session(t)
	var writing sync.WaitGroup
	for _, id := range []client.SessionID{a.ID, b.ID} {
		writing.Go(func() {
			for range 20 {
				f.toggle(t, id)
			}
		})
	}
	next := int64(1)
	for e, err := range f.c.Events.Follow(t.Context(), client.FirstEvent, client.EventFilter{}) {
		if err != nil || e.Seq != next {
			t.Fatalf("instead of place %d: %+v, %v", next, e, err)
		}
		if next++; next%10 == 0 {
			f.proxy.CloseClientConnections()
		}
		if next == 43 {
			break
		}
	}
	writing.Wait()
	next = 1
	only := client.EventFilter{SessionID: b.ID, SubjectKind: []client.SubjectKind{"session", "player"}}
	for e, err := range f.c.Events.FollowFrom(t.Context(), client.FirstEvent, only, nil) {
		if err != nil || e.Subject.ID != string(b.ID) || e.Version != next {
			t.Fatalf("instead of version %d: %+v, %v", next, e, err)
		}
		if next++; next == 22 {
			break
		}
	}
	p, err := f.c.Events.Page(t.Context(), client.EventRead{After: client.FirstEvent, Limit: 100}, only)
	if err != nil || len(p.Items) != 21 {
		t.Errorf("%+v, %v", p, err)
	}
}

// The example shows each state of a lobby, and ends with it.
func TestLobbyScreen(t *testing.T) {
	t.Parallel()
	f := startFlaky(t)
	v := f.session(t)
	var seats []int
	err := lobbyScreen(t.Context(), f.c, v.ID, func(v client.Session) {
		if seats = append(seats, len(v.Members)); v.Status.Terminal() {
			return
		}
		if len(v.Members) == 2 {
			if err := f.Client.Sessions.Cancel(t.Context(), v.ID); err != nil {
				t.Error(err)
			}
			return
		}
		p, err := f.Client.Players.Create(t.Context(), client.Profile{Username: "seat" + string(rune('a'+len(seats)))})
		if err == nil {
			_, err = f.Client.Sessions.Join(t.Context(), v.ID, client.JoinRequest{PlayerID: p.ID})
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil || !slices.Equal(seats, []int{0, 1, 2, 2}) {
		t.Errorf("it shows %v and ends with %v", seats, err)
	}
}

// A ticket opens the stream of its session.
func TestEventTicket(t *testing.T) {
	t.Parallel()
	f := startFlaky(t)
	v := f.session(t)
	ticket, err := f.c.Sessions.EventTicket(t.Context(), v.ID)
	if err != nil || ticket.Ticket == "" || time.Until(ticket.ExpiresAt) > time.Minute {
		t.Errorf("%+v, %v", ticket, err)
	}
}
