package feed_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
)

// How the hub's cost is measured.
const (
	costRounds   = 200 // of each, by turns
	costRound    = 10 * time.Millisecond
	costSessions = 50
	costTarget   = 0.98
)

// BenchmarkNobodyFollows compares changes of sessions in a process with a hub that nobody uses with those in one
// without a hub, by turns and in memory. It fails if they differ measurably.
func BenchmarkNobodyFollows(b *testing.B) {
	hub := newCostSide(b, true)
	bare := newCostSide(b, false)
	for range costRounds {
		hub.round(b)
		bare.round(b)
		bare.round(b) // so that each follows itself as often as the other
		hub.round(b)
	}
	ratio := float64(hub.changes) / float64(bare.changes)
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(ratio, "with/without")
	b.Logf("%d changes with a hub that nobody uses, %d without: %.3f", hub.changes, bare.changes, ratio)
	if ratio < costTarget {
		b.Errorf("with a hub, there are %.3f of the changes, want %.2f", ratio, costTarget)
	}
}

// memory is a store of sessions without a disk, beside which the hub's cost would disappear.
type memory struct {
	game.Store
	sessions map[game.SessionID]game.Session
}

// CreateSession implements [game.Store].
func (m memory) CreateSession(_ context.Context, v game.Session, _ ...game.Event) error {
	m.sessions[v.ID] = v
	return nil
}

// Session implements [game.Store].
func (m memory) Session(_ context.Context, _ game.ProjectID, id game.SessionID) (game.Session, error) {
	return m.sessions[id], nil
}

// ReplaceSession implements [game.Store].
func (m memory) ReplaceSession(_ context.Context, _, next game.Session, _ ...game.Event) error {
	m.sessions[next.ID] = next
	return nil
}

// costSide changes sessions of a database.
type costSide struct {
	sessions *game.Sessions
	ids      []game.SessionID
	changes  int
}

func newCostSide(b *testing.B, observed bool) *costSide {
	b.Helper()
	var docs game.Store = memory{sessions: map[game.SessionID]game.Session{}}
	if observed {
		docs = feed.NewHub(feed.Options{Store: docs, Poll: feed.SlowPoll, Now: time.Now}).Observe(docs)
	}
	c := &costSide{sessions: game.NewSessions(game.Deps{
		Store: docs, Now: time.Now, MaxRequest: time.Minute,
		NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
	})}
	ctx := game.WithCaller(b.Context(), game.Anonymous())
	for range costSessions {
		v, err := c.sessions.Create(ctx, game.SessionRequest{
			Settings: game.Settings{MaxPlayers: 4, Visibility: game.VisibilityPublic},
		}, game.Idempotency{})
		must(b, err)
		c.ids = append(c.ids, v.Document.ID)
	}
	return c
}

func (c *costSide) round(b *testing.B) {
	b.Helper()
	ctx := game.WithCaller(b.Context(), game.Anonymous())
	for begin := time.Now(); time.Since(begin) < costRound; c.changes++ {
		id := c.ids[c.changes%len(c.ids)]
		_, err := c.sessions.Edit(ctx, id, nil, func(e game.SessionEdit) (game.SessionEdit, error) {
			e.Locked = !e.Locked
			return e, nil
		})
		must(b, err)
	}
}
