package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
)

// WebhookBody is a webhook as admins see it.
type WebhookBody struct {
	ID       game.WebhookID     `json:"id" format:"uuid"`
	Project  game.ProjectID     `json:"project"`
	Name     string             `json:"name" doc:"For people."`
	URL      string             `json:"url" doc:"Where events are sent, by POST."`
	Types    []game.ChangeType  `json:"types" nullable:"false" doc:"The types of changes that are sent; all if the list is empty."`
	Subjects []game.SubjectKind `json:"subjects" nullable:"false" doc:"The kinds of documents whose events are sent; all if the list is empty."`
	Disabled bool               `json:"disabled" doc:"Whether nothing is sent."`
	// DisabledReason is empty while the webhook is not disabled.
	DisabledReason game.WebhookReason `json:"disabled_reason,omitempty" enum:"requested,failing,gone" doc:"Why it is disabled: an admin asked for it, nothing could be delivered for five days, or the receiver returned 410. Absent while it is not."`
	PreviousUntil  *time.Time         `json:"previous_secret_until" doc:"Until when a secret before the last rotation signs too; null for none."`
	FailingSince   *time.Time         `json:"failing_since" doc:"Since when every attempt has failed; null if the last one did not."`
	Failures       int                `json:"failures" doc:"Attempts that have failed since the last one that succeeded."`
	Waiting        int                `json:"waiting" doc:"Events that are sent again later: those that are replayed, and the first one of each document, for which its later events wait."`
	Position       int64              `json:"position" doc:"The seq of the last event that was dealt with."`
	Version        int64              `json:"version" doc:"Grows by one with each change; the ETag."`
	CreatedAt      time.Time          `json:"created_at"`
	UpdatedAt      time.Time          `json:"updated_at"`
}

func webhookBody(w game.Webhook) WebhookBody {
	return WebhookBody{
		w.ID, w.Project, w.Name, w.URL, w.Types, w.Subjects, w.Disabled, w.DisabledReason, w.PreviousUntil(),
		w.Progress.FailingSince, w.Progress.Failures, len(w.Progress.Waiting), w.Progress.Position, w.Version,
		w.CreatedAt, w.UpdatedAt,
	}
}

// newWebhookBody is a webhook with its secret, which only the response to its creation or a rotation has.
type newWebhookBody struct {
	WebhookBody
	Secret string `json:"secret" doc:"Verifies messages by Standard Webhooks: whsec_ and base64. It is never returned again."`
}

type (
	// WebhookPath is the webhook's id in a path.
	WebhookPath struct {
		WebhookID game.WebhookID `path:"webhook_id" pattern:"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$" patternDescription:"a UUID" doc:"The webhook's id."`
	}
	newWebhookOut struct {
		Location     string `header:"Location"`
		ETag         string `header:"ETag"`
		CacheControl string `header:"Cache-Control"`
		Body         newWebhookBody
	}
)

func newWebhookResponse(w game.Webhook, s game.WebhookSecret, err error) (*newWebhookOut, error) {
	path, version := identity(w)
	return &newWebhookOut{path, web.ETag(version), "no-store", newWebhookBody{webhookBody(w), s.Reveal()}}, err
}

func webhookResponse(w game.Webhook, err error) (*taggedOut[WebhookBody], error) {
	return &taggedOut[WebhookBody]{web.ETag(w.Version), webhookBody(w)}, err
}

type createWebhookIn struct {
	Sent Body[game.WebhookSettings]
}

func (a *API) createWebhook(ctx context.Context, in *createWebhookIn) (*newWebhookOut, error) {
	return newWebhookResponse(a.Webhooks.Create(ctx, in.Sent.Value()))
}

func (a *API) listWebhooks(ctx context.Context, in *Paging) (*pageOut[WebhookBody], error) {
	l, err := a.Webhooks.List(ctx, in.Cursor, in.Limit)
	shown := game.List[WebhookBody]{NextCursor: l.NextCursor}
	for _, w := range l.Items {
		shown.Items = append(shown.Items, webhookBody(w))
	}
	return pageResponse(in.IfNoneMatch, newPage(shown), err)
}

func (a *API) getWebhook(ctx context.Context, in *WebhookPath) (*taggedOut[WebhookBody], error) {
	return webhookResponse(a.Webhooks.Get(ctx, in.WebhookID))
}

type patchWebhookIn struct {
	WebhookPath
	IfMatchHeader
	Sent Patch[game.WebhookSettings]
}

// Resolve implements [huma.Resolver].
func (in *patchWebhookIn) Resolve(ctx huma.Context) []error {
	return in.Sent.resolve(ctx, game.WebhookSettings{URL: "https://any.example"})
}

func (a *API) patchWebhook(ctx context.Context, in *patchWebhookIn) (*taggedOut[WebhookBody], error) {
	return webhookResponse(a.Webhooks.Edit(ctx, in.WebhookID, ifMatch[game.Webhook](in.IfMatch), in.Sent.MergedInto))
}

type deleteWebhookIn struct {
	WebhookPath
	IfMatchHeader
}

func (a *API) deleteWebhook(ctx context.Context, in *deleteWebhookIn) (*struct{}, error) {
	return nil, a.Webhooks.Delete(ctx, in.WebhookID, ifMatch[game.Webhook](in.IfMatch))
}

// RotateWebhookBody is the body of a rotation.
type RotateWebhookBody struct {
	OverlapSeconds *int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the old secret signs too; a day if left out."`
}

// Validate implements validated. The limits of the schema are all its rules.
func (RotateWebhookBody) Validate() error { return nil }

type rotateWebhookIn struct {
	WebhookPath
	Sent Body[RotateWebhookBody]
}

func (a *API) rotateWebhook(ctx context.Context, in *rotateWebhookIn) (*newWebhookOut, error) {
	overlap := 24 * time.Hour
	if s := in.Sent.Value().OverlapSeconds; s != nil {
		overlap = time.Duration(*s) * time.Second
	}
	return newWebhookResponse(a.Webhooks.Rotate(ctx, in.WebhookID, overlap))
}

// webhookAttempt is the outcome of a test.
type webhookAttempt struct {
	Delivered bool                `json:"delivered" doc:"Whether the receiver accepted the message."`
	Failure   game.WebhookFailure `json:"failure,omitempty" doc:"Why it did not; absent if it did."`
	Status    int                 `json:"response_status" doc:"Of its response; 0 for none."`
	Excerpt   string              `json:"response_excerpt" doc:"The beginning of the response, if it was a failure."`
	TookMS    int64               `json:"took_ms" doc:"How long it took, in milliseconds."`
}

func (a *API) testWebhook(ctx context.Context, in *WebhookPath) (*bodyOut[webhookAttempt], error) {
	t, err := a.Webhooks.Test(ctx, in.WebhookID)
	return bodyResponse(webhookAttempt{t.Failure == "", t.Failure, t.Status, t.Excerpt, t.Took.Milliseconds()}, err)
}

type deliveriesIn struct {
	WebhookPath
	IfNoneMatchHeader
	Status game.DeliveryStatus `query:"status" enum:"delivered,retrying,dead" doc:"Only deliveries with this status; dead are those that are not sent again."`
	Limit  int                 `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"The maximum number of items."`
	Cursor string              `query:"cursor" maxLength:"128" doc:"The next_cursor of an earlier response of the same list."`
}

func (a *API) listDeliveries(ctx context.Context, in *deliveriesIn) (*pageOut[game.Delivery], error) {
	l, err := a.Webhooks.Deliveries(ctx, in.WebhookID, in.Status, in.Cursor, in.Limit)
	return pageResponse(in.IfNoneMatch, newPage(l), err)
}

type replayIn struct {
	WebhookPath
	Sent Body[game.ReplayRequest]
}

// replayed is the response to a replay.
type replayed struct {
	Replayed int `json:"replayed" doc:"How many deliveries are made again."`
}

func (a *API) replayWebhook(ctx context.Context, in *replayIn) (*bodyOut[replayed], error) {
	n, err := a.Webhooks.Replay(ctx, in.WebhookID, in.Sent.Value())
	return bodyResponse(replayed{n}, err)
}

// eventMessage is the body of a message to a webhook.
type eventMessage struct {
	Type      string     `json:"type" example:"session.member_joined" doc:"The kind of the event's subject and the type of its first change, or webhook.test, whose data has webhook_id alone."`
	Timestamp time.Time  `json:"timestamp" doc:"When the event happened."`
	Data      game.Event `json:"data" doc:"The event."`
}

// webhookItems documents the messages that webhooks receive.
func webhookItems(r huma.Registry) map[string]*huma.PathItem {
	text := func(name, description string) *huma.Param {
		return &huma.Param{
			Name: name, In: "header", Required: true, Description: description,
			Schema: &huma.Schema{Type: huma.TypeString},
		}
	}
	return map[string]*huma.PathItem{"event": {Post: &huma.Operation{
		OperationID: "receiveEvent",
		Summary:     "An event of the project, signed as Standard Webhooks defines it",
		Description: "Return any status of 2xx within 15 seconds. The same event may come more than once, with the " +
			"same webhook-id. The events of one session come in order, except for those that are replayed.",
		Parameters: []*huma.Param{
			text("webhook-id", "The id of the message, the same in each attempt."),
			text("webhook-timestamp", "When the message was sent, in seconds since 1970."),
			text("webhook-signature", "Signatures of the id, the time and the body, separated by spaces."),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			web.JSONType: {Schema: r.Schema(reflect.TypeFor[eventMessage](), true, "EventMessage")},
		}},
		Responses: map[string]*huma.Response{
			"2XX": {Description: http.StatusText(http.StatusOK)},
			"410": {Description: "The receiver wants no more events: the webhook is disabled."},
		},
	}}}
}
