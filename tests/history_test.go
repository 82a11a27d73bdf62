package tests_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"game-session-manager/client"
)

// What sessions that are over cost.
const (
	historyLive   = 500     // sessions that are open
	historyUsual  = 200_000 // sessions that are over, unless GSM_BENCH_HISTORY says how many
	historyRounds = 40      // requests of each kind, by turns
	historyTarget = 2.0     // times that a request may take longer beside them
	// historyNoise is a difference that is none, on a machine that has other things to do.
	historyNoise = 2 * time.Millisecond
)

// historyRequests are probes, counts and first pages. The sessions that are over have newer ids than those that live,
// so that whatever walks them to get to the others shows it.
func historyRequests() []string {
	const list, host, member = "/api/v1/sessions", "?host_id=" + historyPlayer, "?member_id=" + historyPlayer
	return []string{
		"/health", "/health/detailed", list, list + "?status=ended", list + "?mode=ranked", list + "?free_seats=1",
		list + "?status=open", list + "?status=starting", list + "?status=open&mode=ranked",
		list + "?status=open&mode=ranked&map=dust&region=eu", list + "?status=open&mode=none&map=dust",
		list + "?status=open&visibility=private", list + "?status=open&visibility=public&free_seats=3",
		list + "?attributes%5Blevel%5D=3", list + "?status=open&attributes%5Blevel%5D=3",
		list + "?status=open&mode=ranked&map=dust&attributes%5Blevel%5D=3",
		list + "?status=ended&attributes%5Blevel%5D=3",
		list + "?status=open&visibility=private&attributes%5Blevel%5D=0",
		list + host, list + member, list + host + "&status=open", list + member + "&status=open",
	}
}

// BenchmarkHistory compares a server that keeps many sessions that are over with one that keeps none.
func BenchmarkHistory(b *testing.B) {
	n := historyUsual
	if text := os.Getenv("GSM_BENCH_HISTORY"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(b, err)
	}
	without, with := newHistory(b, 0), newHistory(b, n)
	b.ReportMetric(0, "ns/op") // says nothing here
	sorts := strings.Contains(body(b, with.http, with.url+"/health/detailed"), "ordered_indexes")
	for _, request := range historyRequests() {
		if sorts && !strings.Contains(request, "status=open") && strings.ContainsAny(request, "%_") {
			continue // sorts what a player, a host or an attribute has: see docs/data-model.md
		}
		compareHistory(b, request,
			func() time.Duration { return without.get(b, without.url+request) },
			func() time.Duration { return with.get(b, with.url+request) })
	}
	// Counts are asked for at most every ten seconds: what they took is in the metrics.
	compareHistory(b, "counts",
		func() time.Duration { return without.counted(b) }, func() time.Duration { return with.counted(b) })
}

// compareHistory reports a request that takes longer beside sessions that are over.
func compareHistory(b *testing.B, name string, without, with func() time.Duration) {
	b.Helper()
	var alone, beside []time.Duration
	for range historyRounds {
		alone, beside = append(alone, without()), append(beside, with())
	}
	slices.Sort(alone)
	slices.Sort(beside)
	x, y := alone[historyRounds/2].Round(time.Microsecond), beside[historyRounds/2].Round(time.Microsecond)
	b.Logf("%s: %-55s %10v without, %10v with", underTest.name, name, x, y)
	if y > time.Duration(historyTarget*float64(x))+historyNoise {
		b.Errorf("%s takes %v beside sessions that are over, and %v without them", name, y, x)
	}
}

// history is a server with live sessions, and with some that are over.
type history struct{ *side }

func newHistory(b *testing.B, over int) *history {
	b.Helper()
	database := freshDatabase(b)
	out, err := command(b, "db", "init", "--database-url", database).CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	begin := time.Now()
	if underTest.name == mongodb {
		fillMongoDB(b, database, over)
	} else {
		fillSQLite(b, database, over)
	}
	b.Logf("%s: %d sessions that are over were stored in %.1f s", underTest.name, over, time.Since(begin).Seconds())
	// They are compared while they are there.
	h := &history{side: gsmSide(b, gsm, database, "--session-retention=0")}
	h.populate(b)
	return h
}

// populate creates the sessions that live.
func (h *history) populate(b *testing.B) {
	b.Helper()
	c, err := client.New(h.url, client.WithHTTPClient(h.http))
	must(b, err)
	for i := range historyLive {
		var s client.SessionRequest
		s.Name, s.MaxPlayers, s.Mode, s.Map, s.Region = "live", 4, "ranked", "dust", "eu"
		s.Attributes = client.Attributes{"level": client.Number(float64(i % 10))}
		if i%10 == 0 {
			s.Visibility = client.VisibilityPrivate
			s.HostID = new(client.PlayerID(historyPlayer))
		}
		_, err := c.Sessions.Create(b.Context(), s)
		must(b, err)
	}
}

func (h *history) get(b *testing.B, url string) time.Duration {
	b.Helper()
	begin := time.Now()
	r, err := h.http.Get(url)
	must(b, err)
	text, err := io.ReadAll(r.Body)
	must(b, err)
	must(b, r.Body.Close())
	if r.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s %s", url, r.Status, text)
	}
	return time.Since(begin)
}

// counted returns how long the counts of a scrape took.
func (h *history) counted(b *testing.B) time.Duration {
	b.Helper()
	h.get(b, h.metrics)
	text := body(b, h.http, h.metrics)
	var sum, n float64
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if !strings.Contains(name, `operation="get_stats",result="ok"`) {
			continue
		}
		f, _ := strconv.ParseFloat(value, 64)
		switch {
		case strings.HasPrefix(name, "gsm_store_operation_duration_seconds_sum"):
			sum = f
		case strings.HasPrefix(name, "gsm_store_operation_duration_seconds_count"):
			n = f
		}
	}
	if n == 0 {
		b.Fatal("nothing was counted")
	}
	return time.Duration(sum / n * float64(time.Second))
}

func body(b *testing.B, c *http.Client, url string) string {
	b.Helper()
	r, err := c.Get(url)
	must(b, err)
	text, err := io.ReadAll(r.Body)
	must(b, err)
	must(b, r.Body.Close())
	return string(text)
}

// historyPlayer hosts and joins a tenth of the sessions that live, and has done so in many that are over.
const (
	historyPlayer = "10000000-0000-7000-8000-000000000000"
	historyPlayed = 10_000
)

// historyID makes ids that are newer than those of sessions that live.
const historyID = "0fffffff-%04x-7%03x-8000-%012x"

// fillSQLite stores sessions that are over as gsm does, in one transaction.
func fillSQLite(b *testing.B, database string, n int) {
	b.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(database, "sqlite:")+
		"?_pragma=busy_timeout(60000)&_pragma=cache_size(-200000)&_pragma=synchronous(off)")
	must(b, err)
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(b.Context(), nil)
	must(b, err)
	exec := func(query string, args ...any) {
		b.Helper()
		_, err := tx.ExecContext(b.Context(), query, args...)
		must(b, err)
	}
	exec(`CREATE TEMP TABLE over AS
		WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
		SELECT i, printf('`+historyID+`', i >> 12 & 65535, i & 4095, i) AS id,
			printf('10000000-0000-7000-8000-%012x', CASE WHEN i < ? THEN 0 ELSE i END) AS player,
			CASE WHEN i < ? THEN '"`+historyPlayer+`"' ELSE 'null' END AS host,
			CASE i % 4 WHEN 0 THEN 'expired' ELSE 'ended' END AS status,
			CASE i % 10 WHEN 0 THEN 'private' ELSE 'public' END AS visibility
		FROM n WHERE i < ?`, n, historyPlayed, historyPlayed, n)
	exec(`INSERT INTO players (id, project, version, status, erasing, doc) VALUES (?, 'default', 1, 'active', 0,
		'{"id":"`+historyPlayer+`","project":"default","version":1,"status":"active","identities":{},' ||
		'"attributes":{},' ||
		'"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}')`, historyPlayer)
	// Indexes are made faster at once than row by row.
	indexes := rebuildIndexes(b, tx)
	exec("CREATE TEMP TABLE told AS SELECT * FROM sqlite_stat1") // which goes with the indexes
	for i := 0; i < len(indexes); i += 2 {
		exec(indexes[i])
	}
	exec(`INSERT INTO sessions
			(id, project, version, status, mode, map, region, visibility, host_id, free_seats, seats_held, updated_at,
			ended_at, pulse, doc)
		SELECT id, 'default', 9, status, 'ranked', 'dust', 'eu', visibility, host ->> '$', 3, 1,
			unixepoch('2026-01-01') * 1000, unixepoch('2026-01-01') * 1000,
			json_object('status', status, 'end_reason', 'completed', 'host_id', host ->> '$', 'fence', 1,
				'host_lost_at', NULL, 'liveness', 'live', 'leased', json('false'), 'idle_timeout', 86400,
				'stale_after', 30, 'expire_after', 3600),
			'{"id":"' || id || '","project":"default","version":9,"status":"' || status || '","name":"over",' ||
			'"mode":"ranked","map":"dust","region":"eu","visibility":"' || visibility ||
			'","max_players":4,"teams":{},' ||
			'"attributes":{"level":' || (i % 10) || '},"end_reason":"completed","host_id":' || host || ',' ||
			'"hosted":' || iif(host = 'null', 'false', 'true') || ',' ||
			'"members":[{"player_id":"' || player || '","status":"joined","joined_at":"2026-01-01T00:00:00Z",' ||
			'"attributes":{}}],"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z",' ||
			'"ended_at":"2026-01-01T00:00:00Z"}'
		FROM over ORDER BY i`)
	exec("INSERT INTO members (player_id, live, session_id) SELECT player, 0, id FROM over ORDER BY i")
	exec(`INSERT INTO attributes (project, key, value, live, session_id)
		SELECT 'default', 'level', CAST(i % 10 AS REAL), 0, id FROM over ORDER BY i % 10, i`)
	for i := 1; i < len(indexes); i += 2 {
		exec(indexes[i])
	}
	exec("DELETE FROM sqlite_stat1")
	exec("INSERT INTO sqlite_stat1 SELECT * FROM told")
	must(b, tx.Commit())
	must(b, db.Close())
}

// rebuildIndexes returns pairs of statements that drop and create each index of the sessions.
func rebuildIndexes(b *testing.B, tx *sql.Tx) (statements []string) {
	rows, err := tx.QueryContext(b.Context(),
		"SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'sessions' AND sql IS NOT NULL")
	must(b, err)
	defer func() { must(b, rows.Close()) }()
	for rows.Next() {
		var name, text string
		must(b, rows.Scan(&name, &text))
		statements = append(statements, "DROP INDEX "+name, text)
	}
	must(b, rows.Err())
	return statements
}

// fillMongoDB stores sessions that are over as gsm does.
func fillMongoDB(b *testing.B, database string, n int) {
	b.Helper()
	c, err := mongo.Connect(options.Client().ApplyURI(database))
	must(b, err)
	b.Cleanup(func() { _ = c.Disconnect(context.Background()) })
	name, _, _ := strings.Cut(path.Base(database), "?")
	sessions := c.Database(name).Collection("sessions")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = c.Database(name).Collection("players").InsertOne(b.Context(), bson.D{
		{Key: "_id", Value: historyPlayer},
		{Key: "project", Value: "default"},
		{Key: "display_name", Value: ""},
		{Key: "identities", Value: bson.D{}},
		{Key: "attributes", Value: bson.D{}},
		{Key: "status", Value: "active"},
		{Key: "version", Value: int64(1)},
		{Key: "created_at", Value: at},
		{Key: "updated_at", Value: at},
		{Key: "writes", Value: bson.A{bson.NewObjectID()}},
	})
	must(b, err)
	const batch = 5000
	for i := 0; i < n; {
		docs := make([]any, 0, batch)
		for ; i < n && len(docs) < batch; i++ {
			status, visibility := "ended", "public"
			if i%4 == 0 {
				status = "expired"
			}
			if i%10 == 0 {
				visibility = "private"
			}
			player, hosted := historyPlayer, i < historyPlayed
			if !hosted {
				player = fmt.Sprintf("10000000-0000-7000-8000-%012x", i)
			}
			doc := bson.D{
				{Key: "_id", Value: fmt.Sprintf(historyID, i>>12&65535, i&4095, i)},
				{Key: "project", Value: "default"},
				{Key: "name", Value: "over"},
				{Key: "mode", Value: "ranked"},
				{Key: "map", Value: "dust"},
				{Key: "region", Value: "eu"},
				{Key: "visibility", Value: visibility},
				{Key: "locked", Value: false},
				{Key: "join_in_progress", Value: false},
				{Key: "allow_rematch", Value: false},
				{Key: "max_players", Value: int32(4)},
				{Key: "min_players", Value: int32(0)},
				{Key: "teams", Value: bson.D{}},
				{Key: "attributes", Value: bson.D{{Key: "level", Value: float64(i % 10)}}},
				{Key: "attribute_keys", Value: bson.A{fmt.Sprintf("level=n%d", i%10)}},
				{Key: "status", Value: status},
				{Key: "end_reason", Value: "completed"},
				{Key: "hosted", Value: hosted},
				{Key: "members", Value: bson.A{bson.D{
					{Key: "player_id", Value: player},
					{Key: "team", Value: ""},
					{Key: "status", Value: "joined"},
					{Key: "joined_at", Value: at},
					{Key: "attributes", Value: bson.D{}},
				}}},
				{Key: "seats_held", Value: int32(1)},
				{Key: "free_seats", Value: int32(3)},
				{Key: "version", Value: int64(9)},
				{Key: "created_at", Value: at},
				{Key: "updated_at", Value: at},
				{Key: "ended_at", Value: at},
				{Key: "writes", Value: bson.A{bson.NewObjectID()}},
			}
			if hosted {
				doc = append(doc, bson.E{Key: "host_id", Value: player})
			}
			docs = append(docs, doc)
		}
		_, err := sessions.InsertMany(b.Context(), docs, options.InsertMany().SetOrdered(false))
		must(b, err)
	}
}
