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

// server is what was found out about the server when the store was opened.
type server struct {
	product    string // mongodb or ferretdb
	version    string
	replicaSet string // empty for none
	sharded    bool
	capabilities
}

// capabilities are what servers differ in. What can be tried was tried, because some servers say yes to
// what they do not do.
type capabilities struct {
	// RetryableWrites says that the driver and the server make each write once between them, if it is sent twice. This
	// is concluded from what the server and the URL say, as the driver does.
	RetryableWrites bool
	// OrderedIndexes says that an index gives documents in its order, so that no list is sorted in memory.
	OrderedIndexes bool
	// Validators says that documents of a wrong form are refused.
	Validators bool
	// KnowsCounts says that the server knows how many documents a collection has, and need not count them. This cannot
	// be tried: an estimate may be right by chance. MongoDB knows it, but for what is under way between shards, and for
	// some documents after a crash until "validate" has been run.
	KnowsCounts bool
}

// missing names what the server lacks.
func (c capabilities) missing() []string {
	names := []string{}
	for name, there := range map[string]bool{
		"retryable_writes": c.RetryableWrites, "ordered_indexes": c.OrderedIndexes, "validators": c.Validators,
		"known_counts": c.KnowsCounts,
	} {
		if !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// hello is the server's answer to the command of that name.
type hello struct {
	SetName         string   `bson:"setName"`
	Primary         string   `bson:"primary"`
	Hosts           []string `bson:"hosts"`
	Message         string   `bson:"msg"`
	SessionsMinutes *int     `bson:"logicalSessionTimeoutMinutes"`
}

// sharded reports whether the answer is that of a router to shards.
func (h hello) sharded() bool { return h.Message == "isdbgrid" }

func (s *Store) hello(ctx context.Context) (h hello, err error) {
	err = s.database.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&h)
	return h, err
}

// probe finds out what the server is and does. It answers [ErrUnfit] for one that does not keep names unique.
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
	if err := s.database.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build); err != nil {
		return err
	}
	s.server = server{product: "mongodb", version: build.Version, replicaSet: h.SetName, sharded: h.sharded()}
	if build.FerretDB != nil {
		s.server.product, s.server.version = "ferretdb", build.FerretDB.Version
	}
	s.server.RetryableWrites = o.retryWrites && h.SessionsMinutes != nil && (h.SetName != "" || h.sharded())
	s.server.KnowsCounts = s.server.product == "mongodb" && !s.server.sharded
	if !o.Beside { // tools find out by looking
		if err := s.probeUnique(ctx); err != nil {
			return err
		}
		if s.server.Validators, err = s.probeValidators(ctx); err != nil {
			return err
		}
	}
	s.server.OrderedIndexes, err = s.probeOrder(ctx)
	if o.Beside && hasCode(err, codeBadValue) {
		return nil // the index is missing, which is for tools to find
	}
	return err
}

// probeUnique tries to store the same key twice.
func (s *Store) probeUnique(ctx context.Context) (err error) {
	meta := s.database.Collection(metaCollection)
	key := bson.NewObjectID().Hex()
	ids := bson.A{"probe-" + key + "-1", "probe-" + key + "-2"}
	defer func() {
		_, e := meta.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}})
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
		return fmt.Errorf("%w: %s %s does not keep a unique partial index, or does not name the one that refuses: "+
			"use MongoDB 7 or 8, or FerretDB 2",
			ErrUnfit, s.server.product, s.server.version)
	}
	return err
}

// probeValidators tries to store a document whose id is no text.
func (s *Store) probeValidators(ctx context.Context) (bool, error) {
	meta := s.database.Collection(metaCollection)
	id := bson.NewObjectID()
	_, err := meta.InsertOne(ctx, bson.D{{Key: "_id", Value: id}})
	if e := mongo.ServerError(nil); errors.As(err, &e) && !outcomeUnknown(err) && !hasCode(err, codeUnauthorized) {
		return true, nil // by whatever code: servers differ in it
	}
	if err != nil {
		return false, err
	}
	_, err = meta.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}})
	return false, err
}

// probeOrder looks at how the server would read a list.
func (s *Store) probeOrder(ctx context.Context) (bool, error) {
	p := sessionsPage(game.SessionQuery{
		Project: game.DefaultProject, Where: game.Where{game.Is(game.FieldStatus, game.StatusOpen)}, Limit: 1,
	})
	filter, _ := p.find(s.server.capabilities)
	plan, err := s.explain(ctx, sessionsCollection, filter, bson.D{{Key: "_id", Value: -1}}, p.index)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(plan, func(stage string) bool { return stage == "SORT" || stage == "Sort" }), nil
}

// explain returns the stages of the plan with which the server would find documents by an index: MongoDB's names of
// them, or PostgreSQL's.
func (s *Store) explain(ctx context.Context, collection string, filter, sort bson.D, index string) ([]string, error) {
	find := bson.D{{Key: "find", Value: collection}, {Key: "filter", Value: filter}, {Key: "limit", Value: 1}}
	if len(sort) > 0 {
		find = append(find, bson.E{Key: "sort", Value: sort})
	}
	if index != "" {
		find = append(find, bson.E{Key: "hint", Value: index})
	}
	answer, err := s.database.RunCommand(
		ctx, bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "queryPlanner"}},
	).Raw()
	if err != nil {
		return nil, err
	}
	return stages(answer), nil
}

// stages returns the names of all stages at any depth, and of the indexes that they use.
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
		case "rejectedPlans", "IndexCosts": // which were not taken
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
