//go:build !linux

package sqlitestore

import "os"

// identity is what tells a file from all others while it is open.
type identity struct{ os.FileInfo }

func (i identity) same(other identity) bool { return os.SameFile(i.FileInfo, other.FileInfo) }

// statFile returns what file a path leads to and its size.
func statFile(path string) (identity, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}, 0, err
	}
	return identity{info}, info.Size(), nil
}
