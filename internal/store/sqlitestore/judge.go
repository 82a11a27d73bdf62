package sqlitestore

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// The log is a header and frames, each of which is a header and a page:
// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
const (
	logHeader   = 32
	frameHeader = 24
)

// pagesOffset is where a file says how many pages it has:
// https://www.sqlite.org/fileformat2.html#in_header_database_size
const pagesOffset = 28

// Another program may be changing the files, as by a checkpoint: they are judged again before they count as cut off.
const (
	maxJudgements  = 10
	judgementPause = 10 * time.Millisecond
)

// look returns an error if the files are not what was written to, or do not hold all of it.
func (w *writer) look() error {
	err := w.file.look()
	if !errors.Is(err, errShrunk) {
		return err
	}
	for n := 1; ; n++ {
		c, err := w.contents()
		if err != nil {
			return w.judgeBroken(err)
		}
		cut := w.missing(c)
		switch {
		case cut < 0:
			w.file.shrunk(log)
			w.file.shrunk(database)
			return nil
		case n == maxJudgements:
			return w.file.cut(cut)
		}
		time.Sleep(judgementPause)
	}
}

// lookAfter is look after a commit. Where the log was emptied while the transaction was written, its size is right: the
// frames were put where they belong, and before them is a hole.
func (w *writer) lookAfter() error {
	if err := w.look(); err != nil {
		return err
	}
	hollow, err := w.file.hollow()
	if err == nil && hollow {
		err = w.file.cut(log)
	}
	return err
}

// hollow reports whether the log has no header, with which SQLite begins each log that holds anything.
func (f *file) hollow() (bool, error) {
	if !f.watching() {
		return false, nil
	}
	opened, err := os.Open(f.path + "-wal")
	if err != nil {
		return false, err
	}
	defer func() { _ = opened.Close() }() // was only read
	var header [4]byte
	switch _, err := opened.ReadAt(header[:], 0); {
	case errors.Is(err, io.EOF): // a checkpoint of another program has emptied it
		return false, nil
	case err != nil:
		return false, err
	}
	return header == [4]byte{}, nil
}

// contents is what SQLite knows of the files.
type contents struct {
	pages, page int64 // of the database, and bytes of each
	frames      int64 // of the log
}

func (w *writer) contents() (contents, error) {
	var c contents
	if err := w.connect(); err != nil {
		return c, err
	}
	var busy int64 // nobody is waited for
	return c, errors.Join(
		w.ask("PRAGMA page_count", &c.pages), w.ask("PRAGMA page_size", &c.page),
		w.ask("PRAGMA wal_checkpoint(NOOP)", &busy, &c.frames))
}

// ask stores the columns of what SQLite says.
func (w *writer) ask(pragma string, to ...any) error {
	return w.conn.rows(context.Background(), pragma, nil, func(columns []driver.Value) error {
		return scanAll(columns, to...)
	})
}

// missing returns which part lacks something of the contents, -1 for none.
func (w *writer) missing(c contents) int {
	if c.frames > 0 && w.file.size(log) < logHeader+c.frames*(frameHeader+c.page) {
		return log
	}
	if w.file.size(database) < w.file.pages(c.pages)*c.page {
		return database
	}
	return -1
}

// pages returns how many pages the file says that it has, which a checkpoint makes true. The database may have more:
// what was written since is in the log alone. Tools have nothing to read the file by, and take what the database has.
func (f *file) pages(all int64) int64 {
	if f.held == nil {
		return all
	}
	var n [4]byte
	if _, err := f.held.ReadAt(n[:], pagesOffset); err != nil {
		return all
	}
	return int64(binary.BigEndian.Uint32(n[:]))
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
