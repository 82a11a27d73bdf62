package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"game-session-manager/internal/game"
)

// server describes the database server. It is set when the store is opened.
type server struct {
	product    string // "mongodb" or "ferretdb"
	version    string
	replicaSet string // "" if it is not a member of one
	sharded    bool
	capabilities
}

// capabilities are the features in which servers differ. They are tested rather than read from the version where
// possible, because some servers accept commands that they do not implement.
type capabilities struct {
	// RetryableWrites reports whether driver and server together execute a write once even if it is sent twice. It is
	// derived from the URL and the server's properties, as the driver does.
	RetryableWrites bool
	// OrderedIndexes reports whether an index returns documents in its order, so that lists need no sort in memory.
	OrderedIndexes bool
	// MergedIndexes reports whether it does so also for several values of the fields before those of the order.
	MergedIndexes bool
	// Validators reports whether the server enforces the validators of collections.
	Validators bool
	// KnowsCounts reports whether the server keeps the number of documents in a collection, so that counting is
	// cheap. It cannot be tested, because an estimate may be right by chance. MongoDB keeps it. It is inexact during
	// migrations between shards, and after a crash until "validate" has been run.
	KnowsCounts bool
	// ChangeStreams reports whether the server tells of changes, so that they need not be polled for.
	ChangeStreams bool
}

// missing returns the names of the capabilities that the server lacks.
func (c capabilities) missing() []string {
	names := []string{}
	for name, there := range map[string]bool{
		"retryable_writes": c.RetryableWrites, "ordered_indexes": c.OrderedIndexes,
		"merged_indexes": c.MergedIndexes, "validators": c.Validators,
		"known_counts": c.KnowsCounts, "change_streams": c.ChangeStreams,
	} {
		if !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// hello is the reply to the command of that name.
type hello struct {
	SetName         string   `bson:"setName"`
	Primary         string   `bson:"primary"`
	Hosts           []string `bson:"hosts"`
	Message         string   `bson:"msg"`
	SessionsMinutes *int     `bson:"logicalSessionTimeoutMinutes"`
}

// sharded reports whether the server is a router of a sharded cluster.
func (h hello) sharded() bool { return h.Message == "isdbgrid" }

func (s *Store) hello(ctx context.Context) (h hello, err error) {
	err = s.database.RunCommand(ctx, docOf("hello", 1)).Decode(&h)
	return h, err
}

// probe determines what the server is and its capabilities. It returns [ErrUnfit] if the server does not enforce
// unique indexes.
func (s *Store) probe(ctx context.Context, o Options) error {
	h, err := s.hello(ctx)
	if err != nil {
		return err
	}
	var build struct {
		Version  string `bson:"version"`
		FerretDB *struct {
			Version string `bson:"version"`
		} `bson:"ferretdb"`
	}
	if err := s.database.RunCommand(ctx, docOf("buildInfo", 1)).Decode(&build); err != nil {
		return err
	}
	s.server = server{product: "mongodb", version: build.Version, replicaSet: h.SetName, sharded: h.sharded()}
	if build.FerretDB != nil {
		s.server.product, s.server.version = "ferretdb", build.FerretDB.Version
	}
	s.server.RetryableWrites = o.retryWrites && h.SessionsMinutes != nil && (h.SetName != "" || h.sharded())
	s.server.KnowsCounts = s.server.product == "mongodb" && !s.server.sharded
	if !o.Beside { // tools must not write
		if err := s.probeUnique(ctx); err != nil {
			return err
		}
		if s.server.Validators, err = s.probeValidators(ctx); err != nil {
			return err
		}
		if s.server.ChangeStreams, err = s.probeStreams(ctx); err != nil {
			return err
		}
	}
	err = s.probeOrder(ctx)
	if o.Beside && hasCode(err, codeBadValue) {
		return nil // the index is missing, which Inspect reports
	}
	return err
}

// probeUnique inserts two documents with the same unique value.
func (s *Store) probeUnique(ctx context.Context) (err error) {
	meta := s.database.Collection(metaCollection)
	key := bson.NewObjectID().Hex()
	ids := bson.A{"probe-" + key + "-1", "probe-" + key + "-2"}
	defer func() {
		_, e := meta.DeleteMany(ctx, docOf("_id", docOf("$in", ids)))
		if err == nil {
			err = e
		}
	}()
	if _, err := meta.InsertOne(ctx, bson.D{{Key: "_id", Value: ids[0]}, {Key: "key", Value: key}}); err != nil {
		return err
	}
	_, err = meta.InsertOne(ctx, bson.D{{Key: "_id", Value: ids[1]}, {Key: "key", Value: key}})
	if name, taken := takenIndex(err); taken && name == metaByKey {
		return nil
	}
	if err == nil || mongo.IsDuplicateKeyError(err) {
		return fmt.Errorf("%w: %s %s does not enforce unique partial indexes, or its errors do not name the index: "+
			"use MongoDB 7 or 8, or FerretDB 2",
			ErrUnfit, s.server.product, s.server.version)
	}
	return err
}

// probeValidators inserts a document whose id is not a string, which the validator forbids.
func (s *Store) probeValidators(ctx context.Context) (bool, error) {
	meta := s.database.Collection(metaCollection)
	id := bson.NewObjectID()
	_, err := meta.InsertOne(ctx, docOf("_id", id))
	if e := mongo.ServerError(nil); errors.As(err, &e) && !outcomeUnknown(err) && !hasCode(err, codeUnauthorized) {
		return true, nil // servers use different error codes
	}
	if err != nil {
		return false, err
	}
	_, err = meta.DeleteOne(ctx, docOf("_id", id))
	return false, err
}

// probeOrder examines the query plans of lists by one status and by two.
func (s *Store) probeOrder(ctx context.Context) error {
	ordered := func(statuses ...game.SessionStatus) (bool, error) {
		p := sessionsPage(game.SessionQuery{
			Project: game.DefaultProject, Where: game.Where{game.In(game.FieldStatus, statuses...)}, Limit: 1,
		})
		filter, _ := p.find(s.server.capabilities)
		plan, err := s.explain(ctx, sessionsCollection, filter, docOf("_id", -1), p.index)
		return !slices.ContainsFunc(plan, sorts), err
	}
	var err error
	if s.server.OrderedIndexes, err = ordered(game.StatusOpen); err != nil || !s.server.OrderedIndexes {
		return err
	}
	s.server.MergedIndexes, err = ordered(game.StatusOpen, game.StatusInProgress)
	return err
}

// sorts reports whether a stage of a plan sorts in memory.
func sorts(stage string) bool {
	return stage == "SORT" || stage == "Sort" || stage == "Incremental Sort"
}

// explain returns the stages of the query plan for a find that uses an index. Their names are those of MongoDB or of
// PostgreSQL.
func (s *Store) explain(ctx context.Context, collection string, filter, sort bson.D, index string) ([]string, error) {
	find := bson.D{{Key: "find", Value: collection}, {Key: "filter", Value: filter}, {Key: "limit", Value: 1}}
	if len(sort) > 0 {
		find = append(find, bson.E{Key: "sort", Value: sort})
	}
	if index != "" {
		find = append(find, bson.E{Key: "hint", Value: index})
	}
	reply, err := s.database.RunCommand(
		ctx, bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "queryPlanner"}},
	).Raw()
	if err != nil {
		return nil, err
	}
	return stages(reply), nil
}

// stages returns the names of all stages of a plan, at any depth, and of the indexes that they use.
func stages(plan bson.Raw) []string {
	var found []string
	all, err := plan.Elements()
	if err != nil {
		return nil
	}
	for _, e := range all {
		switch e.Key() {
		case "stage", "Node Type", "indexName", "Index Name":
			if name, ok := e.Value().StringValueOK(); ok {
				found = append(found, name)
			}
		case "rejectedPlans", "IndexCosts": // plans that were considered only
			continue
		}
		if d, ok := e.Value().DocumentOK(); ok {
			found = append(found, stages(d)...)
		}
		if a, ok := e.Value().ArrayOK(); ok {
			found = append(found, stages(bson.Raw(a))...)
		}
	}
	return found
}
