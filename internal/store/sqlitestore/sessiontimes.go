package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"time"

	"game-session-manager/internal/game"
)

const (
	dueSessions = "SELECT project, id, due_at FROM sessions WHERE due_at IS NOT NULL AND due_at <= ? AND " +
		"(due_at, id) > (?, ?) ORDER BY due_at, id LIMIT ?"
	selectPulses = "SELECT id, version, updated_at, pulse FROM sessions WHERE id IN (SELECT value FROM json_each(?)) " +
		"AND project = ?"
	endedSessions = "SELECT id, version, doc FROM sessions WHERE ended_at IS NOT NULL AND ended_at < ? " +
		"ORDER BY ended_at, id LIMIT ?"
	purgeSession  = "DELETE FROM sessions WHERE id = ? AND version = ?"
	deleteSession = "DELETE FROM sessions WHERE id = ? AND project = ? AND version = ?"
)

// DueSessions implements [game.SessionStore].
func (s *Store) DueSessions(
	ctx context.Context, now time.Time, after game.DueSession, limit int,
) ([]game.DueSession, error) {
	return gather(ctx, s, dueSessions, []any{
		now.UnixMilli(), after.DueAt.UnixMilli(), string(after.ID), int64(limit),
	}, func(columns []driver.Value) (game.DueSession, error) {
		var project, id string
		var due int64
		err := scanAll(columns, &project, &id, &due)
		return game.DueSession{
			Project: game.ProjectID(project), ID: game.SessionID(id), DueAt: time.UnixMilli(due).UTC(),
		}, err
	})
}

// pulse is a pulse as it is stored: without what has columns of its own, which change with each version.
type pulse struct {
	game.Pulse
	ID        struct{} `json:"id,omitzero"`
	Version   struct{} `json:"version,omitzero"`
	UpdatedAt struct{} `json:"updated_at,omitzero"`
}

func pulseOf(c codec) func(*game.Session) any {
	return func(v *game.Session) any {
		text, err := c.encode(pulse{Pulse: v.Pulse()})
		if err != nil {
			return nil // the document cannot be encoded either, which the write returns
		}
		return text
	}
}

// Pulses implements [game.SessionStore]. A session that cannot be read is left out, and Inspect reports it.
func (s *Store) Pulses(ctx context.Context, project game.ProjectID, ids []game.SessionID) ([]game.Pulse, error) {
	found := []game.Pulse{}
	err := s.readers.rows(ctx, selectPulses, []any{jsonList(ids), string(project)},
		func(columns []driver.Value) error {
			p, err := s.pulse(columns)
			switch {
			case errors.Is(err, game.ErrUnreadable):
				return nil
			case err != nil:
				return err
			}
			found = append(found, p)
			return nil
		})
	return found, unread(err)
}

func (s *Store) pulse(columns []driver.Value) (game.Pulse, error) {
	var id string
	var updated int64
	var p pulse
	if err := scanAll(columns, &id, &p.Pulse.Version, &updated); err != nil {
		return game.Pulse{}, err
	}
	if err := s.codec.decode(columns[3], &p); err != nil {
		return game.Pulse{}, err
	}
	p.Pulse.ID, p.Pulse.UpdatedAt = game.SessionID(id), time.UnixMilli(updated).UTC()
	return p.Pulse, nil
}

// A purge removes sessions by pages, so that other writes get in between, and reads their documents before, until a
// page has so many bytes.
const (
	purgeSessionsPage = 50
	purgeBytes        = 4 << 20
)

// removal is a session that is to be removed.
type removal struct {
	id      string
	version int64
	rows    statements
}

// PurgeSessions implements [game.SessionStore].
func (s *Store) PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error) {
	purged := 0
	for purged < limit {
		page, err := s.endedSessions(ctx, before, min(limit-purged, purgeSessionsPage))
		if err != nil {
			return purged, game.Unanswered(game.OutcomeNone, err)
		}
		n := 0
		err = s.writer.do(ctx, func(c *conn) (_ refusal, err error) {
			n, err = c.removeSessions(page)
			return nil, err
		})
		if err != nil {
			return purged, err
		}
		if purged += n; len(page) == 0 {
			break
		}
	}
	return purged, nil
}

// endedSessions reads the next page of a purge.
func (s *Store) endedSessions(ctx context.Context, before time.Time, limit int) ([]removal, error) {
	var page []removal
	size, args := 0, []any{before.UnixMilli(), int64(limit)}
	err := s.readers.rows(ctx, endedSessions, args, func(columns []driver.Value) error {
		var r removal
		if err := scanAll(columns, &r.id, &r.version); err != nil {
			return err
		}
		switch v, err := s.session(columns[2]); {
		case err == nil:
			r.rows = surroundings(&v, nil)
		case !errors.Is(err, game.ErrUnreadable): // the rows of an unreadable one are found by an inspection
			return err
		}
		page = append(page, r)
		if size += textSize(columns[2]); size >= purgeBytes {
			return io.EOF
		}
		return nil
	})
	return page, err
}

// removeSessions removes those of the sessions that are still stored as they were read, and returns how many.
func (c *conn) removeSessions(all []removal) (removed int, _ error) {
	for _, r := range all {
		n, err := c.exec(purgeSession, r.id, r.version)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			continue
		}
		removed++
		r.rows.add(deleteLeases, r.id)
		if err := r.rows.run(c); err != nil {
			return 0, err
		}
	}
	return removed, nil
}

// DeleteSession implements [game.SessionStore].
func (s *Store) DeleteSession(ctx context.Context, old game.Session) error {
	rows := surroundings(&old, nil)
	rows.add(deleteLeases, string(old.ID))
	key := sessionPlace(&old).key()
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		refused, err := c.change(nil, sessionExists, key, deleteSession, append(key, old.Version)...)
		if refused != nil || err != nil {
			return refused, err
		}
		c.sessions = append(c.sessions, &game.Session{ID: old.ID, Status: game.StatusEnded})
		return nil, rows.run(c)
	})
}
