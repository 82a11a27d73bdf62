// Package sqlitestore is the embedded engine: one SQLite file, no server.
//
// It owns the file, its schema and its locks, how documents become rows, and the order of writes. One goroutine makes
// all mutations, as many as wait in one transaction (writer.go), so that an acknowledged write is on the disk and a
// disk flush is shared by all who wait for it; reads go beside it on connections of their own (readers.go). Another
// program may read and write the file at the same time by SQLite's own locking, but not a second Store.
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

	"game-session-manager/internal/game"
)

// How connections are set up. The sizes are measured: see the benchmarks.
const (
	busyTimeout = "5000" // milliseconds to wait for another program's lock
	minReaders  = 4
	maxLinks    = 40 // from one file name to another, as Linux has it

	useLog          = "journal_mode = WAL"        // readers and the writer do not wait for each other
	durable         = "synchronous = FULL"        // a commit is on the disk when it returns
	checkpointEvery = "wal_autocheckpoint = 4000" // pages of 4 KiB: 16 MB of log
	// bytes, as logBound: what a longer log is cut to when it begins anew
	logLimit = "journal_size_limit = 33554432"
	// What is erased is overwritten. Copies from when SQLite rearranged a page may stay in it until a VACUUM.
	secureDelete = "secure_delete = ON"
	memoryTemp   = "temp_store = MEMORY" // no temporary files, for read-only systems

	readOnly = "query_only = ON" // not mode=ro, which could not recover the log after a crash
)

// Memory for pages of the file. It is outside of Go's heap. The file is not mapped, which would be faster: a disk that
// fails to read would end the process instead of the call.
const (
	// DefaultCache is what a Store takes, in bytes, if it is not told otherwise.
	DefaultCache = 32 << 20
	// A page has 4 KiB, and what SQLite keeps with it makes the allocator give it the next power of two.
	pageMemory = 8 << 10
	leastPages = 16
)

// Options of a Store. The zero value is good.
type Options struct {
	// Cache is how much memory pages of the file may take, in bytes: half of it is the writer's, and the readers share
	// the rest. A reader forgets what it has when something was written, so that a large cache pays only where nothing
	// is.
	Cache int64
	// OnCommit is called after each group commit with the number of writes in it and the time that it took. It is
	// called by the one goroutine that writes, which waits for it.
	OnCommit func(size int, d time.Duration)
	// MustExist refuses a file that is not there, instead of making one.
	MustExist bool
	// Beside opens the file beside the gsm that serves it, for tools: without the lock that keeps a second server out.
	// The file must be there and its schema be the newest.
	Beside bool
	// ReadOnly fails every write. It goes with Beside.
	ReadOnly bool
}

// Store is a [game.Store] in an SQLite file.
type Store struct {
	path    string
	options Options
	version int // of the schema
	file    *file
	writer  *writer
	readers *readers
	codec   codec
	close   sync.Once
	closed  error // what Close answered
}

var _ game.Store = (*Store)(nil)

// Open opens the file, creates it if it is not there, and brings its schema up to date. It answers [ErrLocked],
// [ErrSeveralNames], [ErrForeignFile], [ErrNewerSchema], [ErrDiskFull], or what else is wrong, in a sentence for the
// operator; with options that ask for a file as it is, [ErrMissing] and [ErrOlderSchema] too. The context bounds
// opening only.
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
	if err := single(path); err != nil {
		return nil, explain(err, path)
	}
	s := &Store{path: path, options: o, version: len(scripts), codec: newCodec(), file: &file{path: path}}
	if !o.Beside {
		if s.file.held, err = lockFile(path); err != nil {
			return nil, explain(err, path)
		}
	}
	if err := s.connect(ctx, scripts); err != nil {
		return nil, errors.Join(explain(err, path), s.release())
	}
	return s, nil
}

func exists(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w at %s: check the path, or create an empty one with gsm db init", ErrMissing, path)
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

// lockByte is the one of the file that is locked. It is in the page that SQLite leaves empty for the bytes that it
// locks itself, the first 512 of it: https://www.sqlite.org/fileformat2.html#the_lock_byte_page. So the lock keeps out
// other Stores, by whatever name they find the file, and no other programs.
const lockByte = 0x40000000 + 1024

func locked(path string) error {
	return fmt.Errorf("%w: another gsm is serving %s: stop it first, or choose another file", ErrLocked, path)
}

// release gives up the lock. What Open made of nothing and could not use stays: it is empty.
func (s *Store) release() error {
	if s.file.held == nil {
		return nil
	}
	return s.file.held.Close()
}

func (s *Store) connect(ctx context.Context, scripts []string) error {
	first, err := s.prepareFile(ctx, scripts)
	if err != nil {
		return err
	}
	var conns []*conn
	for range readerCount() {
		c, err := s.dialReader(ctx)
		if err != nil {
			return errors.Join(err, closeAll(append(conns, first)))
		}
		conns = append(conns, c)
	}
	if !s.options.ReadOnly {
		if err := s.file.watch(); err != nil {
			return errors.Join(err, closeAll(append(conns, first)))
		}
	}
	s.readers = newReaders(conns)
	s.writer = newWriter(first, s.file, func() (*conn, error) { return s.dialWriter(context.Background()) })
	s.writer.log, s.writer.onCommit = newDrainer(s.file, s.readers), s.options.OnCommit
	go s.writer.run()
	return nil
}

func closeAll(conns []*conn) error {
	var failures []error
	for _, c := range conns {
		failures = append(failures, c.close())
	}
	return errors.Join(failures...)
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
		return nil,
			fmt.Errorf("%w: %s has schema version %d and this gsm needs %d: stop the server and run gsm db init, or "+
				"use "+
				"the gsm that serves it",
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

func readerCount() int { return max(minReaders, 2*runtime.GOMAXPROCS(0)) }

// cacheSize is the pragma that gives each of n connections its part of half of the memory.
func (s *Store) cacheSize(n int) string {
	cache := s.options.Cache
	if cache == 0 {
		cache = DefaultCache
	}
	return fmt.Sprintf("cache_size = %d", max(leastPages, cache/2/int64(n)/pageMemory))
}

// dialReader returns a connection that has opened the log: one that has not read yet would take what it finds later.
func (s *Store) dialReader(ctx context.Context) (*conn, error) {
	c, err := dial(ctx, s.path, s.cacheSize(readerCount()), memoryTemp, readOnly)
	if err != nil {
		return nil, err
	}
	if _, err := c.integer(schemaVersion); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (s *Store) dialWriter(ctx context.Context) (*conn, error) {
	if s.options.ReadOnly {
		return dial(ctx, s.path, s.cacheSize(1), memoryTemp, readOnly)
	}
	c, err := dial(ctx, s.path, useLog, durable, checkpointEvery, logLimit, secureDelete, s.cacheSize(1), memoryTemp)
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

// Close implements [game.Store]. It returns [ErrLost] if files were missing.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.writer.close()
		if s.file.cutLog() {
			s.readers.stop()
			s.closed = s.file.gone() // with everything open, see cutLog
			return
		}
		s.readers.close()
		s.closed = errors.Join(s.file.gone(), s.release())
	})
	return s.closed
}
