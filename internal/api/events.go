package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

// EventsParams are the parameters of all routes that return events.
type EventsParams struct {
	After       string `query:"after" maxLength:"64" pattern:"^([a-z0-9]{1,32}\\.)?[0-9]{1,15}$" patternDescription:"0 or a position that a response or a message had" doc:"The position after which to continue, as an earlier response or message has it; 0 for the first event. Without it, the events are those from now on."`
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"The same as after, which it precedes. Browsers send it when they connect again."`
	Limit       int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"The maximum number of events in a JSON response."`
	Wait        int    `query:"wait" minimum:"0" maximum:"30" doc:"How many seconds a JSON response waits for the next event if there is none yet."`

	form   streamForm
	waited <-chan time.Time // the end of the wait, once it has begun
}

// Resolve implements [huma.Resolver].
func (in *EventsParams) Resolve(ctx huma.Context) []error {
	in.form = formOf(ctx)
	if in.LastEventID != "" {
		in.After = in.LastEventID
	}
	if ctx.Method() == http.MethodHead {
		in.form, in.Wait = formJSON, 0
	}
	if in.form == formWebSocket {
		return wrongHandshake(ctx)
	}
	return nil
}

// streamForm is the form in which events are sent.
type streamForm string

const (
	formJSON      streamForm = "poll"
	formSSE       streamForm = "sse"
	formWebSocket streamForm = "websocket"
)

func formOf(ctx huma.Context) streamForm {
	switch {
	case strings.EqualFold(ctx.Header("Upgrade"), "websocket"):
		return formWebSocket
	case strings.Contains(strings.ToLower(ctx.Header("Accept")), "text/event-stream"):
		return formSSE
	}
	return formJSON
}

// eventsOut is a response that [API.sendEvents] writes.
type eventsOut struct {
	Body func(huma.Context)
}

// eventPage is the JSON response: the events after a position.
type eventPage struct {
	Items    []game.Event   `json:"items" nullable:"false" doc:"The events after the position that was sent, the oldest first."`
	Position string         `json:"position" doc:"Where to continue: the next after."`
	Session  *Session       `json:"session,omitempty" doc:"The session at the position, if a snapshot was asked for."`
	End      game.FollowEnd `json:"end,omitempty" enum:"session_ended,removed" doc:"Why no events will follow; absent while some may."`
}

// streamMessage is one message of a stream.
type streamMessage struct {
	Type     string      `json:"type" enum:"snapshot,event,position,end" doc:"snapshot has the session, event an event, position says that the events up to it do not match the filters, and end is the last one."`
	Position string      `json:"position" doc:"Where to continue after this message."`
	Session  *Session    `json:"session,omitempty" doc:"Of snapshot."`
	Event    *game.Event `json:"event,omitempty" doc:"Of event."`
	Reason   endReason   `json:"reason,omitempty" enum:"session_ended,removed,unauthenticated,shutdown,unavailable,gap" doc:"Of end. After session_ended and removed nothing follows; after the others connect again."`
	Retry    int64       `json:"retry_ms,omitzero" doc:"Of end: how many milliseconds to wait before connecting again."`
}

// streamedResponse documents a response with events.
func (a *API) streamedResponse() *huma.Response {
	schemas := a.huma.OpenAPI().Components.Schemas
	return &huma.Response{Content: map[string]*huma.MediaType{
		web.JSONType: {Schema: schemas.Schema(reflect.TypeFor[eventPage](), true, "EventPage")},
		"text/event-stream": {Schema: &huma.Schema{
			Type: huma.TypeString, Description: "Server-sent events, whose data are messages as JSON.",
		}},
	}}
}

// Types of messages.
const (
	messageEvent    = "event"
	messagePosition = "position"
)

// endReason says why a stream ends.
type endReason string

const (
	endShutdown        endReason = "shutdown"
	endUnauthenticated endReason = "unauthenticated" // the credential is no longer valid
	endUnavailable     endReason = "unavailable"     // the database
	endGap             endReason = "gap"             // the next events are no longer kept
	endLeft            endReason = "left"            // the client has gone
	endSlow            endReason = "slow"            // the client does not read
	endFailed          endReason = "failed"          // a panic: the stream breaks off
)

// enterStream counts a stream of the caller. It returns the problem if there must not be one more.
func (a *API) enterStream(c game.Caller) (leave func(), p *web.Problem) {
	select {
	case <-a.Feed.Stopping():
		return nil, overloaded()
	default:
	}
	class, name := classOf(c)
	leave, refused := a.streams.Enter(class, name)
	switch refused {
	case limits.StreamsOfAll:
		return nil, overloaded()
	case limits.StreamsOfCaller:
		p := web.NewProblem(http.StatusTooManyRequests, "too_many_streams",
			fmt.Sprintf("You have %d event streams open, the most that you may. Close one first.", a.streams.Of(class)))
		p.Header = http.Header{"Retry-After": {web.RetryAfter}}
		return nil, p
	case limits.StreamAdmitted:
	}
	return leave, nil
}

func (a *API) opened(form streamForm) {
	if a.Streams != nil {
		a.Streams.Opened(string(form))
	}
}

func (a *API) closed(form streamForm, why endReason) {
	if a.Streams != nil {
		a.Streams.Closed(string(form), string(why))
	}
}

type eventTicketOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         game.EventTicket
}

func (a *API) createEventTicket(ctx context.Context, in *SessionPath) (*eventTicketOut, error) {
	id := game.SessionID(game.NormalID(string(in.SessionID)))
	if _, err := a.Sessions.Follow(ctx, id); err != nil {
		return nil, err
	}
	t, err := a.Tokens.EventTicket(game.CallerFrom(ctx), id)
	if err != nil {
		return nil, err
	}
	return &eventTicketOut{"no-store", t}, nil
}
