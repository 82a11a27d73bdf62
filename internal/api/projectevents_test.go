package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tmaxmax/go-sse"

	"game-session-manager/internal/api"
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
)

// What does not match the filters is looked at in bounded steps, and nobody looks at it again.
func TestEventsThatDoNotMatch(t *testing.T) {
	t.Parallel()
	const others = 2500
	docs, err := store.Open(t.Context(), "sqlite:"+sqlitetest.Database(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	var events []game.Event
	for seq := range int64(others + 1) {
		e := game.Event{
			Project: game.DefaultProject, Subject: game.Subject{Kind: game.SubjectSession, ID: newID()}, Version: 1,
			Seq: seq + 1, At: time.Now(), Actor: game.Actor{Kind: game.ActorAdmin, ID: "test"},
			Changes: game.Changes{game.SessionCreated{Status: game.StatusOpen}},
		}
		if seq == others {
			e.Subject.Kind, e.Changes = game.SubjectPlayer, game.Changes{game.PlayerCreated{}}
		}
		events = append(events, e)
	}
	if err := docs.PutEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	hub := feed.NewHub(feed.Options{Store: docs, Poll: feed.SlowPoll, Now: time.Now})
	_, logs, failures := watched()
	deps := game.Deps{Store: hub.Observe(docs), Now: time.Now, NewID: newID, MaxRequest: time.Minute}
	sessions := game.NewSessions(deps)
	server := httptest.NewServer(api.New(api.Deps{
		Players: game.NewPlayers(deps, sessions), Sessions: sessions, Feed: hub, Version: "test",
		Authenticate: anyone, Local: true, RequestTimeout: time.Minute, Now: time.Now, NewID: newID,
		Log: logs.System, Failed: failures.Report,
	}))
	t.Cleanup(func() { hub.Stop(); server.Close() })
	get := func(query string, headers ...string) *http.Response {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/events"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		if res.StatusCode != http.StatusOK {
			problem, _ := io.ReadAll(res.Body)
			t.Fatalf("status %d: %s", res.StatusCode, problem)
		}
		return res
	}

	after, pages, found := "0", 0, 0
	for ; found == 0; pages++ {
		var p struct {
			Items    []json.RawMessage `json:"items"`
			Position string            `json:"position"`
		}
		res := get("?wait=30&subject_kind=player&after=" + after)
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Position == after {
			t.Fatalf("page %d does not get further than %s", pages, after)
		}
		after, found = p.Position, len(p.Items)
	}
	if pages != 3 || found != 1 || !strings.HasSuffix(after, fmt.Sprint(".", others+1)) {
		t.Errorf("%d pages end at %s with %d items", pages, after, found)
	}

	var got []string
	res := get("?after=0&subject_kind=player", "Accept", "text/event-stream")
	for e, err := range sse.Read(res.Body, nil) {
		if err != nil {
			t.Fatal(err)
		}
		_, place, _ := strings.Cut(e.LastEventID, ".")
		if got = append(got, strings.TrimSpace(e.Type+" "+place)); e.Type == "" {
			break
		}
	}
	if want := "position 1000, position 2000, 2501"; strings.Join(got, ", ") != want {
		t.Errorf("the stream is %v, want %s", got, want)
	}
}
