// Package store opens the engine that a URL names. Only this package knows which engines exist; everything else is
// theirs.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"game-session-manager/internal/game"
	"game-session-manager/internal/store/mongostore"
	"game-session-manager/internal/store/sqlitestore"
)

// ErrUnknownScheme is returned for a URL whose scheme no engine handles.
var ErrUnknownScheme = errors.New("unknown kind of database")

// ErrBadURL is returned for a URL with a known scheme that is malformed, or that has a setting gsm does not allow.
var ErrBadURL = errors.New("bad database URL")

// Options configure an engine. The zero value is ready to use. An engine ignores the options that do not apply to it.
type Options struct {
	// Cache is the size of an embedded database's page cache in bytes; 0 selects the engine's default.
	Cache int64
	// Documents limits an embedded database's memory for decoded documents in bytes; with 0 there is none.
	Documents int64
	// OnCommit is called after each group commit of an embedded database, with the number of writes in it and its
	// duration.
	OnCommit func(size int, d time.Duration)
	// OnCommand is called after each command to a database server, with the context of the call that sent it.
	OnCommand func(context.Context, game.Command)
	// Wait is how long Open keeps trying to connect to a server that cannot be reached. 0 means one attempt.
	Wait time.Duration
	// OnWait is called after each failed attempt that is followed by another.
	OnWait func(cause error)
	// MustExist makes Open fail if the database does not exist, instead of creating it.
	MustExist bool
	// Beside opens a database that servers may be using, for tools. The database must exist and have the current
	// schema; Open does not change it.
	Beside bool
	// ReadOnly states that the caller will not write. It requires Beside.
	ReadOnly bool
}

// Open opens a store:
//
//	sqlite:gsm.db            a file in the working directory
//	sqlite:/var/lib/gsm.db   a file by its path; sqlite:///var/lib/gsm.db is the same
//	mongodb://host/gsm       a database of a MongoDB server; mongodb+srv:// too
//
// It returns [ErrUnknownScheme], [ErrBadURL], or an error of the engine: see [sqlitestore.Open] and [mongostore.Open].
// The context limits opening, not the life of the store.
func Open(ctx context.Context, rawURL string, o Options) (game.Store, error) {
	scheme, rest, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "sqlite":
		path, err := filePath(rest)
		if err != nil {
			return nil, err
		}
		s, err := sqlitestore.Open(ctx, path, sqlitestore.Options{
			Cache: o.Cache, Documents: o.Documents, OnCommit: o.OnCommit, MustExist: o.MustExist, Beside: o.Beside,
			ReadOnly: o.ReadOnly,
		})
		if err != nil {
			return nil, err
		}
		return s, nil
	case "mongodb", "mongodb+srv":
		s, err := mongostore.Open(ctx, rawURL, mongostore.Options{
			Wait: o.Wait, OnWait: o.OnWait, OnCommand: o.OnCommand, MustExist: o.MustExist, Beside: o.Beside,
		})
		if errors.Is(err, mongostore.ErrBadURL) {
			return nil, fmt.Errorf("%w: %w", ErrBadURL, err)
		}
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return nil, errUnknown()
}

// Engine returns the name of the engine for a URL, sqlite or mongodb, or "" if the scheme is unknown.
func Engine(rawURL string) string {
	switch scheme, _, _ := strings.Cut(rawURL, ":"); scheme {
	case "sqlite":
		return "sqlite"
	case "mongodb", "mongodb+srv":
		return "mongodb"
	}
	return ""
}

// Sole reports whether at most one server at a time can use the database of the URL.
func Sole(rawURL string) bool { return Engine(rawURL) == "sqlite" }

// filePath returns the path that follows "sqlite:" in a URL. It is used literally: escapes are not decoded.
func filePath(rest string) (string, error) {
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(after, "/") {
			return "", fmt.Errorf("%w: sqlite:// is followed by an absolute path, as in sqlite:///var/lib/gsm.db; "+
				"write sqlite:gsm.db for a file in the working directory", ErrBadURL)
		}
		rest = after
	}
	if rest == "" || strings.HasSuffix(rest, "/") {
		return "", fmt.Errorf("%w: sqlite: is followed by the path of a file, as in sqlite:gsm.db", ErrBadURL)
	}
	if strings.HasPrefix(rest, ":") || strings.Contains(rest, "?") {
		return "", fmt.Errorf("%w: sqlite: is followed by the path of a file and no more, as in sqlite:gsm.db: there "+
			"are no options after a ? and no databases in memory", ErrBadURL)
	}
	return rest, nil
}

// ErrNoBackup is returned for a database server, which has backup tools of its own.
var ErrNoBackup = errors.New("gsm db backup supports embedded databases only")

// Backup writes a consistent snapshot of an embedded database to a new file, also while a server is using the
// database. It returns the size of the file in bytes: see [sqlitestore.Backup]. For database servers it returns
// [ErrNoBackup].
func Backup(ctx context.Context, rawURL, file string) (int64, error) {
	scheme, rest, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "sqlite":
		path, err := filePath(rest)
		if err != nil {
			return 0, err
		}
		return sqlitestore.Backup(ctx, path, file)
	case "mongodb", "mongodb+srv":
		return 0, fmt.Errorf("%w: use mongodump, or the snapshots of your provider", ErrNoBackup)
	}
	return 0, errUnknown()
}

// Same reports whether two URLs certainly name the same database. If it returns false, they may still do so, such as
// by two names of one host.
func Same(a, b string) bool {
	schemeA, restA, _ := strings.Cut(a, ":")
	schemeB, restB, _ := strings.Cut(b, ":")
	if schemeA != "sqlite" || schemeB != "sqlite" {
		return a == b
	}
	pathA, errA := filePath(restA)
	pathB, errB := filePath(restB)
	return errA == nil && errB == nil && sqlitestore.Same(pathA, pathB)
}

// errUnknown does not repeat the URL, which may contain a password.
func errUnknown() error {
	return fmt.Errorf("%w: the URL must begin with sqlite:, as in sqlite:gsm.db, or with mongodb:, as in "+
		"mongodb://localhost:27017/gsm", ErrUnknownScheme)
}
