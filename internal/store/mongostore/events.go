package mongostore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// An event is stored twice, one place after the other. At first it is an entry of the outbox of its document, which the
// update that makes the version appends: see outbox.go. Later it is moved to the collection of events: see feed.go.
// Readers read the document first, so that nothing moves past them.

// entry is an event in the outbox of its document, which says the rest.
type entry struct {
	Version   int64         `bson:"version"`
	At        time.Time     `bson:"at"`
	Actor     actor         `bson:"actor"`
	ActingAs  game.PlayerID `bson:"acting_as,omitempty"`
	RequestID string        `bson:"request_id,omitempty"`
	RunID     string        `bson:"run_id,omitempty"`
	Changes   changes       `bson:"changes"`
}

type actor struct {
	Kind game.ActorKind `bson:"kind"`
	ID   string         `bson:"id"`
}

// movedEvent is an event in the collection. It has either a place in the feed of its project or the mark that it has
// none.
type movedEvent struct {
	ID       string           `bson:"_id"`
	Project  game.ProjectID   `bson:"project"`
	Kind     game.SubjectKind `bson:"kind"`
	Subject  string           `bson:"subject"`
	Seq      int64            `bson:"seq,omitempty"`
	Unplaced bool             `bson:"unplaced,omitempty"`
	Players  []game.PlayerID  `bson:"players,omitempty"`  // whom it names
	Departed []game.PlayerID  `bson:"departed,omitempty"` // who lost their seats by it
	Audited  bool             `bson:"audited,omitempty"`  // it is in the audit log
	Entry    entry            `bson:",inline"`
}

func storedEntry(e game.Event) entry {
	return entry{
		Version: e.Version, At: e.At, Actor: actor(e.Actor), ActingAs: e.ActingAs, RequestID: e.RequestID,
		RunID:   e.RunID,
		Changes: changes(e.Changes),
	}
}

func storedEntries(events []game.Event) []entry {
	entries := make([]entry, len(events))
	for i, e := range events {
		entries[i] = storedEntry(e)
	}
	return entries
}

func storedEvent(e game.Event) movedEvent {
	return movedEvent{
		ID: e.ID(), Project: e.Project, Kind: e.Subject.Kind, Subject: e.Subject.ID, Seq: e.Seq, Unplaced: e.Seq == 0,
		Players: e.Players(), Departed: e.Departed(), Audited: e.Audited(), Entry: storedEntry(e),
	}
}

func storedEvents(events []game.Event) []movedEvent {
	documents := make([]movedEvent, len(events))
	for i, e := range events {
		documents[i] = storedEvent(e)
	}
	return documents
}

func (d entry) of(p game.ProjectID, s game.Subject) game.Event {
	return game.Event{
		Project: p, Subject: s, Version: d.Version, At: d.At.UTC(), Actor: game.Actor(d.Actor), ActingAs: d.ActingAs,
		RequestID: d.RequestID, RunID: d.RunID, Changes: game.Changes(d.Changes),
	}
}

func (d movedEvent) game() game.Event {
	e := d.Entry.of(d.Project, game.Subject{Kind: d.Kind, ID: d.Subject})
	e.Seq = d.Seq
	return e
}

// changes are stored as objects that have their type beside their fields, as in JSON.
type changes game.Changes

// MarshalBSONValue implements [bson.ValueMarshaler].
func (l changes) MarshalBSONValue() (kind byte, data []byte, err error) {
	all := bsoncore.NewArrayBuilder()
	var b bytes.Buffer
	for _, c := range l {
		b.Reset()
		e := bson.NewEncoder(bson.NewDocumentWriter(&b))
		e.UseJSONStructTags()
		if err := e.Encode(c); err != nil {
			return 0, nil, err
		}
		start, doc := bsoncore.AppendDocumentStart(nil)
		doc = bsoncore.AppendStringElement(doc, "type", string(game.TypeOf(c)))
		doc = append(doc, b.Bytes()[4:]...) // its fields and its end
		//nolint:gosec // the server's limit is 16 MB
		all.AppendDocument(bsoncore.UpdateLength(doc, start, int32(len(doc))))
	}
	return byte(bson.TypeArray), all.Build(), nil
}

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (l *changes) UnmarshalBSONValue(kind byte, data []byte) error {
	if bson.Type(kind) != bson.TypeArray {
		return game.ErrUnreadable
	}
	values, err := bson.RawArray(data).Values()
	if err != nil {
		return err
	}
	*l = make(changes, 0, len(values))
	for _, v := range values {
		raw, ok := v.DocumentOK()
		if !ok {
			return game.ErrUnreadable
		}
		name, _ := raw.Lookup("type").StringValueOK()
		c, err := game.DecodeChange(game.ChangeType(name), func(to any) error {
			d := bson.NewDecoder(bson.NewDocumentReader(bytes.NewReader(raw)))
			d.UseJSONStructTags()
			return d.Decode(to)
		})
		if err != nil {
			return err
		}
		*l = append(*l, c)
	}
	return nil
}

// Timeline implements [game.EventStore].
func (s *Store) Timeline(ctx context.Context, q game.TimelineQuery) ([]game.Event, error) {
	before := q.Before
	if before == 0 {
		before = game.EndOfVersions
	}
	var waiting []game.Event
	if c, ok := s.subjects()[q.Subject.Kind]; ok {
		found, err := s.outboxOf(ctx, c, address{q.Subject.ID, q.Project})
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if e.Version > q.After && e.Version < before {
				waiting = append(waiting, e)
			}
		}
	}
	filter := docOf("_id", bson.D{
		{Key: "$gt", Value: game.EventID(q.Subject, q.After)}, {Key: "$lt", Value: game.EventID(q.Subject, before)},
	})
	order := -1
	if q.Oldest {
		order = 1
	}
	o := options.Find().SetSort(docOf("_id", order)).SetLimit(int64(q.Limit)).SetHint(idIndex)
	moved, err := s.readEvents(ctx, filter, o)
	if err != nil {
		return nil, err
	}
	moved = slices.DeleteFunc(moved, func(e game.Event) bool { return e.Project != q.Project })
	// What is in both places has its place in the feed in the first of these.
	events := append(moved, waiting...)
	slices.SortStableFunc(events, func(a, b game.Event) int { return order * cmp.Compare(a.Version, b.Version) })
	events = slices.CompactFunc(events, func(a, b game.Event) bool { return a.Version == b.Version })
	return events[:min(len(events), q.Limit):len(events)], nil
}

// outboxOf returns the events in the outbox of a document.
func (s *Store) outboxOf(ctx context.Context, c collection, k address) ([]game.Event, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	found, err := outboxes(ctx, c.Collection, k.filter(), options.Find())
	if err != nil {
		return nil, readError(ctx, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0].of(c.subject), nil
}

// Feed implements [game.EventStore].
func (s *Store) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	place := docOf("$gt", q.After)
	if q.Before != 0 {
		place = append(place, bson.E{Key: "$lt", Value: q.Before})
	}
	filter, index, order := docOf("project", q.Project), eventsByPlace, 1
	if q.Player != "" {
		filter, index = append(filter, bson.E{Key: "players", Value: q.Player}), eventsByPlayer
	}
	if q.Audited {
		filter, index = append(filter, bson.E{Key: "audited", Value: true}), eventsAudited
	}
	if q.Newest {
		order = -1
	}
	filter = append(filter, bson.E{Key: "seq", Value: place})
	o := options.Find().SetSort(docOf("seq", order)).SetLimit(int64(q.Limit)).SetHint(index)
	return s.readEvents(ctx, filter, o)
}

// readEvents returns all events in the collection that match.
func (s *Store) readEvents(
	ctx context.Context, filter bson.D, o *options.FindOptionsBuilder,
) ([]game.Event, error) {
	events := []game.Event{}
	err := s.each(ctx, s.events.Collection, filter, o, func(cursor *mongo.Cursor) (bool, error) {
		var e game.Event
		if err := decode(cursor.Current, &e); err != nil {
			if errors.Is(err, game.ErrUnknownChange) {
				return false, err
			}
			e = unreadableEvent(cursor.Current)
		}
		events = append(events, e)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// unreadableEvent returns what stands for an event that cannot be decoded.
func unreadableEvent(raw bson.Raw) game.Event {
	id, _ := raw.Lookup("_id").StringValueOK()
	project, _ := raw.Lookup("project").StringValueOK()
	seq, _ := raw.Lookup("seq").AsInt64OK()
	at, _ := raw.Lookup("at").TimeOK()
	return game.UnreadableEvent(game.ProjectID(project), id, seq, at.UTC())
}

// Departures implements [game.EventStore].
func (s *Store) Departures(ctx context.Context, q game.DepartureQuery) ([]game.SessionID, error) {
	filter, o := departuresOf(q)
	found := []game.SessionID{}
	err := s.each(ctx, s.events.Collection, filter, o, func(cursor *mongo.Cursor) (bool, error) {
		subject, _ := cursor.Current.Lookup("subject").StringValueOK()
		id := game.SessionID(subject)
		if n := len(found); n == 0 || found[n-1] != id { // a player may leave a session several times
			found = append(found, id)
		}
		return len(found) < q.Limit, nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// departuresOf returns the filter and the options that find the events by which a player left sessions.
func departuresOf(q game.DepartureQuery) (bson.D, *options.FindOptionsBuilder) {
	filter := bson.D{{Key: "project", Value: q.Project}, {Key: "departed", Value: q.Player}}
	if q.After != "" {
		filter = append(filter, bson.E{Key: "subject", Value: docOf("$lt", q.After)})
	}
	o := options.Find().SetSort(docOf("subject", -1)).SetHint(eventsByDeparture).
		SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: "subject", Value: 1}}).
		SetBatchSize(int32(q.Limit) + 1) //nolint:gosec // at most MaxLimit
	return filter, o
}

// PutEvents implements [game.EventStore].
func (s *Store) PutEvents(ctx context.Context, events []game.Event) error {
	projects := map[game.ProjectID]struct{}{}
	for _, e := range events {
		projects[e.Project] = struct{}{}
	}
	defer s.forgetPlaces()
	return s.do(ctx, write{
		send: func(ctx context.Context) error {
			for p := range projects { // so that they are known to have a feed
				if err := s.reached(ctx, p, 0); err != nil {
					return err
				}
			}
			return s.putEvents(ctx, storedEvents(events))
		},
		refusal: func(err error) error {
			if errors.Is(err, errPlaceTaken) {
				return game.ErrExists
			}
			return nil
		},
		made: func(context.Context) (bool, error) { return false, nil }, // what is stored already is no refusal
	})
}

// ExportEvents implements [game.ExportStore].
func (s *Store) ExportEvents(ctx context.Context, after string, limit int) ([]game.Event, error) {
	filter, o := pageAfter(after, limit)
	return read[game.Event](ctx, s, s.events.Collection, append(filter, bson.E{Key: "unplaced", Value: nil}), o)
}
