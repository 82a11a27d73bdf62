package game

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Vault encrypts secrets that are stored and must be known to sign. The id is authenticated with the secret, so that it
// cannot be opened as that of another document.
type Vault interface {
	Seal(id, secret string) string
	Open(id, sealed string) (string, error)
}

// WebhookMessage is a message to a receiver.
type WebhookMessage struct {
	ID      string // the same in each attempt
	URL     string
	Secrets []string // that sign it
	At      time.Time
	Body    []byte
}

// WebhookSender sends a message once. It returns within a limited time.
type WebhookSender interface {
	Send(ctx context.Context, m WebhookMessage) WebhookAttempt
}

// WebhookDeps are what webhooks need beside a store.
type WebhookDeps struct {
	// Vault is nil where there is no secret key: then there are no webhooks.
	Vault  Vault
	Sender WebhookSender
	// Private allows http URLs.
	Private bool
}

// Webhooks applies the rules about webhooks. Its methods see only the project of the context's [Caller], which must be
// an admin, unless stated otherwise.
type Webhooks struct {
	rules
	WebhookDeps
	changes *changes[Webhook]
}

// NewWebhooks returns the webhooks in a store.
func NewWebhooks(d Deps, w WebhookDeps) *Webhooks {
	s := &Webhooks{rules: newRules(d), WebhookDeps: w}
	s.changes = newChanges(collection[Webhook]{
		read: func(ctx context.Context, id string) (Webhook, error) {
			return s.store.Webhook(ctx, CallerFrom(ctx).Project, WebhookID(id))
		},
		clone: func(w Webhook) Webhook {
			w.Progress.Waiting = slices.Clone(w.Progress.Waiting) // rules change nothing else in place
			return w
		},
		next:    (*Webhook).nextVersion,
		replace: s.store.ReplaceWebhook,
		now:     s.now,
	})
	return s
}

// mayUse returns ErrForbidden unless the caller is an admin, and ErrNoWebhooks where there are none.
func (s *Webhooks) mayUse(ctx context.Context) error {
	if err := CallerFrom(ctx).mayAdminister(); err != nil {
		return err
	}
	if s.Vault == nil {
		return ErrNoWebhooks
	}
	return nil
}

// check returns ErrValidation if the settings are not valid, or not here.
func (s *Webhooks) check(v WebhookSettings) error {
	if err := v.Validate(); err != nil {
		return err
	}
	if v.plain() && !s.Private {
		return InvalidField("url", "must be an https URL, unless the operator sets GSM_WEBHOOK_PRIVATE to true")
	}
	return nil
}

// Create creates a webhook and returns it with its secret, which cannot be retrieved again. It receives the events from
// about now on. It returns ErrValidation, ErrTooManyWebhooks, ErrNoWebhooks or ErrForbidden. It takes no idempotency
// key, because returning the secret to a retry would require showing it twice.
func (s *Webhooks) Create(ctx context.Context, v WebhookSettings) (Webhook, WebhookSecret, error) {
	if err := s.mayUse(ctx); err != nil {
		return Webhook{}, WebhookSecret{}, err
	}
	if err := s.check(v); err != nil {
		return Webhook{}, WebhookSecret{}, err
	}
	project := CallerFrom(ctx).Project
	all, err := s.store.Webhooks(ctx, WebhookQuery{Project: project, Limit: MaxWebhooks})
	if err != nil {
		return Webhook{}, WebhookSecret{}, beforeWrite(err)
	}
	if len(all.Items)+len(all.Unreadable) >= MaxWebhooks {
		return Webhook{}, WebhookSecret{}, ErrTooManyWebhooks.With("limit", MaxWebhooks)
	}
	end, err := s.endOfFeed(ctx, project)
	if err != nil {
		return Webhook{}, WebhookSecret{}, beforeWrite(err)
	}
	now, secret := s.now(), newWebhookSecret()
	w := Webhook{
		ID: WebhookID(s.newID()), Project: project, WebhookSettings: v.normal(), Version: 1, CreatedAt: now,
		UpdatedAt: now, Previous: []PreviousSecret{},
		Progress: WebhookProgress{Position: end, Waiting: []WaitingDelivery{}},
	}
	if w.Disabled {
		w.DisabledReason = WebhookRequested
	}
	w.Sealed = s.Vault.Seal(string(w.ID), secret.Reveal())
	return w, secret, s.store.CreateWebhook(ctx, w, newEvent(ctx, w.versionAt(now), []Change{WebhookCreated{}}))
}

// endOfFeed returns the last place of a project's feed, 0 for an empty one.
func (s *Webhooks) endOfFeed(ctx context.Context, p ProjectID) (int64, error) {
	last, err := s.store.Feed(ctx, FeedQuery{Project: p, Newest: true, Limit: 1})
	if err != nil || len(last) == 0 {
		return 0, err
	}
	return last[0].Seq, nil
}

// Get returns a webhook. It returns ErrWebhookNotFound, ErrNoWebhooks or ErrForbidden.
func (s *Webhooks) Get(ctx context.Context, id WebhookID) (Webhook, error) {
	if err := s.mayUse(ctx); err != nil {
		return Webhook{}, err
	}
	return s.store.Webhook(ctx, CallerFrom(ctx).Project, id)
}

// List returns a page of the webhooks by id, newest first. It returns ErrValidation, ErrNoWebhooks or ErrForbidden.
func (s *Webhooks) List(ctx context.Context, cursor string, limit int) (List[Webhook], error) {
	if err := s.mayUse(ctx); err != nil {
		return List[Webhook]{}, err
	}
	q := WebhookQuery{Project: CallerFrom(ctx).Project}
	return list(query[Webhook]{
		filters: q,
		read: func(after string, limit int) (Found[Webhook], error) {
			q := q
			q.After, q.Limit = WebhookID(after), limit
			return s.store.Webhooks(ctx, q)
		},
		id: func(w Webhook) string { return string(w.ID) },
	}, cursor, limit)
}

// Edit changes the settings of a webhook. It returns ErrValidation, ErrWebhookNotFound, ErrNoWebhooks, ErrForbidden or
// the error of the condition.
func (s *Webhooks) Edit(
	ctx context.Context, id WebhookID, c Condition[Webhook], edit func(WebhookSettings) WebhookSettings,
) (Webhook, error) {
	return s.change(ctx, id, c, func(w *Webhook, now time.Time) ([]Change, error) {
		v := edit(w.WebhookSettings)
		if err := s.check(v); err != nil {
			return nil, err
		}
		return w.edit(v.normal(), now), nil
	})
}

// Rotate replaces the secret of a webhook and returns the new one, which cannot be retrieved again. The old one signs
// too for the overlap, so that receivers can be changed meanwhile, and so do those of the rotations before it, three in
// all. It returns ErrValidation, ErrWebhookNotFound, ErrNoWebhooks or ErrForbidden.
func (s *Webhooks) Rotate(ctx context.Context, id WebhookID, overlap time.Duration) (Webhook, WebhookSecret, error) {
	if overlap < 0 || overlap > MaxWebhookOverlap {
		return Webhook{}, WebhookSecret{}, InvalidField("overlap_seconds", "must be 0 to %d",
			int(MaxWebhookOverlap.Seconds()))
	}
	if err := s.mayUse(ctx); err != nil {
		return Webhook{}, WebhookSecret{}, err
	}
	secret := newWebhookSecret()
	sealed := s.Vault.Seal(string(id), secret.Reveal())
	w, err := s.change(ctx, id, nil, func(w *Webhook, now time.Time) ([]Change, error) {
		return w.rotate(sealed, overlap, now), nil
	})
	return w, secret, err
}

// Delete removes a webhook. It returns ErrWebhookNotFound, ErrForbidden, ErrNoWebhooks and the error of the condition.
func (s *Webhooks) Delete(ctx context.Context, id WebhookID, c Condition[Webhook]) error {
	for begun := false; ; begun = true {
		w, err := s.change(ctx, id, c, func(w *Webhook, _ time.Time) ([]Change, error) {
			return append(w.disable(WebhookRequested), WebhookDeleted{}), nil
		})
		if err == nil {
			err = s.store.DeleteWebhook(ctx, w)
		}
		switch {
		case begun && errors.Is(err, ErrWebhookNotFound):
			return nil
		case !errors.Is(err, ErrStale):
			return err
		}
	}
}

func (s *Webhooks) change(
	ctx context.Context, id WebhookID, c Condition[Webhook], apply rule[Webhook],
) (Webhook, error) {
	if err := s.mayUse(ctx); err != nil {
		return Webhook{}, err
	}
	return s.changes.make(ctx, string(id), c, apply)
}

// Deliveries returns a page of what was delivered and what was not, newest first, of the status unless it is empty. It
// returns ErrValidation, ErrWebhookNotFound, ErrNoWebhooks or ErrForbidden.
func (s *Webhooks) Deliveries(
	ctx context.Context, id WebhookID, status DeliveryStatus, cursor string, limit int,
) (List[Delivery], error) {
	if status != "" && !slices.Contains(DeliveryStatuses(), status) {
		return List[Delivery]{}, InvalidField("status", "must be one of %v", DeliveryStatuses())
	}
	if _, err := s.Get(ctx, id); err != nil {
		return List[Delivery]{}, err
	}
	q := DeliveryQuery{Project: CallerFrom(ctx).Project, Webhook: id, Status: status}
	return list(query[Delivery]{
		filters: q,
		read: func(after string, limit int) (Found[Delivery], error) {
			q := q
			q.After, q.Limit = after, limit
			return s.store.Deliveries(ctx, q)
		},
		id:   func(d Delivery) string { return d.ID },
		text: true,
	}, cursor, limit)
}

// ReplayRequest asks for deliveries to be repeated.
type ReplayRequest struct {
	Deliveries []string `json:"deliveries" nullable:"false" maxItems:"100" doc:"The ids of deliveries. Left out or empty, the newest dead letters are sent, at most 100."`
}

// Validate returns ErrValidation if too many are named.
func (r ReplayRequest) Validate() error {
	if len(r.Deliveries) > MaxReplay {
		return InvalidField("deliveries", "must have at most %d items", MaxReplay)
	}
	return nil
}

// Replay sends events again, by the ids of their deliveries, and returns how many. Those that are being tried again
// already, ids of no delivery, and deliveries whose record cannot be decoded are passed over. Other events do not wait
// for them. It returns ErrValidation, ErrWebhookBusy, ErrWebhookNotFound, ErrNoWebhooks or ErrForbidden.
func (s *Webhooks) Replay(ctx context.Context, id WebhookID, r ReplayRequest) (int, error) {
	if err := r.Validate(); err != nil {
		return 0, err
	}
	if _, err := s.Get(ctx, id); err != nil {
		return 0, beforeWrite(err)
	}
	records, err := s.records(ctx, id, r.Deliveries)
	if err != nil {
		return 0, beforeWrite(err)
	}
	n := 0
	_, err = s.change(ctx, id, nil, func(w *Webhook, now time.Time) ([]Change, error) {
		var done []Change
		n, done = w.replay(records, now)
		if n > 0 && w.Progress.replayed() > maxReplayed {
			return nil, ErrWebhookBusy
		}
		return done, nil
	})
	return n, err
}

// records returns the named deliveries of a webhook, or the newest dead letters if none are named.
func (s *Webhooks) records(ctx context.Context, id WebhookID, ids []string) ([]Delivery, error) {
	q := DeliveryQuery{Project: CallerFrom(ctx).Project, Webhook: id, Status: DeliveryDead, Limit: MaxReplay}
	if len(ids) == 0 {
		found, err := s.store.Deliveries(ctx, q)
		return found.Items, err
	}
	all := []Delivery{}
	q.Status, q.Limit = "", 1
	for _, d := range ids {
		q.After = d + "0" // the next greater text: lists are in descending order
		found, err := s.store.Deliveries(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(found.Items) > 0 && found.Items[0].ID == d {
			all = append(all, found.Items[0])
		}
	}
	return all, nil
}

// replay makes deliveries wait that do not yet, and returns how many and what that changed.
func (w *Webhook) replay(records []Delivery, now time.Time) (int, []Change) {
	p := NewPass(*w, "")
	n := 0
	for _, d := range records {
		waits := slices.ContainsFunc(w.Progress.Waiting, func(o WaitingDelivery) bool {
			return o.Subject == d.Subject && (o.Version == d.Version || !o.Alone && o.Version < d.Version)
		})
		if !waits && d.Status != DeliveryRetrying {
			p.Keep(WaitingDelivery{
				Subject: d.Subject, Version: d.Version, Seq: d.Seq, Alone: true, LastAt: d.At, DueAt: now,
			})
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	w.Progress.Waiting = p.next.Waiting
	w.Progress.Revision++
	return n, []Change{WebhookReplayed{int64(n)}}
}

// messageBody is the body of a message.
type messageBody struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// TestMessageType is the type of the message that [Webhooks.Test] sends.
const TestMessageType = "webhook.test"

// Test sends a message of its own to a webhook, once, and returns what came of it. It works while the webhook is
// disabled. It returns ErrWebhookNotFound, ErrNoWebhooks or ErrForbidden.
func (s *Webhooks) Test(ctx context.Context, id WebhookID) (WebhookAttempt, error) {
	w, err := s.Get(ctx, id)
	if err != nil {
		return WebhookAttempt{}, err
	}
	m := WebhookMessage{ID: "test_" + s.newID(), At: s.now()}
	data := map[string]WebhookID{"webhook_id": w.ID}
	if m.Body, err = json.Marshal(messageBody{TestMessageType, m.At, data}); err != nil {
		return WebhookAttempt{}, err
	}
	a := s.send(ctx, &w, m)
	a.Excerpt = excerpt(a.Excerpt)
	return a, nil
}

// Begin begins a pass over the deliveries of a webhook. It is for background work.
func (s *Webhooks) Begin(ctx context.Context, w Webhook) (*Pass, error) {
	epoch, err := s.store.Epoch(ctx)
	return NewPass(w, epoch), err
}

// SendEvent sends an event to the webhook of a pass once. It is for background work, and safe for concurrent use.
func (s *Webhooks) SendEvent(ctx context.Context, p *Pass, e *Event) (WebhookAttempt, error) {
	body, err := json.Marshal(messageBody{MessageType(e), e.At, e})
	if err != nil {
		return WebhookAttempt{}, err
	}
	return s.send(ctx, &p.webhook, WebhookMessage{ID: MessageID(e, p.epoch), At: s.now(), Body: body}), nil
}

// send signs a message by the secrets of the webhook and sends it.
func (s *Webhooks) send(ctx context.Context, w *Webhook, m WebhookMessage) WebhookAttempt {
	m.URL = w.URL
	for _, sealed := range w.sealedAt(m.At) {
		if secret, err := s.Vault.Open(string(w.ID), sealed); err == nil {
			m.Secrets = append(m.Secrets, secret)
		}
	}
	if len(m.Secrets) == 0 {
		return WebhookAttempt{Failure: FailedSecret}
	}
	return s.Sender.Send(ctx, m)
}

// Marks returns the marks of the webhooks of all projects. It is for background work.
func (s *Webhooks) Marks(ctx context.Context) ([]WebhookMark, error) {
	if s.Vault == nil {
		return nil, nil
	}
	var all []WebhookMark
	for m, err := range exported(ctx, s.store.WebhookMarks, func(m WebhookMark) WebhookID { return m.ID }) {
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Marked returns the webhook of a mark, as it is now. It returns ErrWebhookNotFound if it has been deleted. It is for
// background work.
func (s *Webhooks) Marked(ctx context.Context, m WebhookMark) (Webhook, error) {
	if m.Project == "" {
		return Webhook{}, ErrStoreUnavailable.Because(ErrUnreadable)
	}
	return s.store.Webhook(ctx, m.Project, m.ID)
}

// Store stores what a pass did, and returns the webhook after it. If the receiver does not work it disables the webhook
// and returns why, otherwise "". It returns ErrStale if another process has delivered or an admin has replayed
// meanwhile: then messages may be sent twice. It is for background work.
func (s *Webhooks) Store(ctx context.Context, p *Pass) (Webhook, WebhookReason, error) {
	for rows := range slices.Chunk(p.rows, MaxDeliveryBatch) {
		if err := s.store.PutDeliveries(ctx, rows); err != nil {
			return Webhook{}, "", err
		}
	}
	progress, reason := p.finish(s.now())
	for old := p.webhook; ; {
		next := old
		next.Progress = progress
		err := s.store.ReplaceWebhook(ctx, old, next)
		switch {
		case err == nil && reason != "":
			next, err = s.disable(ctx, next, reason)
			return next, reason, err
		case err == nil || !errors.Is(err, ErrStale):
			return next, "", err
		}
		if old, err = s.store.Webhook(ctx, old.Project, old.ID); err != nil {
			return Webhook{}, "", err
		}
		if old.Progress.Revision != p.webhook.Progress.Revision {
			return Webhook{}, "", ErrStale
		}
	}
}

// deliverer names, in events, who disables webhooks.
const deliverer = "deliver_webhooks"

func (s *Webhooks) disable(ctx context.Context, w Webhook, reason WebhookReason) (Webhook, error) {
	ctx = WithCaller(ctx, Caller{Project: w.Project, Name: deliverer})
	return s.changes.make(ctx, string(w.ID), nil, func(w *Webhook, _ time.Time) ([]Change, error) {
		return w.disable(reason), nil
	})
}

// Purge removes old records of deliveries of all projects. It is for background work.
func (s *Webhooks) Purge(ctx context.Context) error {
	marks, err := s.Marks(ctx)
	if err != nil {
		return err
	}
	for _, m := range marks {
		for _, status := range DeliveryStatuses() {
			q := DeliveryQuery{Project: m.Project, Webhook: m.ID, Status: status, Limit: MaxDeliveryBatch}
			if err := untilFewer(func() (int, error) {
				return s.store.TrimDeliveries(ctx, q, DeliveriesKept)
			}); err != nil {
				return err
			}
		}
	}
	before := s.now().Add(-DeliveryRetention)
	return untilFewer(func() (int, error) { return s.store.PurgeDeliveries(ctx, before, MaxDeliveryBatch) })
}

// untilFewer calls remove until it removes fewer than MaxDeliveryBatch.
func untilFewer(remove func() (int, error)) error {
	for {
		if n, err := remove(); err != nil || n < MaxDeliveryBatch {
			return err
		}
	}
}
