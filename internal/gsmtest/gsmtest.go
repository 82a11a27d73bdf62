// Package gsmtest runs the whole service inside a test process: the API on an embedded store in a temporary directory
// or on another database, without authentication, and a client for it.
package gsmtest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/client"
	"game-session-manager/internal/api"
	"game-session-manager/internal/auth"
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/observe"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
)

// Server is a running service.
type Server struct {
	URL      string
	Client   *client.Client
	Store    game.Store
	Players  *game.Players
	Sessions *game.Sessions
}

// Start runs a service on an embedded store until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartOn(t, "sqlite:"+sqlitetest.Database(t))
}

// StartOn runs a service on the database at a URL until the test ends. See [store.Open] for URLs.
func StartOn(t testing.TB, databaseURL string) *Server {
	t.Helper()
	docs, err := store.Open(t.Context(), databaseURL, store.Options{})
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	t.Cleanup(func() {
		if err := docs.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	hub := feed.NewHub(feed.Options{Store: docs, Poll: feed.DefaultPoll, Now: time.Now})
	following, stop := context.WithCancel(context.Background())
	var finding sync.WaitGroup
	finding.Go(func() { _ = hub.Run(following) })
	t.Cleanup(func() { stop(); finding.Wait() })
	newID := func() string { return uuid.Must(uuid.NewV7()).String() }
	deps := game.Deps{
		Store: hub.Observe(docs), Now: time.Now, NewID: newID, MaxRequest: 10 * time.Second,
		Passwords: auth.NewPasswords(),
	}
	sessions := game.NewSessions(deps)
	players := game.NewPlayers(deps, sessions)
	registry := prometheus.NewRegistry()
	logs := observe.NewLogs(t.Output(), observe.LogOptions{
		Format: observe.FormatText, Level: slog.LevelInfo, Metrics: registry, Now: time.Now,
	})
	tokens, err := auth.NewSigner(auth.SignerDeps{Issuer: "gsm", Now: time.Now, Log: logs.System})
	if err != nil {
		t.Fatalf("making a signing key: %v", err)
	}
	senders, err := auth.NewPlayers(tokens, nil)
	if err != nil {
		t.Fatalf("remembering tokens: %v", err)
	}
	keys := game.NewKeys(deps)
	guard := &auth.Guard{Keys: auth.NewKeys(docs, keys, nil, time.Now), Tokens: senders, Open: true}
	rest := api.New(api.Deps{
		Players: players, Sessions: sessions, Feed: hub, Metrics: game.NewMetrics(deps), Keys: keys, Tokens: tokens,
		Authenticate: guard.Caller, ActAs: auth.ActAs, Local: true,
		Version: "test", RequestTimeout: deps.MaxRequest, Now: time.Now, NewID: newID,
		Log: logs.System, Failed: observe.NewErrors(logs.Error, registry, time.Now, newID).Report,
		Checks: []api.Check{{Name: "database", Run: docs.Ping}},
	})
	server := httptest.NewServer(rest)
	t.Cleanup(func() { hub.Stop(); server.Close() })
	c, err := client.New(server.URL)
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	return &Server{URL: server.URL, Client: c, Store: docs, Players: players, Sessions: sessions}
}
