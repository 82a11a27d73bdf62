package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"game-session-manager/internal/game"
)

// Errors of Open. Each is wrapped with a sentence that says what to do.
var (
	// ErrLocked means that another gsm serves the file.
	ErrLocked = errors.New("the database is in use")
	// ErrSeveralNames means that the file has several paths, each of which would have its own log.
	ErrSeveralNames = errors.New("the database has several names")
	// ErrLost means that files of the database were removed, replaced or truncated while a server used them.
	ErrLost = errors.New("the database is lost")
	// ErrNewerSchema means that a newer gsm has migrated the file.
	ErrNewerSchema = errors.New("the database is of a newer version")
	// ErrOlderSchema means that the file needs a migration, which Options.Beside rules out.
	ErrOlderSchema = errors.New("the database is of an older version")
	// ErrMissing means that the file does not exist.
	ErrMissing = errors.New("there is no database")
	// ErrForeignFile means that the file is not a database of gsm.
	ErrForeignFile = errors.New("the file is not a database of gsm")
	// ErrDiskFull means that the disk has no space left for the file.
	ErrDiskFull = errors.New("the disk is full")
)

var (
	errClosed    = errors.New("the store is closed")
	errEncoding  = errors.New("the document cannot be encoded")
	errUnplanned = errors.New("the stored row has another form than expected")
)

// code returns SQLite's extended result code, or 0 if err is not from SQLite.
func code(err error) int {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// primary returns SQLite's primary result code.
func primary(err error) int { return code(err) & 0xff }

func idTaken(err error) bool { return code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY }

func uniqueTaken(err error) bool { return code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE }

// full reports whether err means that a disk has no space left.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || primary(err) == sqlite3.SQLITE_FULL ||
		code(err) == sqlite3.SQLITE_IOERR_SHMSIZE // what SQLite says when the index of the log cannot grow
}

// says reports whether an error has a sentence of ours.
func says(err error) bool {
	ours := []error{ErrLocked, ErrSeveralNames, ErrLost, ErrForeignFile, ErrNewerSchema, ErrOlderSchema, ErrMissing}
	return slices.ContainsFunc(ours, func(one error) bool { return errors.Is(err, one) })
}

// explain adds to an error of opening the file what it means and what to do.
func explain(err error, path string) error {
	dir := filepath.Dir(path)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // each sentence names the path itself
	}
	switch {
	case says(err):
		return err
	case full(err):
		return fmt.Errorf("%w: free some space in %s and start again: %w", ErrDiskFull, dir, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the directory %s does not exist: create it first: %w", dir, err)
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf(
			"%s is a directory: name a file in it, as in %s: %w", path, filepath.Join(path, "gsm.db"), err,
		)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf(
			"the file system of %s is read-only: mount it for writing, or choose a file elsewhere: %w", dir, err,
		)
	case errors.Is(err, syscall.ELOOP):
		return fmt.Errorf("the link %s leads in a circle: remove it, or choose another file: %w", path, err)
	case errors.Is(err, fs.ErrPermission), primary(err) == sqlite3.SQLITE_READONLY, primary(err) == sqlite3.SQLITE_PERM:
		return fmt.Errorf("no permission to write %s and to create files beside it: %w", path, err)
	case primary(err) == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %s is no SQLite database at all: choose another file: %w", ErrForeignFile, path, err)
	case primary(err) == sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another program keeps %s locked: end it first: %w", path, err)
	case primary(err) == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s is damaged: restore a backup: %w", path, err)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// unread returns the error of the store for a failed read, nil for nil.
func unread(err error) error {
	if err == nil || errors.Is(err, game.ErrOverloaded) || errors.Is(err, game.ErrStoreUnavailable) {
		return err
	}
	return game.ErrStoreUnavailable.Because(err)
}
