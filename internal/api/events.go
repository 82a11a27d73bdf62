package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
	"game-session-manager/internal/limits"
)

type sessionEventsIn struct {
	SessionPath
	After       string `query:"after" maxLength:"64" pattern:"^([a-z0-9]{1,32}\\.)?[0-9]{1,15}$" patternDescription:"0 or a position that a response or a message had" doc:"The position after which to continue, as an earlier response or message has it; 0 for the first event. Without it, the events are those from now on."`
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"The same as after, which it precedes. Browsers send it when they connect again."`
	Snapshot    bool   `query:"snapshot" doc:"Begin with the session as it is now, unless there is a position from which to continue."`
	Limit       int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"The maximum number of events in a JSON response."`
	Wait        int    `query:"wait" minimum:"0" maximum:"30" doc:"How many seconds a JSON response waits for the next event if there is none yet."`
	Ticket      string `query:"ticket" maxLength:"2048" doc:"A ticket for the events of this session, instead of the header Authorization."`

	form streamForm
}

// Resolve implements [huma.Resolver].
func (in *sessionEventsIn) Resolve(ctx huma.Context) []error {
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
	Type     string      `json:"type" enum:"snapshot,event,end" doc:"snapshot has the session, event an event, and end is the last one."`
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

// messageEvent is the type of most messages.
const messageEvent = "event"

// endReason says why a stream ends.
type endReason string

const (
	endShutdown        endReason = "shutdown"
	endUnauthenticated endReason = "unauthenticated" // the credential is no longer valid
	endUnavailable     endReason = "unavailable"     // the database
	endGap             endReason = "gap"             // the next events are no longer kept
	endLeft            endReason = "left"            // the client has gone
	endSlow            endReason = "slow"            // the client does not read
)

// subscription is what a caller follows, from a position on.
type subscription struct {
	*feed.Follower
	following *game.Following
	epoch     string
	current   int64        // the version of the session
	sent      int64        // the version of the last event that was sent
	snapshot  bool         // begin with the session
	first     []game.Event // that have been read already
	leave     func()
}

// position returns the position of a version.
func (s *subscription) position(version int64) string {
	return s.epoch + "." + strconv.FormatInt(version, 10)
}

func (s *subscription) close() {
	s.Close()
	s.leave()
}

// getSessionEvents opens a subscription. Everything that is wrong with it is returned as a problem; what follows is
// written by [API.sendEvents].
func (a *API) getSessionEvents(ctx context.Context, in *sessionEventsIn) (*eventsOut, error) {
	leave := func() {}
	if in.form != formJSON || in.Wait > 0 {
		var p *web.Problem
		if leave, p = a.enterStream(game.CallerFrom(ctx)); p != nil {
			return nil, p
		}
	}
	s, err := a.subscribe(ctx, in)
	if err != nil {
		leave()
		return nil, err
	}
	s.leave = leave
	return &eventsOut{func(c huma.Context) {
		defer s.close()
		a.sendEvents(c, in, s)
	}}, nil
}

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

// subscribe opens a subscription, with a place among the requests in process and the time of one. It returns the errors
// of [game.Sessions.Follow], ErrFeedGap and ErrOverloaded.
func (a *API) subscribe(ctx context.Context, in *sessionEventsIn) (*subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, a.RequestTimeout)
	defer cancel()
	if !a.inFlight.Enter(ctx) {
		return nil, game.Overloaded(context.Cause(ctx))
	}
	defer a.inFlight.Leave()
	id := game.SessionID(game.NormalID(string(in.SessionID)))
	s := &subscription{Follower: a.Feed.Session(game.CallerFrom(ctx).Project, id)}
	err := s.open(ctx, a, id, in)
	if err != nil {
		s.Close()
		return nil, err
	}
	if !s.snapshot {
		s.following.Session = game.Session{} // which may be large
		game.KeepRoom(ctx, 0)
	}
	return s, nil
}

// open reads the session, and finds out where to begin.
func (s *subscription) open(ctx context.Context, a *API, id game.SessionID, in *sessionEventsIn) (err error) {
	if s.following, err = a.Sessions.Follow(ctx, id); err != nil {
		return err
	}
	if s.epoch, err = a.Feed.Epoch(ctx); err != nil {
		return err
	}
	s.current = s.following.Session.Version
	at, ok := s.begin(in.After)
	if s.Begin(at, s.current); ok && at < s.current {
		s.first, err = s.Ready(ctx)
		ok = !errors.Is(err, feed.ErrGap)
	}
	switch {
	case in.Snapshot && (!ok || in.After == ""):
		s.snapshot, at, err = true, s.current, nil
		s.Begin(at, s.current)
	case !ok:
		return s.gap()
	}
	s.sent = at
	return err
}

// begin returns the version after which a subscription begins, and whether it can be compared with those that are
// stored: it is of this epoch, and not ahead.
func (s *subscription) begin(after string) (version int64, ok bool) {
	switch after {
	case "":
		return s.current, true
	case "0":
		return 0, true
	}
	epoch, number, _ := strings.Cut(after, ".")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil || epoch != s.epoch || version > s.current {
		return s.current, false
	}
	return version, true
}

func (s *subscription) gap() error {
	return game.ErrFeedGap.With("current_version", s.current).With("position", s.position(s.current))
}

// sendEvents sends a subscription in the form that the request asks for.
func (a *API) sendEvents(c huma.Context, in *sessionEventsIn, s *subscription) {
	r, w := humago.Unwrap(c)
	if o, ok := web.Observer[interface{ NoteStream() }](w); ok && (in.form != formJSON || in.Wait > 0) {
		o.NoteStream()
	}
	switch in.form {
	case formSSE:
		if s.isOver() {
			w.WriteHeader(http.StatusNoContent) // on which an EventSource does not connect again
			return
		}
		a.stream(r, s, newEventStream(w, r, a.streamTimeout()))
	case formWebSocket:
		if to := a.acceptWebSocket(w, r); to != nil {
			a.stream(r, s, to)
		}
	case formJSON:
		p, err := a.poll(r.Context(), in, s)
		if err != nil {
			web.WriteProblem(w, a.problem(r.Context(), a.routeOf(r), err))
			return
		}
		w.Header().Set("Content-Type", web.JSONType)
		w.Header().Set("Cache-Control", "no-store")
		_ = marshal(w, p) // an error means that the caller has gone
	}
}

// isOver reports whether nothing follows for a client that has the position at which the subscription begins.
func (s *subscription) isOver() bool {
	return !s.snapshot && len(s.first) == 0 && s.following.Ended() != ""
}

// poll returns the JSON response, which waits for an event if there is none.
func (a *API) poll(ctx context.Context, in *sessionEventsIn, s *subscription) (eventPage, error) {
	p := eventPage{Items: []game.Event{}}
	if s.snapshot {
		shown := membersFull.of(s.following.Session)
		p.Session = &shown
	}
	events := s.first
	if len(events) == 0 && in.Wait > 0 && !s.snapshot && s.following.Ended() == "" {
		a.opened(in.form)
		timer := time.NewTimer(time.Duration(in.Wait) * time.Second)
		defer timer.Stop()
		var err error
		events, err = s.Next(ctx, timer.C)
		a.closed(in.form, endReason("answered"))
		switch {
		case errors.Is(err, feed.ErrGap):
			return eventPage{}, s.gap()
		case err != nil && !errors.Is(err, feed.ErrStopping) && !errors.Is(err, feed.ErrGone):
			return eventPage{}, err
		}
	}
	for _, e := range events[:min(len(events), in.Limit)] {
		var end game.FollowEnd
		e, end = s.following.Show(e)
		p.Items, s.sent = append(p.Items, e), e.Version
		if end != "" {
			p.End = end
			break
		}
	}
	if p.End == "" && s.sent >= s.current {
		p.End = s.following.Ended()
	}
	p.Position = s.position(s.sent)
	return p, nil
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
