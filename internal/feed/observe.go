package feed

import (
	"context"
	"errors"
	"time"

	"game-session-manager/internal/game"
)

// Observe returns a store that tells the hub of the events that it stores. While nobody follows anything, that costs
// the look at a number.
func (h *Hub) Observe(inner game.Store) game.Store { return &observed{inner, h} }

type observed struct {
	game.Store
	hub *Hub
}

// tell tells the hub of the events of a write with its result.
func (s *observed) tell(events []game.Event, err error) error {
	if err == nil {
		s.hub.stored(events)
	} else if e := (*game.Error)(nil); errors.As(err, &e) && e.Extras["outcome"] == game.OutcomeUnknown {
		s.hub.doubted(events)
	}
	return err
}

// OrderEvents implements [game.Store].
func (s *observed) OrderEvents(ctx context.Context, now time.Time, limit int) (int, error) {
	n, err := s.Store.OrderEvents(ctx, now, limit)
	if n > 0 {
		s.hub.ordered()
	}
	return n, err
}

// CreatePlayer implements [game.Store].
func (s *observed) CreatePlayer(ctx context.Context, p game.Player, events ...game.Event) error {
	return s.tell(events, s.Store.CreatePlayer(ctx, p, events...))
}

// ReplacePlayer implements [game.Store].
func (s *observed) ReplacePlayer(ctx context.Context, old, next game.Player, events ...game.Event) error {
	return s.tell(events, s.Store.ReplacePlayer(ctx, old, next, events...))
}

// CreateSession implements [game.Store].
func (s *observed) CreateSession(ctx context.Context, v game.Session, events ...game.Event) error {
	return s.tell(events, s.Store.CreateSession(ctx, v, events...))
}

// ReplaceSession implements [game.Store].
func (s *observed) ReplaceSession(ctx context.Context, old, next game.Session, events ...game.Event) error {
	return s.tell(events, s.Store.ReplaceSession(ctx, old, next, events...))
}

// CreateKey implements [game.Store].
func (s *observed) CreateKey(ctx context.Context, k game.Key, events ...game.Event) error {
	return s.tell(events, s.Store.CreateKey(ctx, k, events...))
}

// CreateWebhook implements [game.Store].
func (s *observed) CreateWebhook(ctx context.Context, w game.Webhook, events ...game.Event) error {
	return s.tell(events, s.Store.CreateWebhook(ctx, w, events...))
}

// ReplaceWebhook implements [game.Store].
func (s *observed) ReplaceWebhook(ctx context.Context, old, next game.Webhook, events ...game.Event) error {
	return s.tell(events, s.Store.ReplaceWebhook(ctx, old, next, events...))
}

// ReplaceKey implements [game.Store].
func (s *observed) ReplaceKey(ctx context.Context, old, next game.Key, events ...game.Event) error {
	return s.tell(events, s.Store.ReplaceKey(ctx, old, next, events...))
}
