package mongostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// The outbox of a document is an array of its last events, in the order of their versions. An update appends its
// events, and drops those that have been moved to the collection of events once there are some: what has not been moved
// is never dropped. A process that dies between an update and the move leaves the events where they are, to be moved by
// another.

const (
	// outboxLong is how many events an outbox may have before an update looks which of them have been moved. A read of
	// the document reads them too.
	outboxLong = 8
	// outboxRoom is how many events an outbox may have. Where it is full because nobody moves events, whoever writes
	// moves them. It is above the events of a batch.
	outboxRoom = 512
	// maxLong bounds how many long outboxes are remembered.
	maxLong = 1 << 14
)

// outbox is what this process knows of the outboxes of documents.
type outbox struct {
	mu   sync.Mutex
	long map[game.Subject]span
	// untold are documents with events that this process has stored and other processes may not know of, each with the
	// number of the last time that it was added.
	untold  map[game.Subject]uint64
	added   uint64        // how many times any was added, so 0 is the number of none
	quiet   int           // ticks for which tell tells nobody, because this process moves events
	id      bson.ObjectID // of this process
	written bool          // whether it has stored events
	missed  bool          // whether there were more untold documents than are remembered
	stop    chan struct{}
	telling sync.WaitGroup // tell
	saying  sync.WaitGroup // present
}

// span is the versions of the events in an outbox, of a document at the last of them.
type span struct{ first, last int64 }

// untold is a document of which others are to be told.
type untold struct {
	subject game.Subject
	added   uint64 // as it was when this was read
}

func newOutbox() *outbox {
	return &outbox{
		id: bson.NewObjectID(), long: map[game.Subject]span{}, untold: map[game.Subject]uint64{},
		stop: make(chan struct{}),
	}
}

// subjects are the collections of the documents that have events.
func (s *Store) subjects() map[game.SubjectKind]collection {
	return map[game.SubjectKind]collection{
		game.SubjectPlayer: s.players, game.SubjectSession: s.sessions, game.SubjectKey: s.keys,
		game.SubjectWebhook: s.webhooks,
	}
}

// withEvents returns a new document with its events in its outbox.
func withEvents(doc any, events []game.Event) (bson.Raw, error) {
	b, err := bson.Marshal(doc)
	if err != nil || len(events) == 0 {
		return b, err
	}
	_, entries, err := bson.MarshalValue(storedEntries(events))
	if err != nil {
		return nil, err
	}
	b = bsoncore.AppendArrayElement(b[:len(b)-1], "events", entries)
	b = append(b, 0)
	return bson.Raw(bsoncore.UpdateLength(b, 0, int32(len(b)))), nil //nolint:gosec // the server's limit is 16 MB
}

// noteLong remembers a document with a long outbox, which the next update is to shorten.
func (o *outbox) noteLong(kind game.SubjectKind, raw bson.Raw) {
	if _, err := raw.LookupErr("events", strconv.Itoa(outboxLong-1)); err != nil {
		return
	}
	id, _ := raw.Lookup("_id").StringValueOK()
	version, _ := raw.Lookup("version").AsInt64OK()
	first, ok := raw.Lookup("events", "0", "version").AsInt64OK()
	if ok {
		o.remember(game.Subject{Kind: kind, ID: id}, span{first, version})
	}
}

func (o *outbox) remember(s game.Subject, versions span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if versions.last-versions.first < outboxLong-1 {
		delete(o.long, s)
		return
	}
	if len(o.long) >= maxLong {
		clear(o.long)
	}
	o.long[s] = versions
}

func (o *outbox) known(s game.Subject, version int64) (span, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l, ok := o.long[s]
	return l, ok && l.last == version
}

// appending is how an update appends events to the outbox.
type appending struct {
	push      bson.D
	condition bson.D // beside that of the version
	left      span   // what the outbox has then
}

// appendTo returns how events are appended to the outbox of a document that is at the version.
func (s *Store) appendTo(
	ctx context.Context, c collection, k address, version int64, events []game.Event,
) (appending, error) {
	subject := events[0].Subject
	push := docOf("$each", storedEntries(events))
	last := events[len(events)-1].Version
	l, long := s.outbox.known(subject, version)
	if !long {
		// Short, or forgotten: it must have room.
		full := fmt.Sprintf("events.%d", outboxRoom-len(events))
		return appending{push: push, condition: docOf(full, docOf("$exists", false))}, nil
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return appending{}, err
	}
	defer leave()
	moved, err := s.lastMoved(ctx, subject, l)
	if err != nil {
		return appending{}, err
	}
	if version-moved+int64(len(events)) > outboxRoom {
		if err := s.flush(ctx, c, k, version); err != nil {
			return appending{}, err
		}
		moved = version
	}
	// The outbox ends with the event of the document's version. One that lacks events keeps more than it needs to.
	keep := version - moved + int64(len(events))
	return appending{push: append(push, bson.E{Key: "$slice", Value: -keep}), left: span{moved + 1, last}}, nil
}

// lastMoved returns the last version in the span whose event has been moved, and the one before the span if none has.
// Events of a subject are moved in the order of their versions.
func (s *Store) lastMoved(ctx context.Context, subject game.Subject, l span) (int64, error) {
	filter := docOf("_id", bson.D{
		{Key: "$gte", Value: game.EventID(subject, l.first)}, {Key: "$lte", Value: game.EventID(subject, l.last)},
	})
	o := options.FindOne().SetSort(docOf("_id", -1)).SetHint(idIndex).
		SetProjection(keys("version"))
	var last struct {
		Version int64 `bson:"version"`
	}
	err := s.events.FindOne(ctx, filter, o).Decode(&last)
	switch {
	case err == mongo.ErrNoDocuments: //nolint:errorlint // as the driver documents it
		return l.first - 1, nil
	case err != nil:
		return 0, err
	}
	return last.Version, nil
}

// lookAgain reads how long the outbox of a document at a version is, which had no room where it was thought to be
// short.
func (s *Store) lookAgain(ctx context.Context, c collection, k address, version int64) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	o := options.FindOne().SetProjection(keys("version", "events.version"))
	raw, err := c.newest.FindOne(ctx, k.at(version), o).Raw()
	if err == nil {
		s.outbox.noteLong(c.subject, raw)
	}
	return err
}

// empty moves the events in the outbox of a document that is to be removed at the version.
func (s *Store) empty(ctx context.Context, c collection, k address, version int64) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.flush(ctx, c, k, version)
}

// flush moves the events in the outbox of a document, without places in the feed, those of all versions up to the given
// one. It moves none that may yet be undone, and fails where it cannot see all of them.
func (s *Store) flush(ctx context.Context, c collection, k address, version int64) error {
	found, err := outboxes(ctx, c.Collection, k.filter(), options.Find())
	if err != nil {
		return err
	}
	if len(found) == 0 || found[0].Version < version {
		newest, there, err := c.lastWrites(ctx, c.newest, k)
		if err != nil || !there || newest.Version < version { // then the write's condition is not fulfilled
			return err
		}
		return errInvisible
	}
	return s.moveAll(ctx, c, found[:1])
}

// moveAll moves the events of documents without places in the feed, as far as they have not been moved.
//
// An event that is in an outbox and not in the collection may have been moved and purged. It was dropped from the
// outbox before that: what is still there afterwards was not moved.
func (s *Store) moveAll(ctx context.Context, c collection, found []waiting) error {
	moved, err := idsAmong(ctx, s.events.Collection, eventsOf(c.subject, found))
	if err != nil {
		return err
	}
	isMoved := func(e movedEvent) bool {
		_, is := moved[e.ID]
		return is
	}
	var of []string
	for _, e := range slices.DeleteFunc(eventsOf(c.subject, found), isMoved) {
		of = append(of, e.Subject)
	}
	if len(of) == 0 {
		return nil
	}
	if found, err = outboxes(ctx, c.Collection, byIDs(slices.Compact(of)), options.Find()); err != nil {
		return err
	}
	return s.putEvents(ctx, slices.DeleteFunc(eventsOf(c.subject, found), isMoved))
}

// eventsOf returns the events in the outboxes of documents of a kind, as they are moved.
func eventsOf(kind game.SubjectKind, found []waiting) (events []movedEvent) {
	for _, d := range found {
		events = append(events, storedEvents(d.of(kind))...)
	}
	return events
}

// errPlaceTaken says that another event has the place of one that is to be stored.
var errPlaceTaken = errors.New("another event has its place in the feed")

// putEvents stores events in the order in which they are given, except those that are stored already.
func (s *Store) putEvents(ctx context.Context, documents []movedEvent) error {
	for len(documents) > 0 {
		_, err := s.events.InsertMany(ctx, documents)
		at, taken := firstTaken(err)
		if !taken {
			return err
		}
		documents = documents[at:]
		stored, err := idsAmong(ctx, s.events.newest, documents)
		if err != nil {
			return err
		}
		if _, is := stored[documents[0].ID]; !is {
			return errPlaceTaken
		}
		documents = slices.DeleteFunc(documents, func(d movedEvent) bool {
			_, is := stored[d.ID]
			return is
		})
	}
	return nil
}

// idsAmong returns which of the events are stored, with a place or without.
func idsAmong(ctx context.Context, from *mongo.Collection, documents []movedEvent) (map[string]struct{}, error) {
	stored := map[string]struct{}{}
	for some := range slices.Chunk(documents, movePage) {
		ids := make(bson.A, len(some))
		for i, d := range some {
			ids[i] = d.ID
		}
		found, err := idsIn(ctx, from, docOf("_id", docOf("$in", ids)))
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			stored[id] = struct{}{}
		}
	}
	return stored, nil
}

// idsIn returns the ids of the events that a filter by ids finds.
func idsIn(ctx context.Context, from *mongo.Collection, filter bson.D) ([]string, error) {
	cursor, err := from.Find(ctx, filter, options.Find().SetHint(idIndex).SetProjection(keys("_id")))
	if err != nil {
		return nil, err
	}
	var found []movedEvent
	if err := cursor.All(ctx, &found); err != nil {
		return nil, err
	}
	ids := make([]string, len(found))
	for i, d := range found {
		ids[i] = d.ID
	}
	return ids, nil
}

// waiting is a document with the events in its outbox, in the order of their versions.
type waiting struct {
	ID        string         `bson:"_id"`
	Project   game.ProjectID `bson:"project"`
	Version   int64          `bson:"version"`
	UpdatedAt time.Time      `bson:"updated_at"` // zero for API keys
	Events    []entry        `bson:"events"`
}

// of returns the events of a document of a kind.
func (d waiting) of(kind game.SubjectKind) []game.Event {
	events := make([]game.Event, len(d.Events))
	for i, e := range d.Events {
		events[i] = e.of(d.Project, game.Subject{Kind: kind, ID: d.ID})
	}
	return events
}

// outboxes reads the outboxes of documents. Where one cannot be read, it returns a [game.ErrUnreadable] besides all
// documents, that one without events. An event with a change of a newer version is an error instead, because nobody may
// go on without it.
func outboxes(
	ctx context.Context, from *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder,
) ([]waiting, error) {
	cursor, err := from.Find(ctx, filter, o.SetProjection(keys("project", "version", "updated_at", "events")))
	if err != nil {
		return nil, err
	}
	defer closeCursor(ctx, cursor)
	var found []waiting
	var unreadable error
	for cursor.Next(ctx) {
		var d waiting
		if err := cursor.Decode(&d); err != nil {
			d = waiting{}
			d.ID, _ = cursor.Current.Lookup("_id").StringValueOK()
			d.UpdatedAt, _ = cursor.Current.Lookup("updated_at").TimeOK()
			err = fmt.Errorf("%w: the events of %s %s: %w", game.ErrUnreadable, from.Name(), d.ID, err)
			if errors.Is(err, game.ErrUnknownChange) {
				return nil, err
			}
			unreadable = err
		}
		found = append(found, d)
	}
	return found, cmp.Or(cursor.Err(), unreadable)
}
