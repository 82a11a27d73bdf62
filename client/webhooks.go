package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"game-session-manager/internal/game"
)

// Webhooks groups the calls about webhooks, for admins. Use the one of a [Client].
type Webhooks struct{ c *Client }

const webhooksPath = basePath + "/webhooks"

// The parts of webhooks.
type (
	// WebhookID identifies a webhook.
	WebhookID = game.WebhookID
	// WebhookSettings are what admins decide about a webhook. URL is required.
	WebhookSettings = game.WebhookSettings
	// WebhookReason says why a webhook is disabled.
	WebhookReason = game.WebhookReason
	// WebhookFailure says why a message could not be delivered.
	WebhookFailure = game.WebhookFailure
	// Delivery is what became of one event that was sent to a webhook.
	Delivery = game.Delivery
	// DeliveryStatus is the state of a delivery.
	DeliveryStatus = game.DeliveryStatus
)

// The statuses of deliveries.
const (
	DeliveryDelivered = game.DeliveryDelivered
	DeliveryRetrying  = game.DeliveryRetrying
	DeliveryDead      = game.DeliveryDead // it is not sent again unless it is replayed
)

// Webhook is a webhook without its secret.
type Webhook struct {
	ID      WebhookID `json:"id"`
	Project string    `json:"project"`
	WebhookSettings

	DisabledReason WebhookReason `json:"disabled_reason"`       // empty while it is not disabled
	PreviousUntil  *time.Time    `json:"previous_secret_until"` // until when a secret before the last rotation signs too
	FailingSince   *time.Time    `json:"failing_since"`         // since when every attempt has failed
	Failures       int           `json:"failures"`              // attempts since the last one that succeeded
	Waiting        int           `json:"waiting"`               // documents with an event that is sent again later
	Position       int64         `json:"position"`              // the seq of the last event that was dealt with
	Version        int64         `json:"version"`
	CreatedAt      time.Time     `json:"created_at"`
	UpdatedAt      time.Time     `json:"updated_at"`
}

// NewWebhook is a webhook with its secret, which the server returns once.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret"` // for [VerifyWebhook]
}

// WebhookTest is the outcome of a test.
type WebhookTest struct {
	Delivered bool           `json:"delivered"`
	Failure   WebhookFailure `json:"failure"`         // empty if it was delivered
	Status    int            `json:"response_status"` // of the receiver; 0 for none
	Excerpt   string         `json:"response_excerpt"`
	TookMS    int64          `json:"took_ms"`
}

// Create creates a webhook. It is not retried: if the response is lost there is a webhook whose secret nobody knows,
// which [Webhooks.Delete] removes. It returns [ErrValidation], [ErrTooManyWebhooks], [ErrNoWebhooks] and
// [ErrForbidden].
func (w *Webhooks) Create(ctx context.Context, r WebhookSettings) (NewWebhook, error) {
	q := write(http.MethodPost, webhooksPath, r)
	q.single = true
	return fetch[NewWebhook](ctx, w.c, q)
}

// Get returns a webhook, or [ErrWebhookNotFound], [ErrNoWebhooks] or [ErrForbidden].
func (w *Webhooks) Get(ctx context.Context, id WebhookID) (Webhook, error) {
	return fetch[Webhook](ctx, w.c, read(webhookPath(id), nil))
}

// List returns one page of webhooks, newest first, with at most limit items; 0 for the server's default. [Webhooks.All]
// iterates over all pages.
func (w *Webhooks) List(ctx context.Context, cursor string, limit int) (Page[Webhook], error) {
	return fetch[Page[Webhook]](ctx, w.c, read(webhooksPath, paged(url.Values{}, limit, cursor)))
}

// All returns an iterator over the webhooks of the project. It reads a page at a time and ends with the first error.
func (w *Webhooks) All(ctx context.Context) iter.Seq2[Webhook, error] {
	return allPages(ctx, "", func(ctx context.Context, cursor string) (Page[Webhook], error) {
		return w.List(ctx, cursor, 0)
	})
}

// Patch changes the settings that the patch names: see [Patch]. It returns [ErrValidation], [ErrWebhookNotFound],
// [ErrNoWebhooks] and [ErrForbidden].
func (w *Webhooks) Patch(ctx context.Context, id WebhookID, p Patch, opts ...WriteOption) (Webhook, error) {
	return fetch[Webhook](ctx, w.c, with(write(http.MethodPatch, webhookPath(id), p), opts))
}

// Delete deletes a webhook. It returns [ErrWebhookNotFound], [ErrNoWebhooks] and [ErrForbidden].
func (w *Webhooks) Delete(ctx context.Context, id WebhookID, opts ...WriteOption) error {
	q := with(write(http.MethodDelete, webhookPath(id), nil), opts)
	q.doneIf = ErrWebhookNotFound
	return w.c.send(ctx, q, nil)
}

// Rotate replaces the secret. The old one signs too for the overlap, which is cut to whole seconds. It is not retried:
// if the response is lost, rotate again. It returns [ErrWebhookNotFound], [ErrNoWebhooks] and [ErrForbidden].
func (w *Webhooks) Rotate(ctx context.Context, id WebhookID, overlap time.Duration) (NewWebhook, error) {
	body := map[string]int{"overlap_seconds": int(overlap / time.Second)}
	q := write(http.MethodPost, webhookPath(id)+"/rotate", body)
	q.single = true
	return fetch[NewWebhook](ctx, w.c, q)
}

// Test sends a message of the type webhook.test at once, and returns what came of it. It returns [ErrWebhookNotFound],
// [ErrNoWebhooks] and [ErrForbidden].
func (w *Webhooks) Test(ctx context.Context, id WebhookID) (WebhookTest, error) {
	q := write(http.MethodPost, webhookPath(id)+"/test", nil)
	q.single = true
	return fetch[WebhookTest](ctx, w.c, q)
}

// Deliveries returns one page of what was sent, newest first, with the status unless it is empty, and with at most
// limit items; 0 for the server's default. It returns [ErrWebhookNotFound], [ErrNoWebhooks] and [ErrForbidden].
func (w *Webhooks) Deliveries(
	ctx context.Context, id WebhookID, status DeliveryStatus, cursor string, limit int,
) (Page[Delivery], error) {
	q := paged(url.Values{}, limit, cursor)
	if status != "" {
		q.Set("status", string(status))
	}
	return fetch[Page[Delivery]](ctx, w.c, read(webhookPath(id)+"/deliveries", q))
}

// Replay sends events again by the ids of their deliveries, at most 100, or the newest dead letters without any, and
// returns how many. It returns [ErrWebhookBusy], [ErrWebhookNotFound], [ErrNoWebhooks] and [ErrForbidden].
func (w *Webhooks) Replay(ctx context.Context, id WebhookID, deliveries ...string) (int, error) {
	body := game.ReplayRequest{Deliveries: append([]string{}, deliveries...)}
	q := write(http.MethodPost, webhookPath(id)+"/replay", body)
	out, err := fetch[struct {
		Replayed int `json:"replayed"`
	}](ctx, w.c, q)
	return out.Replayed, err
}

func webhookPath(id WebhookID) string { return webhooksPath + "/" + segment(id) }

// WebhookMessage is a message that a webhook receives.
type WebhookMessage struct {
	ID        string          `json:"-"`    // the header webhook-id: the same if the message comes again
	Type      string          `json:"type"` // such as session.member_joined, or webhook.test
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"` // the event
}

// ErrWebhookSignature says that a message is not signed by one of the secrets, or that it is older than five minutes.
var ErrWebhookSignature = &game.Error{
	Kind: game.Unauthenticated, Code: "webhook_signature", Message: "The message has no valid signature.",
}

// minWebhookSecret is the length in characters of the shortest secret that is accepted. Those of the server are longer.
const minWebhookSecret = len("whsec_") + 32

// VerifyWebhook verifies a message that a webhook received, by its headers and the bytes of its body, and decodes it.
// It accepts a signature by any of the secrets, which are those that [Webhooks.Create] and [Webhooks.Rotate] returned.
// It returns [ErrWebhookSignature], or the error of a body that is no message, or of a secret that is none: one that is
// empty, such as a variable that is not set, would let anybody sign.
func VerifyWebhook(header http.Header, body []byte, secrets ...string) (WebhookMessage, error) {
	signers := make([]*standard.Webhook, len(secrets))
	for i, secret := range secrets {
		if len(secret) < minWebhookSecret {
			return WebhookMessage{}, fmt.Errorf(
				"secret %d of a webhook has %d characters, want at least %d: is it set?",
				i+1, len(secret), minWebhookSecret)
		}
		by, err := standard.NewWebhook(secret)
		if err != nil {
			return WebhookMessage{}, fmt.Errorf("secret %d of a webhook: %w", i+1, err)
		}
		signers[i] = by
	}
	err := error(nil)
	for _, by := range signers {
		if err = by.Verify(body, header); err == nil {
			m := WebhookMessage{ID: header.Get(standard.HeaderWebhookID)}
			if err := json.Unmarshal(body, &m); err != nil {
				return WebhookMessage{}, fmt.Errorf("the body of a webhook's message: %w", err)
			}
			return m, nil
		}
	}
	return WebhookMessage{}, ErrWebhookSignature.Because(err)
}
