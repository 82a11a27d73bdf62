package tests_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/client"
	"game-session-manager/internal/bench/floor"
)

// How heartbeats are measured.
const (
	beatSessions   = 10_000
	beatBatch      = 1000 // of a request
	beatSenders    = 4    // at once, which is as much as a database on two cores makes
	beatRounds     = 10   // by turns
	beatRound      = time.Second
	beatTarget     = 10_000 // leases/s on SQLite, on two cores with the load generator beside it
	beatBulkTarget = 0.8    // of what the driver makes with the same calls, one request after the other
)

// BenchmarkHeartbeats renews the leases of 10,000 sessions, 1,000 in a request and one by one: beside reads of a
// session, and on MongoDB beside calls of the driver that do as much: a bulk write of as many updates, after a find of
// the sessions, whose status and version the response tells.
func BenchmarkHeartbeats(b *testing.B) {
	database := freshDatabase(b)
	f := &beatLoad{side: gsmSide(b, gsm, database)}
	f.populate(b)
	for n := range f.batches { // begins the leases
		_, err := f.batch(b.Context(), n)
		must(b, err)
	}
	var together, alone, reads beatResult
	var driver *driverBeats
	if underTest.name == mongodb {
		driver = newDriverBeats(b, database)
	}
	for range beatRounds {
		f.run(b, &together, f.batch, beatSenders)
		f.run(b, &alone, f.one, speedClients)
		f.run(b, &reads, f.read, speedClients)
		if driver != nil {
			f.run(b, &driver.together, driver.beat, beatSenders)
			f.run(b, &driver.ours, f.batch, 1)
			f.run(b, &driver.single, driver.beat, 1)
			f.run(b, &driver.writes, driver.write, 1)
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(together.rate(), "leases/s")
	b.ReportMetric(together.each(), "cpu-µs/lease")
	b.ReportMetric(alone.rate()/reads.rate(), "alone/reads")
	b.Logf("%s: in requests of %d: %.0f leases/s, %.1f µs CPU each; one by one: %.0f/s, %.0f µs CPU each, %.2f of the "+
		"%.0f reads/s of %.0f µs CPU each", underTest.name, beatBatch, together.rate(), together.each(),
		alone.rate(), alone.each(), alone.rate()/reads.rate(), reads.rate(), reads.each())
	if driver != nil {
		driver.report(b, together)
	} else if together.rate() < beatTarget {
		b.Errorf("%.0f leases/s, want %d", together.rate(), beatTarget)
	}
}

// report compares what gsm makes with what the driver does.
func (d *driverBeats) report(b *testing.B, together beatResult) {
	b.Helper()
	share := d.ours.rate() / d.single.rate()
	b.ReportMetric(share, "leases/driver")
	b.Logf("%s: the driver makes %.0f leases/s for one sender, of which gsm makes %.2f, and %.0f for %d, of which gsm "+
		"makes %.2f; bulk writes without finds %.0f for one, of which gsm makes %.2f", underTest.name,
		d.single.rate(), share, d.together.rate(), beatSenders, together.rate()/d.together.rate(),
		d.writes.rate(), d.ours.rate()/d.writes.rate())
	if share < beatBulkTarget {
		b.Errorf("gsm renews %.2f of what the driver makes, want %.2f", share, beatBulkTarget)
	}
}

// beatLoad is a server with sessions.
type beatLoad struct {
	*side
	ids     []string
	batches []string // the bodies of requests
}

// beatResult is what was measured in all rounds.
type beatResult struct{ items, seconds, cpu float64 }

func (r beatResult) rate() float64 { return r.items / r.seconds }

// each returns the CPU time of one, in microseconds.
func (r beatResult) each() float64 { return r.cpu / r.items * 1e6 }

func (f *beatLoad) populate(b *testing.B) {
	b.Helper()
	f.ids = make([]string, beatSessions)
	c, err := client.New(f.url, client.WithHTTPClient(f.http))
	must(b, err)
	const creators = 64
	failures := make([]error, creators)
	together(creators, func(creator int) {
		for i := creator; i < len(f.ids) && failures[creator] == nil; i += creators {
			v, err := c.Sessions.Create(b.Context(), client.SessionRequest{Settings: client.Settings{
				MaxPlayers: 10, Name: "A session", Mode: "ranked", Map: "dust", Region: "eu-west",
			}})
			f.ids[i], failures[creator] = string(v.ID), err
		}
	})
	for _, err := range failures {
		must(b, err)
	}
	rand.Shuffle(len(f.ids), func(i, k int) { f.ids[i], f.ids[k] = f.ids[k], f.ids[i] })
	for i := 0; i < len(f.ids); i += beatBatch {
		var beats []map[string]any
		for _, id := range f.ids[i : i+beatBatch] {
			beats = append(beats, map[string]any{"session_id": id, "fence": 1})
		}
		body, err := json.Marshal(map[string]any{"sessions": beats})
		must(b, err)
		f.batches = append(f.batches, string(body))
	}
}

func (f *beatLoad) batch(ctx context.Context, n int) (int, error) {
	return beatBatch, f.send(ctx, http.StatusOK, "/heartbeats", f.batches[n%len(f.batches)])
}

func (f *beatLoad) one(ctx context.Context, n int) (int, error) {
	return 1, f.send(ctx, http.StatusOK, "/sessions/"+f.ids[n%len(f.ids)]+"/heartbeat", `{"fence":1}`)
}

func (f *beatLoad) read(ctx context.Context, n int) (int, error) {
	return 1, f.send(ctx, http.StatusOK, "/sessions/"+f.ids[n%len(f.ids)], "")
}

// run has some senders do something for a round, each with the next number, and adds the result.
func (f *beatLoad) run(
	b *testing.B, to *beatResult, do func(ctx context.Context, n int) (items int, err error), senders int,
) {
	b.Helper()
	cpu, begin := f.cpu(b), time.Now()
	var next, items atomic.Int64
	var all sync.WaitGroup
	failures := make([]error, senders)
	for i := range senders {
		all.Go(func() {
			for failures[i] == nil && time.Since(begin) < beatRound {
				n, err := do(b.Context(), int(next.Add(1)))
				items.Add(int64(n))
				failures[i] = err
			}
		})
	}
	all.Wait()
	for _, err := range failures {
		must(b, err)
	}
	to.seconds += time.Since(begin).Seconds()
	to.items += float64(items.Load())
	to.cpu += f.cpu(b) - cpu
}

// driverBeats are calls of the driver that do what heartbeats do, without conditions.
type driverBeats struct {
	leases, sessions *mongo.Collection
	ids              []string
	// What was measured: together by several senders, the others by one.
	together, ours, single, writes beatResult
}

func newDriverBeats(b *testing.B, database string) *driverBeats {
	b.Helper()
	db, err := floor.Connect(database, nil)
	must(b, err)
	b.Cleanup(func() { must(b, db.Client().Disconnect(context.Background())) })
	d := &driverBeats{leases: db.Collection("leases"), sessions: db.Collection("sessions")}
	cursor, err := d.leases.Find(b.Context(), bson.D{}, options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
	must(b, err)
	var all []struct {
		ID string `bson:"_id"`
	}
	must(b, cursor.All(b.Context(), &all))
	if len(all) != beatSessions {
		b.Fatalf("%d leases, want %d", len(all), beatSessions)
	}
	rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	for _, l := range all {
		d.ids = append(d.ids, l.ID)
	}
	return d
}

func (d *driverBeats) some(n int) []string { return d.ids[n*beatBatch%len(d.ids):][:beatBatch] }

func (d *driverBeats) beat(ctx context.Context, n int) (int, error) {
	cursor, err := d.sessions.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: d.some(n)}}}},
		options.Find().SetProjection(bson.D{
			{Key: "status", Value: 1},
			{Key: "version", Value: 1},
			{Key: "fence", Value: 1},
			{Key: "stale_after", Value: 1},
			{Key: "expire_after", Value: 1},
		}))
	if err != nil {
		return 0, err
	}
	var found []bson.Raw
	if err := cursor.All(ctx, &found); err != nil || len(found) != beatBatch {
		return 0, fmt.Errorf("%d of %d sessions were found: %w", len(found), beatBatch, err)
	}
	return d.write(ctx, n)
}

func (d *driverBeats) write(ctx context.Context, n int) (int, error) {
	now := time.Now()
	models := make([]mongo.WriteModel, beatBatch)
	for i, id := range d.some(n) {
		models[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: id}}).
			SetUpdate(bson.D{{Key: "$set", Value: bson.D{
				{Key: "beat_at", Value: now}, {Key: "due_at", Value: now.Add(30 * time.Second)},
			}}})
	}
	r, err := d.leases.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	if err == nil && r.MatchedCount != beatBatch {
		err = fmt.Errorf("%d of %d updates found their lease", r.MatchedCount, beatBatch)
	}
	return beatBatch, err
}

// How a purge is measured.
const (
	purgeUsual  = 1_000_000 // sessions that are over, unless GSM_BENCH_PURGE says how many
	purgeRounds = 4
	purgeRound  = 8 * time.Second
	purgePace   = 10 * time.Millisecond // of each other client: the purge must not get idle time alone
	purgeOthers = 4
	purgeTarget = 2.0 // times that others may wait longer beside it
)

// BenchmarkPurge compares the latency of other requests on a server that removes a million sessions that are over with
// that on one that keeps them, by turns on the same database.
func BenchmarkPurge(b *testing.B) {
	n := purgeUsual
	if text := os.Getenv("GSM_BENCH_PURGE"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(b, err)
	}
	database := freshDatabase(b)
	out, err := command(b, "db", "init", "--database-url", database).CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	begin := time.Now()
	if underTest.name == mongodb {
		fillMongoDB(b, database, n)
	} else {
		fillSQLite(b, database, n)
	}
	b.Logf("%s: %d sessions that are over were stored in %.1f s", underTest.name, n, time.Since(begin).Seconds())
	var beside, without passage
	purged, purging := 0.0, 0.0
	for round := range purgeRounds {
		without.add(purgeLoad(b, database, fmt.Sprint("k", round), "--session-retention=0"))
		before := overSessions(b, database)
		at := time.Now()
		beside.add(purgeLoad(b, database, fmt.Sprint("p", round)))
		purged += float64(before - overSessions(b, database))
		purging += time.Since(at).Seconds()
	}
	ratio := float64(quantile(beside.others, .99)) / float64(quantile(without.others, .99))
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(purged/purging, "purged/s")
	b.ReportMetric(ratio, "others-p99/without")
	b.Logf("%s: %.0f of %d were purged at %.0f/s; others waited at half %v and at 99 %% %v, and without a purge %v "+
		"and %v: %.2f times", underTest.name, purged, n, purged/purging,
		quantile(beside.others, .5), quantile(beside.others, .99),
		quantile(without.others, .5), quantile(without.others, .99), ratio)
	if purged == 0 {
		b.Error("nothing was purged")
	}
	if ratio > purgeTarget {
		b.Errorf("others wait %.2f times as long as without a purge, want at most %.1f", ratio, purgeTarget)
	}
}

// purgeLoad runs a server for a round and returns how long requests to it took.
func purgeLoad(b *testing.B, database, prefix string, args ...string) (p passage) {
	b.Helper()
	s := gsmSide(b, gsm, database, args...)
	defer s.kill()
	c, err := client.New(s.url, client.WithHTTPClient(s.http))
	must(b, err)
	v, err := c.Sessions.Create(b.Context(), client.SessionRequest{Settings: client.Settings{MaxPlayers: 4}})
	must(b, err)
	begin := time.Now()
	took, failures := make([][]time.Duration, purgeOthers), make([]error, purgeOthers)
	together(purgeOthers, func(i int) {
		pace := time.NewTicker(purgePace)
		defer pace.Stop()
		for n := 0; time.Since(begin) < purgeRound && failures[i] == nil; n++ {
			<-pace.C
			sent := time.Now()
			if n%2 == 0 {
				failures[i] = s.send(b.Context(), 0, "/sessions/"+string(v.ID), "")
			} else {
				body := fmt.Sprintf(`{"username":"%s-%d-%d"}`, prefix, i, n)
				failures[i] = s.send(b.Context(), 0, "/players", body)
			}
			if time.Since(begin) > purgeRound/4 { // what a server does at its start is not measured
				took[i] = append(took[i], time.Since(sent))
			}
		}
	})
	for i := range took {
		must(b, failures[i])
		p.others = append(p.others, took[i]...)
	}
	return p
}

// overSessions counts the sessions of a database that are over.
func overSessions(b *testing.B, database string) (n int64) {
	b.Helper()
	if underTest.name == mongodb {
		db, err := floor.Connect(database, nil)
		must(b, err)
		defer func() { must(b, db.Client().Disconnect(context.Background())) }()
		n, err = db.Collection("sessions").CountDocuments(b.Context(), bson.D{
			{Key: "ended_at", Value: bson.D{{Key: "$exists", Value: true}}},
		})
		must(b, err)
		return n
	}
	db, err := sql.Open("sqlite", strings.TrimPrefix(database, "sqlite:")+"?_pragma=busy_timeout(60000)")
	must(b, err)
	must(b, db.QueryRowContext(b.Context(), "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL").Scan(&n))
	must(b, db.Close())
	return n
}
