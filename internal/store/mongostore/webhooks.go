package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

func webhookAddress(w game.Webhook) address { return address{string(w.ID), w.Project} }

// CreateWebhook implements [game.WebhookStore].
func (s *Store) CreateWebhook(ctx context.Context, w game.Webhook, events ...game.Event) error {
	return insert(ctx, s, s.webhooks, webhookAddress(w), storedWebhook(w), events, idTaken())
}

// Webhook implements [game.WebhookStore].
func (s *Store) Webhook(ctx context.Context, project game.ProjectID, id game.WebhookID) (game.Webhook, error) {
	return oneAt[game.Webhook](ctx, s, s.webhooks, address{string(id), project}, game.WebhookNotFound(id))
}

// ReplaceWebhook implements [game.WebhookStore].
func (s *Store) ReplaceWebhook(ctx context.Context, old, next game.Webhook, events ...game.Event) error {
	return s.replace(ctx, s.webhooks, webhookAddress(old), replacement{
		version: old.Version, also: docOf("progress.revision", old.Progress.Revision), events: events,
		old: storedWebhook(old), next: storedWebhook(next), notFound: game.WebhookNotFound(old.ID),
	})
}

// DeleteWebhook implements [game.WebhookStore].
func (s *Store) DeleteWebhook(ctx context.Context, old game.Webhook) error {
	return s.remove(ctx, s.webhooks, webhookAddress(old), old.Version)
}

// Webhooks implements [game.WebhookStore].
func (s *Store) Webhooks(ctx context.Context, q game.WebhookQuery) (game.Found[game.Webhook], error) {
	return list(ctx, s, s.webhooks, webhooksPage(q), fullSize[game.Webhook])
}

func webhooksPage(q game.WebhookQuery) page {
	p := page{index: webhooksByProject, narrow: true, current: true, after: string(q.After), limit: q.Limit}
	p.where("project", q.Project)
	return p
}

// WebhookMarks implements [game.WebhookStore].
func (s *Store) WebhookMarks(ctx context.Context, after game.WebhookID, limit int) ([]game.WebhookMark, error) {
	filter, o := pageAfter(string(after), limit)
	o.SetProjection(keys("project", "version", "progress.revision"))
	marks := []game.WebhookMark{}
	err := s.each(ctx, s.webhooks.Collection, filter, o, func(cursor *mongo.Cursor) (bool, error) {
		id, ok := cursor.Current.Lookup("_id").StringValueOK()
		if !ok {
			return false, game.ErrUnreadable // it has no place in the order of the ids
		}
		m := game.WebhookMark{ID: game.WebhookID(id)}
		project, _ := cursor.Current.Lookup("project").StringValueOK()
		m.Project = game.ProjectID(project)
		m.Version, _ = cursor.Current.Lookup("version").AsInt64OK()
		m.Revision, _ = cursor.Current.Lookup("progress", "revision").AsInt64OK()
		marks = append(marks, m)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return marks, nil
}

// ExportWebhooks implements [game.ExportStore].
func (s *Store) ExportWebhooks(ctx context.Context, after game.WebhookID, limit int) ([]game.Webhook, error) {
	return export[game.Webhook](ctx, s, s.webhooks, string(after), limit)
}

// PutDeliveries implements [game.WebhookStore]. Whoever stores a record again after a lost reply stores the same.
func (s *Store) PutDeliveries(ctx context.Context, records []game.Delivery) error {
	if len(records) == 0 {
		return nil
	}
	updates := make([]mongo.WriteModel, len(records))
	for i, d := range records {
		updates[i] = mongo.NewReplaceOneModel().SetReplacement(storedDelivery(d)).SetUpsert(true).
			SetFilter(append(docOf("_id", d.ID), item("at", docOf("$lte", d.At))...))
	}
	return s.do(ctx, write{
		send:    func(ctx context.Context) error { return s.putDeliveries(ctx, updates) },
		refusal: func(error) error { return nil },
	})
}

// deliveryRounds is how often records are sent that lose to others inserted at the same time.
const deliveryRounds = 3

// putDeliveries sends records. Where a later one is stored, the filter does not match and the insert is a duplicate. So
// is one that another process inserted at the same time: sent again, it is compared with that.
func (s *Store) putDeliveries(ctx context.Context, updates []mongo.WriteModel) error {
	for range deliveryRounds {
		_, err := s.deliveries.BulkWrite(ctx, updates, options.BulkWrite().SetOrdered(false))
		var e mongo.BulkWriteException
		if err == nil || !errors.As(err, &e) || e.WriteConcernError != nil || len(e.WriteErrors) == 0 {
			return err
		}
		var duplicates []mongo.WriteModel
		for _, f := range e.WriteErrors {
			if !mongo.IsDuplicateKeyError(f.WriteError) {
				return err
			}
			duplicates = append(duplicates, updates[f.Index])
		}
		updates = duplicates
	}
	return nil
}

// Deliveries implements [game.WebhookStore].
func (s *Store) Deliveries(ctx context.Context, q game.DeliveryQuery) (game.Found[game.Delivery], error) {
	return list(ctx, s, s.deliveries, deliveriesPage(q), fullSize[game.Delivery])
}

func deliveriesPage(q game.DeliveryQuery) page {
	p := page{index: deliveriesByWebhook, narrow: true, after: q.After, limit: q.Limit}
	p.where("webhook_id", q.Webhook)
	if q.Status != "" {
		p.index = deliveriesByStatus
		p.where("status", q.Status)
	}
	p.where("project", q.Project)
	return p
}

// ExportDeliveries implements [game.ExportStore].
func (s *Store) ExportDeliveries(ctx context.Context, after string, limit int) ([]game.Delivery, error) {
	return export[game.Delivery](ctx, s, s.deliveries, after, limit)
}

// TrimDeliveries implements [game.WebhookStore].
func (s *Store) TrimDeliveries(ctx context.Context, q game.DeliveryQuery, keep int) (int, error) {
	p := deliveriesPage(q)
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetSkip(int64(keep)).SetLimit(int64(q.Limit)).
		SetHint(p.index).SetProjection(keys("_id"))
	return s.removeFound(ctx, s.deliveries, p.filter, o)
}

// PurgeDeliveries implements [game.WebhookStore].
func (s *Store) PurgeDeliveries(ctx context.Context, before time.Time, limit int) (int, error) {
	o := options.Find().SetSort(keys("at")).SetLimit(int64(limit)).SetHint(deliveriesByTime).
		SetProjection(keys("_id"))
	return s.removeFound(ctx, s.deliveries, docOf("at", docOf("$lt", before)), o)
}

// removeFound removes the documents that a find returns, if they still match its filter, and returns their number.
func (s *Store) removeFound(
	ctx context.Context, c collection, filter bson.D, o *options.FindOptionsBuilder,
) (int, error) {
	removed := 0
	err := s.do(ctx, write{
		send: func(ctx context.Context) error {
			cursor, err := c.Find(ctx, filter, o)
			if err != nil {
				return err
			}
			var docs []idOnly
			if err := cursor.All(ctx, &docs); err != nil || len(docs) == 0 {
				return err
			}
			ids := mapped(docs, func(d idOnly) any { return d.ID })
			r, err := c.DeleteMany(ctx, append(docOf("_id", docOf("$in", bson.A(ids))), filter...))
			if r != nil {
				removed += int(r.DeletedCount)
			}
			return err
		},
		refusal: func(error) error { return nil },
	})
	return removed, err
}
