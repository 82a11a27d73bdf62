package mongostore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// epochID is the id of the document with the epoch.
const epochID = "epoch"

// epoch is the epoch of the database. A restore by mongorestore makes the collections anew, with other UUIDs, so that
// an epoch that names another collection came with a dump.
type epoch struct {
	Value string `bson:"value"`
	// Collection is the UUID of the collection in which the epoch is, in hexadecimal; empty if the server has none.
	Collection string `bson:"collection"`
}

var errNoEpoch = errors.New("the database has no epoch: run gsm db restored")

// Epoch implements [game.Store].
func (s *Store) Epoch(ctx context.Context) (string, error) {
	e, found, err := get[epoch](ctx, s, s.collections[metaCollection], docOf("_id", epochID))
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", game.ErrStoreUnavailable.Because(errNoEpoch)
	}
	return e.Value, nil
}

// RenewEpoch implements [game.Store].
func (s *Store) RenewEpoch(ctx context.Context) error {
	next := epoch{Value: newEpoch()}
	return s.do(ctx, write{
		send: func(ctx context.Context) (err error) {
			if next.Collection, err = s.metaUUID(ctx); err != nil {
				return err
			}
			set, upsert := docOf("$set", next), options.UpdateOne().SetUpsert(true)
			_, err = s.meta.UpdateOne(ctx, docOf("_id", epochID), set, upsert)
			return err
		},
		refusal: func(error) error { return nil },
		made:    func(context.Context) (bool, error) { return false, nil },
	})
}

// beginEpoch makes the epoch of a new database, and another one for a database that was restored from a dump. Several
// processes may run it at the same time.
func (s *Store) beginEpoch(ctx context.Context) error {
	uuid, err := s.metaUUID(ctx)
	if err != nil {
		return err
	}
	var stored epoch
	err = s.meta.FindOne(ctx, docOf("_id", epochID)).Decode(&stored)
	next := epoch{newEpoch(), uuid}
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		_, err = s.meta.InsertOne(ctx, bson.D{
			{Key: "_id", Value: epochID}, {Key: "value", Value: next.Value}, {Key: "collection", Value: uuid},
		})
		if mongo.IsDuplicateKeyError(err) { // another process has made it
			err = nil
		}
	case err == nil && stored.Collection != uuid:
		_, err = s.meta.UpdateOne(ctx, bson.D{
			{Key: "_id", Value: epochID}, {Key: "value", Value: stored.Value},
		}, docOf("$set", next))
	}
	return err
}

// metaUUID returns the UUID of the collection meta, or "" if the server does not tell it.
func (s *Store) metaUUID(ctx context.Context) (string, error) {
	found, err := s.database.ListCollectionSpecifications(ctx, docOf("name", metaCollection))
	if err != nil || len(found) == 0 || found[0].UUID == nil {
		return "", err
	}
	return hex.EncodeToString(found[0].UUID.Data), nil
}

func newEpoch() string { return strings.ToLower(rand.Text())[:16] }
