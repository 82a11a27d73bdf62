package client

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Events is the part of the API about everything that happens in the project. It is for API keys.
type Events struct{ c *Client }

// FirstEvent is the position before the first event.
const FirstEvent = "0"

// ErrRemoved says that there are no more events for the player as whom a session was followed, because it has left the
// session or was removed from it.
var ErrRemoved = errors.New("client: the player was removed from the session")

// EventPage is a page of events, the oldest first.
type EventPage struct {
	Items    []Event  `json:"items"`
	Position string   `json:"position"` // where to continue
	Session  *Session `json:"session"`  // as it is at the position; nil unless it was asked for
	// End says why no events will follow, "session_ended" or "removed"; empty while some may.
	End string `json:"end"`
}

// EventRead selects a page of events.
type EventRead struct {
	After    string        // the position after which to continue, or [FirstEvent]; empty for the events from now on
	Limit    int           // the maximum number of items; 0 for the server's default
	Wait     time.Duration // how long to wait for an event if there is none, up to 30 s, in whole seconds
	Snapshot bool          // of a session: with the session as it is, unless After can be continued
}

func (r EventRead) values() url.Values {
	v := url.Values{}
	set(v, "after", r.After)
	set(v, "limit", number(r.Limit))
	set(v, "wait", number(int(r.Wait/time.Second)))
	if r.Snapshot {
		v.Set("snapshot", strconv.FormatBool(true))
	}
	return v
}

// with returns the parameters beside others.
func (r EventRead) with(others url.Values) url.Values {
	v := r.values()
	maps.Copy(v, others)
	return v
}

// Events returns the events of a session after a position. It is for those who hold a seat or wait for one, and for API
// keys. It returns [ErrSessionNotFound], and [ErrFeedGap] if the events after the position are no longer kept. A Wait
// needs a timeout of the client that is longer.
func (s *Sessions) Events(ctx context.Context, id SessionID, r EventRead) (EventPage, error) {
	return fetch[EventPage](ctx, s.c, read(sessionPath(id)+"/events", r.values()))
}

// EventTicket returns a ticket with which a web page can open event streams of a session for a minute, with the rights
// of the caller. It returns [ErrSessionNotFound] and [ErrNoTokens].
func (s *Sessions) EventTicket(ctx context.Context, id SessionID) (EventTicket, error) {
	q := write(http.MethodPost, sessionPath(id)+"/events/ticket", nil)
	q.reads = true
	return fetch[EventTicket](ctx, s.c, q)
}

// Page returns the events of the project after a position that match the filter, in the order of their Seq. The page
// may be empty although more events follow: continue at its Position. It returns [ErrFeedGap] if the events after the
// position are no longer kept.
func (s *Events) Page(ctx context.Context, r EventRead, f EventFilter) (EventPage, error) {
	return fetch[EventPage](ctx, s.c, read(basePath+"/events", r.with(f.values())))
}

// AuditFilter selects events of the audit log. Its zero value selects all.
type AuditFilter struct {
	ActorKind ActorKind // events by actors of this kind
	ActorID   string    // events by the actor with this id, such as that of an API key
	From      time.Time // events at this time or later
	To        time.Time // events before this time
	Limit     int       // the maximum number of items; 0 for the server's default
	Cursor    string    // the NextCursor of the page before; empty for the first page
}

func (f AuditFilter) values() url.Values {
	v := url.Values{}
	set(v, "actor_kind", f.ActorKind)
	set(v, "actor_id", f.ActorID)
	set(v, "from", instant(f.From))
	set(v, "to", instant(f.To))
	return paged(v, f.Limit, f.Cursor)
}

// Audit returns one page of the audit log, newest first: what was done to API keys, and the bans, suspensions, erasures
// and forced ends by admins and servers. It is for admins. A page may be empty although more follow.
// [Events.AllOfAudit] iterates over all pages.
func (s *Events) Audit(ctx context.Context, f AuditFilter) (Page[Event], error) {
	return fetch[Page[Event]](ctx, s.c, read(basePath+"/audit", f.values()))
}

// AllOfAudit returns an iterator over the audit log, newest first. It reads a page at a time and ends with the first
// error.
func (s *Events) AllOfAudit(ctx context.Context, f AuditFilter) iter.Seq2[Event, error] {
	return allPages(ctx, f.Cursor, func(ctx context.Context, cursor string) (Page[Event], error) {
		f.Cursor = cursor
		return s.Audit(ctx, f)
	})
}

// Follow returns an iterator over the events of a session after a position, as they happen, the oldest first: each
// version once. For the events from now on the position is empty; to show a session and what happens to it, begin with
// [Sessions.Events] and a Snapshot.
//
// A connection that breaks is opened again after a growing random pause, where the last one ended. The iterator ends
// without an error after the last event of the session, and otherwise with one: [ErrFeedGap], after which the session
// has to be read anew, because events are no longer kept or the database was restored; [ErrRemoved]; the error of the
// context; or that with which the server rejects the request, such as [ErrSessionNotFound].
func (s *Sessions) Follow(ctx context.Context, id SessionID, position string) iter.Seq2[Event, error] {
	return s.c.follow(ctx, sessionPath(id)+"/events", url.Values{}, position, nil)
}

// Follow returns an iterator over the events of the project that match a filter, in the order of their Seq, as
// [Sessions.Follow] does for a session. It goes on until an error ends it. An event comes at least once: if the
// position is stored after the work, that of a failure in between comes again.
func (s *Events) Follow(ctx context.Context, position string, f EventFilter) iter.Seq2[Event, error] {
	return s.c.follow(ctx, basePath+"/events", f.values(), position, nil)
}

// FollowFrom is [Events.Follow] for rare events: it also calls passed with positions at which events did not match, so
// that nobody looks at them again after a restart.
func (s *Events) FollowFrom(
	ctx context.Context, position string, f EventFilter, passed func(position string),
) iter.Seq2[Event, error] {
	return s.c.follow(ctx, basePath+"/events", f.values(), position, passed)
}
