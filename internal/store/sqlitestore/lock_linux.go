package sqlitestore

import (
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// setLock is fcntl's command for a lock of an open file.
const setLock = unix.F_OFD_SETLK

// mounted reports whether a path is where a file is mounted. Where the system does not tell, it is not.
func mounted(path string) bool {
	mounts, err := procfs.GetMounts()
	if err != nil {
		return false
	}
	for _, m := range mounts {
		if m.MountPoint == path {
			return true
		}
	}
	return false
}
