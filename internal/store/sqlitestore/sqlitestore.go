// Package sqlitestore is the embedded engine: one SQLite file, no server.
//
// It owns the file, its schema and its locks, how documents become rows, and the order of writes. One goroutine makes all
// mutations, as many as wait in one transaction (writer.go), so that an acknowledged write is on the disk and a disk
// flush is shared by all who wait for it; reads go beside it on connections of their own (readers.go). Another program
// may read and write the file at the same time by SQLite's own locking, but not a second Store.
//
// It leaves every rule to package game: it does not validate, has no clock and does not retry conflicts.
package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"game-session-manager/internal/game"
)

// How connections are set up. The sizes are measured: see the benchmarks.
const (
	busyTimeout = "5000" // milliseconds to wait for another program's lock
	minReaders  = 4
	maxLinks    = 40 // from one file name to another, as Linux has it

	useLog          = "journal_mode = WAL"            // readers and the writer do not wait for each other
	durable         = "synchronous = FULL"            // a commit is on the disk when it returns
	checkpointEvery = "wal_autocheckpoint = 4000"     // pages of 4 KiB: 16 MB of log
	logLimit        = "journal_size_limit = 33554432" // bytes, as logBound: what a longer log is cut to when it begins anew
	// What is erased is overwritten. Copies from when SQLite rearranged a page may stay in it until a VACUUM.
	secureDelete = "secure_delete = ON"
	writerCache  = "cache_size = -32768" // KiB, when negative
	memoryTemp   = "temp_store = MEMORY" // no temporary files, for read-only systems

	readOnly = "query_only = ON" // not mode=ro, which could not recover the log after a crash
	// A reader forgets its cache when something was written, so that a large one pays only where nothing is. The file is
	// not mapped, which would be faster: a disk that fails to read would end the process instead of the call.
	readerCache = "cache_size = -4096"
)

// Options of a Store. The zero value is good.
type Options struct {
	// OnCommit is called after each group commit with the number of writes in it and the time that it took. It is
	// called by the one goroutine that writes, which waits for it.
	OnCommit func(size int, d time.Duration)
	// MustExist refuses a file that is not there, instead of making one.
	MustExist bool
	// Beside opens the file beside the gsm that serves it, for tools: without the lock that keeps a second server out. The
	// file must be there and its schema be the newest.
	Beside bool
	// ReadOnly fails every write. It goes with Beside.
	ReadOnly bool
}

// Store is a [game.Store] in an SQLite file.
type Store struct {
	path    string
	options Options
	version int          // of the schema
	lock    *flock.Flock // nil beside a server
	writer  *writer
	readers *readers
	codec   codec
	close   sync.Once
	closed  error // what Close answered
}

var _ game.Store = (*Store)(nil)

// Open opens the file, creates it if it is not there, and brings its schema up to date. It answers [ErrLocked],
// [ErrForeignFile], [ErrNewerSchema], [ErrDiskFull], or what else is wrong, in a sentence for the operator; with options
// that ask for a file as it is, [ErrMissing] and [ErrOlderSchema] too. The context bounds opening only.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	scripts, err := migrations()
	if err != nil {
		return nil, err
	}
	return open(ctx, path, o, scripts)
}

func open(ctx context.Context, path string, o Options, scripts []string) (*Store, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, explain(err, path)
	}
	if o.MustExist || o.Beside {
		if err := exists(path); err != nil {
			return nil, explain(err, path)
		}
	}
	s := &Store{path: path, options: o, version: len(scripts), codec: newCodec()}
	if !o.Beside {
		if s.lock, err = lockFile(path); err != nil {
			return nil, err
		}
	}
	if err := s.connect(ctx, scripts); err != nil {
		return nil, errors.Join(explain(err, path), s.unlock())
	}
	return s, nil
}

func exists(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w at %s: look for it, or make an empty one with gsm db init", ErrMissing, path)
	}
	return err
}

// resolve returns the one path of a file that may be linked to, so that there is one lock for it. The file need not be
// there, at the end of its links either. With an error, the path is the one that is wrong.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return path, err
	}
	for range maxLinks {
		// Neither Split nor what follows cleans the path: a .. behind a link to a directory is that directory's parent.
		dir, name := filepath.Split(path)
		if dir, err = filepath.EvalSymlinks(dir); err != nil {
			return path, err
		}
		path = filepath.Join(dir, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // yet
			return path, nil
		case err != nil:
			return path, err
		case info.IsDir():
			return path, syscall.EISDIR
		case info.Mode()&fs.ModeSymlink == 0:
			return path, nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return path, err
		}
		if path = target; !filepath.IsAbs(target) {
			path = dir + string(filepath.Separator) + target
		}
	}
	return path, syscall.ELOOP
}

// lockFile takes the lock that lasts as long as the Store, or the process if that ends sooner. It is on a file beside the
// database, so that it keeps other Stores out and no other programs.
func lockFile(path string) (*flock.Flock, error) {
	lock := flock.New(path + ".lock")
	ok, err := lock.TryLock()
	if err != nil {
		return nil, explain(err, path)
	}
	if !ok {
		return nil, fmt.Errorf("%w: another gsm is serving %s: stop it first, or choose another file", ErrLocked, path)
	}
	return lock, nil
}

func (s *Store) unlock() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

func (s *Store) connect(ctx context.Context, scripts []string) error {
	if !s.options.Beside { // a server in this very process has the file open
		if err := touch(s.path); err != nil {
			return err
		}
	}
	first, err := s.prepareFile(ctx, scripts)
	if err != nil {
		return err
	}
	var conns []*conn
	for range max(minReaders, 2*runtime.GOMAXPROCS(0)) {
		c, err := dial(ctx, s.path, readerCache, memoryTemp, readOnly)
		if err != nil {
			for _, c := range append(conns, first) {
				err = errors.Join(err, c.close())
			}
			return err
		}
		conns = append(conns, c)
	}
	s.readers = newReaders(conns)
	s.writer = newWriter(first, func() (*conn, error) { return s.dialWriter(context.Background()) }, newDrainer(s.path+"-wal", s.readers), s.options.OnCommit)
	go s.writer.run()
	return nil
}

// touch creates the file if it is not there, and finds out what SQLite would not tell. It must not be called while the
// process has the database open: closing any descriptor of a file drops all the process's locks on it.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator chooses the file
	if err != nil {
		return err
	}
	return f.Close()
}

// prepareFile checks whose file it is, brings its schema up to date and returns the writer's connection.
func (s *Store) prepareFile(ctx context.Context, scripts []string) (*conn, error) {
	probe, err := dial(ctx, s.path)
	if err != nil {
		return nil, err
	}
	version, err := recognise(probe, s.path, len(scripts))
	if err := errors.Join(err, probe.close()); err != nil {
		return nil, err
	}
	if s.options.Beside && version < len(scripts) {
		return nil, fmt.Errorf("%w: %s has schema version %d and this gsm needs %d: stop the server and run gsm db init, or use the gsm that serves it",
			ErrOlderSchema, s.path, version, len(scripts))
	}
	c, err := s.dialWriter(ctx)
	if err != nil {
		return nil, err
	}
	if err := migrate(c, version, scripts); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (s *Store) dialWriter(ctx context.Context) (*conn, error) {
	if s.options.ReadOnly {
		return dial(ctx, s.path, memoryTemp, readOnly)
	}
	c, err := dial(ctx, s.path, useLog, durable, checkpointEvery, logLimit, secureDelete, writerCache, memoryTemp)
	if err != nil {
		return nil, err
	}
	mode, err := c.row("PRAGMA journal_mode")
	if err == nil && mode != "wal" {
		err = errors.New("the file system does not support SQLite's write-ahead log: put the database on a local disk")
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Close implements [game.Store].
func (s *Store) Close() error {
	s.close.Do(func() {
		s.writer.close()
		s.readers.close()
		s.closed = s.unlock()
	})
	return s.closed
}
