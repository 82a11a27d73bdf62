package auth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"game-session-manager/internal/auth"
	"game-session-manager/internal/game"
	"game-session-manager/internal/store"
	"game-session-manager/internal/store/sqlitestore/sqlitetest"
)

const (
	secretKey = "a secret key of the operator's, forty characters"
	playerID  = game.PlayerID("01890000-0000-7000-8000-000000000001")
	sessionID = game.SessionID("01890000-0000-7000-8000-000000000002")
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantError(tb testing.TB, err, target error) {
	tb.Helper()
	if !errors.Is(err, target) {
		tb.Errorf("got error %v, want %v", err, target)
	}
}

func openStore(tb testing.TB) game.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), "sqlite:"+sqlitetest.Database(tb), store.Options{})
	must(tb, err)
	tb.Cleanup(func() { must(tb, s.Close()) })
	return s
}

// process is a Signer with its log.
type process struct {
	*auth.Signer
	log *lines
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newProcess(tb testing.TB, s game.SigningKeyStore, secret string, c *clock) process {
	tb.Helper()
	log := new(lines)
	signer, err := auth.NewSigner(auth.SignerDeps{
		Store: s, Secret: secret, Issuer: "gsm", Now: c.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	must(tb, err)
	return process{signer, log}
}

func (p process) refresh(tb testing.TB) {
	tb.Helper()
	must(tb, p.Refresh(tb.Context()))
}

var player = game.Player{ID: playerID, Project: "arena"}

func (p process) mint(tb testing.TB, life time.Duration) string {
	tb.Helper()
	token, err := p.Mint(player, life)
	must(tb, err)
	return token.Token
}

// takes reports a token that is rejected.
func (p process) takes(tb testing.TB, token string) {
	tb.Helper()
	got, err := p.Verify(tb.Context(), token)
	must(tb, err)
	if want := (game.Caller{Project: "arena", Scope: game.ScopePlayer, Player: playerID, Name: "player"}); got != want {
		tb.Errorf("got %+v, want %+v", got, want)
	}
}

// kids are the ids of the keys that are published.
func (p process) kids(tb testing.TB) (ids []string) {
	tb.Helper()
	set, err := p.JWKS()
	must(tb, err)
	for _, k := range set.Keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// kid is the key that signs.
func (p process) kid(tb testing.TB) string {
	tb.Helper()
	return header(tb, p.mint(tb, time.Minute))["kid"].(string)
}

// broken is a store of keys that fails while its flag is set.
type broken struct {
	game.SigningKeyStore
	mu    sync.Mutex
	err   error
	reads int
}

func (b *broken) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *broken) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reads
}

func (b *broken) SigningKeys(ctx context.Context) ([]game.SigningKey, error) {
	b.mu.Lock()
	err := b.err
	b.reads++
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return b.SigningKeyStore.SigningKeys(ctx)
}

// wantNone reports a text that has one of the secrets in it.
func wantNone(tb testing.TB, text string, secrets ...string) {
	tb.Helper()
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			tb.Errorf("%q is in %q", s, text)
		}
	}
}
