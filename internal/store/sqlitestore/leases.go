package sqlitestore

import (
	"context"
	"database/sql/driver"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"game-session-manager/internal/game"
)

const (
	leaseColumns = "id, project, state, fence, beat_at, due_at"

	selectLeases = "SELECT " + leaseColumns + " FROM leases WHERE id IN (SELECT value FROM json_each(?))"
	dueLeases    = "SELECT " + leaseColumns + " FROM leases WHERE due_at <= ? AND (due_at, id) > (?, ?) " +
		"ORDER BY due_at, id LIMIT ?"
	exportLeases = "SELECT " + leaseColumns + " FROM leases WHERE id > ? ORDER BY id LIMIT ?"

	// The rows stand between these.
	renewLeases = "INSERT INTO leases (" + leaseColumns + ") VALUES "
	renewed     = ` ON CONFLICT (id) DO UPDATE SET project = excluded.project, state = excluded.state,
		fence = excluded.fence, beat_at = max(beat_at, excluded.beat_at), due_at = excluded.due_at
		WHERE state <> 'expired' AND fence <= excluded.fence`

	updateLease = "UPDATE leases SET project = ?, state = ?, fence = ?, beat_at = ?, due_at = ? WHERE " + leaseRead
	removeLease = "DELETE FROM leases WHERE " + leaseRead
	leaseRead   = "id = ? AND state = ? AND fence = ? AND beat_at = ?"
	leaseExists = "SELECT 1 FROM leases WHERE id = ?"

	// Those of a session and of its members: the next byte after / is 0.
	deleteLeases = "DELETE FROM leases WHERE id >= ?1 AND id < ?1 || '0' AND (id = ?1 OR id > ?1 || '/')"
)

// Leases implements [game.LeaseStore].
func (s *Store) Leases(ctx context.Context, ids []game.LeaseID) ([]game.Lease, error) {
	return gather(ctx, s, selectLeases, []any{jsonList(ids)}, readLease)
}

// jsonList returns a list of ids as one argument of a statement, which is the same for every number of ids.
func jsonList[I ~string](ids []I) string {
	if ids == nil {
		ids = []I{}
	}
	b, err := json.Marshal(ids, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic("sqlitestore: ids cannot be encoded: " + err.Error()) // a list of strings can
	}
	return string(b)
}

func readLease(columns []driver.Value) (l game.Lease, err error) {
	var id, project, state string
	var beat, due int64
	err = scanAll(columns, &id, &project, &state, &l.Fence, &beat, &due)
	session, player, _ := strings.Cut(id, "/")
	l.Project, l.State = game.ProjectID(project), game.LeaseState(state)
	l.Session, l.Player = game.SessionID(session), game.PlayerID(player)
	l.BeatAt, l.DueAt = time.UnixMilli(beat).UTC(), time.UnixMilli(due).UTC()
	return l, err
}

// leaseValues returns the columns of a lease without its id.
func leaseValues(l *game.Lease) []any {
	return []any{string(l.Project), string(l.State), l.Fence, l.BeatAt.UnixMilli(), l.DueAt.UnixMilli()}
}

// RenewLeases implements [game.LeaseStore].
func (s *Store) RenewLeases(ctx context.Context, leases []game.Lease) ([]bool, error) {
	const columns = 6
	values := make([]any, 0, columns*len(leases))
	for i := range leases {
		values = append(append(values, string(leases[i].ID())), leaseValues(&leases[i])...)
	}
	results := make([]bool, len(leases))
	err := s.writer.do(ctx, func(c *conn) (refusal, error) {
		done := 0
		return nil, inParts(len(leases), func(n int) error {
			part := values[columns*done : columns*(done+n)]
			done += n
			return c.renew(part, results[done-n:done])
		})
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// renew renews the leases of as many rows as there are results. Nobody else writes meanwhile, and to renew a lease
// twice is to renew it once, unless that closes it: where not all rows were written, each is tried alone.
func (c *conn) renew(rows []any, results []bool) error {
	columns := len(rows) / len(results)
	closes := false
	for i := 2; i < len(rows); i += columns {
		closes = closes || rows[i] == string(game.LeaseExpired)
	}
	if !closes && len(results) > 1 {
		n, err := c.exec(rowsOf(renewLeases, columns, len(results))+renewed, rows...)
		if err != nil {
			return err
		}
		if n == int64(len(results)) {
			for i := range results {
				results[i] = true
			}
			return nil
		}
	}
	one := rowsOf(renewLeases, columns, 1) + renewed
	for i := range results {
		n, err := c.exec(one, rows[columns*i:columns*(i+1)]...)
		if err != nil {
			return err
		}
		results[i] = n > 0
	}
	return nil
}

// leaseCondition returns the arguments of leaseRead.
func leaseCondition(l *game.Lease) []any {
	return []any{string(l.ID()), string(l.State), l.Fence, l.BeatAt.UnixMilli()}
}

// ReplaceLease implements [game.LeaseStore].
func (s *Store) ReplaceLease(ctx context.Context, old, next game.Lease) error {
	args := append(leaseValues(&next), leaseCondition(&old)...)
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		n, err := c.exec(updateLease, args...)
		return refuseIf(n == 0 && err == nil, game.ErrStale), err
	})
}

// DeleteLease implements [game.LeaseStore].
func (s *Store) DeleteLease(ctx context.Context, old game.Lease) error {
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		return c.change(nil, leaseExists, []any{string(old.ID())}, removeLease, leaseCondition(&old)...)
	})
}

// DueLeases implements [game.LeaseStore].
func (s *Store) DueLeases(ctx context.Context, now time.Time, after game.Lease, limit int) ([]game.Lease, error) {
	return gather(ctx, s, dueLeases, []any{
		now.UnixMilli(), after.DueAt.UnixMilli(), string(after.ID()), int64(limit),
	}, readLease)
}

// ExportLeases implements [game.ExportStore].
func (s *Store) ExportLeases(ctx context.Context, after game.LeaseID, limit int) ([]game.Lease, error) {
	return gather(ctx, s, exportLeases, []any{string(after), int64(limit)}, readLease)
}
