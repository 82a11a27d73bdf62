package mongostore

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"game-session-manager/internal/game"
)

// ErrClosed is the cause of refusals after Close.
var ErrClosed = errClosed

// HistorySize is how many writes a document remembers.
const HistorySize = historySize

// SQLClass returns the class of an error code of PostgreSQL.
var SQLClass = sqlClass

// Plan is how the server reads something.
type Plan struct {
	Index  string // that it is told to use
	Stages []string
}

// PlayersPlan returns the plan of a list.
func (s *Store) PlayersPlan(tb testing.TB, q game.PlayerQuery) Plan {
	return s.plan(tb, playersCollection, s.playersPage(q))
}

// SessionsPlan returns the plan of a list.
func (s *Store) SessionsPlan(tb testing.TB, q game.SessionQuery) Plan {
	return s.plan(tb, sessionsCollection, sessionsPage(q))
}

func (s *Store) plan(tb testing.TB, collection string, p page) Plan {
	tb.Helper()
	filter, _ := p.find(s.server.capabilities)
	return s.planOf(tb, collection, filter, bson.D{{Key: "_id", Value: -1}}, p.hint(s.server.capabilities))
}

func (s *Store) planOf(tb testing.TB, collection string, filter, sort bson.D, index string) Plan {
	tb.Helper()
	found, err := s.explain(tb.Context(), collection, filter, sort, index)
	if err != nil {
		tb.Fatal(err)
	}
	return Plan{index, found}
}

// OtherPlans returns the plans of what is read beside lists.
func (s *Store) OtherPlans(tb testing.TB, now time.Time) map[string]Plan {
	tb.Helper()
	point := s.planOf(tb, playersCollection, key{"x", game.DefaultProject}.filter(), nil, "")
	point.Index = idIndex // which is found without being told
	return map[string]Plan{
		"read":         point,
		"identity":     s.planOf(tb, playersCollection, identityFilter(game.DefaultProject, game.Identity{Provider: "steam", Subject: "x"}), nil, playersByIdentity),
		"key":          {idIndex, s.planOf(tb, keysCollection, bson.D{{Key: "_id", Value: "x"}}, nil, "").Stages},
		"keys":         s.plan(tb, keysCollection, keysPage(game.KeyQuery{Project: game.DefaultProject, Limit: 10})),
		"more keys":    s.plan(tb, keysCollection, keysPage(game.KeyQuery{Project: game.DefaultProject, After: "x", Limit: 10})),
		"metrics":      s.planOf(tb, metricsCollection, metricsRange(game.MetricsQuery{To: now}), bson.D{{Key: "_id", Value: 1}}, idIndex),
		"suspensions":  s.planOf(tb, playersCollection, suspensionEnded(now), nil, playersSuspendedUntil),
		"purge claims": s.planOf(tb, claimsCollection, bson.D{expired(now)}, nil, claimsByExpiry),
		"timeline": s.planOf(tb, eventsCollection, bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: "a"}, {Key: "$lt", Value: "b"}}}},
			bson.D{{Key: "_id", Value: -1}}, idIndex),
		"feed": s.planOf(tb, eventsCollection, bson.D{{Key: "project", Value: "p"}, {Key: "seq", Value: bson.D{{Key: "$gt", Value: 1}}}},
			bson.D{{Key: "seq", Value: 1}}, eventsByPlace),
		"feed of a player": s.planOf(tb, eventsCollection, bson.D{
			{Key: "project", Value: "p"}, {Key: "players", Value: "x"}, {Key: "seq", Value: bson.D{{Key: "$gt", Value: 1}}},
		}, bson.D{{Key: "seq", Value: -1}}, eventsByPlayer),
		"events without places": s.planOf(tb, eventsCollection, bson.D{{Key: "unplaced", Value: true}}, bson.D{{Key: "_id", Value: 1}}, eventsUnplaced),
		"changes": s.planOf(tb, sessionsCollection, bson.D{{Key: "updated_at", Value: bson.D{{Key: "$gte", Value: now}, {Key: "$lt", Value: now}}}},
			bson.D{{Key: "updated_at", Value: 1}}, sessionsByChange),
		"purge metrics": s.planOf(tb, metricsCollection, bson.D{expired(now)}, nil, metricsExpiry),
	}
}

// Ordered reports whether indexes give an order.
func (s *Store) Ordered() bool { return s.server.OrderedIndexes }

// Product returns what the server is.
func (s *Store) Product() string { return s.server.product }

// Indexes returns the names of the indexes of every collection.
func Indexes(tb testing.TB) map[string][]string {
	tb.Helper()
	all := make(map[string][]string)
	for name, d := range designs() {
		for _, m := range d.indexes {
			spec, err := specification(m)
			if err != nil {
				tb.Fatal(err)
			}
			all[name] = append(all[name], spec.Lookup("name").StringValue())
		}
	}
	return all
}

// RunCommand runs a command on the database.
func (s *Store) RunCommand(ctx context.Context, command any) error {
	return s.database.RunCommand(ctx, command).Err()
}

// Reading is what came of a document by hand and by the driver.
type Reading struct {
	ByHand   any
	Taken    bool
	ByDriver any
	Err      error // the driver's
}

// ReadPlayer reads a player both ways.
func ReadPlayer(raw bson.Raw) Reading { return readBoth(raw, player.game) }

// ReadSession reads a session both ways.
func ReadSession(raw bson.Raw) Reading { return readBoth(raw, session.game) }

func readBoth[D, G any](raw bson.Raw, as func(D) G) (r Reading) {
	var byHand, byDriver D
	r.Taken = walk(bsoncore.Document(raw), any(&byHand).(record))
	r.Err = bson.Unmarshal(raw, &byDriver)
	r.ByHand, r.ByDriver = as(byHand), as(byDriver)
	return r
}

// StoredPlayer returns a player as it is stored.
func StoredPlayer(p game.Player) (bson.Raw, error) {
	d := storedPlayer(p)
	d.Writes = history{bson.NewObjectID()}
	return bson.Marshal(d)
}

// StoredSession returns a session as it is stored.
func StoredSession(v game.Session) (bson.Raw, error) {
	d := storedSession(v)
	d.Writes = history{bson.NewObjectID()}
	return bson.Marshal(d)
}

// FirstTaken tells which of several documents was refused.
var FirstTaken = firstTaken

// StoreWithoutPlaces does what a write does that finds no room for its events.
func (s *Store) StoreWithoutPlaces(ctx context.Context, events []game.Event) error {
	return s.putEvents(ctx, storedEvents(events))
}
