package sqlitestore

import (
	"context"
	"database/sql/driver"
	"time"

	"game-session-manager/internal/game"
)

const (
	selectTask = "SELECT holder, generation, until FROM tasks WHERE name = ?"
	insertTask = "INSERT OR IGNORE INTO tasks (name, holder, generation, until) VALUES (?, ?, ?, ?)"
	updateTask = "UPDATE tasks SET holder = ?, generation = ?, until = ?" +
		" WHERE name = ? AND holder = ? AND generation = ? AND until = ?"
)

// TaskLease implements [game.TaskStore].
func (s *Store) TaskLease(ctx context.Context, name string) (game.TaskLease, error) {
	l := game.TaskLease{Name: name}
	err := s.readers.rows(ctx, selectTask, []any{name}, func(columns []driver.Value) error {
		var until int64
		err := scanAll(columns, &l.Holder, &l.Generation, &until)
		l.Until = time.UnixMilli(until).UTC()
		return err
	})
	return l, unread(err)
}

// PutTaskLease implements [game.TaskStore].
func (s *Store) PutTaskLease(ctx context.Context, old, next game.TaskLease) error {
	sql, args := updateTask, []any{
		next.Holder, next.Generation, next.Until.UnixMilli(), next.Name, old.Holder, old.Generation,
		old.Until.UnixMilli(),
	}
	if old.Generation == 0 { // none is stored
		sql, args = insertTask, []any{next.Name, next.Holder, next.Generation, next.Until.UnixMilli()}
	}
	return s.writer.do(ctx, func(c *conn) (refusal, error) {
		n, err := c.exec(sql, args...)
		if err == nil && n == 0 {
			return game.ErrStale, nil
		}
		return nil, err
	})
}
