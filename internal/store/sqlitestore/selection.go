package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"

	"game-session-manager/internal/game"
)

// selection is a list under construction: documents d in descending order of ids. Values are always arguments.
type selection struct {
	table string // of the documents
	from  string
	id    string // the column to order by, of the table that is scanned
	terms []string
	args  []any
	// SQLite must not choose an index for passive columns.
	passive []string
}

func (b *selection) where(term string, args ...any) {
	b.terms = append(b.terms, term)
	b.args = append(b.args, args...)
}

// whereFields adds the clauses whose fields have a column.
func (b *selection) whereFields(all []searched, w game.Where) {
	for _, c := range w {
		if !simple(c) {
			t := conditionOf(c)
			b.where(t.sql, t.args...)
			continue
		}
		i := slices.IndexFunc(all, func(s searched) bool { return s.field == c.Field && s.column != "" })
		if i < 0 {
			continue
		}
		column, args := "d."+all[i].column, natives(c.Values)
		if slices.Contains(b.passive, all[i].column) {
			column = "+" + column // which keeps SQLite from using an index for it
		}
		switch c.Op {
		case game.OpEqual:
			b.where(column+" = ?", args...)
		case game.OpIn:
			for len(args)&(len(args)-1) != 0 { // a power of two, so that few statements are different
				args = append(args, args[0])
			}
			b.where(column+" IN ("+marks(len(args))+")", args...)
		case game.OpAtLeast:
			b.where(column+" >= ?", args...)
		case game.OpPrefix:
			term, bound := prefixed(column, c.Text())
			b.where(term, bound...)
		case game.OpNot, game.OpLess, game.OpAtMost, game.OpGreater, game.OpBetween, game.OpExists,
			game.OpWithin: // not simple
		}
		usual := game.StringValue(all[i].usual)
		if all[i].only != "" && (c.Op == game.OpPrefix || !slices.Contains(c.Values, usual)) {
			b.where("d." + all[i].only)
		}
	}
}

// simple reports whether a clause is a comparison for which there may be an index.
func simple(c game.Clause) bool {
	if len(c.Values) > 0 {
		if _, isFlag := c.Values[0].Any().(bool); isFlag && c.Op == game.OpEqual {
			return false // columns have numbers for them
		}
	}
	return slices.Contains([]game.Op{game.OpEqual, game.OpIn, game.OpAtLeast, game.OpPrefix}, c.Op)
}

// prefixed returns the condition that a text begins with a prefix. Texts are compared as bytes in UTF-8, which is the
// order of their characters.
func prefixed(column, prefix string) (string, []any) {
	if end, ok := game.AfterPrefix(prefix); ok {
		return column + " >= ? AND " + column + " < ?", []any{prefix, end}
	}
	return column + " >= ?", []any{prefix}
}

func natives(values []game.Value) []any {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = native(v)
	}
	return args
}

// marks returns the places of n arguments.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// page returns the statement that merges the selections, and its arguments. No document may be in two of them, and each
// must be in the order of the list. A row contains a document, the number of rows, and the document's id. The ids are
// materialised before the first row is returned, because the driver can interrupt a statement only until then.
// Documents are read one by one, so that a reader can stop early.
func page(after string, limit int, from ...selection) (string, []any) {
	var sql strings.Builder
	var args []any
	sql.WriteString("WITH page AS MATERIALIZED (") //nolint:misspell // SQL's spelling
	for i, b := range from {
		if after != "" {
			b.where(b.id+" < ?", after)
		}
		if i > 0 {
			sql.WriteString(" UNION ALL ")
		}
		sql.WriteString("SELECT d.rowid AS place, " + b.id + " AS id FROM " + b.from)
		if len(b.terms) > 0 {
			sql.WriteString(" WHERE " + strings.Join(b.terms, " AND "))
		}
		args = append(args, b.args...)
	}
	sql.WriteString(" ORDER BY id DESC LIMIT ?)" +
		" SELECT d.doc, (SELECT count(*) FROM page), page.id FROM page CROSS JOIN " + from[0].table +
		" d ON d.rowid = page.place")
	return sql.String(), append(args, int64(limit))
}

// bounds limit a list to a number of documents and of bytes; 0 bytes is no limit.
type bounds struct {
	limit, bytes int
	seen         func(columns []driver.Value) error // is called with each row that is on the page; may be nil
}

// find reads a list within its bounds. The statement is one of [page], for a document more than the limit.
// decode returns a document, and for how many bytes it counts.
func find[D any](
	ctx context.Context, s *Store, sql string, args []any, b bounds, decode func(doc driver.Value) (D, int, error),
) (game.Found[D], error) {
	f := game.Found[D]{Items: []D{}}
	seen, spent, rows := 0, 0, int64(0)
	err := s.readers.rows(ctx, sql, args, func(columns []driver.Value) error {
		if seen == 0 {
			if err := scan(columns[1], &rows); err != nil {
				return err
			}
			// Not for the limit, which few lists reach: a document has up to a kilobyte before its first member.
			f.Items = make([]D, 0, min(int(rows), b.limit, game.MaxLimit))
		}
		d, cost, err := decode(columns[0])
		switch {
		case errors.Is(err, game.ErrUnreadable):
			var id string
			if err := scan(columns[2], &id); err != nil {
				return err
			}
			f.Unreadable, cost = append(f.Unreadable, id), textSize(columns[0])
		case err != nil:
			return err
		default:
			f.Items = append(f.Items, d)
		}
		spent += cost
		if b.seen != nil {
			if err := b.seen(columns); err != nil {
				return err
			}
		}
		if seen++; seen < b.limit && (b.bytes == 0 || spent < b.bytes) {
			return nil
		}
		f.More = int(rows) > seen
		return io.EOF
	})
	return f, unread(err)
}
