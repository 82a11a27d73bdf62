package game

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// How deliveries are tried again.
const (
	// MaxDeliveryAttempts is how often an event is sent before it is a dead letter: for about a day and a half.
	MaxDeliveryAttempts = 9
	firstRetry          = 5 * time.Second
	retryFactor         = 4
	// MaxRetry is the longest time between two attempts, without the random part.
	MaxRetry = 24 * time.Hour
	// retryJitter is the random part of the time between two attempts: up to a fifth more.
	retryJitter = 0.2

	// DisableAfter is how long a receiver may fail throughout before its webhook is disabled.
	DisableAfter = 5 * 24 * time.Hour
	// disableFailures is how many attempts must have failed, too, so that one failure in a quiet week is not enough.
	disableFailures = 20

	// maxWaiting is the number of subjects that wait at which no further events of the feed are taken up.
	maxWaiting = 250
	// outage is how many attempts in a row must have failed for the receiver, and not single events, to be the reason.
	outage = 10
	// outageTime is how long they must have failed: failures of some seconds are retried in time as they are.
	outageTime = time.Minute
	// probeEvery is how often a receiver that does not work is sent a message at least, if one waits.
	probeEvery = 5 * time.Minute
	// MaxReplay is how many deliveries one request can repeat.
	MaxReplay = 100
	// maxReplayed is how many deliveries that are replayed can wait. They do not count as subjects that wait.
	maxReplayed = 2 * MaxReplay
	// maxWaitingStored is how many can wait at all: maxWaiting, those of a page of the feed, and what is replayed.
	maxWaitingStored = maxWaiting + MaxLimit + maxReplayed

	// DeliveriesKept is how many deliveries of each status are kept for each webhook.
	DeliveriesKept = 1000
	// DeliveryRetention is how long they are kept.
	DeliveryRetention = 30 * 24 * time.Hour
	// MaxExcerpt is how much of the response of a failed attempt is kept, in bytes.
	MaxExcerpt = 256
)

// WebhookProgress is how far a webhook has got in the feed of its project.
//
// Every event at Position or before it has been delivered, was not wanted, is a dead letter, or waits. While one event
// of a subject waits, the later ones up to Position do too, so that they are sent in order: they are read from the
// subject's timeline after it.
type WebhookProgress struct {
	Revision     int64             `json:"revision" doc:"Grows by one with each change of the progress."`
	Position     int64             `json:"position" doc:"The last place in the feed that was dealt with."`
	Waiting      []WaitingDelivery `json:"waiting" doc:"What is tried again, the first event of each subject."`
	Failures     int               `json:"failures" doc:"Attempts since the last one that succeeded."`
	FailingSince *time.Time        `json:"failing_since" doc:"When the first of these failed; null for none."`
	RecoveredAt  *time.Time        `json:"recovered_at" doc:"When the receiver last worked again, or an admin changed the URL or enabled the webhook: what failed before is sent again."`
}

// WaitingDelivery is an event that is sent again later.
type WaitingDelivery struct {
	Subject Subject `json:"subject" doc:"What the event is about."`
	Version int64   `json:"version" doc:"The event's version."`
	Seq     int64   `json:"seq" doc:"Its place in the feed."`
	// Alone is set for an event that is replayed: those after it have been dealt with.
	Alone    bool      `json:"alone" doc:"Whether it is replayed: those after it do not wait for it."`
	Attempts int       `json:"attempts" doc:"How often it was sent."`
	LastAt   time.Time `json:"last_at" doc:"When it was last sent."`
	DueAt    time.Time `json:"due_at" doc:"When it is sent again."`
}

// Due returns the deliveries whose time has come, the first events first, at most limit. Those that failed while the
// receiver did not work are due once it works again: see [outage]. Until then, one is due at times to find that out.
func (p *WebhookProgress) Due(now time.Time, limit int) []WaitingDelivery {
	var due []WaitingDelivery
	taken := map[Subject]bool{} // a subject's events are sent one after the other
	for _, d := range p.Waiting {
		recovered := p.RecoveredAt != nil && d.Attempts > 0 && d.LastAt.Before(*p.RecoveredAt)
		if taken[d.Subject] || d.DueAt.After(now) && !recovered || len(due) == limit {
			continue
		}
		taken[d.Subject] = true
		due = append(due, d)
	}
	if len(due) == 0 && p.probes(now) {
		return []WaitingDelivery{slices.MinFunc(p.Waiting, byLastAt)} // another one each time
	}
	return due
}

// probes reports whether the receiver did not work when something was last sent, which is a while ago.
func (p *WebhookProgress) probes(now time.Time) bool {
	return p.Failures >= outage && len(p.Waiting) > 0 &&
		now.Sub(slices.MaxFunc(p.Waiting, byLastAt).LastAt) >= probeEvery
}

func byLastAt(a, b WaitingDelivery) int { return a.LastAt.Compare(b.LastAt) }

// retry makes everything due that failed before, and gives the receiver as much time as a new one has.
func (p *WebhookProgress) retry(now time.Time) {
	p.Failures, p.FailingSince, p.RecoveredAt = 0, nil, &now
	p.Revision++
}

// HasRoom reports whether further events may be taken up.
func (p *WebhookProgress) HasRoom() bool { return len(p.Waiting)-p.replayed() < maxWaiting }

// replayed returns how many of those that wait are replayed.
func (p *WebhookProgress) replayed() int {
	n := 0
	for _, d := range p.Waiting {
		if d.Alone {
			n++
		}
	}
	return n
}

// Waits reports whether an event of the subject waits that later ones must follow.
func (p *WebhookProgress) Waits(s Subject) bool {
	return slices.ContainsFunc(p.Waiting, func(d WaitingDelivery) bool { return d.Subject == s && !d.Alone })
}

// WebhookFailure says why an attempt failed.
type WebhookFailure string

// The reasons why attempts fail.
const (
	FailedAddress     WebhookFailure = "address_refused"   // the URL leads to an address that is not public
	FailedUnreachable WebhookFailure = "unreachable"       // no connection could be made, or it broke
	FailedTLS         WebhookFailure = "tls"               // the certificate is not valid
	FailedTimeout     WebhookFailure = "timeout"           // no response in time
	FailedRedirect    WebhookFailure = "redirect"          // the response was a redirect, which is not followed
	FailedStatus      WebhookFailure = "status"            // the response's status was not 2xx
	FailedSecret      WebhookFailure = "secret_unreadable" // GSM_SECRET_KEY is not the one that sealed the secret
	FailedEventGone   WebhookFailure = "event_gone"        // the event is no longer kept, or cannot be read
)

// WebhookFailures returns all reasons.
func WebhookFailures() []WebhookFailure {
	return []WebhookFailure{
		FailedAddress, FailedUnreachable, FailedTLS, FailedTimeout, FailedRedirect, FailedStatus, FailedSecret,
		FailedEventGone,
	}
}

// WebhookAttempt is the outcome of sending a message once.
type WebhookAttempt struct {
	Failure WebhookFailure // empty if the message was delivered
	Status  int            // of the response; 0 for none
	Excerpt string         // of the response that was a failure
	Took    time.Duration
}

// gone reports whether the receiver asks for no more messages.
func (a WebhookAttempt) gone() bool { return a.Failure == FailedStatus && a.Status == 410 }

// DeliveryStatus is the state of a delivery.
type DeliveryStatus string

// The statuses of deliveries.
const (
	DeliveryDelivered DeliveryStatus = "delivered"
	DeliveryRetrying  DeliveryStatus = "retrying"
	DeliveryDead      DeliveryStatus = "dead" // it is not sent again unless it is replayed
)

// DeliveryStatuses returns all statuses.
func DeliveryStatuses() []DeliveryStatus {
	return []DeliveryStatus{DeliveryDelivered, DeliveryRetrying, DeliveryDead}
}

// Delivery records what happened to one event and one webhook. It is a record only: what is sent again is in the
// [WebhookProgress].
type Delivery struct {
	ID       string         `json:"id" bson:"_id" doc:"The webhook's id, a slash and the event's place in the feed with 15 digits."`
	Project  ProjectID      `json:"project" doc:"The project of the webhook."`
	Webhook  WebhookID      `json:"webhook_id" doc:"The webhook."`
	Message  string         `json:"message_id" doc:"The header webhook-id, the same in each attempt, unless the database is restored in between."`
	Type     string         `json:"type" doc:"The type of the message."`
	Subject  Subject        `json:"subject" doc:"What the event is about."`
	Version  int64          `json:"version" doc:"The event's version."`
	Seq      int64          `json:"seq" doc:"The event's place in the feed of its project."`
	Status   DeliveryStatus `json:"status" doc:"What became of it; dead letters are not sent again unless they are replayed."`
	Attempts int            `json:"attempts" doc:"How often it was sent."`
	At       time.Time      `json:"at" doc:"When it was last sent."`
	NextAt   *time.Time     `json:"next_at" doc:"When it is sent again at the latest; null if it is not."`
	Failure  WebhookFailure `json:"failure" doc:"Why the last attempt failed; empty if it did not."`
	Response int            `json:"response_status" doc:"The status of the last response; 0 for none."`
	Excerpt  string         `json:"response_excerpt" doc:"The beginning of the last response, if it was a failure."`
	TookMS   int64          `json:"took_ms" doc:"How long the last attempt took, in milliseconds."`
}

// DeliveryID returns the id of the delivery of the event at a place of the feed. The ids of one webhook's deliveries
// sort, as bytes, by place.
func DeliveryID(w WebhookID, seq int64) string { return fmt.Sprintf("%s/%015d", w, seq) }

// brokenRules returns the rules that the delivery breaks.
func (d *Delivery) brokenRules() problems {
	var wrong problems
	wrong.check(d.ID == DeliveryID(d.Webhook, d.Seq), "id", "must be that of the webhook and the place")
	wrong.check(ValidProject(d.Project), "project", "must have 1 to %d characters of a-z 0-9 -", MaxProjectID)
	wrong.check(slices.Contains(DeliveryStatuses(), d.Status), "status", "must be one of %v", DeliveryStatuses())
	wrong.check(len(d.Excerpt) <= MaxExcerpt, "response_excerpt", "must have at most %d bytes", MaxExcerpt)
	return wrong
}

// MessageID returns the webhook-id of an event's message. It has the epoch, because versions repeat in a database that
// was restored. It has no full stop, which separates what is signed.
func MessageID(e *Event, epoch string) string {
	return fmt.Sprintf("%s_%s_%s_%d", e.Subject.Kind, e.Subject.ID, epoch, e.Version)
}

// MessageType returns the type of an event's message: the kind of its subject and the type of its first change.
func MessageType(e *Event) string {
	if len(e.Changes) == 0 {
		return string(e.Subject.Kind)
	}
	return string(e.Subject.Kind) + "." + string(TypeOf(e.Changes[0]))
}

// settle returns what follows from an attempt to send an event: its record, and what waits, which is nil if the event
// is not sent again. random is a number in [0,1).
func (w *Webhook) settle(
	d WaitingDelivery, e *Event, a WebhookAttempt, now time.Time, random float64,
) (*WaitingDelivery, Delivery) {
	early := d.DueAt.After(now)     // because the receiver works again: it does not use up an attempt
	d.LastAt = later(now, d.LastAt) // by the clock of another process: a record does not replace a later one
	if !early {
		d.Attempts++
	}
	row := Delivery{
		ID: DeliveryID(w.ID, d.Seq), Project: w.Project, Webhook: w.ID, Subject: d.Subject, Version: d.Version,
		Seq: d.Seq, Status: DeliveryDelivered, Attempts: d.Attempts, At: d.LastAt, Failure: a.Failure,
		Response: a.Status,
		Excerpt:  excerpt(a.Excerpt), TookMS: a.Took.Milliseconds(), Type: MessageType(e),
	}
	switch {
	case a.Failure == "":
		return nil, row
	case d.Attempts >= MaxDeliveryAttempts, a.Failure == FailedEventGone:
		row.Status = DeliveryDead
		return nil, row
	}
	if !early {
		d.DueAt = now.Add(retryAfter(d.Attempts, random)).Truncate(time.Millisecond)
	}
	row.Status, row.NextAt = DeliveryRetrying, &d.DueAt
	return &d, row
}

// retryAfter returns how long to wait after a number of attempts.
func retryAfter(attempts int, random float64) time.Duration {
	wait := firstRetry
	for range attempts - 1 {
		wait = min(wait*retryFactor, MaxRetry)
	}
	return wait + time.Duration(retryJitter*random*float64(wait))
}

// excerpt returns the beginning of a text that a receiver sent, as valid text.
func excerpt(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	return strings.ToValidUTF8(s[:min(len(s), MaxExcerpt)], "")
}

// Pass collects what one pass over the deliveries of a webhook did, before it is stored at once. It is not safe for
// concurrent use.
type Pass struct {
	webhook Webhook // as it was read
	epoch   string
	next    WebhookProgress
	rows    []Delivery
	worked  bool
	failed  int
	gone    bool
	at      time.Time // of the first failure
}

// NewPass begins a pass over the deliveries of a webhook, in an epoch of the database.
func NewPass(w Webhook, epoch string) *Pass {
	p := &Pass{webhook: w, epoch: epoch, next: w.Progress}
	p.next.Waiting = slices.Clone(w.Progress.Waiting)
	return p
}

// Wants reports whether the webhook receives the event.
func (p *Pass) Wants(e *Event) bool { return p.webhook.wants(e) }

// Progress returns the progress so far.
func (p *Pass) Progress() *WebhookProgress { return &p.next }

// Settle records an attempt to send an event, and reports whether the event has been dealt with, so that the next one
// of its subject can be sent.
func (p *Pass) Settle(d WaitingDelivery, e *Event, a WebhookAttempt, now time.Time, random float64) bool {
	waiting, row := p.webhook.settle(d, e, a, now, random)
	row.Message = MessageID(e, p.epoch)
	p.rows = append(slices.DeleteFunc(p.rows, func(r Delivery) bool { return r.ID == row.ID }), row)
	switch {
	case a.Failure == "":
		p.worked = true
	case a.Failure != FailedEventGone:
		if p.failed++; p.at.IsZero() {
			p.at = now
		}
		p.gone = p.gone || a.gone()
	}
	p.drop(d)
	if waiting != nil {
		p.Keep(*waiting)
	}
	return waiting == nil
}

// Keep makes an event wait.
func (p *Pass) Keep(d WaitingDelivery) {
	p.drop(d)
	i, _ := slices.BinarySearchFunc(p.next.Waiting, d.Seq, func(w WaitingDelivery, seq int64) int {
		return int(w.Seq - seq)
	})
	p.next.Waiting = slices.Insert(p.next.Waiting, i, d)
}

// Postpone has an event that could not be read wait a minute, so that others are due meanwhile.
func (p *Pass) Postpone(d WaitingDelivery, now time.Time) {
	if at := p.next.RecoveredAt; at != nil && d.LastAt.Before(*at) {
		d.LastAt = *at // it would be due at once otherwise
	}
	d.DueAt = now.Add(time.Minute).Truncate(time.Millisecond)
	p.Keep(d)
}

// drop removes an event from those that wait.
func (p *Pass) drop(d WaitingDelivery) {
	p.next.Waiting = slices.DeleteFunc(p.next.Waiting, func(w WaitingDelivery) bool {
		return w.Subject == d.Subject && w.Version == d.Version
	})
}

// Reach says that all events up to a place in the feed have been dealt with or wait.
func (p *Pass) Reach(position int64) { p.next.Position = max(p.next.Position, position) }

// Changed reports whether the pass did anything.
func (p *Pass) Changed() bool {
	return len(p.rows) > 0 || p.next.Position != p.webhook.Progress.Position ||
		!slices.Equal(p.next.Waiting, p.webhook.Progress.Waiting)
}

// finish returns the progress after the pass, and why the webhook is to be disabled, "" if it is not.
func (p *Pass) finish(now time.Time) (WebhookProgress, WebhookReason) {
	next := p.next
	next.Revision++
	switch {
	case p.worked:
		if next.Failures >= outage && next.FailingSince != nil && now.Sub(*next.FailingSince) >= outageTime {
			next.RecoveredAt = &now
		}
		next.Failures, next.FailingSince = 0, nil
	case p.failed > 0:
		next.Failures += p.failed
		if next.FailingSince == nil {
			next.FailingSince = &p.at
		}
	}
	switch {
	case p.gone:
		return next, WebhookGone
	case next.FailingSince != nil && next.Failures >= disableFailures && now.Sub(*next.FailingSince) >= DisableAfter:
		return next, WebhookFailing
	}
	return next, ""
}
