package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"modernc.org/sqlite"

	"game-session-manager/internal/game"
)

// Statements of lists and counts, for their plans.
var (
	PlayersSQL    = playersSQL
	SessionsSQL   = sessionsSQL
	KeysSQL       = keysSQL
	WebhooksSQL   = webhooksSQL
	DeliveriesSQL = deliveriesSQL
)

const (
	CountPlayers  = countPlayers
	CountSessions = countSessions
	PurgeClaims   = purgeClaims
	PurgeMetrics  = purgeMetrics
	SelectMetrics = selectMetrics
	SelectPlayer  = selectPlayer

	EndedSuspensions = endedSuspensions

	DueSessions   = dueSessions
	SelectPulses  = selectPulses
	EndedSessions = endedSessions
	SelectLeases  = selectLeases
	DueLeases     = dueLeases
	ExportLeases  = exportLeases
	RemoveLease   = removeLease
	DeleteLeases  = deleteLeases

	SelectPlaces   = selectPlaces
	PlaceElsewhere = placeElsewhere
	DeletePlace    = deletePlace

	Departures      = departures
	AuditFeed       = auditFeed
	PurgeAudited    = purgeAudited
	PurgeDepartures = purgeDepartures

	SelectSession = selectSession
	SessionByCode = sessionByCode
	SelectKey     = selectKey
	ExportKeys    = exportKeys

	PlayerByIdentity  = playerByIdentity
	SelectSigningKeys = selectSigningKeys
	SelectWebhook     = selectWebhook
	TrimDeliveries    = trimDeliveries
	PurgeDeliveries   = purgeDeliveries
)

// SearchInSteps has searches read few sessions at a time, so that few are many.
func (s *Store) SearchInSteps() {
	s.sizes = searchSizes{firstWindow: 2, lastWindow: 8, firstRows: 2, lastRows: 8, narrow: 3}
	s.rows.indexFrom = 1
}

// Searched is how documents are found by a field.
type Searched = searched

// How documents are found.
var (
	PlayersSearched  = playersSearched
	SessionsSearched = sessionsSearched
)

// Field returns the name of the field.
func (s searched) Field() string { return s.field }

// Index returns the name of the index, empty for none.
func (s searched) Index() string { return s.index }

// DocsTables returns the tables in docs/data-model.md that are generated, by the words of their markers.
func DocsTables() map[string]string {
	return map[string]string{
		"columns of players": columnTable(playersSearched()), "columns of sessions": columnTable(sessionsSearched()),
	}
}

func columnTable(rows []searched) string {
	var b strings.Builder
	b.WriteString("| filter | column | index | of rows with |\n|---|---|---|---|\n")
	code := func(text, other string) string {
		if text == "" {
			return other
		}
		return "`" + text + "`"
	}
	for _, s := range rows {
		column, index := code(s.column, "a table of its own"), code(s.index, "none")
		switch {
		case s.field == game.FieldJoinable:
			column = "`obstacles`, which is 0"
		case s.column == "":
			index = "its primary key"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.field, column, index, code(s.only, "any value"))
	}
	return b.String()
}

func (t documentTable[D]) name() string { return t.table }

// InspectedTables returns the names of the tables that inspections read.
func InspectedTables() (names []string) {
	for _, t := range inspectedTables() {
		names = append(names, t.(interface{ name() string }).name())
	}
	return names
}

// Tables returns the names of the tables that the migrations create, and whether each has a column with documents.
func Tables(tb testing.TB) map[string]bool {
	tb.Helper()
	scripts, err := migrations()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := connect(tb.Context(), ":memory:")
	if err != nil {
		tb.Fatal(err)
	}
	tables := make(map[string]bool)
	err = errors.Join(migrate(c, 0, scripts), c.rows(tb.Context(),
		"SELECT t.name, d.name IS NOT NULL FROM pragma_table_list t LEFT JOIN pragma_table_info(t.name) d ON d.name = "+
			"'doc' WHERE t.name NOT LIKE 'sqlite_%'", nil,
		func(columns []driver.Value) error {
			var name string
			err := scan(columns[0], &name)
			tables[name] = columns[1] == int64(1)
			return err
		}), c.close())
	if err != nil {
		tb.Fatal(err)
	}
	return tables
}

// OpenWith opens with other migrations than those of the engine.
func OpenWith(ctx context.Context, path string, scripts []string) (*Store, error) {
	return open(ctx, path, Options{}, scripts)
}

// Migrations returns the engine's migrations.
func Migrations() ([]string, error) { return migrations() }

// OnWriter queues a write that calls the function with what runs statements. Its error breaks the batch.
func (s *Store) OnWriter(ctx context.Context, f func(exec func(sql string) error) error) error {
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		return nil, f(func(sql string) error {
			_, err := c.row(sql)
			return err
		})
	})
}

// Queued returns how many writes wait.
func (s *Store) Queued() int { return s.writer.queued() }

// LogBound is the size beyond which the log is drained.
const LogBound = logBound

// LimitPages has SQLite answer as for a full disk when the file is to grow beyond its size and so many pages.
func (s *Store) LimitPages(ctx context.Context, pages int) error {
	limit := fmt.Sprint("PRAGMA max_page_count = ", pages)
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		s.writer.dial = func() (*conn, error) {
			c, err := s.dialWriter(context.Background())
			if err == nil {
				err = c.script(limit)
			}
			return c, err
		}
		return nil, c.script(limit)
	})
}

// WriterPragma returns a setting of the writer's connection.
func (s *Store) WriterPragma(tb testing.TB, name string) (value int64) {
	tb.Helper()
	err := s.writer.do(tb.Context(), func(c *conn) (_ refusal, err error) {
		value, err = c.integer("PRAGMA " + name)
		return nil, err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return value
}

// ReaderPragma returns a setting of a connection that reads.
func (s *Store) ReaderPragma(ctx context.Context, name string) (int64, error) {
	c, err := s.readers.take(ctx)
	if err != nil {
		return 0, err
	}
	defer s.readers.give(c)
	return c.integer("PRAGMA " + name)
}

// Mapped returns how much of the file readers map into memory.
func (s *Store) Mapped(ctx context.Context) (any, error) {
	return s.readers.row(ctx, "PRAGMA mmap_size")
}

// DrainAt has the log drained beyond a size, at which the engine looks after so many writes.
func (s *Store) DrainAt(ctx context.Context, bound int64, every int) error {
	return s.OnWriter(ctx, func(func(string) error) error { // the drainer is its goroutine's
		s.writer.log.bound, s.writer.log.every = bound, every
		return nil
	})
}

// Checkpoint copies the log into the file, and leaves the log as it is.
func (s *Store) Checkpoint(ctx context.Context) error {
	// In a transaction SQLite refuses.
	c, err := s.dialWriter(ctx)
	if err != nil {
		return err
	}
	return errors.Join(c.script("PRAGMA wal_checkpoint(PASSIVE)"), c.close())
}

// Look has writes look at the files, or not.
func (s *Store) Look(yes bool) {
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	s.file.watched = yes
}

// LookOnce looks at the files.
func (s *Store) LookOnce() error { return s.file.look() }

// Explain says what a failure to open the file means.
func Explain(err error, path string) error { return explain(err, path) }

// ListForever reads a list that never ends.
func (s *Store) ListForever(ctx context.Context) error {
	b := selection{table: "players", from: "players d CROSS JOIN (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT " +
		"i + 1 FROM n) SELECT i FROM n) e", id: "d.id"}
	b.where("e.i < 5")
	sql, args := page("", 10, b)
	return s.readers.rows(ctx, sql, args, func([]driver.Value) error { return nil })
}

// TakeReaders takes all connections that read, and returns what gives them back.
func (s *Store) TakeReaders(tb testing.TB) (giveBack func()) {
	tb.Helper()
	taken := make([]*conn, cap(s.readers.free))
	for i := range taken {
		c, err := s.readers.take(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		taken[i] = c
	}
	return func() {
		for _, c := range taken {
			s.readers.give(c)
		}
	}
}

// Plan returns the steps of SQLite's plan for a statement.
func (s *Store) Plan(ctx context.Context, sql string, args ...any) ([]string, error) {
	var steps []string
	err := s.readers.rows(ctx, "EXPLAIN QUERY PLAN "+sql, args, func(columns []driver.Value) error {
		step, _ := columns[3].(string)
		steps = append(steps, step)
		return nil
	})
	return steps, err
}

var _ game.Store = (*Store)(nil)

// Coded returns a document after it was encoded and decoded.
func Coded[D any](document D) (read D, err error) {
	text, err := newCodec().encode(document)
	if err == nil {
		err = newCodec().decode(text, &read)
	}
	return read, err
}

// LiveRows returns how many rows of live sessions are in memory, -1 if they are not.
func (s *Store) LiveRows() int {
	s.rows.mu.RLock()
	defer s.rows.mu.RUnlock()
	if s.rows.ready == nil {
		return -1
	}
	return len(s.rows.ready.slots)
}

// LiveFreeSeats returns the free seats in the row of a session.
func (s *Store) LiveFreeSeats(id game.SessionID) int {
	s.rows.mu.RLock()
	defer s.rows.mu.RUnlock()
	parsed, _ := liveIDOf(string(id))
	return int(s.rows.ready.at(s.rows.ready.slots[parsed]).freeSeats)
}

// LimitLiveRows sets the maximum number of rows.
func (s *Store) LimitLiveRows(n int) { s.rows.max = n }

// IndexLiveRows has rows indexed however few they are, as long as they and their indexes fit into so many bytes.
func (s *Store) IndexLiveRows(room int64) { s.rows.indexFrom, s.rows.room = 1, room }

// LiveIndexed reports whether all indexes of rows are complete.
func (s *Store) LiveIndexed() bool {
	s.rows.mu.RLock()
	defer s.rows.mu.RUnlock()
	return s.rows.ready != nil && s.liveIndexes() == len(s.rows.ready.indexes)
}

// LiveIndexes returns the number of complete indexes of rows.
func (s *Store) LiveIndexes() int {
	s.rows.mu.RLock()
	defer s.rows.mu.RUnlock()
	return s.liveIndexes()
}

func (s *Store) liveIndexes() (n int) {
	if s.rows.ready == nil {
		return 0
	}
	for _, x := range s.rows.ready.indexes {
		if x.slots == math.MaxInt {
			n++
		}
	}
	return n
}

// HasLiveIndex reports whether rows have an index by a field.
func (s *Store) HasLiveIndex(field string) bool {
	s.rows.mu.RLock()
	defer s.rows.mu.RUnlock()
	_, has := s.rows.ready.indexes[liveOrderKey{first: field}]
	return has
}

// LookedAt returns how many rows are looked at for the first n in an order.
func (s *Store) LookedAt(orders []game.Order, n int) (rows int) {
	o, _ := rowOrderOf(orders)
	s.rows.first(o, func(*liveRow) truth { rows++; return yes }, nil, n)
	return rows
}

// DropLiveRows forgets the rows.
func (s *Store) DropLiveRows() { s.rows.drop() }

// CompareMemory has each document that is read from memory compared with the file, and calls the function if they
// differ.
func (s *Store) CompareMemory(differ func(what string)) {
	s.memory.verify = func(key documentKey, e *remembered) {
		stored, err := s.readers.row(context.Background(), "SELECT doc FROM "+key.table+" WHERE id = ?", key.id)
		if err != nil {
			return // the store is being closed, or is broken on purpose
		}
		read, found := any(nil), stored != nil
		if found {
			read = s.decodedIn(key.table, stored)
		}
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		if now, _ := s.memory.entries.Peek(key); now == e && !reflect.DeepEqual(read, e.doc) {
			differ(fmt.Sprintf("%s %s is in memory as\n%+v\nand in the file as\n%+v", key.table, key.id, e.doc, read))
		}
	}
}

func (s *Store) decodedIn(table string, stored any) any {
	if table == playersTableName {
		p, _ := playerKind().decode(s, stored)
		return &p
	}
	v, _ := sessionKind().decode(s, stored)
	return &v
}

// HideFromMemory has a function make writes of which the memory does not learn.
func (s *Store) HideFromMemory(tb testing.TB, write func()) {
	tb.Helper()
	hook := func(set sqlite.PreUpdateHookFn) {
		err := s.writer.do(tb.Context(), func(c *conn) (refusal, error) {
			hooks, ok := c.driver.(sqlite.HookRegisterer)
			if !ok {
				return nil, errUnplanned
			}
			if set == nil {
				set = c.notice
			}
			hooks.RegisterPreUpdateHook(set)
			return nil, nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	hook(func(sqlite.SQLitePreUpdateData) {})
	defer hook(nil)
	write()
}

// Remembers reports whether a document is in memory, and whether it is decoded.
func (s *Store) Remembers(table, id string) (there, decoded bool) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	e, there := s.memory.entries.Peek(documentKey{table, id})
	return there, there && e.doc != nil
}

// TrustFor is for how long memory is relied on.
const TrustFor = trustFor

// ForgetMemory has all documents read from the file.
func (s *Store) ForgetMemory() { s.memory.forgetAll() }

// MemoryBytes adds up what the documents in memory take.
func (s *Store) MemoryBytes() (n int64) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	for _, e := range s.memory.entries.Values() {
		n += e.bytes
	}
	return n
}

// BeginRead begins a read of the file that has found the player. It returns nil if what it finds must not be kept, and
// otherwise what ends the read and reports whether the player is in memory then.
func (s *Store) BeginRead(p game.Player) (end func() bool) {
	key := documentKey{playersTableName, string(p.ID)}
	_, fill := s.memory.look(key)
	if fill == 0 {
		return nil
	}
	return func() bool {
		s.memory.keep(key, fill, entryOf(playerKind(), p))
		s.memory.mu.Lock()
		defer s.memory.mu.Unlock()
		e, _ := s.memory.entries.Peek(key)
		return e != nil && e.doc != nil
	}
}

// BeginCommit begins a commit that changes a player.
func (s *Store) BeginCommit(p game.Player) (end func()) {
	t := transaction{documentKey{playersTableName, string(p.ID)}: ""}
	s.memory.begin(t)
	return func() { s.memory.end(t) }
}

// Script runs statements that nobody prepares, as a write.
func (s *Store) Script(ctx context.Context, sql string) error {
	return s.writer.do(ctx, func(c *conn) (refusal, error) { return nil, c.script(sql) })
}
