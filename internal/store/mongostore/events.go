package mongostore

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

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

// movedEvent is an event in the collection. It has either a place in the feed of its project or the mark that it has none.
type movedEvent struct {
	ID       string           `bson:"_id"`
	Project  game.ProjectID   `bson:"project"`
	Kind     game.SubjectKind `bson:"kind"`
	Subject  string           `bson:"subject"`
	Seq      int64            `bson:"seq,omitempty"`
	Unplaced bool             `bson:"unplaced,omitempty"`
	Players  []game.PlayerID  `bson:"players,omitempty"` // whom it names
	Entry    entry            `bson:",inline"`
}

func storedEntry(e game.Event) entry {
	return entry{
		Version: e.Version, At: e.At, Actor: actor(e.Actor), ActingAs: e.ActingAs, RequestID: e.RequestID, RunID: e.RunID,
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
		Players: e.Players(), Entry: storedEntry(e),
	}
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
	all := make(bson.A, len(l))
	for i, c := range l {
		var b bytes.Buffer
		e := bson.NewEncoder(bson.NewDocumentWriter(&b))
		e.UseJSONStructTags()
		if err := e.Encode(c); err != nil {
			return 0, nil, err
		}
		var fields bson.D
		if err := bson.Unmarshal(b.Bytes(), &fields); err != nil {
			return 0, nil, err
		}
		all[i] = slices.Insert(fields, 0, bson.E{Key: "type", Value: game.TypeOf(c)})
	}
	t, data, err := bson.MarshalValue(all)
	return byte(t), data, err
}

// UnmarshalBSONValue implements [bson.ValueUnmarshaler].
func (l *changes) UnmarshalBSONValue(_ byte, data []byte) error {
	values, err := bson.RawArray(data).Values()
	if err != nil {
		return err
	}
	*l = make(changes, 0, len(values))
	for _, v := range values {
		raw, ok := v.DocumentOK()
		if !ok {
			return errDecoding
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
	var events []game.Event
	if c, ok := s.subjects()[q.Subject.Kind]; ok {
		waiting, err := s.waiting(ctx, c, bson.D{{Key: "_id", Value: q.Subject.ID}, {Key: "project", Value: q.Project}})
		if err != nil {
			return nil, err
		}
		for _, e := range waiting {
			if e.Version < before {
				events = append(events, e)
			}
		}
	}
	filter := bson.D{{Key: "_id", Value: bson.D{
		{Key: "$gte", Value: game.EventID(q.Subject, 0)}, {Key: "$lt", Value: game.EventID(q.Subject, before)},
	}}}
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetLimit(int64(q.Limit)).SetHint(idIndex)
	moved, err := read[game.Event](ctx, s, s.events.Collection, filter, o)
	if err != nil {
		return nil, err
	}
	for _, e := range moved {
		if e.Project == q.Project {
			events = append(events, e)
		}
	}
	// What is in both places has its place in the feed in the second.
	slices.SortStableFunc(events, func(a, b game.Event) int { return strings.Compare(b.ID(), a.ID()) })
	events = slices.CompactFunc(events, func(a, b game.Event) bool { return a.Version == b.Version })
	return events[:min(len(events), q.Limit):len(events)], nil
}

// Feed implements [game.EventStore].
func (s *Store) Feed(ctx context.Context, q game.FeedQuery) ([]game.Event, error) {
	place := bson.D{{Key: "$gt", Value: q.After}}
	if q.Before != 0 {
		place = append(place, bson.E{Key: "$lt", Value: q.Before})
	}
	filter, index, order := bson.D{{Key: "project", Value: q.Project}}, eventsByPlace, 1
	if q.Player != "" {
		filter, index = append(filter, bson.E{Key: "players", Value: q.Player}), eventsByPlayer
	}
	if q.Newest {
		order = -1
	}
	filter = append(filter, bson.E{Key: "seq", Value: place})
	o := options.Find().SetSort(bson.D{{Key: "seq", Value: order}}).SetLimit(int64(q.Limit)).SetHint(index)
	return read[game.Event](ctx, s, s.events.Collection, filter, o)
}

// PurgeEvents implements [game.EventStore].
func (s *Store) PurgeEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	removed := 0
	old := bson.D{{Key: "at", Value: bson.D{{Key: "$lt", Value: before}}}, {Key: "unplaced", Value: nil}}
	err := s.do(ctx, write{
		send: func(ctx context.Context) error {
			ids, err := idsOf(ctx, s.events, old, eventsByTime, limit)
			if err != nil || len(ids) == 0 {
				return err
			}
			r, err := s.events.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}})
			if r != nil {
				removed += int(r.DeletedCount)
			}
			return err
		},
		refusal: func(error) error { return nil },
	})
	return removed, err
}

// PutEvents implements [game.EventStore].
func (s *Store) PutEvents(ctx context.Context, events []game.Event) error {
	last := map[game.ProjectID]int64{}
	documents := make([]movedEvent, len(events))
	for i, e := range events {
		documents[i] = storedEvent(e)
		last[e.Project] = max(last[e.Project], e.Seq)
	}
	return s.do(ctx, write{
		send: func(ctx context.Context) error {
			if err := s.putEvents(ctx, documents); err != nil {
				return err
			}
			for p, seq := range last {
				if err := s.reached(ctx, p, seq); err != nil {
					return err
				}
			}
			return nil
		},
		refusal: func(error) error { return nil },
	})
}

// ExportEvents implements [game.ExportStore].
func (s *Store) ExportEvents(ctx context.Context, after string, limit int) ([]game.Event, error) {
	filter, o := following(after, limit)
	return read[game.Event](ctx, s, s.events.Collection, append(filter, bson.E{Key: "unplaced", Value: nil}), o)
}
