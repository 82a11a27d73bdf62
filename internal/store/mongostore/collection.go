package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// collection is the collection of one kind of document, with the read settings that callers need.
type collection struct {
	*mongo.Collection                   // read concern majority, from the primary
	lists             *mongo.Collection // read concern majority, with the read preference of the URL
	newest            *mongo.Collection // read concern local, from the primary: may be rolled back
	subject           game.SubjectKind  // of the documents' events; "" if they have none
}

// address identifies a document: its id and the project that it must be in.
type address struct {
	id      string
	project game.ProjectID
}

func (a address) filter() bson.D {
	return bson.D{{Key: "_id", Value: a.id}, {Key: "project", Value: a.project}}
}

func (a address) at(version int64) bson.D {
	return append(a.filter(), bson.E{Key: "version", Value: version})
}

// docOf returns a document with one field.
func docOf(key string, value any) bson.D { return bson.D{{Key: key, Value: value}} }

// errNoMatch reports that no document matches the filter of a write.
var errNoMatch = errors.New("no document matches the condition")

// matched returns the error of an update, which is errNoMatch if no document matched.
func matched(r *mongo.UpdateResult, err error) error {
	if err == nil && r.MatchedCount == 0 {
		return errNoMatch
	}
	return err
}

// refusedByCondition is the refusal function of a conditional write that no index can reject.
func refusedByCondition(err error) error {
	if errors.Is(err, errNoMatch) {
		return errNoMatch
	}
	return nil
}

// get reads one document, and reports whether it exists.
func get[D any](
	ctx context.Context, s *Store, c collection, filter bson.D, o ...options.Lister[options.FindOneOptions],
) (d D, found bool, err error) {
	return getIf[D](ctx, s, c, filter, func(bson.Raw) bool { return true }, o...)
}

// getAt is get for the document at an address, if it meets the conditions. Its project is compared here: a server takes
// 2 to 4 % longer for each condition, and has a shorter way to a document if its id is the only one.
func getAt[D any](ctx context.Context, s *Store, c collection, a address, conditions ...bson.E) (D, bool, error) {
	return getIf[D](ctx, s, c, append(docOf("_id", a.id), conditions...), a.owns)
}

// owns reports whether a document is in the address' project.
func (a address) owns(raw bson.Raw) bool {
	project, ok := raw.Lookup("project").StringValueOK()
	return ok && project == string(a.project)
}

// getIf is get for a document that a function, too, must accept.
func getIf[D any](
	ctx context.Context, s *Store, c collection, filter bson.D, accept func(bson.Raw) bool,
	o ...options.Lister[options.FindOneOptions],
) (d D, found bool, err error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return d, false, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	raw, err := c.FindOne(ctx, filter, o...).Raw()
	if err == nil && !accept(raw) {
		return d, false, nil
	}
	if err == nil {
		err = decode(raw, &d)
	}
	if err == nil && c.subject != "" {
		s.outbox.noteLong(c.subject, raw)
	}
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return d, false, nil
	case err != nil:
		return d, false, readError(ctx, err)
	}
	return d, true, nil
}

// one is get for a document that must exist: without it, the error is notFound.
func one[D any](
	ctx context.Context, s *Store, c collection, filter bson.D, notFound error,
	o ...options.Lister[options.FindOneOptions],
) (D, error) {
	d, found, err := get[D](ctx, s, c, filter, o...)
	return d, unlessFound(found, err, notFound)
}

// oneAt is getAt for a document that must exist: without it, the error is notFound.
func oneAt[D any](ctx context.Context, s *Store, c collection, a address, notFound error) (D, error) {
	d, found, err := getAt[D](ctx, s, c, a)
	return d, unlessFound(found, err, notFound)
}

func unlessFound(found bool, err, notFound error) error {
	if err == nil && !found {
		return notFound
	}
	return err
}

// insert stores a new document. taken maps the name of a unique index to the error to return if the index rejects the
// document.
func insert[D any](
	ctx context.Context, s *Store, c collection, a address, d document[D], events []game.Event, taken map[string]error,
) error {
	id := bson.NewObjectID()
	doc, err := withEvents(d.first(id), events)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, fmt.Errorf("%w: %w", errEncoding, err))
	}
	err = s.do(ctx, write{
		send: func(ctx context.Context) error {
			_, err := c.InsertOne(ctx, doc)
			return err
		},
		refusal: func(err error) error {
			index, _ := takenIndex(err)
			return taken[index]
		},
		made: func(ctx context.Context) (bool, error) { return c.made(ctx, a, id, 0) },
	})
	if mayBeStored(err) {
		s.outbox.stored(events)
	}
	return err
}

// mayBeStored reports whether a write with this error was made or may have been.
func mayBeStored(err error) bool {
	e := (*game.Error)(nil)
	return err == nil || errors.As(err, &e) && e.Extras["outcome"] == game.OutcomeUnknown
}

// insertIfAbsent stores a document unless one with the same id exists.
func (s *Store) insertIfAbsent(ctx context.Context, c collection, doc any) error {
	err := s.insertPlain(ctx, c, doc, func(context.Context) (bool, error) { return true, nil })
	if errors.Is(err, game.ErrExists) {
		return nil
	}
	return err
}

// insertPlain stores a document without write ids. It returns [game.ErrExists] if one with the same id exists.
func (s *Store) insertPlain(
	ctx context.Context, c collection, doc any, made func(context.Context) (bool, error),
) error {
	return s.do(ctx, write{
		send: func(ctx context.Context) error {
			_, err := c.InsertOne(ctx, doc)
			return err
		},
		refusal: func(err error) error {
			if _, taken := takenIndex(err); taken {
				return game.ErrExists
			}
			return nil
		},
		made: made,
	})
}

// replacement describes an update of a document.
type replacement struct {
	version   int64  // that the stored document must have
	also      bson.D // what else it must have
	old, next bson.Marshaler
	events    []game.Event
	notFound  error            // returned if the document does not exist
	taken     map[string]error // returned if the unique index of that name rejects the update
}

// replace updates the fields in which next differs from old, if the stored document is as expected. Otherwise it
// returns [game.ErrStale].
func (s *Store) replace(ctx context.Context, c collection, a address, x replacement) error {
	id := bson.NewObjectID()
	set, err := difference(x.old, x.next)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, fmt.Errorf("%w: %w", errEncoding, err))
	}
	if err = s.replaceOnce(ctx, c, a, x, id, set); !errors.Is(err, errVersionMatches) {
		return err
	}
	// The outbox is longer than this process assumed. Read its length and try once more.
	if err := s.lookAgain(ctx, c, a, x.version); err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
	}
	if err = s.replaceOnce(ctx, c, a, x, id, set); errors.Is(err, errVersionMatches) {
		return game.ErrStale
	}
	return err
}

// replaceOnce makes the replacement. It returns errVersionMatches if the version is as expected and the outbox has no
// room for the events.
func (s *Store) replaceOnce(ctx context.Context, c collection, a address, x replacement, id writeID, set bson.D) error {
	push := docOf("writes", bson.D{{Key: "$each", Value: bson.A{id}}, {Key: "$slice", Value: -historySize}})
	condition := append(a.at(x.version), x.also...)
	var left span
	if len(x.events) > 0 {
		add, err := s.appendTo(ctx, c, a, x.version, x.events)
		if err != nil {
			return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
		}
		push = append(push, bson.E{Key: "events", Value: add.push})
		condition, left = append(condition, add.condition...), add.left
	}
	update := append(docOf("$push", push), set...)
	err := s.conditional(ctx, c, a, x.version, x.notFound, write{
		send: func(ctx context.Context) error {
			return matched(c.UpdateOne(ctx, condition, update))
		},
		refusal: func(err error) error {
			if refused := refusedByCondition(err); refused != nil {
				return refused
			}
			index, _ := takenIndex(err)
			return x.taken[index]
		},
		made: func(ctx context.Context) (bool, error) { return c.made(ctx, a, id, x.version) },
	})
	if len(x.events) > 0 && err == nil {
		s.outbox.remember(x.events[0].Subject, left)
	}
	if mayBeStored(err) {
		s.outbox.stored(x.events)
	}
	return err
}

// remove moves the events of a document to their collection and then deletes it, if it has the version. A document
// that does not exist is not an error.
func (s *Store) remove(ctx context.Context, c collection, a address, version int64) error {
	if err := s.empty(ctx, c, a, version); err != nil {
		return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
	}
	err := s.conditional(ctx, c, a, version, nil, write{
		send: func(ctx context.Context) error {
			r, err := c.DeleteOne(ctx, a.at(version))
			if err == nil && r.DeletedCount == 0 {
				return errNoMatch
			}
			return err
		},
		refusal: refusedByCondition,
		made: func(ctx context.Context) (bool, error) {
			_, found, err := c.lastWrites(ctx, c.newest, a)
			return !found, err // it does not matter who deleted it
		},
	})
	if errors.Is(err, errVersionMatches) {
		return game.ErrStale // it reached this version after the delete
	}
	return err
}

// errVersionMatches reports that a document has the version that a write requires and fails another part of its
// condition.
var errVersionMatches = errors.New("the document does not match the rest of the condition")

// conditional makes a write and finds out why its condition did not match. It returns notFound if the document does
// not exist, errVersionMatches if it has the version, and otherwise [game.ErrStale].
func (s *Store) conditional(
	ctx context.Context, c collection, a address, version int64, notFound error, w write,
) error {
	err := s.do(ctx, w)
	if !errors.Is(err, errNoMatch) {
		return err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, err)
	}
	defer leave()
	t, found, err := c.lastWrites(ctx, c.newest, a)
	switch {
	case err != nil:
		return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
	case !found:
		return notFound
	case t.Version == version:
		return errVersionMatches
	}
	return game.ErrStale
}

// made reports whether the write with the id was made to a document that had the version before; 0 stands for a new
// document. It returns errInvisible if the write may still be rolled back, and errTooManyWrites if the document no
// longer remembers it.
//
// A document that has been deleted since looks as if it never existed. Players that were erased, API keys that are no
// longer valid and sessions that have ended are kept for longer than any request lasts, unless an administrator deletes
// a session at once.
func (c collection) made(ctx context.Context, a address, id writeID, version int64) (bool, error) {
	t, _, err := c.lastWrites(ctx, c.Collection, a)
	if err != nil {
		return false, err
	}
	if slices.Contains(t.Writes, id) {
		return true, nil
	}
	t, _, err = c.lastWrites(ctx, c.newest, a)
	switch {
	case err != nil:
		return false, err
	case slices.Contains(t.Writes, id):
		return false, errInvisible
	case t.Version-version >= historySize && len(t.Writes) >= historySize:
		// A write may make many versions, or none: fewer writes than historySize may have been made since.
		return false, errTooManyWrites
	}
	return false, nil
}

// has reports whether a document matches, which may be rolled back; false if that cannot be read.
func (c collection) has(ctx context.Context, filter bson.D) bool {
	return c.newest.FindOne(ctx, filter, options.FindOne().SetProjection(keys("_id"))).Err() == nil
}

// lastWrites reads the version and the ids of the last writes of a document.
func (c collection) lastWrites(
	ctx context.Context, from *mongo.Collection, a address,
) (t lastWrites, found bool, err error) {
	err = from.FindOne(
		ctx, a.filter(), options.FindOne().SetProjection(keys("version", "writes")),
	).Decode(&t)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return t, false, nil
	}
	return t, err == nil, err
}

// difference returns the update that turns old into next. It contains changed fields only, so that the server does
// not have to maintain the indexes of the others.
func difference(old, next bson.Marshaler) (bson.D, error) {
	before, err := elements(old)
	if err != nil {
		return nil, err
	}
	after, err := elements(next)
	if err != nil {
		return nil, err
	}
	var set, unset bson.D
	for _, e := range after {
		i := slices.IndexFunc(before, func(o element) bool { return o.key == e.key })
		if i < 0 || !before[i].value.Equal(e.value) {
			set = append(set, bson.E{Key: e.key, Value: e.value})
		}
	}
	for _, e := range before {
		if !slices.ContainsFunc(after, func(n element) bool { return n.key == e.key }) {
			unset = append(unset, bson.E{Key: e.key, Value: ""})
		}
	}
	return updateOf(set, unset), nil
}

// updateOf returns the update that sets and unsets fields. The server rejects operators without fields.
func updateOf(set, unset bson.D) (update bson.D) {
	if len(set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return update
}

// element is a field of a document. bson.RawElement allocates its key on every call.
type element struct {
	key   string
	value bson.RawValue
}

func elements(doc bson.Marshaler) ([]element, error) {
	b, err := doc.MarshalBSON()
	if err != nil {
		return nil, err
	}
	raw, err := bson.Raw(b).Elements()
	if err != nil {
		return nil, err
	}
	return mapped(raw, func(e bson.RawElement) element { return element{e.Key(), e.Value()} }), nil
}
