package game

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Event says what one version of a document changed, who changed it and when. Every version has one, which is stored
// with it in one atomic write.
//
// It contains ids and names of fields, but no names of people, attributes or free text, so that erased data does not
// survive in it.
type Event struct {
	Project ProjectID `json:"project"`
	Subject Subject   `json:"subject"`
	Version int64     `json:"version" doc:"The version of the document after the changes."`
	// Seq is the event's place in the feed of its project, from 1 without gaps; 0 until it has one.
	Seq       int64     `json:"seq,omitzero" doc:"The event's place in the feed of its project; absent until it has one."`
	At        time.Time `json:"at"`
	Actor     Actor     `json:"actor"`
	ActingAs  PlayerID  `json:"acting_as,omitempty" doc:"The player on whose behalf a server made the request."`
	RequestID string    `json:"request_id,omitempty" doc:"The request that made the changes. Players do not see it."`
	RunID     string    `json:"run_id,omitempty" doc:"The run of a background task that made the changes."`
	Changes   Changes   `json:"changes" doc:"What changed, at least one."`

	// Unreadable is set for what stands in the place of a stored event that cannot be decoded: see [UnreadableEvent].
	Unreadable bool `json:"-"`
}

// SubjectKind is the type of a document that has events.
type SubjectKind string

// The kinds of subjects.
const (
	SubjectSession SubjectKind = "session"
	SubjectPlayer  SubjectKind = "player"
	SubjectKey     SubjectKind = "api_key"
	SubjectWebhook SubjectKind = "webhook"
)

// SubjectKinds returns all kinds of subjects.
func SubjectKinds() []SubjectKind {
	return []SubjectKind{SubjectSession, SubjectPlayer, SubjectKey, SubjectWebhook}
}

// Subject identifies the document that an event is about.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	ID   string      `json:"id"`
}

// ActorKind is a kind of [Actor].
type ActorKind string

// The kinds of actors.
const (
	ActorPlayer ActorKind = "player" // by its id
	ActorKey    ActorKind = "key"    // an API key of a server, by its id
	// an API key of an admin by its id, or "anonymous" where there is no authentication
	ActorAdmin  ActorKind = "admin"
	ActorSystem ActorKind = "system" // the service itself, by the name of the task
)

// ActorKinds returns all kinds of actors.
func ActorKinds() []ActorKind { return []ActorKind{ActorPlayer, ActorKey, ActorAdmin, ActorSystem} }

// Actor is who changed a document.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id" doc:"A player's or an API key's id, \"anonymous\" without authentication, or the name of a task of the service. Players see other players' ids only."`
}

// ID returns the id of the event, which is unique among all events and derived from its subject and version. The ids of
// the events of one subject sort, as bytes, by version.
func (e *Event) ID() string { return EventID(e.Subject, e.Version) }

// EndOfVersions is greater than every version and every position in a feed.
const EndOfVersions = 1_000_000_000_000_000 - 1

// EventID returns the id of the event of a version.
func EventID(s Subject, version int64) string {
	return fmt.Sprintf("%s/%s/%015d", s.Kind, s.ID, version)
}

// UnreadableEvent returns what stands in the place of an event that is stored under an id and cannot be decoded. It has
// no actor and no changes, and no subject if the id is not one of an event.
//
// It is read in the place of the event so that nobody waits for what will never be there, and so that timelines and
// feeds have no gaps. Callers are not shown it.
func UnreadableEvent(p ProjectID, id string, seq int64, at time.Time) Event {
	e := Event{Project: p, Seq: seq, At: at, Unreadable: true}
	kind, rest, _ := strings.Cut(id, "/")
	if i := strings.LastIndexByte(rest, '/'); i > 0 {
		if version, err := strconv.ParseInt(rest[i+1:], 10, 64); err == nil {
			e.Subject, e.Version = Subject{SubjectKind(kind), rest[:i]}, version
		}
	}
	return e
}

// withoutUnreadable returns the events that can be read.
func withoutUnreadable(events []Event) []Event {
	return slices.DeleteFunc(events, func(e Event) bool { return e.Unreadable })
}

// Players returns the players that the event names, without duplicates.
func (e *Event) Players() []PlayerID {
	var named []PlayerID
	if e.Subject.Kind == SubjectPlayer {
		named = append(named, PlayerID(e.Subject.ID))
	}
	if e.Actor.Kind == ActorPlayer {
		named = append(named, PlayerID(e.Actor.ID))
	}
	if e.ActingAs != "" {
		named = append(named, e.ActingAs)
	}
	for _, c := range e.Changes {
		named = append(named, playersIn(c)...)
	}
	slices.Sort(named)
	return slices.Compact(named)
}

// Departed returns the players who lost their seats by the event, without duplicates and in order.
func (e *Event) Departed() []PlayerID {
	var gone []PlayerID
	for _, c := range e.Changes {
		switch c := c.(type) {
		case MemberLeft:
			gone = append(gone, c.PlayerID)
		case MemberRemoved:
			gone = append(gone, c.PlayerID)
		}
	}
	slices.Sort(gone)
	return slices.Compact(gone)
}

// newEvent returns the event of a version that the context's caller made.
func newEvent(ctx context.Context, of versioned, changes []Change) Event {
	c := CallerFrom(ctx)
	e := Event{
		Project: of.project, Subject: of.subject, Version: of.version, At: of.at, Actor: c.actor(),
		RequestID: RequestIDFrom(ctx), RunID: RunIDFrom(ctx), Changes: changes,
	}
	if c.ActsAs {
		e.ActingAs = c.Player
	}
	return e
}

// versioned identifies a version of a document.
type versioned struct {
	project ProjectID
	subject Subject
	version int64
	at      time.Time // when it was made
}

// actor returns the Actor for the caller.
func (c Caller) actor() Actor {
	id, isKey := strings.CutPrefix(c.Name, keyCaller)
	switch {
	case c.Scope == ScopePlayer && !c.ActsAs:
		return Actor{ActorPlayer, string(c.Player)}
	case c.Scope == "":
		return Actor{ActorSystem, id}
	case c.Scope == ScopeAdmin, !isKey:
		return Actor{ActorAdmin, id}
	}
	return Actor{ActorKey, id}
}
