package sqlitestore

import "strings"

// selection is a list under construction: documents d by id, newest first. Values are arguments, never text.
type selection struct {
	from  string
	id    string // the column that has the order: that of the table that is walked
	terms []string
	args  []any
}

func (b *selection) where(term string, args ...any) {
	b.terms = append(b.terms, term)
	b.args = append(b.args, args...)
}

func (b *selection) whereIf(yes bool, term string, arg any) {
	if yes {
		b.where(term, arg)
	}
}

// page returns the statement and its arguments. The page is materialised, which happens before the first row comes out:
// the driver interrupts a statement until then and no longer.
func (b *selection) page(after string, limit int) (string, []any) {
	b.whereIf(after != "", b.id+" < ?", after)
	var sql strings.Builder
	sql.WriteString("WITH page AS MATERIALIZED (SELECT d.doc FROM ") //nolint:misspell // SQL's spelling
	sql.WriteString(b.from)
	for i, term := range b.terms {
		if i == 0 {
			sql.WriteString(" WHERE ")
		} else {
			sql.WriteString(" AND ")
		}
		sql.WriteString(term)
	}
	sql.WriteString(" ORDER BY " + b.id + " DESC LIMIT ?) SELECT doc FROM page")
	return sql.String(), append(b.args, int64(limit))
}
