package mongostore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// schemaVersion is that of the documents, the indexes and the validators.
const schemaVersion = 6

// The collections.
const (
	playersCollection  = "players"
	sessionsCollection = "sessions"
	claimsCollection   = "idempotency"
	metricsCollection  = "metrics"
	keysCollection     = "api_keys"
	signingCollection  = "signing_keys"
	eventsCollection   = "events"
	noticesCollection  = "notices" // of events to be moved
	feedsCollection    = "feeds"   // how far they go
	metaCollection     = "meta"    // the schema's version, and what probes leave behind for a moment
	tasksCollection    = "tasks"
)

// The indexes. docs/data-model.md says which query each serves.
const (
	idIndex = "_id_" // every server's own

	playersByUsername = "players_by_username"
	playersByIdentity = "players_by_identity"
	playersByProject  = "players_by_project"
	playersByPrefix   = "players_by_prefix"
	playersSuspended  = "players_suspended"
	playersErasing    = "players_erasing"
	playersSweeping   = "players_sweeping"

	playersSuspendedUntil = "players_suspended_until"

	sessionsByProject = "sessions_by_project"
	sessionsByStatus  = "sessions_by_status_of_all" // projects
	sessionsPrivate   = "sessions_private"
	sessionsByChange  = "sessions_by_change"
	playersByChange   = "players_by_change"

	eventsByPlace  = "events_by_place"
	eventsByPlayer = "events_by_player"
	eventsUnplaced = "events_unplaced"

	claimsByExpiry = "idempotency_by_expiry"
	metricsExpiry  = "metrics_expiry"
	keysByProject  = "api_keys_by_project"
	metaByKey      = "meta_by_key"
)

// searched is how documents are found by a field.
type searched struct {
	field string // of [game.SessionFields] or [game.PlayerFields]
	path  string // where documents have it; empty in a further row of the same field
	index string // empty where no index serves the field
	// narrow says that the index leaves so few documents that they can be sorted.
	narrow bool
	// only are the values that the index serves, nil for all.
	only []string
	// keys are those of the index before the id, where it has no others and holds every document.
	keys []string
	// liveIndex has the same keys and holds only live sessions, so that a list of these does not walk past all that ended.
	liveIndex string
}

// playersSearched is the best index first.
func playersSearched() []searched {
	return []searched{
		{field: game.FieldUsername, path: "username_key", index: playersByPrefix, narrow: true},
		{
			field: game.FieldStatus, path: "status", index: playersSuspended, narrow: true,
			only: []string{string(game.PlayerSuspended)},
		},
	}
}

// sessionsSearched has first the index that leaves the fewest sessions: those of a player, those with an attribute,
// live ones among all that are kept.
func sessionsSearched() []searched {
	var live []string
	for _, s := range game.LiveStatuses() {
		live = append(live, string(s))
	}
	return []searched{
		{
			field: game.FieldMember, path: "members.player_id", index: "sessions_by_member", narrow: true,
			keys: []string{"members.player_id"}, liveIndex: "sessions_live_by_member",
		},
		{
			field: game.FieldHost, path: "host_id", index: "sessions_by_host", narrow: true,
			keys: []string{"project", "host_id"}, liveIndex: "sessions_live_by_host",
		},
		{
			field: game.FieldAttributes, path: "attribute_keys", index: "sessions_by_attribute", narrow: true,
			keys: []string{"project", "attribute_keys"}, liveIndex: "sessions_live_by_attribute",
		},
		{field: game.FieldStatus, path: "status", index: sessionsByStatus, narrow: true, only: live},
		{
			field: game.FieldVisibility, path: "visibility", index: sessionsPrivate, narrow: true,
			only: []string{string(game.VisibilityPrivate)},
		},
		{field: "map", path: "map", index: "sessions_by_map", keys: []string{"project", "map"}},
		{field: "region", path: "region", index: "sessions_by_region", keys: []string{"project", "region"}},
		{field: "mode", path: "mode", index: "sessions_by_mode", keys: []string{"project", "mode"}},
		{field: game.FieldStatus, index: sessionsByStatus},
		{field: game.FieldFreeSeats, path: "free_seats"},
		{field: "seats_held", path: "seats_held"},
	}
}

func plainIndexes(all []searched) (models []mongo.IndexModel) {
	for _, s := range all {
		if s.keys != nil {
			models = append(models, byID(s.index, nil, s.keys...))
		}
		if s.liveIndex != "" {
			models = append(models, byID(s.liveIndex, bson.D{{Key: "live", Value: true}}, s.keys...))
		}
	}
	return models
}

// design is what a collection is made with.
type design struct {
	indexes   []mongo.IndexModel
	validator bson.D
}

// designs are the collections. Every list has an index that begins with what it selects by and goes on in its order.
func designs() map[string]design {
	return map[string]design{
		playersCollection: {
			[]mongo.IndexModel{
				unique(playersByUsername, "username_key", "project", "username_key"),
				unique(playersByIdentity, "identity_keys", "project", "identity_keys"),
				byID(playersByProject, nil, "project"),
				byID(playersByPrefix, nil, "project", "username_prefixes"),
				byID(playersSuspended, bson.D{{Key: "status", Value: "suspended"}}, "project", "status"),
				byID(playersErasing, bson.D{{Key: "erasing", Value: true}}, "erasing"),
				byID(playersSweeping, bson.D{{Key: "sweeping", Value: true}}, "sweeping"),
				index(playersSuspendedUntil,
					options.Index().SetPartialFilterExpression(exists("suspended_until")), keys("suspended_until")),
				index(playersByChange, options.Index(), keys("updated_at")),
			},
			playerValidator(),
		},
		sessionsCollection: {
			append([]mongo.IndexModel{
				byID(sessionsByProject, nil, "project"),
				// The seats are counted in the index.
				index(sessionsByStatus, options.Index(), append(keys("status", "project"),
					bson.E{Key: "_id", Value: -1}, bson.E{Key: "seats_held", Value: 1})),
				byID(sessionsPrivate, bson.D{{Key: "visibility", Value: "private"}}, "project", "visibility"),
				index(sessionsByChange, options.Index(), keys("updated_at")),
			}, plainIndexes(sessionsSearched())...),
			sessionValidator(),
		},
		claimsCollection: {
			[]mongo.IndexModel{index(claimsByExpiry, options.Index(), keys("expires_at"))},
			objectOf(
				fields{"_id": "string", "fingerprint": "string", "document_id": "string", "expires_at": "date"}, nil,
			),
		},
		metricsCollection: {
			[]mongo.IndexModel{index(metricsExpiry, options.Index().SetExpireAfterSeconds(0), keys("expires_at"))},
			objectOf(fields{
				"_id": "string", "at": "date", "replica": "string", "expires_at": "date", "latency": "object",
				"sessions": "object",
			}, nil),
		},
		keysCollection: {
			[]mongo.IndexModel{byID(keysByProject, nil, "project")},
			objectOf(fields{
				"_id": "string", "project": "string", "name": "string", "scope": "string", "hash": "string",
				"version":    "long",
				"created_at": "date", "writes": "array",
			}, fields{
				"expires_at": "date", "retires_at": "date", "revoked_at": "date", "last_used_at": "date",
				"events": "array",
			}),
		},
		signingCollection: {
			nil, // the few that there are have ids
			objectOf(fields{
				"_id": "string", "public_key": "string", "sealed": "string", "created_at": "date", "expires_at": "date",
			}, nil),
		},
		eventsCollection: {
			[]mongo.IndexModel{
				unique(eventsByPlace, "seq", "project", "seq"),
				index(eventsByPlayer, options.Index(), keys("project", "players", "seq")),
				index(eventsUnplaced, options.Index().SetPartialFilterExpression(
					bson.D{{Key: "unplaced", Value: true}},
				),
					keys("unplaced", "_id")),
			},
			objectOf(fields{
				"_id": "string", "project": "string", "kind": "string", "subject": "string", "version": "long",
				"at":    "date",
				"actor": "object", "changes": "array",
			}, fields{"seq": "long", "unplaced": "bool", "players": "array"}),
		},
		noticesCollection: {nil, objectOf(fields{"_id": "objectId", "subjects": "object"}, nil)},
		feedsCollection:   {nil, objectOf(fields{"_id": "string", "seq": "long"}, nil)},
		tasksCollection: {
			nil, // the few that there are have names
			objectOf(fields{"_id": "string", "holder": "string", "generation": "long", "until": "date"}, nil),
		},
		metaCollection: {
			[]mongo.IndexModel{unique(metaByKey, "key", "key")},
			objectOf(fields{"_id": "string"}, nil),
		},
	}
}

func keys(fields ...string) bson.D {
	d := make(bson.D, len(fields), len(fields)+2)
	for i, f := range fields {
		d[i] = bson.E{Key: f, Value: 1}
	}
	return d
}

func index(name string, o *options.IndexOptionsBuilder, keys bson.D) mongo.IndexModel {
	return mongo.IndexModel{Keys: keys, Options: o.SetName(name)}
}

// unique returns an index in which documents without the field do not stand.
func unique(name, field string, on ...string) mongo.IndexModel {
	return index(name, options.Index().SetUnique(true).SetPartialFilterExpression(exists(field)), keys(on...))
}

func exists(field string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}}
}

// byID returns an index that gives the documents with equal fields by id, newest first.
func byID(name string, only bson.D, equal ...string) mongo.IndexModel {
	o := options.Index()
	if only != nil {
		o.SetPartialFilterExpression(only)
	}
	return index(name, o, append(keys(equal...), bson.E{Key: "_id", Value: -1}))
}

// fields are names of fields with their BSON types.
type fields map[string]string

// objectOf returns the validator of objects that have the fields, and may have others.
func objectOf(required, optional fields) bson.D {
	properties, names := bson.D{}, bson.A{}
	for _, name := range slices.Sorted(maps.Keys(required)) { // in order, so that equal ones are equal bytes
		properties = append(properties, bson.E{Key: name, Value: bson.D{{Key: "bsonType", Value: required[name]}}})
		names = append(names, name)
	}
	for _, name := range slices.Sorted(maps.Keys(optional)) {
		properties = append(properties, bson.E{Key: name, Value: bson.D{{Key: "bsonType", Value: optional[name]}}})
	}
	schema := bson.D{
		{Key: "bsonType", Value: "object"}, {Key: "required", Value: names}, {Key: "properties", Value: properties},
	}
	return bson.D{{Key: "$jsonSchema", Value: schema}}
}

// playerValidator keeps out what other programs might write and this one could not read. What values are allowed is a
// rule, and stands in package game.
func playerValidator() bson.D {
	return objectOf(fields{
		"_id": "string", "project": "string", "display_name": "string", "identities": "object", "attributes": "object",
		"status": "string", "version": "long", "created_at": "date", "updated_at": "date", "writes": "array",
	}, fields{
		"username": "string", "username_key": "string", "username_prefixes": "array", "identity_keys": "array",
		"suspended_until": "date", "suspension_reason": "string", "erasing": "bool", "erasing_since": "date",
		"sweeping": "bool", "sweep_since": "date", "events": "array",
	})
}

func sessionValidator() bson.D {
	return objectOf(fields{
		"_id": "string", "project": "string", "name": "string", "mode": "string", "map": "string", "region": "string",
		"visibility": "string", "locked": "bool", "join_in_progress": "bool", "allow_rematch": "bool",
		"max_players": "int",
		"min_players": "int", "teams": "object", "attributes": "object", "status": "string", "members": "array",
		"seats_held": "int", "free_seats": "int", "version": "long", "created_at": "date", "updated_at": "date",
		"writes": "array",
	}, fields{
		"attribute_keys": "array", "live": "bool", "end_reason": "string", "host_id": "string", "hosted": "bool",
		"connection": "object", "result": "string",
		"started_at": "date", "ended_at": "date", "events": "array",
	})
}

// Creating an index fails in odd ways on some servers while another process creates it too.
const (
	migrateTries = 5
	migratePause = 200 * time.Millisecond
)

// migrate creates what is missing in the database. It may run in several processes at once, and changes nothing where
// nothing is missing.
func (s *Store) migrate(ctx context.Context, o Options) error {
	meta := s.database.Collection(metaCollection)
	var stored struct {
		Version int `bson:"version"`
	}
	err := meta.FindOne(ctx, bson.D{{Key: "_id", Value: "schema"}}).Decode(&stored)
	switch {
	case err != nil && !errors.Is(err, mongo.ErrNoDocuments):
		return err
	case stored.Version > schemaVersion:
		return fmt.Errorf("%w: database %s has schema version %d and this gsm knows versions up to %d: run the newer "+
			"gsm, or restore a backup made before the upgrade",
			ErrNewerSchema, s.database.Name(), stored.Version, schemaVersion)
	case stored.Version == 0 && (o.MustExist || o.Beside):
		return fmt.Errorf(
			"%w: %s has nothing of gsm in it: check its name, which follows the hosts in the URL", ErrMissing,
			s.database.Name(),
		)
	case stored.Version < schemaVersion && o.Beside:
		return fmt.Errorf("%w: database %s has schema version %d and this gsm works on version %d: start a server of "+
			"this version, or run gsm db init",
			ErrOlderSchema, s.database.Name(), stored.Version, schemaVersion)
	case o.Beside:
		return nil
	}
	for name, d := range designs() {
		if err := s.build(ctx, name, d); err != nil {
			return fmt.Errorf("prepare collection %s: %w", name, err)
		}
	}
	if stored.Version != 0 && stored.Version < 5 {
		if err := s.dropIndex(ctx, sessionsCollection, "sessions_by_status"); err != nil {
			return fmt.Errorf("drop an index that was replaced: %w", err)
		}
	}
	if stored.Version != 0 && stored.Version < 3 {
		if err := s.sweepEarlier(ctx); err != nil {
			return fmt.Errorf("bring the players up to date: %w", err)
		}
	}
	if stored.Version != 0 && stored.Version < 6 {
		if err := s.markLive(ctx); err != nil {
			return fmt.Errorf("mark the sessions that are live: %w", err)
		}
	}
	_, err = meta.UpdateOne(ctx, bson.D{{Key: "_id", Value: "schema"}},
		bson.D{
			{Key: "$max", Value: bson.D{{Key: "version", Value: schemaVersion}}},
		}, options.UpdateOne().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) { // another process was faster
		return nil
	}
	return err
}

// sweepEarlier marks players whose seats were not swept before version 3: who was suspended kept them, and of who was
// being erased that they were swept was noted elsewhere. It may be done again.
func (s *Store) sweepEarlier(ctx context.Context) error {
	const swept = "seats_swept" // of version 2
	players := s.database.Collection(playersCollection)
	unswept := bson.D{
		{Key: "$or", Value: bson.A{bson.D{{Key: "status", Value: "suspended"}}, bson.D{{Key: "erasing", Value: true}}}},
		{Key: swept, Value: nil},
		{Key: "sweeping", Value: nil}, // absent
	}
	_, err := players.UpdateMany(ctx, unswept, bson.D{
		{Key: "$set", Value: bson.D{{Key: "sweeping", Value: true}}},
		{Key: "$currentDate", Value: bson.D{{Key: "sweep_since", Value: true}}},
	})
	if err == nil {
		_, err = players.UpdateMany(ctx, exists(swept), bson.D{{Key: "$unset", Value: bson.D{{Key: swept, Value: ""}}}})
	}
	return err
}

// markLive marks live sessions, as each write does since version 6. It may be repeated.
func (s *Store) markLive(ctx context.Context) error {
	_, err := s.database.Collection(sessionsCollection).UpdateMany(ctx,
		bson.D{
			{Key: "status", Value: bson.D{{Key: "$in", Value: game.LiveStatuses()}}},
			{Key: "live", Value: nil}, // absent
		},
		bson.D{{Key: "$set", Value: bson.D{{Key: "live", Value: true}}}})
	return err
}

// dropIndex drops an index, unless it is not there.
func (s *Store) dropIndex(ctx context.Context, name, index string) error {
	err := s.database.Collection(name).Indexes().DropOne(ctx, index)
	if hasCode(err, codeNoIndex) || hasCode(err, codeNoNamespace) {
		return nil
	}
	return err
}

// build brings one collection up to date.
func (s *Store) build(ctx context.Context, name string, d design) error {
	var err error
	for range migrateTries {
		err = nil
		if len(d.indexes) > 0 { // the server refuses to make none
			_, err = s.database.Collection(name).Indexes().CreateMany(ctx, d.indexes)
		}
		if err == nil {
			err = s.validate(ctx, name, d.validator)
		}
		if err == nil || hasCode(err, codeUnauthorized) || !sleep(ctx, migratePause) {
			break
		}
	}
	return err
}

// validate sets the collection's validator where it is another, and makes a collection that is not there. A user who
// may not is no reason to stop: the probe tells whether there is one.
func (s *Store) validate(ctx context.Context, name string, validator bson.D) error {
	if there, err := s.validated(ctx, name, validator); there || err != nil {
		return err
	}
	modify := bson.D{{Key: "collMod", Value: name}, {Key: "validator", Value: validator}}
	err := s.database.RunCommand(ctx, modify).Err()
	if hasCode(err, codeNoNamespace) {
		if err = s.database.CreateCollection(ctx, name); err == nil { // FerretDB makes none with a validator
			err = s.database.RunCommand(ctx, modify).Err()
		}
	}
	if hasCode(err, codeUnauthorized) {
		return nil
	}
	return err
}

// validated reports whether a collection has the validator.
func (s *Store) validated(ctx context.Context, name string, validator bson.D) (bool, error) {
	wanted, err := bson.Marshal(validator)
	if err != nil {
		return false, err
	}
	found, err := s.database.ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil || len(found) == 0 {
		return false, err
	}
	there, ok := found[0].Options.Lookup("validator").DocumentOK()
	return ok && bytes.Equal(there, wanted), nil
}

func hasCode(err error, code int) bool {
	e := mongo.ServerError(nil)
	return errors.As(err, &e) && e.HasErrorCode(code)
}
