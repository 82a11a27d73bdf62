package sqlitestore

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// applicationID marks the file as gsm's: "gsm1" in ASCII.
const applicationID = 0x67736d31

const schemaVersion = "PRAGMA user_version"

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the scripts that lead from each schema version to the next one, in order.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	scripts := make([]string, len(names))
	for i, name := range names { // sorted, and the names begin with the number of the version
		b, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		scripts[i] = string(b)
	}
	return scripts, nil
}

// recognise returns the schema version of the file, or 0 for an empty file. It returns [ErrForeignFile] for files of
// other programs, which it does not change.
func recognise(c *conn, path string, known int) (version int, err error) {
	application, err := c.integer("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	stored, err := c.integer(schemaVersion)
	if err != nil {
		return 0, err
	}
	tables, err := c.integer("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	fresh := application == 0 && stored == 0 && tables == 0
	switch {
	case !fresh && application != applicationID:
		return 0, fmt.Errorf(
			"%w: %s is an SQLite database of another program: choose another file", ErrForeignFile, path,
		)
	case stored > int64(known):
		return 0, fmt.Errorf("%w: %s has schema version %d and this gsm knows versions up to %d: run the newer gsm, "+
			"or restore a backup made before the upgrade", ErrNewerSchema, path, stored, known)
	}
	return int(stored), nil
}

// migrate migrates the schema from the version to the newest, with a transaction for each step.
func migrate(c *conn, version int, scripts []string) error {
	for i := version; i < len(scripts); i++ {
		script := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA application_id = %d;\nPRAGMA user_version = %d;\nCOMMIT;",
			scripts[i], applicationID, i+1)
		if err := c.script(script); err != nil {
			// This fails if SQLite has already rolled back the transaction.
			_ = c.script("ROLLBACK")
			return fmt.Errorf("migrate the schema from version %d to %d: %w", i, i+1, err)
		}
	}
	return nil
}

func (c *conn) integer(sql string) (int64, error) {
	v, err := c.row(sql)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	if !ok {
		return 0, errors.Join(errUnplanned, fmt.Errorf("%s: %T", sql, v))
	}
	return n, nil
}
