package game

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of webhooks.
const (
	MaxWebhooks    = 20   // of a project
	MaxWebhookURL  = 2048 // bytes
	MaxWebhookName = 64   // characters
	// MaxWebhookOverlap is the maximum time for which a replaced secret still signs.
	MaxWebhookOverlap = 30 * 24 * time.Hour

	// maxPreviousSecrets is how many replaced secrets still sign at most.
	maxPreviousSecrets = 3

	webhookSecretPrefix = "whsec_"
	webhookSecretBytes  = 32
)

// WebhookID identifies a webhook. It is a UUID of version 7 in lower case.
type WebhookID string

// UnmarshalText implements [encoding.TextUnmarshaler], which JSON decoding uses. It accepts either case.
func (id *WebhookID) UnmarshalText(text []byte) error {
	*id = WebhookID(NormalID(string(text)))
	return nil
}

// WebhookSettings are what admins decide about a webhook.
type WebhookSettings struct {
	Name string `json:"name" maxLength:"64" doc:"Any text, for people."`
	URL  string `json:"url" minLength:"1" maxLength:"2048" doc:"Where events are sent, by POST: an https URL. An http URL is accepted only where GSM_WEBHOOK_PRIVATE is true."`
	// Types and Subjects select events. Empty lists select all.
	Types    []ChangeType  `json:"types" nullable:"false" maxItems:"64" doc:"The types of changes to send. An event is sent if it has one of them; all are if the list is empty."`
	Subjects []SubjectKind `json:"subjects" nullable:"false" maxItems:"8" doc:"The kinds of documents whose events are sent; all are if the list is empty."`
	Disabled bool          `json:"disabled" doc:"Nothing is sent while it is true. Later, the webhook continues with the event after the last one, as far as events are kept."`
}

// Validate returns ErrValidation with everything that is wrong regardless of the configuration.
func (s WebhookSettings) Validate() error {
	var p problems
	p.checkName("name", s.Name, MaxWebhookName)
	p.check(len(s.URL) <= MaxWebhookURL, "url", "must have at most %d bytes", MaxWebhookURL)
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		p.add("url", "must be an https URL with a host")
	case u.User != nil || u.Fragment != "":
		p.add("url", "must have no user, password or fragment: requests are signed instead")
	}
	for _, t := range s.Types {
		p.check(slices.Contains(ChangeTypes(), t), "types", "must be types of changes: see the catalogue of events")
	}
	for _, k := range s.Subjects {
		p.check(slices.Contains(SubjectKinds(), k), "subjects", "must be of %v", SubjectKinds())
	}
	p = slices.Compact(p)
	return p.err()
}

// plain reports whether requests to the URL are not encrypted.
func (s WebhookSettings) plain() bool { return !strings.HasPrefix(strings.ToLower(s.URL), "https:") }

// normal returns the settings as they are stored: without duplicates, and with empty lists for missing ones.
func (s WebhookSettings) normal() WebhookSettings {
	s.Name = storedName(s.Name)
	s.Types, s.Subjects = sortedSet(s.Types), sortedSet(s.Subjects)
	return s
}

func sortedSet[T ~string](list []T) []T {
	set := append([]T{}, list...)
	slices.Sort(set)
	return slices.Compact(set)
}

// WebhookReason says why a webhook is disabled.
type WebhookReason string

// The reasons why webhooks are disabled.
const (
	WebhookRequested WebhookReason = "requested" // by an admin
	WebhookFailing   WebhookReason = "failing"   // nothing could be delivered for [DisableAfter]
	WebhookGone      WebhookReason = "gone"      // the receiver returned 410
)

// WebhookReasons returns all reasons.
func WebhookReasons() []WebhookReason {
	return []WebhookReason{WebhookRequested, WebhookFailing, WebhookGone}
}

// Webhook is a URL to which the events of a project are sent.
type Webhook struct {
	ID      WebhookID `json:"id" bson:"_id" doc:"UUIDv7."`
	Project ProjectID `json:"project" doc:"The project whose events it receives."`
	WebhookSettings

	DisabledReason WebhookReason `json:"disabled_reason" doc:"Why it is disabled; empty while it is not."`
	// The secrets are encrypted, because they must be known to sign: see [Vault].
	Sealed   string           `json:"sealed" hidden:"true" doc:"The secret that signs, encrypted by the operator's secret key, base64url."`
	Previous []PreviousSecret `json:"previous_secrets" hidden:"true" doc:"Secrets before rotations, the newest first, which sign too for a while."`

	// Progress changes without a version.
	Progress WebhookProgress `json:"progress" hidden:"true" doc:"What has been delivered, and what waits to be."`

	Version   int64     `json:"version" doc:"Grows by one with each change."`
	CreatedAt time.Time `json:"created_at" doc:"In UTC, to the millisecond."`
	UpdatedAt time.Time `json:"updated_at" doc:"When it was last changed."`
}

// WebhookMark tells whether a webhook has changed, without its content. What cannot be read of a webhook is zero.
type WebhookMark struct {
	ID       WebhookID
	Project  ProjectID
	Version  int64
	Revision int64 // of the progress
}

// Mark returns the mark of the webhook.
func (w *Webhook) Mark() WebhookMark {
	return WebhookMark{w.ID, w.Project, w.Version, w.Progress.Revision}
}

// PreviousSecret is a secret of a webhook that was replaced.
type PreviousSecret struct {
	Sealed string    `json:"sealed" doc:"The secret, encrypted like the current one."`
	Until  time.Time `json:"until" doc:"Until when it signs too."`
}

// PreviousUntil returns until when a secret before the last rotation signs too, or nil if none does.
func (w *Webhook) PreviousUntil() *time.Time {
	var last *time.Time
	for _, p := range w.Previous {
		if last == nil || p.Until.After(*last) {
			last = &p.Until
		}
	}
	return last
}

// wants reports whether the webhook receives the event. One that cannot be read may have any type.
func (w *Webhook) wants(e *Event) bool {
	if len(w.Subjects) > 0 && !slices.Contains(w.Subjects, e.Subject.Kind) {
		return false
	}
	return e.Unreadable || len(w.Types) == 0 || slices.ContainsFunc(e.Changes, func(c Change) bool {
		return slices.Contains(w.Types, TypeOf(c))
	})
}

// edit replaces the settings and returns what that changed. What failed is sent to another URL at once.
func (w *Webhook) edit(s WebhookSettings, now time.Time) []Change {
	old := w.WebhookSettings
	var done []Change
	fields := slices.DeleteFunc(differing(old, s), func(f string) bool { return f == "disabled" })
	if len(fields) > 0 {
		done = append(done, WebhookChanged{fields})
	}
	w.WebhookSettings = s
	w.Disabled = old.Disabled
	if s.URL != old.URL {
		w.Progress.retry(now)
	}
	if !slices.Equal(s.Types, old.Types) || !slices.Equal(s.Subjects, old.Subjects) {
		w.Progress.Revision++ // a pass that judges events by the old ones does not count
	}
	if s.Disabled {
		return append(done, w.disable(WebhookRequested)...)
	}
	return append(done, w.enable(now)...)
}

// disable stops deliveries and returns what that changed.
func (w *Webhook) disable(reason WebhookReason) []Change {
	if w.Disabled {
		return nil
	}
	w.Disabled, w.DisabledReason = true, reason
	return []Change{WebhookDisabled{reason}}
}

// enable continues deliveries, at once also of what failed.
func (w *Webhook) enable(now time.Time) []Change {
	if !w.Disabled {
		return nil
	}
	w.Disabled, w.DisabledReason = false, ""
	w.Progress.retry(now)
	return []Change{WebhookEnabled{}}
}

// rotate replaces the secret. The old one signs too for the overlap, and those before it as long as they were to.
// Without an overlap none of them does.
func (w *Webhook) rotate(sealed string, overlap time.Duration, now time.Time) []Change {
	until := now.Add(overlap)
	previous := []PreviousSecret{}
	if overlap > 0 {
		previous = append(previous, PreviousSecret{w.Sealed, until})
		for _, p := range w.Previous {
			if now.Before(p.Until) && len(previous) < maxPreviousSecrets {
				previous = append(previous, p)
			}
		}
	}
	w.Sealed, w.Previous = sealed, previous
	return []Change{WebhookRotated{until}}
}

// sealedAt returns the encrypted secrets that sign at the time, the current one first.
func (w *Webhook) sealedAt(now time.Time) []string {
	sealed := []string{w.Sealed}
	for _, p := range w.Previous {
		if now.Before(p.Until) {
			sealed = append(sealed, p.Sealed)
		}
	}
	return sealed
}

// nextVersion makes a new version of the webhook.
func (w *Webhook) nextVersion(now time.Time) versioned {
	w.Version++
	w.UpdatedAt = now
	return w.versionAt(now)
}

// versionAt identifies the webhook's version, which was made at the given time.
func (w *Webhook) versionAt(now time.Time) versioned {
	return versioned{w.Project, Subject{SubjectWebhook, string(w.ID)}, w.Version, now}
}

// brokenRules returns the rules that the webhook breaks.
func (w *Webhook) brokenRules() problems {
	var wrong problems
	wrong.document(string(w.ID), w.Project, w.Version, w.CreatedAt)
	wrong.include(w.WebhookSettings.Validate())
	wrong.check(w.Sealed != "", "sealed", "is missing")
	wrong.check(len(w.Previous) <= maxPreviousSecrets, "previous_secrets", "must have at most %d items",
		maxPreviousSecrets)
	wrong.check(w.Disabled == (w.DisabledReason != ""), "disabled_reason", "must be set if and only if it is disabled")
	wrong.check(len(w.Progress.Waiting) <= maxWaitingStored, "progress", "has too many deliveries that wait")
	return wrong
}

// WebhookSecret is the text of a webhook's secret. It is returned once, and never logged.
type WebhookSecret struct{ text string }

func newWebhookSecret() WebhookSecret {
	var random [webhookSecretBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	return WebhookSecret{webhookSecretPrefix + base64.StdEncoding.EncodeToString(random[:])}
}

// String returns the prefix alone, so that logs cannot reveal the secret by accident.
func (WebhookSecret) String() string { return webhookSecretPrefix + "…" }

// Reveal returns the complete text.
func (s WebhookSecret) Reveal() string { return s.text }
