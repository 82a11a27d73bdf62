package sqlitestore_test

import (
	stdcmp "cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/sqlitestore"
)

// beside opens the file as another program would.
func beside(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_busy_timeout=5000")
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.ExecContext(t.Context(), s)
		must(t, err)
	}
}

// wantRefusal opens a file that must be refused, with an error that is the target and has the words.
func wantRefusal(t *testing.T, path string, target error, words ...string) {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	if err == nil {
		must(t, s.Close())
	}
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error %q does not say %q", err, w)
		}
	}
}

func TestOpenTwice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	wantRefusal(t, path, sqlitestore.ErrLocked, "another gsm", path)
	must(t, os.Symlink(path, path+"-link"))
	wantRefusal(t, path+"-link", sqlitestore.ErrLocked, "another gsm")
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	must(t, s.Close())
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
	openTest(t, path+"-link")
}

// TestOpenLinkToNothing opens one file by links to it, which are there before it is.
func TestOpenLinkToNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	real := filepath.Join(dir, "a", "data")
	must(t, os.MkdirAll(real, 0o700))
	must(t, os.Symlink(filepath.Join("a", "data"), filepath.Join(dir, "linked")))
	must(t, os.Symlink("../gsm.db", filepath.Join(real, "up.db"))) // above the directory that linked leads to
	link := filepath.Join(dir, "gsm.db")
	must(t, os.Symlink(filepath.Join("linked", "up.db"), link))
	openTest(t, link)
	for _, path := range []string{link, filepath.Join(dir, "linked", "up.db"), filepath.Join(dir, "a", "gsm.db")} {
		wantRefusal(t, path, sqlitestore.ErrLocked, "another gsm", filepath.Join(dir, "a", "gsm.db"))
	}
}

func TestOpenForeignFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	text := filepath.Join(dir, "notes.txt")
	must(t, os.WriteFile(text, []byte(strings.Repeat("Not a database.\n", 100)), 0o600))
	wantRefusal(t, text, sqlitestore.ErrForeignFile, text, "choose another file")

	other := filepath.Join(dir, "other.db")
	execute(t, beside(t, other), "CREATE TABLE accounts (id INTEGER)")
	before, err := os.ReadFile(other)
	must(t, err)
	wantRefusal(t, other, sqlitestore.ErrForeignFile, other, "another program")
	after, err := os.ReadFile(other)
	must(t, err)
	if d := cmp.Diff(before, after); d != "" {
		t.Error("the file of another program was changed")
	}
}

func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	must(t, openTest(t, path).Close())
	execute(t, beside(t, path), "PRAGMA user_version = 99")
	wantRefusal(t, path, sqlitestore.ErrNewerSchema, "99", "restore a backup")
}

func TestOpenImpossiblePaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	wantRefusal(t, filepath.Join(dir, "missing", "gsm.db"), fs.ErrNotExist, "create it first")
	wantRefusal(t, dir, syscall.EISDIR, dir+" is a directory: name a file in it")
	circle := filepath.Join(dir, "circle")
	must(t, os.Symlink("circle", circle))
	wantRefusal(t, circle, syscall.ELOOP, "circle")
	closed := filepath.Join(dir, "closed")
	must(t, os.Mkdir(closed, 0o500))
	if os.Geteuid() != 0 { // root may write anywhere
		wantRefusal(t, filepath.Join(closed, "gsm.db"), fs.ErrPermission, "no permission")
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for cause, sentence := range map[error]string{
		syscall.EROFS: "the file system of /data is read-only: mount it for writing, or choose a file elsewhere: " +
			"read-only file system",
		syscall.EISDIR: "/data/gsm.db is a directory: name a file in it, as in /data/gsm.db/gsm.db: is a directory",
		syscall.ENOENT: "the directory /data does not exist: create it first: no such file or directory",
		syscall.EIO:    "open /data/gsm.db: input/output error",
	} {
		err := sqlitestore.Explain(&fs.PathError{Op: "open", Path: "/data/gsm.db", Err: cause}, "/data/gsm.db")
		if err.Error() != sentence || !errors.Is(err, cause) {
			t.Errorf("got %q, want %q", err, sentence)
		}
	}
}

func TestOpenOddPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "what? a 100% #odd näme&mode=memory.db")
	s := openTest(t, path)
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.Close())
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	_, err := openTest(t, path).Player(t.Context(), project, p.ID)
	must(t, err)
}

// ofVersion returns the path of an empty database as the first migrations leave it.
func ofVersion(t *testing.T, version int) string {
	t.Helper()
	scripts, err := sqlitestore.Migrations()
	must(t, err)
	path := filepath.Join(t.TempDir(), "gsm.db")
	s, err := sqlitestore.OpenWith(t.Context(), path, scripts[:version])
	must(t, err)
	must(t, s.Close())
	return path
}

// A database that lacks an index which the next migration replaces is migrated all the same.
func TestMigrateWithoutAnIndex(t *testing.T) {
	t.Parallel()
	path := ofBefore(t, "CREATE INDEX sessions_by_mode ON sessions (project, mode, status")
	db := beside(t, path)
	execute(t, db, "DROP INDEX sessions_by_mode")
	must(t, db.Close())
	openTest(t, path)
}

// ofBefore returns the path of an empty database as it was before the first migration with the text.
func ofBefore(t *testing.T, text string) string {
	t.Helper()
	scripts, err := sqlitestore.Migrations()
	must(t, err)
	version := slices.IndexFunc(scripts, func(s string) bool { return strings.Contains(s, text) })
	if version < 0 {
		t.Fatalf("no migration has %q", text)
	}
	return ofVersion(t, version)
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	must(t, os.WriteFile(path, nil, 0o600)) // an empty file is version 0
	first, err := sqlitestore.Migrations()
	must(t, err)
	s, err := sqlitestore.OpenWith(t.Context(), path, first)
	must(t, err)
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))
	must(t, s.Close())

	broken := append(first[:len(first):len(first)],
		"CREATE TABLE half (id TEXT) STRICT; INSERT INTO players (id) VALUES ('no document');")
	if _, err = sqlitestore.OpenWith(t.Context(), path, broken); err == nil {
		t.Fatal("a broken migration was made")
	}
	wantSchema(t, path, int64(len(first)), 0)

	second := append(first[:len(first):len(first)],
		"CREATE TABLE half (id TEXT) STRICT; UPDATE players SET version = version + 1;",
		"CREATE INDEX halves ON half (id);")
	s, err = sqlitestore.OpenWith(t.Context(), path, second)
	must(t, err)
	facts, err := s.Ping(t.Context())
	must(t, err)
	if facts["schema_version"] != len(second) {
		t.Errorf("the schema has version %v, want %d", facts["schema_version"], len(second))
	}
	_, err = s.Player(t.Context(), project, p.ID)
	must(t, err)
	must(t, s.Close())
	wantSchema(t, path, int64(len(second)), 2)

	if _, err = sqlitestore.OpenWith(t.Context(), path, first); !errors.Is(err, sqlitestore.ErrNewerSchema) {
		t.Errorf("got error %v, want %v", err, sqlitestore.ErrNewerSchema)
	}
}

// TestMigrateFromEachVersion opens the database that each earlier gsm has left.
func TestMigrateFromEachVersion(t *testing.T) {
	t.Parallel()
	scripts, err := sqlitestore.Migrations()
	must(t, err)
	generated := slices.IndexFunc(scripts, func(s string) bool { return strings.Contains(s, "GENERATED ALWAYS") })
	for version := 1; version < len(scripts); version++ {
		path := ofVersion(t, version)
		p, earlier := benchPlayer(), benchKey()
		if version < sweepsSince {
			earlierPlayers(t, path, p.ID)
		}
		if version < timesSince {
			earlierSessions(t, path, version)
		}
		hasKey := version >= 3 && version <= generated
		if hasKey {
			earlierKey(t, path, earlier)
		}
		s := openTest(t, path)
		if hasKey {
			keys, err := s.Keys(t.Context(), game.KeyQuery{Project: project, Limit: 2})
			must(t, err)
			if len(keys) != 1 || keys[0].ID != earlier.ID {
				t.Errorf("from version %d: got keys %v, want %s", version, keys, earlier.ID)
			}
			next := earlier
			next.Version++
			must(t, s.ReplaceKey(t.Context(), earlier, next))
			if err := s.DeleteKey(t.Context(), earlier); !errors.Is(err, game.ErrStale) {
				t.Errorf("from version %d: got error %v, want %v", version, err, game.ErrStale)
			}
		}
		if version < sweepsSince {
			_, err = s.Player(t.Context(), project, p.ID)
			must(t, err)
			wantSweeps(t, s)
		}
		if version < timesSince {
			wantLives(t, s)
			wantTimes(t, s)
		}
		m := game.MetricsSample{At: p.CreatedAt, Replica: "r", ExpiresAt: p.CreatedAt}
		must(t, s.AppendMetrics(t.Context(), m))
		n, err := s.PurgeMetrics(t.Context(), m.ExpiresAt, 10)
		must(t, err)
		if n != 1 {
			t.Errorf("purged %d samples, want 1", n)
		}
		k := benchKey()
		must(t, s.CreateKey(t.Context(), k))
		must(t, s.CreateSigningKey(
			t.Context(), game.SigningKey{ID: "kid", CreatedAt: p.CreatedAt, ExpiresAt: p.CreatedAt},
		))
		_, err = s.Key(t.Context(), k.ID)
		must(t, err)
		must(t, s.PutTaskLease(t.Context(), game.TaskLease{Name: "work"}, game.TaskLease{Name: "work", Generation: 1}))
	}
}

// sweepsSince is the version from which on players have columns for what background work looks for.
const sweepsSince = 4

// earlierPlayers stores players as they were before version 4: one who is active, suspended ones, and marks of
// erasures.
func earlierPlayers(t *testing.T, path string, active game.PlayerID) {
	t.Helper()
	db := beside(t, path)
	for _, p := range []struct {
		id, status string
		erasing    int
		rest       string
	}{
		{string(active), "active", 0, ""},
		{"suspended", "suspended", 0, ""},
		{"suspended-until", "suspended", 0, `,"suspended_until":"2026-03-01T12:00:00.007Z"`},
		{"suspended-later", "suspended", 0, `,"suspended_until":"2026-03-01T12:00:01Z"`},
		{"unswept", "", 1, `,"erasing_since":"2026-03-01T12:00:00Z"`},
		{"swept", "", 1, `,"erasing_since":"2026-03-01T12:00:00Z","seats_swept":true`},
	} {
		doc := fmt.Sprintf(`{"id":%q,"project":%q,"status":%q,"identities":{},"attributes":{},"version":1%s}`,
			p.id, project, p.status, p.rest)
		_, err := db.ExecContext(t.Context(),
			"INSERT INTO players (id, project, version, status, erasing, doc) VALUES (?, ?, 1, ?, ?, ?)",
			p.id, project, p.status, p.erasing, doc)
		must(t, err)
	}
	must(t, db.Close())
}

// livesSince is the version from which on rows of members and attributes tell whether their session is live.
const livesSince = 8

// earlierSessions stores a session of each status, whose id it is, as the schema version has it. The one that is
// starting has a host.
func earlierSessions(t *testing.T, path string, version int) {
	t.Helper()
	db := beside(t, path)
	for _, status := range game.SessionStatuses() {
		doc := fmt.Sprintf(`{"id":%q,"project":%q,"status":%q,"visibility":"public","max_players":2,"version":1,`+
			`"attributes":{"level":1},"members":[{"player_id":"member"}],"created_at":"2026-03-01T12:00:00.007Z",`+
			`"bans":[{"player_id":"forever","until":null},{"player_id":"banned","until":"2026-03-01T12:35:00.5Z"}],`+
			`"updated_at":"2026-03-01T12:34:56.789Z"`, status, project, status)
		var host any
		if status.Terminal() {
			doc += `,"end_reason":"completed","ended_at":"2026-03-01T12:34:56.789Z"`
		} else if status == game.StatusStarting {
			host = "member"
			doc += `,"host_id":"member"`
		}
		doc += "}"
		_, err := db.ExecContext(t.Context(), `INSERT INTO sessions
			(id, project, version, status, mode, map, region, visibility, host_id, free_seats, seats_held, doc)
			VALUES (?, ?, 1, ?, '', '', '', 'public', ?, 1, 1, ?)`, status, project, status, host, doc)
		must(t, err)
	}
	live, isLive := "", ""
	if version >= livesSince {
		live, isLive = "live, ", "status NOT IN ('ended', 'cancelled', 'expired', 'failed'), "
	}
	execute(t, db,
		"INSERT INTO members (player_id, "+live+"session_id) SELECT 'member', "+isLive+"id FROM sessions",
		"INSERT INTO attributes (project, key, value, "+live+"session_id) SELECT project, 'level', 1.0, "+isLive+
			"id FROM sessions")
	must(t, db.Close())
}

// wantLives reports sessions of [earlierSessions] that lists do not find, or find twice.
func wantLives(t *testing.T, s *sqlitestore.Store) {
	t.Helper()
	for _, w := range []game.Where{
		{game.Is(game.FieldMember, "member")},
		game.AttributeFilter{"level": {game.NumberValue(1)}}.Where(),
		{game.Is(game.FieldNamed, "forever")},
		{game.Is(game.FieldNamed, "banned")},
	} {
		list := func(w game.Where) []game.Session {
			t.Helper()
			found, err := s.Sessions(t.Context(), game.SessionQuery{Project: project, Where: w, Limit: 100})
			must(t, err)
			return found.Items
		}
		if n, want := len(list(w)), len(game.SessionStatuses()); n != want {
			t.Errorf("by %v %d sessions are found, want %d", w, n, want)
		}
		for _, status := range game.SessionStatuses() {
			found := list(append(slices.Clip(w), game.Is(game.FieldStatus, status)))
			if len(found) != 1 || found[0].ID != game.SessionID(status) {
				t.Errorf("by %v %v are found, want the one that is %s", w, found, status)
			}
		}
	}
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("the migration left %v", f) }))
}

// timesSince is the version from which on sessions have settings about time.
const timesSince = 9

// wantTimes reports live sessions of [earlierSessions] without the default settings about time, and sessions that are
// not found for what time does to them.
func wantTimes(t *testing.T, s *sqlitestore.Store) {
	t.Helper()
	found, err := s.Sessions(t.Context(), game.SessionQuery{Project: project, Limit: 100})
	must(t, err)
	brief, err := s.Sessions(t.Context(), game.SessionQuery{Project: project, Limit: 100, Brief: true})
	must(t, err)
	var wanted []game.DueSession
	for i, v := range found.Items {
		if d := cmp.Diff(v.Pulse(), brief.Items[i].Pulse()); d != "" || brief.Items[i].Timeouts != v.Timeouts {
			t.Errorf("the %s session is another one in brief: %+v\n%s", v.Status, brief.Items[i].Timeouts, d)
		}
		settings := game.DefaultTimeouts()
		if !v.Hosted {
			settings.EmptyTimeout = 0
		}
		if v.Timeouts != settings || v.Fence != 1 || v.Liveness != game.Live || v.Leased {
			t.Errorf("the %s session has %+v, fence %d, %s", v.Status, v.Timeouts, v.Fence, v.Liveness)
		}
		if v.Status.Terminal() {
			continue
		}
		wanted = append(wanted, game.DueSession{Project: project, ID: v.ID, DueAt: *v.NextDue()})
		pulses, err := s.Pulses(t.Context(), project, []game.SessionID{v.ID})
		must(t, err)
		if d := cmp.Diff([]game.Pulse{v.Pulse()}, pulses); d != "" {
			t.Error(d)
		}
	}
	slices.SortFunc(wanted, func(a, b game.DueSession) int {
		return stdcmp.Or(a.DueAt.Compare(b.DueAt), strings.Compare(string(a.ID), string(b.ID)))
	})
	due, err := s.DueSessions(t.Context(), time.Now().AddDate(100, 0, 0), game.DueSession{}, 100)
	must(t, err)
	if d := cmp.Diff(wanted, due); d != "" {
		t.Error(d)
	}
	n, err := s.PurgeSessions(t.Context(), time.Now().AddDate(100, 0, 0), 100)
	must(t, err)
	if n+len(wanted) != len(found.Items) {
		t.Errorf("%d of %d sessions were purged, and %d are live", n, len(found.Items), len(wanted))
	}
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("the purge left %v", f) }))
}

// TestMigrateUnreadable migrates documents that are no JSON, which must not keep the server from starting.
func TestMigrateUnreadable(t *testing.T) {
	t.Parallel()
	path := ofVersion(t, timesSince-1)
	earlierSessions(t, path, timesSince-1)
	db := beside(t, path)
	execute(t, db, "UPDATE sessions SET doc = '{' WHERE id IN ('open', 'ended')")
	must(t, db.Close())
	s := openTest(t, path)
	found, err := s.Sessions(t.Context(), game.SessionQuery{Project: project, Limit: 100})
	must(t, err)
	if want := []string{"open", "ended"}; !slices.Equal(found.Unreadable, want) {
		t.Errorf("unreadable are %v, want %v", found.Unreadable, want)
	}
	var told []string
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) { told = append(told, f.ID+" "+f.Problem) }))
	if want := []string{"ended cannot be read", "open cannot be read"}; !slices.Equal(told, want) {
		t.Errorf("found %q, want %q", told, want)
	}
}

// earlierKey stores an API key as it was before its columns were generated.
func earlierKey(t *testing.T, path string, k game.Key) {
	t.Helper()
	db := beside(t, path)
	doc, err := json.Marshal(k)
	must(t, err)
	if _, err = db.ExecContext(t.Context(), "INSERT INTO api_keys (id, project, version, doc) VALUES (?, ?, ?, ?)",
		k.ID, k.Project, k.Version, string(doc)); err != nil {
		t.Fatal(err)
	}
	must(t, db.Close())
}

// wantSweeps reports players of [earlierPlayers] who are not found for what is to be done with them.
func wantSweeps(t *testing.T, s *sqlitestore.Store) {
	t.Helper()
	found, err := s.Players(t.Context(), game.PlayerQuery{Sweeping: true, Limit: 10})
	must(t, err)
	var sweeps []game.PlayerID
	for _, p := range found.Items {
		sweeps = append(sweeps, p.ID)
		if p.SweepSince == nil || time.Since(*p.SweepSince) > time.Hour {
			t.Errorf("the seats of %s are swept since %v", p.ID, p.SweepSince)
		}
	}
	want := []game.PlayerID{"unswept", "suspended-until", "suspended-later", "suspended"}
	if !slices.Equal(sweeps, want) {
		t.Errorf("the seats of %v are to be swept, want %v", sweeps, want)
	}
	ended, err := s.EndedSuspensions(t.Context(), time.Date(2026, time.March, 1, 12, 0, 0, 7e6, time.UTC), 10)
	must(t, err)
	if len(ended) != 1 || ended[0].ID != "suspended-until" {
		t.Errorf("suspensions that have ended are %v", ended)
	}
	must(t, s.Inspect(t.Context(), false, func(f game.Finding) { t.Errorf("the migration left %v", f) }))
}

// wantSchema reports another schema version, or another number of tables and indexes that belong to table half.
func wantSchema(t *testing.T, path string, version, halves int64) {
	t.Helper()
	db := beside(t, path)
	var gotVersion, gotHalves int64
	must(t, db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&gotVersion))
	must(t, db.QueryRowContext(
		t.Context(), "SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'half'",
	).Scan(&gotHalves))
	if gotVersion != version || gotHalves != halves {
		t.Errorf("the schema has version %d and %d halves, want %d and %d", gotVersion, gotHalves, version, halves)
	}
	must(t, db.Close())
}

// TestBesideOthers has another program read and write the file of an open store.
func TestBesideOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gsm.db")
	s := openTest(t, path)
	p := benchPlayer()
	must(t, s.CreatePlayer(t.Context(), p))

	db := beside(t, path)
	var n int
	must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM players").Scan(&n))
	if n != 1 {
		t.Errorf("another program sees %d players, want 1", n)
	}
	execute(t, db, "BEGIN IMMEDIATE", "UPDATE players SET doc = json_set(doc, '$.display_name', 'beside')")
	waits := make(chan error, 1)
	go func() { waits <- s.CreatePlayer(t.Context(), benchPlayer()) }()
	got, err := s.Player(t.Context(), project, p.ID)
	must(t, err)
	if got.DisplayName != p.DisplayName {
		t.Error("what another program has not committed was read")
	}
	execute(t, db, "COMMIT")
	must(t, <-waits)
	got, err = s.Player(t.Context(), project, p.ID)
	must(t, err)
	if got.DisplayName != "beside" {
		t.Error("what another program has committed was not read")
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "gsm.db"))
	must(t, s.CreatePlayer(t.Context(), benchPlayer()))
	facts, err := s.Ping(t.Context())
	must(t, err)
	version, _ := facts["sqlite_version"].(string)
	if !strings.HasPrefix(version, "3.") {
		t.Errorf("sqlite_version is %q", version)
	}
	for _, name := range []string{"database_bytes", "wal_bytes"} {
		if n, _ := facts[name].(int64); n < 4096 {
			t.Errorf("%s is %v", name, facts[name])
		}
	}
	delete(facts, "sqlite_version")
	delete(facts, "database_bytes")
	delete(facts, "wal_bytes")
	scripts, err := sqlitestore.Migrations()
	must(t, err)
	wanted := game.Facts{"engine": "sqlite", "file": "gsm.db", "schema_version": len(scripts), "queued_writes": 0}
	if d := cmp.Diff(wanted, facts); d != "" {
		t.Error(d)
	}
}

// TestCache adds up what connections may keep of the file.
func TestCache(t *testing.T) {
	t.Parallel()
	const cache = 8 << 20
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "gsm.db"), sqlitestore.Options{Cache: cache})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	writer := s.WriterPragma(t, "cache_size")
	reader, err := s.ReaderPragma(t.Context(), "cache_size")
	must(t, err)
	const page = 8 << 10 // as the allocator rounds it
	if all := page * (writer + reader*s.Pool().Idle); writer < 1 || reader < 1 || all > cache || all < cache/2 {
		t.Errorf("the writer has %d pages and each of %d readers %d: %d bytes", writer, s.Pool().Idle, reader, all)
	}
}
