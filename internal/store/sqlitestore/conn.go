package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"

	"game-session-manager/internal/game"
)

// maxPrepared limits the prepared statements of a connection. About thirty are fixed; the text of lists and replaces
// depends on the request.
const maxPrepared = 200

// conn is a connection with its prepared statements, for one goroutine at a time.
//
// It uses the driver directly: the pool of database/sql would add locks, conversions and a goroutine for each query,
// which cost more than a point read, and would drop a connection whose query was interrupted.
type conn struct {
	driver   driver.Conn
	prepared map[string]statement
	args     []driver.NamedValue
	events   []eventRow      // of the writes that are being made
	sessions []*game.Session // that they store; one that they remove has ended
	changed  transaction
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// dial connects to the file, which must exist, and runs the pragmas.
func dial(ctx context.Context, path string, pragmas ...string) (*conn, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=rw&_busy_timeout=" + busyTimeout}
	return connect(ctx, dsn.String(), pragmas...)
}

func connect(ctx context.Context, dsn string, pragmas ...string) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	with := new(sqlite.Driver) // of its own, so that its functions are on these connections only
	if err := with.RegisterDeterministicScalarFunction("gsm_name_key", 1, nameKey); err != nil {
		return nil, err
	}
	d, err := with.Open(dsn)
	if err != nil {
		return nil, err
	}
	c := &conn{driver: d, prepared: make(map[string]statement), changed: make(transaction)}
	for _, p := range pragmas {
		if err := c.script("PRAGMA " + p); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// nameKey is [game.NameKey] for migrations.
func nameKey(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	name, ok := args[0].(string)
	if !ok {
		return nil, nil //nolint:nilnil // NULL
	}
	return game.NameKey(name), nil
}

func (c *conn) close() error {
	c.forget()
	return c.driver.Close()
}

// forget closes the prepared statements.
func (c *conn) forget() {
	for _, s := range c.prepared {
		_ = s.Close() // returns the statement's last error again
	}
	clear(c.prepared)
}

// script runs statements that are run once.
func (c *conn) script(sql string) error { return c.scriptUntil(context.Background(), sql) }

// scriptUntil is script, interrupted when ctx ends.
func (c *conn) scriptUntil(ctx context.Context, sql string) error {
	x, ok := c.driver.(driver.ExecerContext)
	if !ok {
		return errors.New("the driver cannot run scripts")
	}
	_, err := x.ExecContext(ctx, sql, nil)
	return err
}

// exec runs a statement to its end, whatever any caller's context does, and returns how many rows it changed.
func (c *conn) exec(sql string, args ...any) (int64, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row returns the first column of the first row, nil if there is none. It is for statements that end at once: it
// cannot be interrupted, and so spares the goroutine that watches a context.
func (c *conn) row(sql string, args ...any) (driver.Value, error) {
	var v driver.Value
	err := c.rows(context.Background(), sql, args, func(columns []driver.Value) error {
		v = columns[0]
		return io.EOF
	})
	return v, err
}

// rows calls the function with each row until the function returns an error; [io.EOF] stops without an error. The
// statement is interrupted if ctx ends before the first row.
func (c *conn) rows(ctx context.Context, sql string, args []any, row func([]driver.Value) error) (err error) {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	r, err := s.QueryContext(ctx, c.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	columns := make([]driver.Value, len(r.Columns()))
	for {
		err := r.Next(columns)
		if err == nil {
			err = row(columns)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *conn) prepare(sql string) (statement, error) {
	if s, ok := c.prepared[sql]; ok {
		return s, nil
	}
	if len(c.prepared) >= maxPrepared {
		c.forget()
	}
	d, err := c.driver.Prepare(sql)
	if err != nil {
		return nil, err
	}
	s, ok := d.(statement)
	if !ok {
		return nil, fmt.Errorf("the driver's statement is a %T", d)
	}
	c.prepared[sql] = s
	return s, nil
}

// bind returns the arguments as the driver takes them: int64, float64, []byte, string or nil. They are good until the
// next call.
func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}
