package sqlitestore

import (
	"slices"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// setLock is fcntl's command for a lock of an open file.
const setLock = unix.F_OFD_SETLK

// mounted reports whether a path is where a file is mounted. Where the system does not tell, it is not.
func mounted(path string) bool {
	mounts, err := procfs.GetMounts()
	return err == nil && slices.ContainsFunc(mounts, func(m *procfs.MountInfo) bool { return m.MountPoint == path })
}
