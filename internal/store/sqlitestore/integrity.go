package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"game-session-manager/internal/game"
)

const (
	checkFile   = "PRAGMA integrity_check(100)" // returns at most so many
	rebuildAll  = "REINDEX"
	fileIsSound = "ok"
)

// integrity reports what SQLite finds wrong with the file. Indexes can be rebuilt from their tables; other damage needs
// a backup, because nothing that is read from such a file can be relied on.
func (i *inspection) integrity(ctx context.Context) error {
	problems, err := fileProblems(ctx, i.conn)
	if err != nil || len(problems) == 0 {
		return err
	}
	repaired := false
	if i.repair && indexesOnly(problems) {
		err := i.store.writer.do(ctx, func(c *conn) (refusal, error) {
			return execUnique(c, rebuildAll) // as a whole, so that a rejection changes nothing
		})
		if err != nil && !errors.Is(err, errNotYet) {
			return err
		}
		left, err := fileProblems(ctx, i.conn)
		if err != nil {
			return err
		}
		repaired = len(left) == 0
	}
	for _, p := range problems {
		i.report(game.Finding{Collection: "database", Problem: p, Repaired: repaired})
	}
	if !repaired && !indexesOnly(problems) {
		return fmt.Errorf("%s is damaged: restore a backup", i.store.path)
	}
	return nil
}

// fileProblems returns what SQLite says of the file, in sentences that name tables, indexes and pages.
func fileProblems(ctx context.Context, c *conn) ([]string, error) {
	var problems []string
	err := c.rows(ctx, checkFile, nil, func(columns []driver.Value) error {
		var problem string
		if err := scan(columns[0], &problem); err != nil {
			return err
		}
		if problem != fileIsSound {
			problems = append(problems, problem)
		}
		return nil
	})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return problems, err
}

func indexesOnly(problems []string) bool {
	return !slices.ContainsFunc(problems, func(p string) bool {
		return !strings.Contains(p, "missing from index") && !strings.Contains(p, "entries in index") &&
			!strings.Contains(p, "entry in index")
	})
}

const selectSchema = "SELECT name, type, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' " +
	"ORDER BY name"

// object is a table or an index.
type object struct{ name, kind, sql string }

// migrated returns the schema that the migrations create. It makes a database in memory, once.
var migrated = sync.OnceValues(func() (map[string]object, error) {
	ctx := context.Background() // of no caller, because all get the result
	scripts, err := migrations()
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.close() }() // holds nothing
	if err := migrate(c, 0, scripts); err != nil {
		return nil, err
	}
	return objects(ctx, c)
})

// schema reports differences from the schema that the migrations create: without its index, a name is no longer unique.
// It creates missing indexes.
func (i *inspection) schema(ctx context.Context) error {
	wanted, err := migrated()
	if err != nil {
		return err
	}
	stored, err := objects(ctx, i.conn)
	if err != nil {
		return err
	}
	for name, want := range wanted {
		got, ok := stored[name]
		switch {
		case !ok && want.kind == "index":
			repair := func(c *conn) (refusal, error) { return execUnique(c, want.sql) }
			err = i.handle(
				ctx, damage{[]game.Finding{{Collection: "database", Problem: "has no index " + name}}, repair}, true,
			)
		case !ok || got != want:
			err = i.handle(ctx, damage{findings: []game.Finding{
				{Collection: "database", Problem: "has the " + want.kind + " " + name + " with another definition"},
			}}, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// execUnique executes a repair, and rejects it while a unique index forbids it.
func execUnique(c *conn, sql string) (refusal, error) {
	_, err := c.exec(sql)
	if uniqueTaken(err) {
		return errNotYet, nil
	}
	return nil, err
}

func objects(ctx context.Context, c *conn) (map[string]object, error) {
	all := make(map[string]object)
	err := c.rows(ctx, selectSchema, nil, func(columns []driver.Value) error {
		var o object
		err := scanAll(columns, &o.name, &o.kind, &o.sql)
		all[o.name] = o
		return err
	})
	return all, err
}
