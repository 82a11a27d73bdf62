//go:build linux || darwin

package sqlitestore

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile opens the file, makes it if it is not there, and takes the lock that lasts as long as the descriptor is
// open. It is the file's and not the process's, and nothing drops it when SQLite closes a descriptor of its own.
//
// The caller must close the file after all connections: closing any descriptor drops SQLite's locks, which are the
// process's. For the same reason one that is refused stays open: a Store of this very process may be what has the lock.
func lockFile(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	one := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Start: lockByte, Len: 1}
	err = unix.FcntlFlock(uintptr(fd), setLock, &one)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return nil, locked(path)
	case err != nil:
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// links returns how many names a file has.
func links(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink) //nolint:unconvert // another type on other systems
	}
	return 1
}
