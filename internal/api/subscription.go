package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"game-session-manager/internal/api/web"
	"game-session-manager/internal/feed"
	"game-session-manager/internal/game"
)

// subscription is what a caller follows, from a position on.
type subscription struct {
	*feed.Follower
	view    eventView
	epoch   string
	current int64        // the last place when the subscription began
	sent    int64        // the place up to which events were sent or do not match
	told    int64        // the last place that the client knows
	shown   *Session     // to begin with, or nil
	first   []game.Event // that have been read already
	leave   func()
}

// eventView decides what a caller gets of what it follows.
type eventView interface {
	// Show returns the next event as the caller may see it, and why it is the last one, or "".
	Show(e game.Event) (game.Event, game.FollowEnd)
	// Wants reports whether the caller asked for an event.
	Wants(e *game.Event) bool
	// Ended returns why no event follows those that were shown, or "".
	Ended() game.FollowEnd
	// Gap returns the error about a position that cannot be continued, of which only the place is missing.
	Gap(current int64) *game.Error
}

// mostUnwanted is how many events that do not match a request looks at, and a stream between two messages.
const mostUnwanted = 1000

// position returns the position of a place.
func (s *subscription) position(place int64) string {
	return s.epoch + "." + strconv.FormatInt(place, 10)
}

func (s *subscription) close() {
	s.Close()
	s.leave()
}

// opener opens a subscription for a follower: it reads what is followed, sets view, and returns the last place.
type opener func(ctx context.Context, s *subscription) (current int64, err error)

// follow opens a subscription. Everything that is wrong with it is returned as a problem; what follows is written later
// by [API.sendEvents].
func (a *API) follow(
	ctx context.Context, in *EventsParams, follower func(game.ProjectID) *feed.Follower, open opener,
) (*eventsOut, error) {
	leave := func() {}
	if in.form != formJSON || in.Wait > 0 {
		var p *web.Problem
		if leave, p = a.enterStream(game.CallerFrom(ctx)); p != nil {
			return nil, p
		}
	}
	s, err := a.subscribe(ctx, in, follower, open)
	if err != nil {
		leave()
		return nil, err
	}
	s.leave = leave
	return &eventsOut{func(c huma.Context) {
		r, w := humago.Unwrap(c)
		laterFrom(ctx).do = func() {
			defer s.close()
			a.sendEvents(w, r, in, s)
		}
	}}, nil
}

// subscribe opens a subscription, with a place among the requests in process and the time of one. It returns the errors
// of open, ErrFeedGap and ErrOverloaded.
func (a *API) subscribe(
	ctx context.Context, in *EventsParams, follower func(game.ProjectID) *feed.Follower, open opener,
) (*subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, a.RequestTimeout)
	defer cancel()
	if !a.inFlight.Enter(ctx) {
		return nil, game.Overloaded(context.Cause(ctx))
	}
	defer a.inFlight.Leave()
	s := &subscription{Follower: follower(game.CallerFrom(ctx).Project)}
	if err := s.open(ctx, a, in, open); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// open finds out where the subscription begins.
func (s *subscription) open(ctx context.Context, a *API, in *EventsParams, open opener) (err error) {
	if s.current, err = open(ctx, s); err != nil {
		return err
	}
	if s.epoch, err = a.Feed.Epoch(ctx); err != nil {
		return err
	}
	at, ok := s.begin(in.After)
	if s.Begin(at, s.current); ok && at < s.current {
		s.first, err = s.Ready(ctx)
		ok, err = !errors.Is(err, feed.ErrGap), inTime(ctx, err)
	}
	switch {
	case s.shown != nil && (!ok || in.After == ""):
		at, s.first, err = s.current, nil, nil
		s.Begin(at, s.current)
	case !ok:
		return s.gap()
	default:
		s.shown = nil // which may be large
		game.KeepRoom(ctx, 0)
	}
	s.sent, s.told = at, at
	return err
}

// inTime returns an error of a follower, which is no failure of the service if it is the bare end of the context: the
// caller has gone, or others read for so long. The store's own errors say so.
func inTime(ctx context.Context, err error) error {
	named := (*game.Error)(nil)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) && !errors.As(err, &named) {
		return game.Overloaded(err)
	}
	return err
}

// begin returns the place after which a subscription begins, and whether it can be compared with those that are stored:
// it is of this epoch, and not ahead.
func (s *subscription) begin(after string) (place int64, ok bool) {
	switch after {
	case "":
		return s.current, true
	case "0":
		return 0, true
	}
	epoch, number, _ := strings.Cut(after, ".")
	place, err := strconv.ParseInt(number, 10, 64)
	if err != nil || epoch != s.epoch || place > s.current {
		return s.current, false
	}
	return place, true
}

func (s *subscription) gap() error {
	return s.view.Gap(s.current).With("position", s.position(s.current))
}

// sendEvents sends a subscription in the form that the request asks for.
func (a *API) sendEvents(w http.ResponseWriter, r *http.Request, in *EventsParams, s *subscription) {
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
			defer to.end(nil) // no server closes the connection of a WebSocket when its handler panics
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
	return s.shown == nil && len(s.first) == 0 && s.view.Ended() != ""
}

// poll returns the JSON response, which waits for an event if there is none.
func (a *API) poll(ctx context.Context, in *EventsParams, s *subscription) (eventPage, error) {
	p := eventPage{Items: []game.Event{}, Session: s.shown}
	looked := s.first
	for n := len(looked); ; n += len(looked) {
		s.take(&p, looked, in.Limit)
		if len(p.Items) > 0 || p.End != "" || n >= mostUnwanted || s.shown != nil {
			break
		}
		var err error
		looked, err = a.more(ctx, in, s)
		if errors.Is(err, feed.ErrGap) {
			return eventPage{}, s.gap()
		}
		if err != nil && !errors.Is(err, feed.ErrStopping) && !errors.Is(err, feed.ErrGone) {
			return eventPage{}, inTime(ctx, err)
		}
		if len(looked) == 0 {
			break
		}
	}
	if p.End == "" && s.sent >= s.current {
		p.End = s.view.Ended()
	}
	p.Position = s.position(s.sent)
	return p, nil
}

// more returns the next events. If there are none yet, it waits for them until the wait of the request is over.
func (a *API) more(ctx context.Context, in *EventsParams, s *subscription) ([]game.Event, error) {
	events, err := s.Ready(ctx)
	if err != nil || len(events) > 0 || in.Wait == 0 || s.view.Ended() != "" {
		return events, err
	}
	if in.waited == nil {
		in.waited = time.After(time.Duration(in.Wait) * time.Second)
	}
	a.opened(in.form)
	defer a.closed(in.form, "answered")
	return s.Next(ctx, in.waited)
}

// take adds the events that the caller wants to a page, which ends early where these have many changes.
func (s *subscription) take(p *eventPage, events []game.Event, limit int) {
	changes := 0
	for i := range events {
		changes += len(events[i].Changes)
		if len(p.Items) == limit || len(p.Items) > 0 && changes > feed.PageChanges {
			return
		}
		s.sent = s.Place(&events[i])
		if !s.view.Wants(&events[i]) {
			continue
		}
		var e game.Event
		e, p.End = s.view.Show(events[i])
		if p.Items = append(p.Items, e); p.End != "" {
			return
		}
	}
}
