package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/disk"
	sqlite3 "modernc.org/sqlite/lib"

	"game-session-manager/internal/game"
)

const (
	sqliteVersion = "SELECT sqlite_version() FROM sqlite_schema LIMIT 1" // reads the file too
	countPlayers  = "SELECT count(*) FROM (SELECT 1 FROM players WHERE erasing = 0 LIMIT ?)"
	countSessions = "SELECT count(*), coalesce(sum(seats), 0)" +
		" FROM (SELECT seats_held AS seats FROM sessions WHERE status = ? LIMIT ?)"
)

// Ping implements [game.Store]. It returns the facts too when only writes fail, and then "problem" among them says why
// where that is known.
func (s *Store) Ping(ctx context.Context) (game.Facts, error) {
	facts := game.Facts{
		"engine":         "sqlite",
		"file":           filepath.Base(s.path),
		"schema_version": s.version,
		"database_bytes": size(s.path),
		"wal_bytes":      size(s.path + "-wal"),
		"queued_writes":  s.writer.queued(),
	}
	if err := s.writer.check(ctx); err != nil {
		if p := problem(err); p != "" {
			facts["problem"] = p
		}
		return facts, unread(err)
	}
	version, err := s.readers.row(ctx, sqliteVersion)
	if err != nil {
		return facts, unread(err)
	}
	facts["sqlite_version"] = version
	return facts, nil
}

// problem says what operators can do something about.
func problem(err error) string {
	switch {
	case errors.Is(err, ErrLost):
		return err.Error()
	case full(err):
		return "the disk is full: free some space"
	case primary(err) == sqlite3.SQLITE_IOERR:
		return "the disk fails: see the log"
	}
	return ""
}

// Pool returns how many of the connections for reads are in use. There is one more, which writes.
func (s *Store) Pool() game.Pool { return s.readers.pool() }

// Space returns how much of the disk the database takes and what is free. With an error, the disk did not tell what is
// free.
func (s *Store) Space(ctx context.Context) (game.Space, error) {
	space := game.Space{DatabaseBytes: size(s.path), LogBytes: size(s.path + "-wal")}
	dir := filepath.Dir(s.path)
	u, err := disk.UsageWithContext(ctx, dir)
	if err != nil {
		return space, fmt.Errorf("looking at the disk of %s: %w", dir, err)
	}
	space.FreeBytes, space.TotalBytes = int64(u.Free), int64(u.Total) //nolint:gosec // no disk is that large
	return space, nil
}

// size returns the size of a file, 0 for one that is not there. It does not open the file: see lockFile.
func size(path string) int64 {
	_, n, err := statFile(path)
	if err != nil {
		return 0
	}
	return n
}

// Stats implements [game.Store]. It reads indexes only.
func (s *Store) Stats(ctx context.Context, limit int) (game.Stats, error) {
	most := int64(limit)
	stats := game.Stats{Sessions: make(map[game.SessionStatus]int64)}
	if err := s.count(ctx, countPlayers, []any{most + 1}, &stats.Players); err != nil {
		return game.Stats{}, err
	}
	stats.Bounded = stats.Players > most
	stats.Players = min(stats.Players, most)
	for _, status := range game.LiveStatuses() {
		var sessions, seats, more int64
		// The seats are those of the sessions that are counted; whether there is one more is asked only where it
		// matters.
		err := s.count(ctx, countSessions, []any{string(status), most}, &sessions, &seats)
		if err == nil && sessions == most {
			err = s.count(ctx, countSessions, []any{string(status), most + 1}, &more, new(int64))
		}
		if err != nil {
			return game.Stats{}, err
		}
		stats.Sessions[status] = sessions
		stats.Members += seats
		stats.Bounded = stats.Bounded || more > most
	}
	return stats, nil
}

// count reads the one row of a statement that counts.
func (s *Store) count(ctx context.Context, sql string, args []any, to ...any) error {
	return unread(s.readers.rows(ctx, sql, args, func(columns []driver.Value) error {
		return scanAll(columns, to...)
	}))
}
