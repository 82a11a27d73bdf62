package observe

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"game-session-manager/internal/game"
)

// Documents returns a store that reports what the results of inner say, besides errors: documents that cannot be read,
// which lists leave out, so that nobody else notices, and leases that were renewed. An event is in many lists and is
// read many times: it is reported once.
func Documents(inner game.Store, log *slog.Logger, reg prometheus.Registerer) game.Store {
	renewed := counters(reg, "gsm_leases_renewed_total",
		"Leases renewed by heartbeats, of sessions and of members.", []string{"of"}, "session", "member")
	return &documents{
		Store: inner, log: log, events: map[string]bool{},
		unreadable: counters(reg, "gsm_store_unreadable_documents_total",
			"Documents left out of pages of lists because they cannot be read, by collection. A document counts each "+
				"time, and an event once.", []string{"collection"},
			collectionPlayers, collectionSessions, collectionWebhooks, collectionDeliveries, collectionEvents),
		ofSessions: renewed.WithLabelValues("session"), ofMembers: renewed.WithLabelValues("member"),
	}
}

// Collections as store operations name them.
const (
	collectionPlayers    = "players"
	collectionSessions   = "sessions"
	collectionWebhooks   = "webhooks"
	collectionDeliveries = "deliveries"
	collectionEvents     = "events"
)

type documents struct {
	game.Store
	log                   *slog.Logger
	unreadable            *prometheus.CounterVec
	ofSessions, ofMembers prometheus.Counter

	mu     sync.Mutex
	events map[string]bool // that were reported, by their ids or places; some of many
}

// maxReported bounds how many events are known to have been reported. One that is forgotten is reported again.
const maxReported = 1000

// Players implements [game.Store].
func (d *documents) Players(ctx context.Context, q game.PlayerQuery) (game.Found[game.Player], error) {
	found, err := d.Store.Players(ctx, q)
	d.leftOut(ctx, collectionPlayers, found.Unreadable)
	return found, err
}

// Sessions implements [game.Store].
func (d *documents) Sessions(ctx context.Context, q game.SessionQuery) (game.Found[game.Session], error) {
	found, err := d.Store.Sessions(ctx, q)
	d.leftOut(ctx, collectionSessions, found.Unreadable)
	return found, err
}

// SearchSessions implements [game.Store].
func (d *documents) SearchSessions(ctx context.Context, q game.SearchQuery) (game.Hits, error) {
	hits, err := d.Store.SearchSessions(ctx, q)
	d.leftOut(ctx, collectionSessions, hits.Unreadable)
	return hits, err
}

// Webhooks implements [game.Store].
func (d *documents) Webhooks(ctx context.Context, q game.WebhookQuery) (game.Found[game.Webhook], error) {
	found, err := d.Store.Webhooks(ctx, q)
	d.leftOut(ctx, collectionWebhooks, found.Unreadable)
	return found, err
}

// Deliveries implements [game.Store].
func (d *documents) Deliveries(ctx context.Context, q game.DeliveryQuery) (game.Found[game.Delivery], error) {
	found, err := d.Store.Deliveries(ctx, q)
	d.leftOut(ctx, collectionDeliveries, found.Unreadable)
	return found, err
}

// Timeline implements [game.Store].
func (d *documents) Timeline(ctx context.Context, q game.TimelineQuery) ([]game.Event, error) {
	events, err := d.Store.Timeline(ctx, q)
	d.passedOver(ctx, events)
	return events, err
}

// Feed implements [game.Store].
func (d *documents) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	events, err := d.Store.Feed(ctx, q)
	d.passedOver(ctx, events)
	return events, err
}

// passedOver reports the events that cannot be read, unless they were reported before.
func (d *documents) passedOver(ctx context.Context, events []game.Event) {
	for i := range events {
		if e := &events[i]; e.Unreadable && d.fresh(e) {
			d.unreadable.WithLabelValues(collectionEvents).Inc()
			d.log.LogAttrs(ctx, slog.LevelError, "an event cannot be read and is passed over",
				slog.String("collection", collectionEvents), slog.String("id", cut(e.ID(), maxCause)),
				slog.String("project", string(e.Project)), slog.Int64("seq", e.Seq))
		}
	}
}

// fresh reports whether an event was not reported yet.
func (d *documents) fresh(e *game.Event) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := e.ID()
	if e.Subject.ID == "" {
		key = fmt.Sprint(e.Project, " ", e.Seq)
	}
	if d.events[key] {
		return false
	}
	if len(d.events) >= maxReported {
		clear(d.events)
	}
	d.events[key] = true
	return true
}

func (d *documents) leftOut(ctx context.Context, collection string, ids []string) {
	if len(ids) == 0 {
		return
	}
	d.unreadable.WithLabelValues(collection).Add(float64(len(ids)))
	for _, id := range ids {
		d.log.LogAttrs(ctx, slog.LevelError, "a document cannot be read and is left out of lists",
			slog.String("collection", collection), slog.String("id", cut(id, maxCause)))
	}
}

// RenewLeases implements [game.Store].
func (d *documents) RenewLeases(ctx context.Context, leases []game.Lease) ([]bool, error) {
	renewed, err := d.Store.RenewLeases(ctx, leases)
	sessions, members := 0, 0
	for i, stored := range renewed {
		switch {
		case !stored:
		case leases[i].Player == "":
			sessions++
		default:
			members++
		}
	}
	d.ofSessions.Add(float64(sessions))
	d.ofMembers.Add(float64(members))
	return renewed, err
}
