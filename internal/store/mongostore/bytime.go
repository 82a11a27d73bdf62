package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// timePage describes a page of documents in the order of a time and, where it is equal, of their ids.
type timePage struct {
	field  string // the time
	until  bson.E // the condition for its end
	only   bson.D // further conditions; may be nil
	index  string // of the field and the id
	fields bson.D // projection; nil for all fields
	after  time.Time
	id     string // of the position, with after; "" for the first page
	limit  int    // documents
}

// finds returns the conditions of the finds that read the page, in this order. Each reads one range of the index. With
// one condition for all that follows the position, the server would read again what has the same time and precedes it.
func (p timePage) finds() []bson.D {
	with := func(d ...bson.E) bson.D { return append(d, p.only...) }
	if p.id == "" {
		return []bson.D{with(bson.E{Key: p.field, Value: bson.D{p.until}})}
	}
	return []bson.D{
		with(bson.E{Key: p.field, Value: p.after}, bson.E{Key: "_id", Value: docOf("$gt", p.id)}),
		with(bson.E{Key: p.field, Value: bson.D{{Key: "$gt", Value: p.after}, p.until}}),
	}
}

// byTime calls take for each document of the page that take can decode: it leaves out others, which Inspect reports,
// and reads on in their place. It returns the page that follows, and whether there may be one.
func (s *Store) byTime(
	ctx context.Context, c collection, p timePage, take func(bson.Raw) error,
) (timePage, bool, error) {
	for taken := 0; ; {
		read, wanted := 0, p.limit-taken
		for _, filter := range p.finds() {
			if read == wanted {
				break
			}
			o := options.Find().SetHint(p.index).SetSort(keys(p.field, "_id")).SetLimit(int64(wanted - read))
			if p.fields != nil {
				o.SetProjection(p.fields)
			}
			err := s.each(ctx, c.Collection, filter, o, func(cursor *mongo.Cursor) (bool, error) {
				at, isTime := cursor.Current.Lookup(p.field).TimeOK()
				id, isText := cursor.Current.Lookup("_id").StringValueOK()
				if read++; isTime && isText {
					p.after, p.id = at, id
				}
				if take(cursor.Current) == nil {
					taken++
				}
				return true, nil
			})
			if err != nil {
				return p, false, err
			}
		}
		if taken == p.limit || read < wanted {
			return p, read == wanted, nil
		}
	}
}
