package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"game-session-manager/internal/game"
)

// SQLite generates what is compared of a webhook, and of the record of a delivery but its time, from the document.
const (
	selectWebhook  = "SELECT doc FROM webhooks WHERE id = ? AND project = ?"
	webhookExists  = "SELECT 1 FROM webhooks WHERE id = ? AND project = ?"
	insertWebhook  = "INSERT INTO webhooks (id, doc) VALUES (?, ?)"
	updateWebhook  = "UPDATE webhooks SET doc = ? WHERE id = ? AND project = ? AND version = ? AND revision = ?"
	deleteWebhook  = "DELETE FROM webhooks WHERE id = ? AND project = ? AND version = ?"
	exportWebhooks = "SELECT doc FROM webhooks WHERE id > ? ORDER BY id LIMIT ?"
	webhookMarks   = "SELECT id, coalesce(project, ''), CASE typeof(version) WHEN 'integer' THEN version ELSE 0 END, " +
		"CASE typeof(revision) WHEN 'integer' THEN revision ELSE 0 END FROM webhooks WHERE id > ? ORDER BY id LIMIT ?"

	putDelivery = "INSERT INTO deliveries (id, at, doc) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET " +
		"at = excluded.at, doc = excluded.doc WHERE excluded.at >= at"
	exportDeliveries = "SELECT doc FROM deliveries WHERE id > ? ORDER BY id LIMIT ?"
	trimDeliveries   = "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE webhook_id = ? AND " +
		"status = ? ORDER BY id DESC LIMIT ? OFFSET ?)"
	purgeDeliveries = "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE at < ? ORDER BY at LIMIT ?)"
)

// CreateWebhook implements [game.WebhookStore].
func (s *Store) CreateWebhook(ctx context.Context, w game.Webhook, events ...game.Event) error {
	doc, rows, err := s.encoded(w, events)
	if err != nil {
		return err
	}
	return s.write(ctx, rows, func(c *conn) (refusal, error) { return c.insert(insertWebhook, string(w.ID), doc) })
}

// Webhook implements [game.WebhookStore].
func (s *Store) Webhook(ctx context.Context, project game.ProjectID, id game.WebhookID) (game.Webhook, error) {
	return one[game.Webhook](ctx, s, game.WebhookNotFound(id), selectWebhook, string(id), string(project))
}

// ReplaceWebhook implements [game.WebhookStore].
func (s *Store) ReplaceWebhook(ctx context.Context, old, next game.Webhook, events ...game.Event) error {
	doc, rows, err := s.encoded(next, events)
	if err != nil {
		return err
	}
	id, project := string(old.ID), string(old.Project)
	return s.write(ctx, rows, func(c *conn) (refusal, error) {
		return c.change(
			game.WebhookNotFound(old.ID), webhookExists, []any{id, project}, updateWebhook, doc, id, project,
			old.Version, old.Progress.Revision,
		)
	})
}

// DeleteWebhook implements [game.WebhookStore].
func (s *Store) DeleteWebhook(ctx context.Context, old game.Webhook) error {
	id, project := string(old.ID), string(old.Project)
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		return c.change(nil, webhookExists, []any{id, project}, deleteWebhook, id, project, old.Version)
	})
}

// Webhooks implements [game.WebhookStore].
func (s *Store) Webhooks(ctx context.Context, q game.WebhookQuery) (game.Found[game.Webhook], error) {
	sql, args := webhooksSQL(q)
	read := func(doc driver.Value) (w game.Webhook, cost int, err error) {
		return w, 0, s.codec.decode(doc, &w)
	}
	return find(ctx, s, sql, args, bounds{limit: q.Limit}, read)
}

func webhooksSQL(q game.WebhookQuery) (string, []any) {
	b := selection{table: "webhooks", from: "webhooks d", id: "d.id"}
	b.where("d.project = ?", string(q.Project))
	return page(string(q.After), q.Limit+1, b)
}

// WebhookMarks implements [game.WebhookStore].
func (s *Store) WebhookMarks(ctx context.Context, after game.WebhookID, limit int) ([]game.WebhookMark, error) {
	args := []any{string(after), int64(limit)}
	return gather(ctx, s, webhookMarks, args, func(columns []driver.Value) (m game.WebhookMark, err error) {
		var id, project string
		err = errors.Join(
			scan(columns[0], &id), scan(columns[1], &project),
			scan(columns[2], &m.Version), scan(columns[3], &m.Revision),
		)
		m.ID, m.Project = game.WebhookID(id), game.ProjectID(project)
		return m, err
	})
}

// ExportWebhooks implements [game.ExportStore].
func (s *Store) ExportWebhooks(ctx context.Context, after game.WebhookID, limit int) ([]game.Webhook, error) {
	return gather(ctx, s, exportWebhooks, []any{string(after), int64(limit)}, documentIn[game.Webhook](s))
}

// PutDeliveries implements [game.WebhookStore].
func (s *Store) PutDeliveries(ctx context.Context, records []game.Delivery) error {
	rows := make([][]any, len(records))
	for i, d := range records {
		doc, _, err := s.encoded(d, nil)
		if err != nil {
			return err
		}
		rows[i] = []any{d.ID, d.At.UnixMilli(), doc}
	}
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		for _, row := range rows {
			if _, err := c.exec(putDelivery, row...); err != nil {
				return nil, err
			}
		}
		return nil, nil //nolint:nilnil // nothing rejects it
	})
}

// Deliveries implements [game.WebhookStore].
func (s *Store) Deliveries(ctx context.Context, q game.DeliveryQuery) (game.Found[game.Delivery], error) {
	sql, args := deliveriesSQL(q)
	read := func(doc driver.Value) (d game.Delivery, cost int, err error) {
		return d, 0, s.codec.decode(doc, &d)
	}
	return find(ctx, s, sql, args, bounds{limit: q.Limit}, read)
}

func deliveriesSQL(q game.DeliveryQuery) (string, []any) {
	b := selection{table: "deliveries", from: "deliveries d", id: "d.id"}
	b.where("d.webhook_id = ?", string(q.Webhook))
	// What is no JSON would fail the statement.
	b.where("CASE WHEN json_valid(d.doc) THEN d.doc ->> '$.project' = ? ELSE TRUE END", string(q.Project))
	if q.Status != "" {
		b.where("d.status = ?", string(q.Status))
	}
	return page(q.After, q.Limit+1, b)
}

// ExportDeliveries implements [game.ExportStore].
func (s *Store) ExportDeliveries(ctx context.Context, after string, limit int) ([]game.Delivery, error) {
	return gather(ctx, s, exportDeliveries, []any{after, int64(limit)}, documentIn[game.Delivery](s))
}

// TrimDeliveries implements [game.WebhookStore].
func (s *Store) TrimDeliveries(ctx context.Context, q game.DeliveryQuery, keep int) (int, error) {
	return s.exec(ctx, trimDeliveries, string(q.Webhook), string(q.Status), int64(q.Limit), int64(keep))
}

// PurgeDeliveries implements [game.WebhookStore].
func (s *Store) PurgeDeliveries(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.purge(ctx, purgeDeliveries, before, limit)
}
