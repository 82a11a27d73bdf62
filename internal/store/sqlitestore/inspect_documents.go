package sqlitestore

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"game-session-manager/internal/game"
)

// errNotYet rejects a repair that needs a name or an identity of another document.
var errNotYet = errors.New("another document has it")

// row is a row of a side table without its document's id. Bytes are blobs, so that rows compare.
type row [4]any

type blob string

// rowValue returns a column as a row contains it, so that rows can be compared.
func rowValue(v any) any {
	if b, ok := v.([]byte); ok {
		return blob(b)
	}
	return v
}

// args returns the columns as statements take them, and the document's id after them.
func (r row) args(id string) []any {
	var args []any
	for _, v := range r {
		switch v := v.(type) {
		case nil:
		case blob:
			args = append(args, []byte(v))
		default:
			args = append(args, v)
		}
	}
	return append(args, id)
}

// inspect compares every document with its columns and rows. Documents and the rows of all side tables come in
// the same order.
func (t documentTable[D]) inspect(ctx context.Context, i *inspection) error {
	cursors := make([]*cursor, len(t.sides))
	for n, s := range t.sides {
		cursors[n] = newCursor(ctx, i.conn, s.sorted)
		defer cursors[n].stop()
	}
	err := i.conn.rows(ctx, t.selectAll(), nil, func(columns []driver.Value) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var id string
		if err := scan(columns[0], &id); err != nil {
			return err
		}
		stored := make([][]row, len(cursors))
		for n, c := range cursors {
			if err := t.orphans(ctx, i, n, c, func(owner string) bool { return owner < id }); err != nil {
				return err
			}
			var err error
			if stored[n], err = c.rowsOf(id); err != nil {
				return err
			}
		}
		return t.compare(ctx, i, id, columns[1:], stored)
	})
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	for n, c := range cursors {
		if err := t.orphans(ctx, i, n, c, func(string) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}

func (t documentTable[D]) selectAll() string {
	names := []string{"id", cmp.Or(t.doc, "doc")}
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM " + t.table + " ORDER BY id"
}

// orphans reports the next rows of a side table whose documents do not exist.
func (t documentTable[D]) orphans(
	ctx context.Context, i *inspection, side int, c *cursor, gone func(owner string) bool,
) error {
	for {
		e, ok, err := c.peek()
		if err != nil || !ok || !gone(e.owner) {
			return err
		}
		rows, err := c.rowsOf(e.owner)
		if err != nil {
			return err
		}
		stored := make([][]row, len(t.sides))
		stored[side] = rows
		err = i.handle(ctx, damage{
			findings: []game.Finding{{Collection: t.table, ID: e.owner, Problem: fmt.Sprintf(
				"has %d entries of %s and no document", len(rows), t.sides[side].name,
			)}},
			repair: func(c *conn) (refusal, error) { return t.repair(c, i.store.codec, e.owner, stored) },
		}, true)
		if err != nil {
			return err
		}
	}
}

// compare reports how the columns and the rows of a document differ from it.
func (t documentTable[D]) compare(
	ctx context.Context, i *inspection, id string, columns []driver.Value, stored [][]row,
) error {
	var d D
	problem := func(format string, args ...any) game.Finding {
		return game.Finding{Collection: t.table, ID: id, Problem: fmt.Sprintf(format, args...)}
	}
	if i.store.codec.decode(columns[0], &d) != nil {
		return i.handle(ctx, damage{findings: []game.Finding{problem("cannot be read")}}, false)
	}
	if t.id(&d) != id {
		return i.handle(
			ctx, damage{findings: []game.Finding{problem("is stored under an id that is not its own")}}, false,
		)
	}
	var found []game.Finding
	var wrong []string
	for n, c := range t.columns {
		if columns[n+1] != c.of(&d) {
			wrong = append(wrong, c.name)
		}
	}
	if len(wrong) > 0 {
		found = append(found, problem("has columns that differ from the document: %s", strings.Join(wrong, ", ")))
	}
	for n, s := range t.sides {
		expected := s.rows(&d)
		surplus := 0
		for _, r := range stored[n] {
			if !expected[r] {
				surplus++
			}
		}
		if missing := len(expected) - (len(stored[n]) - surplus); missing > 0 {
			found = append(found, problem("lacks %d entries of %s", missing, s.name))
		}
		if surplus > 0 {
			found = append(found, problem("has %d superfluous entries of %s", surplus, s.name))
		}
	}
	if len(found) == 0 {
		return nil
	}
	stored = slices.Clone(stored)
	return i.handle(
		ctx, damage{found, func(c *conn) (refusal, error) { return t.repair(c, i.store.codec, id, stored) }}, true,
	)
}

// repair makes columns and rows agree with a document as it is now: it removes rows that were found if they are still
// wrong, and adds missing ones. It is one transaction, so that servers may run meanwhile.
func (t documentTable[D]) repair(c *conn, codec codec, id string, stored [][]row) (refusal, error) {
	doc, err := c.row("SELECT "+cmp.Or(t.doc, "doc")+" FROM "+t.table+" WHERE id = ?", id)
	if err != nil {
		return nil, err
	}
	var d *D
	if doc != nil {
		d = new(D)
		if err := codec.decode(doc, d); err != nil {
			return errNotYet, nil // damaged meanwhile: the next inspection reports it
		}
		if t.taken != nil {
			if taken, err := t.taken(c, d); taken || err != nil {
				return refuseIf(taken, errNotYet), err
			}
		}
	}
	for n, s := range t.sides {
		var expected map[row]bool
		if d != nil {
			expected = s.rows(d)
		}
		for _, r := range stored[n] {
			if !expected[r] {
				if _, err := c.exec(s.remove, r.args(id)...); err != nil {
					return nil, err
				}
			}
		}
		for r := range expected {
			if _, err := c.exec(s.insert, r.args(id)...); err != nil {
				return nil, err
			}
		}
	}
	if d == nil || len(t.columns) == 0 {
		return nil, nil
	}
	return nil, t.setColumns(c, id, d)
}

func (t documentTable[D]) setColumns(c *conn, id string, d *D) error {
	var names []string
	var args []any
	for _, c := range t.columns {
		names = append(names, c.name+" = ?")
		args = append(args, c.of(d))
	}
	_, err := c.exec("UPDATE "+t.table+" SET "+strings.Join(names, ", ")+" WHERE id = ?", append(args, id)...)
	return err
}

// namesTaken reports whether another player has the username or an identity.
func namesTaken(c *conn, p *game.Player) (bool, error) {
	if taken, err := identityTaken(c, p, p.Identities); taken || err != nil || p.Username == "" {
		return taken, err
	}
	owner, err := c.row(
		"SELECT id FROM players WHERE project = ? AND username_key = ? AND id <> ?", string(p.Project), p.UsernameKey(),
		string(p.ID),
	)
	return owner != nil, err
}

// cursor iterates over the rows of a side table, by their documents' ids.
type cursor struct {
	next func() (entry, error, bool)
	stop func()
	head *entry
}

type entry struct {
	owner string
	row   row
}

func newCursor(ctx context.Context, c *conn, sql string) *cursor {
	next, stop := iter.Pull2(func(yield func(entry, error) bool) {
		err := c.rows(ctx, sql, nil, func(columns []driver.Value) error {
			var e entry
			if err := scan(columns[0], &e.owner); err != nil {
				return err
			}
			for i, v := range columns[1:] {
				e.row[i] = rowValue(v)
			}
			if !yield(e, nil) {
				return io.EOF
			}
			return nil
		})
		if err != nil {
			yield(entry{}, err)
		}
	})
	return &cursor{next: next, stop: stop}
}

// peek returns the next row, and whether there is one.
func (c *cursor) peek() (e entry, ok bool, err error) {
	if c.head == nil {
		e, err, ok := c.next()
		if !ok || err != nil {
			return entry{}, false, err
		}
		c.head = &e
	}
	return *c.head, true, nil
}

// rowsOf takes the rows of a document, which must be the next.
func (c *cursor) rowsOf(owner string) ([]row, error) {
	var rows []row
	for {
		e, ok, err := c.peek()
		if err != nil || !ok || e.owner != owner {
			return rows, err
		}
		rows = append(rows, e.row)
		c.head = nil
	}
}
