package sqlitestore

import (
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// watch has SQLite tell of each row of documents that a statement of the connection is about to change, whatever the
// statement is.
func (c *conn) watch() error {
	hooks, ok := c.driver.(sqlite.HookRegisterer)
	if !ok {
		return errors.New("the driver has no hooks")
	}
	hooks.RegisterPreUpdateHook(c.notice)
	return nil
}

// notice notes that a row changes. The id is the first column of the tables.
func (c *conn) notice(d sqlite.SQLitePreUpdateData) {
	if d.TableName != playersTableName && d.TableName != sessionsTableName {
		return
	}
	var before, after [1]any
	if d.Op != sqlite3.SQLITE_INSERT {
		c.doubt(d.TableName, d.Old(before[:]...), before[0])
	}
	if d.Op != sqlite3.SQLITE_DELETE {
		c.doubt(d.TableName, d.New(after[:]...), after[0])
	}
}

func (c *conn) doubt(table string, err error, id any) {
	text, ok := id.(string)
	if err != nil || !ok {
		c.changed[unknownDocument] = ""
		return
	}
	c.changed[documentKey{table, text}] = ""
}

// stored tells the document that the last statement has stored, which spares whoever reads it next a read of the file.
// What the statement did must be committed with the batch: see [write].
func (c *conn) stored(at place, doc string) {
	if _, ok := c.changed[documentKey{at.table, at.id}]; ok {
		c.changed[documentKey{at.table, at.id}] = doc
	}
}
