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

// collection is where one kind of document is kept.
type collection struct {
	*mongo.Collection                   // reads what a majority of the members has, from the primary
	lists             *mongo.Collection // reads from where the URL says
	newest            *mongo.Collection // reads what the primary has, which may yet be undone
	subject           game.SubjectKind  // of the events of its documents; empty where they have none
}

// key names one document of a project.
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

// errNoMatch says that no document fulfils the condition of a write.
var errNoMatch = errors.New("no document fulfils the condition")

// missed is the refusal of a write that has a condition.
func refusedByCondition(err error) error {
	if errors.Is(err, errNoMatch) {
		return errNoMatch
	}
	return nil
}

// get reads one document, and reports whether it is there.
func get[D any](
	ctx context.Context, s *Store, c collection, filter bson.D, o ...options.Lister[options.FindOneOptions],
) (d D, found bool, err error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return d, false, game.ErrStoreUnavailable.Because(err)
	}
	defer leave()
	raw, err := c.FindOne(ctx, filter, o...).Raw()
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

// insert stores a new document, whose id of its first write is given. taken names the refusals by the index that
// refuses.
func (s *Store) insert(
	ctx context.Context, c collection, a address, doc any, events []game.Event, id writeID, taken map[string]error,
) error {
	doc, err := withEvents(doc, events)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, fmt.Errorf("%w: %w", errEncoding, err))
	}
	defer s.outbox.stored(events) // whatever comes of it: it is looked for
	return s.do(ctx, write{
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
}

// put stores a document unless one with its id is stored.
func (s *Store) insertIfAbsent(ctx context.Context, c collection, doc any) error {
	err := s.do(ctx, write{
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
		made: func(context.Context) (bool, error) { return true, nil },
	})
	if errors.Is(err, game.ErrExists) {
		return nil
	}
	return err
}

// change is what a replacement changes.
type replacement struct {
	version   int64 // of the old document
	old, next bson.Marshaler
	events    []game.Event
	notFound  error            // the refusal where there is no such document
	taken     map[string]error // the refusals by the index that refuses
}

// replace changes what differs between two documents if the stored one is at the version of the old one.
func (s *Store) replace(ctx context.Context, c collection, a address, x replacement) error {
	id := bson.NewObjectID()
	set, err := difference(x.old, x.next)
	if err != nil {
		return game.Unanswered(game.OutcomeNone, fmt.Errorf("%w: %w", errEncoding, err))
	}
	if err = s.replaceOnce(ctx, c, a, x, id, set); !errors.Is(err, errVersionMatches) {
		return err
	}
	// The outbox is longer than this process knew.
	if err := s.lookAgain(ctx, c, a, x.version); err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
	}
	if err = s.replaceOnce(ctx, c, a, x, id, set); errors.Is(err, errVersionMatches) {
		return game.ErrStale
	}
	return err
}

// replaceOnce makes the replacement. It returns errVersionMatches where the document has the version and its outbox no room.
func (s *Store) replaceOnce(ctx context.Context, c collection, a address, x replacement, id writeID, set bson.D) error {
	push := bson.D{
		{Key: "writes", Value: bson.D{{Key: "$each", Value: bson.A{id}}, {Key: "$slice", Value: -historySize}}},
	}
	condition := a.at(x.version)
	var left span
	if len(x.events) > 0 {
		add, err := s.appendTo(ctx, c, a, x.version, x.events)
		if err != nil {
			return game.Unanswered(game.OutcomeNone, redacted(ctx, err))
		}
		push = append(push, bson.E{Key: "events", Value: add.push})
		condition, left = append(condition, add.condition...), add.left
	}
	update := append(bson.D{{Key: "$push", Value: push}}, set...)
	err := s.conditional(ctx, c, a, x.version, x.notFound, write{
		send: func(ctx context.Context) error {
			r, err := c.UpdateOne(ctx, condition, update)
			if err == nil && r.MatchedCount == 0 {
				return errNoMatch
			}
			return err
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
	if len(x.events) > 0 {
		if err == nil {
			s.outbox.remember(x.events[0].Subject, left)
		}
		s.outbox.stored(x.events) // whatever came of it: it is looked for
	}
	return err
}

// remove deletes a document if it is at the version, once its events have been moved.
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
			return !found, err // whether it went by the first try or by another's is the same
		},
	})
	if errors.Is(err, errVersionMatches) {
		return game.ErrStale // it came to this version meanwhile
	}
	return err
}

// errVersionMatches says that a document is at the version of a write's condition, and does not fulfil the rest of it.
var errVersionMatches = errors.New("the document does not fulfil the rest of the condition")

// conditional makes a write and tells why its condition was not fulfilled: the document is there at another version, or
// with the version, or it is not there.
func (s *Store) conditional(ctx context.Context, c collection, a address, version int64, notFound error, w write) error {
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

// made tells whether a write was made to a document that was at the version before, 0 for one that was not there. It
// answers an error while that cannot be told, and errTooManyWrites where it never can. One that was deleted since looks like
// one that never was: marks of erasures and API keys that are over last for longer than any request, so that this does
// not happen to them, and no other is deleted.
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
	case t.Version-version >= historySize && len(t.Writes) >= historySize: // one write may have made no version
		return false, errTooManyWrites
	}
	return false, nil
}

// lastWrites reads what a document tells of its last writes.
func (c collection) lastWrites(ctx context.Context, from *mongo.Collection, a address) (t lastWrites, found bool, err error) {
	err = from.FindOne(
		ctx, a.filter(), options.FindOne().SetProjection(bson.D{{Key: "version", Value: 1}, {Key: "writes", Value: 1}}),
	).Decode(&t)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return t, false, nil
	}
	return t, err == nil, err
}

// difference returns the part of an update that makes the next document of the old one. It names what differs only, so
// that the server need not look at the indexes of what stays.
func difference(old, next bson.Marshaler) (update bson.D, _ error) {
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
	if len(set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return update, nil
}

// element is a field of a document: the driver's own type makes its key anew each time that it is asked for.
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
	all := make([]element, len(raw))
	for i, e := range raw {
		all[i] = element{e.Key(), e.Value()}
	}
	return all, nil
}
