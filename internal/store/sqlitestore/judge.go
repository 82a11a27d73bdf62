package sqlitestore

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	sqlite3 "modernc.org/sqlite/lib"
)

// The log is a header and frames, each of which is a header, which begins with the number of a page, and the page:
// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
const (
	logHeader   = 32
	frameHeader = 24
)

// maxJudgements is how often files that others change meanwhile are judged.
const maxJudgements = 10

// look returns an error if the files are not what was written to, or do not hold all of it.
func (w *writer) look() error {
	err := w.file.look()
	if !errors.Is(err, errShrunk) {
		return err
	}
	for range maxJudgements {
		before, err := w.contents()
		if err != nil {
			return w.judgeBroken(err)
		}
		cut, err := w.missing(before)
		if err != nil {
			return err
		}
		after, err := w.contents()
		switch {
		case err != nil:
			return w.judgeBroken(err)
		case after != before: // another program has changed them
		case cut >= 0:
			return w.file.cut(cut)
		default:
			w.file.shrunk(log)
			w.file.shrunk(database)
			return nil
		}
	}
	return fmt.Errorf("%w, and is changed by another program", err)
}

// contents is what SQLite knows of the files.
type contents struct {
	pages, page    int64 // of the database, and bytes of each
	frames, copied int64 // of the log, and how many of the first of them the file has too
}

func (w *writer) contents() (contents, error) {
	var c contents
	if err := w.connect(); err != nil {
		return c, err
	}
	var busy int64
	return c, errors.Join(
		w.ask("PRAGMA page_count", &c.pages), w.ask("PRAGMA page_size", &c.page),
		w.ask("PRAGMA wal_checkpoint(NOOP)", &busy, &c.frames, &c.copied))
}

// ask stores the columns of what SQLite says.
func (w *writer) ask(pragma string, to ...*int64) error {
	return w.conn.rows(context.Background(), pragma, nil, func(columns []driver.Value) error {
		for i := range to {
			if err := scan(columns[i], to[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// missing returns which part lacks something of the contents, -1 for none.
func (w *writer) missing(c contents) (int, error) {
	if c.frames > 0 && w.file.size(log) < logHeader+c.frames*(frameHeader+c.page) {
		return log, nil
	}
	first := w.file.size(database)/c.page + 1
	if first > c.pages {
		return -1, nil
	}
	// What was written since the file became smaller is in the log alone. One page is never written, see lockByte.
	if c.pages-first > c.frames-c.copied {
		return database, nil
	}
	lacks := make(map[int64]bool)
	for number := first; number <= c.pages; number++ {
		lacks[number] = true
	}
	delete(lacks, lockByte/c.page+1)        // which is never written
	f, err := os.Open(w.file.path + "-wal") // on which SQLite has no locks that closing it would drop
	if err != nil {
		return -1, err
	}
	defer func() { _ = f.Close() }() // only read
	for i := c.copied; i < c.frames; i++ {
		var number [4]byte
		if _, err := f.ReadAt(number[:], logHeader+i*(frameHeader+c.page)); err != nil {
			return -1, err
		}
		delete(lacks, int64(binary.BigEndian.Uint32(number[:])))
	}
	if len(lacks) > 0 {
		return database, nil
	}
	return -1, nil
}

// judgeBroken says that a part was cut off, if that is why SQLite does not say what it knows.
func (w *writer) judgeBroken(err error) error {
	switch {
	case !broken(err):
		return err
	case w.file.smaller(log):
		return w.file.cut(log)
	}
	return w.file.cut(database)
}

// broken reports whether an error is that of a file of which something is missing.
func broken(err error) bool {
	return code(err) == sqlite3.SQLITE_IOERR_SHORT_READ ||
		primary(err) == sqlite3.SQLITE_CORRUPT || primary(err) == sqlite3.SQLITE_NOTADB
}
