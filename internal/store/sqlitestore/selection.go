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

// page returns the statement of the documents that one of the selections has, and its arguments. No document is in
// two of them, and each comes in the order of the list. The page is materialised, which happens before the first row
// comes out: the driver interrupts a statement until then and no longer.
func page(after string, limit int, from ...selection) (string, []any) {
	var sql strings.Builder
	var args []any
	sql.WriteString("WITH page AS MATERIALIZED (") //nolint:misspell // SQL's spelling
	for i, b := range from {
		b.whereIf(after != "", b.id+" < ?", after)
		if i > 0 {
			sql.WriteString(" UNION ALL ")
		}
		sql.WriteString("SELECT d.doc, " + b.id + " AS id FROM " + b.from)
		if len(b.terms) > 0 {
			sql.WriteString(" WHERE " + strings.Join(b.terms, " AND "))
		}
		args = append(args, b.args...)
	}
	sql.WriteString(" ORDER BY id DESC LIMIT ?) SELECT doc FROM page")
	return sql.String(), append(args, int64(limit))
}
