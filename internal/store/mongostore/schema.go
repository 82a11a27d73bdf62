package mongostore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// schemaVersion is the version of the documents, and of what designs returns: a test notices if that changes and the
// version does not.
const schemaVersion = 19

// The collections.
const (
	playersCollection  = "players"
	sessionsCollection = "sessions"
	leasesCollection   = "leases"
	claimsCollection   = "idempotency"
	metricsCollection  = "metrics"
	keysCollection     = "api_keys"
	signingCollection  = "signing_keys"
	eventsCollection   = "events"
	webhooksCollection = "webhooks"
	noticesCollection  = "notices" // documents whose events are to be moved
	writersCollection  = "writers" // processes that store events
	feedsCollection    = "feeds"   // the last place of each feed
	metaCollection     = "meta"    // the schema's version, and temporary documents of probes
	tasksCollection    = "tasks"

	deliveriesCollection = "deliveries" // records of what webhooks were sent
)

// The indexes. docs/data-model.md lists the queries that each serves.
const (
	idIndex = "_id_" // created by the server

	playersByUsername = "players_by_username"
	playersByIdentity = "players_by_identity"
	playersByProject  = "players_by_project"
	playersByPrefix   = "players_by_prefix"
	playersByName     = "players_by_name_prefix"
	playersSuspended  = "players_suspended"
	playersErasing    = "players_erasing"
	playersSweeping   = "players_sweeping"

	playersSuspendedUntil = "players_suspended_until"

	sessionsByProject = "sessions_by_project"
	sessionsByStatus  = "sessions_by_status_of_all" // across projects
	sessionsPrivate   = "sessions_private"
	sessionsStale     = "sessions_stale"
	sessionsByChange  = "sessions_by_change"
	sessionsDue       = "sessions_due"
	sessionsByEnd     = "sessions_by_end"
	sessionsExclusive = "sessions_exclusive"
	sessionsByCode    = "sessions_by_join_code"
	playersByChange   = "players_by_change"

	leasesDue = "leases_due"

	eventsByPlace     = "events_by_place"
	eventsByPlayer    = "events_by_player"
	eventsByDeparture = "events_by_departure"
	eventsAudited     = "events_audited"
	eventsUnplaced    = "events_unplaced"

	claimsByExpiry = "idempotency_by_expiry"
	metricsExpiry  = "metrics_expiry"
	keysByProject  = "api_keys_by_project"
	metaByKey      = "meta_by_key"

	webhooksByProject   = "webhooks_by_project"
	deliveriesByWebhook = "deliveries_by_webhook"
	deliveriesByStatus  = "deliveries_by_status"
	deliveriesByTime    = "deliveries_by_time"
)

// searched describes how documents are searched by a field.
type searched struct {
	field string // of [game.SessionFields] or [game.PlayerFields]
	path  string // of the field in documents; "" in a second row for the same field
	index string // that serves the field; may be ""
	// narrow reports whether the index selects so few documents that they can be sorted.
	narrow bool
	// only are the values that the index serves; nil means all.
	only []string
	// keys are the fields of the index before the id. They are set if the index has no other fields and contains
	// every document, or if it is sparse every document with the path, so that fieldIndexes can define it.
	keys   []string
	sparse bool
	// liveIndex has the same keys and contains only live sessions, so that a list of these does not scan those that
	// have ended; may be "".
	liveIndex string
	// lacking is the value of documents that lack the field; "" if all have it.
	lacking string
}

// playersSearched has the most selective index first.
func playersSearched() []searched {
	return []searched{
		{field: game.FieldID, path: "_id", index: idIndex, narrow: true},
		{field: game.FieldUsername, path: "username_key", index: playersByPrefix, narrow: true},
		{field: game.FieldName, path: "display_name_key", index: playersByName, narrow: true},
		{
			field: game.FieldStatus, path: "status", index: playersSuspended, narrow: true,
			only: []string{string(game.PlayerSuspended)},
		},
	}
}

// sessionsSearched has the most selective index first: a member or host, an attribute, a live status.
func sessionsSearched() []searched {
	var live []string
	for _, s := range game.LiveStatuses() {
		live = append(live, string(s))
	}
	return []searched{
		{field: game.FieldID, path: "_id", index: idIndex, narrow: true},
		{
			field: game.FieldMember, path: "members.player_id", index: "sessions_by_member", narrow: true,
			keys: []string{"members.player_id"}, liveIndex: "sessions_live_by_member",
		},
		{
			field: game.FieldNamed, path: "named_ids", index: "sessions_by_named", narrow: true,
			keys: []string{"named_ids"}, sparse: true, liveIndex: "sessions_live_by_named",
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
		{
			field: game.FieldLiveness, path: "liveness", index: sessionsStale, narrow: true,
			only: []string{string(game.Stale)}, lacking: string(game.Live),
		},
		{field: "map", path: "map", index: "sessions_by_map", keys: []string{"project", "map"}},
		{field: "region", path: "region", index: "sessions_by_region", keys: []string{"project", "region"}},
		{field: "mode", path: "mode", index: "sessions_by_mode", keys: []string{"project", "mode"}},
		{field: game.FieldStatus, index: sessionsByStatus},
		{field: game.FieldFreeSeats, path: "free_seats"},
		{field: "seats_held", path: "seats_held"},
		{field: "max_players", path: "max_players"},
		{field: "name", path: "name"},
		{field: "locked", path: "locked"},
		{field: "has_password", path: "has_password"},
		{field: "created_at", path: "created_at"},
		{field: "updated_at", path: "updated_at"},
		{field: "ended_at", path: "ended_at"},
		// Searches compare these by what documents have: see [obstacles].
		{field: game.FieldObstacles, path: "status"},
		{field: game.FieldJoinable, path: "status"},
	}
}

// fieldIndexes returns the indexes whose keys the rows define.
func fieldIndexes(all []searched) (models []mongo.IndexModel) {
	for _, s := range all {
		var only bson.D
		if s.sparse {
			only = exists(s.path)
		}
		if s.keys != nil {
			models = append(models, byID(s.index, only, s.keys...))
		}
		if s.liveIndex != "" {
			models = append(models, byID(s.liveIndex, append(only, bson.E{Key: "live", Value: true}), s.keys...))
		}
	}
	return models
}

// design is the definition of a collection.
type design struct {
	indexes   []mongo.IndexModel
	validator bson.D     // empty for none
	inspected *inspected // nil where [Store.Inspect] looks at no documents
}

// designs returns the collections by name. Every list has an index that starts with the fields that it selects by and
// continues in its order.
func designs() map[string]design {
	return map[string]design{
		playersCollection: {
			[]mongo.IndexModel{
				unique(playersByUsername, "username_key", "project", "username_key"),
				unique(playersByIdentity, "identity_keys", "project", "identity_keys"),
				byID(playersByProject, nil, "project"),
				byID(playersByPrefix, nil, "project", "username_prefixes"),
				byID(playersByName, nil, "project", "display_name_prefixes"),
				byID(playersSuspended, bson.D{{Key: "status", Value: "suspended"}}, "project", "status"),
				byID(playersErasing, bson.D{{Key: "erasing", Value: true}}, "erasing"),
				byID(playersSweeping, bson.D{{Key: "sweeping", Value: true}}, "sweeping"),
				index(playersSuspendedUntil,
					options.Index().SetPartialFilterExpression(exists("suspended_until")), keys("suspended_until")),
				index(playersByChange, options.Index(), keys("updated_at")),
			},
			validatorOf(
				derivedPlayerFields(), ofWrites(), "_id", "project", "display_name", "identities", "attributes",
				"status", "version", "created_at", "updated_at", "writes",
			),
			inspects(storedPlayer, derivedKeys(derivedPlayerFields())...),
		},
		sessionsCollection: {
			append([]mongo.IndexModel{
				byID(sessionsByProject, nil, "project"),
				// Includes seats_held, so that seats are counted without reading documents.
				index(sessionsByStatus, options.Index(), append(keys("status", "project"),
					bson.E{Key: "_id", Value: -1}, bson.E{Key: "seats_held", Value: 1})),
				byID(sessionsPrivate, bson.D{{Key: "visibility", Value: "private"}}, "project", "visibility"),
				byID(sessionsStale, bson.D{{Key: "liveness", Value: "stale"}}, "project", "liveness"),
				unique(sessionsByCode, "join_code.code", "project", "join_code.code"),
				index(sessionsByChange, options.Index(), keys("updated_at")),
				// Includes the project, so that what is due is found without reading documents.
				index(sessionsDue, options.Index().SetPartialFilterExpression(exists("due_at")),
					keys("due_at", "_id", "project")),
				index(sessionsByEnd, options.Index().SetPartialFilterExpression(exists("ended_at")),
					keys("ended_at", "_id")),
				unique(sessionsExclusive, exclusivePlayers, "project", exclusivePlayers),
			}, fieldIndexes(sessionsSearched())...),
			validatorOf(
				derivedSessionFields(), ofWrites(), "_id", "project", "name", "mode", "map", "region", "visibility",
				"locked", "join_in_progress", "allow_rematch", "max_players", "min_players", "teams", "attributes",
				"status", "members", "seats_held", "free_seats", "version", "created_at", "updated_at", "writes",
			),
			inspects(storedSession, derivedKeys(derivedSessionFields())...),
		},
		leasesCollection: {
			[]mongo.IndexModel{index(leasesDue, options.Index(), keys("due_at", "_id"))},
			bson.D{}, // see sendTogether
			inspects(storedLease, derivedKeys(derivedLeaseFields())...),
		},
		claimsCollection: {
			[]mongo.IndexModel{index(claimsByExpiry, options.Index(), keys("expires_at"))},
			validatorOf[game.Claim](nil, nil, "_id", "fingerprint", "document_id", "expires_at"),
			inspects(storedClaim),
		},
		metricsCollection: {
			[]mongo.IndexModel{index(metricsExpiry, options.Index().SetExpireAfterSeconds(0), keys("expires_at"))},
			validatorOf(
				derivedSampleFields(), nil, "_id", "at", "replica", "expires_at", "latency", "sessions",
			),
			nil,
		},
		keysCollection: {
			[]mongo.IndexModel{byID(keysByProject, nil, "project")},
			validatorOf[game.Key](
				nil, ofWrites(), "_id", "project", "name", "scope", "hash", "version", "created_at", "writes",
			),
			inspects(storedKey),
		},
		signingCollection: {
			nil, // few documents, read by id
			validatorOf[game.SigningKey](nil, nil, "_id", "public_key", "sealed", "created_at", "expires_at"),
			inspects(storedSigningKey),
		},
		webhooksCollection: {
			[]mongo.IndexModel{byID(webhooksByProject, nil, "project")},
			validatorOf[game.Webhook](
				nil, ofWrites(), "_id", "project", "url", "types", "subjects", "disabled", "sealed", "progress",
				"version", "created_at", "updated_at", "writes",
			),
			inspects(storedWebhook),
		},
		deliveriesCollection: {
			[]mongo.IndexModel{
				byID(deliveriesByWebhook, nil, "webhook_id"),
				byID(deliveriesByStatus, nil, "webhook_id", "status"),
				index(deliveriesByTime, options.Index(), keys("at")),
			},
			validatorOf[game.Delivery](nil, nil, "_id", "project", "webhook_id", "subject", "seq", "status", "at"),
			inspects(storedDelivery),
		},
		eventsCollection: {
			[]mongo.IndexModel{
				unique(eventsByPlace, "seq", "project", "seq"),
				index(eventsByPlayer, options.Index(), keys("project", "players", "seq")),
				index(eventsByDeparture, options.Index().SetPartialFilterExpression(exists("departed")),
					append(keys("project", "departed"), bson.E{Key: "subject", Value: -1})),
				index(eventsAudited, options.Index().SetPartialFilterExpression(docOf("audited", true)),
					keys("project", "audited", "seq")),
				index(eventsUnplaced,
					options.Index().SetPartialFilterExpression(bson.D{{Key: "unplaced", Value: true}}),
					keys("unplaced", "_id")),
			},
			objectOf(fields{
				"_id": "string", "project": "string", "kind": "string", "subject": "string", "version": "long",
				"at": "date", "actor": "object", "changes": "array", "seq": "long", "unplaced": "bool",
				"players": "array", "departed": "array", "audited": "bool",
			}, "_id", "project", "kind", "subject", "version", "at", "actor", "changes"),
			inspects(storedEvent, "players", "departed", "audited"),
		},
		noticesCollection: {nil, objectOf(fields{"_id": "objectId", "subjects": "object"}, "_id", "subjects"), nil},
		writersCollection: {
			nil, objectOf(fields{"_id": "objectId", "beat": "long", "at": "date"}, "_id", "beat", "at"), nil,
		},
		feedsCollection: {nil, objectOf(fields{"_id": "string", "seq": "long"}, "_id", "seq"), nil},
		tasksCollection: {
			nil, // few documents, read by name, which is their id
			objectOf(
				fields{"_id": "string", "holder": "string", "generation": "long", "until": "date"},
				"_id", "holder", "generation", "until",
			),
			inspects(func(d task) task { return d }),
		},
		metaCollection: {
			[]mongo.IndexModel{unique(metaByKey, "key", "key")},
			objectOf(fields{"_id": "string"}, "_id"),
			nil,
		},
	}
}

// keys returns fields of an index, a projection or an ascending sort.
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

// unique returns a unique index of the documents that have the field.
func unique(name, field string, on ...string) mongo.IndexModel {
	return index(name, options.Index().SetUnique(true).SetPartialFilterExpression(exists(field)), keys(on...))
}

func exists(field string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}}
}

// byID returns an index that lists the documents with equal values of the fields by id, newest first. only, if not
// nil, limits it to some documents.
func byID(name string, only bson.D, equal ...string) mongo.IndexModel {
	o := options.Index()
	if only != nil {
		o.SetPartialFilterExpression(only)
	}
	return index(name, o, append(keys(equal...), bson.E{Key: "_id", Value: -1}))
}

// fields maps names of fields to BSON types.
type fields map[string]string

// objectOf returns a validator that checks the types of fields, and that some are there.
func objectOf(types fields, required ...string) bson.D {
	var properties bson.D
	for _, name := range slices.Sorted(maps.Keys(types)) { // sorted, so that equal validators have equal encodings
		properties = append(properties, bson.E{Key: name, Value: docOf("bsonType", types[name])})
	}
	return docOf("$jsonSchema", bson.D{
		{Key: "bsonType", Value: "object"}, {Key: "required", Value: required}, {Key: "properties", Value: properties},
	})
}

// ofWrites returns the fields of documents that remember their last writes and their events.
func ofWrites() fields { return fields{"writes": "array", "events": "array"} }

// validatorOf returns a validator of stored documents of type D, with their derived fields and others. It rejects most
// documents of other programs that gsm could not decode. It has nothing about fields that are not required, so that
// another one of D does not need another schema. Which values are allowed is a rule of package game. Fields that
// documents of an older version lack must not be required.
func validatorOf[D any](derived []derived[D], others fields, required ...string) bson.D {
	types := make(fields)
	maps.Copy(types, others)
	for _, f := range layoutOf(reflect.TypeFor[D]()).fields {
		if slices.Contains(required, f.key) {
			types[f.key] = bsonType(f.name)
		}
	}
	for _, d := range derived {
		types[d.key] = bsonType(d.kind)
	}
	return objectOf(types, required...)
}

// bsonType returns the type in the description of a field, such as "array of string, optional".
func bsonType(described string) string {
	kind, _, _ := strings.Cut(described, ",")
	kind, _, _ = strings.Cut(kind, " of ")
	return kind
}

// Some servers return unexpected errors while another process creates the same index.
const (
	migrateTries = 5
	migratePause = 200 * time.Millisecond
)

// migrate brings the schema of the database up to date. Several processes may run it at the same time. It changes
// nothing in a database that is up to date.
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
			"%w: database %s has no data of gsm: check its name, which follows the hosts in the URL", ErrMissing,
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
	for _, m := range s.migrations() {
		if stored.Version == 0 || stored.Version >= m.version {
			continue
		}
		if err := m.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
	}
	update := bson.D{{Key: "$max", Value: bson.D{{Key: "version", Value: schemaVersion}}}}
	_, err = meta.UpdateOne(ctx, bson.D{{Key: "_id", Value: "schema"}}, update, options.UpdateOne().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) { // another process has inserted the version
		return nil
	}
	return err
}

// build creates what is missing of a collection.
func (s *Store) build(ctx context.Context, name string, d design) error {
	var err error
	for range migrateTries {
		err = nil
		if len(d.indexes) > 0 { // the server rejects an empty list
			_, err = s.database.Collection(name).Indexes().CreateMany(ctx, d.indexes)
		}
		if err == nil {
			err = s.validate(ctx, name, d.validator)
		}
		if err == nil || hasCode(err, codeUnauthorized) || game.Sleep(ctx, migratePause) != nil {
			break
		}
	}
	return err
}

// validate sets the validator of a collection if it differs, and creates the collection if it does not exist. It
// ignores that the user lacks the permission: the probe determines whether validators are enforced.
func (s *Store) validate(ctx context.Context, name string, validator bson.D) error {
	if present, err := s.validated(ctx, name, validator); present || err != nil {
		return err
	}
	modify := bson.D{{Key: "collMod", Value: name}, {Key: "validator", Value: validator}}
	err := s.database.RunCommand(ctx, modify).Err()
	if hasCode(err, codeNoNamespace) {
		// FerretDB cannot create a collection with a validator.
		if err = s.database.CreateCollection(ctx, name); err == nil {
			err = s.database.RunCommand(ctx, modify).Err()
		}
	}
	if hasCode(err, codeUnauthorized) {
		return nil
	}
	return err
}

// validated reports whether a collection has the validator, or none if it is empty.
func (s *Store) validated(ctx context.Context, name string, validator bson.D) (bool, error) {
	wanted, err := bson.Marshal(validator)
	if err != nil {
		return false, err
	}
	found, err := s.database.ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil || len(found) == 0 {
		return false, err
	}
	current, ok := found[0].Options.Lookup("validator").DocumentOK()
	if len(validator) == 0 {
		return !ok || bytes.Equal(current, wanted), nil
	}
	return ok && bytes.Equal(current, wanted), nil
}

func hasCode(err error, code int) bool {
	e := mongo.ServerError(nil)
	return errors.As(err, &e) && e.HasErrorCode(code)
}
