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
	countPlayers  = "SELECT count(*) FROM players WHERE erasing = 0"
	countSessions = "SELECT status, count(*), sum(seats_held) FROM sessions GROUP BY project, status"
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
		return "the disk fails: the log tells how"
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
	_, n, err := glance(path)
	if err != nil {
		return 0
	}
	return n
}

// Stats implements [game.Store]. It reads indexes only.
func (s *Store) Stats(ctx context.Context) (game.Stats, error) {
	stats := game.Stats{Sessions: make(map[game.SessionStatus]int64)}
	for _, status := range game.SessionStatuses() {
		stats.Sessions[status] = 0
	}
	err := s.readers.rows(ctx, countPlayers, nil, func(columns []driver.Value) error {
		return scan(columns[0], &stats.Players)
	})
	if err != nil {
		return game.Stats{}, unread(err)
	}
	err = s.readers.rows(ctx, countSessions, nil, func(columns []driver.Value) error {
		var status string
		var sessions, seats int64
		for i, to := range []any{&status, &sessions, &seats} {
			if err := scan(columns[i], to); err != nil {
				return err
			}
		}
		stats.Sessions[game.SessionStatus(status)] += sessions
		if !game.SessionStatus(status).Terminal() {
			stats.Members += seats
		}
		return nil
	})
	if err != nil {
		return game.Stats{}, unread(err)
	}
	return stats, nil
}
