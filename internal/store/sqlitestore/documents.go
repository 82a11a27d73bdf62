package sqlitestore

import (
	"context"
	"database/sql/driver"
	"time"

	"game-session-manager/internal/game"
)

// encoded returns a document and its events as they are stored, or an error with [game.OutcomeNone].
func (s *Store) encoded(document any, events []game.Event) (doc string, rows []eventRow, err error) {
	if doc, err = s.codec.encode(document); err == nil {
		rows, err = s.eventRows(events)
	}
	if err != nil {
		return "", nil, game.Unanswered(game.OutcomeNone, err)
	}
	return doc, rows, nil
}

// write makes a change, and stores its events with it.
func (s *Store) write(ctx context.Context, events []eventRow, change func(*conn) (refusal, error)) error {
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		refused, err := change(c)
		if refused == nil && err == nil {
			c.happened(events)
		}
		return refused, err
	})
}

// insert executes a statement that inserts a document. It rejects one whose id is taken.
func (c *conn) insert(sql string, args ...any) (refusal, error) {
	_, err := c.exec(sql, args...)
	if idTaken(err) {
		return game.ErrExists, nil
	}
	return nil, err
}

// change executes a statement whose condition is a version of a document. Without such a version it returns what
// staleOrMissing does.
func (c *conn) change(notFound error, exists string, key []any, sql string, args ...any) (refusal, error) {
	if n, err := c.exec(sql, args...); n > 0 || err != nil {
		return nil, err
	}
	return c.staleOrMissing(notFound, exists, key...)
}

// insertIfAbsent stores a document without events, unless one with its key exists. The document is the statement's last
// argument.
func (s *Store) insertIfAbsent(ctx context.Context, document any, sql string, args ...any) error {
	doc, _, err := s.encoded(document, nil)
	if err == nil {
		_, err = s.exec(ctx, sql, append(args, doc)...)
	}
	return err
}

// exec executes a statement that nothing rejects, and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (changed int, _ error) {
	err := s.writer.do(ctx, func(c *conn) (refusal, error) {
		n, err := c.exec(sql, args...)
		changed = int(n)
		return nil, err
	})
	return changed, err
}

// purge runs a statement that deletes up to limit rows that have expired, and returns their number.
func (s *Store) purge(ctx context.Context, sql string, now time.Time, limit int) (int, error) {
	return s.exec(ctx, sql, now.UnixMilli(), int64(limit))
}

// one returns the document that a statement finds, or notFound.
func one[D any](ctx context.Context, s *Store, notFound error, sql string, args ...any) (d D, err error) {
	doc, err := s.readers.row(ctx, sql, args...)
	switch {
	case err != nil:
		return d, unread(err)
	case doc == nil:
		return d, notFound
	}
	return d, unread(s.codec.decode(doc, &d))
}

// documentIn returns the function that decodes the document in the first column of a row, for gather.
func documentIn[D any](s *Store) func(columns []driver.Value) (D, error) {
	return func(columns []driver.Value) (d D, err error) {
		err = s.codec.decode(columns[0], &d)
		return d, err
	}
}

// gather reads all that a statement finds.
func gather[D any](
	ctx context.Context, s *Store, sql string, args []any, read func([]driver.Value) (D, error),
) ([]D, error) {
	items := []D{}
	err := s.readers.rows(ctx, sql, args, func(columns []driver.Value) error {
		d, err := read(columns)
		items = append(items, d)
		return err
	})
	return items, unread(err)
}
