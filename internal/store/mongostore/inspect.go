package mongostore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

const (
	inspectPage = 500 // documents
	// repairTries is how often the repair of a document is attempted while others change it.
	repairTries = 5
)

// inspected is how the documents of a collection are inspected.
type inspected struct {
	document reflect.Type
	fields   []string // the derived ones
	// reencode decodes a document and encodes it again, which computes its derived fields.
	reencode   func(bson.Raw) (bson.Raw, error)
	collection collection // set by Inspect
}

// Inspect implements [game.Inspector]. It is safe during writes, because derived fields change atomically with the
// document that they are in.
func (s *Store) Inspect(ctx context.Context, repair bool, report func(game.Finding)) error {
	i := inspection{s, repair, report}
	all := designs()
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		if err := i.indexes(ctx, name); err != nil {
			return readError(ctx, err)
		}
	}
	for _, name := range names {
		if all[name].inspected == nil {
			continue
		}
		d := *all[name].inspected
		d.collection = s.collections[name]
		if err := i.documents(ctx, d); err != nil {
			return readError(ctx, err)
		}
	}
	return nil
}

// inspects describes the inspection of documents of type D, which stored encodes.
func inspects[D, S any](stored func(D) S, fields ...string) *inspected {
	return &inspected{
		document: reflect.TypeFor[D](), fields: fields,
		reencode: func(raw bson.Raw) (bson.Raw, error) {
			var d D
			if err := decode(raw, &d); err != nil {
				return nil, err
			}
			return bson.Marshal(stored(d))
		},
	}
}

// inspection is one call of Inspect.
type inspection struct {
	store  *Store
	repair bool
	report func(game.Finding)
}

// indexes reports indexes that are missing or have another definition.
func (i *inspection) indexes(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	ctx, leave, err := i.store.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	c := i.store.database.Collection(name)
	cursor, err := c.Indexes().List(ctx)
	if err != nil {
		return err
	}
	var found []bson.Raw
	if err := cursor.All(ctx, &found); err != nil {
		return err
	}
	for _, m := range designs()[name].indexes {
		wanted, err := specification(m)
		if err != nil {
			return err
		}
		index, _ := wanted.Lookup("name").StringValueOK()
		at := slices.IndexFunc(found, func(f bson.Raw) bool { return f.Lookup("name").Equal(wanted.Lookup("name")) })
		switch {
		case at < 0:
			if err := i.missingIndex(ctx, c, m, index); err != nil {
				return err
			}
		case !sameIndex(found[at], wanted):
			i.report(game.Finding{
				Collection: name,
				Problem:    "have an index " + index + " with another definition: drop it, and run gsm db init",
			})
		}
	}
	return i.validator(ctx, name)
}

// missingIndex reports a missing index and, to repair it, creates it.
func (i *inspection) missingIndex(ctx context.Context, c *mongo.Collection, m mongo.IndexModel, index string) error {
	f := game.Finding{Collection: c.Name(), Problem: "lack the index " + index}
	if i.repair {
		_, err := c.Indexes().CreateOne(ctx, m)
		if err != nil && !mongo.IsDuplicateKeyError(err) {
			return err
		}
		if f.Repaired = err == nil; !f.Repaired {
			f.Problem += ", which cannot be created while documents have the same value"
		}
	}
	i.report(f)
	return nil
}

// validator reports a validator that is missing, differs or should not be there. A user who has only the role readWrite
// cannot set it.
func (i *inspection) validator(ctx context.Context, name string) error {
	wanted := designs()[name].validator
	present, err := i.store.validated(ctx, name, wanted)
	if present || err != nil {
		return err
	}
	f := game.Finding{Collection: name, Problem: "lack their validator, which a user with the role dbAdmin can set"}
	if len(wanted) == 0 {
		f.Problem = "have a validator, which slows heartbeats down, and which a user with the role dbAdmin can remove"
	}
	if i.repair {
		if err := i.store.validate(ctx, name, wanted); err != nil {
			return err
		}
		if f.Repaired, err = i.store.validated(ctx, name, wanted); err != nil {
			return err
		}
	}
	i.report(f)
	return nil
}

// specification returns an index in the form in which the server lists indexes.
func specification(m mongo.IndexModel) (bson.Raw, error) {
	var set options.IndexOptions
	for _, apply := range m.Options.List() {
		if err := apply(&set); err != nil {
			return nil, err
		}
	}
	d := bson.D{{Key: "name", Value: *set.Name}, {Key: "key", Value: m.Keys}}
	if set.Unique != nil {
		d = append(d, bson.E{Key: "unique", Value: *set.Unique})
	}
	if set.PartialFilterExpression != nil {
		d = append(d, bson.E{Key: "partialFilterExpression", Value: set.PartialFilterExpression})
	}
	if set.ExpireAfterSeconds != nil {
		d = append(d, bson.E{Key: "expireAfterSeconds", Value: *set.ExpireAfterSeconds})
	}
	return bson.Marshal(d)
}

// sameIndex reports whether two specifications have the same effect. Servers list numbers with various types.
func sameIndex(a, b bson.Raw) bool {
	for _, field := range []string{"unique", "partialFilterExpression"} {
		if !a.Lookup(field).Equal(b.Lookup(field)) {
			return false
		}
	}
	expiry := func(d bson.Raw) (int64, bool) { return d.Lookup("expireAfterSeconds").AsInt64OK() }
	expiryA, expiresA := expiry(a)
	expiryB, expiresB := expiry(b)
	return expiryA == expiryB && expiresA == expiresB && slices.Equal(keysOf(a), keysOf(b))
}

func keysOf(index bson.Raw) []string {
	keys, _ := index.Lookup("key").DocumentOK()
	all, err := keys.Elements()
	if err != nil {
		return nil
	}
	names := make([]string, len(all))
	for i, e := range all {
		n, _ := e.Value().AsInt64OK()
		names[i] = fmt.Sprint(e.Key(), " ", n)
	}
	return names
}

// documents reports documents that cannot be decoded, or whose derived fields are wrong.
func (i *inspection) documents(ctx context.Context, d inspected) error {
	if err := i.nonStringIDs(ctx, d); err != nil {
		return err
	}
	after := ""
	for {
		filter, o := pageAfter(after, inspectPage)
		page, err := i.read(ctx, d.collection, filter, o)
		if err != nil {
			return err
		}
		for _, raw := range page {
			after, _ = raw.Lookup("_id").StringValueOK()
			if err := i.document(ctx, d, after, raw); err != nil {
				return err
			}
		}
		if len(page) < inspectPage {
			return nil
		}
	}
}

// nonStringIDs reports documents whose ids are not strings. Lists and exports do not include them.
func (i *inspection) nonStringIDs(ctx context.Context, d inspected) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	notString := bson.D{{Key: "$not", Value: bson.D{{Key: "$type", Value: "string"}}}}
	filter := bson.D{{Key: "_id", Value: notString}}
	found, err := i.read(ctx, d.collection, filter, options.Find().SetLimit(inspectPage))
	for range found {
		i.report(game.Finding{
			Collection: d.collection.Name(),
			Problem:    "have a document whose id is not a string, which gsm did not write: remove it",
		})
	}
	return err
}

// read returns all documents that match.
func (i *inspection) read(
	ctx context.Context, c collection, filter bson.D, o *options.FindOptionsBuilder,
) (found []bson.Raw, err error) {
	ctx, leave, err := i.store.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	cursor, err := c.Find(ctx, filter, o)
	if err != nil {
		return nil, err
	}
	err = cursor.All(ctx, &found)
	return found, err
}

// document inspects one document, given as it was read.
func (i *inspection) document(ctx context.Context, d inspected, id string, raw bson.Raw) error {
	ctx, leave, err := i.store.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	f := game.Finding{Collection: d.collection.Name(), ID: id}
	for range repairTries {
		wrong, update, err := d.compare(raw)
		if err != nil {
			f.Problem = "cannot be read"
			i.report(f)
			return nil
		}
		if slices.Contains(wrong, "_id") {
			f.Problem = "is stored under an id that is not its own"
			i.report(f)
			return nil
		}
		if len(wrong) == 0 {
			return nil // it was correct, or another write has corrected it
		}
		f.Problem = "has fields for indexes that do not agree with it: " + strings.Join(wrong, ", ")
		if !i.repair {
			break
		}
		condition, err := unchangedSince(raw)
		if err != nil {
			return err
		}
		r, err := d.collection.UpdateOne(ctx, condition, update)
		switch {
		case mongo.IsDuplicateKeyError(err):
			f.Problem += ", and another document has their values"
		case err != nil:
			return err
		case r.MatchedCount > 0:
			f.Repaired = true
		default:
			raw, err = d.collection.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
			if errors.Is(err, mongo.ErrNoDocuments) {
				return nil
			}
			if err != nil {
				return err
			}
			continue
		}
		break
	}
	i.report(f)
	return nil
}

// unchangedSince returns the condition that a document is as it was read. Leases have no version.
func unchangedSince(raw bson.Raw) (condition bson.D, err error) {
	elements, err := raw.Elements()
	for _, e := range elements {
		condition = append(condition, bson.E{Key: e.Key(), Value: e.Value()})
	}
	if version, err := raw.LookupErr("version"); err == nil {
		condition = bson.D{{Key: "_id", Value: raw.Lookup("_id")}, {Key: "version", Value: version}}
	}
	return condition, err
}

// compare returns the names of the fields that differ from those computed from the document, and the update that
// corrects them.
func (d inspected) compare(raw bson.Raw) (wrong []string, update bson.D, err error) {
	reencoded, err := d.reencode(raw)
	if err != nil {
		return nil, nil, err
	}
	var set, unset bson.D
	for _, field := range append([]string{"_id"}, d.fields...) {
		current, wanted := raw.Lookup(field), reencoded.Lookup(field)
		switch {
		case current.Equal(wanted):
			continue
		case wanted.IsZero():
			unset = append(unset, bson.E{Key: field, Value: ""})
		default:
			set = append(set, bson.E{Key: field, Value: wanted})
		}
		wrong = append(wrong, field)
	}
	return wrong, updateOf(set, unset), nil
}
