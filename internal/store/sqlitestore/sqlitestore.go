// Package sqlitestore is the embedded engine: one SQLite file, no server.
//
// The package owns the file, its schema and its locks, the mapping of documents to rows, and the order of writes. A
// single goroutine executes all mutations and commits those that are waiting in one transaction (writer.go), so that an
// acknowledged write is on disk and waiting writers share a disk flush. Reads run concurrently on their own connections
// (readers.go). Other programs may read and write the file at the same time under SQLite's locking, but a second Store
// may not.
//
// All rules are in package game: this package does not validate, has no clock and does not retry conflicts.
package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"game-session-manager/internal/game"
)

// Settings of connections. The benchmarks measure the sizes.
const (
	busyTimeout = "5000" // milliseconds to wait for another program's lock
	minReaders  = 4
	maxLinks    = 40 // from one file name to another, as Linux has it

	useLog          = "journal_mode = WAL"        // readers and the writer do not wait for each other
	durable         = "synchronous = FULL"        // a commit is on the disk when it returns
	checkpointEvery = "wal_autocheckpoint = 4000" // pages of 4 KiB: 16 MB of log
	// In bytes, like logBound: SQLite truncates a longer log to this size when it restarts the log.
	logLimit = "journal_size_limit = 33554432"
	// Deleted content is overwritten. Copies left by earlier rearrangements of a page may remain until a VACUUM.
	secureDelete = "secure_delete = ON"
	memoryTemp   = "temp_store = MEMORY" // no temporary files, for read-only systems

	readOnly = "query_only = ON" // not mode=ro, which could not recover the log after a crash
)

// Memory for pages of the file, outside Go's heap. Mapping the file would be faster, but a read error of the disk would
// then kill the process instead of failing the call.
const (
	// DefaultCache is the default of [Options.Cache], in bytes.
	DefaultCache = 8 << 20
	// A page has 4 KiB. With SQLite's bookkeeping, the allocator rounds it up to the next power of two.
	pageMemory = 8 << 10
	leastPages = 16
)

// Options configure a Store. The zero value is valid.
type Options struct {
	// Cache limits the memory for pages of the file, in bytes. The writer uses half of it, and the readers share the
	// rest. Readers discard their pages after each write, so a large cache helps only databases that rarely change.
	Cache int64
	// Documents limits the memory for decoded documents, in bytes. With 0 there is none, and beside a server neither.
	Documents int64
	// OnCommit is called after each group commit with the number of its writes and its duration. The writing goroutine
	// calls it and waits for it to return.
	OnCommit func(size int, d time.Duration)
	// MustExist makes Open return [ErrMissing] instead of creating a file.
	MustExist bool
	// Beside is for tools that open the file while a server uses it. Open then does not take the lock that excludes a
	// second server. The file must exist and have the newest schema.
	Beside bool
	// ReadOnly makes every write fail. It is used with Beside.
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
	sizes   searchSizes
	rows    *liveRows
	memory  *memory
	close   sync.Once
	closed  error // returned by Close
}

var _ game.Store = (*Store)(nil)

// Open opens the file, creates it if it does not exist, and migrates its schema to the newest version. It returns
// [ErrLocked], [ErrSeveralNames], [ErrForeignFile], [ErrNewerSchema], [ErrDiskFull] or another error, each with a
// sentence that tells the operator what to do. With MustExist or Beside it can also return [ErrMissing], and with
// Beside [ErrOlderSchema]. The context limits only the call of Open.
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
	s := &Store{
		path: path, options: o, version: len(scripts), codec: newCodec(), sizes: usualSizes(), file: &file{path: path},
		rows: newLiveRows(debug.SetMemoryLimit(-1)), memory: newMemory(o.Documents, debug.SetMemoryLimit(-1)),
	}
	if o.Beside {
		s.memory.limit = 0
	}
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

// resolve follows the symbolic links of a path, so that all paths to a file lead to the same lock. The file need not
// exist. With an error, resolve returns the path that caused it.
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
	s.writer = newWriter(first, s.file, s.redial)
	s.writer.log, s.writer.onCommit = newDrainer(s.file, s.readers), s.options.OnCommit
	s.writer.rows, s.writer.memory = s.rows, s.memory
	s.memory.ask = s.writer.askOthers
	if s.writer.others, err = first.integer(dataVersion); err != nil {
		return errors.Join(err, closeAll(append(conns, first)))
	}
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
	err = migrate(c, version, scripts)
	if err == nil && !s.options.Beside && len(scripts) >= epochVersion {
		_, err = c.exec(beginEpoch)
	}
	if err == nil {
		err = s.watch(c) // not before: a migration may change every document
	}
	if err != nil {
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

// watch has the connection tell the memory what it changes.
func (s *Store) watch(c *conn) error {
	if !s.memory.on() {
		return nil
	}
	return c.watch()
}

// redial returns a connection for the writer in place of one that failed.
func (s *Store) redial() (*conn, error) {
	c, err := s.dialWriter(context.Background())
	if err != nil {
		return nil, err
	}
	if err := s.watch(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Close implements [game.Store]. It returns [ErrLost] if files were missing.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.rows.stop()
		s.memory.close()
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
