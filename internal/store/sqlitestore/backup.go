package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"
)

// ErrFileExists is returned by [Backup] if its target exists.
var ErrFileExists = errors.New("the file exists")

// Backup writes a snapshot of the database at path to a new file, which is itself a database, and returns the size of
// that file in bytes. A server may use the database meanwhile. The new file appears under its name only when it is
// complete, verified and on disk. Like the database, only its owner can read it. It contains nothing that was erased.
//
// Backup returns [ErrFileExists] and the errors of [Open] with Options.Beside.
func Backup(ctx context.Context, path, file string) (size int64, err error) {
	path, err = resolve(path)
	if err == nil {
		err = exists(path)
	}
	if err == nil {
		err = single(path)
	}
	if err != nil {
		return 0, explain(err, path)
	}
	if file, err = filepath.Abs(file); err != nil {
		return 0, err
	}
	if err := vacant(file); err != nil {
		return 0, err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.partial") // for its owner alone
	if err != nil {
		return 0, explain(err, file)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, scrap(temp.Name()))
		}
	}()
	if err := temp.Close(); err != nil {
		return 0, err
	}
	version, err := vacuum(ctx, path, temp.Name())
	if err != nil {
		if primary(err) == sqlite3.SQLITE_FULL { // of the backup's disk
			return 0, explain(err, file)
		}
		return 0, explain(reason(ctx, err), path)
	}
	if err := markBackup(ctx, temp.Name(), version); err != nil {
		return 0, fmt.Errorf("marking the backup: %w", reason(ctx, err))
	}
	if err := verify(ctx, temp.Name(), version); err != nil {
		return 0, fmt.Errorf("checking the backup: %w", reason(ctx, err))
	}
	if size, err = publish(temp.Name(), file); err != nil {
		return 0, explain(err, file)
	}
	return size, nil
}

// reason returns the error of the context if that is why a statement failed, and err otherwise.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func vacant(file string) error {
	_, err := os.Lstat(file)
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s: choose another name, or move it away", ErrFileExists, file)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return explain(err, file)
}

// vacuum writes the content of a database into an empty file, and returns its schema version. One statement reads one
// snapshot, whatever is written meanwhile; a copy by pages would begin anew at each write of the server.
func vacuum(ctx context.Context, path, empty string) (version int, err error) {
	c, err := dial(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	scripts, err := migrations()
	if err != nil {
		return 0, err
	}
	if version, err = recognise(c, path, len(scripts)); err != nil {
		return 0, err
	}
	if version == 0 {
		return 0, fmt.Errorf("%w: %s is empty", ErrForeignFile, path)
	}
	return version, c.scriptUntil(ctx, "VACUUM INTO '"+strings.ReplaceAll(empty, "'", "''")+"'")
}

// verify reads all of a backup.
func verify(ctx context.Context, file string, version int) (err error) {
	c, err := dial(ctx, file, readOnly, memoryTemp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	got, err := recognise(c, file, version)
	if err != nil {
		return err
	}
	if got != version {
		return fmt.Errorf("it has schema version %d, and the database %d", got, version)
	}
	problems, err := fileProblems(ctx, c)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("the database is damaged: run gsm db check: %s", strings.Join(problems, "; "))
	}
	return err
}

// publish brings a whole file to the disk and gives it its name, unless another file has got it meanwhile.
func publish(temp, file string) (size int64, err error) {
	f, err := os.OpenFile(temp, os.O_RDWR, 0) //nolint:gosec // made above
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	err = os.Link(temp, file) // fails where a rename would overwrite
	switch {
	case err == nil:
		err = os.Remove(temp)
	case errors.Is(err, fs.ErrExist):
		return 0, vacant(file)
	default: // there are file systems without links
		if err := vacant(file); err != nil {
			return 0, err
		}
		err = os.Rename(temp, file)
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), syncDir(filepath.Dir(file))
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator chooses it
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// scrap removes a backup that did not come to be, and what SQLite may have put beside it.
func scrap(temp string) error {
	var failures []error
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(temp + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// Same reports whether two paths lead to one file.
func Same(a, b string) bool {
	a, errA := resolve(a)
	b, errB := resolve(b)
	if errA != nil || errB != nil {
		return false // opening it tells why
	}
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
