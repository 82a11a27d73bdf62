package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// file is the database as a program finds it by its path: the file, the log beside it and the log's index. SQLite
// keeps them open and so does not notice when somebody removes or replaces them, or cuts them off: it goes on with
// files that nobody finds any more, and what it acknowledges is gone with the process. So whoever writes looks first,
// and again before the write is acknowledged.
type file struct {
	path string
	held *os.File // carries the lock; nil beside a server

	mu      sync.Mutex
	watched bool // not where nothing is written: a backup that is only read has no log
	parts   [3]part
	lost    error // what was found missing once, and stays so
	torn    bool  // whether the log was cut off
}

// part is one of the files. None of them is ever another one while a connection is open.
type part struct {
	name  string // in messages
	path  string
	known identity
	size  int64 // at least; of the index, which is not looked at, 0
}

// Parts of a file.
const (
	database = iota
	log
	index
)

// errShrunk says that a part is smaller than it was, which other programs may have made it.
var errShrunk = errors.New("is smaller than it was")

// watch begins to look at the files, all of which are there once a connection has read.
func (f *file) watch() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts = [3]part{
		{name: "the file", path: f.path},
		{name: "the log", path: f.path + "-wal"},
		{name: "the log's index", path: f.path + "-shm"},
	}
	for i := range f.parts {
		known, _, err := statFile(f.parts[i].path)
		if err != nil {
			return err
		}
		f.parts[i].known = known
	}
	f.watched = true
	if f.held == nil {
		return nil
	}
	held, err := f.held.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(f.path)
	if err == nil && !os.SameFile(held, found) { // the lock is on another one
		err = f.miss("was replaced", database)
	}
	return err
}

// look returns [ErrLost] if the files are not those that the connections have open, and errShrunk if one of them is
// smaller than it was: whoever can tell why calls judge. Without an error, it takes a few microseconds.
func (f *file) look() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost != nil || !f.watched {
		return f.lost
	}
	for i := range f.parts {
		p := &f.parts[i]
		found, size, err := statFile(p.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return f.miss("was removed", i)
		case err != nil:
			return err // may be over in a moment
		case !found.same(p.known):
			return f.miss("was replaced", i)
		case i == index:
		case size < p.size:
			return fmt.Errorf("%s: %s %w", filepath.Base(f.path), p.name, errShrunk)
		default:
			p.size = size
		}
	}
	return nil
}

// watching reports whether the files are looked at.
func (f *file) watching() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.watched
}

// shrunk accepts that a part has become smaller without losing content.
func (f *file) shrunk(i int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts[i].size = 0
}

// size returns how large a part is.
func (f *file) size(i int) int64 { return size(f.parts[i].path) }

// smaller reports whether a part is smaller than it was.
func (f *file) smaller(i int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size(i) < f.parts[i].size
}

// cut says that a part was cut off.
func (f *file) cut(i int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.torn = f.torn || i == log
	return f.miss("was truncated", i)
}

func (f *file) miss(what string, i int) error {
	if f.lost == nil {
		f.lost = fmt.Errorf("%w: %s of %s %s while in use, and nothing more is written: stop gsm, restore the "+
			"files or a backup, and start it again", ErrLost, f.parts[i].name, filepath.Base(f.path), what)
	}
	return f.lost
}

// gone returns what is missing, nil for nothing.
func (f *file) gone() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

// cutLog reports whether the log was cut off. What is left of it fits the file as it is; a connection that is closed
// would copy some of it into the file.
func (f *file) cutLog() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.torn
}

// single refuses a file that has other names, or that is mounted by itself. By another name, or in another container,
// SQLite would look for the log in another place: what one program has acknowledged is not there for the next one, and
// is written over it later.
func single(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if n := links(info); n > 1 {
		return fmt.Errorf("%w: %s has %d names (hard links), and each would have a log of its own: remove the others "+
			"(find / -xdev -samefile %s), and copy it with gsm db backup", ErrSeveralNames, path, n, path)
	}
	if mounted(path) {
		return fmt.Errorf("%w: %s is mounted by itself, and its log beside it would be lost with the container: "+
			"mount the directory that it is in", ErrSeveralNames, path)
	}
	return nil
}
