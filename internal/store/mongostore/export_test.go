package mongostore

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/internal/game"
)

// ErrClosed is the cause of errors after Close.
var ErrClosed = errClosed

// HistorySize is the number of write ids that a document keeps.
const HistorySize = historySize

// SQLClass returns the class of a PostgreSQL error code.
var SQLClass = sqlClass

// Plan is the query plan of a find.
type Plan struct {
	Index  string // that the query names in its hint
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

// timePlans returns the plans of the finds that read a page by time.
func (s *Store) timePlans(tb testing.TB, collection string, p timePage) (plans []Plan) {
	tb.Helper()
	next := p
	next.after, next.id = time.Now(), "x"
	for _, filter := range append(p.finds(), next.finds()...) {
		plans = append(plans, s.planOf(tb, collection, filter, keys(p.field, "_id"), p.index))
	}
	return plans
}

// TimePlans returns the plans of the reads that find documents by a time, by what they find.
func (s *Store) TimePlans(tb testing.TB, now time.Time) map[string][]Plan {
	tb.Helper()
	return map[string][]Plan{
		"due sessions":   s.timePlans(tb, sessionsCollection, dueSessions(now, 10)),
		"ended sessions": s.timePlans(tb, sessionsCollection, endedSessions(now)),
		"due leases":     s.timePlans(tb, leasesCollection, dueLeases(now, 10)),
	}
}

func (s *Store) planOf(tb testing.TB, collection string, filter, sort bson.D, index string) Plan {
	tb.Helper()
	found, err := s.explain(tb.Context(), collection, filter, sort, index)
	if err != nil {
		tb.Fatal(err)
	}
	return Plan{index, found}
}

// OtherPlans returns the plans of reads that are not lists.
func (s *Store) OtherPlans(tb testing.TB, now time.Time) map[string]Plan {
	tb.Helper()
	point := s.planOf(tb, playersCollection, address{"x", game.DefaultProject}.filter(), nil, "")
	point.Index = idIndex // used without a hint
	departed, _ := departuresOf(game.DepartureQuery{Project: "p", Player: "x", After: "y", Limit: 10})
	return map[string]Plan{
		"read": point,
		"identity": s.planOf(
			tb, playersCollection,
			identityFilter(game.DefaultProject, game.Identity{Provider: "steam", Subject: "x"}), nil, playersByIdentity,
		),
		"join code": s.planOf(tb, sessionsCollection, codeFilter(game.DefaultProject, "x"), nil, sessionsByCode),
		"pulses": {idIndex, s.planOf(tb, sessionsCollection, append(
			byIDs([]game.SessionID{"x", "y"}), bson.E{Key: "project", Value: game.DefaultProject},
		), nil, idIndex).Stages},
		"leases": {idIndex, s.planOf(tb, leasesCollection, byIDs([]game.LeaseID{"x", "y"}), nil, idIndex).Stages},
		"key":    {idIndex, s.planOf(tb, keysCollection, bson.D{{Key: "_id", Value: "x"}}, nil, "").Stages},
		"webhooks": s.plan(
			tb, webhooksCollection, webhooksPage(game.WebhookQuery{Project: game.DefaultProject, Limit: 10}),
		),
		"deliveries": s.plan(
			tb, deliveriesCollection, deliveriesPage(game.DeliveryQuery{Webhook: "x", Limit: 10}),
		),
		"dead deliveries": s.plan(
			tb, deliveriesCollection,
			deliveriesPage(game.DeliveryQuery{Webhook: "x", Status: game.DeliveryDead, Limit: 10}),
		),
		"keys": s.plan(tb, keysCollection, keysPage(game.KeyQuery{Project: game.DefaultProject, Limit: 10})),
		"more keys": s.plan(
			tb, keysCollection, keysPage(game.KeyQuery{Project: game.DefaultProject, After: "x", Limit: 10}),
		),
		"metrics": s.planOf(
			tb, metricsCollection, metricsRange(game.MetricsQuery{To: now}), bson.D{{Key: "_id", Value: 1}}, idIndex,
		),
		"suspensions":  s.planOf(tb, playersCollection, suspensionEnded(now), nil, playersSuspendedUntil),
		"purge claims": s.planOf(tb, claimsCollection, bson.D{expired(now)}, nil, claimsByExpiry),
		"timeline": s.planOf(tb, eventsCollection, bson.D{
			{Key: "_id", Value: bson.D{{Key: "$gte", Value: "a"}, {Key: "$lt", Value: "b"}}},
		}, bson.D{{Key: "_id", Value: -1}}, idIndex),
		"feed": s.planOf(tb, eventsCollection, bson.D{
			{Key: "project", Value: "p"}, {Key: "seq", Value: bson.D{{Key: "$gt", Value: 1}}},
		}, bson.D{{Key: "seq", Value: 1}}, eventsByPlace),
		"feed of a player": s.planOf(tb, eventsCollection, bson.D{
			{Key: "project", Value: "p"},
			{Key: "players", Value: "x"},
			{Key: "seq", Value: bson.D{{Key: "$gt", Value: 1}}},
		}, bson.D{{Key: "seq", Value: -1}}, eventsByPlayer),
		"audit": s.planOf(tb, eventsCollection, bson.D{
			{Key: "project", Value: "p"},
			{Key: "audited", Value: true},
			{Key: "seq", Value: bson.D{{Key: "$lt", Value: 9}}},
		}, bson.D{{Key: "seq", Value: -1}}, eventsAudited),
		"departures": s.planOf(tb, eventsCollection, departed, bson.D{{Key: "subject", Value: -1}}, eventsByDeparture),
		"events without places": s.planOf(tb, eventsCollection, bson.D{
			{Key: "unplaced", Value: true},
		}, bson.D{{Key: "_id", Value: 1}}, eventsUnplaced),
		"changes": s.planOf(tb, sessionsCollection, bson.D{
			{Key: "updated_at", Value: bson.D{{Key: "$gte", Value: now}, {Key: "$lt", Value: now}}},
		}, bson.D{{Key: "updated_at", Value: 1}}, sessionsByChange),
		"purge metrics": s.planOf(tb, metricsCollection, bson.D{expired(now)}, nil, metricsExpiry),
	}
}

// Ordered reports whether the server reads indexes in order.
func (s *Store) Ordered() bool { return s.server.OrderedIndexes }

// RenewsTogether reports whether an update of many documents renews leases.
func (s *Store) RenewsTogether() bool { return s.renewsTogether }

// Product returns the name of the server software.
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

// Writers returns how many processes say that they are there.
func (s *Store) Writers(ctx context.Context) (int64, error) {
	return s.writers.CountDocuments(ctx, bson.D{})
}

// RunCommand runs a command on the database.
func (s *Store) RunCommand(ctx context.Context, command any) error {
	return s.database.RunCommand(ctx, command).Err()
}

// Encoded returns a document as it is stored, with a fixed write id.
func Encoded(document any) (bson.Raw, error) {
	id := bson.ObjectID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67}
	switch d := document.(type) {
	case game.Player:
		return storedPlayer(d).first(id).MarshalBSON()
	case game.Session:
		return storedSession(d).first(id).MarshalBSON()
	case game.Key:
		return storedKey(d).first(id).MarshalBSON()
	case game.Lease:
		return storedLease(d).MarshalBSON()
	case game.Claim:
		return storedClaim(d).MarshalBSON()
	case game.SigningKey:
		return storedSigningKey(d).MarshalBSON()
	case game.Webhook:
		return storedWebhook(d).first(id).MarshalBSON()
	case game.Delivery:
		return storedDelivery(d).MarshalBSON()
	case game.MetricsSample:
		return storedSample(d).MarshalBSON()
	}
	panic(fmt.Sprintf("nothing stores a %T", document))
}

// Decode decodes a document.
func Decode[D any](raw bson.Raw) (d D, err error) {
	err = decode(raw, &d)
	return d, err
}

// DocsTables returns the tables in docs/data-model.md that are generated, by the words of their markers.
func DocsTables(tb testing.TB) map[string]string {
	tb.Helper()
	tables := map[string]string{
		"fields of metrics":   fieldTable(reflect.TypeFor[game.MetricsSample](), derivedSampleFields(), false),
		"filters of players":  filterTable(tb, playersCollection, playersSearched()),
		"filters of sessions": filterTable(tb, sessionsCollection, sessionsSearched()),
	}
	for name, d := range designs() {
		if d.inspected == nil || name == eventsCollection || name == tasksCollection {
			continue // described by hand
		}
		_, err := bson.Raw(marshal(tb, d.validator)).LookupErr("$jsonSchema", "properties", "writes")
		written := err == nil // whether it keeps the ids of its last writes
		title := "fields of " + name
		switch name {
		case playersCollection:
			tables[title] = fieldTable(d.inspected.document, derivedPlayerFields(), written)
		case sessionsCollection:
			tables[title] = fieldTable(d.inspected.document, derivedSessionFields(), written)
		case leasesCollection:
			tables[title] = fieldTable(d.inspected.document, derivedLeaseFields(), written)
		default:
			tables[title] = fieldTable[any](d.inspected.document, nil, written)
		}
	}
	return tables
}

func fieldTable[D any](document reflect.Type, made []derived[D], written bool) string {
	var b strings.Builder
	b.WriteString("| field | type | what |\n|---|---|---|\n")
	row := func(key, kind, doc string) { fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, kind, doc) }
	for _, f := range layoutOf(document).fields {
		kind := f.name
		if f.optional {
			kind += ", optional"
		}
		row(f.key, kind, strings.TrimSuffix(f.Tag.Get("doc"), "."))
		within := f.Type
		if within.Kind() == reflect.Pointer || within.Kind() == reflect.Slice {
			within = within.Elem()
		}
		if f.name == "object" && within.Kind() == reflect.Struct || f.name == "array of object" {
			for _, inner := range layoutOf(within).fields {
				row(f.key+"."+inner.key, inner.name, strings.TrimSuffix(inner.Tag.Get("doc"), "."))
			}
		}
	}
	for _, d := range made {
		row(d.key, d.kind, "made for an index: "+d.doc)
	}
	if written {
		row("writes", "array of ObjectId", "the ids of the last 16 writes, the newest last")
	}
	return b.String()
}

// filterTable returns the indexes that serve each filter, in the order in which lists choose among them.
func filterTable(tb testing.TB, collection string, rows []searched) string {
	tb.Helper()
	var b strings.Builder
	b.WriteString("| filter | index | keys | for |\n|---|---|---|---|\n")
	for _, s := range rows {
		only := "any value"
		if s.only != nil {
			only = "`" + strings.Join(s.only, "`, `") + "`"
		}
		if s.index == "" {
			fmt.Fprintf(&b, "| `%s` | none | | |\n", s.field)
			continue
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.field, s.index, indexKeys(tb, collection, s.index), only)
		if s.liveIndex != "" {
			keys := indexKeys(tb, collection, s.liveIndex)
			fmt.Fprintf(&b, "| | `%s` | %s | lists of a live `status` |\n", s.liveIndex, keys)
		}
	}
	return b.String()
}

func indexKeys(tb testing.TB, collection, index string) string {
	tb.Helper()
	if index == idIndex {
		return "`_id`"
	}
	for _, m := range designs()[collection].indexes {
		spec, err := specification(m)
		if err != nil {
			tb.Fatal(err)
		}
		if spec.Lookup("name").StringValue() != index {
			continue
		}
		var keys []string
		for _, k := range keysOf(spec) {
			name, direction, _ := strings.Cut(k, " ")
			keys = append(keys, "`"+name+"`"+map[string]string{"1": "", "-1": " descending"}[direction])
		}
		return strings.Join(keys, ", ")
	}
	tb.Fatalf("%s has no index %s", collection, index)
	return ""
}

// SchemaVersion is the version of the schema.
const SchemaVersion = schemaVersion

// Schema describes the indexes and validators that a database is prepared with.
func Schema(tb testing.TB) string {
	tb.Helper()
	var b strings.Builder
	line := func(d any) {
		j, err := bson.MarshalExtJSON(d, false, false)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&b, "\t%s\n", j)
	}
	all := designs()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(name + "\n")
		for _, m := range all[name].indexes {
			spec, err := specification(m)
			if err != nil {
				tb.Fatal(err)
			}
			line(spec)
		}
		line(all[name].validator)
	}
	return b.String()
}

// Inspected returns whether each collection is inspected.
func Inspected() map[string]bool {
	all := make(map[string]bool)
	for name, d := range designs() {
		all[name] = d.inspected != nil
	}
	return all
}

// FirstTaken returns which of several documents a unique index rejected.
var FirstTaken = firstTaken

// StoreWithoutPlaces stores events as a write does that finds no room for them in the outbox.
func (s *Store) StoreWithoutPlaces(ctx context.Context, events []game.Event) error {
	return s.putEvents(ctx, storedEvents(events))
}

// BulkWriteLeases makes writes of leases as the driver does.
func (s *Store) BulkWriteLeases(
	ctx context.Context, models []mongo.WriteModel, o *options.BulkWriteOptionsBuilder,
) error {
	_, err := s.leases.BulkWrite(ctx, models, o)
	return err
}
