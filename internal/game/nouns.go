package game

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// Noun is a kind of documents that every store has: see [Nouns].
type Noun interface {
	// Name returns the name of its collection.
	Name() string
	// Title returns what people call its documents, in the plural.
	Title() string
	// Export returns a page of the documents: see [ExportStore].
	Export(ctx context.Context, s Store, after string, limit int) ([]Document, error)
	// Create stores a document of another store. If there is a document with its id, or with one of its names, it
	// returns ErrExists, ErrUsernameTaken or ErrIdentityTaken; or it succeeds, where Find has ErrUnsupported.
	Create(ctx context.Context, s Store, d Document) error
	// Find returns what is stored under the id of a document, or [errors.ErrUnsupported] if Create never needs it.
	Find(ctx context.Context, s Store, d Document) (Document, error)

	inspect(ctx context.Context, i *Inspection) error
}

// Document is a document of any noun.
type Document struct {
	ID      string
	Content any // a [Player], a [Session] and so on
	// Expired is set if stores may remove the document at any time, or within an [ExpiryMargin].
	Expired bool
}

// ExpiryMargin is for how long documents are expected to exist after they were exported. Those that a store removes by
// itself sooner count as expired.
const ExpiryMargin = time.Hour

// noun implements [Noun] for documents of type D with ids of type I.
type noun[D any, I ~string] struct {
	name, title string
	export      func(Store, context.Context, I, int) ([]D, error)
	id          func(D) I
	expired     func(D) bool // nil for documents that do not expire
	create      func(context.Context, Store, D) error
	find        func(context.Context, Store, D) (D, error) // nil if creating an existing document succeeds
	// broken returns the rules that a document breaks by itself; check, which may be nil, inspects the rest. If broken
	// is nil, inspections do not read the documents.
	broken func(*D) problems
	check  func(*Inspection, context.Context, D) error
}

func (n noun[D, I]) Name() string { return n.name }

func (n noun[D, I]) Title() string { return n.title }

func (n noun[D, I]) Export(ctx context.Context, s Store, after string, limit int) ([]Document, error) {
	found, err := n.export(s, ctx, I(after), limit)
	all := make([]Document, len(found))
	for i, d := range found {
		all[i] = Document{string(n.id(d)), d, n.expired != nil && n.expired(d)}
	}
	return all, err
}

func (n noun[D, I]) Create(ctx context.Context, s Store, d Document) error {
	return n.create(ctx, s, d.Content.(D))
}

func (n noun[D, I]) Find(ctx context.Context, s Store, d Document) (Document, error) {
	if n.find == nil {
		return Document{}, errors.ErrUnsupported
	}
	found, err := n.find(ctx, s, d.Content.(D))
	return Document{ID: d.ID, Content: found}, err
}

// inspect checks every document.
func (n noun[D, I]) inspect(ctx context.Context, i *Inspection) error {
	if n.broken == nil {
		return nil
	}
	export := func(ctx context.Context, after I, limit int) ([]D, error) {
		return n.export(i.Deps.Store, ctx, after, limit)
	}
	total := 0
	progress := func() {
		if i.Progress != nil {
			i.Progress(n.name, total)
		}
	}
	for d, err := range exported(ctx, export, n.id) {
		if err != nil {
			return err
		}
		if wrong := n.broken(&d); len(wrong) > 0 {
			i.tell(n.name, string(n.id(d)), false, "%s", describeProblems(wrong))
		}
		if n.check != nil {
			if err := n.check(i, ctx, d); err != nil {
				return err
			}
		}
		if total++; total%exportPage == 0 {
			progress()
		}
	}
	progress()
	return nil
}

// exported iterates over all documents that export returns, in pages. An error is the last element.
func exported[D any, I ~string](
	ctx context.Context, export func(context.Context, I, int) ([]D, error), id func(D) I,
) iter.Seq2[D, error] {
	return func(yield func(D, error) bool) {
		for after := I(""); ; {
			found, err := export(ctx, after, exportPage)
			if err != nil {
				var none D
				yield(none, err)
				return
			}
			for _, d := range found {
				if after = id(d); !yield(d, nil) {
					return
				}
			}
			if len(found) < exportPage {
				return
			}
		}
	}
}

func playerNoun() Noun {
	return noun[Player, PlayerID]{
		name: "players", title: "players", export: Store.ExportPlayers,
		id:     func(p Player) PlayerID { return p.ID },
		create: func(ctx context.Context, s Store, p Player) error { return s.CreatePlayer(ctx, p) },
		find:   func(ctx context.Context, s Store, p Player) (Player, error) { return s.Player(ctx, p.Project, p.ID) },
		broken: (*Player).brokenRules, check: (*Inspection).player,
	}
}

func sessionNoun() Noun {
	return noun[Session, SessionID]{
		name: "sessions", title: "sessions", export: Store.ExportSessions,
		id:     func(v Session) SessionID { return v.ID },
		create: func(ctx context.Context, s Store, v Session) error { return s.CreateSession(ctx, v) },
		find: func(ctx context.Context, s Store, v Session) (Session, error) {
			return s.Session(ctx, v.Project, v.ID)
		},
		broken: (*Session).brokenRules, check: (*Inspection).session,
	}
}

// leaseNoun has the leases. A copy never renews one that is stored already.
func leaseNoun() Noun {
	find := func(ctx context.Context, s Store, l Lease) (Lease, error) {
		found, err := s.Leases(ctx, []LeaseID{l.ID()})
		if err != nil || len(found) == 0 {
			return Lease{}, err
		}
		return found[0], nil
	}
	return noun[Lease, LeaseID]{
		name: "leases", title: "leases", export: Store.ExportLeases,
		id: func(l Lease) LeaseID { return l.ID() },
		create: func(ctx context.Context, s Store, l Lease) error {
			stored, err := find(ctx, s, l)
			switch {
			case err != nil:
				return err
			case stored.Session != "":
				return ErrExists
			}
			_, err = s.RenewLeases(ctx, []Lease{l})
			return err
		},
		find:   find,
		broken: (*Lease).brokenRules, check: (*Inspection).lease,
	}
}

func claimNoun(now time.Time) Noun {
	return noun[Claim, string]{
		name: "idempotency", title: "idempotency keys", export: Store.ExportClaims,
		id:      func(c Claim) string { return c.Key },
		expired: func(c Claim) bool { return !c.ExpiresAt.After(now) }, // removed only by background work
		create: func(ctx context.Context, s Store, c Claim) error {
			held, err := s.Claim(ctx, c, now)
			if err == nil && held != c {
				err = ErrExists
			}
			return err
		},
		find:   func(ctx context.Context, s Store, c Claim) (Claim, error) { return s.Claim(ctx, c, now) },
		broken: func(c *Claim) problems { return c.brokenRules(now) },
	}
}

func keyNoun() Noun {
	return noun[Key, KeyID]{
		name: "api_keys", title: "API keys", export: Store.ExportKeys,
		id:     keyID,
		create: func(ctx context.Context, s Store, k Key) error { return s.CreateKey(ctx, k) },
		find:   func(ctx context.Context, s Store, k Key) (Key, error) { return s.Key(ctx, k.ID) },
		broken: (*Key).brokenRules, check: (*Inspection).key,
	}
}

func signingKeyNoun() Noun {
	return noun[SigningKey, string]{
		name: "signing_keys", title: "signing keys",
		export: func(s Store, ctx context.Context, after string, limit int) ([]SigningKey, error) {
			all, err := s.SigningKeys(ctx)
			all = slices.DeleteFunc(all, func(k SigningKey) bool { return k.ID <= after })
			return all[:min(limit, len(all))], err
		},
		id:     func(k SigningKey) string { return k.ID },
		create: func(ctx context.Context, s Store, k SigningKey) error { return s.CreateSigningKey(ctx, k) },
		broken: (*SigningKey).brokenRules,
	}
}

func webhookNoun() Noun {
	return noun[Webhook, WebhookID]{
		name: "webhooks", title: "webhooks", export: Store.ExportWebhooks,
		id:     func(w Webhook) WebhookID { return w.ID },
		create: func(ctx context.Context, s Store, w Webhook) error { return s.CreateWebhook(ctx, w) },
		find: func(ctx context.Context, s Store, w Webhook) (Webhook, error) {
			return s.Webhook(ctx, w.Project, w.ID)
		},
		broken: (*Webhook).brokenRules, check: (*Inspection).webhook,
	}
}

func deliveryNoun() Noun {
	return noun[Delivery, string]{
		name: "deliveries", title: "deliveries", export: Store.ExportDeliveries,
		id:     func(d Delivery) string { return d.ID },
		create: func(ctx context.Context, s Store, d Delivery) error { return s.PutDeliveries(ctx, []Delivery{d}) },
		broken: (*Delivery).brokenRules,
	}
}

// eventNoun has the events with a position in a feed, which they keep.
func eventNoun() Noun {
	return noun[Event, string]{
		name: "events", title: "events", export: Store.ExportEvents,
		id:     func(e Event) string { return e.ID() },
		create: func(ctx context.Context, s Store, e Event) error { return s.PutEvents(ctx, []Event{e}) },
		find: func(ctx context.Context, s Store, e Event) (Event, error) {
			q := TimelineQuery{Project: e.Project, Subject: e.Subject, Before: e.Version + 1, Limit: 1}
			found, err := s.Timeline(ctx, q)
			if err != nil || len(found) == 0 {
				return Event{}, err
			}
			return found[0], nil
		},
		broken: (*Event).brokenRules, check: (*Inspection).event,
	}
}

func sampleNoun(now time.Time) Noun {
	return noun[MetricsSample, string]{
		name: "metrics", title: "metrics samples",
		export: func(s Store, ctx context.Context, after string, limit int) ([]MetricsSample, error) {
			q := MetricsQuery{From: time.UnixMilli(0), To: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), Limit: limit}
			q.After = positionOf(after)
			return s.Metrics(ctx, q)
		},
		id:      func(m MetricsSample) string { return m.Position().String() },
		expired: func(m MetricsSample) bool { return !m.ExpiresAt.After(now.Add(ExpiryMargin)) },
		create:  func(ctx context.Context, s Store, m MetricsSample) error { return s.AppendMetrics(ctx, m) },
	}
}
